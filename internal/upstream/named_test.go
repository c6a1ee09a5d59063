package upstream

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// standing lists backend/deployment circuit.
func standing(u *Upstream) (list []string) {
	for _, s := range u.Statuses(time.Now()) {
		list = append(list, s.Backend+"/"+s.Deployment+" "+s.Circuit)
	}
	return list
}

// trip trips the member's breaker.
func trip(m *Member) {
	ticket, _ := m.Admit(time.Now())
	m.Report(time.Now(), ticket, throttledFor(time.Minute))
	m.Done()
}

func TestRemovedDeployment(t *testing.T) {
	cfg := Config{Backends: []Backend{{Name: "a", Kind: KindOpenAI, URL: "http://a"}}, Deployments: []Deployment{
		{Name: "old", Backends: []Target{{Backend: "a"}}}, {Name: "kept", Backends: []Target{{Backend: "a"}}},
	}}
	u := newUpstream(t, cfg, nil)
	trip(u.Pool("old").Members()[0])
	trip(u.Pool("kept").Members()[0])
	trip(u.Backend("a"))
	cfg.Deployments[0].Name = "new"
	v := newUpstream(t, cfg, u)
	if d := cmp.Diff([]string{"a/ open", "a/kept open", "a/new closed"}, standing(v)); d != "" {
		t.Error(d)
	}
	cfg.Deployments[0].Name = "old"
	if d := cmp.Diff([]string{"a/ open", "a/kept open", "a/old closed"}, standing(newUpstream(t, cfg, v))); d != "" {
		t.Error(d)
	}
}

func TestNamed(t *testing.T) {
	cfg := Config{
		Backends:    []Backend{{Name: "a", Kind: KindOpenAI, URL: "http://a"}, {Name: "b", Kind: KindOpenAI, URL: "http://b"}},
		Deployments: []Deployment{{Name: "gpt", Backends: []Target{{Backend: "a"}}}},
	}
	u := newUpstream(t, cfg, nil)
	if u.Named("nobody", "x") != nil {
		t.Error("there is no such backend")
	}
	trip(u.Named("a", "ft:x"))
	trip(u.Named("b", "ft:x"))
	trip(u.Named("a", "gpt"))
	want := []string{"a/ft:x open", "a/gpt open", "b/ft:x open"} // gpt's is the deployment's own
	if d := cmp.Diff(want, standing(u)); d != "" {
		t.Error(d)
	}
	cfg.Deployments = append(cfg.Deployments, Deployment{Name: "public", Backends: []Target{{Backend: "b", Deployment: "ft:x"}}})
	v := newUpstream(t, cfg, u)
	if d := cmp.Diff(want, standing(v)); d != "" {
		t.Errorf("after a reload: %s", d)
	}
	if v.Named("a", "ft:x").Available(time.Now()) || v.Pool("public").Members()[0].Available(time.Now()) {
		t.Error("a tripped backend takes calls after a reload")
	}
	if v.Named("b", "ft:x").service != v.Pool("public").Members()[0].service {
		t.Error("a deployment of a backend has two breakers")
	}
	cfg.Backends[0].URL = "http://elsewhere"
	if d := cmp.Diff([]string{"a/gpt closed", "b/ft:x open"}, standing(newUpstream(t, cfg, v))); d != "" {
		t.Errorf("a backend at another address is another one: %s", d)
	}
}

func TestNamedBounded(t *testing.T) {
	u := newUpstream(t, abc(Deployment{}, Target{Backend: "a"}), nil)
	for i := range 3 * maxNamed {
		u.Named("a", fmt.Sprint(i))
	}
	trip(u.Named("a", fmt.Sprint(2*maxNamed)))
	v := newUpstream(t, abc(Deployment{}, Target{Backend: "a"}), u)
	for i := range maxNamed - 1 {
		v.Named("a", fmt.Sprint("more ", i))
	}
	if v.Named("a", fmt.Sprint(2*maxNamed)).Available(time.Now()) {
		t.Error("the name used last was not the last to go")
	}
	if n := len(v.Statuses(time.Now())); n != maxNamed+3 { // and the deployment, and b and c
		t.Errorf("%d statuses", n)
	}
}
