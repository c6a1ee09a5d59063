package term

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// answers is a Querier that gives prepared tables in turn and keeps what it was
// asked.
type answers struct {
	tables []*Table
	asked  []string
}

func (a *answers) Query(_ context.Context, text string) (*Table, error) {
	a.asked = append(a.asked, text)
	if len(a.tables) == 0 {
		return nil, errors.New("asked once too often")
	}
	t := a.tables[0]
	if len(a.tables) > 1 {
		a.tables = a.tables[1:]
	}
	return t, nil
}

func sample() *Table {
	return &Table{Columns: []Column{{"model", "string"}, {"tokens", "long"}, {"d", "dynamic"}}, Rows: [][]any{
		{"gpt-4o", json.Number("1234"), map[string]any{"a": json.Number("1")}},
		{"größer\nals", json.Number("7"), nil},
		{"esc\x1b[2J", nil, "x"},
	}}
}

func TestWrite(t *testing.T) {
	for _, c := range []struct {
		name, format string
		style        Style
		want         string
	}{
		{"table", "table", Style{}, "" +
			"model       tokens  d\n" +
			"──────────  ──────  ───────\n" +
			"gpt-4o        1234  {\"a\":1}\n" +
			"größer⏎als       7\n" +
			"esc�[2J             x\n" +
			"(3 rows)\n"},
		{"cut", "table", Style{Cell: 5}, "" +
			"model  tokens  d\n" +
			"─────  ──────  ─────\n" +
			"gpt-…    1234  {\"a\"…\n" +
			"größ…       7\n" +
			"esc�…          x\n" +
			"(3 rows)\n"},
		{"on its side", "table", Style{Width: 20}, "" +
			"── row 1 ──\nmodel   gpt-4o\ntokens  1234\nd       {\"a\":1}\n" +
			"── row 2 ──\nmodel   größer⏎als\ntokens  7\n" +
			"── row 3 ──\nmodel   esc�[2J\nd       x\n(3 rows)\n"},
		{"csv", "csv", Style{Cell: 3}, "model,tokens,d\ngpt-4o,1234,\"{\"\"a\"\":1}\"\n\"größer\nals\",7,\nesc\x1b[2J,,x\n"},
		{"json", "json", Style{}, `{"columns":[{"name":"model","type":"string"},{"name":"tokens","type":"long"},{"name":"d","type":"dynamic"}],"rows":[["gpt-4o",1234,{"a":1}],["größer\nals",7,null],["esc\u001b[2J",null,"x"]]}` + "\n"},
	} {
		t.Run(c.name, func(t *testing.T) {
			var b strings.Builder
			if err := Write(&b, sample(), c.format, c.style); err != nil {
				t.Fatal(err)
			}
			if b.String() != c.want {
				t.Errorf("got:\n%s\nwant:\n%s", b.String(), c.want)
			}
		})
	}
	if err := Write(&strings.Builder{}, sample(), "xml", Style{}); err == nil {
		t.Error("xml is no format, but was taken")
	}
}

func exchange(seq int, id string) []any {
	return []any{"2026-11-23T08:30:00.0000000Z", id, json.Number("1"), json.Number(string(rune('0' + seq))), json.Number("200"), "completed",
		"chatcompletions_create", "gpt-4o", "team-a", json.Number("8"), json.Number("11"), "estimated", json.Number("120"), "system: be brief\n\nuser: hi"}
}

func tailTable(rows ...[]any) *Table {
	t := &Table{Rows: rows}
	for _, n := range strings.Split(strings.TrimPrefix(tailColumns, "project "), ", ") {
		t.Columns = append(t.Columns, Column{Name: n, Type: "string"})
	}
	return t
}

// TestTail: each exchange gets one line, also when a later look sees it again.
func TestTail(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second)
		defer cancel()
		q := &answers{tables: []*Table{
			tailTable(exchange(0, "old"), exchange(1, "a")),
			tailTable(exchange(1, "a")),
			tailTable(exchange(0, "old"), exchange(1, "a"), exchange(3, "c")),
			tailTable(exchange(1, "a"), exchange(2, "b"), exchange(3, "c")),
		}}
		var b strings.Builder
		if err := Tail(ctx, q, &b, 1, "ResponseCode == 200", time.Second/2); err != nil {
			t.Fatal(err)
		}
		lines := strings.Split(strings.TrimSpace(b.String()), "\n")
		if len(lines) != 4 {
			t.Fatalf("want a heading and three lines, got:\n%s", b.String())
		}
		for i, id := range []string{"a", "c", "b"} {
			if f := strings.Fields(lines[i+1]); f[1] != id || f[7] != "~11" || f[9] != "hi" {
				t.Errorf("line %d is %q; want id %s an estimate marked with ~, and the question", i+1, lines[i+1], id)
			}
		}
		for _, asked := range q.asked {
			if !strings.Contains(asked, "| where ResponseCode == 200 ") {
				t.Errorf("the filter is missing from %q", asked)
			}
		}
	})
}

