// Package upstream knows the backends: which of them serve a public
// deployment, which of those can take a call now, and what a request must look
// like on the way to each: URL, query, headers, credentials.
//
// What always holds: nothing that a client uses to prove itself to the gateway
// travels on, the path of a backend's URL is made of the config and the
// catalog's pattern only, and a backend's credential appears in its own request's
// header and nowhere else. A call is let through to a backend only when its
// breaker is closed and its probe, if it has one, has found it well; a tripped
// breaker lets one trial through at a time when its time is over. What is
// remembered of a backend (breakers, capacity, connections, tokens) outlives a
// reload of the config.
package upstream

import (
	"fmt"
	"net/url"
	"strings"
	"time"
	"unicode"

	"weir/internal/fault"
)

// Config lists backends and the deployments that they serve.
type Config struct {
	// Backends are the model services, by name.
	Backends []Backend `yaml:"backends"`
	// Deployments are the public names that clients call.
	Deployments []Deployment `yaml:"deployments"`
	// CircuitBreaker says when calls to a backend stop for a while; a backend's
	// own takes its place.
	CircuitBreaker BreakerConfig `yaml:"circuit_breaker"`
	// Retry is how often and how long another try is made; a deployment's own
	// takes its place.
	Retry RetryConfig `yaml:"retry"`
}

// Kinds of backend.
const (
	KindAzure      = "azure"
	KindOpenAI     = "openai"
	KindManagement = "management"
)

// Backend is one model service.
type Backend struct {
	// Name stands in the log as BackendId.
	Name string `yaml:"name"`
	// Kind is "azure" (an Azure OpenAI resource), "openai" (OpenAI itself and
	// servers that speak its API) or "management" (Azure Resource Manager, whose
	// operations on deployments then pass the gateway).
	Kind string `yaml:"kind"`
	// URL is the base: https://NAME.openai.azure.com for azure,
	// https://api.openai.com/v1 for openai (without a path, /v1 is added),
	// https://management.azure.com for management.
	URL string `yaml:"url"`
	// APIVersion is what an azure backend is called with for clients that name
	// no dated version (those of /openai/v1, /v1 and /models): a date calls the
	// classic surface where it has the operation; "v1" (default), "preview" or
	// "latest" call /openai/v1, and for what that does not have (assistants) the
	// classic surface with 2025-04-01-preview.
	APIVersion string `yaml:"api_version"`
	// Key proves the gateway to the backend: ${env:NAME} or ${file:PATH}. For
	// management it is a bearer token.
	Key string `yaml:"key"`
	// Entra takes the place of Key: tokens of Microsoft Entra ID, renewed before
	// they expire.
	Entra *Entra `yaml:"entra"`
	// NoResources keeps stateful objects (files, assistants, vector stores and
	// the like) from being created here, where a call names none that is.
	NoResources bool `yaml:"no_resources"`
	// Timeout is how long the backend may take until its answer's headers, after
	// it has taken the request; default 10m.
	Timeout time.Duration `yaml:"timeout"`
	// StreamTimeout is Timeout for calls that ask for a stream, whose headers come
	// with the first token; default Timeout.
	StreamTimeout time.Duration `yaml:"stream_timeout"`
	// IdleTimeout is how long the backend may send nothing in the midst of an
	// answer's body; default 5m. WebSockets may be silent for ever.
	IdleTimeout time.Duration `yaml:"idle_timeout"`
	// NoStreamUsage stops the gateway from adding stream_options.include_usage
	// to streams: for servers that refuse the field. Their tokens are estimated.
	NoStreamUsage bool `yaml:"no_stream_usage"`
	// CircuitBreaker takes the place of the one for all backends.
	CircuitBreaker BreakerConfig `yaml:"circuit_breaker"`
	// Probe asks the backend by itself whether it is well; none by default.
	Probe *Probe `yaml:"probe"`

	Egress `yaml:",inline"`
}

// Deployment is a public name and what serves it.
type Deployment struct {
	// Name is what clients call.
	Name string `yaml:"name"`
	// Model is the model's name, shown by the models operations; default Name.
	Model string `yaml:"model"`
	// Backends serve it; at most 64.
	Backends []Target `yaml:"backends"`
	// Balance says how a call's backend is chosen among those of one priority:
	// "weighted" (default) or "least_outstanding", the one with the fewest calls
	// under way for its weight.
	Balance string `yaml:"balance"`
	// Affinity keeps the calls of a session on one backend while it can take them.
	Affinity Affinity `yaml:"affinity"`
	// Headroom is the percentage of its limit, as x-ratelimit-remaining-* and
	// x-ratelimit-limit-* tell, below which a backend gets fewer calls, in
	// proportion to what is left of it; default 20.
	Headroom int `yaml:"headroom"`
	// Retry takes the place of the one for all deployments.
	Retry RetryConfig `yaml:"retry"`
}

