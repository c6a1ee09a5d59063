package sql

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"weir/internal/kql"
	"weir/internal/kql/plan"
)

// gatewayColumns are ApiManagementGatewayLogs as Azure has it.
const gatewayColumns = `ApiId string, ApimSubscriptionId string, ApiRevision string, BackendId string, BackendMethod string, BackendProtocol string,
BackendRequestBody string, BackendRequestHeaders dynamic, BackendResponseBody string, BackendResponseCode int, BackendResponseHeaders dynamic,
BackendTime long, BackendUrl string, _BilledSize real, Cache string, CacheTime long, CallerIpAddress string, Category string, ClientProtocol string,
ClientTime long, ClientTlsVersion string, CorrelationId string, Errors dynamic, _IsBillable string, IsMasterTrace bool, IsTraceAllowed bool,
IsTraceExpired bool, IsTraceRequested bool, IsRequestSuccess bool, LastErrorElapsed long, LastErrorMessage string, LastErrorReason string,
LastErrorScope string, LastErrorSection string, LastErrorSource string, Method string, OperationId string, OperationName string, ProductId string,
Region string, RequestBody string, RequestHeaders dynamic, RequestSize int, _ResourceId string, ResponseBody string, ResponseCode int,
ResponseHeaders dynamic, ResponseSize int, SourceSystem string, _SubscriptionId string, TenantId string, TimeGenerated datetime, Timestamp datetime,
TotalTime long, TraceRecords dynamic, Type string, Url string, UserId string, WorkspaceId string`

const llmColumns = `ApiVersion string, _BilledSize real, CompletionTokens int, CorrelationId string, DeploymentName string, _IsBillable string,
IsStreamCompletion bool, ModelName string, OperationName string, PromptTokens int, Region string, RequestId string, RequestMessages dynamic,
_ResourceId string, ResponseMessages dynamic, SequenceNumber int, SourceSystem string, _SubscriptionId string, TenantId string, TimeGenerated datetime,
TotalTokens int, Type string`

type tables map[string]plan.Table

func (t tables) Table(name string) (plan.Table, bool) { x, ok := t[name]; return x, ok }
func (t tables) Tables() []string {
	var out []string
	for k := range t {
		out = append(out, k)
	}
	return out
}

func tableOf(name, columns string) plan.Table {
	t := plan.Table{Name: name}
	for _, c := range strings.Split(columns, ",") {
		f := strings.Fields(c)
		typ, ok := plan.ParseType(f[1])
		if !ok {
			panic("bad type: " + f[1])
		}
		col := plan.Column{Name: f[0], Type: typ}
		if typ == plan.Datetime {
			col.Physical = plan.PhysicalTimestamp
		}
		t.Columns = append(t.Columns, col)
	}
	return t
}

// gatewaySchema has the two tables of the gateway; extracted says whether the values that
// the article reaches for stand beside the body.
func gatewaySchema(extracted bool) tables {
	logs := tableOf("ApiManagementGatewayLogs", gatewayColumns)
	if extracted {
		for i, keys := range extractedKeys {
			logs.Paths = append(logs.Paths, plan.Path{Column: "BackendResponseBody", Keys: keys, Extracted: fmt.Sprintf("x_%d", i)})
		}
	}
	return tables{"ApiManagementGatewayLogs": logs, "ApiManagementGatewayLlmLog": tableOf("ApiManagementGatewayLlmLog", llmColumns)}
}

var extractedKeys = [][]string{{"model"}, {"usage"}, {"usage", "prompt_tokens"}, {"usage", "completion_tokens"}, {"usage", "total_tokens"}, {"choices"}}

// create gives the DDL of a table as the store's views present it.
func create(t plan.Table) string {
	var cols []string
	for _, c := range t.Columns {
		typ := duckTypes[c.Type.String()]
		def := ""
		if c.Physical == plan.PhysicalTimestamp {
			typ = "TIMESTAMP"
		}
		if c.Type == plan.String {
			def = " DEFAULT ''"
		}
		cols = append(cols, `"`+c.Name+`" `+typ+def)
	}
	for _, p := range t.Paths {
		cols = append(cols, `"`+p.Extracted+`" VARCHAR`)
	}
	return `CREATE TABLE "` + t.Name + `" (` + strings.Join(cols, ", ") + ")"
}

const articleQuery1 = `ApiManagementGatewayLogs
| where OperationId == 'chatcompletions_create'
| extend modelkey = substring(parse_json(BackendResponseBody)['model'], 0, indexof(parse_json(BackendResponseBody)['model'], '-', 0, -1, 2))
| extend model = tostring(parse_json(BackendResponseBody)['model'])
| extend prompttokens = parse_json(parse_json(BackendResponseBody)['usage'])['prompt_tokens']
| extend completiontokens = parse_json(parse_json(BackendResponseBody)['usage'])['completion_tokens']
| extend totaltokens = parse_json(parse_json(BackendResponseBody)['usage'])['total_tokens']
| extend ip = CallerIpAddress
| summarize
    sum(todecimal(prompttokens)),
    sum(todecimal(completiontokens)),
    sum(todecimal(totaltokens)),
    avg(todecimal(totaltokens))
    by ip, model`

