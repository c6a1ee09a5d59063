package lake

import (
	"context"
	"fmt"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"weir/internal/record"
	"weir/internal/sink"
	"weir/internal/sink/sinktest"
)

// of is the exchange that a gateway committed at 1/seq.
func of(gateway string, seq uint64) *record.Row {
	r := exchange(seq)
	copy(r.ID[:], gateway)
	r.Begin.Gateway = gateway
	return r
}

func batchOf(gateway string, from, to uint64) sink.Batch {
	b := sink.Batch{Watermark: pos(to), From: pos(to)}
	for s := from; s <= to; s++ {
		b.Rows = append(b.Rows, of(gateway, s))
	}
	return b
}

func part(t testing.TB, l *Lake, gateway string) *Part {
	t.Helper()
	p, err := l.Part(t.Context(), gateway)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func feed(t testing.TB, p *Part, from, to uint64) {
	t.Helper()
	if err := p.Write(t.Context(), batchOf(p.gateway, from, to)); err != nil {
		t.Fatal(err)
	}
}

// sees checks how many rows there are of each gateway, all different.
func sees(t testing.TB, l *Lake, want ...string) {
	t.Helper()
	got := ask(t, l, `SELECT "Gateway", count(*), count(DISTINCT "CorrelationId") FROM "WeirExchanges" GROUP BY 1 ORDER BY 1`)
	if d := cmp.Diff(want, got); d != "" {
		t.Fatalf("gateway|rows|ids (-want +got):\n%s", d)
	}
}

// TestPartConformance: a part that comes beside another is a store like any.
func TestPartConformance(t *testing.T) {
	sinktest.Run(t, func(t *testing.T, name string) sinktest.Target {
		l := open(t, never(filepath.Join(name, "store")))
		return sinktest.Target{Store: part(t, l, "other"), IDs: l.ids, Close: l.Close}
	})
}

// TestParts: gateways whose positions are the same keep their rows, files and
// cursors apart, and queries see all; what a gateway left that is not known is
// neither shown nor touched, and is there again when it is.
func TestParts(t *testing.T) {
	dir := t.TempDir()
	l := open(t, never(dir))
	feed(t, l.own, 1, 4)
	b := part(t, l, "b")
	feed(t, b, 1, 7)
	sees(t, l, "b|7|7", "weir|4|4")
	if err := b.Seal(t.Context()); err != nil {
		t.Fatal(err)
	}
	feed(t, b, 6, 9)
	sees(t, l, "b|9|9", "weir|4|4")
	if got, want := b.Cursor().Done, pos(7); got != want || l.Cursor().Done != (sink.Pos{}) {
		t.Errorf("the cursors are %v, want %v, and %v, want none", got, want, l.Cursor().Done)
	}
	want := []Holding{{Gateway: "weir", FreshRows: 4}, {Gateway: "b", FreshRows: 2, Files: 1, FileRows: 7}}
	for i, h := range l.Holdings() {
		if h.Gateway != want[i].Gateway || h.FreshRows != want[i].FreshRows || h.Files != want[i].Files || h.FileRows != want[i].FileRows {
			t.Errorf("it holds %+v, want %+v", h, want[i])
		}
	}
	seal(t, l)
	l.Close()

	l = open(t, never(dir))
	sees(t, l, "weir|4|4")
	feed(t, part(t, l, "b"), 7, 10)
	sees(t, l, "b|10|10", "weir|4|4")
	l.Close()

	o := never(dir)
	o.Others = []string{"b", "never seen"}
	l = open(t, o)
	sees(t, l, "b|7|7", "weir|4|4")
	l.Close()

	o.Gateway, o.ReadOnly = "b", true // as any gateway's store could show them
	o.Others = []string{"weir"}
	l = open(t, o)
	sees(t, l, "b|7|7", "weir|4|4")
}

func TestPartsNames(t *testing.T) {
	l := open(t, never(t.TempDir()))
	for _, name := range []string{"", "../weir", `a\b`, ".hidden", "new\nline", strings.Repeat("x", 65)} {
		if _, err := l.Part(t.Context(), name); err == nil {
			t.Errorf("%q was taken", name)
		}
	}
}

// TestPartsMerge: files are merged with those of their own gateway only.
func TestPartsMerge(t *testing.T) {
	dir := t.TempDir()
	l := open(t, never(dir))
	b := part(t, l, "b")
	for i := range uint64(3) {
		for _, p := range []*Part{l.own, b} {
			feed(t, p, 5*i+1, 5*i+5)
			if err := p.Seal(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
	}
	mergeFrom(l, 1)
	if err := l.Merge(t.Context()); err != nil {
		t.Fatal(err)
	}
	sees(t, l, "b|15|15", "weir|15|15")
	want := []string{
		"b_00000000-00000000000000000000_00000001-00000000000000000015.parquet",
		"weir_00000000-00000000000000000000_00000001-00000000000000000015.parquet",
	}
	if d := cmp.Diff(want, names(t, dir)); d != "" {
		t.Error(d)
	}
}

// TestKillParts: the process ends at each operation on files while two gateways'
// rows are sealed and merged; the next one finds each record of both once.
func TestKillParts(t *testing.T) {
	gateways := []string{"weir", "b"}
	for n := 0; ; n++ {
		dir := filepath.Join(t.TempDir(), "store")
		fs := &faultFS{fail: func(i int) bool { return i >= n }}
		o := never(dir)
		o.FS, o.MergeFiles = fs, 1
		if l, err := Open(t.Context(), o); err == nil {
			twoLives(t, l, gateways)
			l.Close()
		}
		l := open(t, never(dir))
		for _, g := range gateways {
			p := part(t, l, g)
			if next := p.Cursor().Done.Seq + 1; next <= total {
				feed(t, p, next, total)
			}
			if err := p.Seal(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		sees(t, l, "b|15|15", "weir|15|15")
		l.Close()
		if fs.count() <= n {
			if n < 40 {
				t.Fatalf("only %d operations were tried", n)
			}
			return
		}
	}
}

// twoLives seals and merges in turn, and goes on behind errors.
func twoLives(t *testing.T, l *Lake, gateways []string) {
	t.Helper()
	for next := uint64(1); next < total; next += 5 {
		for _, g := range gateways {
			p := part(t, l, g)
			feed(t, p, next, next+4)
			p.Seal(t.Context())
			l.Merge(t.Context())
		}
		sees(t, l, fmt.Sprintf("b|%d|%[1]d", next+4), fmt.Sprintf("weir|%d|%[1]d", next+4))
	}
}

// TestPartsQueriedWhileSealed: a query sees every row of both gateways once, while
// they are sealed and merged beside it, and in each of its parts.
func TestPartsQueriedWhileSealed(t *testing.T) {
	l := open(t, never(t.TempDir()))
	mergeFrom(l, 2)
	parts := []*Part{l.own, part(t, l, "b")}
	ctx, stop := context.WithCancel(t.Context())
	var work sync.WaitGroup
	fed := uint64(0)
	for _, p := range parts {
		work.Go(func() {
			for ctx.Err() == nil {
				if err := p.Seal(ctx); err == nil {
					l.Merge(ctx)
				}
			}
		})
	}
	for range 60 {
		for _, p := range parts {
			feed(t, p, fed+1, fed+3)
		}
		fed += 3
		got := ask(t, l, `SELECT count(*), count(DISTINCT "CorrelationId"), (SELECT count(*) FROM "WeirExchanges" WHERE "Gateway" = 'b') FROM "WeirExchanges"`)
		if want := fmt.Sprintf("%d|%d|%d", 2*fed, 2*fed, fed); got[0] != want {
			t.Fatalf("rows|ids|of b are %s, want %s", got[0], want)
		}
	}
	stop()
	work.Wait()
	if s := l.Stats(); s.Seals < 4 {
		t.Errorf("stats: %+v", s)
	}
}

// TestPartFull: a gateway whose rows cannot be sealed, since one that is awaited
// stands before them, takes no room from another.
func TestPartFull(t *testing.T) {
	o := never(t.TempDir())
	o.MaxFreshBytes = int64(20 * sink.Size(exchange(1)))
	l := open(t, o)
	b := part(t, l, "b")
	held := batchOf("weir", 2, 60)
	held.Watermark, held.From = sink.Pos{}, sink.Pos{}
	if err := l.Write(t.Context(), held); err != nil {
		t.Fatal(err)
	}
	feed(t, b, 1, 5)
	if n := l.Stats().Files; n != 0 {
		t.Errorf("%d files: the other gateway had room for its rows", n)
	}
	for s := uint64(6); s < 60; s += 3 {
		feed(t, b, s, s+2)
	}
	sees(t, l, "b|59|59", "weir|59|59")
}
