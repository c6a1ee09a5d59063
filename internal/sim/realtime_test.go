package sim

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/coder/websocket"
)

const (
	classicSocket = "/openai/realtime?api-version=2025-04-01-preview&deployment=gpt-4o-realtime-preview"
	laterSocket   = "/openai/v1/realtime?model=gpt-realtime"
)

// socket is a client of the realtime API.
type socket struct {
	t    *testing.T
	conn *websocket.Conn
}

// rtEvent is as much of an event as tests look at.
type rtEvent struct {
	Type       string
	EventID    string `json:"event_id"`
	Session    jsonDoc
	Item       jsonDoc
	ItemID     string `json:"item_id"`
	Delta      string
	Text       string
	Transcript string
	Name       string
	Arguments  string
	Part       jsonDoc
	Usage      jsonDoc
	Error      struct{ Type, Code, Message, Param, EventID string }
	Response   struct {
		ID, Status    string
		StatusDetails jsonDoc `json:"status_details"`
		Output        []struct {
			Type, Name, Arguments string
			Content               []struct{ Type, Text, Transcript string }
		}
		Usage struct {
			Total   int `json:"total_tokens"`
			Input   int `json:"input_tokens"`
			Output  int `json:"output_tokens"`
			Details struct {
				Text  int `json:"text_tokens"`
				Audio int `json:"audio_tokens"`
			} `json:"input_token_details"`
			OutDetails struct {
				Text  int `json:"text_tokens"`
				Audio int `json:"audio_tokens"`
			} `json:"output_token_details"`
		}
	}
}

// dial opens a connection with the test key and reads what greets it.
func dial(t *testing.T, url string, header ...string) *socket {
	t.Helper()
	h := http.Header{"Authorization": {"Bearer " + testKey}}
	for i := 0; i < len(header); i += 2 {
		h.Set(header[i], header[i+1])
	}
	conn, _, err := websocket.Dial(t.Context(), url, &websocket.DialOptions{HTTPHeader: h})
	if err != nil {
		t.Fatal(err)
	}
	conn.SetReadLimit(1 << 24)
	t.Cleanup(func() { conn.CloseNow() })
	s := &socket{t, conn}
	if ev := s.next(); ev.Type != "session.created" && ev.Type != "transcription_session.created" || ev.Session["id"] == "" {
		t.Fatalf("greeted by %+v", ev)
	}
	return s
}

func (s *socket) send(events ...string) {
	s.t.Helper()
	for _, ev := range events {
		if err := s.conn.Write(s.t.Context(), websocket.MessageText, []byte(ev)); err != nil {
			s.t.Fatal(err)
		}
	}
}

func (s *socket) next() rtEvent {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(s.t.Context(), 10*time.Second)
	defer cancel()
	_, data, err := s.conn.Read(ctx)
	if err != nil {
		s.t.Fatal(err)
	}
	return decode[rtEvent](s.t, string(data))
}

// until reads events up to one of that type.
func (s *socket) until(kind string) []rtEvent {
	s.t.Helper()
	var out []rtEvent
	for {
		ev := s.next()
		out = append(out, ev)
		if ev.Type == kind {
			return out
		}
		if ev.Type == "error" {
			s.t.Fatalf("while waiting for %s: %+v", kind, ev.Error)
		}
	}
}

// kinds is the types of events, one for each run of the same.
func kinds(events []rtEvent) []string {
	var out []string
	for _, ev := range events {
		out = append(out, ev.Type)
	}
	return slices.Compact(out)
}

const sayHello = `{"type":"conversation.item.create","item":{"type":"message","role":"user","content":[{"type":"input_text","text":"Hello, tell me about rivers."}]}}`