func TestShow(t *testing.T) {
	id := "019ab0c2-7d1e-7c3a-9a55-0f6f1f0e8d11"
	row := map[string]any{
		"CorrelationId": id, "TimeGenerated": "2026-11-23T08:30:00.0000000Z", "Outcome": "interrupted", "CallerIpAddress": "10.0.0.4",
		"ApimSubscriptionId": "team-a", "Method": "POST", "Url": "http://g/v1/chat/completions", "OperationId": "chatcompletions_create",
		"DeploymentName": "gpt-4o", "ResponseCode": json.Number("200"), "IsStream": true, "PromptTokens": json.Number("8"),
		"CompletionTokens": json.Number("3"), "TotalTokens": json.Number("11"), "UsageSource": "estimated",
		"Attempts":         []any{map[string]any{"backend": "west", "status": json.Number("429"), "reason": "429"}, map[string]any{"backend": "east", "status": json.Number("200")}},
		"RequestMessages":  `[{"role":"user","content":[{"type":"text","text":"line one\nline \u001btwo"},{"type":"image_url"}]}]`,
		"ResponseMessages": []any{map[string]any{"role": "assistant", "content": nil, "tool_calls": []any{map[string]any{"id": "c1", "function": map[string]any{"name": "get_weather", "arguments": `{"city":"Bonn"}`}}}}},
		"LastErrorMessage": "the backend's stream ended", "LastErrorReason": "BackendConnectionFailure", "LastErrorSection": "backend",
	}
	tab := &Table{Rows: [][]any{nil}}
	for name, v := range row {
		tab.Columns = append(tab.Columns, Column{Name: name})
		tab.Rows[0] = append(tab.Rows[0], v)
	}
	q := &answers{tables: []*Table{tab}}
	var b strings.Builder
	if err := Show(t.Context(), q, &b, strings.ToUpper(id)); err != nil {
		t.Fatal(err)
	}
	want := id + `  2026-11-23T08:30:00.0000000Z  interrupted
  caller       10.0.0.4 · subscription team-a
  request      POST http://g/v1/chat/completions
  operation    chatcompletions_create · deployment gpt-4o
  answer       200 · streamed
  tokens       8 prompt + 3 answer = 11 · estimated
  time          ms in all ·  ms backend
  attempts     west 429 → east 200

── user ──
line one
line �two
[image_url]

── answer assistant ──
[calls get_weather({"city":"Bonn"})  c1]

── error ──
the backend's stream ended (BackendConnectionFailure, backend)
`
	if b.String() != want {
		t.Errorf("got:\n%s\nwant:\n%s", b.String(), want)
	}
	var missing *NotFoundError
	if err := Show(t.Context(), &answers{tables: []*Table{{}}}, &b, id); !errors.As(err, &missing) {
		t.Errorf("an unknown id gave %v", err)
	}
	if err := Show(t.Context(), q, &b, "' or 1==1 //"); err == nil {
		t.Error("what is no id was put into a query")
	}
}

