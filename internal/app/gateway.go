package app

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"runtime/debug"
	"sync"
	"sync/atomic"

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

// gateway is the gateway's process at work. What a reload changes is in proxy's
// setup, front and config; all else lives from start to stop.
type gateway struct {
	*server
	registry   *prometheus.Registry
	journal    *journal.Journal
	operations *catalog.Catalog
	proxy      *proxy.Proxy
	front      *front.Server
	reloads    *reloadMetrics
	draining   atomic.Bool

	mu     sync.Mutex // held by a reload; guards what follows
	tried  *reading   // what was read last, accepted or not
	probes probing
	taken  chan struct{} // told after each reload that succeeded; room for one
}

// runGateway runs the gateway's process: the journal, what stands before it,
// and the listeners last. It returns when every exchange is on the record.
func runGateway(ctx context.Context, s *server) error {
	var stop stops
	defer func() { stop.run() }()
	g, err := newGateway(ctx, s, &stop)
	if err != nil {
		return err
	}
	defer context.AfterFunc(ctx, func() { g.draining.Store(true) })()
	cfg := s.config.Load()
	if os.Getenv("GOGC") == "" {
		// The gateway keeps little and makes much for each call: collecting half as
		// often costs it some tens of MiB and saves a twentieth of its CPU time.
		debug.SetGCPercent(200)
	}
	// Only now, since /readyz sends callers here.
	if err := g.serveOps(ctx, cfg.Telemetry.Listen, &stop); err != nil {
		return err
	}
	g.follow(ctx, &stop)
	g.log.Info("the gateway listens", "address", g.front.Addr().String(), "deployments", len(cfg.Deployments), "epoch", g.journal.Stats().Epoch)
	return g.serve(ctx)
}

// newGateway starts everything, up to where callers can connect.
func newGateway(ctx context.Context, s *server, stop *stops) (*gateway, error) {
	cfg := s.config.Load()
	g := &gateway{server: s, registry: telemetry.NewRegistry(), operations: catalog.New(), tried: s.read, taken: make(chan struct{}, 1)}
	g.reloads = newReloadMetrics(g.registry)
	var err error
	if g.journal, err = journal.Open(journal.Options{Dir: cfg.journalDir(), Gateway: cfg.Gateway.Proxy.Name, Logger: g.log}); err != nil {
		return nil, fmt.Errorf("open the journal: %w", err)
	}
	stop.add(func() { tellIf(g.journal.Close(), g.log, "the journal did not close cleanly") })
	spool, err := payload.OpenSpool(cfg.spoolDir())
	if err != nil {
		return nil, err
	}
	remembered, err := state.Open(filepath.Join(cfg.Data, "state"), g.log)
	if err != nil {
		return nil, err
	}
	stop.add(func() { tellIf(remembered.Close(), g.log, "the gateway's state did not close cleanly") })
	watchJournal(g.registry, g.journal)
	watchSpool(g.registry, spool)
	setup, err := g.setup(cfg, nil)
	if err != nil {
		return nil, err
	}
	g.proxy = proxy.New(setup, proxy.Parts{
		Catalog: g.operations, Log: proxy.Journal(g.journal), Spool: spool, Inline: cfg.Payload.InlineLimit,
		Owners: remembered.Owners(), Metrics: g.registry, Logger: g.log,
	})
	upstream.Watch(g.registry, g.proxy.Upstream)
	g.run(ctx, stop)
	if g.front, err = front.Listen(ctx, cfg.Gateway.Config, g.entrance(), g.log); err != nil {
		return nil, err
	}
	watchGateway(g.registry, g.ready, g.front.Stats)
	return g, nil
}

// run does what goes on beside the calls, and after the last of them.
func (g *gateway) run(ctx context.Context, stop *stops) {
	stop.add(func() { g.proxy.Upstream().Close() })
	g.probes.replace(g.proxy.Upstream())
	stop.add(g.stopReloads)
	clock, stopClock := context.WithCancel(context.WithoutCancel(ctx))
	var wg sync.WaitGroup
	wg.Go(func() { g.proxy.Run(clock) })
	stop.add(func() { g.proxy.Stopping(); g.proxy.Wait(); stopClock(); wg.Wait() })
}

// setup builds what a config changes; prev's memory of its backends goes on.
func (g *gateway) setup(cfg *Config, prev *upstream.Upstream) (proxy.Setup, error) {
	callers, problems := identity.New(cfg.Callers)
	if len(problems) > 0 {
		return proxy.Setup{}, errors.New("the subscriptions have mistakes") // which the config's check has named
	}
	backends, err := upstream.New(cfg.Config, proxy.Paths(g.operations), prev, g.log)
	if err != nil {
		return proxy.Setup{}, err
	}
	return proxy.Setup{Config: cfg.Gateway.Proxy, Callers: callers, Upstream: backends, Clients: front.NewClients(cfg.Gateway.Config)}, nil
}

// serve serves until ctx ends and what is under way then has ended, or was cut.
func (g *gateway) serve(ctx context.Context) error {
	return g.front.Serve(ctx, front.Stop{Idle: g.idle, Cut: g.proxy.Stopping, Hurry: g.Hurry})
}

// idle waits until no exchange is under way, or ctx ends.
func (g *gateway) idle(ctx context.Context) {
	none := make(chan struct{})
	go func() { // ends before the gateway does, which waits for the same
		g.proxy.Wait()
		close(none)
	}()
	select {
	case <-none:
	case <-ctx.Done():
	}
}

func tellIf(err error, log *slog.Logger, message string) {
	if err != nil {
		log.Error(message, "error", err)
	}
}

// probing runs the probes of the present backends.
type probing struct {
	wg     sync.WaitGroup
	cancel context.CancelFunc
}

// replace starts the probes of next before it ends those before, so that no
// backend is without for longer than usual.
func (p *probing) replace(next *upstream.Upstream) {
	ctx, cancel := context.WithCancel(context.Background())
	p.wg.Go(func() { next.Run(ctx) })
	if p.cancel != nil {
		p.cancel()
	}
	p.cancel = cancel
}

// stop ends them all.
func (p *probing) stop() {
	p.cancel()
	p.wg.Wait()
}
