package pages

import (
	"bytes"
	"context"
	"encoding/json"
	"strings"
	"testing"

	"weir/internal/fault"
)

func TestParseItem(t *testing.T) {
	for _, c := range []struct {
		raw, orderBy, id string
		created          int64
		dated            bool
	}{
		{`{"id":"x","created_at":5}`, "", "x", 5, true},
		{`{"created":4,"createdAt":5,"created_at":6,"id":"x"}`, "", "x", 6, true},
		{`{"created_at":6,"createdAt":5,"created":4,"id":"x"}`, "", "x", 6, true},
		{`{"created":4,"id":"x"}`, "", "x", 4, true},
		{`{"created_at":null,"created":4,"id":"x"}`, "", "x", 4, true},
		{`{"created_at":6,"updated_at":9,"id":"x"}`, "updated_at", "x", 9, true},
		{`{"created_at":6,"id":"x"}`, "updated_at", "x", 0, false},
		{`{"created_at":1.7e9,"id":"x"}`, "", "x", 1_700_000_000, true},
		{`{"created_at":"2026-03-01T00:00:00Z","id":"x"}`, "", "x", 1_772_323_200, true},
		{`{"created_at":"soon","id":7}`, "", "", 0, false},
		{`{"created_at":1e300,"id":null,"ID":"y"}`, "", "", 0, false},
		{`{"created_at":{},"id":{}}`, "", "", 0, false},
		{`"x"`, "", "", 0, false},
		{`null`, "", "", 0, false},
	} {
		got := parseItem(json.RawMessage(c.raw), c.orderBy)
		if got.ID != c.id || got.Created != c.created || got.Dated != c.dated {
			t.Errorf("%s by %q: id %q, date %d %v", c.raw, c.orderBy, got.ID, got.Created, got.Dated)
		}
	}
}

func TestParsePageErrors(t *testing.T) {
	for _, body := range []string{
		"", "null", "[]", "{}", "secret", `{"data":`, `{"data":{}}`, `{"data":null}x`, `{"data":[1,]}`, `{"Data":[]}`,
		`{"data":[],"data":[]}`, `{"object":"list"}`, `{"data":[]} {}`, `{"data":[secret]}`, `{"data":["\ud8zz"]}`,
		`{"data":` + strings.Repeat("[", 20_000),
	} {
		_, err := ParsePage([]byte(body), "")
		wantFault(t, err, fault.BadGateway, "")
		if err != nil && strings.Contains(err.Error(), "secret") {
			t.Errorf("%v quotes the body", err)
		}
	}
	if p, err := ParsePage([]byte(` {"data":null,"has_more":null} `), ""); err != nil || p.told || len(p.Items) != 0 {
		t.Errorf("null: %+v, %v", p, err)
	}
}

// FuzzPage reads hostile list bodies, and merges what can be read with itself
// and with a sound list: the result is JSON, and holds the objects as they came.
func FuzzPage(f *testing.F) {
	for _, body := range []string{
		`{"object":"list","data":[{"id":"a","created_at":2},{"id":"b","created_at":1}],"has_more":true,"first_id":"a","last_id":"b"}`,
		`{"data":[{"id":"a"},{"id":"a","created":1e3},{},null,"x",[1]],"has_more":"yes","object":null}`,
		`{"data":[{"id":"\u0000","created_at":-1},{"id":"","created_at":9223372036854775807}],"x":{"y":[]}}`,
		`{"data":[{"id":"a","id":"b","created_at":"2026-03-01T00:00:00Z","created_at":1}],"":0}`,
		"{\"data\":[{\"id\":\"\xff\",\"created_at\":1}],\"\xff\":1}",
		`{"data":[`, `{"data":{}}`, `[]`,
	} {
		f.Add([]byte(body), uint8(2))
	}
	f.Fuzz(func(t *testing.T, body []byte, limit uint8) {
		p, err := ParsePage(body, "")
		if err != nil {
			return
		}
		hostile := Source{Backend: "h", Fetch: func(context.Context, Ask) (Page, error) { return ParsePage(body, "") }}
		sound := &backend{name: "s", objects: seq("s", 1, 3)}
		l := listOf(Query{}, sound)
		l.Sources = append(l.Sources, hostile)
		all, err := New().Merge(context.Background(), List{Sources: []Source{hostile}})
		if err != nil || !json.Valid(all) {
			t.Fatalf("%v: %s", err, all)
		}
		ids := map[string]bool{"": false}
		for _, it := range p.Items {
			if ids[it.ID] {
				continue // it stood there already
			}
			ids[it.ID] = it.ID != ""
			if !bytes.Contains(all, it.Raw) {
				t.Errorf("%s is not in %s", it.Raw, all)
			}
		}
		m := New()
		l.Query = Query{Limited: true, Limit: int(limit%100) + 1, Ordered: true}
		for range 5 {
			page, err := m.Merge(context.Background(), l)
			if err != nil {
				return // a cursor that nobody knows
			}
			var a answer
			if err := json.Unmarshal(page, &a); err != nil || len(a.Data) > l.Query.Limit {
				t.Fatalf("%v: %s", err, page)
			}
			if a.LastID == nil {
				return
			}
			l.Query.After = *a.LastID
		}
	})
}

func BenchmarkMerge(b *testing.B) {
	one := &backend{name: "a", objects: seq("a", 100, 90)}
	two := &backend{name: "b", objects: seq("b", 100, 90)}
	l := listOf(paged(20), one, two)
	for i, back := range []*backend{one, two} {
		body, err := back.page(Ask{Limit: 21})
		if err != nil {
			b.Fatal(err)
		}
		l.Sources[i].Fetch = func(context.Context, Ask) (Page, error) { return ParsePage([]byte(body), "") }
	}
	m := New()
	b.ReportAllocs()
	for b.Loop() {
		if _, err := m.Merge(context.Background(), l); err != nil {
			b.Fatal(err)
		}
	}
}
