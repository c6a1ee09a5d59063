package upstream

import (
	"net/http"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
)

// idle counts how often its idle connections are closed.
type idle struct {
	http.RoundTripper
	closed atomic.Int32
}

func (i *idle) CloseIdleConnections() { i.closed.Add(1) }

// Calls of the setup before a reload get tokens to their end.
func TestRetire(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, rt := &source{life: time.Hour, takes: 2 * time.Second}, &idle{}
		c := &credential{field: "Authorization", tokens: newTokens("test", "scope", rt, func(policy.Transporter) (azcore.TokenCredential, error) { return s, nil })}
		defer c.close()
		expect := func(want string, took time.Duration) {
			t.Helper()
			began := time.Now()
			if got := applied(t.Context(), c); got != want || time.Since(began) != took {
				t.Errorf("%q after %v, want %q after %v", got, time.Since(began), want, took)
			}
			synctest.Wait()
		}
		waiting := make(chan string)
		go func() { waiting <- applied(t.Context(), c) }()
		time.Sleep(time.Second)
		began := time.Now()
		c.retire()
		if time.Since(began) > 0 || rt.closed.Load() != 0 {
			t.Error("retire waited, or closed connections in use")
		}
		if got := <-waiting; got != "Bearer t1" {
			t.Errorf("a call that waited got %q", got)
		}
		synctest.Wait()
		if rt.closed.Load() != 1 {
			t.Errorf("connections closed %d times", rt.closed.Load())
		}
		time.Sleep(56 * time.Minute)
		expect("Bearer t1", 0)
		time.Sleep(3 * time.Minute)
		expect("Bearer t1", 0)
		if s.calls != 1 {
			t.Errorf("a token was renewed while it was valid: %d requests", s.calls)
		}
		time.Sleep(time.Hour)
		expect("Bearer t2", 2*time.Second)
		time.Sleep(time.Minute)
		c.Refused()
		expect("Bearer t3", 2*time.Second)
		c.retire()
		if rt.closed.Load() != 4 {
			t.Errorf("connections closed %d times", rt.closed.Load())
		}
	})
}

// What proves the same is the same token, by whatever way it was had.
func TestTokenOutlivesEgress(t *testing.T) {
	config := func(connect time.Duration, client string) Config {
		e := &Entra{Method: MethodClientSecret, TenantID: tenant, ClientID: client, ClientSecret: "hidden"}
		return Config{Backends: []Backend{{Name: "east", Kind: KindAzure, URL: "https://east", Entra: e, Egress: Egress{ConnectTimeout: connect}}}}
	}
	u := newUpstream(t, config(time.Second, "app"), nil)
	now := time.Now()
	u.hosts[0].cred.tokens.current.Store(&token{value: [1]string{"Bearer x"}, obtained: now, renew: now.Add(time.Hour), expires: now.Add(time.Hour)})
	v := newUpstream(t, config(2*time.Second, "app"), u)
	u.Replace(v)
	for name, up := range map[string]*Upstream{"old": u, "new": v} {
		h := http.Header{}
		if err := up.Backends()[0].Prove(t.Context(), h); err != nil || h.Get("Authorization") != "Bearer x" {
			t.Errorf("%s: %v", name, err)
		}
	}
	if u.hosts[0].cred == v.hosts[0].cred {
		t.Error("one credential for two ways to Entra")
	}
	if w := newUpstream(t, config(2*time.Second, "other"), v); w.hosts[0].cred.tokens.current.Load() != nil {
		t.Error("another application has the token of the one before")
	}
}
