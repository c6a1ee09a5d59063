package upstream

import (
	"log/slog"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

var chat = []Operation{{
	Classic: "/openai/deployments/{deployment}/chat/completions", V1: "/openai/v1/chat/completions", OpenAI: "/v1/chat/completions",
}}

func member(t *testing.T, b Backend, deployment string) *Member {
	t.Helper()
	b.Name = "east"
	cfg := Config{Backends: []Backend{b}, Deployments: []Deployment{{Name: "gpt", Backends: []Target{{Backend: "east", Deployment: deployment}}}}}
	if p := cfg.Check(); len(p) > 0 {
		t.Fatal(p)
	}
	return newUpstream(t, cfg, nil).Pool("gpt").Members()[0]
}

func newUpstream(t *testing.T, cfg Config, prev *Upstream) *Upstream {
	t.Helper()
	u, err := New(cfg, chat, prev, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(u.Close)
	return u
}

func TestPlan(t *testing.T) {
	azure := Backend{Kind: KindAzure, URL: "https://r.openai.azure.com/"}
	dated := Backend{Kind: KindAzure, URL: "https://r.openai.azure.com/openai", APIVersion: "2024-06-01"}
	behind := Backend{Kind: KindAzure, URL: "https://apim.example/ai", APIVersion: "preview"}
	openai := Backend{Kind: KindOpenAI, URL: "https://api.openai.com"}
	compatible := Backend{Kind: KindOpenAI, URL: "http://host:8000/api/v3"}
	classic := Call{Surface: Classic, Version: "2024-10-21"}
	for _, tt := range []struct {
		name       string
		b          Backend
		deployment string
		call       Call
		url        string
		version    string
		model      string
	}{
		{"classic to azure", azure, "", classic, "https://r.openai.azure.com/openai/deployments/gpt/chat/completions?api-version=2024-10-21", "2024-10-21", ""},
		{"v1 to azure", azure, "", Call{}, "https://r.openai.azure.com/openai/v1/chat/completions", "", "gpt"},
		{"v1 preview to azure", azure, "d", Call{Version: "preview"}, "https://r.openai.azure.com/openai/v1/chat/completions?api-version=preview", "", "d"},
		{"other query kept", azure, "", Call{Surface: Classic, Version: "2024-10-21", Query: "a=1&b=%2F"}, "https://r.openai.azure.com/openai/deployments/gpt/chat/completions?api-version=2024-10-21&a=1&b=%2F", "2024-10-21", ""},
		{"classic keeps its version", dated, "d", classic, "https://r.openai.azure.com/openai/deployments/d/chat/completions?api-version=2024-10-21", "2024-10-21", ""},
		{"v1 to a dated azure", dated, "d", Call{Version: "preview"}, "https://r.openai.azure.com/openai/deployments/d/chat/completions?api-version=2024-06-01", "2024-06-01", ""},
		{"a path before", behind, "", Call{}, "https://apim.example/ai/openai/v1/chat/completions?api-version=preview", "", "gpt"},
		{"classic to openai", openai, "gpt-4o", classic, "https://api.openai.com/v1/chat/completions", "", "gpt-4o"},
		{"openai to openai", openai, "gpt-4o", Call{Query: "x=y"}, "https://api.openai.com/v1/chat/completions?x=y", "", "gpt-4o"},
		{"a compatible server", compatible, "m", Call{}, "http://host:8000/api/v3/chat/completions", "", "m"},
		{"a name to escape", azure, "a b/../c", classic, "https://r.openai.azure.com/openai/deployments/a%20b%2F..%2Fc/chat/completions?api-version=2024-10-21", "2024-10-21", ""},
	} {
		p, ok := member(t, tt.b, tt.deployment).Plan(&tt.call)
		if !ok || p.URL.String() != tt.url || p.Text != tt.url || p.Version != tt.version || p.Model != tt.model {
			t.Errorf("%s: %s\n(text %s) version %q model %q", tt.name, p.URL, p.Text, p.Version, p.Model)
		}
	}
}

func TestHeader(t *testing.T) {
	client := http.Header{}
	for _, l := range strings.Split(strings.TrimSpace(`
Api-Key: client
Ocp-Apim-Subscription-Key: client
Authorization: Bearer client
Cookie: session=client
Set-Cookie: session=client
X-Api-Key: client
X-Goog-Api-Key: client
X-Functions-Key: client
X-Amz-Security-Token: client
Connection: keep-alive, X-Private
X-Private: 1
Keep-Alive: 5
Proxy-Authorization: Basic x
Te: trailers
Trailer: X
Transfer-Encoding: chunked
Upgrade: h2c
Host: gateway
Content-Length: 12
Expect: 100-continue
X-Forwarded-For: 192.0.2.1
Openai-Organization: theirs
Traceparent: theirs
Accept-Encoding: gzip, deflate, br, zstd
Content-Type: application/json
User-Agent: OpenAI/Python
X-Ms-Client-Request-Id: id
X-Stainless-Lang: python
Priority: 7
`), "\n") {
		k, v, _ := strings.Cut(l, ": ")
		client.Set(k, v)
	}
	before := client.Clone()
	kept := http.Header{
		"Content-Type": {"application/json"}, "User-Agent": {"OpenAI/Python"}, "X-Ms-Client-Request-Id": {"id"},
		"X-Stainless-Lang": {"python"}, "Priority": {"7"}, "Traceparent": {"ours"}, "Accept-Encoding": {"gzip, deflate"},
	}
	azure := kept.Clone()
	azure.Set("Api-Key", "ours")
	openai := kept.Clone()
	openai.Set("Authorization", "Bearer ours")
	for _, tt := range []struct {
		b    Backend
		want http.Header
	}{
		{Backend{Kind: KindAzure, URL: "https://a", Key: "ours"}, azure},
		{Backend{Kind: KindOpenAI, URL: "https://a", Key: "ours"}, openai},
		{Backend{Kind: KindAzure, URL: "https://a"}, kept},
		{Backend{Kind: KindOpenAI, URL: "https://a"}, kept},
	} {
		m := member(t, tt.b, "")
		h := m.Header(client, &Call{}, []string{"ours"})
		if err := m.Prove(t.Context(), h); err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(tt.want, h); d != "" {
			t.Errorf("%s: %s", tt.b.Kind, d)
		}
	}
	if d := cmp.Diff(before, client); d != "" {
		t.Errorf("the client's header changed: %s", d)
	}
}

func TestAcceptEncoding(t *testing.T) {
	for _, tt := range []struct {
		in     []string
		stream bool
		want   string
	}{
		{nil, false, ""}, {nil, true, "identity"}, {[]string{"gzip, br"}, true, "identity"},
		{[]string{"gzip, br"}, false, "gzip"}, {[]string{"deflate"}, false, "deflate"}, {[]string{"br"}, false, "identity"},
		{[]string{"br", "GZIP;q=0.5"}, false, "gzip"}, {[]string{"gzip;q=0, deflate;q=0.0"}, false, "identity"}, {[]string{"*"}, false, "identity"},
	} {
		got := strings.Join(accepted(tt.in, tt.stream), "|")
		if got != tt.want {
			t.Errorf("%v stream %v: %q, want %q", tt.in, tt.stream, got, tt.want)
		}
	}
}

func TestProblems(t *testing.T) {
	minus := -time.Second
	cfg := Config{
		Backends: []Backend{
			{Name: "a", Kind: "aws", URL: "https://a"},
			{Name: "a", Kind: KindAzure, URL: "a.openai.azure.com"},
			{Kind: KindOpenAI, URL: "https://u:secret@host/v1?key=x", APIVersion: "v1"},
			{Name: "d", Kind: KindAzure, URL: "ftp://x", APIVersion: "newest", Key: "a\nb", Timeout: minus, StreamTimeout: minus, IdleTimeout: minus, Egress: Egress{ConnectTimeout: minus}},
			{Name: "e", Kind: KindOpenAI, URL: "http://e", Key: "k", Entra: &Entra{Method: "managed_identity"}},
			{Name: "f", Kind: KindAzure, URL: "https://f", Probe: &Probe{}, CircuitBreaker: BreakerConfig{Rules: []Rule{{}}}},
		},
		Deployments: []Deployment{
			{Name: "x/y", Backends: []Target{{Backend: "a"}}},
			{Name: "gpt", Balance: "random", Headroom: 101, Affinity: Affinity{Header: "Api-Key", Cookie: "a b"}, Retry: RetryConfig{Attempts: -1}},
			{Name: "gpt", Backends: []Target{{Backend: "nobody"}, {Backend: "a"}, {Backend: "a", Deployment: "gpt"}, {Backend: "d", Priority: -1, Weight: 1001}}},
			{Name: "wide", Backends: make([]Target, 65), Affinity: Affinity{Header: "a:b"}},
		},
	}
	for i := range cfg.Deployments[3].Backends {
		cfg.Deployments[3].Backends[i] = Target{Backend: "a", Deployment: strconv.Itoa(i)}
	}
	var paths []string
	for _, p := range cfg.Check() {
		paths = append(paths, p.Path)
		if p.Message == "" || p.Hint == "" || strings.Contains(p.Message+p.Hint, "secret") {
			t.Errorf("%+v", p)
		}
	}
	want := []string{
		"backends[0].kind", "backends[1].name", "backends[1].url", "backends[2].name", "backends[2].url", "backends[2].api_version",
		"backends[3].url", "backends[3].api_version", "backends[3].key",
		"backends[3].timeout", "backends[3].stream_timeout", "backends[3].idle_timeout", "backends[3].connect_timeout",
		"backends[4].key", "backends[4].url", "backends[4].entra.scope",
		"backends[5].circuit_breaker.rules[0].name", "backends[5].circuit_breaker.rules[0]", "backends[5].circuit_breaker.rules[0]", "backends[5].probe.path",
		"deployments[0].name", "deployments[1].balance", "deployments[1].affinity", "deployments[1].affinity.header", "deployments[1].affinity.cookie",
		"deployments[1].headroom", "deployments[1].retry.attempts", "deployments[1].backends",
		"deployments[2].name", "deployments[2].backends[0].backend", "deployments[2].backends[2]", "deployments[2].backends[3].priority", "deployments[2].backends[3].weight",
		"deployments[3].affinity.header", "deployments[3].backends",
	}
	if d := cmp.Diff(want, paths); d != "" {
		t.Error(d)
	}
	few := time.Duration(30)
	cfg = Config{
		CircuitBreaker: BreakerConfig{Disabled: true, Rules: defaultRules()},
		Backends: []Backend{
			{Name: "m", Kind: KindManagement, URL: "https://management.azure.com", Key: "secret\x00"},
			{Name: "d", Kind: KindAzure, URL: "https://d", Key: "secret\x7f", Timeout: few, StreamTimeout: few, IdleTimeout: time.Millisecond - 1, Egress: Egress{ConnectTimeout: few}},
			{Name: "e", Kind: KindAzure, URL: "https://e", Timeout: time.Millisecond, CircuitBreaker: BreakerConfig{Disabled: true}},
		},
		Deployments: []Deployment{{Name: "gpt", Backends: []Target{{Backend: "e"}, {Backend: "m"}}}},
	}
	paths = nil
	for _, p := range cfg.Check() {
		paths = append(paths, p.Path)
		if p.Message == "" || p.Hint == "" || strings.Contains(p.Message+p.Hint, "secret") {
			t.Errorf("%+v", p)
		}
	}
	want = []string{
		"backends[0].key", "backends[1].key", "backends[1].timeout", "backends[1].stream_timeout", "backends[1].idle_timeout", "backends[1].connect_timeout",
		"deployments[0].backends[1].backend", "circuit_breaker.rules",
	}
	if d := cmp.Diff(want, paths); d != "" {
		t.Error(d)
	}
	if p := (Config{}).Check(); len(p) != 1 || p[0].Path != "backends" {
		t.Errorf("an empty config: %+v", p)
	}
}
