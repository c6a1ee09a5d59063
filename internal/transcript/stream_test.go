package transcript

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"weir/internal/record"
)

func TestEvents(t *testing.T) {
	for _, tt := range []struct{ name, stream, want string }{
		{"none", "", ""},
		{"LF", "data: a\n\ndata: b\n\n", "a|b|"},
		{"CRLF", "data: a\r\n\r\ndata: b\r\n\r\n", "a|b|"},
		{"CR", "data: a\r\rdata: b\r\r", "a|b|"},
		{"mixed", "data: a\r\n\ndata: b\r\r\n", "a|b|"},
		{"BOM", "\uFEFFdata: a\n\n", "a|"},
		{"one space is left out", "data:  a\n\ndata:b\n\n", " a|b|"},
		{"lines", "data: a\ndata: b\ndata:\ndata: c\n\n", "a\nb\n\nc|"},
		{"comments and other fields", ": hi\nid: 1\nretry: 5\nfoo: x\n\ndata: a\n: in between\n\n", "a|"},
		{"event", "event: error\ndata: a\n\ndata: b\n\n", "error>a|b|"},
		{"event alone", "event: error\n\ndata: b\n\n", "b|"},
		{"no data", "data\n\ndata:\n\n", ""},
		{"cut", "data: a\n\ndata: b", "a|b~"},
		{"cut after a line", "data: a\n\ndata: b\n", "a|b~"},
		{"colon in data", "data: a: b\n\n", "a: b|"},
	} {
		got := ""
		for e := range events(tt.stream) {
			if e.name != "" {
				got += e.name + ">"
			}
			got += e.data + map[bool]string{false: "|", true: "~"}[e.cut]
		}
		if got != tt.want {
			t.Errorf("%s: %q, want %q", tt.name, got, tt.want)
		}
	}
}

// streams gives the goldens whose answer is a stream.
func streams(t testing.TB) map[string]*record.Exchange {
	t.Helper()
	files, _ := filepath.Glob("testdata/exchanges/*-stream*.txtar")
	all := map[string]*record.Exchange{}
	for _, file := range files {
		_, g, x := readGolden(t, file)
		if dialectOf(g.Dialect).streams() && looksStreamed(string(x.ResponseBody)) {
			all[g.Dialect+" "+filepath.Base(file)] = x
		}
	}
	if len(all) < 30 {
		t.Fatalf("only %d streams found", len(all))
	}
	return all
}

// TestLineEnds: a stream says the same whatever ends its lines.
func TestLineEnds(t *testing.T) {
	for name, x := range streams(t) {
		dialect, _, _ := strings.Cut(name, " ")
		want := derived(Read(x, dialect, words, nil))
		for _, end := range []string{"\r\n", "\r"} {
			y := *x
			y.ResponseBody = []byte("\uFEFF" + strings.ReplaceAll(string(x.ResponseBody), "\n", end))
			got := derived(Read(&y, dialect, words, nil))
			if strings.Contains(name, "garbage") {
				continue // is kept as it came, line ends and all
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("%s with %q: -want +got:\n%s", name, end, diff)
			}
		}
	}
}

// TestCutStreams: a stream that is cut at any byte gives a row that is sound, and
// of each choice a prefix of the text that the whole one gives.
func TestCutStreams(t *testing.T) {
	for name, x := range streams(t) {
		dialect, _, _ := strings.Cut(name, " ")
		d := dialectOf(dialect)
		whole := textsByIndex(d, Read(x, dialect, words, nil).BackendResponseBody)
		for cut := range x.ResponseBody {
			if d.typed != nil && cut%4 != 0 { // these are long
				continue
			}
			y := *x
			y.ResponseBody = x.ResponseBody[:cut]
			y.End = &record.End{Outcome: record.Interrupted, Streamed: true, BackendStatus: 200}
			if cut%2 == 0 {
				y.End = nil
			}
			r := Read(&y, dialect, words, nil)
			if cut%16 < 2 { // it is slow, and the fuzz target asks it too
				sound(t, r)
			}
			for index, text := range textsByIndex(d, r.BackendResponseBody) {
				if !strings.HasPrefix(whole[index], text) {
					t.Errorf("%s cut at %d: choice %s is %q, which %q does not begin with", name, cut, index, text, whole[index])
				}
			}
			if t.Failed() {
				return
			}
		}
	}
}

