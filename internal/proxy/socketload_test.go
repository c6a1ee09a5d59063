package proxy

import (
	"fmt"
	"io"
	"net"
	"net/http/httptest"
	"runtime"
	"strings"
	"testing"
	"time"

	"weir/internal/upstream"
)

// discard is a log that keeps nothing.
type discard struct{}

func (discard) Ready() error                                          { return nil }
func (discard) Begin([16]byte, time.Time, []byte, []byte) error       { return nil }
func (discard) Part([16]byte, time.Time, []byte) error                { return nil }
func (discard) Sync([16]byte, time.Time, []byte) error                { return nil }
func (discard) End([16]byte, time.Time, []byte, []byte, []byte) error { return nil }
func (discard) Delivered([16]byte, time.Time, []byte)                 {}

// socketGateway is a gateway whose records are not kept, before a raw backend.
func socketGateway(t testing.TB) (*rig, <-chan net.Conn) {
	conns := make(chan net.Conn, 1)
	s := httptest.NewServer(rawBackend(conns).handler)
	t.Cleanup(s.Close)
	p, url := newGateway(t, Config{}, discard{}, upstream.Config{
		Backends:    []upstream.Backend{{Name: "a", Kind: upstream.KindAzure, URL: s.URL, Key: "k"}},
		Deployments: []upstream.Deployment{{Name: "gpt", Model: "m", Backends: []upstream.Target{{Backend: "a"}}}},
	})
	return &rig{t: t, proxy: p, url: url}, conns
}

// used is what the process holds: heap in use and stacks.
func used() int {
	runtime.GC()
	runtime.GC() // pools give up in the second
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int(m.HeapInuse + m.StackInuse)
}

// TestIdleSockets: a socket that says nothing holds less than 64 KiB, also after
// it was busy. The test's own ends of the connections are counted with it.
func TestIdleSockets(t *testing.T) {
	const sockets, most = 500, 64 << 10
	g, conns := socketGateway(t)
	client := g.dialRaw("")
	(<-conns).Close()
	client.Close()
	before := used()
	var clients, servers []net.Conn
	for range sockets {
		clients = append(clients, g.dialRaw(""))
		servers = append(servers, <-conns)
	}
	idle := (used() - before) / sockets
	t.Logf("%d bytes for a socket that was never busy", idle)

	up, down := clientFrame(0x82, strings.Repeat("x", 48<<10)), serverFrame(0x82, strings.Repeat("x", 48<<10))
	for i := range sockets {
		done := make(chan error, 2)
		go func() { _, err := io.WriteString(clients[i], up); done <- err }()
		go func() { _, err := io.WriteString(servers[i], down); done <- err }()
		expect(t, servers[i], up)
		expect(t, clients[i], down)
		if err := <-done; err != nil {
			t.Fatal(err)
		}
		if err := <-done; err != nil {
			t.Fatal(err)
		}
	}
	later := 0
	for range 10 {
		if later = (used() - before) / sockets; later < most {
			break
		}
		time.Sleep(time.Second) // the recorder takes back buffers after a second
	}
	t.Logf("%d bytes for one that was", later)
	if idle > most || later > most {
		t.Errorf("more than %d", most)
	}
	for i := range sockets {
		clients[i].Close()
		servers[i].Close()
	}
	g.proxy.Wait()
}

// BenchmarkSocket relays messages one at a time through a process of its own; see
// bench_test.go.
func BenchmarkSocket(b *testing.B) {
	for _, size := range []int{200, 4 << 10, 60 << 10} {
		for _, role := range []string{"gateway", "reverse"} {
			b.Run(fmt.Sprintf("%d/%s", size, role), func(b *testing.B) {
				conns := make(chan net.Conn, 1)
				s := httptest.NewServer(rawBackend(conns).handler)
				defer s.Close()
				m := start(b, role, s.URL)
				client := (&rig{t: b, url: "http://" + m.addr}).dialRaw("")
				server := <-conns
				defer server.Close()
				client.SetDeadline(time.Time{})
				frame := serverFrame(0x81, strings.Repeat("x", size))
				buf := make([]byte, len(frame))
				before := m.cpu(b)
				b.SetBytes(int64(size))
				for b.Loop() {
					if _, err := io.WriteString(server, frame); err != nil {
						b.Fatal(err)
					}
					if _, err := io.ReadFull(client, buf); err != nil {
						b.Fatal(err)
					}
				}
				b.ReportMetric((m.cpu(b)-before)/float64(b.N), "cpu-µs/op")
			})
		}
	}
}

// BenchmarkSocketIdle gives the resident memory of a process of its own for each
// of 500 sockets, or a multiple, that were busy and are idle.
func BenchmarkSocketIdle(b *testing.B) {
	const sockets = 500
	for _, role := range []string{"gateway", "reverse"} {
		b.Run(role, func(b *testing.B) {
			conns := make(chan net.Conn, 1)
			s := httptest.NewServer(rawBackend(conns).handler)
			defer s.Close()
			m := start(b, role, s.URL)
			g := &rig{t: b, url: "http://" + m.addr}
			before := m.ask(b, "/rss")
			down := serverFrame(0x82, strings.Repeat("x", 8000))
			open := 0
			for b.Loop() {
				open += sockets
				for range sockets {
					client := g.dialRaw("")
					server := <-conns
					defer server.Close()
					io.WriteString(server, down)
					expect(b, client, down)
				}
				b.ReportMetric((m.ask(b, "/rss")-before)/float64(open), "resident-B/socket")
			}
		})
	}
}

// BenchmarkSocketBulk relays as fast as both sides can.
func BenchmarkSocketBulk(b *testing.B) {
	g, conns := socketGateway(b)
	client := g.dialRaw("")
	server := <-conns
	client.SetDeadline(time.Time{})
	frame := serverFrame(0x82, strings.Repeat("x", 60<<10))
	b.SetBytes(int64(len(frame)))
	go func() {
		for {
			if _, err := io.WriteString(server, frame); err != nil {
				return
			}
		}
	}()
	buf := make([]byte, len(frame))
	for b.Loop() {
		if _, err := io.ReadFull(client, buf); err != nil {
			b.Fatal(err)
		}
	}
	client.Close()
	server.Close()
}