// settled waits until the call's record has come to its end.
func settled(t *testing.T, s *Simulator) Call {
	t.Helper()
	for range 500 {
		if calls := s.Calls(0); len(calls) > 0 && calls[len(calls)-1].State != StateOpen {
			return calls[len(calls)-1]
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Fatalf("still open: %+v", s.Calls(0))
	return Call{}
}

func TestRealtimeText(t *testing.T) {
	for _, test := range []struct {
		options Options
		path    string
		header  []string
		update  string
		want    string
	}{
		{mediaOptions(), classicSocket, nil, `{"modalities":["text"]}`,
			"response.created rate_limits.updated response.output_item.added conversation.item.created response.content_part.added response.text.delta response.text.done response.content_part.done response.output_item.done response.done"},
		{openAIOptions(), "/v1/realtime?model=gpt-4o-realtime-preview", []string{"OpenAI-Beta", "realtime=v1"}, `{"modalities":["text"]}`,
			"response.created rate_limits.updated response.output_item.added conversation.item.created response.content_part.added response.text.delta response.text.done response.content_part.done response.output_item.done response.done"},
		{mediaOptions(), laterSocket, nil, `{"type":"realtime","output_modalities":["text"]}`,
			"response.created rate_limits.updated response.output_item.added conversation.item.added response.content_part.added response.output_text.delta response.output_text.done response.content_part.done response.output_item.done conversation.item.done response.done"},
		{openAIOptions(), "/v1/realtime?model=gpt-realtime", nil, `{"type":"realtime","output_modalities":["text"]}`,
			"response.created rate_limits.updated response.output_item.added conversation.item.added response.content_part.added response.output_text.delta response.output_text.done response.content_part.done response.output_item.done conversation.item.done response.done"},
		{mediaOptions(), classicSocket, nil, `{"type":"realtime","output_modalities":["text"]}`, // the later shape on the old path
			"response.created rate_limits.updated response.output_item.added conversation.item.added response.content_part.added response.output_text.delta response.output_text.done response.content_part.done response.output_item.done conversation.item.done response.done"},
	} {
		s, url := start(t, test.options)
		c := dial(t, url+test.path, test.header...)
		c.send(`{"type":"session.update","session":` + test.update + `}`)
		c.until("session.updated")
		c.send(sayHello, `{"type":"response.create"}`)
		created := c.next()
		if !strings.HasPrefix(created.Type, "conversation.item.") || created.Item["id"] == "" {
			t.Errorf("%+v", created)
		}
		if created.Type == "conversation.item.added" {
			c.next() // .done
		}
		events := c.until("response.done")
		if got := strings.Join(kinds(events), " "); got != test.want {
			t.Errorf("%s:\n got %s\nwant %s", test.path, got, test.want)
		}
		said, ids := "", map[string]bool{}
		for _, ev := range events {
			said += ev.Delta
			ids[ev.EventID] = true
		}
		done := events[len(events)-1].Response
		u := done.Usage
		if done.Status != "completed" || done.Output[0].Content[0].Text != said || len(ids) != len(events) ||
			u.Output != countTokens(said) || u.Total != u.Input+u.Output || u.Details.Text != u.Input || u.OutDetails.Text != u.Output {
			t.Errorf("said %q, done %+v", said, done)
		}
		if n := s.Counts()[0]; n.Operation != "realtime_connect" || n.Calls != 1 || n.PromptTokens != int64(u.Input) || n.CompletionTokens != int64(u.Output) {
			t.Errorf("while open: %+v", n)
		}
		c.send(`{"type":"response.create"}`)
		second := c.until("response.done")
		c.conn.Close(websocket.StatusNormalClosure, "")
		total := int64(u.Total + second[len(second)-1].Response.Usage.Total)
		call := settled(t, s)
		if n := s.Counts()[0]; n.TotalTokens != total || n.Done != 1 || call.State != StateDone || call.Status != 101 || call.PromptTokens+call.CompletionTokens != total {
			t.Errorf("want %d tokens: %+v %+v", total, n, call)
		}
	}
}

func TestRealtimeAudio(t *testing.T) {
	_, url := start(t, mediaOptions())
	sound := make([]byte, 2*sampleRate) // a second
	hum(sound, 100)
	encoded := base64.StdEncoding.EncodeToString(sound)
	for path, test := range map[string]struct{ update, item, delta, kind string }{
		classicSocket: {`{"turn_detection":null,"input_audio_transcription":{"model":"whisper-1"}}`, "conversation.item.created", "response.audio.delta", "audio"},
		laterSocket:   {`{"type":"realtime","audio":{"input":{"turn_detection":null,"transcription":{"model":"gpt-4o-transcribe"}}}}`, "conversation.item.added", "response.output_audio.delta", "output_audio"},
	} {
		c := dial(t, url+path)
		c.send(`{"type":"session.update","session":`+test.update+`}`, `{"type":"input_audio_buffer.append","audio":"`+encoded+`"}`, `{"type":"input_audio_buffer.clear"}`)
		c.until("input_audio_buffer.cleared")
		c.send(`{"type":"input_audio_buffer.append","audio":"`+encoded[:len(encoded)/2]+`"}`, `{"type":"input_audio_buffer.append","audio":"`+encoded[len(encoded)/2:]+`"}`, `{"type":"input_audio_buffer.commit"}`)
		if ev := c.next(); ev.Type != "input_audio_buffer.committed" || ev.ItemID == "" {
			t.Errorf("%+v", ev)
		}
		if ev := c.next(); ev.Type != test.item {
			t.Errorf("%+v", ev)
		}
		events := c.until("conversation.item.input_audio_transcription.completed")
		said := ""
		for _, ev := range events {
			said += ev.Delta
		}
		last := events[len(events)-1]
		if last.Transcript == "" || said != last.Transcript {
			t.Errorf("heard %q and %q", said, last.Transcript)
		}
		if path == classicSocket && last.Usage["seconds"] != 1.0 || path == laterSocket && last.Usage["input_tokens"] != 10.0 {
			t.Errorf("usage %v", last.Usage)
		}
		c.send(`{"type":"response.create","response":{"instructions":"Be short."}}`)
		events = c.until("response.done")
		deltas := 0
		for _, ev := range events {
			if ev.Type == test.delta {
				data, err := base64.StdEncoding.DecodeString(ev.Delta)
				if deltas++; err != nil || len(data) != 2*tokenSamples {
					t.Errorf("%d bytes: %v", len(data), err)
				}
			}
		}
		r := events[len(events)-1].Response
		if u := r.Usage; deltas == 0 || u.Details.Audio != 10 || u.OutDetails.Audio != deltas || u.OutDetails.Text != countTokens(r.Output[0].Content[0].Transcript) || r.Output[0].Content[0].Type != test.kind {
			t.Errorf("%d deltas, %+v", deltas, r)
		}
		item, _ := events[2].Item["id"].(string)
		c.send(`{"type":"conversation.item.truncate","item_id":"`+item+`","content_index":0,"audio_end_ms":100}`, `{"type":"conversation.item.retrieve","item_id":"`+item+`"}`, `{"type":"conversation.item.delete","item_id":"`+item+`"}`)
		if got := strings.Join(kinds(c.until("conversation.item.deleted")), " "); got != "conversation.item.truncated conversation.item.retrieved conversation.item.deleted" {
			t.Errorf("%s", got)
		}
	}
}

// TestRealtimeTurns speaks, is silent, and is answered.
func TestRealtimeTurns(t *testing.T) {
	_, url := start(t, mediaOptions())
	sound := make([]byte, 3*2*sampleRate)
	hum(sound[2*sampleRate/2:2*sampleRate], 100) // half a second of silence, of speech, and more silence
	c := dial(t, url+classicSocket)
	c.send(`{"type":"input_audio_buffer.append","audio":"` + base64.StdEncoding.EncodeToString(sound) + `"}`)
	got := kinds(c.until("response.done"))
	want := []string{"input_audio_buffer.speech_started", "input_audio_buffer.speech_stopped", "input_audio_buffer.committed", "conversation.item.created", "response.created"}
	if !slices.Equal(got[:len(want)], want) {
		t.Errorf("%v", got)
	}
}

func TestRealtimeTools(t *testing.T) {
	_, url := start(t, mediaOptions())
	for path, kind := range map[string]string{classicSocket: "", laterSocket: `"type":"realtime",`} {
		c := dial(t, url+path)
		c.send(`{"type":"session.update","session":{`+kind+`"tool_choice":"auto","tools":[{"type":"function","name":"get_weather","description":"x","parameters":{"type":"object","properties":{"city":{"type":"string"}}}}]}}`, sayHello, `{"type":"response.create"}`)
		events := c.until("response.done")
		said, done := "", rtEvent{}
		for _, ev := range events {
			if ev.Type == "response.function_call_arguments.delta" {
				said += ev.Delta
			}
			if ev.Type == "response.function_call_arguments.done" {
				done = ev
			}
		}
		r := events[len(events)-1].Response
		if said == "" || done.Arguments != said || !json.Valid([]byte(said)) || r.Output[0].Type != "function_call" || r.Output[0].Name != "get_weather" || r.Output[0].Arguments != said || r.Usage.Output == 0 {
			t.Errorf("%s: %q %+v", path, said, r)
		}
		c.send(`{"type":"conversation.item.create","item":{"type":"function_call_output","call_id":"call_x","output":"{\"rain\":true}"}}`, `{"type":"response.create"}`)
		events = c.until("response.done")
		if r := events[len(events)-1].Response; r.Output[0].Type != "message" {
			t.Errorf("%s: after the result: %+v", path, r)
		}
	}
}

func TestRealtimeResponseOptions(t *testing.T) {
	_, url := start(t, mediaOptions())
	c := dial(t, url+classicSocket)
	for _, test := range []struct{ name, items, create, status, reason string }{
		{"limit", sayHello, `{"modalities":["text"],"max_output_tokens":3}`, "incomplete", "max_output_tokens"},
		{"apart", "", `{"conversation":"none","modalities":["text"],"input":[{"type":"message","role":"user","content":[{"type":"input_text","text":"Apart"}]}],"metadata":{"topic":"x"}}`, "completed", ""},
		{"filter", "", `{"conversation":"none","input":[{"type":"message","role":"user","content":[{"type":"input_text","text":"trigger the content filter"}]}]}`, "incomplete", "content_filter"},
		{"filtered", "", `{"conversation":"none","modalities":["text"],"instructions":"trigger a filtered answer"}`, "incomplete", "content_filter"},
		{"refusal", "", `{"conversation":"none","modalities":["text"],"instructions":"trigger a refusal"}`, "completed", ""},
	} {
		if test.items != "" {
			c.send(test.items)
		}
		c.send(`{"type":"response.create","response":` + test.create + `}`)
		events := c.until("response.done")
		r := events[len(events)-1].Response
		if reason, _ := r.StatusDetails["reason"].(string); r.Status != test.status || reason != test.reason {
			t.Errorf("%s: %+v", test.name, r)
		}
		if test.name == "limit" && r.Usage.Output != 3 {
			t.Errorf("limit: %+v", r.Usage)
		}
		if created := slices.ContainsFunc(events, func(ev rtEvent) bool { return ev.Type == "conversation.item.created" && ev.Item["role"] == "assistant" }); test.name == "apart" && created {
			t.Errorf("%s: became part of the conversation", test.name)
		}
	}
}

func TestRealtimeErrors(t *testing.T) {
	_, url := start(t, mediaOptions())
	for path, cases := range map[string]map[string]string{
		classicSocket: {
			`{"type":"session.nonsense","event_id":"mine"}`: "invalid_value", `{`: "invalid_json", `[]`: "invalid_json", `{"type":7}`: "invalid_json",
			`{"type":"session.update"}`: "missing_required_parameter", `{"type":"session.update","session":{"nonsense":1}}`: "unknown_parameter",
			`{"type":"input_audio_buffer.append","audio":"§"}`: "invalid_value", `{"type":"input_audio_buffer.commit"}`: "input_audio_buffer_commit_empty",
			`{"type":"conversation.item.create"}`: "missing_required_parameter", `{"type":"conversation.item.create","item":{"type":"nonsense"}}`: "invalid_value",
			`{"type":"conversation.item.create","item":{"type":"message","role":"user"}}`:                                                                        "missing_required_parameter",
			`{"type":"conversation.item.create","item":{"type":"message","role":"judge","content":[]}}`:                                                          "invalid_value",
			`{"type":"conversation.item.create","item":{"type":"message","role":"user","content":[{"type":"nonsense"}]}}`:                                        "invalid_value",
			`{"type":"conversation.item.create","item":{"type":"message","role":"user","content":[{"type":"input_audio","audio":"§"}]}}`:                         "invalid_value",
			`{"type":"conversation.item.create","item":{"type":"function_call_output"}}`:                                                                         "missing_required_parameter",
			`{"type":"conversation.item.create","previous_item_id":"none","item":{"type":"message","role":"user","content":[{"type":"input_text","text":"x"}]}}`: "item_not_found",
			`{"type":"conversation.item.delete","item_id":"none"}`:                                                                                               "item_not_found", `{"type":"conversation.item.retrieve"}`: "item_not_found",
			`{"type":"conversation.item.truncate","item_id":"none"}`: "item_not_found", `{"type":"response.cancel"}`: "response_cancel_not_active",
			`{"type":"response.create","response":{"nonsense":1}}`: "unknown_parameter", `{"type":"response.create","response":{"tools":7}}`: "invalid_type",
			`{"type":"response.create","response":{"input":[{"type":"item_reference","id":"none"}]}}`: "item_not_found",
			`{"type":"response.create","response":{"input":[7]}}`:                                     "invalid_value", `{"type":"response.create","response":{"tool_choice":{"type":"function","name":"none"}}}`: "",
		},
		laterSocket: {
			`{"type":"session.update","session":{"instructions":"x"}}`: "missing_required_parameter", `{"type":"session.update","session":{"type":"nonsense"}}`: "invalid_value",
		},
	} {
		c := dial(t, url+path)
		for message, want := range cases {
			c.send(message)
			if ev := c.next(); ev.Type != "error" || ev.Error.Code != want || ev.Error.Message == "" {
				t.Errorf("%s: %+v", message, ev)
			}
		}
		c.send(strings.Replace(sayHello, "item.create", "item.create", 1)) // still there
		c.until(map[string]string{classicSocket: "conversation.item.created", laterSocket: "conversation.item.done"}[path])
	}
}

func TestRealtimeCancel(t *testing.T) {
	s, url := start(t, mediaOptions())
	c := dial(t, url+classicSocket, "X-Sim-Chunk-Delay", "20ms", "X-Sim-Tokens", "1000")
	c.send(sayHello, `{"type":"response.create"}`)
	c.until("response.audio.delta")
	c.send(`{"type":"response.create","event_id":"second"}`, sayHello, `{"type":"response.cancel","response_id":"other"}`)
	codes := map[string]bool{}
	for len(codes) < 2 {
		if ev := c.next(); ev.Type == "error" {
			codes[ev.Error.Code] = true
		}
	}
	if !codes["conversation_already_has_active_response"] || !codes["response_cancel_not_active"] {
		t.Errorf("errors %v", codes)
	}
	c.send(`{"type":"response.cancel"}`)
	events := c.until("response.done")
	r := events[len(events)-1].Response
	if r.Status != "cancelled" || r.Usage.Output == 0 || r.Usage.Output > 500 {
		t.Errorf("%+v", r)
	}
	c.until("conversation.item.created") // what waited
	c.send(`{"type":"response.create"}`)
	c.until("response.audio.delta")
	c.conn.CloseNow()
	if call := settled(t, s); call.State != StateCancelled {
		t.Errorf("%+v", call)
	}
	if n := s.Counts()[0]; n.TotalTokens != int64(r.Usage.Total) || n.BrokenPromptTokens == 0 || n.BrokenCompletionTokens == 0 || n.Cancelled != 1 {
		t.Errorf("counted %+v, whole %+v", n, r.Usage)
	}
}

func TestRealtimeHandshake(t *testing.T) {
	_, azureURL := start(t, mediaOptions())
	_, openaiURL := start(t, openAIOptions())
	const version = "?api-version=2025-04-01-preview"
	for _, test := range []struct {
		name, url string
		header    http.Header
		protocols []string
		status    int
	}{
		{"api-key", azureURL + classicSocket, http.Header{"Api-Key": {testKey}}, nil, 101},
		{"bearer", azureURL + laterSocket, http.Header{"Authorization": {"Bearer " + testKey}}, nil, 101},
		{"query", azureURL + classicSocket + "&api-key=" + testKey, nil, nil, 101},
		{"browser", openaiURL + "/v1/realtime?model=gpt-realtime", nil, []string{"realtime", keyProtocol + testKey, betaProtocol}, 101},
		{"other origin", azureURL + laterSocket, http.Header{"Api-Key": {testKey}, "Origin": {"https://elsewhere.invalid"}}, []string{"realtime"}, 101},
		{"no key", azureURL + classicSocket, nil, nil, 401},
		{"bad key", azureURL + classicSocket, http.Header{"Api-Key": {"nonsense"}}, nil, 401},
		{"bad protocol key", openaiURL + "/v1/realtime?model=gpt-realtime", nil, []string{"realtime", keyProtocol + "nonsense"}, 401},
		{"query at OpenAI", openaiURL + "/v1/realtime?model=gpt-realtime&api-key=" + testKey, nil, nil, 401},
		{"no deployment", azureURL + "/openai/realtime" + version + "&deployment=none", http.Header{"Api-Key": {testKey}}, nil, 404},
		{"no model", openaiURL + "/v1/realtime", http.Header{"Authorization": {"Bearer " + testKey}}, nil, 400},
		{"not able", azureURL + "/openai/realtime" + version + "&deployment=gpt-4o", http.Header{"Api-Key": {testKey}}, nil, 400},
		{"old version", azureURL + "/openai/realtime?api-version=2024-06-01&deployment=gpt-realtime", http.Header{"Api-Key": {testKey}}, nil, 404},
		{"status", azureURL + classicSocket, http.Header{"Api-Key": {testKey}, "X-Sim-Status": {"503"}}, nil, 503},
		{"transcription", openaiURL + "/v1/realtime?intent=transcription", http.Header{"Authorization": {"Bearer " + testKey}}, nil, 101},
	} {
		conn, resp, err := websocket.Dial(t.Context(), test.url, &websocket.DialOptions{HTTPHeader: test.header, Subprotocols: test.protocols})
		if resp == nil || resp.StatusCode != test.status || (err == nil) != (test.status == 101) {
			t.Errorf("%s: %v %v", test.name, resp, err)
		}
		if err != nil {
			if data, _ := io.ReadAll(resp.Body); !strings.Contains(string(data), `"error"`) {
				t.Errorf("%s: %s", test.name, data)
			}
			continue
		}
		if test.protocols != nil && conn.Subprotocol() != "realtime" {
			t.Errorf("%s: subprotocol %q", test.name, conn.Subprotocol())
		}
		if resp.Header.Get("X-Weir-Simulator") == "" {
			t.Errorf("%s: %v", test.name, resp.Header)
		}
		conn.CloseNow()
	}
	resp, err := send(t, "GET", azureURL+classicSocket, "")
	if err != nil || resp.StatusCode != 400 {
		t.Errorf("without an upgrade: %v %v", resp, err)
	}
}

func TestRealtimeTranscription(t *testing.T) {
	_, url := start(t, mediaOptions())
	c := dial(t, url+"/openai/realtime?api-version=2025-04-01-preview&deployment=gpt-4o-transcribe&intent=transcription")
	sound := make([]byte, 2*sampleRate)
	hum(sound, 100)
	c.send(`{"type":"transcription_session.update","session":{"input_audio_format":"pcm16","input_audio_transcription":{"model":"gpt-4o-transcribe","prompt":"rivers"},"turn_detection":null}}`,
		`{"type":"input_audio_buffer.append","audio":"`+base64.StdEncoding.EncodeToString(sound)+`"}`, `{"type":"input_audio_buffer.commit"}`)
	events := c.until("conversation.item.input_audio_transcription.completed")
	if events[0].Type != "transcription_session.updated" || events[len(events)-1].Transcript == "" {
		t.Errorf("%v", kinds(events))
	}
	c.send(`{"type":"response.create"}`)
	if ev := c.next(); ev.Type != "error" {
		t.Errorf("%+v", ev)
	}
}

func TestRealtimeControls(t *testing.T) {
	s, url := start(t, mediaOptions())
	for cut, want := range map[string]error{"reset": syscall.ECONNRESET, "close": io.EOF} {
		s.Reset()
		c := dial(t, url+classicSocket, "X-Sim-Die-After", "6", "X-Sim-Cut", cut)
		c.send(sayHello, `{"type":"response.create"}`)
		n, err := 1, error(nil)
		for ; err == nil; n++ {
			_, _, err = c.conn.Read(t.Context())
		}
		if n-1 != 6 || !errors.Is(err, want) {
			t.Errorf("%s: %d events and %v", cut, n-1, err)
		}
		if call := settled(t, s); call.State != StateCut || call.Events != 6 {
			t.Errorf("%+v", call)
		}
	}
	c := dial(t, url+classicSocket, "X-Sim-Malformed", "1")
	c.send(sayHello)
	if _, data, err := c.conn.Read(t.Context()); err != nil || json.Valid(data) {
		t.Errorf("%s %v", data, err)
	}
	if conn, _, err := websocket.Dial(t.Context(), url+classicSocket, &websocket.DialOptions{HTTPHeader: http.Header{"Api-Key": {testKey}, "X-Sim-Die-After": {"0"}}}); err == nil {
		conn.CloseNow()
		t.Error("was opened")
	}
	c = dial(t, url+classicSocket, "X-Sim-Hang", "2")
	c.send(sayHello, sayHello, sayHello)
	c.next()
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	if _, data, err := c.conn.Read(ctx); err == nil {
		t.Errorf("did not fall silent: %s", data)
	}
}

func TestRealtimeRateLimit(t *testing.T) {
	o := mediaOptions()
	o.Deployments = append(o.Deployments, Deployment{Name: "limited", Model: "gpt-realtime", TokensPerMinute: 1000})
	s, url := start(t, o)
	c := dial(t, url+"/openai/v1/realtime?model=limited")
	c.send(`{"type":"response.create"}`)
	c.until("response.done")
	c.send(`{"type":"response.create"}`)
	events := c.until("response.done")
	if r := events[len(events)-1].Response; r.Status != "failed" || r.Usage.Total != 0 {
		t.Errorf("%+v", r)
	}
	if n := s.Counts()[0]; n.Deployment != "limited" || n.Calls != 1 {
		t.Errorf("%+v", n)
	}
}

func TestRealtimeSessions(t *testing.T) {
	azure, azureURL := start(t, mediaOptions())
	_, openaiURL := start(t, openAIOptions())
	const version = "?api-version=2025-04-01-preview"
	for _, base := range []string{azureURL + "/openai/realtimeapi%s" + version, azureURL + "/openai/realtime%s" + version, azureURL + "/openai/v1/realtime%s", openaiURL + "/v1/realtime%s"} {
		socket := azureURL + "/openai/v1/realtime"
		if strings.HasPrefix(base, openaiURL) {
			socket = openaiURL + "/v1/realtime"
		}
		for _, test := range []struct{ path, body, kind, model string }{
			{"/sessions", `{"model":"gpt-realtime","instructions":"Be brief.","modalities":["text"]}`, "", "gpt-realtime"},
			{"/transcription_sessions", `{"input_audio_transcription":{"model":"gpt-4o-transcribe"},"turn_detection":null}`, "", ""},
			{"/client_secrets", `{"expires_after":{"anchor":"created_at","seconds":30},"session":{"type":"realtime","model":"gpt-realtime","instructions":"Be brief."}}`, "realtime", "gpt-realtime"},
			{"/client_secrets", `{"session":{"type":"transcription"}}`, "transcription", ""},
			{"/client_secrets", `{}`, "realtime", "gpt-4o-realtime-preview"},
		} {
			resp, got := post(t, strings.Replace(base, "%s", test.path, 1), test.body)
			a := decode[struct {
				ID, Value string
				ExpiresAt int64 `json:"expires_at"`
				Session   jsonDoc
				Secret    struct {
					Value     string
					ExpiresAt int64 `json:"expires_at"`
				} `json:"client_secret"`
				Model string
			}](t, got)
			key := either(a.Value, a.Secret.Value)
			if resp.StatusCode != 200 || !strings.HasPrefix(key, "ek_") || max(a.ExpiresAt, a.Secret.ExpiresAt) < time.Now().Unix()+25 {
				t.Fatalf("%s %s: %d %s", test.path, test.body, resp.StatusCode, got)
			}
			conn, _, err := websocket.Dial(t.Context(), socket, &websocket.DialOptions{Subprotocols: []string{"realtime", keyProtocol + key}})
			if err != nil {
				t.Fatalf("%s %s: %v", test.path, test.body, err)
			}
			_, data, err := conn.Read(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			ev := decode[rtEvent](t, string(data))
			if kind, _ := ev.Session["type"].(string); kind != test.kind || test.model != "" && ev.Session["model"] != test.model || strings.Contains(test.body, "brief") && ev.Session["instructions"] != "Be brief." {
				t.Errorf("%s %s: %s", test.path, test.body, data)
			}
			conn.CloseNow()
		}
	}
	for path, body := range map[string]string{
		"/openai/v1/realtime/sessions": `{}`, "/openai/v1/realtime/client_secrets": `{"expires_after":{"seconds":7}}`, "/openai/realtime/sessions" + version: `{"model":7}`,
		"/openai/v1/realtime/transcription_sessions": `{"nonsense":1}`,
	} {
		if resp, got := post(t, azureURL+path, body); resp.StatusCode != 400 {
			t.Errorf("%s %s: %d %s", path, body, resp.StatusCode, got)
		}
	}
	if resp, _ := post(t, azureURL+"/openai/v1/realtime/sessions", `{"model":"none"}`); resp.StatusCode != 404 {
		t.Errorf("unknown model: %d", resp.StatusCode)
	}
	if s := azure.media.secret("ek_nonsense", time.Now()); s != nil {
		t.Error("a key that was not issued")
	}
	key := azure.media.issue(newSession("gpt-realtime", true, false), time.Now().Add(secretSeconds*time.Second))
	if azure.media.secret(key, time.Now().Add(59*time.Second)) == nil || azure.media.secret(key, time.Now().Add(61*time.Second)) != nil {
		t.Error("a key lasts 60 s")
	}
	var ops []string
	for _, n := range azure.Counts() {
		ops = append(ops, n.Operation)
	}
	for _, want := range []string{"create_realtime_session", "create_realtime_transcription_session", "create_realtime_client_secret", "realtime_connect"} {
		if !slices.Contains(ops, want) {
			t.Errorf("%s is not among %v", want, ops)
		}
	}
}
