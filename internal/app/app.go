// Package app puts the parts together: it reads the config, builds the gateway
// and the store as two processes, stops them in order, and runs the demo.
//
// What always holds: the config is judged whole before anything starts; parts
// start in the order of the floors and stop in the reverse; the store's process
// never outlives the gateway that started it.
package app

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"log/slog"
	"runtime/debug"
	"sync"

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

// Serve runs a role by the config file until ctx ends. With leash it ends, too,
// when the process that started it does.
func Serve(ctx context.Context, file string, role Role, leash bool, stderr io.Writer) error {
	cfg, err := LoadConfig(file)
	if err != nil {
		return err
	}
	logger := cfg.Telemetry.Logger(stderr)
	silenceStandardLog(logger)
	if leash {
		if ctx, err = withLeash(ctx); err != nil {
			return err
		}
	}
	switch role {
	case RoleStore:
		return runStore(ctx, cfg, logger)
	case RoleGateway:
		return runGateway(ctx, cfg, logger)
	case RoleAll:
		return serveAll(ctx, cfg, stderr, logger)
	}
	return fmt.Errorf("there is no role %q; use all, gateway or store", role)
}

// serveAll runs the gateway here and the store as a child, which is let go last.
// What it has not read by then it reads from the journal at its next start.
func serveAll(ctx context.Context, cfg *Config, stderr io.Writer, log *slog.Logger) error {
	storeCtx, stopStore := context.WithCancel(context.WithoutCancel(ctx))
	defer stopStore()
	var wg sync.WaitGroup
	var storeErr error
	wg.Go(func() {
		storeErr = supervise(storeCtx, []string{"serve", "--role", string(RoleStore), "--leash", "--config", cfg.file}, stderr, log)
	})
	err := runGateway(ctx, cfg, log)
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