// Affinity names what a session is known by: one of the three.
type Affinity struct {
	// Header is a request header whose value names the session.
	Header string `yaml:"header"`
	// Cookie is a cookie that names it; the gateway sets it where it is missing.
	Cookie string `yaml:"cookie"`
	// Caller makes all calls of a subscription one session.
	Caller bool `yaml:"caller"`
}

// Values of Deployment.Balance.
const (
	weighted         = "weighted"
	leastOutstanding = "least_outstanding"
)

// Target is one backend of a deployment.
type Target struct {
	// Backend is the backend's name.
	Backend string `yaml:"backend"`
	// Deployment is the name there (for an openai backend the model's); default
	// the public name.
	Deployment string `yaml:"deployment"`
	// Priority orders the backends in groups, the lowest first; default 1. A call
	// goes to the next group when every backend of the better one is tripped, or
	// has failed this very call.
	Priority int `yaml:"priority"`
	// Weight is this backend's share of calls, against the others' of its group;
	// 1 to 1000, default 1.
	Weight int `yaml:"weight"`
}

const (
	defaultTimeout  = 10 * time.Minute
	defaultIdle     = 5 * time.Minute
	defaultHeadroom = 20
	mostTargets     = 64
)

// Locate makes relative paths of files absolute, against the config's folder.
func (cfg *Config) Locate(dir string) {
	for i := range cfg.Backends {
		cfg.Backends[i].Egress.locate(dir)
		if e := cfg.Backends[i].Entra; e != nil {
			e.locate(dir)
		}
	}
}

// checker gathers problems.
type checker struct{ problems []fault.Problem }

func (c *checker) bad(message, hint, path string, args ...any) {
	c.problems = append(c.problems, fault.Problem{Path: fmt.Sprintf(path, args...), Message: message, Hint: hint})
}

// timeout reports a time that nothing can be done in; 0 stands for a default.
func (c *checker) timeout(d time.Duration, mend, path string, args ...any) {
	switch {
	case d < 0:
		c.bad("a time cannot be negative", mend, path, args...)
	case d > 0 && d < time.Millisecond:
		c.bad(fmt.Sprintf("%v is shorter than 1ms: is the unit missing?", d), mend, path, args...)
	}
}

// Check gives the config's problems, all at once.
func (cfg Config) Check() []fault.Problem {
	c := &checker{}
	kinds := map[string]string{} // by name
	if len(cfg.Backends) == 0 {
		c.bad("there is no backend", "a backend has a name, a kind, a url and a key", "backends")
	}
	for i, b := range cfg.Backends {
		if b.Name == "" {
			c.bad("a backend needs a name", "name: east", "backends[%d].name", i)
		} else if _, taken := kinds[b.Name]; taken {
			c.bad("two backends have this name", "give each its own", "backends[%d].name", i)
		}
		kinds[b.Name] = b.Kind
		c.backend(i, b)
	}
	public := map[string]bool{}
	for i, d := range cfg.Deployments {
		if d.Name == "" || strings.ContainsAny(d.Name, "/\\") || d.Name == "." || d.Name == ".." {
			c.bad("a deployment needs a name that can stand in a path", "name: gpt-4o", "deployments[%d].name", i)
		} else if public[d.Name] {
			c.bad("two deployments have this name", "name all backends in one", "deployments[%d].name", i)
		}
		public[d.Name] = true
		c.deployment(i, d)
		c.targets(i, d, kinds)
	}
	cfg.CircuitBreaker.check(c, "circuit_breaker")
	cfg.Retry.check(c, "retry")
	return c.problems
}

