package sim

import (
	"encoding/json"
	"strings"
	"testing"
)

// chatOf makes a chat and gives its answer; members are what the body has beside
// the one message.
func chatOf(t *testing.T, url, prompt, members string) answer {
	t.Helper()
	quoted, err := json.Marshal(prompt)
	if err != nil {
		t.Fatal(err)
	}
	resp, got := post(t, url+classicChat, `{`+members+`"messages":[{"role":"user","content":`+string(quoted)+`}]}`)
	if resp.StatusCode != 200 {
		t.Fatalf("%d %s", resp.StatusCode, got)
	}
	return parse(t, got)
}

func TestTools(t *testing.T) {
	_, url := start(t, testOptions())
	const tools = weatherTools + `,`
	cases := []struct {
		name, prompt, members string
		want                  []string
		finish                string
	}{
		{"first", "Rain?", tools, []string{"get_weather"}, "tool_calls"},
		{"auto", "Rain?", tools + `"tool_choice":"auto",`, []string{"get_weather"}, "tool_calls"},
		{"none", "Rain?", tools + `"tool_choice":"none",`, nil, "stop"},
		{"named", "Rain?", tools + `"tool_choice":{"type":"function","function":{"name":"get_time"}},`, []string{"get_time"}, "stop"},
		{"every", "Please trigger every tool.", tools, []string{"get_weather", "get_time"}, "tool_calls"},
		{"plain", "Trigger plain text", tools, nil, "stop"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			a := chatOf(t, url, c.prompt, c.members)
			calls := a.Choices[0].Message.ToolCalls
			if len(calls) != len(c.want) || a.Choices[0].FinishReason != c.finish {
				t.Fatalf("calls %+v, finish %s", calls, a.Choices[0].FinishReason)
			}
			_, stream := post(t, url+classicChat, `{"stream":true,`+c.members+`"messages":[{"role":"user","content":"`+c.prompt+`"}]}`)
			_, streamed, _ := gather(t, stream)
			for i, call := range calls {
				if call.Function.Name != c.want[i] || !json.Valid([]byte(call.Function.Arguments)) || !strings.HasPrefix(call.ID, "call_") {
					t.Errorf("call %d is %+v", i, call)
				}
				if streamed[0][i].Function != call.Function {
					t.Errorf("streamed call %d is %+v, plain %+v", i, streamed[0][i], call)
				}
			}
		})
	}
}

// TestToolResultIsAnsweredInWords keeps agents from going round for ever.
func TestToolResultIsAnsweredInWords(t *testing.T) {
	_, url := start(t, testOptions())
	_, got := post(t, url+classicChat, `{`+weatherTools+`,"messages":[{"role":"user","content":"Rain?"},
		{"role":"assistant","content":null,"tool_calls":[{"id":"call_1","type":"function","function":{"name":"get_weather","arguments":"{}"}}]},
		{"role":"tool","tool_call_id":"call_1","content":"{\"rain\":true}"}]}`)
	if a := parse(t, got); a.Choices[0].Message.Content == "" || a.Choices[0].FinishReason != "stop" {
		t.Errorf("%s", got)
	}
}

func TestResponseFormat(t *testing.T) {
	_, url := start(t, testOptions())
	a := chatOf(t, url, "Say it in JSON", `"response_format":{"type":"json_object"},`)
	var object struct{ Simulated bool }
	if err := json.Unmarshal([]byte(a.Choices[0].Message.Content), &object); err != nil || !object.Simulated {
		t.Errorf("%q: %v", a.Choices[0].Message.Content, err)
	}
	a = chatOf(t, url, "Say it in JSON", `"response_format":{"type":"json_schema","json_schema":{"name":"steps","schema":{"type":"object",
		"$defs":{"node":{"type":"object","properties":{"next":{"$ref":"#/$defs/node"},"v":{"type":["null","integer"],"minimum":5,"maximum":6}}}},
		"properties":{"steps":{"type":"array","minItems":3,"items":{"type":"string"}},"root":{"$ref":"#/$defs/node"},"ok":{"anyOf":[{"type":"boolean"},{"type":"null"}]},"kind":{"const":"list"}}}}},`)
	var steps struct {
		Steps []string
		Root  struct {
			V    int
			Next any
		}
		Ok   *bool
		Kind string
	}
	content := a.Choices[0].Message.Content
	if err := json.Unmarshal([]byte(content), &steps); err != nil {
		t.Fatalf("%q: %v", content, err)
	}
	if len(steps.Steps) < 3 || steps.Root.V < 5 || steps.Root.V > 6 || steps.Ok == nil || steps.Kind != "list" {
		t.Errorf("%s does not fit its schema", content)
	}
}

