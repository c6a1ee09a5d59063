package upstream

import (
	"net/http"
	"net/url"
	"strings"
)

// Call is a client's request as upstream sees it.
type Call struct {
	// Operation is an index into New's operations; -1 is a call that none of
	// them is, which goes to the same Path on the backend.
	Operation int
	Path      string // escaped
	// Surface says which of the surfaces with a dated api-version the client
	// used, if any; Version is the api-version that it sent.
	Surface Surface
	Version string
	// Params are the path's parameters, {deployment} apart.
	Params []string
	// Query is the client's query without credentials, api-version and what
	// InQuery names.
	Query string
	// InQuery says that the query names the deployment: as deployment on the
	// classic surface, as model on others.
	InQuery bool
	Stream  bool
	// Socket says that the request is a WebSocket's handshake.
	Socket bool
	// Read says that the gateway reads the answer, which must not be coded then.
	Read bool
	// Decoded says that the body's content coding was undone.
	Decoded bool
}

// Surface is a surface with a dated api-version.
type Surface uint8

// The surfaces that have one. Undated stands for all others.
const (
	Undated Surface = iota
	Classic
	Inference
	ARM
)

// Plan is what a request to one member needs.
type Plan struct {
	URL *url.URL
	// Text is URL as text.
	Text string
	// Version is the dated api-version, "" on the surfaces without one.
	Version string
	// Model is what the body's model must be; "" where the path names the
	// deployment, or where none is named.
	Model string
	// Usage says that usage may be asked for in streams.
	Usage bool
}

// Plan maps the client's surface to the member's; ok is false where the member
// has nowhere to send the operation to. A classic client's version is kept by an
// azure backend; other clients get the member's own surface.
func (m *Member) Plan(c *Call) (p Plan, ok bool) {
	p = Plan{Model: m.Deployment, Usage: !m.host.NoStreamUsage}
	t := &targets{}
	if c.Operation >= 0 {
		t = &m.targets[c.Operation]
	} else {
		m.same(t, c)
	}
	to, version := m.choose(t, c)
	if to.text == "" {
		return Plan{}, false
	}
	name := "model"
	if to == &t.classic || to == &t.inference || to == &t.arm {
		p.Version = version
	}
	if to == &t.classic {
		name = "deployment"
		if strings.Contains(to.text, "/deployments/") {
			p.Model = ""
		}
	}
	query := c.Query
	if c.InQuery && m.Deployment != "" {
		query = joined(name+"="+url.QueryEscape(m.Deployment), query)
	}
	if version != "" {
		query = joined("api-version="+url.QueryEscape(version), query)
	}
	if query == "" && !to.open {
		p.URL, p.Text = &to.url, to.text
		return p, true
	}
	filled := to.with(c.Params)
	u := filled.url
	p.URL, p.Text = &u, filled.text
	if query != "" {
		u.RawQuery, p.Text = query, filled.text+"?"+query
	}
	return p, true
}

// Able says whether the member has somewhere to send the operation to.
func (m *Member) Able(c *Call) bool {
	if c.Operation < 0 {
		_, ok := m.Plan(c)
		return ok
	}
	to, _ := m.choose(&m.targets[c.Operation], c)
	return to.text != ""
}

// same fills in where the call's own path is on the member.
func (m *Member) same(t *targets, c *Call) {
	path := strings.NewReplacer("{", "%7B", "}", "%7D").Replace(c.Path)
	at := func(path string) target {
		text := m.host.base.String() + path
		u, err := url.Parse(text)
		if err != nil {
			return target{}
		}
		return target{url: *u, text: text}
	}
	v1, isV1 := strings.CutPrefix(path, "/openai/v1/")
	if !isV1 {
		v1, isV1 = strings.CutPrefix(path, "/v1/")
	}
	switch {
	case m.host.Kind == KindOpenAI && isV1:
		t.v1 = at("/" + v1)
	case m.host.Kind == KindAzure && isV1:
		t.v1 = at("/openai/v1/" + v1)
	case m.host.Kind == KindAzure && c.Surface == Classic:
		t.classic = at(path)
	case m.host.Kind == KindAzure && c.Surface == Inference:
		t.inference = at(path)
	case m.host.Kind == KindManagement && c.Surface == ARM:
		t.arm = at(path)
	}
}

// newest is the last api-version of the classic surface (Azure OpenAI API version
// lifecycle).
const newest = "2025-04-01-preview"

// choose gives the target that suits the call, and the api-version for it.
func (m *Member) choose(t *targets, c *Call) (to *target, version string) {
	switch {
	case c.Surface == ARM:
		return &t.arm, c.Version
	case m.host.Kind != KindAzure:
		return &t.v1, ""
	case c.Surface == Classic && t.classic.text != "":
		return &t.classic, c.Version
	case c.Surface == Inference && t.v1.text == "" && t.classic.text == "":
		return &t.inference, c.Version
	case dated(m.host.APIVersion) && t.classic.text != "":
		return &t.classic, m.host.APIVersion
	case dated(m.host.APIVersion):
		return &t.v1, ""
	case t.v1.text == "" && t.classic.text != "":
		return &t.classic, newest // v1 does not have it
	case c.Surface == Undated && c.Version != "":
		return &t.v1, c.Version
	}
	return &t.v1, m.host.APIVersion
}

func joined(a, b string) string {
	if b == "" {
		return a
	}
	return a + "&" + b
}

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

// Header makes the header of a request to m from the client's, without the
// gateway's credential, which [Member.Prove] adds. Values are shared, not copied.
// trace is the traceparent that goes on.
func (m *Member) Header(client http.Header, c *Call, trace []string) http.Header {
	h := make(http.Header, len(client)+4)
	_, lists := client["Connection"]
	for name, v := range client {
		if Secret(name) || own[name] || HopByHop(name) || lists && Listed(client, name) || c.Decoded && name == "Content-Encoding" {
			continue
		}
		h[name] = v
	}
	if c.Socket {
		handshake(h)
	}
	h["Traceparent"] = trace
	if v := accepted(client["Accept-Encoding"], c.Stream || c.Read); v != nil {
		h["Accept-Encoding"] = v
	}
	if _, ok := client["User-Agent"]; !ok {
		h["User-Agent"] = noAgent // else net/http names itself
	}
	return h
}

// handshake makes h a WebSocket's handshake (RFC 6455, 4.1). No extension is
// offered, so that the messages that pass can be read.
func handshake(h http.Header) {
	h["Connection"], h["Upgrade"] = []string{"Upgrade"}, []string{"websocket"}
	delete(h, "Sec-Websocket-Extensions")
	var offered []string
	for _, line := range h["Sec-Websocket-Protocol"] {
		for item := range strings.SplitSeq(line, ",") {
			if item = strings.TrimSpace(item); item != "" && !strings.HasPrefix(item, SocketKey) {
				offered = append(offered, item)
			}
		}
	}
	delete(h, "Sec-Websocket-Protocol")
	if len(offered) > 0 {
		h["Sec-Websocket-Protocol"] = []string{strings.Join(offered, ", ")}
	}
}

// SocketKey begins the subprotocol in which browsers, which cannot set headers,
// send their key (OpenAI, "Realtime API with WebSocket").
const SocketKey = "openai-insecure-api-key."

var (
	noAgent  = []string{""}
	identity = []string{"identity"}
	gzip     = []string{"gzip"}
	both     = []string{"gzip, deflate"}
	deflate  = []string{"deflate"}
)

// accepted limits what the client accepts to what the store can read; a stream
// is never compressed, since its events are looked at as they pass.
func accepted(client []string, read bool) []string {
	if read {
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
