package front

import (
	"io"
	"net/http"
	"sync"
	"time"
)

// watched is an HTTP/2 request with a body, whose reads a timer ends. HTTP/2 has
// no use for the deadline of HTTP/1: net/http sets one by a message to the
// connection's goroutine, and it would end a body also while nobody reads it.
type watched struct {
	answer
	req   http.Request
	orig  *http.Request
	src   io.ReadCloser
	limit time.Duration

	mu      sync.Mutex
	timer   *time.Timer
	running bool      // the timer is
	since   time.Time // when the read under way began; zero for none
	stalled bool      // the timer ended it
	over    bool      // the body has ended, or the handler has returned
}

// watchBody serves r with h under a watch for silence.
func watchBody(h http.Handler, w answer, r *http.Request, limit time.Duration) {
	d := &watched{answer: w, req: *r, orig: r, src: r.Body, limit: limit}
	d.req.Body = (*watchedBody)(d)
	defer d.stop() // also after a panic: the writer must not be used from then on
	h.ServeHTTP(d, &d.req)
}

// Unwrap is for [http.ResponseController].
func (d *watched) Unwrap() http.ResponseWriter { return d.answer }

// look ends the read under way, if it has lasted too long; else it comes back when
// it would have, or with the next read.
func (d *watched) look() {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.over || d.since.IsZero() {
		d.running = false
		return
	}
	if left := d.limit - time.Since(d.since); left > 0 {
		d.timer.Reset(left)
		return
	}
	d.stalled, d.running = true, false
	_ = d.SetReadDeadline(time.Unix(1, 0)) // past: it ends the body at once
}

func (d *watched) stop() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.over = true
	if d.running {
		d.timer.Stop()
	}
}

// begin notes a read.
func (d *watched) begin() {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.over {
		return
	}
	d.since = time.Now()
	switch {
	case d.running:
	case d.timer == nil:
		d.timer, d.running = time.AfterFunc(d.limit, d.look), true
	default:
		d.running = true
		d.timer.Reset(d.limit)
	}
}

// end notes that the read is over.
func (d *watched) end(err error) error {
	if err != nil {
		adoptTrailers(&d.req, d.orig)
		d.stop()
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.since = time.Time{}
	if d.stalled {
		err = timedOut(err)
	}
	return err
}

// watchedBody is the body of a watched.
type watchedBody watched

func (b *watchedBody) Read(p []byte) (int, error) {
	d := (*watched)(b)
	d.begin()
	n, err := b.src.Read(p)
	return n, d.end(err)
}

// Close gives up the rest of the body.
func (b *watchedBody) Close() error {
	(*watched)(b).stop()
	return b.src.Close()
}
