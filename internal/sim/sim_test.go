package sim

import (
	"bufio"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

const testKey = "test-key-1"

// testOptions has a deployment of each sort.
func testOptions() Options {
	return Options{
		Name: "tin", Keys: []string{testKey, "test-key-2"}, Seed: 7,
		Deployments: []Deployment{
			{Name: "gpt-4o"},
			{Name: "turbo", Model: "gpt-35-turbo"},
			{Name: "o3-mini"},
			{Name: "text-embedding-3-small"},
			{Name: "ada", Model: "text-embedding-ada-002"},
			{Name: "limited", Model: "gpt-4o", TokensPerMinute: 3000},
		},
	}
}

// start serves a simulator and gives its address.
func start(t *testing.T, o Options) (*Simulator, string) {
	t.Helper()
	s, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(s.Handler())
	t.Cleanup(server.Close)
	return s, server.URL
}

// send makes a call with the test key; header is pairs of name and value.
func send(t *testing.T, method, url, body string, header ...string) (*http.Response, error) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+testKey)
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	// A connection of its own for each call: a simulator that cuts one must not
	// disturb another call, nor have the client try again by itself.
	transport := &http.Transport{DisableKeepAlives: true, DisableCompression: true}
	return transport.RoundTrip(r)
}

// post is send for a POST that must be answered whole.
func post(t *testing.T, url, body string, header ...string) (*http.Response, string) {
	t.Helper()
	resp, err := send(t, "POST", url, body, header...)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	data, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp, string(data)
}

const classicChat = "/openai/deployments/gpt-4o/chat/completions?api-version=2024-10-21"

const hello = `{"messages":[{"role":"user","content":"Hello, tell me about rivers."}]}`

const helloStream = `{"stream":true,"messages":[{"role":"user","content":"Hello, tell me about rivers."}]}`

// answer is as much of an answer or of an event as tests look at.
type answer struct {
	ID      string
	Model   string
	Choices []struct {
		Index        int
		Text         string
		FinishReason string `json:"finish_reason"`
		Message      struct {
			Content, Refusal string
			ToolCalls        []wireCall `json:"tool_calls"`
		}
		Delta struct {
			Role, Content, Refusal string
			ToolCalls              []wireCall `json:"tool_calls"`
		}
		Logprobs json.RawMessage
	}
	Usage *struct {
		PromptTokens     int64 `json:"prompt_tokens"`
		CompletionTokens int64 `json:"completion_tokens"`
		TotalTokens      int64 `json:"total_tokens"`
		Details          struct {
			Reasoning int64 `json:"reasoning_tokens"`
		} `json:"completion_tokens_details"`
	}
	Error struct{ Code, Message, Type, Param string }
}

type wireCall struct {
	Index    int
	ID       string
	Function struct{ Name, Arguments string }
}

func parse(t *testing.T, body string) answer {
	t.Helper()
	var a answer
	if err := json.Unmarshal([]byte(body), &a); err != nil {
		t.Fatalf("%v in %s", err, body)
	}
	return a
}

// eventsOf splits a stream into its data, [DONE] included, and its comments.
func eventsOf(t *testing.T, stream string) (data, comments []string) {
	t.Helper()
	lines := bufio.NewScanner(strings.NewReader(stream))
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		switch line := lines.Text(); {
		case strings.HasPrefix(line, "data: "):
			data = append(data, line[len("data: "):])
		case strings.HasPrefix(line, ":"):
			comments = append(comments, line)
		case line != "":
			t.Fatalf("a line that is no event: %q", line)
		}
	}
	return data, comments
}

// gather puts a stream's choices together, as a client does.
func gather(t *testing.T, stream string) (texts map[int]string, calls map[int][]wireCall, last answer) {
	t.Helper()
	data, _ := eventsOf(t, stream)
	if len(data) == 0 || data[len(data)-1] != "[DONE]" {
		t.Fatalf("the stream does not end with [DONE]: %s", stream)
	}
	texts, calls = map[int]string{}, map[int][]wireCall{}
	for _, d := range data[:len(data)-1] {
		last = parse(t, d)
		for _, ch := range last.Choices {
			texts[ch.Index] += ch.Delta.Content + ch.Delta.Refusal + ch.Text
			for _, call := range ch.Delta.ToolCalls {
				if call.ID != "" {
					calls[ch.Index] = append(calls[ch.Index], call)
					continue
				}
				calls[ch.Index][call.Index].Function.Arguments += call.Function.Arguments
			}
		}
	}
	return texts, calls, last
}
