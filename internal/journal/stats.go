package journal

import (
	"sync/atomic"
	"time"
)

// SyncBounds are the upper bounds of Stats.SyncBuckets; a last bucket holds
// what took longer.
var SyncBounds = [...]time.Duration{
	100 * time.Microsecond, 250 * time.Microsecond, 500 * time.Microsecond,
	time.Millisecond, 2500 * time.Microsecond, 5 * time.Millisecond,
	10 * time.Millisecond, 25 * time.Millisecond, 50 * time.Millisecond,
	100 * time.Millisecond, 250 * time.Millisecond, time.Second,
}

// Stats is what metrics show of a journal. Counts are since Open.
type Stats struct {
	Epoch         uint64
	Segment       uint64
	Seq           uint64 // last assigned
	Durable       uint64 // last durable
	Appends       uint64 // frames by Append
	Commits       uint64 // frames by Commit
	Lazies        uint64 // frames by Lazy that were written
	LazyDropped   uint64
	LazyBytes     int // waiting
	Bytes         uint64
	UnsyncedBytes int64
	Waiting       int // commits that wait for the next fdatasync
	Segments      uint64
	Failovers     uint64 // segments given up because a write or sync failed
	PublishFails  uint64
	Syncs         uint64
	SyncTime      time.Duration // total
	SyncBuckets   [len(SyncBounds) + 1]uint64
	Refusing      error // Ready's answer
}

type counters struct {
	appends, commits, lazies, bytes      uint64
	segments, failovers, publishFailures uint64
	syncs                                uint64
	syncTime                             time.Duration
	buckets                              [len(SyncBounds) + 1]uint64
	lazyDropped                          atomic.Uint64
}

func (c *counters) observe(took time.Duration) {
	c.syncs++
	c.syncTime += took
	i := 0
	for i < len(SyncBounds) && took > SyncBounds[i] {
		i++
	}
	c.buckets[i]++
}

// Stats returns the journal's state now.
func (j *Journal) Stats() Stats {
	j.lazyMu.Lock()
	lazy := len(j.lazy)
	j.lazyMu.Unlock()
	j.mu.Lock()
	defer j.mu.Unlock()
	c := &j.stats
	return Stats{
		Epoch: j.head.id.epoch, Segment: j.cur.num, Seq: j.seq, Durable: j.synced.seq,
		Appends: c.appends, Commits: c.commits, Lazies: c.lazies,
		LazyDropped: c.lazyDropped.Load(), LazyBytes: lazy,
		Bytes: c.bytes, UnsyncedBytes: j.arena.end - j.synced.pos, Waiting: j.batch.n,
		Segments: c.segments, Failovers: c.failovers, PublishFails: c.publishFailures,
		Syncs: c.syncs, SyncTime: c.syncTime, SyncBuckets: c.buckets,
		Refusing: j.Ready(),
	}
}
