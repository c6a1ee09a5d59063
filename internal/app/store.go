package app

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"weir/internal/api"
	"weir/internal/catalog"
	"weir/internal/journal"
	"weir/internal/kql/sql"
	"weir/internal/query"
	"weir/internal/record"
	"weir/internal/sink"
	"weir/internal/sink/lake"
	"weir/internal/telemetry"
	"weir/internal/tokens"
	"weir/internal/transcript"
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
	follower, err := sink.NewRunner(sink.Config{Journal: cfg.journalDir(), Store: l, Read: reader(cfg.Labels), Latency: latency(registry), Logger: log})
	if err != nil {
		return err
	}
	watchStore(registry, follower, l)
	service := query.New(engine{l}, cfg.labelColumns())
	srv := api.New(service, func() api.State { return state(cfg, follower, l) }, telemetry.Handler(registry), log)
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
	var own []string
	for _, op := range catalog.Operations() {
		if op.Own {
			own = append(own, op.ID)
		}
	}
	return lake.Options{Dir: cfg.storeDir(), Gateway: cfg.Gateway.Proxy.Name, Labels: cfg.Labels, Prelude: sql.Prelude(), Own: own,
		MemoryLimit: int64(cfg.Store.MemoryMiB) << 20, Threads: threads, Logger: log}
}

// reader gives what reads an exchange's bodies: the catalog knows which dialect
// an operation has.
func reader(labels map[string]string) func(*record.Exchange) *record.Row {
	dialects := map[string]string{}
	for _, op := range catalog.Operations() {
		dialects[op.ID] = op.Dialect
	}
	counter := tokens.New()
	return func(x *record.Exchange) *record.Row {
		return transcript.Read(x, dialects[x.Begin.Operation], counter.Count, labels)
	}
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

// state says how far the store is behind the journal.
func state(cfg *Config, follower *sink.Runner, l *lake.Lake) api.State {
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

// OpenFolder reads a data folder without its server, or beside it: what is
// sealed, and the rest of the journal in memory. Nothing is written.
func OpenFolder(ctx context.Context, dir string) (*Folder, func(), error) {
	if _, err := os.Stat(filepath.Join(dir, "journal")); err != nil {
		return nil, nil, fmt.Errorf("%s is not a data folder: it has no journal; -data names the folder of the config's data field", dir)
	}
	cfg := &Config{Data: dir}
	if err := cfg.readAbout(); err != nil {
		return nil, nil, err
	}
	cfg.defaults()
	log := slog.New(slog.DiscardHandler)
	o := lakeOptions(cfg, log)
	o.ReadOnly = true
	l, err := lake.Open(ctx, o)
	if err != nil {
		return nil, nil, fmt.Errorf("open the store: %w", err)
	}
	stop := func() { closeLake(l, log) }
	follower, err := sink.NewRunner(sink.Config{Journal: cfg.journalDir(), Orphaned: true, Store: l, Read: reader(cfg.Labels), Logger: log})
	if err == nil {
		err = follower.CatchUp(ctx)
	}
	if err != nil {
		stop()
		return nil, nil, fmt.Errorf("read the journal: %w", err)
	}
	return &Folder{query.New(engine{l}, cfg.labelColumns())}, stop, nil
}