const articleQuery2 = `ApiManagementGatewayLogs
| where OperationId == 'chatcompletions_create'
| extend model = tostring(parse_json(BackendResponseBody)['model'])
| extend prompttokens = parse_json(parse_json(BackendResponseBody)['usage'])['prompt_tokens']
| extend prompttext = substring(parse_json(parse_json(BackendResponseBody)['choices'])[0], 0, 100)`

const sampleBody = `{"id":"chatcmpl-1","model":"gpt-35-turbo","choices":[{"index":0,"message":{"role":"assistant","content":"ok"},"logprobs":null,"finish_reason":"stop"}],"usage":{"prompt_tokens":8,"completion_tokens":11,"total_tokens":19}}`

func translate(text string, s plan.Schema) (Statement, error) {
	q, err := kql.Parse(text)
	if err != nil {
		return Statement{}, err
	}
	p, err := plan.Bind(q, s, plan.Options{Now: time.Date(2026, 1, 2, 3, 4, 5, 678901200, time.UTC)})
	if err != nil {
		return Statement{}, err
	}
	return Print(p, DuckDB())
}

func columnText(cols []plan.Column) string {
	var out []string
	for _, c := range cols {
		out = append(out, c.Name+": "+c.Type.String())
	}
	return strings.Join(out, ", ")
}

func TestArticle(t *testing.T) {
	for _, extracted := range []bool{false, true} {
		t.Run(fmt.Sprintf("extracted=%v", extracted), func(t *testing.T) {
			conn := openDuckDB(t)
			ctx := context.Background()
			s := gatewaySchema(extracted)
			if _, err := conn.ExecContext(ctx, create(s["ApiManagementGatewayLogs"])); err != nil {
				t.Fatal(err)
			}
			for _, r := range [][3]string{
				{"chatcompletions_create", "10.0.0.4", sampleBody},
				{"chatcompletions_create", "10.0.0.5", "<html>"},
				{"chatcompletions_create", "10.0.0.6", strings.Replace(sampleBody, "gpt-35-turbo", "gpt-4o-2024-08-06", 1)},
				{"chatcompletions_create", "10.0.0.6", strings.Replace(strings.Replace(sampleBody, "gpt-35-turbo", "gpt-4o-2024-08-06", 1), `:19`, `:20`, 1)},
				{"embeddings_create", "10.0.0.4", sampleBody},
			} {
				q := `INSERT INTO "ApiManagementGatewayLogs" ("OperationId", "CallerIpAddress", "BackendResponseBody") VALUES ($1, $2, $3)`
				if _, err := conn.ExecContext(ctx, q, r[0], r[1], r[2]); err != nil {
					t.Fatal(err)
				}
			}
			if extracted {
				for i, keys := range extractedKeys {
					path := "/" + strings.Join(keys, "/")
					q := fmt.Sprintf(`UPDATE "ApiManagementGatewayLogs" SET x_%d = json_extract("BackendResponseBody", '%s')::VARCHAR WHERE json_valid("BackendResponseBody")`, i, path)
					if _, err := conn.ExecContext(ctx, q); err != nil {
						t.Fatal(err)
					}
				}
			}
			st, err := translate(articleQuery1, s)
			if err != nil {
				t.Fatal(err)
			}
			if extracted && strings.Contains(st.Text, "BackendResponseBody") {
				t.Errorf("query 1 reads the body although what it needs stands beside it:\n%s", st.Text)
			}
			if got, want := columnText(st.Columns), "ip: string, model: string, sum_prompttokens: decimal, sum_completiontokens: decimal, sum_totaltokens: decimal, avg_totaltokens: decimal"; got != want {
				t.Errorf("query 1 has columns %s", got)
			}
			rows, err := run(ctx, conn, st)
			if err != nil {
				t.Fatalf("%v\n%s", err, st.Text)
			}
			got := map[string][]any{}
			for _, r := range rows {
				got[r[0].(string)] = r[1:]
			}
			want := map[string][]any{
				"10.0.0.4": {"gpt-35-turbo", "8", "11", "19", "19"},
				"10.0.0.5": {"", "0", "0", "0", nil},
				"10.0.0.6": {"gpt-4o-2024-08-06", "16", "22", "39", "19.5"},
			}
			if d := cmp.Diff(want, got); d != "" {
				t.Error(d)
			}

			st, err = translate(articleQuery2, s)
			if err != nil {
				t.Fatal(err)
			}
			if n := len(st.Columns); n != 62 {
				t.Errorf("query 2 has %d columns, want 62", n)
			}
			if got := columnText(st.Columns[59:]); got != "model: string, prompttokens: dynamic, prompttext: string" {
				t.Errorf("query 2 ends with columns %s", got)
			}
			rows, err = run(ctx, conn, st)
			if err != nil {
				t.Fatalf("%v\n%s", err, st.Text)
			}
			for _, r := range rows {
				if r[16] == "10.0.0.4" {
					if d := cmp.Diff([]any{"gpt-35-turbo", json.RawMessage("8"), `{"index":0,"message":{"role":"assistant","content":"ok"},"logprobs":null,"finish_reason":"stop"}`[:96]}, r[59:]); d != "" {
						t.Error(d)
					}
				}
			}
		})
	}
}

