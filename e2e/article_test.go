package e2e

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"
	"os"
	"strings"
	"testing"
	"time"
	"unicode/utf8"
)

// served sums what the simulators counted of calls that they answered whole, by
// operation.
func served(t *testing.T, sims ...*simulator) map[string]simCount {
	t.Helper()
	all := map[string]simCount{}
	for _, s := range sims {
		for _, c := range s.counts(t) {
			sum := all[c.Operation]
			sum.Done += c.Done
			sum.PromptTokens += c.PromptTokens
			sum.CompletionTokens += c.CompletionTokens
			sum.TotalTokens += c.TotalTokens
			all[c.Operation] = sum
		}
	}
	return all
}

// checkSums holds the log's sums, in each of the three tables that have tokens,
// against the simulators' count.
func checkSums(t *testing.T, g *gateway, sims ...*simulator) {
	g.catchUp(t)
	truth := served(t, sims...)
	for _, operation := range []string{chatOp, "completions_create", "embeddings_create"} {
		want := truth[operation]
		if want.Done == 0 {
			t.Errorf("the simulators counted no %s", operation)
		}
		wide := g.query(t, fmt.Sprintf(`WeirExchanges | where OperationId == '%s' and ResponseCode == 200
			| summarize Calls = count(), P = sum(PromptTokens), C = sum(CompletionTokens), T = sum(TotalTokens)`, operation))[0]
		if wide.number("Calls") != float64(want.Done) {
			t.Errorf("%s: %v records of answered calls, the simulators answered %d", operation, wide.number("Calls"), want.Done)
		}
		checkSum(t, "WeirExchanges, "+operation, wide, want)
		llm := g.query(t, fmt.Sprintf(`ApiManagementGatewayLlmLog | where OperationName == '%s' and SequenceNumber == 0
			| summarize P = sum(PromptTokens), C = sum(CompletionTokens), T = sum(TotalTokens)`, operation))[0]
		checkSum(t, "ApiManagementGatewayLlmLog, "+operation, llm, want)
	}
}

func checkSum(t *testing.T, where string, got row, want simCount) {
	t.Helper()
	if got.number("P") != float64(want.PromptTokens) || got.number("C") != float64(want.CompletionTokens) || got.number("T") != float64(want.TotalTokens) {
		t.Errorf("%s: tokens %v + %v = %v, the simulators served %d + %d = %d", where,
			got["P"], got["C"], got["T"], want.PromptTokens, want.CompletionTokens, want.TotalTokens)
	}
}

func readQuery(t *testing.T, file string) string {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func columnsOf(a table) string {
	var b strings.Builder
	for _, c := range a.Columns {
		fmt.Fprintf(&b, "%s: %s\n", c.Name, c.Type)
	}
	return b.String()
}

// decimal reads a decimal, which travels as a string without trailing zeros.
func decimal(t *testing.T, v any) float64 {
	t.Helper()
	s, ok := v.(string)
	if !ok {
		t.Errorf("a decimal came as %T %v, want a string", v, v)
		return math.NaN()
	}
	if strings.Contains(s, ".") && strings.HasSuffix(s, "0") {
		t.Errorf("the decimal %s has trailing zeros", s)
	}
	f, err := json.Number(s).Float64()
	if err != nil {
		t.Errorf("not a decimal: %q", s)
	}
	return f
}

// checkArticle asks the two queries of Microsoft's article, unchanged.
func checkArticle(t *testing.T, g *gateway, sims ...*simulator) {
	began := time.Now()
	first := g.weirQuery(t, readQuery(t, "testdata/article1.kql"))
	t.Logf("the article's first query took %v, the program's start included", time.Since(began))
	const want = "ip: string\nmodel: string\nsum_prompttokens: decimal\nsum_completiontokens: decimal\nsum_totaltokens: decimal\navg_totaltokens: decimal\n"
	if got := columnsOf(first); got != want {
		t.Errorf("the first query's columns are\n%swant\n%s", got, want)
	}
	var sum struct{ prompt, completion, total float64 }
	for _, r := range first.Rows {
		if r[0] != "127.0.0.1" {
			t.Errorf("ip is %v", r[0])
		}
		if r[1] == "" {
			continue // errors: no model, no tokens
		}
		sum.prompt += decimal(t, r[2])
		sum.completion += decimal(t, r[3])
		sum.total += decimal(t, r[4])
		n := g.query(t, fmt.Sprintf("WeirExchanges | where OperationId == '%s' and ModelName == '%s' | summarize N = countif(TotalTokens > 0)", chatOp, r[1]))[0].number("N")
		if avg, of := decimal(t, r[5]), decimal(t, r[4])/n; math.Abs(avg-of) > 1e-6*of {
			t.Errorf("%v: avg_totaltokens is %v, %v tokens of %v calls are %v", r[1], avg, r[4], n, of)
		}
	}
	truth := served(t, sims...)[chatOp]
	if int64(sum.prompt) != truth.PromptTokens || int64(sum.completion) != truth.CompletionTokens || int64(sum.total) != truth.TotalTokens {
		t.Errorf("the first query sums to %v + %v = %v, the simulators served %d + %d = %d", sum.prompt, sum.completion, sum.total,
			truth.PromptTokens, truth.CompletionTokens, truth.TotalTokens)
	}

	began = time.Now()
	second := g.weirQuery(t, readQuery(t, "testdata/article2.kql"))
	t.Logf("the article's second query took %v for %d rows", time.Since(began), len(second.Rows))
	source := g.weirQuery(t, "ApiManagementGatewayLogs | where OperationId == 'chatcompletions_create'")
	if len(source.Columns) != 59 {
		t.Errorf("ApiManagementGatewayLogs has %d columns, want 59", len(source.Columns))
	}
	wantColumns := columnsOf(source) + "model: string\nprompttokens: dynamic\nprompttext: string\n"
	if got := columnsOf(second); got != wantColumns {
		t.Errorf("the second query's columns are\n%swant\n%s", got, wantColumns)
	}
	if len(second.Rows) != len(source.Rows) || len(second.Rows) == 0 {
		t.Errorf("the second query has %d rows of %d", len(second.Rows), len(source.Rows))
	}
	body := -1
	for i, c := range second.Columns {
		if c.Name == "BackendResponseBody" {
			body = i
		}
	}
	for _, r := range second.Rows {
		checkPromptText(t, r[body], r[len(r)-2], r[len(r)-1])
	}
}

// checkPromptText compares the second query's columns with a body parsed here:
// the first 100 characters of choices[0] as compact JSON in the body's order.
func checkPromptText(t *testing.T, body, tokens, text any) {
	t.Helper()
	var a struct {
		Choices []json.RawMessage
		Usage   struct {
			PromptTokens json.Number `json:"prompt_tokens"`
		}
	}
	s, _ := body.(string)
	if json.Unmarshal([]byte(s), &a) != nil || len(a.Choices) == 0 {
		if text != "" {
			t.Errorf("prompttext of a body without choices is %q", text)
		}
		return
	}
	var compact bytes.Buffer
	if err := json.Compact(&compact, a.Choices[0]); err != nil {
		t.Fatal(err)
	}
	want := compact.String()
	if utf8.RuneCountInString(want) > 100 {
		want = string([]rune(want)[:100])
	}
	if text != want {
		t.Errorf("prompttext is\n%v\nwant\n%s", text, want)
	}
	if fmt.Sprint(tokens) != a.Usage.PromptTokens.String() {
		t.Errorf("prompttokens is %v, the body says %v", tokens, a.Usage.PromptTokens)
	}
}
