// Package capture collects an exchange's answer on its way to the client and
// brings it to the journal: in parts while it is long or slow, the rest with
// its end. It also finds the events of a server-sent event stream ([Splitter])
// and what matters in them, without parsing their JSON.
//
// What always holds: no byte of an answer is written twice, parts are in order,
// an answer that goes on is at most half a second ahead of the journal or, once
// it is larger than the journal takes, of the spool, and what is held in memory
// is bounded by two parts whatever the answer's length.
package capture

import (
	"context"
	"sync"
	"time"

	"weir/internal/payload"
	"weir/internal/record"
)

// Log is the journal as exchanges see it. Slices may be reused on return.
type Log interface {
	// Ready is nil when new exchanges may start.
	Ready() error
	// Begin writes an exchange's request.
	Begin(id [16]byte, at time.Time, meta, body []byte) error
	// Part writes a piece of its answer.
	Part(id [16]byte, at time.Time, content []byte) error
	// Sync is Part that returns once it and all before it is on stable storage.
	// The content may be empty.
	Sync(id [16]byte, at time.Time, content []byte) error
	// End writes its end, with the last of the answer in two pieces, and returns
	// once that and all before it is on stable storage.
	End(id [16]byte, at time.Time, meta, content, more []byte) error
	// Delivered writes what became of the answer, some time soon.
	Delivered(id [16]byte, at time.Time, meta []byte)
}

const (
	partBytes = 256 << 10 // pending bytes that make a part
	partEvery = 200 * time.Millisecond
	partAge   = 2 // ticks that pending bytes may wait: 200 to 400 ms
	idleAge   = 5 // ticks without content after which buffers are given up
	keepBytes = 64 << 10
)

// Spool is where the answers go that are larger than Inline bytes.
type Spool struct {
	Inline int64
	// Create begins the file of an answer whose first head bytes are in the
	// journal.
	Create func(id [16]byte, head int64) (*payload.File, error)
}

// Recorder makes captures, and flushes slow ones by one shared ticker.
type Recorder struct {
	log   Log
	spool Spool
	pool  sync.Pool // *Capture

	mu   sync.Mutex // guards the ring of open captures
	ring Capture    // its head
}

// NewRecorder makes a recorder that writes to log, and to spool what is large.
// [Recorder.Run] must run.
func NewRecorder(log Log, spool Spool) *Recorder {
	r := &Recorder{log: log, spool: spool}
	r.ring.next, r.ring.prev = &r.ring, &r.ring
	return r
}

// Run flushes slow captures until ctx ends.
func (r *Recorder) Run(ctx context.Context) {
	t := time.NewTicker(partEvery)
	defer t.Stop()
	var open []*Capture
	for {
		select {
		case <-ctx.Done():
			return
		case <-t.C:
		}
		open = open[:0]
		r.mu.Lock()
		for c := r.ring.next; c != &r.ring; c = c.next {
			open = append(open, c)
		}
		r.mu.Unlock()
		for i, c := range open {
			c.tick()
			open[i] = nil
		}
	}
}

// Capture is the answer of one exchange as far as it is not in the journal.
// One goroutine writes to it; the ticker may flush it meanwhile.
type Capture struct {
	rec        *Recorder
	id         [16]byte
	total      int64
	joined     bool     // in rec's ring, once something was written
	next, prev *Capture // guarded by rec.mu

	order  sync.Mutex // held while a part or the end is on its way, so that they keep their order
	inline int64      // bytes that are in the journal; guarded by order, as what follows
	large  bool       // the answer is known to be too large for the journal
	file   *payload.File

	mu      sync.Mutex // guards what follows; taken after order
	pending []byte
	spare   []byte
	age     int
	idle    int
	open    bool
	err     error
}

// Start begins the capture of the exchange id's answer.
func (r *Recorder) Start(id [16]byte) *Capture {
	c, _ := r.pool.Get().(*Capture)
	if c == nil {
		c = &Capture{rec: r}
	}
	c.mu.Lock()
	c.id, c.total, c.age, c.idle, c.open, c.err = id, 0, 0, 0, true, nil
	c.mu.Unlock()
	c.inline, c.large = 0, false
	return c
}

// Expect says how long the answer will be: one that is too large for the journal
// then goes to the spool from its first byte on. It comes before Write.
func (c *Capture) Expect(n int64) { c.large = n > c.rec.spool.Inline }

// Write adds p, which is copied. An error means that the answer can no longer
// be recorded whole.
func (c *Capture) Write(p []byte) error {
	if !c.joined {
		c.join()
	}
	c.total += int64(len(p))
	c.mu.Lock()
	c.pending = append(c.pending, p...)
	full, err := len(c.pending) >= partBytes, c.err
	c.mu.Unlock()
	if full && err == nil {
		return c.flush()
	}
	return err
}

// Total is how many bytes were captured.
func (c *Capture) Total() int64 { return c.total }