// TestModelKey checks the column that the article computes and drops.
func TestModelKey(t *testing.T) {
	conn := openDuckDB(t)
	for model, want := range map[string]string{"gpt-35-turbo": "gpt-35", "gpt-4o-2024-08-06": "gpt-4o", "gpt-4": ""} {
		st, err := translate(`print b = '{"model":"`+model+`"}' | project substring(parse_json(b)['model'], 0, indexof(parse_json(b)['model'], '-', 0, -1, 2))`, noTables{})
		if err != nil {
			t.Fatal(err)
		}
		rows, err := run(context.Background(), conn, st)
		if err != nil {
			t.Fatal(err)
		}
		if rows[0][0] != want {
			t.Errorf("%s: got %q, want %q", model, rows[0][0], want)
		}
	}
}

// TestTimeIsComparedRaw checks that a stored time is compared as it is stored, which
// lets the engine skip files, and that the rounding to µs is exact.
func TestTimeIsComparedRaw(t *testing.T) {
	s := gatewaySchema(false)
	for q, want := range map[string]string{
		"where TimeGenerated > ago(1d)":                                    `"TimeGenerated" > TIMESTAMP '2026-01-01 03:04:05.678901'`,
		"where TimeGenerated >= ago(1d)":                                   `"TimeGenerated" >= TIMESTAMP '2026-01-01 03:04:05.678902'`,
		"where TimeGenerated between (datetime(2026-01-01) .. now())":      `"TimeGenerated" >= TIMESTAMP '2026-01-01 00:00:00.000000' AND "TimeGenerated" <= TIMESTAMP '2026-01-02 03:04:05.678901'`,
		"where datetime(2026-01-01) == TimeGenerated":                      `"TimeGenerated" = TIMESTAMP '2026-01-01 00:00:00.000000'`,
		"where TimeGenerated >= startofmonth(now())":                       `"TimeGenerated" >= kql_timestamp_ceil(`,
		"project t = TimeGenerated | where t < now()":                      `"t" < TIMESTAMP '2026-01-02 03:04:05.678902'`,
		"where TimeGenerated == datetime(2026-01-01T00:00:00.0000001)":     `kql_ticks("TimeGenerated") = `,
		"where bin(TimeGenerated, 1h) == datetime(2026-01-01T00:00:00.00)": `kql_bin(kql_ticks("TimeGenerated")`,
	} {
		st, err := translate("ApiManagementGatewayLogs | "+q, s)
		if err != nil {
			t.Errorf("%s: %v", q, err)
		} else if !strings.Contains(st.Text, want) {
			t.Errorf("%s: no %s in\n%s", q, want, st.Text)
		}
	}
}

// TestGatewayQueries counts how many of the real queries bind and run on our tables.
func TestGatewayQueries(t *testing.T) {
	b, err := os.ReadFile("../../../../shared/kql/gateway_queries.json")
	if err != nil {
		t.Skipf("the corpus is not beside this checkout: %v", err)
	}
	var list []struct{ ID, Query string }
	if err := json.NewDecoder(bytes.NewReader(b)).Decode(&list); err != nil {
		t.Fatal(err)
	}
	conn := openDuckDB(t)
	ctx := context.Background()
	s := gatewaySchema(true)
	for _, tab := range s {
		if _, err := conn.ExecContext(ctx, create(tab)); err != nil {
			t.Fatal(err)
		}
	}
	ours, bound, ran := 0, 0, 0
	for _, g := range list {
		st, err := translate(g.Query, s)
		var refusal *kql.Error
		if errors.As(err, &refusal) && (refusal.Code == kql.CodeTable || strings.Contains(refusal.Message, "does not begin with a table")) {
			continue
		}
		ours++
		if err != nil {
			t.Logf("%s: %v", g.ID, err)
			continue
		}
		bound++
		if _, err := run(ctx, conn, st); err != nil {
			t.Errorf("%s: %v\n%s\n%s", g.ID, err, g.Query, st.Text)
			continue
		}
		ran++
	}
	t.Logf("of %d queries %d read our tables, %d of them bind, %d run", len(list), ours, bound, ran)
}
