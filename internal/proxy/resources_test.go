package proxy

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"

	"weir/internal/record"
	"weir/internal/upstream"
)

// shelf is a backend that keeps files and vector stores: what it has not made it
// does not know.
type shelf struct {
	name string
	mu   sync.Mutex
	made []string
	gets int
	down bool
}

func (s *shelf) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	body, _ := io.ReadAll(r.Body)
	path := strings.TrimPrefix(strings.TrimPrefix(r.URL.Path, "/openai"), "/v1")
	parts := strings.Split(strings.Trim(path, "/"), "/")
	w.Header().Set("Content-Type", "application/json")
	switch {
	case s.down:
		w.WriteHeader(http.StatusInternalServerError)
	case len(parts) == 1 && r.Method == "POST":
		for _, id := range strings.FieldsFunc(string(body), func(r rune) bool { return strings.ContainsRune(`"[]{}:, `, r) }) {
			if strings.Contains(id, "-made-by-") && !slices.Contains(s.made, id) {
				http.Error(w, `{"error":{"code":"foreign","message":"not here"}}`, http.StatusBadRequest)
				return
			}
		}
		id := fmt.Sprintf("%s-%d-made-by-%s", parts[0], len(s.made), s.name)
		s.made = append(s.made, id)
		w.Header().Set("Location", "http://"+r.Host+r.URL.Path+"/"+id)
		fmt.Fprintf(w, `{"id":%q,"created_at":%d}`, id, len(s.made))
	case len(parts) == 1:
		var list []string
		for i, id := range s.made {
			if strings.HasPrefix(id, parts[0]) {
				list = append(list, fmt.Sprintf(`{"id":%q,"created_at":%d}`, id, i))
			}
		}
		slices.Reverse(list)
		fmt.Fprintf(w, `{"object":"list","data":[%s],"has_more":false}`, strings.Join(list, ","))
	case slices.Contains(s.made, parts[1]):
		s.gets++
		fmt.Fprintf(w, `{"id":%q}`, parts[1])
	default:
		s.gets++
		w.WriteHeader(http.StatusNotFound)
		io.WriteString(w, `{"error":{"message":"no such thing"}}`)
	}
}

// shelves is a gateway before two of them.
func shelves(t *testing.T) (g *rig, east, west *shelf) {
	east, west = &shelf{name: "east"}, &shelf{name: "west"}
	up := upstream.Config{Deployments: []upstream.Deployment{{Name: "gpt"}}}
	for _, s := range []*shelf{east, west} {
		srv := httptest.NewServer(s)
		t.Cleanup(srv.Close)
		up.Backends = append(up.Backends, upstream.Backend{Name: s.name, Kind: "azure", URL: srv.URL})
		up.Deployments[0].Backends = append(up.Deployments[0].Backends, upstream.Target{Backend: s.name})
	}
	log := newMemLog()
	p, url := newGateway(t, Config{}, log, up)
	return &rig{t, log, p, url, &http.Client{Transport: &http.Transport{}}}, east, west
}

func (g *rig) do(method, path, body string) (int, map[string]any, http.Header) {
	g.t.Helper()
	req := g.request(path, body)
	req.Method = method
	resp, err := g.http.Do(req)
	if err != nil {
		g.t.Fatal(err)
	}
	defer resp.Body.Close()
	var v map[string]any
	if err := json.Unmarshal([]byte(readAll(g.t, resp)), &v); err != nil {
		g.t.Fatal(err)
	}
	return resp.StatusCode, v, resp.Header
}