func textsByIndex(d *dialect, body string) map[string]string {
	texts := map[string]string{}
	if ans, whole := object(body); whole && d.output != nil {
		for i, c := range d.output(ans) {
			if c.index == "" {
				c.index = strconv.Itoa(i)
			}
			texts[c.index] = c.text
		}
	}
	return texts
}

// TestStreamedAsPlain: an answer that is streamed in pieces of any size is stored
// as the answer would be that is not streamed.
func TestStreamedAsPlain(t *testing.T) {
	const plain = `{
"id":"chatcmpl-7","object":"chat.completion","created":1764000000,"model":"gpt-4o-2024-08-06",
"choices":[
 {"index":0,"message":{"role":"assistant","content":"Smørrebrød \"is\" \\ good 😀\n\ttwo","refusal":null},"logprobs":null,"finish_reason":"stop"},
 {"index":1,"message":{"role":"assistant","content":null,"refusal":null,"tool_calls":[
   {"id":"call_a","type":"function","function":{"name":"look","arguments":"{\"at\": \"é\", \"n\": [1,2]}"}},
   {"id":"call_b","type":"function","function":{"name":"go","arguments":"{}"}}]},"logprobs":null,"finish_reason":"tool_calls"},
 {"index":2,"message":{"role":"assistant","content":"","refusal":"I must not, I will not."},"logprobs":null,"finish_reason":"stop"}],
"system_fingerprint":"fp_9","service_tier":"default",
"usage":{"prompt_tokens":10,"completion_tokens":20,"total_tokens":30}}`
	var want any
	if err := json.Unmarshal([]byte(plain), &want); err != nil {
		t.Fatal(err)
	}
	end := func(streamed bool) *record.End {
		return &record.End{Outcome: record.Completed, BackendStatus: 200, Streamed: streamed}
	}
	of := func(body string, streamed bool) *record.Row {
		return Read(&record.Exchange{End: end(streamed), ResponseBody: []byte(body)}, Chat, words, nil)
	}
	wantRow := of(plain, false)
	for seed := range uint64(50) {
		stream := chunked(t, plain, rand.New(rand.NewPCG(seed, 1)))
		r := of(stream, true)
		var got any
		if err := json.Unmarshal([]byte(r.BackendResponseBody), &got); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Fatalf("seed %d: -plain +streamed:\n%s\n%s", seed, diff, stream)
		}
		if r.Completion != wantRow.Completion || r.ToolCalls != 2 || r.FinishReason != wantRow.FinishReason || r.TotalTokens != 30 || r.StreamError != "" {
			t.Fatalf("seed %d: %q, %d calls, %s, %d tokens, %s", seed, r.Completion, r.ToolCalls, r.FinishReason, r.TotalTokens, r.StreamError)
		}
	}
}

// chunked writes a plain chat answer as a stream: each choice's texts in pieces,
// choices taking turns as the dice fall.
func chunked(t *testing.T, plain string, dice *rand.Rand) string {
	t.Helper()
	var ans struct {
		Choices []struct {
			Message struct {
				Content   *string `json:"content"`
				Refusal   *string `json:"refusal"`
				ToolCalls []struct {
					ID, Type string
					Function struct{ Name, Arguments string }
				} `json:"tool_calls"`
			} `json:"message"`
			FinishReason string `json:"finish_reason"`
		} `json:"choices"`
		Usage json.RawMessage `json:"usage"`
	}
	if err := json.Unmarshal([]byte(plain), &ans); err != nil {
		t.Fatal(err)
	}
	quote := func(v any) string {
		b, _ := json.Marshal(v)
		return string(b)
	}
	pieces := func(s string) []string {
		var all []string
		for runes := []rune(s); len(runes) > 0; {
			n := 1 + dice.IntN(min(len(runes), 5))
			all = append(all, quote(string(runes[:n])))
			runes = runes[n:]
		}
		return all
	}
	queues := make([][]string, len(ans.Choices))
	for i, c := range ans.Choices {
		choice := func(delta, finish string) {
			queues[i] = append(queues[i], fmt.Sprintf(`{"index":%d,"delta":%s,"logprobs":null,"finish_reason":%s}`, i, delta, finish))
		}
		choice(fmt.Sprintf(`{"role":"assistant","content":%s,"refusal":null}`, map[bool]string{true: "null", false: `""`}[c.Message.Content == nil]), "null")
		if c.Message.Content != nil {
			for _, p := range pieces(*c.Message.Content) {
				choice(`{"content":`+p+`}`, "null")
			}
		}
		if c.Message.Refusal != nil {
			for _, p := range pieces(*c.Message.Refusal) {
				choice(`{"refusal":`+p+`}`, "null")
			}
		}
		for n, call := range c.Message.ToolCalls {
			choice(fmt.Sprintf(`{"tool_calls":[{"index":%d,"id":%q,"type":%q,"function":{"name":%q,"arguments":""}}]}`, n, call.ID, call.Type, call.Function.Name), "null")
			for _, p := range pieces(call.Function.Arguments) {
				choice(fmt.Sprintf(`{"tool_calls":[{"index":%d,"function":{"arguments":%s}}]}`, n, p), "null")
			}
		}
		choice("{}", quote(c.FinishReason))
	}
	var b strings.Builder
	event := func(choices, usage string) {
		fmt.Fprintf(&b, `data: {"id":"chatcmpl-7","object":"chat.completion.chunk","created":1764000000,"model":"gpt-4o-2024-08-06","service_tier":"default","system_fingerprint":"fp_9","choices":[%s],"usage":%s}`+"\n\n", choices, usage)
	}
	for left := len(queues); left > 0; {
		i := dice.IntN(len(queues))
		if len(queues[i]) == 0 {
			continue
		}
		event(queues[i][0], "null")
		if queues[i] = queues[i][1:]; len(queues[i]) == 0 {
			left--
		}
	}
	event("", string(ans.Usage))
	return b.String() + "data: [DONE]\n\n"
}

