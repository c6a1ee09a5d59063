package app

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"time"

	"weir/internal/sim"
)

// SimOptions are what `weir sim` was told.
type SimOptions struct {
	Listen, Kind, Name, Region string
	Keys                       []string
	Deployments                []string // NAME, NAME=MODEL or NAME=MODEL:TPM
	Seed                       uint64
	FirstToken, PerToken       time.Duration
	Jitter                     float64
	Faults                     []string // RATE:CONTROLS
}

// options reads the command line's forms of deployments and faults.
func (o SimOptions) options() (sim.Options, error) {
	so := sim.Options{Name: o.Name, Region: o.Region, Kind: o.Kind, Keys: o.Keys, Seed: o.Seed,
		FirstToken: o.FirstToken, PerToken: o.PerToken, Jitter: o.Jitter}
	var errs []error
	for _, d := range o.Deployments {
		name, model, _ := strings.Cut(d, "=")
		model, limit, limited := strings.Cut(model, ":")
		dep := sim.Deployment{Name: name, Model: model}
		if limited {
			n, err := strconv.Atoi(limit)
			if err != nil {
				errs = append(errs, fmt.Errorf("deployment %q: tokens per minute must be a number, as in %s=%s:30000", d, name, model))
			}
			dep.TokensPerMinute = n
		}
		so.Deployments = append(so.Deployments, dep)
	}
	for _, f := range o.Faults {
		rate, controls, ok := strings.Cut(f, ":")
		share, err := strconv.ParseFloat(rate, 64)
		if !ok || err != nil {
			errs = append(errs, fmt.Errorf("fault %q: write RATE:CONTROLS, as in 0.1:status=503", f))
			continue
		}
		so.Faults = append(so.Faults, sim.Fault{Rate: share, Controls: controls})
	}
	return so, errors.Join(errs...)
}

// Simulate serves one simulator until ctx ends.
func Simulate(ctx context.Context, o SimOptions, out io.Writer) error {
	so, err := o.options()
	if err != nil {
		return err
	}
	s, err := sim.New(so)
	if err != nil {
		return err
	}
	l, err := net.Listen("tcp", o.Listen)
	if err != nil {
		return fmt.Errorf("open the simulator's listener: %w", err)
	}
	fmt.Fprintf(out, "a simulator of kind %s (not a model) answers at http://%s\n", o.Kind, l.Addr())
	return serveUntil(ctx, &http.Server{Handler: s.Handler(), ReadHeaderTimeout: 10 * time.Second}, l)
}

// serveUntil serves until ctx ends, and then gives calls a moment to end.
func serveUntil(ctx context.Context, srv *http.Server, l net.Listener) error {
	failed := make(chan error, 1)
	go func() { failed <- srv.Serve(l) }()
	select {
	case err := <-failed:
		return err
	case <-ctx.Done():
	}
	drain, cancel := context.WithTimeout(context.WithoutCancel(ctx), 2*time.Second)
	defer cancel()
	if srv.Shutdown(drain) != nil {
		srv.Close()
	}
	<-failed
	return nil
}
