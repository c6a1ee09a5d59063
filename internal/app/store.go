package app

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"runtime"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"weir/internal/api"
	"weir/internal/kql/sql"
	"weir/internal/payload"
	"weir/internal/query"
	"weir/internal/sink/lake"
	"weir/internal/telemetry"
)

// runStore runs the store's process: it follows the gateways' journals into the
// lake and answers queries over it.
func runStore(ctx context.Context, cfg *Config, log *slog.Logger) error {
	if err := os.MkdirAll(cfg.Data, 0o700); err != nil {
		return fmt.Errorf("make the data folder: %w", err)
	}
	held, err := lockData(cfg.Data)
	if err != nil {
		return err
	}
	defer held.Close()
	in, err := newIntake(cfg, log)
	if err != nil {
		return err
	}
	if err := cfg.writeAbout(append(in.known, known{Name: cfg.Gateway.Proxy.Name, Journal: in.begun})...); err != nil {
		return err
	}
	l, err := lake.Open(ctx, lakeOptions(cfg, log, in.known...))
	if ctx.Err() != nil {
		if err == nil {
			closeLake(l, log)
		}
		return nil // the gateway ended before its store had begun
	}
	if err != nil {
		return fmt.Errorf("open the store: %w", err)
	}
	defer closeLake(l, log)
	store, err := payload.OpenStore(ctx, cfg.Payload, cfg.payloadDir())
	if err != nil {
		return err
	}
	defer store.Close()
	registry := telemetry.NewRegistry()
	in.lake, in.payload, in.latency = l, store, latency(registry)
	own, err := in.open(ctx, cfg.Gateway.Proxy.Name, in.own.data)
	if err != nil {
		return err
	}
	in.own.set(own)
	watchStore(registry, in)
	watchUploads(registry, in)
	service := query.New(engine{l}, cfg.labelColumns())
	srv := api.New(api.Parts{Queries: service, Bodies: &bodies{in.libraries, service}, State: in.state,
		Metrics: telemetry.Handler(registry), Logger: log})
	listener, err := net.Listen("tcp", cfg.API.Listen)
	if err != nil {
		return fmt.Errorf("open the query API's listener (api.listen): %w", err)
	}
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	var wg sync.WaitGroup
	var followErr error
	wg.Go(func() {
		defer stop()
		if followErr = in.readOwn(ctx, own); ctx.Err() != nil {
			followErr = nil
		}
	})
	for _, s := range in.others {
		wg.Go(func() { in.follow(ctx, s) })
	}
	log.Info("the query API listens", "address", listener.Addr().String())
	err = serveUntil(ctx, srv.HTTPServer(), listener)
	stop()
	wg.Wait()
	return errors.Join(err, followErr)
}

func closeLake(l *lake.Lake, log *slog.Logger) {
	if err := l.Close(); err != nil {
		log.Error("the store did not close cleanly", "error", err)
	}
}

func lakeOptions(cfg *Config, log *slog.Logger, further ...known) lake.Options {
	threads := cfg.Store.Threads
	if threads == 0 {
		threads = max(1, runtime.NumCPU()-1)
	}
	return lake.Options{Dir: cfg.storeDir(), Gateway: cfg.Gateway.Proxy.Name, Others: names(further), Labels: cfg.Labels, Prelude: sql.Prelude(),
		MemoryLimit: int64(cfg.Store.MemoryMiB) << 20, Threads: threads, Logger: log}
}

// engine gives queries the lake.
type engine struct{ lake *lake.Lake }

func (e engine) Query(ctx context.Context, text string) (query.Rows, error) {
	rows, err := e.lake.Query(ctx, text)
	if err != nil {
		return nil, err
	}
	return rows, nil
}

func latency(r prometheus.Registerer) func(time.Duration) {
	h := prometheus.NewHistogram(prometheus.HistogramOpts{Name: "weir_store_latency_seconds",
		Help: "Time from an exchange's end until queries see it.", Buckets: []float64{.05, .1, .2, .3, .5, 1, 2, 5, 10, 60}})
	r.MustRegister(h)
	return func(d time.Duration) { h.Observe(d.Seconds()) }
}
