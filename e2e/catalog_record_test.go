package e2e

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"mime"
	"mime/multipart"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"

	"weir/internal/catalog"
)

// records are what the log has of a run, by CorrelationId.
type records struct {
	rows    map[string][]row // of WeirExchanges
	llm     map[string][]row // of ApiManagementGatewayLlmLog
	gateway map[string][]row // of ApiManagementGatewayLogs
	sockets map[string][]row // of ApiManagementWebSocketConnectionLogs
	served  map[string]simCall
}

// records reads all of it, and what the simulators counted.
func (run *catalogRun) records() *records {
	run.t.Helper()
	run.g.catchUp(run.t)
	by := func(kql string) map[string][]row {
		out := map[string][]row{}
		for _, r := range run.g.query(run.t, kql) {
			out[r.text("CorrelationId")] = append(out[r.text("CorrelationId")], r)
		}
		return out
	}
	all := &records{
		rows: by("WeirExchanges"),
		llm:  by("ApiManagementGatewayLlmLog | order by SequenceNumber asc"),
		gateway: by(`ApiManagementGatewayLogs | project CorrelationId, OperationId, ResponseCode, ApiId, IsRequestSuccess,
			Usage = tostring(parse_json(BackendResponseBody)["usage"])`),
		sockets: by("ApiManagementWebSocketConnectionLogs | order by TimeGenerated asc"),
		served:  map[string]simCall{},
	}
	for _, s := range run.sims {
		for _, c := range s.calls(run.t) {
			// The trace that the gateway began has the exchange's id.
			if parts := strings.Split(c.Headers["traceparent"], "-"); len(parts) == 4 {
				sum := all.served[parts[1]]
				sum.PromptTokens += c.PromptTokens
				sum.CompletionTokens += c.CompletionTokens
				all.served[parts[1]] = sum
			}
		}
	}
	return all
}

// once checks that each call is on the record once, in all tables, and nothing
// else is.
func (all *records) once(t *testing.T, sent []*exchange) {
	t.Helper()
	seen := map[string]bool{}
	for _, e := range sent {
		if e.id == "" || seen[e.id] {
			t.Errorf("%s %s has no id of its own: %q, %v", e.name, e.url, e.id, e.err)
		}
		seen[e.id] = true
		if len(all.rows[e.id]) != 1 || len(all.gateway[e.id]) != 1 {
			t.Errorf("%s %s: %d records, %d rows of the gateway's log", e.name, e.url, len(all.rows[e.id]), len(all.gateway[e.id]))
		}
	}
	for id, rows := range all.rows {
		if !seen[id] {
			t.Errorf("nobody made the call %s: %v", id, rows[0]["Url"])
		}
	}
}

// backends counts the calls by the backend that answered.
func (all *records) backends() map[string]int {
	out := map[string]int{}
	for _, rows := range all.rows {
		out[rows[0].text("BackendId")]++
	}
	return out
}

// dynamic reads a column of JSON.
func (r row) dynamic(column string) any {
	if s, ok := r[column].(string); ok {
		return parseJSON([]byte(s))
	}
	return r[column]
}

func (r row) bool(column string) bool {
	switch v := r[column].(type) {
	case bool:
		return v
	case json.Number:
		return v.String() == "1"
	}
	return false
}

// usage gives what the answer says was used; of a stream the last that is said,
// of a socket the sum is in doc.
func (e *exchange) usage() any {
	var found any
	docs := e.events
	if len(docs) == 0 {
		docs = []any{e.doc}
	}
	for _, doc := range docs {
		for _, path := range []string{"usage", "response.usage"} {
			if u := dig(doc, path); u != nil {
				found = u
			}
		}
	}
	return found
}