func (c *Capture) tick() {
	c.mu.Lock()
	due := false
	if len(c.pending) > 0 {
		c.age++
		due = c.age >= partAge
	} else if c.idle++; c.idle == idleAge && c.open {
		c.pending, c.spare = nil, nil // a socket may say nothing for hours
	}
	c.mu.Unlock()
	if due {
		_ = c.flush() // kept in c.err, for the next Write and End
	}
}

// Flush writes what is pending, so that it survives the process.
func (c *Capture) Flush() error { return c.flush() }

// Sync returns once all that was written is on stable storage. After an error
// the answer can no longer be recorded whole.
func (c *Capture) Sync() error {
	c.order.Lock()
	defer c.order.Unlock()
	return c.send(c.rec.log.Sync, true)
}

// flush writes what is pending as a part.
func (c *Capture) flush() error {
	c.order.Lock()
	defer c.order.Unlock()
	return c.send(c.rec.log.Part, false)
}

// send gives what is pending to part, where there is anything or empty says
// that it need not be. The caller holds order.
func (c *Capture) send(part func([16]byte, time.Time, []byte) error, empty bool) error {
	c.mu.Lock()
	if !c.open || c.err != nil || len(c.pending) == 0 && !empty {
		defer c.mu.Unlock()
		return c.err
	}
	out, id := c.pending, c.id
	c.pending, c.spare, c.age, c.idle = c.spare[:0], nil, 0, 0
	c.mu.Unlock()

	err := c.keep(id, out, part, empty)

	c.mu.Lock()
	defer c.mu.Unlock()
	c.spare = out[:0]
	c.err = err
	return err
}

// keep puts out into the journal, or into the spool once the answer is too large.
// sync says that it must be on stable storage; without part an end frame follows
// that sees to the journal. The caller holds order.
func (c *Capture) keep(id [16]byte, out []byte, part func([16]byte, time.Time, []byte) error, sync bool) error {
	if !c.spools(len(out)) {
		c.inline += int64(len(out))
		return part(id, time.Now(), out)
	}
	if c.file == nil {
		file, err := c.rec.spool.Create(id, c.inline)
		if err != nil {
			return err
		}
		c.file = file
	}
	if _, err := c.file.Write(out); err != nil || !sync {
		return err
	}
	if err := c.file.Sync(); err != nil || part == nil {
		return err
	}
	return part(id, time.Now(), nil) // what the journal has of it may not be synced yet
}

// spools says whether n more bytes go to the spool.
func (c *Capture) spools(n int) bool {
	return c.file != nil || c.large || c.inline+int64(n) > c.rec.spool.Inline
}

// Finish brings a large answer to its end in the spool, on stable storage: what
// is pending, and rest. It gives nil when the answer is not large; then rest is
// still to be given to End. Nothing may be written after it.
func (c *Capture) Finish(rest []byte) (*record.Payload, error) {
	c.order.Lock()
	defer c.order.Unlock()
	c.mu.Lock()
	c.open = false
	pending, id, err := c.pending, c.id, c.err
	c.mu.Unlock()
	if err != nil || !c.spools(len(pending)+len(rest)) {
		return nil, err
	}
	c.large = true // whatever pending alone has
	err = c.keep(id, pending, nil, false)
	if err == nil {
		err = c.keep(id, rest, nil, true)
	}
	c.mu.Lock()
	c.pending, c.err = c.pending[:0], err
	c.mu.Unlock()
	if err != nil {
		return nil, err
	}
	p := c.file.Payload()
	return &p, nil
}

// End commits the exchange's end: meta, what is pending, and rest, which is the
// last of the answer and was not given to Write. The capture is then done with,
// whatever is returned. When a part could not be written the end is not either:
// the record would have a hole.
func (c *Capture) End(at time.Time, meta, rest []byte) error {
	c.order.Lock()
	c.mu.Lock()
	c.open = false
	pending, err := c.pending, c.err
	c.mu.Unlock()
	if err == nil {
		err = c.rec.log.End(c.id, at, meta, pending, rest)
	}
	c.order.Unlock()
	c.release()
	return err
}

// Drop gives the capture up without an end.
func (c *Capture) Drop() {
	c.mu.Lock()
	c.open = false
	c.mu.Unlock()
	c.release()
}

func (c *Capture) join() {
	r := c.rec
	c.joined = true
	r.mu.Lock()
	c.prev, c.next = r.ring.prev, &r.ring
	c.prev.next, c.next.prev = c, c
	r.mu.Unlock()
}

func (c *Capture) release() {
	r := c.rec
	if c.file != nil {
		_ = c.file.Close() // what matters of it is synced
		c.file = nil
	}
	if c.joined {
		c.joined = false
		r.mu.Lock()
		c.prev.next, c.next.prev = c.next, c.prev
		c.next, c.prev = nil, nil
		r.mu.Unlock()
	}
	c.mu.Lock()
	c.pending = kept(c.pending)
	c.spare = kept(c.spare)
	c.mu.Unlock()
	r.pool.Put(c)
}

// kept empties a buffer, and gives a large one up.
func kept(b []byte) []byte {
	if cap(b) > keepBytes {
		return nil
	}
	return b[:0]
}
