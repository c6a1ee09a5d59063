package upstream

import (
	"cmp"
	"crypto/tls"
	"errors"
	"hash/fnv"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	lru "github.com/hashicorp/golang-lru/v2"
)

// Operation is what upstream must know of one operation: its path on each of
// the surfaces, "" where it has none. {deployment} stands for the name there, any
// other name in braces for a parameter of the call.
type Operation struct{ Classic, V1, OpenAI, Inference, ARM string }

// Upstream is all backends at work.
type Upstream struct {
	pools      map[string]*Pool
	list       []*Pool
	backends   []*Member // one each, for calls that no deployment is named in
	resources  []*Member // those of them where objects are created
	transports []*http.Transport
	named      *lru.Cache[[2]string, *Member] // backends as they serve their own names
}

// maxNamed is how many of those are kept.
const maxNamed = 256

// Pool is a public deployment and the backends that serve it.
type Pool struct {
	Name, Model string
	members     []*Member
	weights     []int
	total       int

	mu      sync.Mutex // guards current
	current []int
}

// Member is one backend in a pool.
type Member struct {
	Backend    string
	Deployment string // the name there; "" for a backend as such
	kind       string
	base       url.URL
	ops        []Operation
	version    string // for clients that name no dated one
	usage      bool
	credential [1]string // the value of the header that proves the gateway
	transport  http.RoundTripper
	targets    []targets // by operation
}

// targets are where one operation is on a backend: v1 on its surface without a
// dated version.
type targets struct{ classic, v1, inference, arm target }

// target is a URL without its query; the zero target is nowhere. Where open says
// so, parameters stand in its path in braces.
type target struct {
	url  url.URL
	text string
	open bool
}

// New puts a config without problems to work for the given operations.
func New(cfg Config, ops []Operation) *Upstream {
	named, _ := lru.New[[2]string, *Member](maxNamed) // fails for sizes below one only
	u := &Upstream{pools: map[string]*Pool{}, named: named}
	type made struct {
		Backend
		transport *http.Transport
	}
	backends := map[string]made{}
	for _, b := range cfg.Backends {
		t := newTransport(b)
		u.transports = append(u.transports, t)
		backends[b.Name] = made{b, t}
		m := newMember(b, t, "", ops)
		u.backends = append(u.backends, m)
		if b.Kind != KindManagement && !b.NoResources {
			u.resources = append(u.resources, m)
		}
	}
	for _, d := range cfg.Deployments {
		p := &Pool{Name: d.Name, Model: d.Model}
		if p.Model == "" {
			p.Model = d.Name
		}
		for _, t := range d.Backends {
			b := backends[t.Backend]
			if t.Deployment == "" {
				t.Deployment = d.Name
			}
			p.members = append(p.members, newMember(b.Backend, b.transport, t.Deployment, ops))
			w := max(t.Weight, 0)
			if t.Weight == 0 {
				w = 1
			}
			p.weights = append(p.weights, w)
			p.total += w
		}
		p.current = make([]int, len(p.members))
		u.pools[d.Name] = p
		u.list = append(u.list, p)
	}
	return u
}

// newTransport is tuned for one host: many idle connections, HTTP/2 where TLS
// offers it, bodies as they come. A model may be silent for minutes before it
// answers, so only the config's timeout limits that.
func newTransport(b Backend) *http.Transport {
	connect := orDefault(b.ConnectTimeout, 10*time.Second)
	d := &net.Dialer{Timeout: connect, KeepAlive: 30 * time.Second}
	return &http.Transport{
		DialContext:           d.DialContext,
		ForceAttemptHTTP2:     true,
		TLSClientConfig:       &tls.Config{MinVersion: tls.VersionTLS12},
		TLSHandshakeTimeout:   connect,
		MaxIdleConns:          0,
		MaxIdleConnsPerHost:   1024,
		IdleConnTimeout:       90 * time.Second,
		ResponseHeaderTimeout: orDefault(b.Timeout, 10*time.Minute),
		DisableCompression:    true,
		WriteBufferSize:       8 << 10,
		ReadBufferSize:        8 << 10,
	}
}

// Unsent says whether a transport's error came before its request was sent:
// there was no connection, or the backend did not get through the TLS
// handshake in time (net/http has a text for that, and no type).
func Unsent(err error) bool {
	var op *net.OpError
	return errors.As(err, &op) && op.Op == "dial" || err.Error() == "net/http: TLS handshake timeout"
}

func orDefault(d, otherwise time.Duration) time.Duration {
	if d == 0 {
		return otherwise
	}
	return d
}

func newMember(b Backend, rt http.RoundTripper, deployment string, ops []Operation) *Member {
	m := &Member{
		Backend: b.Name, Deployment: deployment, kind: b.Kind,
		version: b.APIVersion, usage: !b.NoStreamUsage, transport: rt,
	}
	base, err := url.Parse(strings.TrimRight(b.URL, "/"))
	if err != nil {
		base = &url.URL{} // Check has refused it
	}
	m.credential[0] = b.Key
	if m.kind != KindAzure {
		m.credential[0] = "Bearer " + b.Key
	}
	if m.kind == KindOpenAI && base.Path == "" {
		base.Path = "/v1"
	}
	if m.kind == KindAzure {
		base.Path = strings.TrimSuffix(base.Path, "/openai")
	}
	m.base, m.ops = *base, ops
	m.place()
	return m
}

