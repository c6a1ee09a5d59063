package sim

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "rewrite testdata/*.golden")

const weatherTools = `"tools":[{"type":"function","function":{"name":"get_weather","parameters":{"type":"object","properties":{"city":{"type":"string"},"days":{"type":"integer","minimum":1,"maximum":7},"unit":{"enum":["celsius","fahrenheit"]}}}}},{"type":"function","function":{"name":"get_time"}}]`

// goldens are calls whose whole answers stand in testdata.
var goldens = []struct {
	name, kind, method, path, body string
	header                         []string
}{
	{name: "chat", path: classicChat, body: hello, header: []string{"X-Ms-Client-Request-Id", "from-the-caller"}},
	{name: "chat_v1", path: "/openai/v1/chat/completions", body: `{"model":"gpt-4o","messages":[{"role":"user","content":"Hello, tell me about rivers."}]}`},
	{name: "chat_native", kind: KindOpenAI, path: "/v1/chat/completions", body: `{"model":"gpt-4o","messages":[{"role":"user","content":"Hello, tell me about rivers."}]}`},
	{name: "chat_limited", path: "/openai/deployments/limited/chat/completions?api-version=2024-06-01", body: hello},
	{name: "chat_limited_native", kind: KindOpenAI, path: "/v1/chat/completions", body: `{"model":"limited","max_tokens":5,"messages":[{"role":"user","content":"Hi"}]}`},
	{name: "chat_tools", path: classicChat, body: `{` + weatherTools + `,"messages":[{"role":"user","content":"Will it rain?"}]}`},
	{name: "chat_logprobs", path: classicChat, body: `{"max_tokens":3,"logprobs":true,"top_logprobs":2,"messages":[{"role":"user","content":"Hi"}]}`},
	{name: "chat_refusal", path: classicChat, body: `{"messages":[{"role":"user","content":"Please TRIGGER a refusal."}]}`},
	{name: "chat_filtered", path: classicChat, body: `{"messages":[{"role":"user","content":"trigger a filtered answer"}]}`},
	{name: "chat_stream", path: classicChat, body: `{"stream":true,"max_tokens":4,"messages":[{"role":"user","content":"Hi"}]}`},
	{name: "chat_stream_usage", path: classicChat, body: `{"stream":true,"stream_options":{"include_usage":true},"max_tokens":4,"messages":[{"role":"user","content":"Hi"}]}`},
	{name: "chat_stream_choices", path: classicChat, body: `{"stream":true,"n":2,"max_tokens":3,"messages":[{"role":"user","content":"Hi"}]}`},
	{name: "chat_stream_tools", path: classicChat, body: `{"stream":true,` + weatherTools + `,"messages":[{"role":"user","content":"trigger every tool"}]}`},
	{name: "chat_stream_logprobs", path: classicChat, body: `{"stream":true,"max_tokens":2,"logprobs":true,"messages":[{"role":"user","content":"Hi"}]}`},
	{name: "chat_stream_native", kind: KindOpenAI, path: "/v1/chat/completions", body: `{"model":"gpt-4o","stream":true,"stream_options":{"include_usage":true},"max_tokens":3,"messages":[{"role":"user","content":"Hi"}]}`},
	{name: "chat_stream_async_filter", path: classicChat, body: `{"stream":true,"max_tokens":10,"messages":[{"role":"user","content":"Hi"}]}`, header: []string{"X-Sim-Async-Filter", "1"}},
	{name: "completion", path: "/openai/deployments/turbo/completions?api-version=2024-10-21", body: `{"prompt":["Once upon","A time"],"max_tokens":6,"logprobs":1,"echo":true}`},
	{name: "completion_stream", path: "/openai/deployments/turbo/completions?api-version=2024-10-21", body: `{"prompt":"Once upon","stream":true,"stream_options":{"include_usage":true},"max_tokens":4}`},
	{name: "completion_native", kind: KindOpenAI, path: "/v1/completions", body: `{"model":"turbo","prompt":[1,2,3],"max_tokens":4}`},
	{name: "embeddings", path: "/openai/deployments/text-embedding-3-small/embeddings?api-version=2023-05-15", body: `{"input":["a red fox","two herons"],"dimensions":4}`},
	{name: "embeddings_base64", path: "/openai/v1/embeddings", body: `{"model":"text-embedding-3-small","input":[[1,2],[3]],"dimensions":4,"encoding_format":"base64"}`},
	{name: "models", method: "GET", path: "/openai/models?api-version=2024-10-21"},
	{name: "models_v1", method: "GET", path: "/openai/v1/models"},
	{name: "models_native", kind: KindOpenAI, method: "GET", path: "/v1/models"},
	{name: "model", method: "GET", path: "/openai/models/gpt-4o-2024-08-06?api-version=2024-10-21"},
	{name: "model_native", kind: KindOpenAI, method: "GET", path: "/v1/models/turbo"},

	{name: "error_key", path: classicChat, body: hello, header: []string{"Authorization", "Bearer nonsense"}},
	{name: "error_key_v1", path: "/openai/v1/chat/completions", body: hello, header: []string{"Authorization", ""}},
	{name: "error_key_native", kind: KindOpenAI, path: "/v1/chat/completions", body: hello, header: []string{"Authorization", "Bearer nonsense"}},
	{name: "error_no_key_native", kind: KindOpenAI, path: "/v1/chat/completions", body: hello, header: []string{"Authorization", "", "Api-Key", testKey}},
	{name: "error_path", path: "/openai/deployments/gpt-4o/chat/nonsense?api-version=2024-10-21", body: hello},
	{name: "error_path_slashes", path: "/openai//deployments/gpt-4o/chat/completions?api-version=2024-10-21", body: hello},
	{name: "error_path_native", kind: KindOpenAI, path: "/v1/nonsense", body: hello},
	{name: "error_method", method: "GET", path: classicChat},
	{name: "error_version", path: "/openai/deployments/gpt-4o/chat/completions?api-version=2024-10-22", body: hello},
	{name: "error_version_early", path: "/openai/deployments/gpt-4o/chat/completions?api-version=2022-12-01", body: hello},
	{name: "error_version_v1", path: "/openai/v1/chat/completions?api-version=2024-10-21", body: hello},
	{name: "error_deployment", path: "/openai/deployments/gpt-9/chat/completions?api-version=2024-10-21", body: hello},
	{name: "error_deployment_v1", path: "/openai/v1/chat/completions", body: `{"model":"gpt-9"}`},
	{name: "error_model_native", kind: KindOpenAI, path: "/v1/chat/completions", body: `{"model":"gpt-9"}`},
	{name: "error_no_model_native", kind: KindOpenAI, path: "/v1/chat/completions", body: hello},
	{name: "error_operation", path: "/openai/deployments/ada/chat/completions?api-version=2024-10-21", body: hello},
	{name: "error_json", path: classicChat, body: `{"messages":[`},
	{name: "error_json_native", kind: KindOpenAI, path: "/v1/chat/completions", body: `[]`},
	{name: "error_missing", path: classicChat, body: `{}`},
	{name: "error_missing_v1", path: "/openai/v1/chat/completions", body: `{"model":"gpt-4o"}`},
	{name: "error_argument", path: classicChat, body: `{"nonsense":1,"messages":[]}`},
	{name: "error_argument_native", kind: KindOpenAI, path: "/v1/chat/completions", body: `{"model":"gpt-4o","nonsense":1}`},
	{name: "error_stream_options", path: "/openai/deployments/gpt-4o/chat/completions?api-version=2024-06-01", body: `{"stream":true,"stream_options":{"include_usage":true},"messages":[{"role":"user","content":"Hi"}]}`},
	{name: "error_type", path: "/openai/v1/chat/completions", body: `{"model":"gpt-4o","messages":"secret"}`},
	{name: "error_number", path: classicChat, body: `{"n":0,"messages":[{"role":"user","content":"Hi"}]}`},
	{name: "error_filter", path: classicChat, body: `{"messages":[{"role":"user","content":"Now trigger the content filter"}]}`},
	{name: "error_filter_v1", path: "/openai/v1/chat/completions", body: `{"model":"gpt-4o","messages":[{"role":"user","content":"Now trigger the content filter"}]}`},
	{name: "error_filter_native", kind: KindOpenAI, path: "/v1/chat/completions", body: `{"model":"gpt-4o","messages":[{"role":"user","content":"Now trigger the content filter"}]}`},
	{name: "error_invalid_prompt", path: classicChat, body: `{"messages":[{"role":"user","content":"trigger an invalid prompt"}]}`},
	{name: "error_tokens", path: "/openai/deployments/limited/chat/completions?api-version=2024-10-21", body: `{"max_tokens":3000,"messages":[{"role":"user","content":"Hi"}]}`},
	{name: "error_tokens_native", kind: KindOpenAI, path: "/v1/chat/completions", body: `{"model":"limited","max_tokens":3000,"messages":[{"role":"user","content":"Hi"}]}`},
	{name: "error_injected", path: classicChat, body: hello, header: []string{"X-Sim-Status", "503", "X-Sim-Retry-After", "7"}},
	{name: "error_injected_metadata", path: classicChat, body: `{"metadata":{"sim":"status=429,retry_after_ms=1500"}}`},
	{name: "error_injected_native", kind: KindOpenAI, path: "/v1/chat/completions", body: `{"model":"gpt-4o"}`, header: []string{"X-Sim-Status", "500"}},
	{name: "error_control", path: classicChat, body: hello, header: []string{"X-Sim-Dealy", "1s"}},
	{name: "error_control_value", path: classicChat, body: `{"metadata":{"sim":"tokens=many"}}`},
	{name: "error_model", method: "GET", path: "/openai/models/gpt-9?api-version=2024-10-21"},
}