// TestObjectsStay: what a caller makes lies together; what a call names decides
// where it goes, by the answer that made it or by asking; what no backend can do
// is refused in words.
func TestObjectsStay(t *testing.T) {
	g, east, west := shelves(t)
	_, made, header := g.do("POST", "/openai/v1/vector_stores", `{}`)
	home := east
	away := west
	if len(west.made) > 0 {
		home, away = west, east
	}
	store, _ := made["id"].(string)
	if want := g.url + "/openai/v1/vector_stores/" + store; header.Get("Location") != want {
		t.Errorf("Location %s, want %s", header.Get("Location"), want)
	}
	for range 4 {
		if code, v, _ := g.do("POST", "/openai/v1/vector_stores", `{}`); code != 200 || !strings.HasSuffix(v["id"].(string), home.name) {
			t.Errorf("a caller's second object: %d %v", code, v)
		}
		if code, _, _ := g.do("GET", "/openai/v1/vector_stores/"+store, ""); code != 200 {
			t.Errorf("it is not found: %d", code)
		}
	}
	// An object that was made before this gateway knew of it.
	away.made = append(away.made, "vector_stores-9-made-by-"+away.name)
	old := away.made[len(away.made)-1]
	for range 3 {
		if code, _, _ := g.do("GET", "/openai/v1/vector_stores/"+old, ""); code != 200 {
			t.Errorf("an old object is not found: %d", code)
		}
	}
	if backend, ok := g.proxy.Owners.Get(old); !ok || backend != away.name {
		t.Errorf("what was found by asking is not remembered: %q", backend)
	}
	// Named in a body.
	if code, v, _ := g.do("POST", "/openai/v1/responses", `{"model":"gpt","tools":[{"vector_store_ids":["`+old+`"]}]}`); code != 200 || !strings.HasSuffix(v["id"].(string), away.name) {
		t.Errorf("a call that names it: %d %v", code, v)
	}
	code, v, _ := g.do("POST", "/openai/v1/responses", `{"model":"gpt","tools":[{"vector_store_ids":["`+old+`"]},{"vector_store_ids":["`+store+`"]}]}`)
	if text := fmt.Sprint(v); code != 409 || !strings.Contains(text, old) || !strings.Contains(text, store) || !strings.Contains(text, "two backends") {
		t.Errorf("objects of two backends: %d %s", code, text)
	}
	// Of no backend: its own 404.
	if code, v, _ := g.do("GET", "/openai/v1/vector_stores/nobody", ""); code != 404 || !strings.Contains(fmt.Sprint(v), "no such thing") {
		t.Errorf("%d %v", code, v)
	}
	// Unknown, while a backend does not say.
	away.down = true
	if code, v, h := g.do("GET", "/openai/v1/vector_stores/nobody2", ""); code != 503 || h.Get("Retry-After") == "" || !strings.Contains(fmt.Sprint(v), away.name) {
		t.Errorf("%d %v", code, v)
	}
	away.down = false
	// Both lists, as one, with their owners.
	code, v, _ = g.do("GET", "/openai/v1/vector_stores?limit=50", "")
	if data, _ := v["data"].([]any); code != 200 || len(data) != 6 || v["has_more"] != false {
		t.Errorf("%d %v", code, v)
	}
	e := g.log.wait(len(g.log.exchanges)-1, delivered)
	if e.End.Outcome != record.Completed || len(e.End.Attempts) != 2 || !e.End.OwnAnswer || e.End.Backend != "east,west" || e.Begin.Operation != "list_vector_stores" {
		t.Errorf("%+v", e.End)
	}
}

// TestLearnedFromStream: the id in a stream's first event is known before the client has
// it.
func TestLearnedFromStream(t *testing.T) {
	up := upstream.Config{Deployments: []upstream.Deployment{{Name: "gpt"}}}
	for _, name := range []string{"a", "b"} {
		s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.Method == "POST" {
				events(w, "event: response.created\ndata: {\"type\":\"response.created\",\"response\":{\"id\":\"resp_"+name+"\",\"status\":\"in_progress\"}}\n\n",
					"event: response.completed\ndata: {\"type\":\"response.completed\",\"response\":{\"id\":\"resp_"+name+"\",\"text\":\""+strings.Repeat("x", 200<<10)+"\"}}\n\n")
				return
			}
			fmt.Fprintf(w, `{"id":"resp_%s"}`, name)
		}))
		t.Cleanup(s.Close)
		up.Backends = append(up.Backends, upstream.Backend{Name: name, Kind: "openai", URL: s.URL})
		up.Deployments[0].Backends = append(up.Deployments[0].Backends, upstream.Target{Backend: name})
	}
	log := newMemLog()
	p, url := newGateway(t, Config{}, log, up)
	g := &rig{t, log, p, url, &http.Client{Transport: &http.Transport{}}}
	for i := range 4 {
		b := readAll(t, g.post("/v1/responses", `{"model":"gpt","stream":true}`))
		e := g.log.wait(i, delivered)
		if backend, _ := p.Owners.Get("resp_" + e.End.Backend); backend != e.End.Backend {
			t.Errorf("the response of %s is not known", e.End.Backend)
		}
		if string(e.ResponseBody) != b || e.End.Outcome != record.Completed || e.End.Events != 2 {
			t.Errorf("%s, %d events, %d of %d bytes", e.End.Outcome, e.End.Events, len(b), len(e.ResponseBody))
		}
	}
	if e := g.log.exchanges; e[0].End.Backend == e[1].End.Backend {
		t.Error("responses that name nothing are not spread")
	}
}