// Host is the host of the backend's URL.
func (m *Member) Host() string { return m.base.Hostname() }

// place fills in where the operations are.
func (m *Member) place() {
	m.targets = make([]targets, 0, len(m.ops))
	base, deployment := &m.base, m.Deployment
	for _, op := range m.ops {
		var t targets
		switch m.kind {
		case KindAzure:
			t.classic = newTarget(base, op.Classic, deployment)
			t.v1 = newTarget(base, op.V1, deployment)
			t.inference = newTarget(base, op.Inference, deployment)
		case KindManagement:
			t.arm = newTarget(base, op.ARM, deployment)
		default:
			t.v1 = newTarget(base, strings.TrimPrefix(op.OpenAI, "/v1"), deployment)
		}
		m.targets = append(m.targets, t)
	}
}

func newTarget(base *url.URL, pattern, deployment string) target {
	if pattern == "" {
		return target{}
	}
	u := *base
	u.Path = base.Path + strings.ReplaceAll(pattern, "{deployment}", deployment)
	u.RawPath = base.EscapedPath() + strings.ReplaceAll(pattern, "{deployment}", url.PathEscape(deployment))
	t := target{url: u, open: strings.Contains(strings.ReplaceAll(pattern, "{deployment}", ""), "{")}
	if !t.open && u.RawPath == u.Path {
		t.url.RawPath = ""
	}
	t.text = t.url.String()
	return t
}

// with gives the target with parameters in place of the braces, in their order.
func (t *target) with(params []string) target {
	if !t.open {
		return *t
	}
	fill := func(path string, value func(string) string) string {
		var b strings.Builder
		for _, p := range params {
			before, rest, found := strings.Cut(path, "{")
			_, after, closed := strings.Cut(rest, "}")
			if !found || !closed {
				break
			}
			b.WriteString(before)
			b.WriteString(value(p))
			path = after
		}
		return b.String() + path
	}
	u := t.url
	u.Path = fill(t.url.Path, func(s string) string { return s })
	u.RawPath = fill(t.url.RawPath, url.PathEscape)
	if u.RawPath == u.Path {
		u.RawPath = ""
	}
	return target{url: u, text: u.String()}
}

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

// Named gives a backend as it serves one of its own names: a fine-tuned model's,
// or that of a deployment that no config lists; nil where there is no such backend.
func (u *Upstream) Named(backend, name string) *Member {
	m := u.Backend(backend)
	if m == nil {
		return nil
	}
	key := [2]string{backend, name}
	if n, ok := u.named.Get(key); ok {
		return n
	}
	n := *m
	n.Deployment = name
	n.place()
	u.named.Add(key, &n)
	return &n
}

// On finds the member that is on a backend, nil when there is none.
func On(members []*Member, backend string) *Member {
	for _, m := range members {
		if m.Backend == backend {
			return m
		}
	}
	return nil
}

// Home appends to dst the members in the order in which they suit a caller: the
// first is the same for every call of the caller's, and another caller's is
// another one, evenly spread (rendezvous hashing).
func Home(dst, members []*Member, caller string) []*Member {
	from := len(dst)
	dst = append(dst, members...)
	score := func(m *Member) uint64 {
		h := fnv.New64a()
		h.Write([]byte(caller)) // a hash takes everything
		h.Write([]byte{0})
		h.Write([]byte(m.Backend))
		// FNV's high bits change little with the last bytes.
		x := h.Sum64()
		x ^= x >> 33
		x *= 0xff51afd7ed558ccd
		return x ^ x>>33
	}
	slices.SortStableFunc(dst[from:], func(a, b *Member) int { return cmp.Compare(score(b), score(a)) })
	return dst
}

// Close ends idle connections.
func (u *Upstream) Close() {
	for _, t := range u.transports {
		t.CloseIdleConnections()
	}
}

// Members lists the pool's members in the config's order.
func (p *Pool) Members() []*Member { return p.members }

// Order appends to dst the members in the order in which they are to be tried:
// the first by smooth weighted round robin (each pick raises every member by
// its weight and lowers the picked one by the total, so that picks interleave),
// then the others in the config's order.
func (p *Pool) Order(dst []*Member) []*Member {
	first := 0
	if len(p.members) > 1 {
		first = p.pick()
	}
	dst = append(dst, p.members[first])
	for i, m := range p.members {
		if i != first {
			dst = append(dst, m)
		}
	}
	return dst
}

func (p *Pool) pick() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	best := -1
	for i, w := range p.weights {
		if w == 0 {
			continue
		}
		p.current[i] += w
		if best < 0 || p.current[i] > p.current[best] {
			best = i
		}
	}
	if best < 0 {
		return 0
	}
	p.current[best] -= p.total
	return best
}