// check looks at the record of a case's call.
func (m *made) check(t *testing.T, all *records) {
	if m.e.err != nil || m.e.status/100 != 2 && !(m.socket && m.e.status == http.StatusSwitchingProtocols) {
		t.Fatalf("%s %s\n%.500s\nstatus %d, %v: %.1000s", m.e.method, m.e.url, m.e.sent, m.e.status, m.e.err, m.e.body)
	}
	for _, id := range m.listed {
		if len(m.e.body) > 0 && !bytes.Contains(m.e.body, []byte(id)) {
			t.Errorf("the answer does not name %s: %.600s", id, m.e.body)
		}
	}
	if len(all.rows[m.e.id]) != 1 {
		t.Fatalf("%d records of %s", len(all.rows[m.e.id]), m.e.id)
	}
	r := all.rows[m.e.id][0]
	m.checkCall(t, r)
	m.checkRequest(t, r)
	m.checkAnswer(t, r)
	m.checkTokens(t, r, all.served[strings.ReplaceAll(m.e.id, "-", "")])
	m.checkLogs(t, r, all)
	if m.operationCase.check != nil {
		m.operationCase.check(t, m, r)
	}
}

// checkCall looks at what was called, by whom, and what became of it.
func (m *made) checkCall(t *testing.T, r row) {
	t.Helper()
	for column, want := range map[string]string{
		"OperationId": m.op.ID, "SurfaceOperationId": m.route.OperationID, "Surface": m.route.Surface.String(), "Outcome": "completed",
		"Method": m.e.method, "ApiVersion": m.versionOn(m.route.Surface), "ResourceId": m.resource, "ProductId": "standard", "StreamError": "",
		"DeploymentName": m.wantDeployment(), "LastErrorReason": "",
	} {
		if got := r.text(column); got != want {
			t.Errorf("%s %q, want %q", column, got, want)
		}
	}
	if r.text("ModelName") != m.wantModel() {
		t.Errorf("ModelName %q, want %q", r.text("ModelName"), m.wantModel())
	}
	if !strings.HasSuffix(r.text("Url"), strings.SplitN(m.e.url, "/", 4)[3]) {
		t.Errorf("Url %q of %q", r.text("Url"), m.e.url)
	}
	if int(r.number("ResponseCode")) != m.e.status {
		t.Errorf("ResponseCode %v, want %d", r["ResponseCode"], m.e.status)
	}
	if r.bool("IsStream") != m.stream || r.bool("IsModelCall") != m.asks || r.bool("IsWebSocket") != m.socket {
		t.Errorf("IsStream %v, IsModelCall %v, IsWebSocket %v; want %v, %v, %v", r["IsStream"], r["IsModelCall"], r["IsWebSocket"], m.stream, m.asks, m.socket)
	}
	tries, _ := r.dynamic("Attempts").([]any)
	if m.op.Own != (len(tries) == 0) || int(r.number("AttemptCount")) != len(tries) {
		t.Errorf("%d attempts, AttemptCount %v", len(tries), r["AttemptCount"])
	}
	if m.stream && r.number("Events") <= 0 {
		t.Error("no events of a stream")
	}
	if got := digText(r.dynamic("Labels"), "Team"); got != "catalogue" {
		t.Errorf("Labels %v", r["Labels"])
	}
	if m.resource != "" && r.text("ResourceType") == "" && !m.op.Own && m.op.ID != "delete_model" {
		t.Errorf("the object %s has no ResourceType", m.resource)
	}
}

// wantDeployment is what the call named, or of a model's call that named none,
// the model that answered.
func (m *made) wantDeployment() string {
	switch {
	case m.op.Target != catalog.NoTarget || m.route.DeploymentInPath():
		if m.model != "" {
			return m.model
		}
	}
	if m.op.ModelIn != "" { // the body has it in an object
		var doc any
		if json.Unmarshal(m.e.sent, &doc) != nil {
			return ""
		}
		return digText(doc, m.op.ModelIn+".model")
	}
	if m.asks {
		return m.wantModel()
	}
	return ""
}

// wantModel is the model that the answer names, or of a model's call whose answer
// names none, the one that was asked.
func (m *made) wantModel() string {
	if name, ok := m.e.first("model", "response.model").(string); ok && !m.op.Own && m.op.Lists == "" {
		return name
	}
	if m.asks {
		return m.model
	}
	return ""
}