// TestUnknownOperations: by config they pass as they are, and are recorded.
func TestUnknownOperations(t *testing.T) {
	var got string
	handler := func(w http.ResponseWriter, r *http.Request) {
		b, _ := io.ReadAll(r.Body)
		got = r.Method + " " + r.URL.RequestURI() + " " + string(b)
		answerPlain(w, r)
	}
	for _, pass := range []bool{false, true} {
		cfg := Config{}
		if pass {
			cfg.UnknownOperations = passUnknown
		}
		g := newRigWith(t, cfg, newMemLog(), backend{handler: handler})
		for i, tt := range []struct{ path, want string }{
			{"/openai/v1/videos?x=1&api-key=secret", "POST /openai/v1/videos?x=1 hello"},
			{"/v1/videos/a%20b", "POST /openai/v1/videos/a%20b hello"},
			{"/openai/new/thing?api-version=2030-01-01", "POST /openai/new/thing?api-version=2030-01-01 hello"},
			{"/openai/v1/../x", ""}, {"/elsewhere", ""},
		} {
			got = ""
			resp := g.post(tt.path, "hello")
			readAll(t, resp)
			e := g.log.wait(i, delivered)
			want := tt.want
			if !pass {
				want = ""
			}
			if got != want || (resp.StatusCode == 200) != (want != "") || (e.Begin.Operation == "unknown") != (want != "") {
				t.Errorf("pass %v %s: %d, the backend got %q, %q", pass, tt.path, resp.StatusCode, got, e.Begin.Operation)
			}
			if want != "" && string(e.RequestBody) != "hello" {
				t.Errorf("recorded %q", e.RequestBody)
			}
		}
	}
}

// TestCORS: a browser's preflight is answered by the gateway, and recorded; the
// answers say which pages may read them.
func TestCORS(t *testing.T) {
	g := newRigWith(t, Config{CORS: CORS{Origins: []string{"https://chat.example"}}}, newMemLog(), backend{handler: func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Access-Control-Allow-Origin", "*")
		answerPlain(w, r)
	}})
	for i, origin := range []string{"https://chat.example", "https://evil.example"} {
		req, _ := http.NewRequest("OPTIONS", g.url+chatPath, nil)
		req.Header.Set("Origin", origin)
		req.Header.Set("Access-Control-Request-Method", "POST")
		req.Header.Set("Access-Control-Request-Headers", "api-key,content-type")
		resp, err := g.http.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		allowed := i == 0
		if resp.StatusCode != 204 || (resp.Header.Get("Access-Control-Allow-Origin") == origin) != allowed || (resp.Header.Get("Access-Control-Allow-Headers") == "api-key,content-type") != allowed {
			t.Errorf("%s: %d %v", origin, resp.StatusCode, resp.Header)
		}
		if e := g.log.wait(2*i, delivered); e.Begin.Operation != corsPreflight || e.End.Outcome != record.Completed {
			t.Errorf("%+v", e.Begin)
		}
		answer := g.post(chatPath, plainBody, "Origin", origin)
		readAll(t, answer)
		if got := answer.Header.Get("Access-Control-Allow-Origin"); got != map[bool]string{true: origin}[allowed] {
			t.Errorf("%s: the answer allows %q", origin, got)
		}
		g.log.wait(2*i+1, delivered)
	}
}
