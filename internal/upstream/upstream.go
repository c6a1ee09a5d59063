package upstream

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"os"
	"reflect"
	"strings"
	"sync"

	lru "github.com/hashicorp/golang-lru/v2"
)

// Upstream is all backends at work.
type Upstream struct {
	pools     map[string]*Pool
	list      []*Pool
	backends  []*Member // one each, for calls that no deployment is named in
	resources []*Member // those of them where objects are created
	hosts     []*host
	retry     RetryConfig
	named     *lru.Cache[[2]string, *Member] // by backend and name, see Named
	log       *slog.Logger
}

// host is one backend with what its members share.
type host struct {
	Backend
	breaker   BreakerConfig // the backend's own, or the one for all
	base      url.URL
	ops       []Operation
	transport *http.Transport
	cred      *credential
	prober    *prober // nil where the config has no probe
	probes    *probes
	log       *slog.Logger
	trusted   string // what ca_file held when the transport was made

	services map[string]*service // of the names that the config asks for
	before   map[string]*service // what New may take over
}

// New puts a config without problems to work for the given operations. What is
// remembered in prev, which may be nil, is taken over where the config still has
// it; prev goes on working, and is to be closed by [Upstream.Replace].
func New(cfg Config, ops []Operation, prev *Upstream, log *slog.Logger) (*Upstream, error) {
	named, _ := lru.New[[2]string, *Member](maxNamed) // fails for sizes below one only
	u := &Upstream{pools: map[string]*Pool{}, named: named, retry: cfg.Retry.filled(), log: log.With("component", "upstream")}
	for _, b := range cfg.Backends {
		h, err := newHost(b, cfg, ops, prev, u.log)
		if err != nil {
			u.Replace(prev)
			return nil, fmt.Errorf("backend %s: %w", b.Name, err)
		}
		u.hosts = append(u.hosts, h)
		m := newMember(h, "")
		u.backends = append(u.backends, m)
		if b.Kind != KindManagement && !b.NoResources {
			u.resources = append(u.resources, m)
		}
	}
	for _, d := range cfg.Deployments {
		p := newPool(d, cfg.Retry, u.host)
		u.pools[d.Name] = p
		u.list = append(u.list, p)
	}
	u.keepNamed(prev)
	for _, h := range u.hosts {
		h.before = nil
	}
	return u, nil
}

// newHost makes a backend, with what is remembered of it in last, which may be nil.
func newHost(b Backend, cfg Config, ops []Operation, last *Upstream, log *slog.Logger) (*host, error) {
	h := &host{Backend: b, ops: ops, log: log, services: map[string]*service{}, breaker: b.CircuitBreaker}
	if h.breaker.isZero() {
		h.breaker = cfg.CircuitBreaker
	}
	base, err := url.Parse(strings.TrimRight(b.URL, "/"))
	if err != nil {
		return nil, err
	}
	if b.Kind == KindOpenAI && base.Path == "" {
		base.Path = "/v1"
	}
	if b.Kind == KindAzure {
		base.Path = strings.TrimSuffix(base.Path, "/openai")
	}
	h.base = *base
	if b.CAFile != "" {
		text, err := os.ReadFile(b.CAFile)
		if err != nil {
			return nil, err
		}
		h.trusted = string(text)
	}
	prev := last.host(b.Name)
	same := prev != nil && prev.URL == b.URL && prev.Kind == b.Kind
	if same {
		h.inherit(prev)
		h.before = last.services(prev)
	}
	if h.transport == nil {
		if h.transport, err = newTransport(b.Egress); err != nil {
			return nil, err
		}
	}
	if h.cred == nil {
		by, err := b.Egress.tokenTransport(b.Entra)
		if err == nil {
			h.cred, err = newCredential(b.Kind, b.Key, b.Entra, by)
		}
		if err != nil {
			return nil, err
		}
		if same && h.provesAs(prev) {
			h.cred.adopt(prev.cred)
		}
	}
	if b.Probe == nil {
		return h, nil
	}
	if h.probes == nil {
		h.probes = &probes{}
	}
	h.prober = newProber(*b.Probe, h.base, h.transport, h.cred, h.probed)
	if same && prev.prober != nil {
		h.prober.adopt(prev.prober)
	}
	return h, nil
}

