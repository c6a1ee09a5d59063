package sim

import (
	"compress/gzip"
	"io"
	"net/http"
	"time"
)

// events writes a stream of server-sent events, broken as the controls say. Each
// event is flushed on its own.
type events struct {
	c       *call
	out     io.Writer
	zip     *gzip.Writer // nil when the stream is not compressed
	sent    int64
	between time.Duration
}

// writeStream answers with a stream.
func (c *call) writeStream(a *reply) error {
	first, each := c.pace()
	if err := c.wait(first); err != nil {
		return err
	}
	if err := c.breakAt(0); err != nil {
		return err
	}
	c.setHeaders(true)
	h := c.w.Header()
	h["Content-Type"] = []string{"text/event-stream; charset=utf-8"}
	if c.surface != native {
		h["X-Accel-Buffering"] = []string{"no"}
	}
	out, finish := c.compressed()
	e := &events{c: c, out: out, between: each}
	e.zip, _ = out.(*gzip.Writer)
	c.w.WriteHeader(http.StatusOK)
	c.entry.status.Store(http.StatusOK)
	c.entry.prompt.Store(int64(a.prompt))
	if err := a.stream(e); err != nil {
		return err
	}
	// The tokens of what the stream does not show, and of usage, are exact now.
	c.entry.completion.Store(int64(a.completion))
	c.sim.ledger.end(c.entry, StateDone)
	switch {
	case c.controls.noDone:
	case a.last != nil:
		if err := a.last(e); err != nil {
			return err
		}
	case !a.undone:
		if err := e.write("data: [DONE]\n\n", nil, ""); err != nil {
			return err
		}
	}
	return finish()
}

// send writes one event with so many tokens of the answer.
func (e *events) send(data []byte, tokens int) error { return e.sendNamed("", data, tokens) }

// sendNamed is send with an event line before the data; "" for none.
func (e *events) sendNamed(name string, data []byte, tokens int) error {
	c := e.c
	if e.sent > 0 {
		if err := c.wait(e.between); err != nil {
			return err
		}
	}
	if k := c.controls.keepalive; k > 0 && e.sent%k == k-1 {
		if err := e.write(": keep-alive\n\n", nil, ""); err != nil {
			return err
		}
	}
	before := "data: "
	if name != "" {
		before = "event: " + name + "\ndata: "
	}
	var err error
	if e.sent == c.controls.malformed {
		err = e.write(before, data[:len(data)/2], "\n\nthis line is no field of an event\n\n")
	} else {
		err = e.write(before, data, "\n\n")
	}
	if err != nil {
		return err
	}
	e.sent++
	c.entry.events.Store(e.sent)
	c.entry.completion.Add(int64(tokens))
	return c.breakAt(e.sent)
}

// write writes and flushes.
func (e *events) write(before string, data []byte, after string) error {
	if _, err := io.WriteString(e.out, before); err != nil {
		return err
	}
	if _, err := e.out.Write(data); err != nil {
		return err
	}
	if _, err := io.WriteString(e.out, after); err != nil {
		return err
	}
	if e.zip != nil {
		if err := e.zip.Flush(); err != nil {
			return err
		}
	}
	return flush(e.c.w)
}
