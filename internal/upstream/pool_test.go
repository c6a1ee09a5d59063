package upstream

import (
	"fmt"
	"math"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
)

// abc is a config of three backends and a deployment of them.
func abc(d Deployment, targets ...Target) Config {
	cfg := Config{}
	for _, n := range []string{"a", "b", "c"} {
		cfg.Backends = append(cfg.Backends, Backend{Name: n, Kind: KindAzure, URL: "https://" + n})
	}
	d.Name = "gpt"
	d.Backends = targets
	cfg.Deployments = []Deployment{d}
	return cfg
}

func order(p *Pool, session string) string {
	s := ""
	for _, m := range p.Order(nil, time.Now(), session) {
		s += m.Backend
	}
	return s
}

// say has a backend answer a call of the pool's with a status.
func say(t *testing.T, p *Pool, backend string, status int, after time.Duration) {
	t.Helper()
	m := On(p.Members(), backend)
	ticket, ok := m.Admit(time.Now())
	if !ok {
		t.Fatalf("%s lets no call through", backend)
	}
	m.Report(time.Now(), ticket, Outcome{Status: status, RetryAfter: after})
	m.Done()
}

func TestOrder(t *testing.T) {
	for _, tt := range []struct {
		name    string
		targets []Target
		tripped string
		want    string
	}{
		{"even", []Target{{Backend: "a"}, {Backend: "b"}}, "", "ab ba ab ba"},
		{"uneven", []Target{{Backend: "a", Weight: 3}, {Backend: "b"}}, "", "ab ab ba ab ab ab ba ab"},
		{"the next group waits", []Target{{Backend: "c", Priority: 2}, {Backend: "a"}, {Backend: "b"}}, "", "abc bac abc"},
		{"one tripped", []Target{{Backend: "c", Priority: 2}, {Backend: "a"}, {Backend: "b"}}, "a", "bca bca"},
		{"the group tripped", []Target{{Backend: "c", Priority: 2}, {Backend: "a"}, {Backend: "b"}}, "ab", "cab cab"},
		{"all tripped", []Target{{Backend: "a"}, {Backend: "b"}}, "ab", "ab ab"},
		{"three groups", []Target{{Backend: "a", Priority: 3}, {Backend: "b", Priority: 2}, {Backend: "c", Priority: 1}}, "c", "bac bac"},
	} {
		p := newUpstream(t, abc(Deployment{}, tt.targets...), nil).Pool("gpt")
		for _, b := range tt.tripped {
			say(t, p, string(b), 429, time.Minute)
		}
		var got []string
		for range strings.Count(tt.want, " ") + 1 {
			got = append(got, order(p, ""))
		}
		if d := cmp.Diff(tt.want, strings.Join(got, " ")); d != "" {
			t.Errorf("%s: %s", tt.name, d)
		}
	}
}

// TestShares: shares follow the weights among those that can take calls.
func TestShares(t *testing.T) {
	p := newUpstream(t, abc(Deployment{}, Target{Backend: "a", Weight: 5}, Target{Backend: "b", Weight: 3}, Target{Backend: "c", Weight: 2}), nil).Pool("gpt")
	count := func(n int) map[byte]int {
		got := map[byte]int{}
		for range n {
			got[order(p, "")[0]]++
		}
		return got
	}
	if d := cmp.Diff(map[byte]int{'a': 500, 'b': 300, 'c': 200}, count(1000)); d != "" {
		t.Error(d)
	}
	say(t, p, "b", 429, time.Minute)
	if d := cmp.Diff(map[byte]int{'a': 500, 'c': 200}, count(700)); d != "" {
		t.Error(d)
	}
}

func TestLeastOutstanding(t *testing.T) {
	p := newUpstream(t, abc(Deployment{Balance: leastOutstanding}, Target{Backend: "a", Weight: 2}, Target{Backend: "b"}), nil).Pool("gpt")
	got := ""
	for range 6 { // none of them ends
		m := p.Order(nil, time.Now(), "")[0]
		m.Admit(time.Now())
		got += m.Backend
	}
	if a, b := strings.Count(got, "a"), strings.Count(got, "b"); a != 4 || b != 2 {
		t.Errorf("%s: %d and %d", got, a, b)
	}
	b := On(p.Members(), "b")
	b.Done()
	b.Done()
	if got := order(p, ""); got != "ba" {
		t.Errorf("after b's calls have ended: %s", got)
	}
}

// TestHeadroom: a backend with little of its limit left gets fewer calls, before
// it has to refuse any.
func TestHeadroom(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newUpstream(t, abc(Deployment{}, Target{Backend: "a"}, Target{Backend: "b"}), nil).Pool("gpt")
		share := func() (a int) {
			for range 1000 {
				if order(p, "")[0] == 'a' {
					a++
				}
			}
			return a
		}
		for _, tt := range []struct{ left, want int }{{100, 500}, {20, 500}, {10, 333}, {5, 200}, {0, 5}} {
			h := http.Header{"X-Ratelimit-Remaining-Tokens": {strconv.Itoa(tt.left)}, "X-Ratelimit-Limit-Tokens": {"100"}}
			On(p.Members(), "a").Answered(&http.Response{Header: h}, time.Now())
			if got := share(); math.Abs(float64(got-tt.want)) > 5 {
				t.Errorf("with %d%% left: %d of 1000 calls, want %d", tt.left, got, tt.want)
			}
		}
		time.Sleep(2 * time.Minute) // what was said then says nothing now
		if got := share(); got != 500 {
			t.Errorf("later: %d of 1000", got)
		}
	})
}

