package app

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"path/filepath"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"weir/internal/catalog"
	"weir/internal/front"
	"weir/internal/identity"
	"weir/internal/journal"
	"weir/internal/payload"
	"weir/internal/proxy"
	"weir/internal/state"
	"weir/internal/telemetry"
	"weir/internal/upstream"
)

// runGateway runs the gateway's process: the journal, what stands before it,
// and the listeners last. It returns when every exchange is on the record.
func runGateway(ctx context.Context, cfg *Config, log *slog.Logger) error {
	var stop stops
	defer func() { stop.run() }()

	j, err := journal.Open(journal.Options{Dir: cfg.journalDir(), Gateway: cfg.Gateway.Proxy.Name, Logger: log})
	if err != nil {
		return fmt.Errorf("open the journal: %w", err)
	}
	stop.add(func() {
		if err := j.Close(); err != nil {
			log.Error("the journal did not close cleanly", "error", err)
		}
	})
	spool, err := payload.OpenSpool(cfg.spoolDir())
	if err != nil {
		return err
	}
	remembered, err := state.Open(filepath.Join(cfg.Data, "state"), log)
	if err != nil {
		return err
	}
	stop.add(func() {
		if err := remembered.Close(); err != nil {
			log.Error("the gateway's state did not close cleanly", "error", err)
		}
	})
	callers, _ := identity.New(cfg.Callers)
	registry := telemetry.NewRegistry()
	watchJournal(registry, j)
	watchSpool(registry, spool)
	ops := catalog.New()
	backends := upstream.New(cfg.Config, proxy.Paths(ops))
	stop.add(backends.Close)
	p := proxy.New(cfg.Gateway.Proxy, proxy.Parts{
		Catalog: ops, Callers: callers, Upstream: backends,
		Clients: front.NewClients(cfg.Gateway.Config), Log: proxy.Journal(j),
		Spool: spool, Inline: cfg.Payload.InlineLimit, Owners: remembered.Owners(), Metrics: registry, Logger: log,
	})
	clock, stopClock := context.WithCancel(context.WithoutCancel(ctx))
	var wg sync.WaitGroup
	wg.Go(func() { p.Run(clock) })
	stop.add(func() { p.Stopping(); p.Wait(); stopClock(); wg.Wait() })

	srv, err := front.Listen(ctx, cfg.Gateway.Config, p, log)
	if err != nil {
		return err
	}
	// Only now, since /readyz sends callers here.
	if err := serveOps(ctx, cfg, registry, j, &stop); err != nil {
		return err
	}
	log.Info("the gateway listens", "address", srv.Addr().String(), "deployments", len(cfg.Deployments), "epoch", j.Stats().Epoch)
	return srv.Serve(ctx, p.Stopping)
}

// serveOps answers what operators and load balancers ask of the gateway.
func serveOps(ctx context.Context, cfg *Config, registry *prometheus.Registry, j *journal.Journal, stop *stops) error {
	if cfg.Telemetry.Listen == "none" {
		return nil
	}
	l, err := net.Listen("tcp", cfg.Telemetry.Listen)
	if err != nil {
		return fmt.Errorf("open the listener for metrics (telemetry.listen): %w", err)
	}
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", telemetry.Handler(registry))
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintln(w, "ok") })
	mux.HandleFunc("GET /readyz", func(w http.ResponseWriter, _ *http.Request) {
		if err := j.Ready(); err != nil {
			http.Error(w, "the journal cannot take records", http.StatusServiceUnavailable)
			return
		}
		if ctx.Err() != nil {
			http.Error(w, "stopping", http.StatusServiceUnavailable)
			return
		}
		fmt.Fprintln(w, "ready")
	})
	ops, cancel := context.WithCancel(context.WithoutCancel(ctx))
	var wg sync.WaitGroup
	wg.Go(func() { serveUntil(ops, &http.Server{Handler: mux, ReadHeaderTimeout: 10 * time.Second}, l) })
	stop.add(func() { cancel(); wg.Wait() })
	return nil
}
