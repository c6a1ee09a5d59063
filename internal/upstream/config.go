// Package upstream knows the backends: which of them serve a public
// deployment, in what order they are tried, and what a request must look like
// on the way to each: URL, query, headers, credentials.
//
// What always holds: nothing that a client uses to prove itself to the gateway
// travels on, the path of a backend's URL is made of the config and the
// catalog's pattern only, and a backend's key appears in its own request's
// header and nowhere else.
package upstream

import (
	"fmt"
	"net/url"
	"strings"
	"time"

	"weir/internal/fault"
)

// Config lists backends and the deployments that they serve.
type Config struct {
	// Backends are the model services, by name.
	Backends []Backend `yaml:"backends"`
	// Deployments are the public names that clients call.
	Deployments []Deployment `yaml:"deployments"`
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
	// NoResources keeps stateful objects (files, assistants, vector stores and
	// the like) from being created here, where a call names none that is.
	NoResources bool `yaml:"no_resources"`
	// Timeout is how long the backend may take until its answer's headers;
	// default 10m. Then the call fails: the backend may be at work on it, so that
	// no other one is tried. The body of an answer may take any time.
	Timeout time.Duration `yaml:"timeout"`
	// ConnectTimeout limits connecting and the TLS handshake; default 10s.
	ConnectTimeout time.Duration `yaml:"connect_timeout"`
	// NoStreamUsage stops the gateway from adding stream_options.include_usage
	// to streams: for servers that refuse the field. Their tokens are estimated.
	NoStreamUsage bool `yaml:"no_stream_usage"`
}

// Deployment is a public name and what serves it.
type Deployment struct {
	// Name is what clients call.
	Name string `yaml:"name"`
	// Model is the model's name, shown by the models operations; default Name.
	Model string `yaml:"model"`
	// Backends serve it; an exchange is sent to one of them by weight, and to
	// the others in their order when that one fails.
	Backends []Target `yaml:"backends"`
}

// Target is one backend of a deployment.
type Target struct {
	// Backend is the backend's name.
	Backend string `yaml:"backend"`
	// Deployment is the name there (for an openai backend the model's); default
	// the public name.
	Deployment string `yaml:"deployment"`
	// Weight is this backend's share of calls, against the others'; default 1.
	// A negative weight takes calls only when others failed.
	Weight int `yaml:"weight"`
}

// checker gathers problems.
type checker struct{ problems []fault.Problem }

func (c *checker) bad(message, hint, path string, args ...any) {
	c.problems = append(c.problems, fault.Problem{Path: fmt.Sprintf(path, args...), Message: message, Hint: hint})
}

// Check gives the config's problems, all at once.
func (cfg Config) Check() []fault.Problem {
	c := &checker{}
	names := map[string]bool{}
	if len(cfg.Backends) == 0 {
		c.bad("there is no backend", "a backend has a name, a kind, a url and a key", "backends")
	}
	for i, b := range cfg.Backends {
		if b.Name == "" {
			c.bad("a backend needs a name", "name: east", "backends[%d].name", i)
		} else if names[b.Name] {
			c.bad("two backends have this name", "give each its own", "backends[%d].name", i)
		}
		names[b.Name] = true
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
		c.targets(i, d, names)
	}
	return c.problems
}

func (c *checker) backend(i int, b Backend) {
	if b.Kind != KindAzure && b.Kind != KindOpenAI && b.Kind != KindManagement {
		c.bad(fmt.Sprintf("%q is no kind of backend", b.Kind), "azure, openai or management", "backends[%d].kind", i)
	}
	u, err := url.Parse(b.URL)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		c.bad("not an http or https URL", "https://NAME.openai.azure.com", "backends[%d].url", i)
	} else if u.User != nil || u.RawQuery != "" || u.Fragment != "" {
		c.bad("the URL has more than scheme, host and path", "give the key in key, the version in api_version", "backends[%d].url", i)
	}
	if b.APIVersion != "" && b.Kind != KindAzure {
		c.bad("only an azure backend has an api-version", "leave it out", "backends[%d].api_version", i)
	} else if b.APIVersion != "" && !dated(b.APIVersion) && b.APIVersion != "v1" && b.APIVersion != "preview" && b.APIVersion != "latest" {
		c.bad(fmt.Sprintf("%q is no api-version", b.APIVersion), "a date like 2024-10-21, or v1, preview or latest", "backends[%d].api_version", i)
	}
	if strings.ContainsAny(b.Key, "\r\n") {
		c.bad("the key has a line end in it", "one line", "backends[%d].key", i)
	}
	if b.Timeout < 0 {
		c.bad("a time cannot be negative", "10m", "backends[%d].timeout", i)
	}
	if b.ConnectTimeout < 0 {
		c.bad("a time cannot be negative", "10s", "backends[%d].connect_timeout", i)
	}
}

func (c *checker) targets(i int, d Deployment, names map[string]bool) {
	if len(d.Backends) == 0 {
		c.bad("no backend serves this deployment", "backends: [{backend: east}]", "deployments[%d].backends", i)
	}
	seen := map[[2]string]bool{}
	for j, t := range d.Backends {
		if !names[t.Backend] {
			c.bad(fmt.Sprintf("no backend is called %q", t.Backend), "one of the names under backends", "deployments[%d].backends[%d].backend", i, j)
		}
		if seen[[2]string{t.Backend, t.Deployment}] {
			c.bad("this backend stands there twice", "use weight for a larger share", "deployments[%d].backends[%d]", i, j)
		}
		seen[[2]string{t.Backend, t.Deployment}] = true
	}
}

// dated says whether an api-version is one of the classic surface's.
func dated(v string) bool {
	return len(v) >= len("2024-10-21") && v[0] == '2' && v[4] == '-' && v[7] == '-'
}
