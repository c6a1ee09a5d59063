// Package sinktest tests whether a [sink.Store] keeps its promises. A store's
// own test calls [Run] with a way to open it, and adds what is particular to it.
//
// What always holds: a store that passes keeps each record exactly once,
// however its process ends, when it is fed as [sink.Runner] feeds it.
package sinktest

import (
	"context"
	"fmt"
	"maps"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"weir/internal/record"
	"weir/internal/sink"
)

// Target is an open store and what its test needs besides.
type Target struct {
	sink.Store
	// IDs counts the rows by their id, as queries see them.
	IDs func(context.Context) (map[record.ID]int, error)
	// Close ends the store without sealing, as a kill would.
	Close func() error
}

// Run runs the tests. open opens the store that name stands for, which is
// empty when it is opened for the first time.
func Run(t *testing.T, open func(t *testing.T, name string) Target) {
	tests := map[string]func(*testing.T, func() Target){
		"empty":         empty,
		"seal":          seal,
		"out of order":  outOfOrder,
		"fed again":     fedAgain,
		"nothing to do": nothing,
		"random":        random,
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			test(t, func() Target { return open(t, dir) })
		})
	}
}

// Exchange is a row that commits at 1/seq.
func Exchange(seq uint64) *record.Row {
	start := time.Date(2026, 11, 23, 8, 30, 0, 0, time.UTC).Add(time.Duration(seq) * time.Second)
	var id record.ID
	copy(id[:], fmt.Sprintf("%016d", seq))
	return &record.Row{
		ID: id, Epoch: 1, Seq: seq, Outcome: record.Completed,
		Begin:       record.Begin{Time: start, Gateway: "weir", Operation: "chatcompletions_create", Deployment: "gpt-4o"},
		End:         record.End{Time: start.Add(time.Second), Status: 200},
		RequestBody: `{"n":1}`, BackendResponseBody: `{"model":"m"}`,
	}
}

func pos(seq uint64) sink.Pos { return sink.Pos{Epoch: 1, Seq: seq} }

func batch(watermark uint64, seqs ...uint64) sink.Batch {
	b := sink.Batch{Watermark: pos(watermark), From: pos(watermark)}
	for _, s := range seqs {
		b.Rows = append(b.Rows, Exchange(s))
	}
	return b
}

func write(t *testing.T, s Target, b sink.Batch) {
	t.Helper()
	if err := s.Write(t.Context(), b); err != nil {
		t.Fatal(err)
	}
}

func sealNow(t *testing.T, s Target) {
	t.Helper()
	if err := s.Seal(t.Context()); err != nil {
		t.Fatal(err)
	}
}

func end(t *testing.T, s Target) {
	t.Helper()
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
}

// holds checks that the store shows exactly these exchanges, each once.
func holds(t *testing.T, s Target, seqs ...uint64) {
	t.Helper()
	got, err := s.IDs(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	want := map[record.ID]int{}
	for _, q := range seqs {
		want[Exchange(q).ID] = 1
	}
	if !maps.Equal(got, want) {
		t.Fatalf("rows by id (-want +got):\n%s", cmp.Diff(want, got))
	}
}

func at(t *testing.T, s Target, want sink.Cursor) {
	t.Helper()
	if got := s.Cursor(); got != want {
		t.Fatalf("the cursor is %v, want %v", got, want)
	}
}

func empty(t *testing.T, open func() Target) {
	s := open()
	at(t, s, sink.Cursor{})
	holds(t, s)
	sealNow(t, s)
	at(t, s, sink.Cursor{})
	end(t, s)
	s = open()
	at(t, s, sink.Cursor{})
	end(t, s)
}

func seal(t *testing.T, open func() Target) {
	s := open()
	b := batch(9, 2, 5, 8)
	b.From = pos(4)
	write(t, s, b)
	sealNow(t, s)
	want := sink.Cursor{Done: pos(9), From: pos(4)}
	at(t, s, want)
	holds(t, s, 2, 5, 8)
	end(t, s)
	s = open()
	at(t, s, want)
	holds(t, s, 2, 5, 8)
	end(t, s)
}

// outOfOrder: rows behind the watermark are not at rest yet.
func outOfOrder(t *testing.T, open func() Target) {
	s := open()
	write(t, s, batch(3, 3, 7, 1))
	sealNow(t, s)
	at(t, s, sink.Cursor{Done: pos(3), From: pos(3)})
	end(t, s)
	s = open()
	write(t, s, batch(3, 7))
	write(t, s, batch(8, 5))
	sealNow(t, s)
	at(t, s, sink.Cursor{Done: pos(8), From: pos(8)})
	holds(t, s, 1, 3, 5, 7)
	end(t, s)
}

// fedAgain: rows that come a second time are passed over.
func fedAgain(t *testing.T, open func() Target) {
	s := open()
	write(t, s, batch(3, 1, 2, 3))
	sealNow(t, s)
	write(t, s, batch(4, 2, 3, 4))
	holds(t, s, 1, 2, 3, 4)
	end(t, s)
	s = open()
	write(t, s, batch(4, 1, 3, 4))
	sealNow(t, s)
	holds(t, s, 1, 2, 3, 4)
	end(t, s)
}

// nothing: a watermark alone need not be kept, but must not hurt.
func nothing(t *testing.T, open func() Target) {
	s := open()
	write(t, s, batch(5))
	sealNow(t, s)
	write(t, s, batch(6, 6))
	sealNow(t, s)
	at(t, s, sink.Cursor{Done: pos(6), From: pos(6)})
	holds(t, s, 6)
	end(t, s)
}

// random feeds a store as the runner does, ends it at random, and goes on from
// its cursor.
func random(t *testing.T, open func() Target) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	r := rand.New(rand.NewPCG(seed, 1))
	const last = 150
	s := open()
	next, held := s.Cursor().Done.Seq+1, []uint64{}
	for next <= last || len(held) > 0 {
		switch r.IntN(12) {
		case 0:
			end(t, s)
			s = open()
			next, held = s.Cursor().Done.Seq+1, nil
		case 1, 2:
			sealNow(t, s)
		default: // some new ones, of which one may be held back
			var now []uint64
			for range r.IntN(6) {
				if next <= last {
					now = append(now, next)
					next++
				}
			}
			watermark := next - 1
			if len(held) > 0 {
				now, held = append(now, held...), nil
			} else if len(now) > 1 && r.IntN(3) == 0 {
				held = now[:1]
				now = now[1:]
				watermark = held[0] - 1
			}
			write(t, s, batch(watermark, now...))
		}
	}
	sealNow(t, s)
	end(t, s)
	s = open()
	all := make([]uint64, last)
	for i := range all {
		all[i] = uint64(i + 1)
	}
	holds(t, s, all...)
	end(t, s)
}
