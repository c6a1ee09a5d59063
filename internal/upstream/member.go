package upstream

import (
	"context"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// Operation is what upstream must know of one operation: its path on each of
// the surfaces, "" where it has none. {deployment} stands for the name there, any
// other name in braces for a parameter of the call.
type Operation struct{ Classic, V1, OpenAI, Inference, ARM string }

// Member is one backend as it serves one deployment.
type Member struct {
	Backend    string
	Deployment string // the name there; "" for a backend as such
	host       *host
	service    *service
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

func newMember(h *host, deployment string) *Member {
	return newMemberOf(h, deployment, h.service(deployment))
}

func newMemberOf(h *host, deployment string, s *service) *Member {
	m := &Member{Backend: h.Name, Deployment: deployment, host: h, service: s}
	m.place()
	return m
}

// Host is the host of the backend's URL.
func (m *Member) Host() string { return m.host.base.Hostname() }

// RoundTrip carries a request to the backend.
func (m *Member) RoundTrip(req *http.Request) (*http.Response, error) {
	return m.host.transport.RoundTrip(req)
}

// Prove adds the gateway's credential to a request's header. The error, which
// tells nothing secret, says that none can be had now.
func (m *Member) Prove(ctx context.Context, h http.Header) error { return m.host.cred.apply(ctx, h) }

// Answered looks at an answer's header: at what is left of the rate limit, and
// at whether the backend takes the gateway's credential.
func (m *Member) Answered(resp *http.Response, now time.Time) {
	m.service.capacity.Note(resp.Header, now)
	if resp.StatusCode == http.StatusUnauthorized {
		m.host.cred.Refused()
	}
}

// Timeouts are how long the backend may take until an answer's headers, and may
// then be silent.
func (m *Member) Timeouts(stream bool) (headers, idle time.Duration) {
	headers = orDefault(m.host.Timeout, defaultTimeout)
	if stream {
		headers = orDefault(m.host.StreamTimeout, headers)
	}
	return headers, orDefault(m.host.IdleTimeout, defaultIdle)
}

func orDefault(d, otherwise time.Duration) time.Duration {
	if d == 0 {
		return otherwise
	}
	return d
}

// place fills in where the operations are.
func (m *Member) place() {
	m.targets = make([]targets, 0, len(m.host.ops))
	base, deployment := &m.host.base, m.Deployment
	for _, op := range m.host.ops {
		var t targets
		switch m.host.Kind {
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
