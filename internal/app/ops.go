package app

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"sync"
	"time"

	"weir/internal/telemetry"
)

// The paths on which balancers ask after the gateway. The first is API
// Management's, whose probes are taken as they are.
const (
	statusPath = "/status-0123456789abcdef"
	alivePath  = "/healthz"
	readyPath  = "/readyz"
)

// ready is nil while calls are welcome, else the reason why not.
func (g *gateway) ready() error {
	switch {
	case g.draining.Load():
		return errStopping
	case g.journal.Ready() != nil:
		return errors.New("the journal cannot take records")
	case !g.proxy.Upstream().Serves(time.Now()):
		return errors.New("no backend can serve")
	}
	return nil
}

// entrance answers balancers, whose questions are neither calls nor on the record,
// and hands all else to the proxy.
func (g *gateway) entrance() http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case statusPath, alivePath, readyPath:
			g.answerHealth(w, r)
		default:
			g.proxy.ServeHTTP(w, r)
		}
	})
}

func (g *gateway) answerHealth(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Cache-Control", "no-store")
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		w.Header().Set("Allow", "GET, HEAD")
		http.Error(w, "use GET or HEAD", http.StatusMethodNotAllowed)
		return
	}
	text := map[string]string{statusPath: "Service Operational", alivePath: "ok", readyPath: "ready"}[r.URL.Path]
	if r.URL.Path != alivePath {
		if err := g.ready(); err != nil {
			http.Error(w, err.Error(), http.StatusServiceUnavailable)
			return
		}
	}
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	fmt.Fprintln(w, text)
}

// serveOps answers what operators and load balancers ask of the gateway.
func (g *gateway) serveOps(ctx context.Context, listen string, stop *stops) error {
	if listen == nowhere {
		return nil
	}
	l, err := net.Listen("tcp", listen)
	if err != nil {
		return fmt.Errorf("open the listener for metrics (telemetry.listen): %w", err)
	}
	ops, cancel := context.WithCancel(context.WithoutCancel(ctx))
	var wg sync.WaitGroup
	wg.Go(func() { serveUntil(ops, &http.Server{Handler: g.opsHandler(), ReadHeaderTimeout: 10 * time.Second}, l) })
	stop.add(func() { cancel(); wg.Wait() })
	return nil
}

func (g *gateway) opsHandler() http.Handler {
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", telemetry.Handler(g.registry))
	for _, path := range []string{statusPath, alivePath, readyPath} {
		mux.HandleFunc(path, g.answerHealth)
	}
	mux.HandleFunc("GET "+backendsPath, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(g.proxy.Upstream().Statuses(time.Now())) // the caller has gone
	})
	mux.HandleFunc("POST "+reloadPath, func(w http.ResponseWriter, r *http.Request) {
		if reason := foreign(r); reason != "" {
			http.Error(w, reason, http.StatusForbidden)
			return
		}
		g.answerReload(w)
	})
	return mux
}

func (g *gateway) answerReload(w http.ResponseWriter) {
	text, err := g.reload(byAdmin)
	switch {
	case errors.Is(err, errStopping):
		http.Error(w, err.Error(), http.StatusServiceUnavailable)
	case err != nil:
		http.Error(w, err.Error(), http.StatusUnprocessableEntity)
	default:
		w.Header().Set("Content-Type", "text/plain; charset=utf-8")
		_, _ = io.WriteString(w, text+"\n") // the caller has gone
	}
}

// foreign says why a call that changes something is not taken: it comes from
// another machine, or may be made by a web page in a browser on this one, whose
// name may lead here (DNS rebinding), or comes through a proxy.
func foreign(r *http.Request) string {
	peer, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil || !peer.Addr().Unmap().IsLoopback() {
		return "this is taken from loopback addresses only; on another machine send SIGHUP to the gateway there"
	}
	for _, h := range []string{"Origin", "Forwarded", "X-Forwarded-For"} {
		if r.Header.Get(h) != "" {
			return "this is not taken with the header " + h + ": from a browser or a proxy"
		}
	}
	host := r.Host
	if h, _, err := net.SplitHostPort(host); err == nil {
		host = h
	}
	if _, err := netip.ParseAddr(host); err != nil && host != "localhost" {
		return "this is taken under an address or the name localhost only"
	}
	return ""
}
