package pages

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"weir/internal/fault"
)

func paged(limit int) Query {
	return Query{Limited: true, Limit: limit, Order: Descending, Ordered: true}
}

func seq(prefix string, first, n int) (objects []object) {
	for i := range n {
		objects = append(objects, object{fmt.Sprintf("%s-%04d", prefix, i), int64(first + i)})
	}
	return objects
}

func wantIDs(t *testing.T, a answer, want ...string) {
	t.Helper()
	if diff := cmp.Diff(want, a.ids); diff != "" {
		t.Errorf("ids (-want +got):\n%s", diff)
	}
}

func wantFault(t *testing.T, err error, kind fault.Kind, param string) {
	t.Helper()
	var f *fault.Error
	if !errors.As(err, &f) || f.Kind != kind || f.Param != param {
		t.Errorf("error %v (%+v), want kind %v, param %q", err, f, kind, param)
	}
}

func TestEmpty(t *testing.T) {
	body, err := New().Merge(context.Background(), listOf(paged(20), &backend{name: "a"}, &backend{name: "b"}))
	if err != nil {
		t.Fatal(err)
	}
	want := `{"object":"list","data":[],"x_backend":"a","has_more":false,"first_id":null,"last_id":null}`
	if string(body) != want {
		t.Errorf("%s\nwant %s", body, want)
	}
}

func TestItemsPassByteForByte(t *testing.T) {
	items := []string{
		`{ "id":"file-3","created_at":3, "n":1.50e+2, "s":"<a>&\u00e9` + "\u2028" + `" }`,
		"{\"id\":\"file-2\",\n\t\"created_at\":2,\"created_at\":2}",
		`{"created_at":1.9,"id":"file-1","deep":[[{}]]}`,
	}
	l := List{Query: paged(20), Sources: []Source{{Backend: "a", Fetch: func(context.Context, Ask) (Page, error) {
		return ParsePage([]byte("{\"data\" : [ "+strings.Join(items, " , ")+" ], \"first_id\":\"x\", \"has_more\":false, \"object\":\"list\", \"<n>\": 1.0}"), "")
	}}}}
	body, err := New().Merge(context.Background(), l)
	if err != nil {
		t.Fatal(err)
	}
	want := `{"data":[` + strings.Join(items, ",") + `],"first_id":"file-3","has_more":false,"object":"list","\u003cn\u003e":1.0,"last_id":"file-1"}`
	if string(body) != want {
		t.Errorf("%s\nwant %s", body, want)
	}
}

func TestUnpaged(t *testing.T) {
	a := &backend{name: "a", objects: seq("a", 100, 150), noHasMore: true}
	b := &backend{name: "b", objects: seq("b", 50, 150), noHasMore: true}
	body, err := New().Merge(context.Background(), listOf(Query{Order: Descending}, a, b))
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range []string{"has_more", "first_id", "last_id"} {
		if strings.Contains(string(body), m) {
			t.Errorf("%s in a list without paging", m)
		}
	}
	if want := union(Descending, a, b); !strings.Contains(string(body), want[299]) {
		t.Errorf("the last object is missing")
	}
}

func TestUnpagedReadsOn(t *testing.T) {
	b := &backend{name: "b", objects: seq("b", 50, 250)}
	l := listOf(Query{Order: Descending}, b)
	fetch := l.Sources[0].Fetch
	l.Sources[0].Fetch = func(ctx context.Context, ask Ask) (Page, error) {
		ask.Limit = 100 // what the backend does without a limit
		return fetch(ctx, ask)
	}
	if a := merge(t, New(), l); len(a.ids) != 250 {
		t.Errorf("%d objects of 250", len(a.ids))
	}
	b.objects = seq("b", 50, maxScan+101)
	_, err := New().Merge(context.Background(), l)
	wantFault(t, err, fault.BadGateway, "")
}

func TestUndated(t *testing.T) {
	a := &backend{name: "a", objects: []object{{id: "z"}, {id: "y"}, {id: "x"}}}
	b := &backend{name: "b"}
	c := &backend{name: "c", objects: []object{{id: "c"}, {id: "b"}, {id: "a"}}}
	want := []string{"z", "y", "x", "c", "b", "a"}
	for _, forget := range []bool{false, true} {
		m := New()
		q := paged(2)
		q.Order = Ascending
		var got []string
		for {
			a := merge(t, m, listOf(q, a, b, c))
			got = append(got, a.ids...)
			if !a.HasMore {
				break
			}
			q.After = *a.LastID
			if forget {
				m = New()
			}
		}
		if !slices.Equal(got, want) {
			t.Errorf("forget %v: %v", forget, got)
		}
		q.After, q.Before = "", "a"
		got = []string{"a"}
		for {
			a := merge(t, m, listOf(q, a, b, c))
			got = append(slices.Clone(a.ids), got...)
			if !a.HasMore {
				break
			}
			q.Before = *a.FirstID
			if forget {
				m = New()
			}
		}
		if !slices.Equal(got, want) {
			t.Errorf("forget %v, back: %v", forget, got)
		}
	}
}

