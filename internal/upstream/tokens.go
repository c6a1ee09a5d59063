package upstream

import (
	"context"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
)

const (
	renewEarly    = 5 * time.Minute  // before a token's end it is renewed
	renewLimit    = 10 * time.Second // for one renewal, and so for who waits for it
	pauseWithout  = time.Second      // after a failure, without a valid token
	pauseWith     = 10 * time.Second // after one, while a token is still valid
	refusedAtMost = time.Minute      // between two renewals because of a refusal
	maxToken      = 64 << 10         // bytes; Entra's have a few thousand
)

// token is one token. It does not change.
type token struct {
	value    [1]string // the Authorization field's
	obtained time.Time
	renew    time.Time // from here on a new one is fetched while this one is used
	expires  time.Time
	refused  bool // by the backend: wait for a new one
}

// tokens keeps the current token of one identity for one scope.
type tokens struct {
	method, scope string
	make          func(policy.Transporter) (azcore.TokenCredential, error)
	transport     http.RoundTripper
	current       atomic.Pointer[token]

	ctx  context.Context // ends with close
	stop context.CancelFunc
	work sync.WaitGroup

	mu      sync.Mutex
	retired bool
	flight  *renewal  // under way
	failure error     // of the last one, nil when it succeeded
	next    time.Time // no other one before
	forced  time.Time // when a refusal last asked for one
}

// renewal is a request for a token that callers share. What came of it is there
// when done is closed.
type renewal struct {
	done  chan struct{}
	ended context.Context // at renewLimit
	token *token
	err   error
}

func newTokens(method, scope string, rt http.RoundTripper, make func(policy.Transporter) (azcore.TokenCredential, error)) *tokens {
	t := &tokens{method: method, scope: scope, make: make}
	if rt == nil {
		rt, _ = newTransport(Egress{}) // fails for files only
	}
	t.transport = rt
	t.ctx, t.stop = context.WithCancel(context.Background())
	return t
}

// retire says that only calls of a former setup use the tokens now: none is fetched
// while there is one that is valid, and the connections are closed, now or when the
// renewal under way is over.
func (s *tokens) retire() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.retired = true
	if s.flight == nil {
		s.closeIdle()
	}
}

func (s *tokens) closeIdle() {
	if t, ok := s.transport.(interface{ CloseIdleConnections() }); ok {
		t.CloseIdleConnections()
	}
}

// adopt takes over the token of the same identity for the same scope, before use.
func (s *tokens) adopt(old *tokens) {
	if t := old.current.Load(); t != nil {
		s.current.Store(t)
	}
}

// close stops a renewal under way and waits for it.
func (s *tokens) close() {
	s.mu.Lock()
	s.stop()
	s.mu.Unlock()
	s.work.Wait()
	s.closeIdle()
}

// token gives a valid token. One load of it is all that most calls cost.
func (s *tokens) token(ctx context.Context) (*token, error) {
	for {
		t, now := s.current.Load(), time.Now()
		if t != nil && now.Before(t.renew) {
			return t, nil
		}
		valid := t != nil && now.Before(t.expires)
		r, err := s.renewal(t, now)
		switch {
		case r == nil && err == nil:
			continue // it is another one by now
		case valid && (err != nil || !t.refused):
			return t, nil
		case err != nil:
			return nil, err
		}
		got, err := s.wait(ctx, r)
		if err != nil && valid && ctx.Err() == nil {
			return t, nil
		}
		return got, err
	}
}

func (s *tokens) wait(ctx context.Context, r *renewal) (*token, error) {
	select {
	case <-r.done:
		return r.token, r.err
	case <-ctx.Done():
		return nil, &CredentialError{Method: s.method, Reason: "the call ended while it waited", Err: ctx.Err()}
	case <-r.ended.Done():
	}
	select {
	case <-r.done:
		return r.token, r.err
	default:
		return nil, s.late()
	}
}

func (s *tokens) late() error {
	return &CredentialError{Method: s.method, Reason: "the token endpoint did not answer in time"}
}

// renewal gives the renewal under way, and begins it where there is none; nil
// where t is no longer the current token, and with an error where the last one
// failed a moment ago or none is made any more.
func (s *tokens) renewal(t *token, now time.Time) (*renewal, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.current.Load() != t:
		return nil, nil
	case s.flight != nil:
		return s.flight, nil
	case s.ctx.Err() != nil, s.retired && t != nil && !t.refused && now.Before(t.expires):
		return nil, &CredentialError{Method: s.method, Reason: "the backend is no longer in the configuration"}
	case now.Before(s.next):
		return nil, s.failure
	}
	ctx, cancel := context.WithTimeout(s.ctx, renewLimit)
	r := &renewal{done: make(chan struct{}), ended: ctx}
	s.flight = r
	s.work.Go(func() {
		defer cancel()
		r.token, r.err = s.fetch(ctx, t != nil && t.refused)
		s.mu.Lock()
		defer s.mu.Unlock()
		s.flight = nil
		s.settle(t, r)
		close(r.done)
		if s.retired {
			s.closeIdle()
		}
	})
	return r, nil
}

// settle keeps what came of a renewal of old.
func (s *tokens) settle(old *token, r *renewal) {
	now := time.Now()
	s.failure, s.next = r.err, time.Time{}
	if r.err == nil {
		s.current.Store(r.token)
		return
	}
	s.next = now.Add(pauseWithout)
	if old == nil || !now.Before(old.expires) {
		return
	}
	s.next = latest(s.next, earliest(now.Add(pauseWith), old.expires))
	if old.refused {
		again := *old
		again.refused, again.renew = false, latest(now, old.expires.Add(-renewEarly))
		s.current.Store(&again)
	}
}

// refused makes the next call for a token wait for another than the current one,
// unless that is younger than a minute.
func (s *tokens) refused() {
	s.mu.Lock()
	defer s.mu.Unlock()
	t, now := s.current.Load(), time.Now()
	if t == nil || t.refused || now.Sub(t.obtained) < refusedAtMost || now.Sub(s.forced) < refusedAtMost {
		return
	}
	s.forced = now
	again := *t
	again.refused, again.renew = true, time.Time{}
	s.current.Store(&again)
}

func earliest(a, b time.Time) time.Time {
	if a.Before(b) {
		return a
	}
	return b
}

func latest(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}