// inherit takes over what is remembered of the same backend.
func (h *host) inherit(prev *host) {
	if reflect.DeepEqual(h.Egress, prev.Egress) && h.trusted == prev.trusted {
		h.transport = prev.transport
	}
	if h.transport != nil && h.provesAs(prev) {
		h.cred = prev.cred
	}
	h.probes = prev.probes
}

// provesAs says whether the gateway proves itself to the same backend as before.
func (h *host) provesAs(prev *host) bool {
	return h.Key == prev.Key && reflect.DeepEqual(h.Entra, prev.Entra)
}

func (h *host) probed(r ProbeResult) {
	h.probes.count(r)
	switch {
	case !r.Changed:
	case r.Healthy:
		h.log.Info("a backend is well again", "backend", h.Name)
	default:
		h.log.Warn("a backend's probe fails; it gets no calls", "backend", h.Name, "reason", r.Reason, "status", r.Status)
	}
}

// service gives what is remembered of a deployment on this backend, while New
// makes it: afterwards services does not change.
func (h *host) service(deployment string) *service {
	s := h.services[deployment]
	if s == nil {
		s = h.former(deployment)
		h.services[deployment] = s
	}
	return s
}

// former gives what New takes over of a deployment, or what is new.
func (h *host) former(deployment string) *service {
	if s := h.before[deployment]; s != nil {
		return s.under(h.breaker)
	}
	return newService(h.breaker)
}

func (u *Upstream) host(name string) *host {
	if u == nil {
		return nil
	}
	for _, h := range u.hosts {
		if h.Name == name {
			return h
		}
	}
	return nil
}

// Run probes the backends until ctx ends.
func (u *Upstream) Run(ctx context.Context) {
	var wg sync.WaitGroup
	for _, h := range u.hosts {
		if h.prober != nil {
			wg.Go(func() { h.prober.run(ctx) })
		}
	}
	wg.Wait()
}

// Replace closes what next does not use any more. Calls of u's that are under way
// go on, and get the tokens that they need. Where next is nil, waits for tokens end.
func (u *Upstream) Replace(next *Upstream) {
	for _, h := range u.hosts {
		n := next.host(h.Name)
		switch {
		case next == nil:
			h.cred.close()
		case n == nil || n.cred != h.cred:
			h.cred.retire()
		}
		if n == nil || n.transport != h.transport {
			// Connections that are in use now are closed when they become idle.
			h.transport.CloseIdleConnections()
		}
	}
}

// Close ends idle connections and renewals of tokens.
func (u *Upstream) Close() { u.Replace(nil) }

// Pool finds the deployment with a public name, nil when there is none.
func (u *Upstream) Pool(name string) *Pool { return u.pools[name] }

// Pools lists the public deployments in the config's order.
func (u *Upstream) Pools() []*Pool { return u.list }

// Backends lists every backend in the config's order, for calls in which no
// deployment is named.
func (u *Upstream) Backends() []*Member { return u.backends }

// Resources lists those of them where stateful objects are created.
func (u *Upstream) Resources() []*Member { return u.resources }

// Backend finds a backend by its name, nil when there is none.
func (u *Upstream) Backend(name string) *Member { return On(u.backends, name) }

// Retry is how calls are tried again that go to no pool.
func (u *Upstream) Retry() RetryConfig { return u.retry }

// On finds the member that is on a backend, nil when there is none.
func On(members []*Member, backend string) *Member {
	for _, m := range members {
		if m.Backend == backend {
			return m
		}
	}
	return nil
}
