package proxy

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"weir/internal/upstream"
)

// attemptAt is an attempt at a backend with the given times.
func attemptAt(t *testing.T, headers, idle time.Duration) (*attempt, context.Context) {
	t.Helper()
	u, err := upstream.New(upstream.Config{Backends: []upstream.Backend{{
		Name: "a", Kind: upstream.KindAzure, URL: "http://a", Timeout: headers, IdleTimeout: idle,
	}}}, nil, nil, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	x := &exchange{r: httptest.NewRequest("POST", "/", nil)}
	m := u.Backend("a")
	ticket, _ := m.Admit(time.Now())
	a, ctx := x.beginAttempt(m, ticket)
	return a, ctx
}

// drip is a body that gives a byte at each of some intervals, and then nothing
// until its attempt ends.
type drip struct {
	ctx   context.Context
	every []time.Duration
}

func (d *drip) Read(p []byte) (int, error) {
	if len(d.every) == 0 {
		<-d.ctx.Done()
		return 0, d.ctx.Err()
	}
	time.Sleep(d.every[0])
	d.every = d.every[1:]
	return copy(p, "x"), nil
}

func (d *drip) Close() error { return nil }

// TestAttemptTime: a backend has its time until the headers, and then for each
// further part of the body; what the client takes does not count.
func TestAttemptTime(t *testing.T) {
	const headers, idle = 8 * time.Second, time.Second
	for _, tt := range []struct {
		name    string
		do      func(t *testing.T, a *attempt, ctx context.Context) error
		ends    time.Duration // at least; at most a quarter of the limit later
		expired bool
	}{
		{"no headers", func(_ *testing.T, a *attempt, ctx context.Context) error {
			<-ctx.Done()
			return a.told(ctx.Err())
		}, headers, true},
		{"the request is being taken", func(_ *testing.T, a *attempt, ctx context.Context) error {
			body := taken{io.NopCloser(strings.NewReader(strings.Repeat("x", 10))), a}
			for range 10 {
				time.Sleep(headers / 2)
				body.Read(make([]byte, 1))
			}
			<-ctx.Done()
			return a.told(ctx.Err())
		}, 5*headers + headers, true},
		{"the client is slow to send", func(_ *testing.T, a *attempt, ctx context.Context) error {
			taken{&drip{ctx, []time.Duration{10 * headers}}, a}.Read(make([]byte, 1))
			return ctx.Err()
		}, 10 * headers, false},
		{"silent in the midst", func(_ *testing.T, a *attempt, ctx context.Context) error {
			time.Sleep(headers / 2)
			resp := &http.Response{StatusCode: 200, Body: &drip{ctx, []time.Duration{idle / 2, idle / 2, idle / 2}}}
			a.answered(resp)
			_, err := io.ReadAll(resp.Body)
			return a.told(err)
		}, headers/2 + 3*idle/2 + idle, true},
		{"a slow client", func(_ *testing.T, a *attempt, ctx context.Context) error {
			resp := &http.Response{StatusCode: 200, Body: &drip{ctx, []time.Duration{1, 1, 1}}}
			a.answered(resp)
			for range 3 {
				resp.Body.Read(make([]byte, 1))
				time.Sleep(10 * headers) // the client takes it
			}
			return ctx.Err()
		}, 30 * headers, false},
		{"a socket", func(_ *testing.T, a *attempt, ctx context.Context) error {
			a.answered(&http.Response{StatusCode: 101, Body: &drip{ctx, nil}})
			time.Sleep(100 * headers)
			return ctx.Err()
		}, 100 * headers, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				a, ctx := attemptAt(t, headers, idle)
				begun := time.Now()
				err := tt.do(t, a, ctx)
				took := time.Since(begun)
				a.end()
				if took < tt.ends || took > tt.ends+headers/ticks {
					t.Errorf("it ended after %v, want %v", took, tt.ends)
				}
				if !tt.expired && err != nil || tt.expired && !errors.Is(err, quietError{}) {
					t.Errorf("%v", err)
				}
				synctest.Wait() // the timer is no more
			})
		})
	}
}

// TestPause: between two rounds a call waits as the policy says, not beyond its
// budget, and not for a client that is gone.
func TestPause(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, leave := context.WithCancel(t.Context())
		x := &exchange{r: httptest.NewRequestWithContext(ctx, "POST", "/", nil)}
		tr := tries{x: x, until: time.Now().Add(10 * time.Second)}
		begun := time.Now()
		if !tr.pause(4*time.Second) || time.Since(begun) != 4*time.Second {
			t.Errorf("paused %v", time.Since(begun))
		}
		if tr.pause(7 * time.Second) {
			t.Error("it would have ended beyond the budget")
		}
		time.AfterFunc(time.Second, leave)
		if tr.pause(5*time.Second) || time.Since(begun) != 5*time.Second {
			t.Errorf("the client left, and it paused until %v", time.Since(begun))
		}
	})
}
