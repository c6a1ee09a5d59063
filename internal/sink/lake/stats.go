package lake

import (
	"sync/atomic"
	"time"

	"weir/internal/sink"
)

// counters are what is counted since the start.
type counters struct {
	written, passed, seals, sealErrors, merges, mergeErrors, damaged atomic.Int64
	lastSeal                                                         atomic.Int64 // Unix nanoseconds
}

// Stats is how the store stands.
type Stats struct {
	FreshRows  int   // in memory only
	FreshBytes int64 // of memory that they take, about
	Files      int
	FileRows   int64
	FileBytes  int64
	Cursor     sink.Pos // how far the files go
	Watermark  sink.Pos // how far the rows go, fresh ones included
	LastSeal   time.Time
	Oldest     time.Time // since when there are fresh rows; zero without any

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
	s.FreshRows, s.FreshBytes = len(l.rows), l.bytes
	if len(l.rows) > 0 {
		s.Oldest = l.since
	}
	for _, f := range l.files {
		s.Files++
		s.FileRows += f.rows
		s.FileBytes += f.bytes
	}
	s.Cursor, s.Watermark = l.files.cursor().Done, l.watermark
	return s
}
