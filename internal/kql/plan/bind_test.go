package plan

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"weir/internal/kql"
)

// testSchema has one table, Logs.
type testSchema struct{}

func (testSchema) Tables() []string { return []string{"Logs"} }

func (testSchema) Table(name string) (Table, bool) {
	cols := []Column{{Name: "Model", Type: String}, {Name: "Tokens", Type: Long}, {Name: "Status", Type: Int}, {Name: "Cost", Type: Decimal},
		{Name: "Body", Type: Dynamic}, {Name: "TimeGenerated", Type: Datetime, Physical: PhysicalTimestamp}}
	return Table{Name: "Logs", Columns: cols}, name == "Logs"
}

func bind(t *testing.T, query string) (*Plan, error) {
	t.Helper()
	q, err := kql.Parse(query)
	if err != nil {
		t.Fatalf("%s: %v", query, err)
	}
	return Bind(q, testSchema{}, Options{Now: time.Date(2026, 1, 2, 0, 0, 0, 0, time.UTC)})
}

// TestColumns binds queries and compares the names and types of their columns.
func TestColumns(t *testing.T) {
	for query, want := range map[string]string{
		"Logs | project Model, Body.a.b, Body[0], Tokens + 1, strlen(Model)":            "Model: string, Body_a_b: dynamic, Body_0: dynamic, Column1: long, strlen_Model: long",
		"Logs | summarize sum(Tokens), sum(Tokens + 1), avg(Status), count() by Model":  "Model: string, sum_Tokens: long, sum_: long, avg_Status: real, count_: long",
		"Logs | summarize max(Cost), make_set(Model), percentile(Tokens, 95) by Status": "Status: int, max_Cost: decimal, set_Model: dynamic, percentile_Tokens_95: long",
		"Logs | summarize arg_max(TimeGenerated, Tokens) by bin(TimeGenerated, 1h)":     "TimeGenerated: datetime, TimeGenerated1: datetime, Tokens: long",
		"Logs | count":                       "Count: long",
		"print 1, 2.0, 'a', now() - ago(1h)": "print_0: long, print_1: real, print_2: string, print_3: timespan",
		"Logs | project Status / 2, Cost * 2, Tokens * 1.0, -Status":                                                 "Column1: long, Column2: decimal, Column3: real, Column4: long",
		"Logs | project a=iff(Status > 1, Status, Tokens), b=coalesce(Body.x, Tokens)":                               "a: long, b: long",
		"Logs | project Model, Status | join kind=inner (Logs | project Model, Cost) on Model":                       "Model: string, Status: int, Model1: string, Cost: decimal",
		"Logs | project Model, x=Status | union (Logs | project Model, x=Cost)":                                      "Model: string, x_int: int, x_decimal: decimal",
		"Logs | project Model, Body | mv-expand Body to typeof(long)":                                                "Model: string, Body: long",
		"Logs | project Model, Body | mv-apply e=Body.c to typeof(int) on (summarize n=count(), s=sum(e))":           "Model: string, Body: dynamic, n: long, s: long",
		"Logs | project Model, Body | mv-apply Body on (summarize n=count())":                                        "Model: string, n: long",
		"Logs | project Model, Tokens | mv-apply with_itemindex=i e=dynamic([1]) on (extend Tokens=tostring(e))":     "Model: string, Tokens: string, e: dynamic, i: long",
		"Logs | partition by Model (top 1 by Tokens | project Tokens)":                                               "Tokens: long",
		"Logs | top-nested 2 of Model by sum(Tokens), top-nested of Status by n=count() asc":                         "Model: string, aggregated_Model: long, Status: int, n: long",
		"Logs | project Model | parse-kv Model as (a: int, b: datetime) with (pair_delimiter=';', kv_delimiter='=')": "Model: string, a: int, b: datetime",
		"Logs | project Model | parse Model with 'gpt-' v:real '-' rest":                                             "Model: string, v: real, rest: string",
		"Logs | project array_sort_asc(Body), bag_merge(Body, Body), ipv4_is_private(Model)":                         "Body_sorted: dynamic, Column1: dynamic, Column2: bool",
		"Logs | project format_timespan(1h, 'hh'), todecimal(Body.x), tostring(Cost)":                                "Column1: string, Body_x: decimal, Cost: string",
	} {
		p, err := bind(t, query)
		if err != nil {
			t.Errorf("%s: %v", query, err)
			continue
		}
		var got []string
		for _, c := range p.Columns() {
			got = append(got, c.Name+": "+c.Type.String())
		}
		if d := cmp.Diff(want, strings.Join(got, ", ")); d != "" {
			t.Errorf("%s:\n%s", query, d)
		}
	}
}

// TestRefusals binds queries that are refused and compares the error's code,
// position (code points from 1), token and hint.
func TestRefusals(t *testing.T) {
	type refusal struct {
		code  string
		pos   int
		token string
		hint  string
	}
	for query, want := range map[string]refusal{
		"Logs | where Modell == 'a'":                                       {kql.CodeName, 14, "Modell", "did you mean 'Model'?"},
		"Log | count":                                                      {kql.CodeTable, 1, "Log", "did you mean 'Logs'?"},
		"Logs | extend x=strlne(Model)":                                    {kql.CodeFunction, 17, "strlne", "did you mean 'strlen'?"},
		"Logs | extend x=geo_distance_2points(1)":                          {kql.CodeSupport, 17, "geo_distance_2points", ""},
		"Logs | extend x=substring(Model)":                                 {kql.CodeSemantic, 17, "substring(Model)", "argument 2 must be an int or long"},
		"Logs | where Tokens":                                              {kql.CodeSemantic, 14, "Tokens", ""},
		"Logs | summarize sum(Model)":                                      {kql.CodeSemantic, 22, "Model", "it must be a number, timespan or datetime"},
		"Logs | summarize count() by Body":                                 {kql.CodeSemantic, 29, "Body", "convert it, with tostring for example"},
		"Logs | extend x=sum(Tokens)":                                      {kql.CodeSemantic, 17, "sum(Tokens)", "use it in summarize"},
		"Logs | extend x=row_number()":                                     {kql.CodeSemantic, 17, "row_number()", "put sort or serialize before it"},
		"Logs | extend x=iif(true, 1, 2.0)":                                {kql.CodeSupport, 30, "2.0", "convert one of them, with toreal for example"},
		"print -9223372036854775808":                                       {kql.CodeSyntax, 7, "-9223372036854775808", "write long(-9223372036854775808)"},
		"Logs | parse-kv Model as (a: int)":                                {kql.CodeSupport, 8, "parse-kv Model as (a: int)", "with (pair_delimiter='…', kv_delimiter='…')"},
		"Logs | partition by Body (count)":                                 {kql.CodeSemantic, 21, "Body", ""},
		"Logs | mv-apply Model on (count)":                                 {kql.CodeSemantic, 17, "Model", ""},
		"Logs | mv-apply Body on (sort by Tokens | extend n=row_number())": {kql.CodeSemantic, 52, "row_number()", "put sort or serialize before it"},
		"Logs | top-nested 2 of Tokens + 1 by count()":                     {kql.CodeSupport, 24, "Tokens + 1", "name it: name = …"},
	} {
		_, err := bind(t, query)
		var e *kql.Error
		if !errors.As(err, &e) {
			t.Errorf("%s: the error is %v", query, err)
			continue
		}
		if got := (refusal{e.Code, e.Pos, e.Token, e.Hint}); got != want {
			t.Errorf("%s:\n got %+v\nwant %+v", query, got, want)
		}
	}
}