func (c *checker) backend(i int, b Backend) {
	at := fmt.Sprintf("backends[%d]", i)
	if b.Kind != KindAzure && b.Kind != KindOpenAI && b.Kind != KindManagement {
		c.bad(fmt.Sprintf("%q is no kind of backend", b.Kind), "azure, openai or management", "%s.kind", at)
	}
	u, err := url.Parse(b.URL)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		c.bad("not an http or https URL", "https://NAME.openai.azure.com", "%s.url", at)
	} else if u.User != nil || u.RawQuery != "" || u.Fragment != "" {
		c.bad("the URL has more than scheme, host and path", "give the key in key, the version in api_version", "%s.url", at)
	}
	if b.APIVersion != "" && b.Kind != KindAzure {
		c.bad("only an azure backend has an api-version", "leave it out", "%s.api_version", at)
	} else if b.APIVersion != "" && !dated(b.APIVersion) && b.APIVersion != "v1" && b.APIVersion != "preview" && b.APIVersion != "latest" {
		c.bad(fmt.Sprintf("%q is no api-version", b.APIVersion), "a date like 2024-10-21, or v1, preview or latest", "%s.api_version", at)
	}
	if strings.ContainsFunc(b.Key, unicode.IsControl) {
		c.bad("the key has a line end or another control character in it", "one line of visible characters", "%s.key", at)
	}
	for _, d := range []struct {
		name string
		v    time.Duration
		mend string
	}{{"timeout", b.Timeout, "10m"}, {"stream_timeout", b.StreamTimeout, "60s"}, {"idle_timeout", b.IdleTimeout, "5m"}} {
		c.timeout(d.v, d.mend, "%s.%s", at, d.name)
	}
	b.Egress.check(c, at)
	b.CircuitBreaker.check(c, at+".circuit_breaker")
	if b.Entra != nil {
		if b.Key != "" {
			c.bad("the backend has a key and an entra", "leave one of them out", "%s.key", at)
		}
		b.Entra.check(c, at+".entra")
		if err == nil && u.Scheme == "http" {
			c.bad("a token would go to this backend in the clear", "an https URL", "%s.url", at)
		}
		if b.Kind == KindOpenAI && b.Entra.Scope == "" {
			c.bad("a token for Azure's services would go to another one", "the scope of what this backend is", "%s.entra.scope", at)
		}
	}
	if b.Probe != nil {
		b.Probe.check(c, at+".probe")
	}
}

func (c *checker) deployment(i int, d Deployment) {
	if d.Balance != "" && d.Balance != weighted && d.Balance != leastOutstanding {
		c.bad(fmt.Sprintf("%q is no way to balance", d.Balance), "weighted or least_outstanding", "deployments[%d].balance", i)
	}
	ways := 0
	for _, given := range []bool{d.Affinity.Header != "", d.Affinity.Cookie != "", d.Affinity.Caller} {
		if given {
			ways++
		}
	}
	if ways > 1 {
		c.bad("a session is known by one thing only", "one of header, cookie and caller", "deployments[%d].affinity", i)
	}
	if !isToken(d.Affinity.Header) {
		c.bad("not a header's name", "X-Session-Id", "deployments[%d].affinity.header", i)
	} else if Secret(canonical(d.Affinity.Header)) {
		c.bad("this header holds a credential", "one that names the session, or caller: true", "deployments[%d].affinity.header", i)
	}
	if !isToken(d.Affinity.Cookie) {
		c.bad("not a cookie's name", "SessionId", "deployments[%d].affinity.cookie", i)
	}
	if d.Headroom < 0 || d.Headroom > 100 {
		c.bad("not a percentage", "1 to 100; 20 is the default", "deployments[%d].headroom", i)
	}
	d.Retry.check(c, fmt.Sprintf("deployments[%d].retry", i))
}

func (c *checker) targets(i int, d Deployment, kinds map[string]string) {
	if len(d.Backends) == 0 {
		c.bad("no backend serves this deployment", "backends: [{backend: east}]", "deployments[%d].backends", i)
	}
	if len(d.Backends) > mostTargets {
		c.bad("more than 64 backends", "several deployments", "deployments[%d].backends", i)
	}
	seen := map[[2]string]bool{}
	for j, t := range d.Backends {
		if kind, ok := kinds[t.Backend]; !ok {
			c.bad(fmt.Sprintf("no backend is called %q", t.Backend), "one of the names under backends", "deployments[%d].backends[%d].backend", i, j)
		} else if kind == KindManagement {
			c.bad("a management backend serves no deployment, it manages them", "an azure or openai backend", "deployments[%d].backends[%d].backend", i, j)
		}
		if t.Deployment == "" {
			t.Deployment = d.Name
		}
		if seen[[2]string{t.Backend, t.Deployment}] {
			c.bad("this backend stands there twice", "use weight for a larger share", "deployments[%d].backends[%d]", i, j)
		}
		seen[[2]string{t.Backend, t.Deployment}] = true
		if t.Priority < 0 {
			c.bad("a priority cannot be negative", "1 for the best group, 2 for the next", "deployments[%d].backends[%d].priority", i, j)
		}
		if t.Weight < 0 || t.Weight > 1000 {
			c.bad("not between 1 and 1000", "a backend for when others fail has a higher priority number instead", "deployments[%d].backends[%d].weight", i, j)
		}
	}
}

// dated says whether an api-version is one of the classic surface's.
func dated(v string) bool {
	return len(v) >= len("2024-10-21") && v[0] == '2' && v[4] == '-' && v[7] == '-'
}

// isToken says whether s, if there is any, is a token of HTTP (RFC 9110, 5.6.2).
func isToken(s string) bool {
	for i := range len(s) {
		c := s[i]
		if c <= ' ' || c >= 0x7f || strings.IndexByte(`"(),/:;<=>?@[\]{}`, c) >= 0 {
			return false
		}
	}
	return true
}