// TestSurrogatePairs: a character that a backend spells as two escapes may fall
// apart between two events.
func TestSurrogatePairs(t *testing.T) {
	event := func(content string) string {
		return `data: {"choices":[{"index":0,"delta":{"content":"` + content + `"}}]}` + "\n\n"
	}
	for stream, want := range map[string]string{
		event(`a\ud83d`) + event(`\ude00b`): "a😀b",
		event(`a\ud83d`):                    "a",
		event(`a\ud83d`) + event(`b`):       "a\uFFFDb",
	} {
		r := Read(&record.Exchange{ResponseBody: []byte(stream)}, Chat, words, nil)
		if r.Completion != want {
			t.Errorf("%q gives %q, want %q", stream, r.Completion, want)
		}
		if !json.Valid([]byte(r.BackendResponseBody)) {
			t.Errorf("%q gives no JSON", stream)
		}
	}
}

// TestHostileStreams: what no backend sends is bounded, and harms nothing.
func TestHostileStreams(t *testing.T) {
	var wide, many strings.Builder
	for i := range 20_000 {
		fmt.Fprintf(&wide, `,"m%d":1`, i)
		fmt.Fprintf(&many, `,{"index":%d,"delta":{"content":"x"}}`, 30_000-i)
	}
	for name, data := range map[string]string{
		"many members":  `{"choices":[]` + wide.String() + `}`,
		"many choices":  `{"choices":[{"index":0,"delta":{"content":"x"}}` + many.String() + `]}`,
		"odd indexes":   `{"choices":[{"index":-5,"delta":{"content":"x"}},{"index":1e300},{"index":"a"},{"index":null},{"index":{}}]}`,
		"odd types":     `{"id":{},"model":[],"choices":{"index":0},"usage":[1],"created":"x"}`,
		"odd choices":   `{"choices":[1,null,"x",[],{"delta":1},{"delta":[],"message":{"content":[1]}},{"delta":{"content":5,"tool_calls":{"a":1}}}]}`,
		"odd filters":   `{"choices":[{"delta":{"content":"x"},"content_filter_results":{"hate":[],"a":1,"error":{"code":"x"}}}],"prompt_filter_results":{}}`,
		"text in parts": `{"choices":[{"delta":{"content":[{"type":"text","text":"x"}]}}]}`,
		"deep":          `{"choices":[{"delta":{"content":"x"},"content_filter_results":` + strings.Repeat(`{"a":`, 5_000) + "1" + strings.Repeat("}", 5_000) + `}]}`,
	} {
		t.Run(name, func(t *testing.T) {
			stream := "data: " + data + "\n\n" + "data: " + data + "\n\n"
			r := Read(&record.Exchange{ResponseBody: []byte(stream)}, Chat, words, nil)
			sound(t, r)
			if !json.Valid([]byte(r.BackendResponseBody)) {
				t.Errorf("reconstructed to %.200q", r.BackendResponseBody)
			}
			if r.StreamError != "the stream ended after event 2, before its last" {
				t.Errorf("StreamError is %q", r.StreamError)
			}
		})
	}
}
