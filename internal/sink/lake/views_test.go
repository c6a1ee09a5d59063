package lake

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"weir/internal/record"
	"weir/internal/sink"
)

// sides runs a test on fresh rows, and on the same rows in a file.
func sides(t *testing.T, o func(*Options), rows []*record.Row, test func(*testing.T, *Lake)) {
	for _, sealed := range []bool{false, true} {
		t.Run(fmt.Sprintf("sealed=%v", sealed), func(t *testing.T) {
			opt := never(t.TempDir())
			if o != nil {
				o(&opt)
			}
			l := open(t, opt)
			last := rows[len(rows)-1].Seq
			if err := l.Write(t.Context(), sink.Batch{Rows: rows, Watermark: pos(last), From: pos(last)}); err != nil {
				t.Fatal(err)
			}
			if sealed {
				seal(t, l)
			}
			test(t, l)
		})
	}
}

// TestViewTypes: each table's view has its columns, with the engine's types.
func TestViewTypes(t *testing.T) {
	sides(t, nil, rowsOf(1, 1), func(t *testing.T, l *Lake) {
		for _, tab := range record.Tables() {
			var want []string
			for _, c := range tab.Columns {
				want = append(want, c.Name+" "+viewTypes[c.Type])
			}
			if !tab.PerMessage && !tab.PerEvent {
				for _, c := range record.Columns() {
					if c.Hidden {
						want = append(want, c.Name+" "+viewTypes[c.Type])
					}
				}
			}
			got := ask(t, l, `SELECT column_name || ' ' || column_type FROM (DESCRIBE "`+tab.Name+`")`)
			if d := cmp.Diff(want, got); d != "" {
				t.Errorf("%s (-want +got):\n%s", tab.Name, d)
			}
		}
	})
}

// TestNoNullStrings: a string is never NULL, in any table, for an empty row.
func TestNoNullStrings(t *testing.T) {
	empty := &record.Row{Epoch: 1, Seq: 1, ModelCall: true, Socket: true, Outcome: record.Interrupted, Begin: record.Begin{Time: epochStart, Deployment: "d", Operation: "o"}}
	sides(t, nil, []*record.Row{empty}, func(t *testing.T, l *Lake) {
		for _, tab := range record.Tables() {
			for _, c := range tab.Columns {
				want := map[record.Type]string{record.String: "false", record.Dynamic: "true"}[c.Type]
				if want == "" {
					continue
				}
				got := ask(t, l, fmt.Sprintf(`SELECT DISTINCT %s IS NULL FROM %s`, ident(c.Name), ident(tab.Name)))
				if d := cmp.Diff([]string{want}, got); d != "" {
					t.Errorf("%s.%s is null: %s", tab.Name, c.Name, d)
				}
			}
		}
	})
}

