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
	"strings"
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
	mux.HandleFunc("GET "+backendsPath, func(w http.ResponseWriter, r *http.Request) {
		if local(r) && !g.ownHost(r) {
			http.Error(w, notThatHost, http.StatusForbidden)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(g.proxy.Upstream().Statuses(time.Now())) // the caller has gone
	})
	mux.HandleFunc("POST "+reloadPath, func(w http.ResponseWriter, r *http.Request) {
		if reason := g.foreign(r); reason != "" {
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
func (g *gateway) foreign(r *http.Request) string {
	if !local(r) {
		return "this is taken from the gateway's own machine only; on another one send SIGHUP to the gateway there"
	}
	if site := r.Header.Get("Sec-Fetch-Site"); site != "" && site != "none" {
		return "this is not taken from a page in a browser"
	}
	for _, h := range []string{"Origin", "Forwarded", "X-Forwarded-For", "Via"} {
		if r.Header.Get(h) != "" {
			return "this is not taken with the header " + h + ": from a browser or a proxy"
		}
	}
	if !g.ownHost(r) {
		return notThatHost
	}
	return ""
}

const notThatHost = "this is taken under an address, the name localhost or that of telemetry.listen only"

// local says whether a call comes from this machine: from a loopback address, or
// from the one at which it was made.
func local(r *http.Request) bool {
	peer, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil {
		return false
	}
	own, ok := r.Context().Value(http.LocalAddrContextKey).(*net.TCPAddr)
	from := peer.Addr().Unmap().WithZone("")
	return from.IsLoopback() || ok && own.AddrPort().Addr().Unmap().WithZone("") == from
}

// ownHost says whether a call names its host by an address, localhost or as
// telemetry.listen does: not by a name that somebody else may lead here.
func (g *gateway) ownHost(r *http.Request) bool {
	host := hostOf(r.Host)
	_, err := netip.ParseAddr(strings.Trim(host, "[]"))
	own := host != "" && strings.EqualFold(host, hostOf(g.config.Load().Telemetry.Listen))
	return err == nil || own || strings.EqualFold(host, "localhost")
}

// hostOf gives what stands before the port, if there is one.
func hostOf(address string) string {
	if host, _, err := net.SplitHostPort(address); err == nil {
		return host
	}
	return address
}