// TestMixedDates: objects without a date stay beside their neighbours.
func TestMixedDates(t *testing.T) {
	a := &backend{name: "a", objects: []object{{id: "a0"}, {"a1", 10}, {id: "a2"}, {"a3", 30}}}
	b := &backend{name: "b", objects: []object{{"b1", 20}, {"b2", 40}}}
	q := paged(10)
	q.Order = Ascending
	wantIDs(t, merge(t, New(), listOf(q, a, b)), "a0", "a1", "a2", "b1", "a3", "b2")
}

// TestDuplicates: one resource behind two names.
func TestDuplicates(t *testing.T) {
	a := &backend{name: "a", objects: seq("x", 100, 7)}
	b := &backend{name: "b", objects: seq("x", 100, 7)}
	m := New()
	q := paged(5)
	first := merge(t, m, listOf(q, a, b))
	wantIDs(t, first, "x-0006", "x-0005", "x-0004", "x-0003", "x-0002")
	q.After = "x-0002"
	second := merge(t, m, listOf(q, a, b))
	wantIDs(t, second, "x-0001", "x-0000")
	if !first.HasMore || second.HasMore {
		t.Errorf("has_more %v, %v", first.HasMore, second.HasMore)
	}
}

func TestDuplicatesEndTheList(t *testing.T) {
	a := &backend{name: "a", objects: seq("x", 100, 5)}
	b := &backend{name: "b", objects: seq("x", 100, 5)}
	if got := merge(t, New(), listOf(paged(5), a, b)); got.HasMore || len(got.ids) != 5 {
		t.Errorf("%v, has_more %v", got.ids, got.HasMore)
	}
}

func TestDeletedCursor(t *testing.T) {
	a := &backend{name: "a", objects: seq("a", 100, 50)}
	b := &backend{name: "b", objects: seq("b", 100, 50)}
	m := New()
	q := paged(11)
	q.After = *merge(t, m, listOf(q, a, b)).LastID
	want := union(Descending, a, b)[12:23] // without a-0044, which goes too
	for _, x := range []*backend{a, b} {   // all that was given, and with it every cursor
		x.objects = slices.DeleteFunc(x.objects, func(o object) bool { return o.created >= 144 })
	}
	if q.After != "b-0044" {
		t.Fatalf("the page ends with %s", q.After)
	}
	wantIDs(t, merge(t, m, listOf(q, a, b)), want...)
	// Nobody remembers it any more.
	_, err := New().Merge(context.Background(), listOf(q, a, b))
	wantFault(t, err, fault.BadRequest, "after")
}

func TestCreatedBetweenPages(t *testing.T) {
	a := &backend{name: "a", objects: seq("a", 100, 10)}
	b := &backend{name: "b", objects: seq("b", 100, 10)}
	m := New()
	q := paged(6)
	q.After = *merge(t, m, listOf(q, a, b)).LastID
	want := union(Descending, a, b)[6:12]
	a.objects = append(a.objects, object{"new", 999})
	wantIDs(t, merge(t, m, listOf(q, a, b)), want...)
}

func TestUnknownCursor(t *testing.T) {
	a := &backend{name: "a", objects: seq("a", 100, 10)}
	for _, q := range []Query{{After: "nothing"}, {Before: "nothing"}} {
		q.Limited, q.Limit, q.Ordered = true, 5, true
		_, err := New().Merge(context.Background(), listOf(q, a))
		wantFault(t, err, fault.BadRequest, q.cursorParam())
		l := listOf(q, a)
		l.Item = nil
		_, err = New().Merge(context.Background(), l)
		wantFault(t, err, fault.BadRequest, q.cursorParam())
	}
}

// TestOwner: the owner that is known is asked first; one that is no backend any
// more, or does not have it, does no harm.
func TestOwner(t *testing.T) {
	a := &backend{name: "a", objects: seq("a", 100, 5)}
	b := &backend{name: "b", objects: seq("b", 100, 5)}
	for _, c := range []struct{ owner, want string }{{"b", "b"}, {"gone", "a b"}, {"a", "a b"}, {"", "a b"}} {
		q := paged(3)
		q.After = "b-0003"
		l := listOf(q, a, b)
		l.Owner = func(string) (string, bool) { return c.owner, c.owner != "" }
		var mu sync.Mutex
		var asked []string
		item := l.Item
		l.Item = func(ctx context.Context, backend, id string) (int64, error) {
			mu.Lock()
			asked = append(asked, backend)
			mu.Unlock()
			return item(ctx, backend, id)
		}
		wantIDs(t, merge(t, New(), l), "a-0003", "b-0002", "a-0002")
		if slices.Sort(asked); strings.Join(asked, " ") != c.want {
			t.Errorf("owner %q: asked %v, want %s", c.owner, asked, c.want)
		}
	}
}