// TestShowKinds: what is no chat is shown by what there is of it.
func TestShowKinds(t *testing.T) {
	id := "019ab0c2-7d1e-7c3a-9a55-0f6f1f0e8d11"
	for _, c := range []struct {
		name string
		row  map[string]any
		want []string
		not  string
	}{
		{"upload", map[string]any{
			"OperationId": "files_upload", "IsModelCall": false, "ResourceType": "file", "ResourceId": "file-1", "ResponseCode": json.Number("201"), "Prompt": "purpose: batch",
			"Files":          `[{"field":"file","filename":"a.jsonl","contentType":"text/jsonl","length":7,"sha256":"ab","index":0}]`,
			"RequestPayload": map[string]any{"id": id, "side": "request", "length": json.Number("9000"), "sha256": "cd"},
			"ResponseBody":   `{"id":"file-1"}`,
		}, []string{"  object       file file-1\n", "  file         file a.jsonl · text/jsonl · 7 bytes · sha256 ab\n", "  request      in the payload store · 9000 bytes · sha256 cd\n",
			"── prompt ──\npurpose: batch\n", "── response body ──\n{\"id\":\"file-1\"}\n"}, "tokens"},
		{"realtime", map[string]any{
			"IsModelCall": true, "IsWebSocket": true, "IsStream": true, "ResponseCode": json.Number("101"), "AudioTokens": json.Number("21"), "AudioSeconds": json.Number("0"), "Files": nil,
			"RequestMessages": `[{"role":"user","content":"hi"}]`, "ResponseMessages": `[{"role":"assistant","content":"","reasoning":"hm"},{"role":"assistant","content":"ho"}]`, "ResponseBody": "{}",
		}, []string{"  answer       101 · WebSocket\n", "  also used    21 audio tokens\n", "── answer 1 assistant ──\n[reasons] hm\n", "── answer 2 assistant ──\nho\n"}, "response body"},
		{"speech", map[string]any{"IsModelCall": true, "ResponseCode": json.Number("200"), "Characters": json.Number("3"), "RequestMessages": `[{"role":"user","content":"hi"}]`, "ResponseBody": "data:application/octet-stream;base64,AAE="},
			[]string{"  also used    3 characters\n"}, "response body"},
		{"content", map[string]any{"IsModelCall": false, "ResponseCode": json.Number("200"), "ResponseBody": "data:application/octet-stream;base64,AAE="}, []string{"── response body ──\n[2 bytes that are no text]\n"}, "base64"},
		{"refused", map[string]any{"IsModelCall": true, "ResponseCode": json.Number("400"), "RequestMessages": `[{"role":"user","content":"hi"}]`, "ResponseBody": "no"}, []string{"── response body ──\nno\n"}, "payload"},
		{"reported", map[string]any{"IsModelCall": false, "PromptTokens": json.Number("0"), "Usage": map[string]any{"total_tokens": json.Number("9")}, "UsageSource": "backend"}, []string{"  tokens       {\"total_tokens\":9} · backend\n"}, "prompt"},
	} {
		tab := &Table{Columns: []Column{{Name: "CorrelationId"}}, Rows: [][]any{{id}}}
		for name, v := range c.row {
			tab.Columns = append(tab.Columns, Column{Name: name})
			tab.Rows[0] = append(tab.Rows[0], v)
		}
		var b strings.Builder
		if err := Show(t.Context(), &answers{tables: []*Table{tab}}, &b, id); err != nil {
			t.Fatal(err)
		}
		for _, want := range c.want {
			if !strings.Contains(b.String(), want) {
				t.Errorf("%s: %q is not in\n%s", c.name, want, b.String())
			}
		}
		if strings.Contains(b.String(), c.not) {
			t.Errorf("%s: %q is in\n%s", c.name, c.not, b.String())
		}
	}
}

func TestClient(t *testing.T) {
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var req struct{ CSL string }
		json.NewDecoder(r.Body).Decode(&req)
		switch {
		case r.URL.Path != "/v1/rest/query" || r.Header.Get("Content-Type") != "application/json":
			w.WriteHeader(http.StatusNotFound)
		case req.CSL == "bad":
			w.WriteHeader(http.StatusBadRequest)
			w.Write([]byte(`{"error":{"code":"General_BadRequest","message":"short","@message":"Syntax error: SYN0002: line 1, column 1"}}`))
		default:
			w.Write([]byte(`{"Tables":[{"TableName":"Table_0","Columns":[{"ColumnName":"n","DataType":"Int64","ColumnType":"long"}],"Rows":[[12345678901234567]]}]}`))
		}
	}))
	defer srv.Close()
	c := &Client{Server: srv.URL, HTTP: srv.Client()}
	got, err := c.Query(t.Context(), "print n=1")
	if err != nil {
		t.Fatal(err)
	}
	if got.Columns[0] != (Column{"n", "long"}) || text(got.Rows[0][0]) != "12345678901234567" {
		t.Errorf("got %+v", got)
	}
	var qe *QueryError
	if _, err := c.Query(t.Context(), "bad"); !errors.As(err, &qe) || qe.Status != 400 || !strings.Contains(qe.Message, "SYN0002") {
		t.Errorf("a refused query gave %v", err)
	}
	srv.Close()
	if _, err := c.Query(t.Context(), "print 1"); err == nil || errors.As(err, &qe) {
		t.Errorf("a server that is gone gave %v", err)
	}
}
