package upstream

import (
	"net/http"
	"net/url"
	"strings"
)

// Call is a client's request as upstream sees it.
type Call struct {
	Operation int // index into New's operations
	// Classic says that the client used the classic surface; Version is the
	// api-version that it sent.
	Classic bool
	Version string
	// Query is the client's query without credentials and api-version.
	Query  string
	Stream bool
}

// Plan is what a request to one member needs.
type Plan struct {
	URL *url.URL
	// Text is URL as text.
	Text string
	// Version is the dated api-version, "" on the surfaces without one.
	Version string
	// Model is what the body's model must be; "" where the path names the
	// deployment.
	Model string
	// Usage says that usage may be asked for in streams.
	Usage bool
}

// Plan maps the client's surface to the member's. A classic client's version
// is kept by an azure backend; other clients get the member's own surface.
func (m *Member) Plan(c *Call) Plan {
	t := &m.targets[c.Operation]
	p := Plan{Model: m.Deployment, Usage: m.usage}
	version := ""
	to := &t.v1
	switch {
	case m.azure && c.Classic:
		to, version, p.Version, p.Model = &t.classic, c.Version, c.Version, ""
	case m.azure && dated(m.version):
		to, version, p.Version, p.Model = &t.classic, m.version, m.version, ""
	case m.azure && c.Version != "":
		version = c.Version
	case m.azure:
		version = m.version
	}
	query := c.Query
	if version != "" {
		query = "api-version=" + url.QueryEscape(version)
		if c.Query != "" {
			query += "&" + c.Query
		}
	}
	if query == "" {
		p.URL, p.Text = &to.url, to.text
		return p
	}
	u := to.url
	u.RawQuery = query
	p.URL, p.Text = &u, to.text+"?"+query
	return p
}

// Transport carries requests to the member's backend.
func (m *Member) Transport() http.RoundTripper { return m.transport }

// Secret says whether a field proves somebody to something: such a field of a
// client's goes to no backend and is masked on the record. The name is in
// canonical form.
func Secret(name string) bool {
	switch name {
	case "Authorization", "Proxy-Authorization", "Api-Key", "X-Api-Key", "Ocp-Apim-Subscription-Key",
		"Cookie", "Set-Cookie", "X-Functions-Key", "X-Goog-Api-Key", "X-Amz-Security-Token":
		return true
	}
	return false
}

// own lists what does not travel to a backend besides secrets and hop-by-hop
// fields: what belongs to the client's account, what the gateway writes anew,
// and what tells of the client's network.
var own = map[string]bool{
	"Openai-Organization": true, "Openai-Project": true,
	"Host": true, "Content-Length": true, "Accept-Encoding": true, "Traceparent": true, "Expect": true,
	"Forwarded": true, "X-Forwarded-For": true, "X-Forwarded-Host": true, "X-Forwarded-Proto": true, "X-Real-Ip": true,
}

// HopByHop says whether a field belongs to one connection (RFC 9110, 7.6.1).
// The name is in canonical form.
func HopByHop(name string) bool {
	switch name {
	case "Connection", "Keep-Alive", "Proxy-Authenticate", "Proxy-Authorization", "Proxy-Connection",
		"Te", "Trailer", "Transfer-Encoding", "Upgrade":
		return true
	}
	return false
}

// Listed says whether the Connection fields of h list name.
func Listed(h http.Header, name string) bool {
	for _, line := range h["Connection"] {
		for line != "" {
			var item string
			item, line, _ = strings.Cut(line, ",")
			if strings.EqualFold(strings.TrimSpace(item), name) {
				return true
			}
		}
	}
	return false
}

// Header makes the header of a request to m from the client's. Values are
// shared, not copied. trace is the traceparent that goes on.
func (m *Member) Header(client http.Header, c *Call, trace []string) http.Header {
	h := make(http.Header, len(client)+4)
	_, lists := client["Connection"]
	for name, v := range client {
		if Secret(name) || own[name] || HopByHop(name) || lists && Listed(client, name) {
			continue
		}
		h[name] = v
	}
	if m.azure {
		if m.credential[0] != "" {
			h["Api-Key"] = m.credential[:]
		}
	} else if m.credential[0] != "Bearer " {
		h["Authorization"] = m.credential[:]
	}
	h["Traceparent"] = trace
	if v := accepted(client["Accept-Encoding"], c.Stream); v != nil {
		h["Accept-Encoding"] = v
	}
	if _, ok := client["User-Agent"]; !ok {
		h["User-Agent"] = noAgent // else net/http names itself
	}
	return h
}

var (
	noAgent  = []string{""}
	identity = []string{"identity"}
	gzip     = []string{"gzip"}
	both     = []string{"gzip, deflate"}
	deflate  = []string{"deflate"}
)

// accepted limits what the client accepts to what the store can read; a stream
// is never compressed, since its events are looked at as they pass.
func accepted(client []string, stream bool) []string {
	if stream {
		return identity
	}
	if len(client) == 0 {
		return nil
	}
	var gz, df bool
	for _, line := range client {
		for line != "" {
			var item string
			item, line, _ = strings.Cut(line, ",")
			coding, q, _ := strings.Cut(strings.TrimSpace(item), ";")
			if refused(q) {
				continue
			}
			gz = gz || strings.EqualFold(strings.TrimSpace(coding), "gzip")
			df = df || strings.EqualFold(strings.TrimSpace(coding), "deflate")
		}
	}
	switch {
	case gz && df:
		return both
	case gz:
		return gzip
	case df:
		return deflate
	}
	return identity
}

// refused says whether a coding's parameter is a weight of zero.
func refused(q string) bool {
	v, ok := strings.CutPrefix(strings.ReplaceAll(q, " ", ""), "q=")
	return ok && strings.Trim(v, "0.") == ""
}
