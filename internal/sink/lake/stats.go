package lake

import (
	"sync/atomic"
	"time"
)

// counters are what is counted since the start.
type counters struct {
	written, passed, seals, sealErrors, merges, mergeErrors, damaged atomic.Int64
	lastSeal                                                         atomic.Int64 // Unix nanoseconds
}

// Holding is what a store has of one gateway, or of all.
type Holding struct {
	Gateway    string // empty for all
	FreshRows  int    // in memory only
	FreshBytes int64  // of memory that they take, about
	Files      int
	FileRows   int64
	FileBytes  int64
	Oldest     time.Time // since when there are fresh rows; zero without any
}

// Stats is how the store stands.
type Stats struct {
	Holding
	LastSeal time.Time

	Written     int64 // rows, since the start, as all that follow
	Passed      int64 // rows that were in a file already
	Seals       int64
	SealErrors  int64
	Merges      int64
	MergeErrors int64
	Damaged     int64 // files that were set aside
}

// Stats says how the store stands.
func (l *Lake) Stats() Stats {
	s := Stats{
		Written: l.stats.written.Load(), Passed: l.stats.passed.Load(),
		Seals: l.stats.seals.Load(), SealErrors: l.stats.sealErrors.Load(),
		Merges: l.stats.merges.Load(), MergeErrors: l.stats.mergeErrors.Load(),
		Damaged: l.stats.damaged.Load(),
	}
	if n := l.stats.lastSeal.Load(); n != 0 {
		s.LastSeal = time.Unix(0, n)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, p := range l.parts {
		h := p.holding()
		s.FreshRows += h.FreshRows
		s.FreshBytes += h.FreshBytes
		s.Files += h.Files
		s.FileRows += h.FileRows
		s.FileBytes += h.FileBytes
		if !h.Oldest.IsZero() && (s.Oldest.IsZero() || h.Oldest.Before(s.Oldest)) {
			s.Oldest = h.Oldest
		}
	}
	return s
}

// Holdings says what the store has of each gateway, its own first.
func (l *Lake) Holdings() []Holding {
	l.mu.Lock()
	defer l.mu.Unlock()
	out := make([]Holding, len(l.parts))
	for i, p := range l.parts {
		out[i] = p.holding()
	}
	return out
}

func (p *Part) holding() Holding {
	h := Holding{Gateway: p.gateway, FreshRows: len(p.rows), FreshBytes: p.bytes}
	if len(p.rows) > 0 {
		h.Oldest = p.since
	}
	for _, f := range p.files {
		h.Files++
		h.FileRows += f.rows
		h.FileBytes += f.bytes
	}
	return h
}
