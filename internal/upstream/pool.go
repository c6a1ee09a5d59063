package upstream

import (
	"crypto/tls"
	"errors"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"
)

// Operation is what upstream must know of one operation: its path on each of
// the surfaces, "" where it has none; {deployment} stands for the name there.
type Operation struct{ Classic, V1, OpenAI string }

// Upstream is all backends at work.
type Upstream struct {
	pools      map[string]*Pool
	list       []*Pool
	transports []*http.Transport
}

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
	Deployment string // the name there
	azure      bool
	version    string // for clients that name no dated one
	usage      bool
	credential [1]string // the value of the header that proves the gateway
	transport  http.RoundTripper
	targets    []targets // by operation
}

// targets are where one operation is on a backend.
type targets struct{ classic, v1 target }

// target is a URL without its query.
type target struct {
	url  url.URL
	text string
}

// New puts a config without problems to work for the given operations.
func New(cfg Config, ops []Operation) *Upstream {
	u := &Upstream{pools: map[string]*Pool{}}
	type made struct {
		Backend
		transport *http.Transport
	}
	backends := map[string]made{}
	for _, b := range cfg.Backends {
		t := newTransport(b)
		u.transports = append(u.transports, t)
		backends[b.Name] = made{b, t}
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
		Backend: b.Name, Deployment: deployment, azure: b.Kind == KindAzure,
		version: b.APIVersion, usage: !b.NoStreamUsage, transport: rt,
	}
	base, err := url.Parse(strings.TrimRight(b.URL, "/"))
	if err != nil {
		base = &url.URL{} // Check has refused it
	}
	m.credential[0] = b.Key
	if !m.azure {
		m.credential[0] = "Bearer " + b.Key
		if base.Path == "" {
			base.Path = "/v1"
		}
	}
	for _, op := range ops {
		var t targets
		if m.azure {
			root := *base
			root.Path = strings.TrimSuffix(root.Path, "/openai")
			t.classic = newTarget(&root, op.Classic, deployment)
			t.v1 = newTarget(&root, op.V1, deployment)
		} else {
			t.v1 = newTarget(base, strings.TrimPrefix(op.OpenAI, "/v1"), deployment)
		}
		m.targets = append(m.targets, t)
	}
	return m
}

func newTarget(base *url.URL, pattern, deployment string) target {
	u := *base
	u.Path = base.Path + strings.ReplaceAll(pattern, "{deployment}", deployment)
	u.RawPath = base.EscapedPath() + strings.ReplaceAll(pattern, "{deployment}", url.PathEscape(deployment))
	if u.RawPath == u.Path {
		u.RawPath = ""
	}
	return target{u, u.String()}
}

// Pool finds the deployment with a public name, nil when there is none.
func (u *Upstream) Pool(name string) *Pool { return u.pools[name] }

// Pools lists the public deployments in the config's order.
func (u *Upstream) Pools() []*Pool { return u.list }

// Close ends idle connections.
func (u *Upstream) Close() {
	for _, t := range u.transports {
		t.CloseIdleConnections()
	}
}

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
