package sim

import (
	"encoding/json"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
)

func TestTokens(t *testing.T) {
	for s, want := range map[string][]string{
		"":                      {},
		"Hello, world":          {"Hello", ",", " world"},
		"a  b":                  {"a", "  ", "b"},
		"simulators ":           {"simulato", "rs", " "},
		"straßenbahnen 123\n\n": {"straßenb", "ahnen", " 123", "\n", "\n"},
		"🦦 🦦":                   {"🦦", " 🦦"},
	} {
		got := splitTokens(s)
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%q: %s", s, diff)
		}
		if countTokens(s) != len(want) {
			t.Errorf("%q: counted %d, want %d", s, countTokens(s), len(want))
		}
	}
}

func FuzzTokens(f *testing.F) {
	f.Add("Hello, world  🦦\xff \x00")
	f.Fuzz(func(t *testing.T, s string) {
		parts := splitTokens(s)
		if strings.Join(parts, "") != s || countTokens(s) != len(parts) {
			t.Errorf("%q splits into %q", s, parts)
		}
		// Counts of pieces add up wherever a text is cut between tokens.
		half := len(parts) / 2
		if n := countTokens(strings.Join(parts[:half], "")); n != half {
			t.Errorf("%q: %d tokens before token %d", s, n, half)
		}
	})
}

func FuzzAppendString(f *testing.F) {
	f.Add("a\"\\\n\r\t\x01\x7f é 🦦 \xff\u2028")
	f.Fuzz(func(t *testing.T, s string) {
		var got string
		encoded := appendString(nil, s)
		if err := json.Unmarshal(encoded, &got); err != nil {
			t.Fatalf("%q: %v", encoded, err)
		}
		if got != strings.ToValidUTF8(s, "\ufffd") && utf8.ValidString(s) {
			t.Errorf("%q came back as %q", s, got)
		}
	})
}

// FuzzFields compares the scanner with encoding/json.
func FuzzFields(f *testing.F) {
	f.Add([]byte(`{"a":1, "b" : [1,{"c":"}\""}] ,"a":null,"\u0064":"x\\"}`))
	f.Add([]byte(` { } `))
	f.Add([]byte(`[]`))
	f.Fuzz(func(t *testing.T, body []byte) {
		got, ok := fields(body)
		var want map[string]json.RawMessage
		err := json.Unmarshal(body, &want)
		if isObject := err == nil && want != nil; ok != isObject {
			t.Fatalf("%q: ok is %v", body, ok)
		}
		last := map[string]json.RawMessage{}
		for _, f := range got {
			last[strings.ToValidUTF8(f.name, "\ufffd")] = f.raw
		}
		if !utf8.Valid(body) {
			return // names with broken characters are repaired in another way
		}
		for name, raw := range want {
			if string(last[name]) != string(raw) {
				t.Errorf("%q: %q is %q, want %q", body, name, last[name], raw)
			}
		}
		if ok && len(last) != len(want) {
			t.Errorf("%q: %d members, want %d", body, len(last), len(want))
		}
	})
}

// FuzzCall: no body brings the simulator down or makes it answer with something
// that is neither JSON nor a stream.
func FuzzCall(f *testing.F) {
	paths := []string{classicChat, "/openai/deployments/turbo/completions?api-version=2024-10-21", embeddingsPath}
	for i := range paths {
		f.Add(uint8(i), `{"n":2,"prompt":["a",[1]],"input":[1],"messages":[{"role":"user","content":[{"text":"a"}]}],"stop":"."}`)
		f.Add(uint8(i), `{"stream":true,"tools":[{"function":{"name":"f","parameters":{"items":{},"type":["array"]}}}],"messages":[{"role":"user","content":"x"}]}`)
	}
	s, err := New(testOptions())
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, which uint8, body string) {
		if strings.Contains(body, "sim") || strings.Contains(body, `\u`) {
			t.Skip("a control could make the call wait or break, as it should")
		}
		w := inBubble(s, paths[int(which)%len(paths)], body)
		answered := w.Body.String()
		if strings.HasPrefix(w.Header().Get("Content-Type"), "text/event-stream") {
			for _, d := range strings.Split(strings.TrimSuffix(answered, "data: [DONE]\n\n"), "\n\n") {
				if d != "" && !json.Valid([]byte(strings.TrimPrefix(d, "data: "))) {
					t.Errorf("an event is no JSON: %s", d)
				}
			}
		} else if !json.Valid([]byte(answered)) {
			t.Errorf("the answer is no JSON: %s", answered)
		}
	})
}

func TestOptionsNameAllMistakes(t *testing.T) {
	_, err := New(Options{
		Kind: "other", Keys: []string{""}, Deployments: []Deployment{{}, {Name: "a"}, {Name: "a", TokensPerMinute: -1}},
		FirstToken: -1, Jitter: 2, KeepCalls: -1, Faults: []Fault{{Rate: 2}, {Controls: "explode=1"}},
	})
	if err == nil {
		t.Fatal("no error")
	}
	for _, want := range []string{"kind", "keys[0]", "deployments[0]", "deployments[2]", "tokens per minute", "latency", "jitter", "calls to keep", "faults[0]", "faults[1]", "explode"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("%q is not named in: %v", want, err)
		}
	}
	if _, err := New(Options{}); err == nil || !strings.Contains(err.Error(), "deployments") {
		t.Errorf("no deployments: %v", err)
	}
}

// versionOf is an api-version that has the operation at that path.
func versionOf(op *operation, path string) string {
	switch {
	case strings.HasPrefix(path, "/models/"):
		return inferenceVersions[0]
	case len(op.versions) > 0:
		return op.versions[0]
	case op.until != "":
		return op.until + "-preview"
	}
	return apiVersions[len(apiVersions)-1]
}

// TestEveryPathIsServed asks for each row of the table on each of its surfaces.
func TestEveryPathIsServed(t *testing.T) {
	for _, kind := range []string{KindAzure, KindOpenAI} {
		o := testOptions()
		o.Kind = kind
		s, url := start(t, o)
		for _, op := range operations() {
			for _, path := range []string{op.classic, op.v1, op.native, op.inference} {
				if path == "" || (kind == KindOpenAI) != strings.HasPrefix(path, "/v1/") {
					continue
				}
				s.Reset()
				path = strings.NewReplacer("{deployment}", "gpt-4o", "{id}", "x").Replace(path)
				if path = strings.Replace(path, "{id}", "x", 1); kind == KindAzure && !strings.HasPrefix(path, v1Prefix) {
					path += "?api-version=" + versionOf(&op, path)
				}
				resp, err := send(t, op.method, url+path, "{")
				if err != nil {
					t.Fatal(err)
				}
				resp.Body.Close()
				if got := s.Calls(0)[0].Operation; got != op.id() {
					t.Errorf("%s %s is taken for %q", op.method, path, got)
				}
				if resp.Header.Get("X-Weir-Simulator") != "not-a-model" {
					t.Errorf("%s %s does not say that it is simulated", op.method, path)
				}
			}
		}
	}
}