// checkRequest looks at what was asked.
func (m *made) checkRequest(t *testing.T, r row) {
	t.Helper()
	if !strings.Contains(r.text("Prompt"), m.prompt) {
		t.Errorf("Prompt %q does not contain %q", r.text("Prompt"), m.prompt)
	}
	sent := parseJSON(m.e.sent)
	switch {
	case len(m.form) > 0:
		sent = m.checkForm(t, r)
	case !m.socket && r.text("RequestBody") != string(m.e.sent):
		t.Errorf("RequestBody %.300q, want %.300q", r.text("RequestBody"), m.e.sent)
	}
	if !m.socket && int(r.number("RequestSize")) != len(m.e.sent) {
		t.Errorf("RequestSize %v, want %d", r["RequestSize"], len(m.e.sent))
	}
	given := r.dynamic("Parameters")
	for name := range strings.FieldsSeq(m.parameters) {
		if want := dig(sent, name); want == nil || !sameJSON(dig(given, name), want) {
			t.Errorf("Parameters has %v as %s, want %v", dig(given, name), name, want)
		}
	}
	if user := dig(sent, "user"); user != nil && r["EndUser"] != user {
		t.Errorf("EndUser %v", r["EndUser"])
	}
}

// checkForm compares the record of a form with what was sent, and gives that as
// an object.
func (m *made) checkForm(t *testing.T, r row) any {
	t.Helper()
	_, params, _ := mime.ParseMediaType(digText(r.dynamic("RequestHeaders"), "Content-Type"))
	form, err := multipart.NewReader(bytes.NewReader(m.e.sent), params["boundary"]).ReadForm(1 << 20)
	if err != nil {
		t.Fatalf("the record has another boundary than was sent: %v", err)
	}
	kept := r.dynamic("RequestBody")
	sent := map[string]any{}
	for name, values := range form.Value {
		sent[name] = values[0]
		if dig(kept, name) != values[0] {
			t.Errorf("RequestBody has %v as %s, want %q", dig(kept, name), name, values[0])
		}
	}
	files := 0
	for name, list := range form.File {
		files += len(list)
		path := strings.TrimSuffix(name, "[]")
		if path != name || len(list) > 1 {
			path += ".0"
		}
		if digText(kept, path+".filename") != list[0].Filename || int64(digNumber(kept, path+".length")) != list[0].Size || len(digText(kept, path+".sha256")) != 64 {
			t.Errorf("RequestBody has the file %s as %v", name, dig(kept, path))
		}
	}
	if list, _ := r.dynamic("Files").([]any); len(list) != files {
		t.Errorf("Files has %d of %d", len(list), files)
	}
	return sent
}

// checkAnswer looks at what was answered.
func (m *made) checkAnswer(t *testing.T, r row) {
	t.Helper()
	if m.said != "" {
		want := m.e.said(m.said)
		if want == "" || !strings.Contains(r.text("Completion"), want) {
			t.Errorf("Completion %q, the client read %q at %s", r.text("Completion"), want, m.said)
		}
	}
	if m.socket {
		return
	}
	if int(r.number("ResponseSize")) != len(m.e.body) {
		t.Errorf("ResponseSize %v, the client got %d", r["ResponseSize"], len(m.e.body))
	}
	kept, column := r.text("BackendResponseBody"), "BackendResponseBody"
	if m.op.Own || m.op.Lists != "" {
		kept, column = r.text("ResponseBody"), "ResponseBody"
	}
	raw, binary := strings.CutPrefix(kept, "data:application/octet-stream;base64,")
	switch {
	case m.stream:
		doc := parseJSON([]byte(kept))
		if _, ok := doc.(map[string]any); !ok {
			t.Errorf("%s of a stream is no object: %.300s", column, kept)
		}
	case binary:
		if got, err := base64.StdEncoding.DecodeString(raw); err != nil || !bytes.Equal(got, m.e.body) {
			t.Errorf("%s has %d bytes (%v), the client got %d", column, len(got), err, len(m.e.body))
		}
	case strings.Contains(m.op.Dialect, "realtime"):
		if len(kept) < len(m.e.body)/2 {
			t.Errorf("%s is %.300s", column, kept)
		}
	case kept != string(m.e.body):
		t.Errorf("%s %.300q, the client got %.300q", column, kept, m.e.body)
	}
}

