package front

import (
	"context"
	"fmt"
	"sync"
	"time"
)

// Stop is what a server that stops needs of those who know what it does not:
// connections that were taken from it, as WebSockets are.
type Stop struct {
	// Idle, if not nil, waits until nothing of that kind is under way, or ctx ends.
	Idle func(ctx context.Context)
	// Cut, if not nil, ends what is left of it. It is called just before the server
	// cuts its own connections, so that what then fails is known to be cut.
	Cut func()
	// Hurry, if not nil, ends the delay and the drain when it is closed: what is
	// left is cut at once.
	Hurry <-chan struct{}
}

// Serve serves until ctx ends. Then it goes on for the drain's delay, with answers
// that ask for their connections to be closed; closes the listener; lets what is
// in flight end within the drain's timeout; and cuts the rest. It returns when
// nothing is left that it knows of, nil unless listening failed.
func (s *Server) Serve(ctx context.Context, stop Stop) error {
	var wg sync.WaitGroup
	defer wg.Wait()
	watch, unwatch := context.WithCancel(context.WithoutCancel(ctx))
	defer unwatch()
	if s.certs != nil {
		wg.Go(func() { s.certs.watch(watch) })
	}
	failed := make(chan error, 1)
	go func() { failed <- s.listen() }()
	select {
	case err := <-failed:
		return fmt.Errorf("serving: %w", err)
	case <-ctx.Done():
	}
	s.draining.Store(true)
	select {
	case err := <-failed:
		return fmt.Errorf("serving, before the end: %w", err)
	case <-stop.Hurry:
	case <-time.After(s.live.Load().DrainDelay):
	}
	err := s.drain(context.WithoutCancel(ctx), stop)
	<-failed
	if err != nil {
		return fmt.Errorf("stopping: %w", err)
	}
	return nil
}

func (s *Server) listen() error {
	if s.certs != nil {
		return s.srv.ServeTLS(s.gate, "", "")
	}
	return s.srv.Serve(s.gate)
}

// drain waits for the server's calls and for what stop knows, and cuts what is
// left of both when the time is over.
func (s *Server) drain(ctx context.Context, stop Stop) error {
	ctx, cancel := context.WithTimeout(ctx, s.live.Load().DrainTimeout)
	defer cancel()
	var wg sync.WaitGroup
	defer wg.Wait()
	over := ctx.Done()
	wg.Go(func() {
		select {
		case <-stop.Hurry:
			cancel()
		case <-over:
		}
	})
	defer cancel() // before the goroutine is waited for
	err := s.srv.Shutdown(ctx)
	if err == nil && stop.Idle != nil { // no call is left that could become another WebSocket
		stop.Idle(ctx)
		err = ctx.Err()
	}
	if ctx.Err() == nil {
		return err
	}
	if stop.Cut != nil {
		stop.Cut()
	}
	return s.srv.Close()
}
