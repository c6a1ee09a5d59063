package api

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"weir/internal/kql"
	"weir/internal/kql/plan"
	"weir/internal/query"
)

// asked is a Queries that answers with what it was made of.
type asked struct {
	res *query.Result
	err error
}

func (a asked) Run(context.Context, string) (*query.Result, error) { return a.res, a.err }

func serve(t *testing.T, q Queries) *httptest.Server {
	t.Helper()
	s := New(Parts{Queries: q, State: func() State { return State{CaughtUp: true, FreshRows: 3} }, Metrics: http.NotFoundHandler(), Logger: slog.New(slog.DiscardHandler)})
	srv := httptest.NewServer(s.Handler())
	t.Cleanup(srv.Close)
	return srv
}

func post(t *testing.T, url, host, kind, body string) (int, http.Header, map[string]any) {
	t.Helper()
	req, err := http.NewRequest(http.MethodPost, url+"/v1/rest/query", strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", kind)
	req.Header.Set("x-ms-client-request-id", "c-1")
	if host != "" {
		req.Host = host
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	var out map[string]any
	if err := json.Unmarshal(text, &out); err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	return resp.StatusCode, resp.Header, out
}

const jsonType = "application/json; charset=utf-8"

func TestKustoV1(t *testing.T) {
	srv := serve(t, asked{res: &query.Result{
		Columns: []plan.Column{{Name: "n", Type: plan.Long}, {Name: "d", Type: plan.Decimal}},
		Rows:    [][]any{{int64(3), "1.5"}},
	}})
	code, h, out := post(t, srv.URL, "", jsonType, `{"db":"weir","csl":"print 1","properties":"{\"Options\":{}}"}`)
	if code != http.StatusOK || h.Get("x-ms-client-request-id") != "c-1" || h.Get("x-ms-activity-id") == "" {
		t.Fatalf("status %d, headers %v", code, h)
	}
	tables := out["Tables"].([]any)
	if len(tables) != 4 {
		t.Fatalf("%d tables, want the result, its properties, the status and the contents", len(tables))
	}
	first, _ := json.Marshal(tables[0])
	want := `{"Columns":[{"ColumnName":"n","ColumnType":"long","DataType":"Int64"},{"ColumnName":"d","ColumnType":"decimal","DataType":"SqlDecimal"}],"Rows":[[3,"1.5"]],"TableName":"Table_0"}`
	if string(first) != want {
		t.Errorf("got  %s\nwant %s", first, want)
	}
	contents := tables[3].(map[string]any)["Rows"].([]any)
	for i, kind := range []string{"QueryResult", "QueryProperties", "QueryStatus"} {
		if row := contents[i].([]any); row[1] != kind {
			t.Errorf("table %d is called %v in the table of contents, want %s", i, row[1], kind)
		}
	}
	status := tables[2].(map[string]any)["Rows"].([]any)[0].([]any)
	if status[1].(float64) <= 2 {
		t.Errorf("severity %v means failure to clients", status[1])
	}
}

func TestErrors(t *testing.T) {
	ok := asked{res: &query.Result{}}
	semantic := asked{err: &kql.Error{Code: "SEM0100", Line: 2, Pos: 9, Token: "Modl", Message: "unknown column 'Modl'"}}
	for _, c := range []struct {
		name             string
		q                Queries
		host, kind, body string
		status           int
		code, in         string
	}{
		{"semantic", semantic, "", jsonType, `{"csl":"x"}`, 400, "General_BadRequest", "Semantic error: "},
		{"too large", asked{err: &query.LimitError{What: "rows", Limit: 5}}, "", jsonType, `{"csl":"x"}`, 400, "E_QUERY_RESULT_SET_TOO_LARGE", "more than 5 rows"},
		{"engine", asked{err: errors.New("boom")}, "", jsonType, `{"csl":"x"}`, 500, "General_InternalServerError", "boom"},
		{"no query", ok, "", jsonType, `{}`, 400, "General_BadRequest", `"csl"`},
		{"not JSON", ok, "", jsonType, `print 1`, 400, "General_BadRequest", "not the JSON object"},
		{"a form of another page", ok, "", "text/plain", `{"csl":"x"}`, 400, "General_BadRequest", "Content-Type"},
		{"a rebound name", ok, "evil.example:8081", jsonType, `{"csl":"x"}`, 403, "Forbidden", "this machine"},
	} {
		t.Run(c.name, func(t *testing.T) {
			code, _, out := post(t, serve(t, c.q).URL, c.host, c.kind, c.body)
			e := out["error"].(map[string]any)
			if code != c.status || e["code"] != c.code || !strings.Contains(e["@message"].(string), c.in) {
				t.Errorf("got %d %v", code, e)
			}
			if c.name == "semantic" {
				inner := e["innererror"].(map[string]any)
				if inner["@line"] != "2" || inner["@pos"] != "9" || inner["@token"] != "Modl" || e["@type"] != "Kusto.Data.Exceptions.SemanticException" {
					t.Errorf("the position is lost: %v", e)
				}
			}
		})
	}
}

func TestOtherRoutes(t *testing.T) {
	srv := serve(t, asked{})
	for path, want := range map[string]int{"/healthz": 200, "/v1/status": 200, "/nothing": 404} {
		resp, err := http.Get(srv.URL + path)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		if resp.StatusCode != want {
			t.Errorf("GET %s: %d, want %d", path, resp.StatusCode, want)
		}
	}
}

func TestConfig(t *testing.T) {
	for listen, right := range map[string]bool{"127.0.0.1:8081": true, "[::1]:0": true, "localhost:1": true, "0.0.0.0:8081": false, ":8081": false, "10.0.0.1:80": false, "8081": false} {
		if ps := (Config{Listen: listen}).Check(); (len(ps) == 0) != right {
			t.Errorf("%s: %v", listen, ps)
		}
	}
}