// checkTokens compares the tokens with what the answer says, and with what the
// simulator counted.
func (m *made) checkTokens(t *testing.T, r row, served simCall) {
	t.Helper()
	prompt, completion := r.number("PromptTokens"), r.number("CompletionTokens")
	if r.number("TotalTokens") != prompt+completion {
		t.Errorf("TotalTokens %v of %v and %v", r["TotalTokens"], prompt, completion)
	}
	u := m.e.usage()
	says := func(names ...string) (n float64) {
		for _, name := range names {
			n += digNumber(u, name)
		}
		return n
	}
	switch {
	case !m.asks:
		if prompt+completion != 0 {
			t.Errorf("%v and %v tokens of a call that asks no model", prompt, completion)
		}
	case u != nil:
		if in, out := says("prompt_tokens", "input_tokens"), says("completion_tokens", "output_tokens"); prompt != in || completion != out {
			t.Errorf("%v and %v tokens, the answer says %v and %v", prompt, completion, in, out)
		}
		if r.text("UsageSource") != "backend" || r.dynamic("Usage") == nil {
			t.Errorf("UsageSource %q, Usage %v", r.text("UsageSource"), r["Usage"])
		}
		fallthrough
	case r.text("UsageSource") == "backend":
		if int64(prompt) != served.PromptTokens || int64(completion) != served.CompletionTokens {
			t.Errorf("%v and %v tokens, the simulator counted %d and %d", prompt, completion, served.PromptTokens, served.CompletionTokens)
		}
	case m.stream && (prompt <= 0 || completion <= 0 || r.text("UsageSource") != "estimated"):
		t.Errorf("%v and %v tokens by %q of a stream", prompt, completion, r.text("UsageSource"))
	case !m.stream && prompt+completion != 0:
		t.Errorf("%v and %v tokens by %q, the answer says none", prompt, completion, r.text("UsageSource"))
	}
}

// checkLogs looks at the other tables' rows.
func (m *made) checkLogs(t *testing.T, r row, all *records) {
	t.Helper()
	log := all.gateway[m.e.id]
	if len(log) != 1 || log[0].text("OperationId") != m.op.ID || log[0].text("ApiId") != m.route.Surface.String() || int(log[0].number("ResponseCode")) != m.e.status || m.e.status != 101 && !log[0].bool("IsRequestSuccess") {
		t.Errorf("the gateway's log has %v", log)
	}
	chunks := all.llm[m.e.id]
	if !m.asks {
		if len(chunks) != 0 {
			t.Errorf("%d rows in the log of models' calls", len(chunks))
		}
		return
	}
	if len(chunks) == 0 {
		t.Fatal("no rows in the log of models' calls")
	}
	for i, c := range chunks {
		if int(c.number("SequenceNumber")) != i {
			t.Errorf("row %d of the log of models' calls has the number %v", i, c["SequenceNumber"])
		}
	}
	head := chunks[0]
	for _, column := range []string{"PromptTokens", "CompletionTokens", "TotalTokens", "DeploymentName", "ModelName", "RequestId"} {
		if head[column] != r[column] {
			t.Errorf("the log of models' calls has %v as %s, want %v", head[column], column, r[column])
		}
	}
	if head.text("OperationName") != m.op.ID || head.bool("IsStreamCompletion") != m.stream {
		t.Errorf("the log of models' calls begins with %v", head)
	}
	var asked, told strings.Builder
	for _, c := range chunks[1:] {
		asked.WriteString(chunkText(c["RequestMessages"]))
		told.WriteString(chunkText(c["ResponseMessages"]))
	}
	if m.prompt != "" && asked.Len() == 0 || r.text("Completion") != "" && told.Len() == 0 {
		t.Errorf("%d rows in the log of models' calls, %d bytes asked, %d bytes told", len(chunks), asked.Len(), told.Len())
	}
	if m.socket {
		m.checkSocket(t, all.sockets[m.e.id])
	}
}