func TestGolden(t *testing.T) {
	for _, g := range goldens {
		t.Run(g.name, func(t *testing.T) {
			o := testOptions()
			o.Kind = g.kind
			_, url := start(t, o)
			if g.method == "" {
				g.method = "POST"
			}
			resp, err := send(t, g.method, url+g.path, g.body, g.header...)
			if err != nil {
				t.Fatal(err)
			}
			defer resp.Body.Close()
			data, err := io.ReadAll(resp.Body)
			if err != nil {
				t.Fatal(err)
			}
			got := render(g.method+" "+g.path, resp, data)
			file := filepath.Join("testdata", g.name+".golden")
			if *update {
				if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
					t.Fatal(err)
				}
				return
			}
			want, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(string(want), got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// chance is what differs from call to call, and what stands for it in goldens.
var chance = []struct {
	pattern *regexp.Regexp
	instead string
}{
	{regexp.MustCompile(`\b(chatcmpl-|cmpl-|call_)[A-Za-z0-9]{24,29}\b`), "${1}RANDOM"},
	{regexp.MustCompile(`\b[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}\b`), "UUID"},
	{regexp.MustCompile(`\breq_[0-9a-f]{32}\b`), "req_RANDOM"},
	{regexp.MustCompile(`("created": ?)[1-9]\d+`), "${1}1234567890"},
	{regexp.MustCompile(`(Openai-Processing-Ms: )\d+`), "${1}0"},
}

// render writes an answer for the eye: headers sorted, JSON indented.
func render(call string, resp *http.Response, body []byte) string {
	var out bytes.Buffer
	fmt.Fprintf(&out, "%s\n\n%s\n", call, resp.Status)
	for _, key := range slices.Sorted(maps.Keys(resp.Header)) {
		if key != "Date" && key != "Connection" && key != "Content-Length" {
			fmt.Fprintf(&out, "%s: %s\n", key, strings.Join(resp.Header[key], ", "))
		}
	}
	out.WriteByte('\n')
	if json.Valid(body) {
		json.Indent(&out, body, "", "  ")
	} else {
		out.Write(body)
	}
	text := strings.TrimRight(out.String(), "\n") + "\n"
	for _, c := range chance {
		text = c.pattern.ReplaceAllString(text, c.instead)
	}
	return text
}

// TestGoldensAreUsed finds goldens that no test writes any more.
func TestGoldensAreUsed(t *testing.T) {
	files, err := filepath.Glob("testdata/*.golden")
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		name := strings.TrimSuffix(filepath.Base(f), ".golden")
		if !slices.ContainsFunc(goldens, func(g struct {
			name, kind, method, path, body string
			header                         []string
		}) bool {
			return g.name == name
		}) {
			t.Errorf("%s belongs to no test", f)
		}
	}
}
