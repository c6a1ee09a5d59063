package upstream

import (
	"net/http"
	"strings"
	"testing"

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
	u := New(cfg, chat)
	t.Cleanup(u.Close)
	return u.Pool("gpt").Order(nil)[0]
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
		if d := cmp.Diff(tt.want, member(t, tt.b, "").Header(client, &Call{}, []string{"ours"})); d != "" {
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

func TestOrder(t *testing.T) {
	cfg := Config{
		Backends: []Backend{
			{Name: "a", Kind: KindAzure, URL: "https://a"}, {Name: "b", Kind: KindAzure, URL: "https://b"}, {Name: "c", Kind: KindAzure, URL: "https://c"},
		},
		Deployments: []Deployment{
			{Name: "even", Backends: []Target{{Backend: "a"}, {Backend: "b"}}},
			{Name: "uneven", Backends: []Target{{Backend: "a", Weight: 3}, {Backend: "b"}, {Backend: "c", Weight: -1}}},
			{Name: "spare", Backends: []Target{{Backend: "a", Weight: -1}, {Backend: "b", Weight: -1}}},
		},
	}
	u := New(cfg, chat)
	defer u.Close()
	for name, want := range map[string]string{
		"even":   "ab ba ab ba",
		"uneven": "abc abc bac abc abc abc bac abc",
		"spare":  "ab ab",
	} {
		var got []string
		for range strings.Count(want, " ") + 1 {
			s := ""
			for _, m := range u.Pool(name).Order(nil) {
				s += m.Backend
			}
			got = append(got, s)
		}
		if d := cmp.Diff(want, strings.Join(got, " ")); d != "" {
			t.Errorf("%s: %s", name, d)
		}
	}
	if len(u.Pools()) != 3 || u.Pool("none") != nil || u.Pool("even").Model != "even" {
		t.Error("the list of pools")
	}
}

func TestProblems(t *testing.T) {
	cfg := Config{
		Backends: []Backend{
			{Name: "a", Kind: "aws", URL: "https://a"},
			{Name: "a", Kind: KindAzure, URL: "a.openai.azure.com"},
			{Kind: KindOpenAI, URL: "https://u:secret@host/v1?key=x", APIVersion: "v1"},
			{Name: "d", Kind: KindAzure, URL: "ftp://x", APIVersion: "newest", Key: "a\nb", Timeout: -1, ConnectTimeout: -1},
		},
		Deployments: []Deployment{
			{Name: "x/y", Backends: []Target{{Backend: "a"}}},
			{Name: "gpt"},
			{Name: "gpt", Backends: []Target{{Backend: "nobody"}, {Backend: "a"}, {Backend: "a"}}},
		},
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
		"backends[3].url", "backends[3].api_version", "backends[3].key", "backends[3].timeout", "backends[3].connect_timeout",
		"deployments[0].name", "deployments[1].backends", "deployments[2].name", "deployments[2].backends[0].backend", "deployments[2].backends[2]",
	}
	if d := cmp.Diff(want, paths); d != "" {
		t.Error(d)
	}
	if p := (Config{}).Check(); len(p) != 1 || p[0].Path != "backends" {
		t.Errorf("an empty config: %+v", p)
	}
}
