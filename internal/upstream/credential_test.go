package upstream

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/google/go-cmp/cmp"
)

// source is an Entra of its own: its tokens are t1, t2 and so on.
type source struct {
	mu    sync.Mutex
	calls int
	life  time.Duration
	takes time.Duration // until it answers, which a context cuts short
	deaf  bool          // to contexts
	err   error
	token string // instead of t1 and so on
	early time.Duration
}

func (s *source) GetToken(ctx context.Context, _ policy.TokenRequestOptions) (azcore.AccessToken, error) {
	s.mu.Lock()
	s.calls++
	n, takes, deaf, err, token := s.calls, s.takes, s.deaf, s.err, s.token
	s.mu.Unlock()
	if deaf {
		time.Sleep(takes)
	} else if takes > 0 {
		select {
		case <-time.After(takes):
		case <-ctx.Done():
			return azcore.AccessToken{}, errors.New("hidden")
		}
	}
	if token == "" {
		token = fmt.Sprintf("t%d", n)
	}
	got := azcore.AccessToken{Token: token, ExpiresOn: time.Now().Add(s.life)}
	if s.early > 0 {
		got.RefreshOn = time.Now().Add(s.early)
	}
	return got, err
}

func (s *source) set(change func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	change()
}

func (s *source) credential() *credential {
	c := &credential{field: "Authorization", tokens: newTokens("test", "scope", nil, func(policy.Transporter) (azcore.TokenCredential, error) {
		return s, nil
	})}
	return c
}

// applied gives the field that c applies, or its error's text.
func applied(ctx context.Context, c *credential) string {
	h := http.Header{}
	if err := c.apply(ctx, h); err != nil {
		var e *CredentialError
		if !errors.As(err, &e) {
			return "an error of another type"
		}
		return err.Error()
	}
	return h.Get("Authorization")
}

func TestKey(t *testing.T) {
	for _, tt := range []struct {
		kind, key string
		want      http.Header
	}{
		{KindAzure, "k", http.Header{"Api-Key": {"k"}}},
		{KindOpenAI, "k", http.Header{"Authorization": {"Bearer k"}}},
		{KindManagement, "k", http.Header{"Authorization": {"Bearer k"}}},
		{KindAzure, "", http.Header{}},
		{KindOpenAI, "", http.Header{}},
	} {
		c, err := newCredential(tt.kind, tt.key, nil, nil)
		if err != nil {
			t.Fatal(err)
		}
		h := http.Header{}
		c.Refused()
		if err := c.apply(t.Context(), h); err != nil {
			t.Error(err)
		}
		if d := cmp.Diff(tt.want, h); d != "" {
			t.Errorf("%s: %s", tt.kind, d)
		}
		if n := testing.AllocsPerRun(100, func() { _ = c.apply(t.Context(), h) }); n > 0 {
			t.Errorf("%s: %v allocations", tt.kind, n)
		}
		c.close()
	}
}

// inTime runs f with c of s in time of its own.
func inTime(t *testing.T, s *source, f func(t *testing.T, c *credential, expect func(string))) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		c := s.credential()
		defer c.close()
		f(t, c, func(want string) {
			t.Helper()
			if got := applied(t.Context(), c); !strings.HasSuffix(got, want) {
				t.Errorf("%q, want %q", got, want)
			}
			synctest.Wait()
		})
	})
}

func TestRenewal(t *testing.T) {
	inTime(t, &source{life: time.Hour, takes: time.Second}, func(t *testing.T, c *credential, expect func(string)) {
		expect("Bearer t1")
		h := http.Header{}
		if n := testing.AllocsPerRun(100, func() { _ = c.apply(t.Context(), h) }); n > 0 {
			t.Errorf("%v allocations with a token", n)
		}
		time.Sleep(55*time.Minute - 2*time.Second)
		expect("Bearer t1")
		time.Sleep(2 * time.Second)
		began := time.Now()
		expect("Bearer t1") // begins the renewal
		expect("Bearer t1")
		if time.Since(began) > 0 {
			t.Error("waited for a renewal with a valid token")
		}
		time.Sleep(time.Second)
		synctest.Wait()
		expect("Bearer t2")
		time.Sleep(2 * time.Hour)
		began = time.Now()
		expect("Bearer t3")
		if time.Since(began) != time.Second {
			t.Error("did not wait for a renewal without a valid token")
		}
	})
	inTime(t, &source{life: 24 * time.Hour, early: time.Hour}, func(t *testing.T, _ *credential, expect func(string)) {
		expect("Bearer t1")
		time.Sleep(time.Hour)
		expect("Bearer t1")
		expect("Bearer t2")
	})
	inTime(t, &source{life: 2 * time.Minute}, func(t *testing.T, _ *credential, expect func(string)) {
		expect("Bearer t1") // short-lived: renewed at half its life
		time.Sleep(59 * time.Second)
		expect("Bearer t1")
		time.Sleep(time.Second)
		expect("Bearer t1")
		expect("Bearer t2")
	})
}

