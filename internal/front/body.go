package front

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"time"
)

// ErrBodyTimeout is what a read of a request's body gives when the client sent
// nothing of it for body_timeout. It wraps [os.ErrDeadlineExceeded]. Over HTTP/1
// the request's context is done by then, as it is with any failed read; the
// client may still be answered.
var ErrBodyTimeout = fmt.Errorf("the client sent nothing of its request's body for too long: %w", os.ErrDeadlineExceeded)

// answer is what net/http's response writers of HTTP/1 and HTTP/2 have in common.
type answer interface {
	http.ResponseWriter
	io.StringWriter
	FlushError() error
	Flush()
	SetReadDeadline(time.Time) error
	SetWriteDeadline(time.Time) error
	EnableFullDuplex() error
}

// guardBody serves r with h, and sees to it that a read of r's body ends when the
// client is silent for limit. h gets a copy of r, because net/http looks at the
// body of its own one to decide what becomes of the connection.
func guardBody(h http.Handler, w http.ResponseWriter, r *http.Request, limit time.Duration) {
	a, ok := w.(answer)
	if !ok {
		h.ServeHTTP(w, r)
		return
	}
	if r.ProtoMajor >= 2 {
		watchBody(h, a, r, limit)
		return
	}
	dateBody(h, a, r, limit)
}

// timedOut gives ErrBodyTimeout for the error of a deadline, else err.
func timedOut(err error) error {
	if errors.Is(err, os.ErrDeadlineExceeded) {
		return ErrBodyTimeout
	}
	return err
}

// adoptTrailers copies to r the trailers that net/http has written to from, once
// the body is at its end. Those that were announced are in a map that both have.
func adoptTrailers(r, from *http.Request) {
	if r.Trailer == nil {
		r.Trailer = from.Trailer
	}
}
