package pages

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestWalk walks random lists forth by `after` and back by `before`: each page
// set gives the sorted union, each object once, whether cursors are remembered
// or not.
func TestWalk(t *testing.T) {
	for seed := range uint64(100) {
		r := rand.New(rand.NewPCG(seed, 7))
		backends := randomBackends(r, 1+r.IntN(4), []int{3, 30, 250}[r.IntN(3)])
		for _, b := range backends {
			b.ignoreLimit = r.IntN(8) == 0
			b.ignoreAfter = b.ignoreLimit && r.IntN(2) == 0
			b.noHasMore = r.IntN(4) == 0
			b.lies = r.IntN(8) == 0
		}
		order := []string{Ascending, Descending}[r.IntN(2)]
		t.Run(fmt.Sprintf("%d-%s", seed, order), func(t *testing.T) {
			walkBoth(t, r, order, backends)
		})
	}
}

func walkBoth(t *testing.T, r *rand.Rand, order string, backends []*backend) {
	m := New()
	forget := r.IntN(3)
	step := func(q Query) answer {
		switch {
		case forget == 1 && r.IntN(4) == 0, forget == 2:
			m = New()
		}
		q.Order, q.Ordered, q.Limited, q.Limit = order, true, true, 1+r.IntN([]int{3, 25, 100}[r.IntN(3)])
		a := merge(t, m, listOf(q, backends...))
		if len(a.ids) > q.Limit || a.HasMore && len(a.ids) < q.Limit {
			t.Fatalf("%d objects of %d, has_more %v", len(a.ids), q.Limit, a.HasMore)
		}
		return a
	}
	want := union(order, backends...)
	var got []string
	a := step(Query{})
	for got = a.ids; a.HasMore; got = append(got, a.ids...) {
		a = step(Query{After: *a.LastID})
		if len(a.ids) == 0 || len(got) > len(want) {
			break // a backend lied, or we did
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Fatalf("forth (-want +got):\n%s", diff)
	}
	if len(want) == 0 {
		return
	}
	last := want[len(want)-1]
	got = []string{last}
	for before := last; ; before = *a.FirstID {
		if a = step(Query{Before: before}); len(a.ids) == 0 {
			break
		}
		got = append(slices.Clone(a.ids), got...)
		if !a.HasMore || len(got) > len(want) {
			break
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Fatalf("back (-want +got):\n%s", diff)
	}
	// From the middle of a page, too.
	i := r.IntN(len(want))
	a = step(Query{After: want[i]})
	if diff := cmp.Diff(want[i+1:min(len(want), i+1+len(a.ids))], a.ids); diff != "" && len(a.ids)+i+1 < len(want) {
		t.Fatalf("from the middle (-want +got):\n%s", diff)
	}
}

// TestFetches counts what a walk costs: one call to each backend a page, and
// back as well.
func TestFetches(t *testing.T) {
	var backends []*backend
	for i := range 3 {
		b := &backend{name: fmt.Sprintf("b%d", i)}
		for k := range 300 {
			b.objects = append(b.objects, object{fmt.Sprintf("file-%d-%04d", i, k), int64(1000 + 3*k + i)})
		}
		backends = append(backends, b)
	}
	m := New()
	fetches := func() (n int) {
		for _, b := range backends {
			n += b.fetches
			b.fetches = 0
		}
		return n
	}
	q := Query{Limited: true, Limit: 20, Order: Descending, Ordered: true}
	var a answer
	for page := range 10 {
		a = merge(t, m, listOf(q, backends...))
		if n := fetches(); n != 3 {
			t.Errorf("page %d: %d calls", page, n)
		}
		q.After = *a.LastID
	}
	q.After = ""
	for page := range 9 {
		q.Before = *a.FirstID
		a = merge(t, m, listOf(q, backends...))
		if n := fetches(); n != 3 {
			t.Errorf("page %d back: %d calls", page, n)
		}
	}
	if want := union(Descending, backends...)[:20]; !slices.Equal(a.ids, want) {
		t.Errorf("back at %v, want %v", a.ids, want)
	}
}
