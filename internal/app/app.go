// Package app puts the parts together: it reads the config, builds the gateway
// and the store as two processes, stops them in order, and runs the demo.
//
// What always holds: the config is judged whole before anything starts, and again
// before a running gateway takes a changed one, which it takes whole or not at
// all; parts start in the order of the floors and stop in the reverse; the store's
// process never outlives the gateway that started it.
package app

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"log/slog"
	"os"
	"runtime/debug"
	"sync"
	"sync/atomic"

	"weir/internal/identity"
)

// Role says which of the two processes to be.
type Role string

// The roles.
const (
	RoleAll     Role = "all"     // the gateway, with the store as its child
	RoleGateway Role = "gateway" // the gateway alone
	RoleStore   Role = "store"   // the store alone, on a gateway's data folder
)

// Version is what the build recorded of itself.
func Version() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "unknown"
	}
	v := info.Main.Version
	for _, s := range info.Settings {
		if s.Key == "vcs.revision" {
			v += " " + s.Value
		}
	}
	return v + " " + info.GoVersion
}

// NewKey makes a subscription key and its hash for the config.
func NewKey() (key, hash string) { return identity.NewKey() }

// ServeOptions are what `weir serve` was told, and what it is told later.
type ServeOptions struct {
	Config string // the file
	Role   Role
	// Leash ends the process when the one that started it does. Then the config
	// comes from that one, on Stdin.
	Leash bool
	// Hangups, if not nil, tells each time that the config is to be read again.
	Hangups <-chan os.Signal
	// Hurry, if not nil, is closed to end a stop that waits for calls.
	Hurry  <-chan struct{}
	Stdin  io.Reader
	Stderr io.Writer
}

// server is a process that serves.
type server struct {
	ServeOptions
	log   *slog.Logger
	level *slog.LevelVar
	// read is how the config was read at the start; nil with Leash.
	read *reading
	// config is what the process works by: the last one that was accepted.
	config atomic.Pointer[Config]
}

// Serve runs a role until ctx ends.
func Serve(ctx context.Context, o ServeOptions) error {
	s := &server{ServeOptions: o}
	var cfg *Config
	var err error
	if o.Leash {
		if ctx, err = withLeash(ctx); err != nil {
			return err
		}
		cfg, err = takeHanded(o.Config, o.Stdin)
	} else {
		cfg, s.read, err = loadConfig(o.Config)
	}
	if err != nil {
		return err
	}
	s.config.Store(cfg)
	s.log, s.level = cfg.Telemetry.Logger(o.Stderr)
	silenceStandardLog(s.log)
	switch o.Role {
	case RoleStore:
		return runStore(ctx, cfg, s.log)
	case RoleGateway:
		return runGateway(ctx, s)
	case RoleAll:
		return s.all(ctx)
	}
	return fmt.Errorf("there is no role %q; use all, gateway or store", o.Role)
}

// all runs the gateway here and the store as a child, which is let go last. What
// it has not read by then it reads from the journal at its next start.
func (s *server) all(ctx context.Context) error {
	storeCtx, stopStore := context.WithCancel(context.WithoutCancel(ctx))
	defer stopStore()
	var wg sync.WaitGroup
	var storeErr error
	wg.Go(func() {
		storeErr = supervise(storeCtx, child{
			args:   []string{"serve", "--role", string(RoleStore), "--leash", "--config", s.Config},
			input:  func() ([]byte, error) { return handed(s.config.Load()) },
			stderr: s.Stderr,
		}, s.log)
	})
	err := runGateway(ctx, s)
	stopStore()
	wg.Wait()
	return errors.Join(err, storeErr)
}

// silenceStandardLog lets nothing through of what libraries say on the standard
// log: net/http quotes there what a backend sent out of turn, which may be an
// answer's text.
func silenceStandardLog(logger *slog.Logger) {
	log.SetFlags(0)
	log.SetOutput(complaint{logger.With("component", "library")})
}

type complaint struct{ *slog.Logger }

func (c complaint) Write(p []byte) (int, error) {
	c.Warn("a library complained; what it said may quote content and is not kept")
	return len(p), nil
}

// stops is what has been started, to be stopped in the reverse order.
type stops []func()

func (s *stops) add(stop func()) { *s = append(*s, stop) }

func (s stops) run() {
	for i := len(s) - 1; i >= 0; i-- {
		s[i]()
	}
}