func TestViewValues(t *testing.T) {
	small, large := exchange(1), exchange(2)
	large.End.Status, large.Begin.RequestSize, large.Delivered.ResponseSize = 429, 5<<30, 12
	large.ResponseBody, large.BackendRequestBody, large.Labels = "own", "edited", ""
	large.EndUser = "o'brien\x00\"x\""
	tests := []struct{ sql, small, large string }{
		{`"IsRequestSuccess" FROM "ApiManagementGatewayLogs"`, "true", "false"},
		{`"RequestSize" FROM "ApiManagementGatewayLogs"`, "0", "2147483647"},
		{`"RequestSize" FROM "WeirExchanges"`, "0", "5368709120"},
		{`"ResponseBody" FROM "ApiManagementGatewayLogs"`, small.BackendResponseBody, "own"},
		{`"BackendRequestBody" FROM "ApiManagementGatewayLogs"`, small.RequestBody, "edited"},
		{`"Cache" || "Category" || "SourceSystem" || "Type" FROM "ApiManagementGatewayLogs"`, "noneGatewayLogsWeirApiManagementGatewayLogs", "noneGatewayLogsWeirApiManagementGatewayLogs"},
		{`"IsTraceAllowed", "CacheTime", "_BilledSize", "TraceRecords", "TenantId" FROM "ApiManagementGatewayLogs"`, "false|<nil>|<nil>|<nil>|", "false|<nil>|<nil>|<nil>|"},
		{`"TimeGenerated", "Timestamp" FROM "ApiManagementGatewayLogs"`, "2026-11-23 08:30:01 +0000 UTC|2026-11-23 08:30:01 +0000 UTC", "2026-11-23 08:30:02 +0000 UTC|2026-11-23 08:30:02 +0000 UTC"},
		{`"_json_model"::VARCHAR, "_json_usage" FROM "ApiManagementGatewayLogs"`, `"gpt-4o-2024-08-06"|<nil>`, `"gpt-4o-2024-08-06"|<nil>`},
		{`"UserId" FROM "ApiManagementGatewayLogs"`, "", "o'brien\x00\"x\""},
		{`"Team", "odd ""name" FROM "WeirExchanges"`, "blue|", "|"},
		{`"PromptTokens" + "CompletionTokens" FROM "WeirExchanges"`, "7", "7"},
		{`"RequestMessages"->0->>'content' FROM "WeirExchanges"`, "hello", "hello"},
	}
	labels := func(o *Options) { o.Labels = map[string]string{"x-team": "Team", "x-odd": `odd "name`} }
	sides(t, labels, []*record.Row{small, large}, func(t *testing.T, l *Lake) {
		for _, tt := range tests {
			got := ask(t, l, "SELECT "+tt.sql+` ORDER BY "TimeGenerated"`)
			if d := cmp.Diff([]string{tt.small, tt.large}, got); d != "" {
				t.Errorf("%s (-want +got):\n%s", tt.sql, d)
			}
		}
	})
}

func TestLabelClash(t *testing.T) {
	o := never(t.TempDir())
	o.Labels = map[string]string{"x-model": "ModelName"}
	if _, err := Open(t.Context(), o); err == nil || !strings.Contains(err.Error(), "ModelName") {
		t.Errorf("a label that hides a column: %v", err)
	}
}

func TestMessageChunks(t *testing.T) {
	whole, long, none, models := exchange(1), exchange(2), exchange(3), exchange(4)
	text := strings.Repeat("né ", record.MessageChunk) // 3 characters, 4 bytes
	long.RequestMessages = `[{"role":"user","content":"` + text + `"}]`
	characters := utf8.RuneCountInString(long.RequestMessages)
	none.RequestMessages, none.ResponseMessages = "", ""
	models.Begin.Operation, models.ModelCall = "models_get", false
	other := exchange(5)
	other.ModelCall = false
	sides(t, nil, []*record.Row{whole, long, none, models, other}, func(t *testing.T, l *Lake) {
		got := ask(t, l, `SELECT "CorrelationId"[-1:], "SequenceNumber", "DeploymentName", "ModelName", "TotalTokens",
			json_type("RequestMessages"), length("RequestMessages"->>'$'), json_type("ResponseMessages")
			FROM "ApiManagementGatewayLlmLog" ORDER BY "TimeGenerated", "SequenceNumber"`)
		id := func(r *record.Row) string { s := r.ID.String(); return s[len(s)-1:] }
		header := "|0|gpt-4o|gpt-4o-2024-08-06|7|<nil>|<nil>|<nil>"
		want := []string{
			id(whole) + header,
			fmt.Sprintf("%s|1|||<nil>|ARRAY|%d|<nil>", id(whole), len(whole.RequestMessages)),
			id(whole) + "|2|||<nil>|<nil>|<nil>|ARRAY",
			id(long) + header,
		}
		n := 0
		for rest := characters; rest > 0; rest -= record.MessageChunk {
			n++
			want = append(want, fmt.Sprintf("%s|%d|||<nil>|VARCHAR|%d|<nil>", id(long), n, min(rest, record.MessageChunk)))
		}
		want = append(want, fmt.Sprintf("%s|%d|||<nil>|<nil>|<nil>|ARRAY", id(long), n+1), id(none)+header)
		if d := cmp.Diff(want, got); d != "" {
			t.Errorf("-want +got:\n%s", d)
		}
		joined := ask(t, l, `SELECT string_agg("RequestMessages"->>'$', '' ORDER BY "SequenceNumber") FROM "ApiManagementGatewayLlmLog"
			WHERE "CorrelationId" = '`+long.ID.String()+`' AND "RequestMessages" IS NOT NULL`)
		if joined[0] != long.RequestMessages {
			t.Error("the chunks do not make the messages again")
		}
	})
}