// TestSessions: a session stays where it is, also when others come and go, and
// sessions spread by weight.
func TestSessions(t *testing.T) {
	p := newUpstream(t, abc(Deployment{Affinity: Affinity{Caller: true}}, Target{Backend: "a", Weight: 2}, Target{Backend: "b"}, Target{Backend: "c"}), nil).Pool("gpt")
	at := map[string]byte{}
	counts := map[byte]int{}
	const n = 4000
	for i := range n {
		s := fmt.Sprint("session ", i)
		at[s] = order(p, s)[0]
		counts[at[s]]++
		if again := order(p, s)[0]; again != at[s] {
			t.Fatalf("%s moved from %c to %c", s, at[s], again)
		}
	}
	for b, want := range map[byte]int{'a': n / 2, 'b': n / 4, 'c': n / 4} {
		if math.Abs(float64(counts[b]-want)) > n/25 {
			t.Errorf("%c has %d of %d sessions, want about %d", b, counts[b], n, want)
		}
	}
	say(t, p, "b", 429, time.Minute)
	for s, was := range at {
		if now := order(p, s)[0]; now == 'b' || was != 'b' && now != was {
			t.Fatalf("%s moved from %c to %c when b tripped", s, was, now)
		}
	}
}

// TestSessionsOfOneBackend: two deployments of one backend share a pool's sessions,
// and a caller's home is the same backend whatever the deployments are.
func TestSessionsOfOneBackend(t *testing.T) {
	p := newUpstream(t, abc(Deployment{}, Target{Backend: "a", Deployment: "one"}, Target{Backend: "a", Deployment: "two"}, Target{Backend: "b"}, Target{Backend: "c"}), nil).Pool("gpt")
	counts := map[string]int{}
	const n = 4000
	for i := range n {
		s := fmt.Sprint("session ", i)
		m := p.Order(nil, time.Now(), s)[0]
		counts[m.Backend+m.Deployment]++
		var plain []*Member
		for _, m := range p.Members() {
			plain = append(plain, &Member{Backend: m.Backend})
		}
		home := Home(nil, p.Members(), s)
		if with, without := home[0].Backend, Home(nil, plain, s)[0].Backend; with != without {
			t.Fatalf("%s: home is %s with deployments, %s without", s, with, without)
		}
		counts["home "+home[0].Backend+home[0].Deployment]++
	}
	for name, want := range map[string]int{"aone": n / 4, "atwo": n / 4, "bgpt": n / 4, "cgpt": n / 4, "home aone": n / 6, "home atwo": n / 6, "home bgpt": n / 3} {
		if math.Abs(float64(counts[name]-want)) > n/25 {
			t.Errorf("%s has %d of %d sessions, want about %d", name, counts[name], n, want)
		}
	}
}

// TestReload: what is remembered of a backend outlives another config.
func TestReload(t *testing.T) {
	cfg := abc(Deployment{}, Target{Backend: "a"}, Target{Backend: "b"})
	u := newUpstream(t, cfg, nil)
	say(t, u.Pool("gpt"), "a", 429, time.Minute)
	m := On(u.Pool("gpt").Members(), "a")
	next := abc(Deployment{}, Target{Backend: "a", Weight: 7}, Target{Backend: "b", Priority: 2})
	next.Backends[1].ConnectTimeout = time.Second
	next.Backends[2].URL = "https://elsewhere"
	v := newUpstream(t, next, u)
	if got := order(v.Pool("gpt"), ""); got != "ba" {
		t.Errorf("the breaker of a was forgotten: %s", got)
	}
	for i, kept := range []bool{true, false, false} {
		if got := u.hosts[i].transport == v.hosts[i].transport; got != kept {
			t.Errorf("connections of %s kept: %v", u.hosts[i].Name, got)
		}
	}
	u.Replace(v)
	if On(v.Pool("gpt").Members(), "a").service.tally != m.service.tally {
		t.Error("what a's calls count is not the same any more")
	}
	next.Backends[0].URL = "https://moved"
	if got := order(newUpstream(t, next, v).Pool("gpt"), ""); got != "ab" {
		t.Errorf("a backend at another address is another one: %s", got)
	}
}

// TestServes: a gateway whose backends are all ill is of no use; one whose
// backends are throttled says when to come again.
func TestServes(t *testing.T) {
	u := newUpstream(t, abc(Deployment{}, Target{Backend: "a"}, Target{Backend: "b"}), nil)
	p := u.Pool("gpt")
	say(t, p, "a", 429, time.Minute)
	for range 10 {
		if m := On(p.Members(), "b"); m.Available(time.Now()) {
			say(t, p, "b", 500, -1)
		}
	}
	if !u.Serves(time.Now()) {
		t.Error("a throttled backend serves")
	}
	statuses := u.Statuses(time.Now())
	if len(statuses) != 3 && len(statuses) != 2 || statuses[0].Circuit != "open" || !statuses[0].Throttled || statuses[1].Circuit != "open" || statuses[1].Attempts[5] == 0 {
		t.Errorf("%+v", statuses)
	}
	c := newUpstream(t, Config{Backends: u.hostsConfig()[1:2], Deployments: []Deployment{{Name: "gpt", Backends: []Target{{Backend: "b"}}}}}, u)
	if c.Serves(time.Now()) {
		t.Error("a tripped backend does not serve")
	}
}

func (u *Upstream) hostsConfig() (list []Backend) {
	for _, h := range u.hosts {
		list = append(list, h.Backend)
	}
	return list
}
