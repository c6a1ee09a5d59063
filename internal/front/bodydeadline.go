package front

import (
	"bufio"
	"io"
	"net"
	"net/http"
	"sync"
	"time"
)

// dated is an HTTP/1 request with a body, whose reads end at the connection's
// read deadline. The deadline is set ahead of a read, and moved only when less
// than the limit is left of it. It is nothing to the answer: net/http clears it
// before it begins to watch for a hang-up, which is when a read has met the
// body's end, and from then on it is not set any more.
type dated struct {
	answer // the deadlines that the handler sets pass through here
	req    http.Request
	orig   *http.Request
	src    io.ReadCloser
	limit  time.Duration

	mu    sync.Mutex
	until time.Time // the deadline that is set
	over  error     // what ended the body
	taken bool      // the deadline is the handler's, or the connection is
}

// dateBody serves r with h under a deadline of silence.
func dateBody(h http.Handler, w answer, r *http.Request, limit time.Duration) {
	d := &dated{answer: w, req: *r, orig: r, src: r.Body, limit: limit}
	d.req.Body = (*datedBody)(d)
	_ = d.arm() // also since net/http may read the rest itself, before it sends the answer's head
	h.ServeHTTP(d, &d.req)
	d.done()
}

// arm sets the deadline, if the one that is set leaves less than the limit. It is
// set a quarter later than need be, so that few reads have to. It gives what has
// ended the body already.
func (d *dated) arm() error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.over != nil || d.taken {
		return d.over
	}
	if now := time.Now(); d.until.Sub(now) < d.limit {
		d.until = now.Add(d.limit + d.limit/4)
		_ = d.answer.SetReadDeadline(d.until) // of a closed connection, whose reads fail
	}
	return nil
}

// done gives net/http time to read what the handler left of the body.
func (d *dated) done() {
	_ = d.arm() // nothing to do for one that has ended
	d.mu.Lock()
	defer d.mu.Unlock()
	d.taken = true
}

// SetReadDeadline is the handler's own way to end a read: none of ours follows.
func (d *dated) SetReadDeadline(t time.Time) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.taken = true
	return d.answer.SetReadDeadline(t)
}

// Hijack hands over the connection, without a deadline.
func (d *dated) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	c, rw, err := http.NewResponseController(d.answer).Hijack() // which clears it
	d.taken = d.taken || err == nil
	return c, rw, err
}

// Unwrap is for [http.ResponseController].
func (d *dated) Unwrap() http.ResponseWriter { return d.answer }

// datedBody is the body of a dated.
type datedBody dated

func (b *datedBody) Read(p []byte) (int, error) {
	d := (*dated)(b)
	if err := d.arm(); err != nil {
		return 0, err
	}
	n, err := b.src.Read(p)
	if err != nil {
		err = d.end(err)
	}
	return n, err
}

// end notes that the body has ended by err.
func (d *dated) end(err error) error {
	adoptTrailers(&d.req, d.orig)
	d.mu.Lock()
	defer d.mu.Unlock()
	if !d.taken {
		err = timedOut(err)
	}
	d.over = err
	return err
}

// Close gives up the rest of the body.
func (b *datedBody) Close() error {
	d := (*dated)(b)
	_ = d.arm() // nothing is read of one that has ended
	err := b.src.Close()
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.over == nil {
		d.over = http.ErrBodyReadAfterClose
	}
	return err
}