func TestSocketEvents(t *testing.T) {
	plain, open, killed, cut, refused := exchange(1), exchange(2), exchange(3), exchange(4), exchange(5)
	for _, r := range []*record.Row{open, killed, cut, refused} {
		r.Socket, r.End.BackendURL, r.End.Status = true, "wss://east/openai/realtime", 101
		r.TotalTime = 90 * time.Second
	}
	killed.Outcome, killed.End.Status = record.Interrupted, 0
	cut.Outcome, cut.End.LastError = record.Interrupted, &record.LastError{Message: "gone", Elapsed: 2 * time.Second}
	refused.Outcome, refused.End.Status = record.Refused, 401
	sides(t, nil, []*record.Row{plain, open, killed, cut, refused}, func(t *testing.T, l *Lake) {
		got := ask(t, l, `SELECT "CorrelationId"[-1:], "EventName", "Error", "TimeGenerated", "Source", "Destination" FROM "ApiManagementWebSocketConnectionLogs" ORDER BY 1, 4, 2`)
		var want []string
		for _, e := range []struct {
			seq   int
			name  string
			fault string
			after int
		}{
			{2, record.SocketOpened, "", 0}, {2, record.SocketClosed, "", 90},
			{3, record.SocketOpened, "", 0}, {3, record.SocketClosed, "", 90}, {3, record.SocketFailed, "interrupted", 90},
			{4, record.SocketOpened, "", 0}, {4, record.SocketFailed, "gone", 2}, {4, record.SocketClosed, "", 90},
			{5, record.SocketFailed, "refused", 90},
		} {
			id := []*record.Row{nil, plain, open, killed, cut, refused}[e.seq].ID.String()
			at := epochStart.Add(time.Duration(e.seq+e.after) * time.Second)
			want = append(want, fmt.Sprintf("%s|%s|%s|%v|192.0.2.1|wss://east/openai/realtime", id[len(id)-1:], e.name, e.fault, at))
		}
		if d := cmp.Diff(want, got); d != "" {
			t.Errorf("-want +got:\n%s", d)
		}
	})
}

// TestPushdown: a query reads the columns that it needs, in files and fresh
// rows alike, and a query for header rows no messages.
func TestPushdown(t *testing.T) {
	l := open(t, never(t.TempDir()))
	write(t, l, 1, 50)
	seal(t, l)
	write(t, l, 51, 60)
	tests := []struct {
		sql  string
		want []string // columns read
	}{
		{`SELECT count(*) FROM "ApiManagementGatewayLogs" WHERE "TimeGenerated" > TIMESTAMP '2026-11-23 08:30:10'`, []string{"TimeGenerated"}},
		{`SELECT "CallerIpAddress", sum("PromptTokens") FROM "WeirExchanges" GROUP BY 1`, []string{"CallerIpAddress", "PromptTokens"}},
		{`SELECT sum("TotalTokens") FROM "ApiManagementGatewayLlmLog" WHERE "DeploymentName" != ''`, []string{"DeploymentName", "IsModelCall", "TotalTokens"}},
		{`SELECT "_json_model" FROM "ApiManagementGatewayLogs"`, []string{"_json_model"}},
	}
	for _, tt := range tests {
		plan := strings.Join(ask(t, l, "EXPLAIN (FORMAT json) "+tt.sql), "\n")
		for _, c := range storedColumns() {
			wanted := false
			for _, w := range tt.want {
				wanted = wanted || w == c.name
			}
			if !wanted && strings.Contains(plan, `"`+c.name+`"`) {
				t.Errorf("%s reads %s:\n%s", tt.sql, c.name, plan)
			}
		}
		for _, scan := range []string{"READ_PARQUET", strings.ToUpper(freshFunction)} {
			if !strings.Contains(plan, scan+" ") && !strings.Contains(plan, scan+`"`) {
				t.Errorf("%s has no %s:\n%s", tt.sql, scan, plan)
			}
		}
	}
	// The time reaches the files' statistics.
	plan := strings.Join(ask(t, l, "EXPLAIN "+tests[0].sql), "\n")
	if i := strings.Index(plan, "READ_PARQUET"); i < 0 || !strings.Contains(plan[i:], "Filters:") {
		t.Errorf("the filter is not pushed to the files:\n%s", plan)
	}
}

