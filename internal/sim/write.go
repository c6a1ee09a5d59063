package sim

import (
	"compress/gzip"
	"errors"
	"io"
	"math"
	"net"
	"net/http"
	"strconv"
	"time"
)

// pace is the times before the first byte and between tokens, by controls or else
// by options.
func (c *call) pace() (first, each time.Duration) {
	spread := func(d time.Duration) time.Duration {
		if d == 0 || c.sim.opts.Jitter == 0 {
			return d
		}
		x := newDigest(c.sim.opts.Seed).text("jitter").number(c.arrival).share()
		return time.Duration(float64(d) * (1 + c.sim.opts.Jitter*(2*x-1)))
	}
	if first = c.controls.delay; first < 0 {
		first = spread(c.sim.opts.FirstToken)
	}
	if each = c.controls.chunkDelay; each < 0 {
		each = spread(c.sim.opts.PerToken)
	}
	return first, each
}

// writeError answers with an error's body.
func (c *call) writeError(e *apiError) error {
	c.setHeaders(e.model)
	c.setErrorHeaders(e)
	return c.writePlain(e.status, &reply{plain: &body{open: e.appendBody(nil, c.surface)}})
}

// writePlain answers with one body, broken as the controls say.
func (c *call) writePlain(status int, a *reply) error {
	if status < 300 {
		c.setHeaders(true)
		first, each := c.pace()
		if !a.chunked {
			first += each * time.Duration(a.completion)
		}
		if err := c.wait(first); err != nil {
			return err
		}
	}
	if err := c.breakAt(0); err != nil {
		return err
	}
	h := c.w.Header()
	for _, pair := range a.header {
		h.Set(pair[0], pair[1])
	}
	if status != http.StatusNoContent {
		h["Content-Type"] = []string{either(a.contentType, "application/json")}
	}
	out, finish := c.compressed()
	if !c.controls.gzip && !a.chunked && status != http.StatusNoContent {
		h["Content-Length"] = []string{strconv.FormatInt(a.plain.size(), 10)}
	}
	c.entry.status.Store(int64(status))
	c.entry.prompt.Store(int64(a.prompt))
	c.w.WriteHeader(status)
	end := func() {
		c.entry.completion.Store(int64(a.completion))
		if status < 300 {
			c.sim.ledger.end(c.entry, StateDone)
		} else {
			c.sim.ledger.end(c.entry, StateRefused)
		}
	}
	breaks := c.controls.dieAfter >= 0 || c.controls.hang >= 0 || c.controls.truncate >= 0
	if !breaks {
		end()
	}
	if status == http.StatusNoContent {
		return nil
	}
	if err := c.writeRuns(out, a.plain.all(), a.chunked); err != nil {
		return err
	}
	if breaks {
		end()
	}
	return finish()
}

// writeRuns writes a body up to where it is to break. Of one in chunks, each run
// is sent by itself, and takes its time.
func (c *call) writeRuns(out io.Writer, runs []run, chunked bool) error {
	_, each := c.pace()
	left, why := int64(math.MaxInt64), int64(-1)
	for _, at := range []int64{c.controls.dieAfter, c.controls.hang, c.controls.truncate} {
		if at >= 0 && at < left {
			left, why = at, at
		}
	}
	for _, r := range runs {
		for range r.times {
			data := r.data[:min(int64(len(r.data)), left)]
			if _, err := out.Write(data); err != nil {
				return err
			}
			if left -= int64(len(data)); left > 0 {
				if !chunked {
					continue
				}
				if err := flush(c.w); err != nil {
					return err
				}
				if err := c.wait(each); err != nil {
					return err
				}
				continue
			}
			if z, ok := out.(*gzip.Writer); ok {
				if err := z.Flush(); err != nil {
					return err
				}
			}
			if err := flush(c.w); err != nil {
				return err
			}
			if why == c.controls.truncate {
				c.controls.cutClose = true
				return errBroken
			}
			return c.breakAt(why)
		}
	}
	return nil
}

// breakAt does what is to happen after so many events or bytes.
func (c *call) breakAt(sent int64) error {
	if sent == c.controls.hang {
		return c.hangUp()
	}
	if sent == c.controls.dieAfter {
		return errBroken
	}
	return nil
}

// compressed is where a body goes, and what ends it.
func (c *call) compressed() (io.Writer, func() error) {
	if !c.controls.gzip {
		return c.w, func() error { return nil }
	}
	c.w.Header().Set("Content-Encoding", "gzip")
	z := gzip.NewWriter(c.w)
	return z, z.Close
}

// flush sends what was written.
func flush(w http.ResponseWriter) error {
	err := http.NewResponseController(w).Flush()
	if errors.Is(err, http.ErrNotSupported) {
		return nil
	}
	return err
}

// cut ends the connection, or over HTTP/2 the stream, without ending the answer.
func (c *call) cut() {
	if !c.controls.cutClose && c.r.Context().Err() == nil {
		if conn, _, err := http.NewResponseController(c.w).Hijack(); err == nil {
			if t, ok := bare(conn).(*net.TCPConn); ok {
				// With no time to linger, closing sends RST. Should it fail,
				// the close that follows still breaks the answer.
				_ = t.SetLinger(0)
			}
			_ = conn.Close()
			return
		}
	}
	panic(http.ErrAbortHandler)
}

// bare is the connection under TLS.
func bare(conn net.Conn) net.Conn {
	if t, ok := conn.(interface{ NetConn() net.Conn }); ok {
		return t.NetConn()
	}
	return conn
}