func TestEndings(t *testing.T) {
	_, url := start(t, testOptions())
	a := chatOf(t, url, "Hi", `"max_tokens":5,`)
	if a.Choices[0].FinishReason != "length" || a.Usage.CompletionTokens != 5 {
		t.Errorf("max_tokens: %+v", a)
	}
	whole := chatOf(t, url, "Hi", ``).Choices[0].Message.Content
	a = chatOf(t, url, "Hi", `"stop":["nowhere in the text","."],`)
	if want, _, _ := strings.Cut(whole, "."); a.Choices[0].Message.Content != want || a.Usage.CompletionTokens != int64(countTokens(want)) {
		t.Errorf("stop: got %q, want %q", a.Choices[0].Message.Content, want)
	}
	a = chatOf(t, url, "Trigger a refusal", `"stream":false,`)
	if a.Choices[0].Message.Refusal != refusalText || a.Choices[0].Message.Content != "" {
		t.Errorf("refusal: %+v", a)
	}
	_, stream := post(t, url+classicChat, `{"stream":true,"messages":[{"role":"user","content":"Trigger a refusal"}]}`)
	if texts, _, _ := gather(t, stream); texts[0] != refusalText {
		t.Errorf("streamed refusal: %q", texts[0])
	}
}

func TestReasoningAndCachedTokens(t *testing.T) {
	_, url := start(t, testOptions())
	_, got := post(t, url+"/openai/v1/chat/completions", `{"model":"o3-mini","max_completion_tokens":4,"messages":[{"role":"user","content":"Hi"}]}`)
	u := parse(t, got).Usage
	if u.Details.Reasoning < 64 || u.CompletionTokens != u.Details.Reasoning+4 {
		t.Errorf("%+v", u)
	}
	_, got = post(t, url+classicChat, `{"messages":[{"role":"user","content":"`+strings.Repeat("word ", 2000)+`"}]}`)
	if !strings.Contains(got, `"cached_tokens":1024`) {
		t.Errorf("no cached tokens in %s", got)
	}
}

func TestContentParts(t *testing.T) {
	_, url := start(t, testOptions())
	_, plain := post(t, url+classicChat, `{"messages":[{"role":"user","content":"one two"}]}`)
	_, parts := post(t, url+classicChat, `{"messages":[{"role":"user","content":[{"type":"text","text":"one"},{"type":"image_url","image_url":{"url":"data:"}},{"type":"text","text":" two"}]}]}`)
	if got, want := parse(t, parts).Usage.PromptTokens, parse(t, plain).Usage.PromptTokens+tokensPerImage; got != want {
		t.Errorf("%d prompt tokens, want %d", got, want)
	}
}

// TestBadBodies: what cannot be read is a 400 that says where, and no crash.
func TestBadBodies(t *testing.T) {
	_, url := start(t, testOptions())
	user := `"messages":[{"role":"user","content":"Hi"}]`
	for _, body := range []string{
		``, `null`, `3`, `"x"`, `[{}]`, `{"messages":{}}`, `{"messages":[3]}`, `{"messages":[{"role":3}]}`, `{"messages":[{"role":"king"}]}`,
		`{"messages":[{"role":"user","content":3}]}`, `{"messages":[{"role":"user","content":[3]}]}`,
		`{"n":1.5,` + user + `}`, `{"n":1000,` + user + `}`, `{"stream":"yes",` + user + `}`, `{"stop":3,` + user + `}`,
		`{"stop":["a","b","c","d","e"],` + user + `}`, `{"stream_options":{"include_usage":true},` + user + `}`,
		`{"tools":[{}],` + user + `}`, `{"tools":3,` + user + `}`, `{"tool_choice":"auto",` + user + `}`,
		`{"tools":[{"function":{"name":"a","parameters":3}}],` + user + `}`,
		`{"tools":[{"function":{"name":"a"}}],"tool_choice":{"function":{"name":"b"}},` + user + `}`,
		`{"response_format":{"type":"poem"},` + user + `}`, `{"response_format":{"type":"json_schema"},` + user + `}`,
		`{"response_format":{"type":"json_schema","json_schema":{"schema":[]}},` + user + `}`,
		`{"top_logprobs":50,` + user + `}`, `{"max_tokens":0,` + user + `}`,
	} {
		resp, got := post(t, url+classicChat, body)
		if a := parse(t, got); resp.StatusCode != 400 || a.Error.Message == "" {
			t.Errorf("%s: %d %s", body, resp.StatusCode, got)
		}
	}
}