func TestShared(t *testing.T) {
	s := &source{life: time.Hour, takes: time.Second}
	inTime(t, s, func(t *testing.T, c *credential, _ func(string)) {
		hundred := func(want string) {
			var wg sync.WaitGroup
			for range 100 {
				wg.Go(func() {
					if got := applied(t.Context(), c); !strings.HasSuffix(got, want) {
						t.Errorf("%q, want %q", got, want)
					}
				})
			}
			wg.Wait()
		}
		hundred("Bearer t1")
		s.set(func() { s.err = errors.New("hidden") })
		time.Sleep(time.Hour)
		hundred("cannot be used")
		if s.calls != 2 {
			t.Errorf("%d requests for tokens", s.calls)
		}
	})
}

func TestFailure(t *testing.T) {
	s := &source{life: time.Hour, err: errors.New("hidden")}
	inTime(t, s, func(t *testing.T, _ *credential, expect func(string)) {
		calls := func(want int) {
			t.Helper()
			if s.calls != want {
				t.Errorf("%d requests for tokens, want %d", s.calls, want)
			}
		}
		expect("cannot be used")
		expect("cannot be used")
		calls(1) // remembered
		time.Sleep(time.Second)
		expect("cannot be used")
		calls(2)
		s.set(func() { s.err = nil })
		time.Sleep(time.Second)
		expect("Bearer t3")
		s.set(func() { s.err = errors.New("hidden") })
		time.Sleep(55 * time.Minute)
		for range 5*60 - 1 {
			expect("Bearer t3") // used until its end
			time.Sleep(time.Second)
		}
		calls(3 + 30)
		s.set(func() { s.err = nil })
		time.Sleep(time.Second)
		expect("Bearer t34")
	})
}

func TestHanging(t *testing.T) {
	for _, deaf := range []bool{false, true} {
		inTime(t, &source{life: time.Hour, takes: time.Minute, deaf: deaf}, func(t *testing.T, c *credential, expect func(string)) {
			began := time.Now()
			ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second)
			defer cancel()
			err := c.apply(ctx, http.Header{})
			if !errors.Is(err, context.DeadlineExceeded) || time.Since(began) != 3*time.Second {
				t.Errorf("after %v: %v", time.Since(began), err)
			}
			expect("did not answer in time")
			if took := time.Since(began); took != 10*time.Second {
				t.Errorf("took %v", took)
			}
		})
	}
}

func TestUnusable(t *testing.T) {
	for name, s := range map[string]*source{
		"a line end": {life: time.Hour, token: "hidden\r\nX: y"}, "a blank": {life: time.Hour, token: "hidden hidden"},
		"too long": {life: time.Hour, token: strings.Repeat("hidden", 20000)}, "expired": {life: -time.Second, token: "hidden"},
	} {
		inTime(t, s, func(t *testing.T, c *credential, _ func(string)) {
			if got := applied(t.Context(), c); !strings.HasSuffix(got, "no usable token in it") {
				t.Errorf("%s: %q", name, got)
			}
		})
	}
}

func TestRefused(t *testing.T) {
	s := &source{life: time.Hour}
	inTime(t, s, func(t *testing.T, c *credential, expect func(string)) {
		c.Refused()
		expect("Bearer t1")
		c.Refused()
		expect("Bearer t1") // too new to be renewed
		time.Sleep(time.Minute)
		c.Refused()
		c.Refused()
		expect("Bearer t2")
		c.Refused() // a late answer to t1
		expect("Bearer t2")
		s.set(func() { s.err = errors.New("hidden") })
		time.Sleep(time.Minute)
		c.Refused()
		expect("Bearer t2") // there is no other
		c.Refused()
		expect("Bearer t2")
		if s.calls != 3 {
			t.Errorf("%d requests for tokens", s.calls)
		}
		s.set(func() { s.err, s.takes = nil, time.Second })
		time.Sleep(time.Minute)
		c.Refused()
		expect("Bearer t4")
	})
}

func TestClose(t *testing.T) {
	s := &source{life: time.Hour}
	inTime(t, s, func(t *testing.T, c *credential, expect func(string)) {
		expect("Bearer t1")
		s.set(func() { s.takes = time.Minute })
		time.Sleep(56 * time.Minute)
		expect("Bearer t1")
		began := time.Now()
		c.close()
		c.close()
		if time.Since(began) > 0 {
			t.Error("close waited for the endpoint")
		}
		expect("Bearer t1")
		time.Sleep(time.Hour)
		expect("no longer in the configuration")
	})
}

func BenchmarkApply(b *testing.B) {
	s := &source{life: time.Hour}
	c := s.credential()
	defer c.close()
	h := http.Header{}
	b.ReportAllocs()
	for b.Loop() {
		if err := c.apply(b.Context(), h); err != nil {
			b.Fatal(err)
		}
	}
}
