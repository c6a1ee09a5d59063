package journal

import (
	"encoding/binary"
	"runtime"
	"time"
)

// Append writes f before it returns: f survives the death of the process, and
// a power loss once a later commit or the next second's sync has passed. The
// frame's Pos, and its Time if it was 0, are set. Slices of f may be reused on
// return. It may wait for the disk when more than 32 MiB are unsynced.
func (j *Journal) Append(f *Frame) (Pos, error) {
	n, body, err := prepare(f)
	if err != nil {
		return Pos{}, err
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	if err := j.put(f, n, body); err != nil {
		return Pos{}, err
	}
	if err := j.flush(); err != nil {
		// It is the last one: nobody was let in since. What a file may hold of
		// it becomes void when the next segment begins.
		j.seq--
		j.arena.cut(j.arena.end - int64(n))
		return Pos{}, err
	}
	j.stats.appends++
	j.wakeIfDue()
	return f.Pos, nil
}

// Commit is Append that returns when f, and everything before it, is on stable
// storage. Callers share fdatasyncs.
func (j *Journal) Commit(f *Frame) (Pos, error) {
	n, body, err := prepare(f)
	if err != nil {
		return Pos{}, err
	}
	j.mu.Lock()
	if err := j.put(f, n, body); err != nil {
		j.mu.Unlock()
		return Pos{}, err
	}
	j.stats.commits++
	b := j.batch
	b.n++
	if !j.syncing && j.rollers == 0 {
		// Nothing is under way: doing it here saves the way to the syncer and back.
		j.syncing = true
		// Callers that are ready to run commit with this one. On one processor
		// they could not before the disk is done, and every commit would pay for
		// a sync of its own.
		j.mu.Unlock()
		runtime.Gosched()
		j.mu.Lock()
		err = j.cycle()
		j.release()
		j.mu.Unlock()
	} else {
		j.mu.Unlock()
		b.done.Wait()
		err = b.err
	}
	if err != nil {
		return Pos{}, err
	}
	return f.Pos, nil
}

// Lazy writes f with the next frame, or within 250 ms. It never waits for the
// disk; while the disk stalls, what exceeds 16 MiB is dropped and counted.
// Invalid frames are dropped likewise.
func (j *Journal) Lazy(f *Frame) {
	n, body, err := prepare(f)
	j.lazyMu.Lock()
	defer j.lazyMu.Unlock()
	if err != nil || len(j.lazy)+n > lazyBytes {
		j.stats.lazyDropped.Add(1)
		return
	}
	at := len(j.lazy)
	j.lazy = grow(j.lazy, n)
	f.encode(j.lazy[at:], j.head.marker, body)
}

// grow extends b by n bytes whose content is to be overwritten.
func grow(b []byte, n int) []byte {
	if cap(b)-len(b) >= n {
		return b[:len(b)+n]
	}
	return append(b, make([]byte, n)...)
}

// prepare does what needs no lock.
func prepare(f *Frame) (n int, body uint32, err error) {
	n, err = f.encodedLen()
	if err != nil {
		return 0, 0, err
	}
	if f.Time == 0 {
		f.Time = time.Now().UnixNano()
	}
	return n, f.bodyCRC(), nil
}

// put gives f its place in the stream, behind the lazy frames.
func (j *Journal) put(f *Frame, n int, body uint32) error {
	j.drainLazy()
	if err := j.admit(n); err != nil {
		return err
	}
	b := j.take(n)
	f.encode(b, j.head.marker, body)
	f.Pos = Pos{Epoch: j.head.id.epoch, Seq: j.seq}
	seal(b, j.seq)
	return nil
}

// take assigns the next sequence number and n bytes of the stream.
func (j *Journal) take(n int) []byte {
	if j.arena.end == j.synced.pos {
		j.dirty = time.Now()
	}
	j.seq++
	j.stats.bytes += uint64(n)
	return j.arena.grow(n)
}

// admit waits until a frame of n bytes may be put. It may release mu.
func (j *Journal) admit(n int) error {
	for {
		unsynced := j.arena.end - j.synced.pos
		switch {
		case j.closed:
			return ErrClosed
		case j.broken != nil:
			return j.broken
		case unsynced > 0 && unsynced+int64(n) > j.o.holdBytes:
			signal(j.wake)
			j.room.Wait()
		case j.fits(n):
			return nil
		default:
			if err := j.roll(); err != nil {
				return err
			}
		}
	}
}

// fits: a segment takes at least one frame, however large.
func (j *Journal) fits(n int) bool {
	return j.arena.end == j.cur.base || j.cur.offset(j.arena.end)+int64(n) <= j.o.SegmentBytes
}

// drainLazy puts the lazy frames into the stream as far as they are admitted.
func (j *Journal) drainLazy() {
	j.lazyMu.Lock()
	q := j.lazy
	if len(q) == 0 || j.broken != nil || j.closed {
		j.lazyMu.Unlock()
		return
	}
	j.lazy, j.spare = j.spare[:0], nil
	j.lazyMu.Unlock()

	j.draining++
	defer j.drained()
	rest := q
	for len(rest) > 0 {
		n := int(binary.LittleEndian.Uint32(rest[8:]))
		if j.admit(n) != nil {
			break
		}
		b := j.take(n)
		copy(b, rest)
		seal(b, j.seq)
		j.stats.lazies++
		rest = rest[n:]
	}

	j.lazyMu.Lock()
	defer j.lazyMu.Unlock()
	switch {
	case len(rest) == 0:
		j.spare = q[:0]
	case len(j.lazy) == 0:
		j.lazy, j.spare = rest, j.lazy
	default:
		j.lazy = append(rest[:len(rest):len(rest)], j.lazy...)
	}
}

func (j *Journal) drained() {
	if j.draining--; j.draining == 0 {
		j.room.Broadcast()
	}
}

// signal wakes the receiver of c if it isn't awake already.
func signal(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}
