package sim

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// typed splits a stream of typed events: their names, and the text of all deltas.
func typed(t *testing.T, stream string) (names []string, text string) {
	t.Helper()
	for event := range strings.SplitSeq(strings.TrimSpace(stream), "\n\n") {
		line, data, _ := strings.Cut(event, "\ndata: ")
		name, ok := strings.CutPrefix(line, "event: ")
		if !ok {
			t.Fatalf("no typed event: %q", event)
		}
		names = append(names, name)
		var d struct {
			Type  string
			Delta json.RawMessage
		}
		if name == "done" {
			continue
		}
		if err := json.Unmarshal([]byte(data), &d); err != nil {
			t.Fatalf("%v in %s", err, event)
		}
		if strings.HasPrefix(name, "response.") && d.Type != name {
			t.Errorf("the event %s has the type %s", name, d.Type)
		}
		if strings.HasSuffix(name, "output_text.delta") {
			text += unquote(d.Delta)
		}
		if name == "thread.message.delta" {
			text += strings.Join(idsAt(d.Delta, "content.text.value"), "")
		}
	}
	return names, text
}

// TestResponseStreamSaysTheSame: streamed or not, and told again, a response has
// one text; its tokens are counted once.
func TestResponseStreamSaysTheSame(t *testing.T) {
	sc := newScene(t, v1)
	const body = `{"model":"gpt-4o","input":"Tell me of rivers."}`
	plain := sc.do(200, "POST /responses", body, "id", "id")
	said := lookup(t, []byte(plain), "output.0.content.0.text")
	names, text := typed(t, sc.do(200, "POST /responses", `{"stream":true,`+body[1:]))
	if text != said || names[len(names)-1] != "response.completed" || names[0] != "response.created" {
		t.Errorf("the stream says %q in %v, want %q", text, names, said)
	}
	if _, again := typed(t, sc.do(200, "GET /responses/$id?stream=true", "")); again != said {
		t.Errorf("told again it is %q", again)
	}
	var usage struct{ Usage struct{ Input, Output int64 } }
	if err := json.Unmarshal([]byte(strings.NewReplacer(`"input_tokens"`, `"input"`, `"output_tokens"`, `"output"`).Replace(plain)), &usage); err != nil {
		t.Fatal(err)
	}
	want := []Count{
		{Operation: "get_response", Calls: 1, Done: 1},
		{Deployment: "gpt-4o", Operation: "create_response", Calls: 2, Done: 2, PromptTokens: 2 * usage.Usage.Input,
			CompletionTokens: 2 * usage.Usage.Output, TotalTokens: 2 * (usage.Usage.Input + usage.Usage.Output)},
	}
	if diff := cmp.Diff(want, sc.sim.Counts()); diff != "" {
		t.Error(diff)
	}
}

// TestBrokenResponseStreams: the controls work on typed events.
func TestBrokenResponseStreams(t *testing.T) {
	s, url := start(t, testOptions())
	const path, body = "/openai/v1/responses", `{"model":"gpt-4o","stream":true,"input":"Hi"}`
	_, got := post(t, url+path, body, "X-Sim-No-Done", "1", "X-Sim-Tokens", "3")
	if names, _ := typed(t, got); names[len(names)-1] != "response.output_item.done" {
		t.Errorf("with no_done it ends in %v", names)
	}
	if _, got, err := readAll(t, url+path, body, "X-Sim-Die-After", "4"); err == nil || strings.Count(got, "event: ") != 4 {
		t.Errorf("die_after=4 gives %v and %s", err, got)
	}
	_, got = post(t, url+path, body, "X-Sim-Malformed", "2", "X-Sim-Tokens", "3")
	if !strings.Contains(got, "this line is no field of an event") {
		t.Errorf("nothing is broken in %s", got)
	}
	if resp, got := post(t, url+path, `{"model":"gpt-4o","input":"Hi","metadata":{"sim":"status=503"}}`); resp.StatusCode != 503 {
		t.Errorf("status=503 gives %d %s", resp.StatusCode, got)
	}
	resp, got := post(t, url+path, `{"model":"limited","input":"Hi","max_output_tokens":4000}`)
	if resp.StatusCode != 429 || resp.Header.Get("Retry-After") == "" {
		t.Errorf("beyond the limit: %d %s", resp.StatusCode, got)
	}
	for _, c := range s.Counts() {
		if c.Deployment == "gpt-4o" && (c.Done != 2 || c.Cut != 1 || c.Refused != 1) {
			t.Errorf("counted %+v", c)
		}
	}
}

