package api

import (
	"encoding/json"
	"errors"
	"fmt"
	"mime"
	"net/http"
	"time"

	"weir/internal/kql"
	"weir/internal/kql/plan"
	"weir/internal/query"
	"weir/internal/record"
)

// maxQuery bounds the body of a query request; Kusto's own limit for a query's
// text is 2 MB (query-limits.md).
const maxQuery = 4 << 20

// kustoRequest is the body of Kusto's REST query (rest/request.md). Properties
// is an object or a JSON string of one; nothing in it changes an answer yet.
type kustoRequest struct {
	DB         string          `json:"db"`
	CSL        string          `json:"csl"`
	Properties json.RawMessage `json:"properties"`
}

// v1Table and v1Column are the shapes of a v1 answer (rest/response.md).
type v1Table struct {
	TableName string
	Columns   []v1Column
	Rows      [][]any
}

type v1Column struct{ ColumnName, DataType, ColumnType string }

func (s *Server) kustoQuery(w http.ResponseWriter, r *http.Request) {
	activity := record.NewID(time.Now()).String()
	w.Header().Set("x-ms-activity-id", activity)
	if id := r.Header.Get("x-ms-client-request-id"); id != "" {
		w.Header().Set("x-ms-client-request-id", id)
	}
	// A page of another origin cannot send this type without asking first.
	if t, _, _ := mime.ParseMediaType(r.Header.Get("Content-Type")); t != "application/json" {
		writeError(w, r, activity, badRequest("Send the query as Content-Type: application/json."))
		return
	}
	var req kustoRequest
	if err := json.NewDecoder(http.MaxBytesReader(w, r.Body, maxQuery)).Decode(&req); err != nil {
		writeError(w, r, activity, badRequest(`The request's body is not the JSON object {"db":"…","csl":"…"}: `+err.Error()+"."))
		return
	}
	if req.CSL == "" {
		writeError(w, r, activity, badRequest(`The request has no query: put its text in "csl".`))
		return
	}
	res, err := s.Queries.Run(r.Context(), req.CSL)
	if err != nil {
		writeError(w, r, activity, s.explain(err))
		return
	}
	writeJSON(w, http.StatusOK, map[string]any{"Tables": v1Answer(res, activity)})
}

// v1Answer lays out a result as Kusto does: the result, its properties, the
// status, and last the table of contents that names them.
func v1Answer(res *query.Result, activity string) []v1Table {
	primary := v1Table{TableName: "Table_0", Columns: []v1Column{}, Rows: res.Rows}
	for _, c := range res.Columns {
		primary.Columns = append(primary.Columns, v1Column{c.Name, dataTypes[c.Type.String()], c.Type.String()})
	}
	properties := `{"Visualization":null}`
	if res.Render != nil {
		text, _ := json.Marshal(visualization(res.Render)) // strings only
		properties = string(text)
	}
	now := time.Now().UTC().Format("2006-01-02T15:04:05.0000000Z")
	return []v1Table{
		primary,
		{"Table_1", columns("Value", "string"), [][]any{{properties}}},
		{"Table_2", columns("Timestamp", "datetime", "Severity", "int", "SeverityName", "string", "StatusCode", "int",
			"StatusDescription", "string", "Count", "int", "RequestId", "guid", "ActivityId", "guid", "SubActivityId", "guid", "ClientActivityId", "string"),
			[][]any{{now, 4, "Info", 0, "Query completed successfully", 1, activity, activity, activity, activity}}},
		{"Table_3", columns("Ordinal", "long", "Kind", "string", "Name", "string", "Id", "string", "PrettyName", "string"), [][]any{
			{0, "QueryResult", "PrimaryResult", "", ""},
			{1, "QueryProperties", "@ExtendedProperties", "", ""},
			{2, "QueryStatus", "QueryStatus", "", ""},
		}},
	}
}

func visualization(r *plan.Render) map[string]any {
	out := map[string]any{"Visualization": r.Kind}
	for k, v := range r.Properties {
		out[k] = v
	}
	return out
}

func columns(namesAndTypes ...string) []v1Column {
	var out []v1Column
	for i := 0; i < len(namesAndTypes); i += 2 {
		out = append(out, v1Column{namesAndTypes[i], dataTypes[namesAndTypes[i+1]], namesAndTypes[i+1]})
	}
	return out
}

// dataTypes gives the .NET name that v1 shows beside each KQL type.
var dataTypes = map[string]string{
	"bool": "SByte", "int": "Int32", "long": "Int64", "real": "Double", "decimal": "SqlDecimal", "string": "String",
	"datetime": "DateTime", "timespan": "TimeSpan", "guid": "Guid", "dynamic": "Object",
}

// apiError is an error in Kusto's OneApi shape.
type apiError struct {
	status        int
	code, kind    string
	message, long string
	innerCode     string
	line, pos     int
	token         string
}

func badRequest(message string) *apiError {
	return &apiError{status: http.StatusBadRequest, code: "General_BadRequest", kind: "KustoBadRequestException", message: message}
}

// explain turns an error of a query into what the client is told.
func (s *Server) explain(err error) *apiError {
	var lang *kql.Error
	var limit *query.LimitError
	switch {
	case errors.As(err, &lang):
		e := badRequest("Request is invalid and cannot be executed.")
		class := "Semantic error"
		if len(lang.Code) >= 3 && lang.Code[:3] == "SYN" {
			class, e.kind = "Syntax error", "SyntaxException"
		} else {
			e.kind = "SemanticException"
		}
		e.long = class + ": " + lang.Error()
		e.innerCode, e.line, e.pos, e.token = lang.Code, lang.Line, lang.Pos, lang.Token
		return e
	case errors.As(err, &limit):
		return &apiError{status: http.StatusBadRequest, code: "E_QUERY_RESULT_SET_TOO_LARGE", kind: "KustoServicePartialQueryFailureLimitsExceededException", message: err.Error()}
	}
	s.log.Error("a query failed in the engine")
	return &apiError{status: http.StatusInternalServerError, code: "General_InternalServerError", kind: "KustoServiceException",
		message: "The store failed to run the query: " + err.Error()}
}

func writeError(w http.ResponseWriter, r *http.Request, activity string, e *apiError) {
	long := e.long
	if long == "" {
		long = e.message
	}
	body := map[string]any{
		"code": e.code, "message": e.message, "@type": "Kusto.Data.Exceptions." + e.kind, "@message": long,
		"@context": map[string]any{
			"timestamp": time.Now().UTC().Format("2006-01-02T15:04:05.0000000Z"), "serviceAlias": "weir",
			"clientRequestId": r.Header.Get("x-ms-client-request-id"), "activityId": activity, "subActivityId": activity,
			"activityType": "KQL.Query", "parentActivityId": activity, "activityStack": "",
		},
		"@permanent": e.status < 500,
	}
	if e.innerCode != "" {
		body["innererror"] = map[string]any{"code": e.innerCode, "message": long, "@type": "Kusto.Data.Exceptions." + e.kind,
			"@message": long, "@line": fmt.Sprint(e.line), "@pos": fmt.Sprint(e.pos), "@token": e.token, "@permanent": true}
	}
	writeJSON(w, e.status, map[string]any{"error": body})
}