func chunkText(v any) string {
	switch v := v.(type) {
	case nil:
		return ""
	case string:
		return v
	}
	text, _ := json.Marshal(v)
	return string(text)
}

func (m *made) checkSocket(t *testing.T, events []row) {
	t.Helper()
	var names []string
	for _, ev := range events {
		names = append(names, ev.text("EventName"))
		if !strings.Contains(ev.text("Destination"), "/realtime") || ev.text("Source") == "" {
			t.Errorf("the log of connections has %v", ev)
		}
	}
	if !slices.Equal(names, []string{"ConnectionOpened", "ConnectionClosed"}) {
		t.Errorf("the log of connections has %v", names)
	}
}

// talk holds a conversation over a realtime connection: one question, one answer,
// a proper close.
func (run *catalogRun) talk(b *bag, c *opCall, route catalog.Route) *exchange {
	i := slices.IndexFunc(run.operations, func(op catalog.Operation) bool { return op.ID == c.op })
	e := &exchange{name: c.op, method: "GET", url: b.address(c, &run.operations[i], route), key: run.keys[b.home]}
	run.sent = append(run.sent, e)
	ctx, cancel := context.WithTimeout(run.t.Context(), 20*time.Second)
	defer cancel()
	conn, resp, err := websocket.Dial(ctx, e.url, &websocket.DialOptions{HTTPHeader: http.Header{"Api-Key": {e.key}, "X-Team": {"catalogue"}}})
	if resp != nil {
		e.status, e.header, e.id = resp.StatusCode, resp.Header, resp.Header.Get("apim-request-id")
	}
	if e.err = err; err != nil {
		return e
	}
	defer conn.CloseNow()
	conn.SetReadLimit(1 << 24)
	e.err = run.converse(ctx, conn, e)
	if e.err == nil {
		e.err = conn.Close(websocket.StatusNormalClosure, "")
	}
	return e
}

// converse fills e.doc with the session and the response that ended the answer.
func (run *catalogRun) converse(ctx context.Context, conn *websocket.Conn, e *exchange) error {
	doc := map[string]any{}
	e.doc = doc
	for {
		_, data, err := conn.Read(ctx)
		if err != nil {
			return err
		}
		ev := parseJSON(data)
		switch kind := digText(ev, "type"); kind {
		case "session.created":
			doc["session"], doc["model"] = dig(ev, "session"), dig(ev, "session.model")
			for _, said := range []string{
				`{"type":"conversation.item.create","item":{"type":"message","role":"user","content":[{"type":"input_text","text":"Tell me about rivers."}]}}`,
				`{"type":"response.create"}`,
			} {
				if err := conn.Write(ctx, websocket.MessageText, []byte(said)); err != nil {
					return err
				}
			}
		case "response.done":
			doc["response"], doc["usage"] = dig(ev, "response"), dig(ev, "response.usage")
			return nil
		case "error":
			return fmt.Errorf("the server says %s", data)
		}
	}
}

// talked looks at the record of a realtime connection.
func talked(t *testing.T, m *made, r row) {
	said := digText(m.e.doc, "response.output.0.content.0.transcript")
	if said == "" || !strings.Contains(r.text("Completion"), said) {
		t.Errorf("Completion %q, the client heard %q", r.text("Completion"), said)
	}
	asked, _ := r.dynamic("RequestBody").([]any)
	if len(asked) < 2 || digText(asked[0], "type") != "conversation.item.create" || digText(asked[1], "type") != "response.create" {
		t.Errorf("RequestBody %.500s", r.text("RequestBody"))
	}
	events, _ := dig(r.dynamic("BackendResponseBody"), "events").([]any)
	if len(events) < 5 || digText(events[0], "type") != "session.created" {
		t.Errorf("BackendResponseBody has %d events", len(events))
	}
}
