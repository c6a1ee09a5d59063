package main

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"strings"
	"time"

	"github.com/coder/websocket"
)

// takeSocket is the upstream's end of a realtime socket: it answers each event.
func takeSocket(w http.ResponseWriter, r *http.Request) {
	c, err := websocket.Accept(w, r, nil)
	if err != nil {
		return
	}
	defer c.CloseNow()
	for {
		if _, _, err := c.Read(r.Context()); err != nil {
			return
		}
		if err := c.Write(r.Context(), websocket.MessageText, []byte(`{"type":"session.updated","session":{}}`)); err != nil {
			return
		}
	}
}

// sockets measures what idle realtime sockets cost in memory.
func (b *bench) sockets(n int) ([]row, error) {
	p, err := startSelf(nil, "-role", "proxy", "-target", b.upstream.addr)
	if err != nil {
		return nil, err
	}
	base, err := idleSockets("http://"+p.addr, p.cmd.Process.Pid, n)
	p.stop()
	if err != nil {
		return nil, fmt.Errorf("proxy: %w", err)
	}
	g, err := b.startGateway(nil)
	if err != nil {
		return nil, err
	}
	defer g.stop()
	ours, err := idleSockets(g.url, g.pid(), n)
	if err != nil {
		return nil, fmt.Errorf("gateway: %w", err)
	}
	what := fmt.Sprintf("%d idle realtime sockets: resident KiB each", n)
	fmt.Fprintf(os.Stderr, "  %s: proxy %.1f, gateway %.1f\n", what, base, ours)
	return []row{{what, "proxy", []float64{base}, nil}, {what, "gateway", []float64{ours}, []float64{base}}}, nil
}

// idleSockets opens n sockets, has each say something once, and gives how much
// each has made the process grow when they have been silent for a while.
func idleSockets(base string, pid, n int) (float64, error) {
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	before, err := memory(pid, "VmRSS:")
	if err != nil {
		return 0, err
	}
	for range n {
		c, _, err := websocket.Dial(ctx, strings.Replace(base, "http", "ws", 1)+"/v1/realtime?model=gpt-4o", &websocket.DialOptions{
			HTTPHeader: http.Header{"Authorization": {"Bearer " + benchKey}}})
		if err != nil {
			return 0, err
		}
		defer c.CloseNow()
		if err := c.Write(ctx, websocket.MessageText, []byte(`{"type":"session.update","session":{"instructions":"be brief"}}`)); err != nil {
			return 0, err
		}
		if _, _, err := c.Read(ctx); err != nil {
			return 0, err
		}
	}
	time.Sleep(3 * time.Second)
	after, err := memory(pid, "VmRSS:")
	return (after - before) * 1024 / float64(n), err
}