// TestResponseEnds: why an answer is not whole, is said.
func TestResponseEnds(t *testing.T) {
	sc := newScene(t, native)
	short := sc.do(200, "POST /responses", `{"model":"gpt-4o","input":"Hi","max_output_tokens":3}`)
	sc.expect("incomplete", "status", short)
	sc.expect("max_output_tokens", "incomplete_details.reason", short)
	names, _ := typed(t, sc.do(200, "POST /responses", `{"model":"gpt-4o","input":"Hi","max_output_tokens":3,"stream":true}`))
	if names[len(names)-1] != "response.incomplete" {
		t.Errorf("the stream ends with %s", names[len(names)-1])
	}
	sc.expect("refusal", "output.0.content.0.type", sc.do(200, "POST /responses", `{"model":"gpt-4o","input":"Trigger a refusal"}`))
	names, _ = typed(t, sc.do(200, "POST /responses", `{"model":"gpt-4o","input":"Trigger a refusal","stream":true}`))
	if !strings.Contains(strings.Join(names, " "), "response.refusal.done") {
		t.Errorf("the refusal is streamed as %v", names)
	}
	sc.do(200, "POST /responses", `{"model":"gpt-4o","input":"Hi","store":false}`, "gone", "id")
	sc.do(404, "GET /responses/$gone", "")
	tools := `"tools":[{"type":"function","name":"f","parameters":{"type":"object","properties":{"a":{"type":"integer"}}}}]`
	names, _ = typed(t, sc.do(200, "POST /responses", `{"model":"gpt-4o","input":"Hi","stream":true,`+tools+`}`))
	if !strings.Contains(strings.Join(names, " "), "response.function_call_arguments.done") {
		t.Errorf("the call is streamed as %v", names)
	}
	sc.do(200, "POST /vector_stores", `{}`, "store", "id")
	sc.expect("file_search_call", "output.0.type", sc.do(200, "POST /responses",
		`{"model":"gpt-4o","input":"Hi","tools":[{"type":"file_search","vector_store_ids":["$store"]}]}`))
	sc.do(200, "POST /responses", `{"model":"gpt-4o","input":"Hi","text":{"format":{"type":"json_schema","name":"n","schema":{"type":"object","properties":{"a":{"type":"integer"}}}}}}`)
}

// TestRunStream: a streamed run says its message in deltas and counts its tokens,
// once; one that is polled counts none.
func TestRunStream(t *testing.T) {
	sc := newScene(t, classic)
	sc.do(200, "POST /assistants", `{"model":"gpt-4o","tools":[{"type":"function","function":{"name":"f"}}]}`, "assistant", "id")
	sc.do(200, "POST /threads", `{"messages":[{"role":"user","content":"Hi"}]}`, "thread", "id")
	names, _ := typed(t, sc.do(200, "POST /threads/$thread/runs", `{"assistant_id":"$assistant","stream":true}`))
	want := []string{"thread.run.created", "thread.run.queued", "thread.run.in_progress", "thread.run.step.created",
		"thread.run.step.in_progress", "thread.run.step.delta", "thread.run.step.delta", "thread.run.step.delta", "thread.run.requires_action", "done"}
	if diff := cmp.Diff(want, names); diff != "" {
		t.Error(diff)
	}
	list := sc.do(200, "GET /threads/$thread/runs", "", "run", "data.0.id", "call", "data.0.required_action.submit_tool_outputs.tool_calls.0.id")
	sc.expect("requires_action", "data.0.status", list)
	sc.do(400, "POST /threads/$thread/runs", `{"assistant_id":"$assistant"}`)
	sc.do(400, "POST /threads/$thread/runs/$run/submit_tool_outputs", `{"tool_outputs":[]}`)
	sc.do(400, "POST /threads/$thread/runs/$run/submit_tool_outputs", `{"tool_outputs":[{"tool_call_id":"call_x","output":""}]}`)
	names, text := typed(t, sc.do(200, "POST /threads/$thread/runs/$run/submit_tool_outputs",
		`{"stream":true,"tool_outputs":[{"tool_call_id":"$call","output":"noon"}]}`))
	sc.expect(text, "data.0.content.0.text.value", sc.do(200, "GET /threads/$thread/messages", ""))
	if names[0] != "thread.run.step.completed" || names[len(names)-1] != "done" || names[len(names)-2] != "thread.run.completed" {
		t.Errorf("the rest is streamed as %v", names)
	}
	sc.do(400, "POST /threads/$thread/runs/$run/cancel", "")
	// All that the run used is told, and counted, at its end.
	var told struct {
		Usage struct {
			Prompt     int64 `json:"prompt_tokens"`
			Completion int64 `json:"completion_tokens"`
		}
	}
	if err := json.Unmarshal([]byte(sc.do(200, "GET /threads/$thread/runs/$run", "")), &told); err != nil {
		t.Fatal(err)
	}
	for _, c := range sc.sim.Counts() {
		want := told.Usage
		if c.Operation != "submit_tool_outputs_to_run" {
			want.Prompt, want.Completion = 0, 0
		}
		if c.Deployment != "" && (c.PromptTokens != want.Prompt || c.CompletionTokens != want.Completion) {
			t.Errorf("counted %+v, want %+v", c, want)
		}
	}
}

// TestRunFails: a prompt that is refused ends a run, streamed or not.
func TestRunFails(t *testing.T) {
	sc := newScene(t, native)
	sc.do(200, "POST /assistants", `{"model":"gpt-4o"}`, "assistant", "id")
	const body = `{"assistant_id":"$assistant","thread":{"messages":[{"role":"user","content":"Trigger an invalid prompt"}]}`
	names, _ := typed(t, sc.do(200, "POST /threads/runs", body+`,"stream":true}`))
	if names[len(names)-2] != "thread.run.failed" {
		t.Errorf("streamed as %v", names)
	}
	sc.do(200, "POST /threads/runs", body+`}`, "thread", "thread_id", "run", "id")
	sc.do(200, "GET /threads/$thread/runs/$run", "")
	failed := sc.do(200, "GET /threads/$thread/runs/$run", "")
	sc.expect("failed", "status", failed)
	sc.expect("invalid_prompt", "last_error.code", failed)
	sc.do(404, "GET /threads/thread_x/runs/$run", "")
}
