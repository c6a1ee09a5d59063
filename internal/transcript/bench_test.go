package transcript

import (
	"fmt"
	"strings"
	"testing"

	"weir/internal/record"
)

// benchRequest is a chat request of about 1.5 KB.
func benchRequest(stream string) []byte {
	return []byte(`{"model":"gpt-4o","messages":[{"role":"system","content":"You are a helpful assistant."},{"role":"user","content":"` +
		strings.Repeat("The gateway keeps what was said, by whom, and for how many tokens. ", 20) +
		`"}],"temperature":0.7,"max_tokens":256,"user":"ada","metadata":{"team":"blue"}` + stream + `}`)
}

func benchHeaders() []record.Header {
	return []record.Header{
		{Name: "Content-Type", Value: "application/json"}, {Name: "User-Agent", Value: "OpenAI/Python 1.99.0"},
		{Name: "X-Stainless-Lang", Value: "python"}, {Name: "X-Stainless-Os", Value: "Linux"},
		{Name: "Accept", Value: "application/json"}, {Name: "X-Team", Value: "blue"},
	}
}

func benchExchange(streamed bool, request []byte, answer string) *record.Exchange {
	return &record.Exchange{
		Begin: record.Begin{Headers: benchHeaders(), Method: "POST", URL: "/v1/chat/completions"},
		End: &record.End{
			Outcome: record.Completed, Status: 200, BackendStatus: 200, Streamed: streamed,
			ResponseHeaders: benchHeaders(), BackendRequestHeaders: benchHeaders(), BackendResponseHeaders: benchHeaders(),
			Attempts: []record.Attempt{{Backend: "a", Status: 200}},
		},
		RequestBody: request, ResponseBody: []byte(answer),
	}
}

func none(string, string) int { return 0 }

// BenchmarkPlain reads an exchange of 1.5 KB of request and 2 KB of answer.
func BenchmarkPlain(b *testing.B) {
	x := benchExchange(false, benchRequest(""), `{"id":"chatcmpl-1","object":"chat.completion","created":1764000000,"model":"gpt-4o-2024-08-06","choices":[{"index":0,"message":{"role":"assistant","content":"`+
		strings.Repeat("An answer of some length, with a\\nline end now and then. ", 26)+
		`"},"logprobs":null,"finish_reason":"stop","content_filter_results":{"hate":{"filtered":false,"severity":"safe"},"violence":{"filtered":false,"severity":"safe"}}}],"usage":{"prompt_tokens":300,"completion_tokens":400,"total_tokens":700,"prompt_tokens_details":{"cached_tokens":0},"completion_tokens_details":{"reasoning_tokens":0}},"system_fingerprint":"fp_1"}`)
	bench(b, x)
}

// BenchmarkStream reads a stream of 100 chunks as OpenAI sends them.
func BenchmarkStream(b *testing.B) {
	bench(b, benchExchange(true, benchRequest(`,"stream":true`), benchStream(`,"logprobs":null,"finish_reason":null`)))
}

// BenchmarkStreamAzure reads one as Azure sends them, each chunk annotated.
func BenchmarkStreamAzure(b *testing.B) {
	bench(b, benchExchange(true, benchRequest(`,"stream":true`), benchStream(`,"logprobs":null,"finish_reason":null,"content_filter_results":{"hate":{"filtered":false,"severity":"safe"},"self_harm":{"filtered":false,"severity":"safe"},"sexual":{"filtered":false,"severity":"safe"},"violence":{"filtered":false,"severity":"safe"}}`)))
}

// BenchmarkResponses reads a response that is streamed in 100 pieces.
func BenchmarkResponses(b *testing.B) {
	var s strings.Builder
	event := func(kind, members string) {
		fmt.Fprintf(&s, "event: %s\ndata: {\"type\":%q,\"sequence_number\":1%s}\n\n", kind, kind, members)
	}
	event("response.created", `,"response":{"id":"resp_1","object":"response","status":"in_progress","model":"gpt-4.1","output":[]}`)
	event("response.output_item.added", `,"output_index":0,"item":{"id":"msg_1","type":"message","role":"assistant","content":[]}`)
	event("response.content_part.added", `,"item_id":"msg_1","output_index":0,"content_index":0,"part":{"type":"output_text","text":"","annotations":[]}`)
	for range 100 {
		event("response.output_text.delta", `,"item_id":"msg_1","output_index":0,"content_index":0,"delta":" token","logprobs":[]`)
	}
	event("response.completed", `,"response":{"id":"resp_1","object":"response","status":"completed","model":"gpt-4.1","output":[{"id":"msg_1","type":"message","role":"assistant","content":[{"type":"output_text","text":"`+
		strings.Repeat(" token", 100)+`","annotations":[]}]}],"usage":{"input_tokens":300,"output_tokens":100,"total_tokens":400}}`)
	x := benchExchange(true, []byte(`{"model":"gpt-4.1","input":"Why is the sky blue?","stream":true}`), s.String())
	x.Begin.URL = "/v1/responses"
	benchDialect(b, x, Responses)
}

func benchStream(choice string) string {
	var s strings.Builder
	event := func(choices, usage string) {
		fmt.Fprintf(&s, `data: {"id":"chatcmpl-AbCdEfGhIjKlMnOpQrStUvWx","object":"chat.completion.chunk","created":1764000000,"model":"gpt-4o-2024-08-06","system_fingerprint":"fp_0123456789","choices":[%s],"usage":%s}`+"\n\n", choices, usage)
	}
	for range 100 {
		event(`{"index":0,"delta":{"content":" token"}`+choice+`}`, "null")
	}
	event("", `{"prompt_tokens":300,"completion_tokens":100,"total_tokens":400}`)
	return s.String() + "data: [DONE]\n\n"
}

func bench(b *testing.B, x *record.Exchange) { benchDialect(b, x, Chat) }

func benchDialect(b *testing.B, x *record.Exchange, dialect string) {
	b.SetBytes(int64(len(x.RequestBody) + len(x.ResponseBody)))
	b.ReportAllocs()
	for b.Loop() {
		if r := Read(x, dialect, none, map[string]string{"x-team": "Team"}); r.UsageSource != fromBackend {
			b.Fatal("not read")
		}
	}
}