func TestFailingBackend(t *testing.T) {
	down := &fault.Error{Kind: fault.TooManyRequests, Message: "slow down"}
	a := &backend{name: "a", objects: seq("a", 100, 5)}
	b := &backend{name: "b", objects: seq("b", 100, 5), fail: down}
	m := New()
	l := listOf(paged(3), a, b)
	_, err := m.Merge(context.Background(), l)
	wantFault(t, err, fault.TooManyRequests, "")
	if !strings.Contains(err.Error(), "backend b") {
		t.Errorf("%v names no backend", err)
	}
	l.Partial = true
	wantIDs(t, merge(t, m, l), "a-0004", "a-0003", "a-0002")
	b.fail = nil
	l.Query.After = "a-0002"
	wantIDs(t, merge(t, m, l), "b-0001", "a-0001", "b-0000")
	a.fail, b.fail = down, down
	_, err = m.Merge(context.Background(), l)
	wantFault(t, err, fault.TooManyRequests, "")

	// One that cannot say whether it has the cursor.
	a.fail, b.fail = nil, nil
	l = listOf(Query{Limited: true, Limit: 3, After: "nothing"}, a, b)
	item := l.Item
	l.Item = func(ctx context.Context, backend, id string) (int64, error) {
		if backend == "b" {
			return 0, down
		}
		return item(ctx, backend, id)
	}
	_, err = New().Merge(context.Background(), l)
	wantFault(t, err, fault.TooManyRequests, "")
}

func TestCancelled(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	l := List{Query: paged(3), Partial: true}
	for _, name := range []string{"a", "b"} {
		l.Sources = append(l.Sources, Source{Backend: name, Fetch: func(ctx context.Context, _ Ask) (Page, error) {
			cancel()
			<-ctx.Done()
			return Page{}, ctx.Err()
		}})
	}
	if _, err := New().Merge(ctx, l); !errors.Is(err, context.Canceled) {
		t.Errorf("error %v", err)
	}
}

func TestTooDeep(t *testing.T) {
	a := &backend{name: "a", objects: seq("a", 100, maxScan+500)}
	b := &backend{name: "b", objects: seq("b", 1, 1)}
	q := paged(20)
	q.After = "b-0000"
	_, err := New().Merge(context.Background(), listOf(q, a, b))
	wantFault(t, err, fault.BadRequest, "after")
	if a.fetches > maxScan/scanLimit+2 {
		t.Errorf("%d calls", a.fetches)
	}
}

// TestEndlessBackend gives new objects of one second for ever.
func TestEndlessBackend(t *testing.T) {
	n := 0
	l := List{Query: paged(20), Sources: []Source{{Backend: "a", Fetch: func(_ context.Context, ask Ask) (Page, error) {
		var items []string
		for range ask.Limit {
			n++
			items = append(items, fmt.Sprintf(`{"id":"x-%d","created_at":1}`, n))
		}
		return ParsePage([]byte(`{"data":[`+strings.Join(items, ",")+`],"has_more":true}`), "")
	}}}}
	_, err := New().Merge(context.Background(), l)
	wantFault(t, err, fault.BadRequest, "after")
	if n > 2*maxScan {
		t.Errorf("%d objects read", n)
	}
}

func TestObjectsWithoutID(t *testing.T) {
	calls := 0
	l := List{Query: paged(5), Sources: []Source{{Backend: "a", Fetch: func(context.Context, Ask) (Page, error) {
		calls++
		return ParsePage([]byte(`{"data":[{"created_at":3},{"created_at":2},"text",null,[]],"has_more":true}`), "")
	}}}}
	a := merge(t, New(), l)
	if len(a.Data) != 5 || a.LastID != nil || a.HasMore || calls != 1 {
		t.Errorf("%d objects, %d calls, has_more %v", len(a.Data), calls, a.HasMore)
	}
}

// TestScopes: a place in one list is none in another, nor in the list turned round.
func TestScopes(t *testing.T) {
	a := &backend{name: "a", objects: seq("a", 100, 5)}
	m := New()
	merge(t, m, listOf(paged(2), a))
	if n := m.cursors.lru.Len(); n != 2 {
		t.Errorf("%d places of one page", n)
	}
	k := cursorKey{"GET /files", "a-0003", false}
	if !m.cursors.lru.Contains(k) {
		t.Error("the page's end is not remembered")
	}
	k.asc = true
	if m.cursors.lru.Contains(k) {
		t.Error("the page's end is a start as well")
	}
}

func TestConcurrentMerges(t *testing.T) {
	a := &backend{name: "a", objects: seq("a", 100, 90)}
	b := &backend{name: "b", objects: seq("b", 100, 90)}
	want := union(Descending, a, b)
	m := New()
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			q := paged(20)
			var got []string
			for more := true; more; {
				body, err := m.Merge(context.Background(), listOf(q, a, b))
				if err != nil {
					t.Error(err)
					return
				}
				page := read(t, body)
				got = append(got, page.ids...)
				q.After, more = *page.LastID, page.HasMore
			}
			if !slices.Equal(got, want) {
				t.Errorf("%v", got)
			}
		})
	}
	wg.Wait()
}
