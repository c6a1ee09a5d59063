package app

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"runtime"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"weir/internal/api"
	"weir/internal/journal"
	"weir/internal/kql/sql"
	"weir/internal/payload"
	"weir/internal/query"
	"weir/internal/sink"
	"weir/internal/sink/lake"
	"weir/internal/telemetry"
)

// runStore runs the store's process: it follows the journal into the lake and
// answers queries over it.
func runStore(ctx context.Context, cfg *Config, log *slog.Logger) error {
	if err := cfg.writeAbout(); err != nil {
		return err
	}
	l, err := lake.Open(ctx, lakeOptions(cfg, log))
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
	registry := telemetry.NewRegistry()
	library, err := openLibrary(ctx, cfg)
	if err != nil {
		return err
	}
	defer library.Store.Close()
	uploads, err := payload.NewUploader(uploadOptions(library, l, log))
	if err != nil {
		return err
	}
	read := newReader(cfg.Labels, library, uploads, log)
	follower, err := sink.NewRunner(sink.Config{Journal: cfg.journalDir(), Store: l, Read: read.read, Latency: latency(registry), Logger: log})
	if err != nil {
		return err
	}
	watchStore(registry, follower, l)
	watchUploads(registry, uploads)
	service := query.New(engine{l}, cfg.labelColumns())
	srv := api.New(api.Parts{Queries: service, Bodies: &bodies{library, service}, State: func() api.State { return storeState(cfg, follower, l) },
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
		if followErr = follower.Run(ctx); ctx.Err() != nil {
			followErr = nil
		}
	})
	wg.Go(func() { uploads.Run(ctx) })
	wg.Go(func() { tellOrphans(ctx, follower, uploads, log) })
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

func lakeOptions(cfg *Config, log *slog.Logger) lake.Options {
	threads := cfg.Store.Threads
	if threads == 0 {
		threads = max(1, runtime.NumCPU()-1)
	}
	return lake.Options{Dir: cfg.storeDir(), Gateway: cfg.Gateway.Proxy.Name, Labels: cfg.Labels, Prelude: sql.Prelude(),
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

// storeState says how far the store is behind the journal.
func storeState(cfg *Config, follower *sink.Runner, l *lake.Lake) api.State {
	published, err := journal.Published(cfg.journalDir())
	at, stats := follower.Stats(), l.Stats()
	s := api.State{
		Durable: api.Position{Epoch: published.Epoch, Sequence: published.Seq},
		Stored:  api.Position{Epoch: at.Watermark.Epoch, Sequence: at.Watermark.Seq},
		Behind:  -1, FreshRows: int64(stats.FreshRows), SealedFiles: int64(stats.Files), SealedBytes: stats.FileBytes,
	}
	if published.Epoch == at.Watermark.Epoch {
		s.Behind = max(0, int64(published.Seq)-int64(at.Watermark.Seq))
	}
	s.CaughtUp = err == nil && caughtUp(published, at)
	return s
}

// caughtUp says whether every published exchange is in the store. An epoch that
// has no frame yet is reached when the one before it has been closed, which
// moves the watermark behind that one's last frame.
func caughtUp(published journal.Pos, at sink.Stats) bool {
	if published.Seq > 0 || published.Epoch <= 1 {
		return at.Watermark.Compare(published) >= 0 || published == journal.Pos{Epoch: 1}
	}
	return at.Watermark.Epoch == published.Epoch-1 && at.Watermark.Seq == at.Position.Seq+1
}

func latency(r prometheus.Registerer) func(time.Duration) {
	h := prometheus.NewHistogram(prometheus.HistogramOpts{Name: "weir_store_latency_seconds",
		Help: "Time from an exchange's end until queries see it.", Buckets: []float64{.05, .1, .2, .3, .5, 1, 2, 5, 10, 60}})
	r.MustRegister(h)
	return func(d time.Duration) { h.Observe(d.Seconds()) }
}

// watchStore shows the store's state as metrics.
func watchStore(r prometheus.Registerer, follower *sink.Runner, l *lake.Lake) {
	counter := func(name, help string, get func(sink.Stats) float64) {
		r.MustRegister(prometheus.NewCounterFunc(prometheus.CounterOpts{Name: "weir_store_" + name, Help: help}, func() float64 { return get(follower.Stats()) }))
	}
	gauge := func(name, help string, get func(lake.Stats) float64) {
		r.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: "weir_store_" + name, Help: help}, func() float64 { return get(l.Stats()) }))
	}
	counter("records_total", "Records brought to the store.", func(s sink.Stats) float64 { return float64(s.Rows) })
	counter("failures_total", "Failed reads of the journal and writes to the store; each is tried again.", func(s sink.Stats) float64 { return float64(s.Failures) })
	counter("frames_lost_total", "Frames that the journal no longer has whole.", func(s sink.Stats) float64 { return float64(s.Lost) })
	counter("read_panics_total", "Exchanges whose bodies could not be read.", func(s sink.Stats) float64 { return float64(s.Panics) })
	gauge("fresh_rows", "Rows in memory.", func(s lake.Stats) float64 { return float64(s.FreshRows) })
	gauge("files", "Sealed files.", func(s lake.Stats) float64 { return float64(s.Files) })
	gauge("file_bytes", "Bytes of sealed files.", func(s lake.Stats) float64 { return float64(s.FileBytes) })
}