// TestOddText: what is not UTF-8 or not JSON is kept and does no harm.
func TestOddText(t *testing.T) {
	r := exchange(1)
	r.RequestBody = "a\xffb\x00c"
	r.Parameters = `{"a":`
	r.Metadata = `{"half":"\ud83d","whole":"\ud83d\ude00","n":1e400}`
	r.Attempts = "\xfe"
	sides(t, nil, []*record.Row{r}, func(t *testing.T, l *Lake) {
		got := ask(t, l, `SELECT "RequestBody", "Parameters"->>'$', "Metadata"->>'half', "Metadata"->>'whole', "Attempts"->>'$' FROM "WeirExchanges"`)
		want := []string{"a\uFFFDb\x00c|{\"a\":|\uFFFD|😀|\uFFFD"}
		if d := cmp.Diff(want, got); d != "" {
			t.Errorf("-want +got:\n%s", d)
		}
	})
}

func TestJSONText(t *testing.T) {
	good := []string{
		`{}`, `[]`, `0`, `-1.5e+10`, `""`, `true`, ` { "a" : [ 1 , {"b":null} ] } `, `[[[]],{"x":{}}]`,
		`"\u00e9\ud83d\ude00\\\""`, `{"a":"x","a":"y"}`, "\"\u00e9\"",
	}
	for _, s := range good {
		if got := jsonText(s); got != s {
			t.Errorf("jsonText(%q) = %q", s, got)
		}
	}
	for s, want := range map[string]string{
		`"\ud83d"`: `"\ufffd"`, `["\udc00x","\ud83d\u0041"]`: `["\ufffdx","\ufffd\u0041"]`,
		`{`: `"{"`, `{}x`: `"{}x"`, `[1,]`: `"[1,]"`, `01`: `"01"`, `{"a"}`: `"{\"a\"}"`, `"\x"`: `"\"\\x\""`,
		`[}`: `"[}"`, `-`: `"-"`, "\"\x01\"": `"\"\u0001\""`, `nul`: `"nul"`, `{"a":1,}`: `"{\"a\":1,}"`, `{1:2}`: `"{1:2}"`,
	} {
		if got := jsonText(s); got != want {
			t.Errorf("jsonText(%q) = %q, want %q", s, got, want)
		}
	}
}

// TestClosedDoors: SQL reaches nothing outside the folder and changes nothing.
func TestClosedDoors(t *testing.T) {
	l := open(t, never(t.TempDir()))
	for _, sql := range []string{
		`SELECT * FROM read_text('/etc/hostname')`, `SELECT * FROM read_csv('/etc/passwd')`, `COPY (SELECT 1) TO '/tmp/out.csv'`,
		`ATTACH '/tmp/x.db'`, `SET GLOBAL memory_limit = '100GB'`, `SET threads = 1`, `INSTALL httpfs`, `LOAD httpfs`,
		`SET GLOBAL enable_external_access = true`,
	} {
		if got, err := tryAsk(t.Context(), l, sql); err == nil {
			t.Errorf("%s gave %v", sql, got)
		}
	}
}

func TestPrelude(t *testing.T) {
	o := never(t.TempDir())
	o.Prelude = "CREATE MACRO double(x) AS x * 2; CREATE MACRO triple(x) AS x * 3;"
	l := open(t, o)
	if d := cmp.Diff([]string{"4|6"}, ask(t, l, "SELECT double(2), triple(2)")); d != "" {
		t.Error(d)
	}
	o = never(t.TempDir())
	o.Prelude = "CREATE MACRO"
	if l, err := Open(t.Context(), o); err == nil {
		l.Close()
		t.Error("a prelude that is no SQL was taken")
	}
}

func TestCancel(t *testing.T) {
	l := open(t, never(t.TempDir()))
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if _, err := tryAsk(ctx, l, `SELECT count(*) FROM range(100000) a, range(100000) b, range(1000) c WHERE a.range + b.range = c.range`); err == nil {
		t.Error("a query outlived its context")
	}
	once(t, l, 0)
}
