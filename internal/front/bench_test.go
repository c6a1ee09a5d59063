package front

import (
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"
)

// direct is an answer of HTTP/1 without a server.
type direct struct {
	http.ResponseWriter
	conn net.Conn
}

func (direct) WriteString(s string) (int, error)   { return len(s), nil }
func (direct) FlushError() error                   { return nil }
func (direct) Flush()                              {}
func (d direct) SetReadDeadline(t time.Time) error { return d.conn.SetReadDeadline(t) }
func (direct) SetWriteDeadline(t time.Time) error  { return nil }
func (direct) EnableFullDuplex() error             { return nil }

// BenchmarkGuard is what the body's timeout costs an ordinary request.
func BenchmarkGuard(b *testing.B) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	defer l.Close()
	c, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		b.Fatal(err)
	}
	defer c.Close()
	text := strings.NewReader("")
	r := &http.Request{ProtoMajor: 1, Body: io.NopCloser(text), ContentLength: 2}
	buf := make([]byte, 512)
	h := http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		for {
			if _, err := r.Body.Read(buf); err != nil {
				return
			}
		}
	})
	var w http.ResponseWriter = direct{conn: c}
	b.ReportAllocs()
	for b.Loop() {
		text.Reset("{}")
		guardBody(h, w, r, time.Minute)
		_ = c.SetReadDeadline(time.Time{}) // as net/http does
	}
}
