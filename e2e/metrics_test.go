package e2e

import (
	"encoding/json"
	"fmt"
	"math"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// metrics are those of docs/metrics.md, in its order, and the rows that each must
// give for the traffic: cells with "|" between them, in any order.
var metrics = []struct {
	title string
	rows  func(t *testing.T, all *traffic) []string
}{
	{"Request count", func(_ *testing.T, all *traffic) []string {
		calls, failed := tally{}, tally{}
		for _, c := range all.calls() {
			calls.add(1, c.operation)
			failed.add(failures(c), c.operation)
		}
		return join(calls, failed)
	}},
	{"Data in and out", func(_ *testing.T, all *traffic) []string {
		in, out := tally{}, tally{}
		for _, c := range all.calls() {
			protocol := "http"
			if c.Status == 101 {
				protocol = "websocket"
			}
			in.add(float64(c.Sent), resourceTeams[c.Team], protocol)
			out.add(float64(c.Received), resourceTeams[c.Team], protocol)
		}
		return join(in, out)
	}},
	{"Latency", nil}, // no clock but the gateway's own: see checkLatency
	{"Token transactions", func(t *testing.T, all *traffic) []string {
		calls, tokens := tally{}, tally{}
		for _, c := range all.served(t) {
			calls.add(1, c.Deployment)
		}
		for _, c := range all.counts(t) {
			tokens.add(float64(c.TotalTokens), c.Deployment)
		}
		return join(calls, tokens)
	}},
	{"Caller IP", func(_ *testing.T, all *traffic) []string {
		calls, teams := tally{}, tally{}
		for _, c := range all.calls() {
			ip := fmt.Sprint("203.0.113.", c.Team+1)
			calls.add(1, ip)
			teams[ip] = 1
		}
		return join(calls, teams)
	}},
	{"Model utilization", func(t *testing.T, all *traffic) []string {
		calls, share := tally{}, tally{}
		for _, c := range all.served(t) {
			calls.add(1, c.Deployment, c.backend)
		}
		for key, n := range calls {
			share[key] = math.Round(1000*n/calls.sum()) / 10
		}
		return join(calls, share)
	}},
	{"Token utilization", func(t *testing.T, all *traffic) []string {
		prompt, completion := tally{}, tally{}
		for _, c := range all.counts(t) {
			if c.Deployment != "" {
				prompt.add(float64(c.PromptTokens), c.Operation)
				completion.add(float64(c.CompletionTokens), c.Operation)
			}
		}
		return join(prompt, completion)
	}},
	{"Input prompt", func(_ *testing.T, all *traffic) []string {
		var rows []string
		for _, f := range all.facts(chatOp, "completions_create") {
			rows = append(rows, cells(f.call.ID, "user", f.Prompt))
		}
		return rows
	}},
	{"Output completion", func(_ *testing.T, all *traffic) []string {
		var rows []string
		for _, f := range all.facts(chatOp, "completions_create") {
			rows = append(rows, cells(f.call.ID, "assistant", f.Completion))
		}
		return rows
	}},
	{"Request parameters", func(_ *testing.T, all *traffic) []string {
		calls, values := tally{}, tally{}
		seen := map[string]bool{}
		for _, f := range all.facts(chatOp) {
			for name, value := range f.Parameters {
				text, _ := json.Marshal(value)
				calls.add(1, name)
				if !seen[name+string(text)] {
					values.add(1, name)
				}
				seen[name+string(text)] = true
			}
		}
		return join(calls, values)
	}},
	{"Deployment operations", func(_ *testing.T, all *traffic) []string {
		calls := tally{}
		for _, c := range all.calls() {
			if strings.Contains(c.operation, "deployments_") || strings.HasPrefix(c.operation, "finetuning_") || strings.HasSuffix(c.operation, "_fine_tuning_job") {
				calls.add(1, c.operation, methodOf(c), fmt.Sprint(c.Status))
			}
		}
		return join(calls)
	}},
	{"Embedding operations", func(t *testing.T, all *traffic) []string {
		calls, tokens := tally{}, tally{}
		for _, c := range all.counts(t) {
			if c.Operation == "embeddings_create" {
				calls.add(float64(c.Done), c.Deployment)
				tokens.add(float64(c.PromptTokens), c.Deployment)
			}
		}
		return join(calls, tokens)
	}},
	{"Embedding text", func(_ *testing.T, all *traffic) []string {
		var rows []string
		for _, f := range all.facts("embeddings_create") {
			for _, text := range f.Texts {
				rows = append(rows, cells(f.call.ID, text))
			}
		}
		return rows
	}},
	{"Image operations", func(t *testing.T, all *traffic) []string {
		operations := []string{"imagegenerations_create", "imageedits_create", "create_image_variation"}
		calls, images, tokens := tally{}, tally{}, tally{}
		for _, c := range all.counts(t) {
			if slices.Contains(operations, c.Operation) {
				calls.add(float64(c.Done), c.Operation, c.Deployment)
				tokens.add(float64(c.TotalTokens), c.Operation, c.Deployment)
			}
		}
		for _, f := range all.facts(operations...) {
			images.add(float64(*f.Images), f.Operation, f.Deployment)
		}
		return join(calls, images, tokens)
	}},
	{"Image prompt", func(_ *testing.T, all *traffic) []string {
		var rows []string
		for _, f := range all.facts("imagegenerations_create", "imageedits_create") {
			rows = append(rows, cells(f.call.ID, f.Operation, f.Prompt))
		}
		return rows
	}},
	{"STT operations", func(t *testing.T, all *traffic) []string {
		operations := []string{"transcriptions_create", "translations_create"}
		calls, seconds, tokens := tally{}, tally{}, tally{}
		for _, c := range all.counts(t) {
			if slices.Contains(operations, c.Operation) {
				calls.add(float64(c.Done), c.Operation, c.Deployment)
				tokens.add(float64(c.TotalTokens), c.Operation, c.Deployment)
			}
		}
		for _, f := range all.facts(operations...) {
			seconds.add(f.Seconds, f.Operation, f.Deployment)
		}
		return join(calls, seconds, tokens)
	}},
	{"Assistants operations", func(_ *testing.T, all *traffic) []string {
		calls, failed := tally{}, tally{}
		for _, l := range all.lines {
			if !slices.Contains([]string{"assistants", "threads", "runs", "runs_stream", "runs_tools", "thread_and_run"}, l.Case) {
				continue
			}
			for _, c := range l.Calls {
				calls.add(1, c.operation)
				failed.add(failures(c), c.operation)
			}
		}
		return join(calls, failed)
	}},
	{"Assistants prompt", func(_ *testing.T, all *traffic) []string {
		var rows []string
		for _, f := range all.facts("create_assistant", "create_thread", "create_message", "create_run", "create_thread_and_run") {
			if f.Prompt != "" {
				rows = append(rows, cells(f.call.ID, f.Operation, f.Prompt))
			}
		}
		return rows
	}},
}

// calls gives every call that a client made.
func (all *traffic) calls() []resourceCall {
	var calls []resourceCall
	for _, l := range all.lines {
		calls = append(calls, l.Calls...)
	}
	return calls
}

// facts gives what the scripts say of calls of these operations.
func (all *traffic) facts(operations ...string) []resourceFact {
	var facts []resourceFact
	for _, l := range all.lines {
		for _, f := range l.Facts {
			if slices.Contains(operations, f.Operation) {
				facts = append(facts, f)
			}
		}
	}
	return facts
}

// servedCall is a call of a model that a simulator answered.
type servedCall struct {
	simCall
	backend string
}

func (all *traffic) served(t *testing.T) []servedCall {
	t.Helper()
	var calls []servedCall
	for i, s := range all.sims {
		for _, c := range s.calls(t) {
			if c.Deployment != "" && c.Status < 400 && !strings.HasPrefix(c.Operation, "create_realtime_") {
				calls = append(calls, servedCall{c, []string{"east", "west"}[i]})
			}
		}
	}
	return calls
}

// counts gives what the simulators counted of models.
func (all *traffic) counts(t *testing.T) []simCount {
	t.Helper()
	var counts []simCount
	for _, s := range all.sims {
		counts = append(counts, s.counts(t)...)
	}
	return slices.DeleteFunc(counts, func(c simCount) bool {
		return c.Deployment == "" || strings.HasPrefix(c.Operation, "create_realtime_")
	})
}

func failures(c resourceCall) float64 {
	if c.Status >= 400 {
		return 1
	}
	return 0
}

// methodOf is the method of a call on deployments or fine-tuning.
func methodOf(c resourceCall) string {
	switch {
	case c.method != "":
		return c.method
	case c.operation == "finetuning_list" || strings.HasPrefix(c.operation, "finetuning_get"):
		return "GET"
	}
	return "POST"
}

// tally is numbers by what they are summed over.
type tally map[string]float64

func (s tally) add(n float64, by ...string) { s[cells(by...)] += n }

func (s tally) sum() float64 {
	total := 0.0
	for _, n := range s {
		total += n
	}
	return total
}

// join makes rows of numbers by the same keys.
func join(first tally, more ...tally) []string {
	var rows []string
	for key, n := range first {
		row := []string{key, number(n)}
		for _, s := range more {
			row = append(row, number(s[key]))
		}
		rows = append(rows, cells(row...))
	}
	return rows
}

func cells(texts ...string) string { return strings.Join(texts, "|") }

func number(n float64) string { return strconv.FormatFloat(n, 'f', -1, 64) }

// plain is a row of an answer as metrics have it.
func plain(row []any) string {
	texts := make([]string, len(row))
	for i, cell := range row {
		texts[i] = fmt.Sprint(cell)
		if n, ok := cell.(json.Number); ok {
			if f, err := n.Float64(); err == nil {
				texts[i] = number(f)
			}
		}
	}
	return cells(texts...)
}

var metricSection = regexp.MustCompile("(?s)\n## (\\d+)\\. ([^\n]+)\n.*?```kql\n(.*?)```")

// checkMetrics asks the queries of docs/metrics.md as they stand there.
func checkMetrics(t *testing.T, g *gateway, all *traffic) {
	g.catchUp(t)
	page, err := os.ReadFile("../docs/metrics.md")
	if err != nil {
		t.Fatal(err)
	}
	sections := metricSection.FindAllStringSubmatch(string(page), -1)
	if len(sections) != len(metrics) || strings.Count(string(page), "\n## ") != len(metrics) {
		t.Fatalf("the page has %d queries in %d sections, want %d", len(sections), strings.Count(string(page), "\n## "), len(metrics))
	}
	for i, m := range metrics {
		number, title, kql := sections[i][1], sections[i][2], sections[i][3]
		t.Run(strings.ReplaceAll(m.title, " ", "_"), func(t *testing.T) {
			if title != m.title || number != fmt.Sprint(i+1) {
				t.Fatalf("the page's section is %s. %s, want %d. %s", number, title, i+1, m.title)
			}
			answer := g.weirQuery(t, kql)
			if len(answer.Rows) == 0 {
				t.Fatalf("no rows from\n%s", kql)
			}
			if m.rows == nil {
				checkLatency(t, answer, all)
				return
			}
			var got []string
			for _, r := range answer.Rows {
				got = append(got, plain(r))
			}
			compareRows(t, got, m.rows(t, all))
		})
	}
}

// compareRows compares rows whose order is not given.
func compareRows(t *testing.T, got, want []string) {
	t.Helper()
	left := map[string]int{}
	for _, r := range want {
		left[r]++
	}
	for _, r := range got {
		if left[r]--; left[r] < 0 {
			t.Errorf("a row that is not expected: %s", r)
		}
	}
	for _, r := range want {
		if left[r] > 0 {
			t.Errorf("missing: %s", r)
			left[r] = 0
		}
	}
	t.Logf("%d rows", len(got))
}

// simulatedDelay is how long the simulators wait before the first byte of what a
// model answers, in milliseconds.
const simulatedDelay = 5

// checkLatency holds times against what the clients measured: none took longer,
// and what a model answers took as long as the simulators wait.
func checkLatency(t *testing.T, answer table, all *traffic) {
	t.Helper()
	calls, longest := tally{}, tally{}
	for _, c := range all.calls() {
		if c.Status/100 == 2 {
			calls.add(1, c.operation)
			longest[c.operation] = max(longest[c.operation], c.MS)
		}
	}
	if len(answer.Rows) != len(calls) {
		t.Errorf("%d operations, want %d", len(answer.Rows), len(calls))
	}
	for _, r := range answer.Rows {
		operation, n := fmt.Sprint(r[0]), make([]float64, len(r))
		for i, cell := range r[1:] {
			v, ok := cell.(json.Number)
			if !ok {
				t.Fatalf("%s: a number came as %T", operation, cell)
			}
			n[i+1], _ = v.Float64()
		}
		count, p50, p95, max, backend := n[1], n[2], n[3], n[4], n[5]
		if count != calls[operation] {
			t.Errorf("%s: %v calls, want %v", operation, count, calls[operation])
		}
		// Both clocks are cut to whole milliseconds, and the gateway's runs on
		// until it has seen that the last byte was taken.
		// Of a merged list, BackendTime is the sum over the two backends, which are
		// asked at once.
		if p50 > p95 || p95 > max || max > longest[operation]+slack || backend > 2*max {
			t.Errorf("%s: P50 %v, P95 %v, longest %v, backend %v; the client waited %v at most", operation, p50, p95, max, backend, longest[operation])
		}
		if operation == chatOp && p50 < simulatedDelay {
			t.Errorf("%s: half of the calls took %v ms, yet the simulators wait %v", operation, p50, simulatedDelay)
		}
	}
}

// slack is how much longer than its client a gateway may think that a call took,
// in milliseconds, on a machine that does much else.
const slack = 1000
