package transcript

import (
	"math"
	"strconv"

	"weir/internal/record"
)

// The values of UsageSource.
const (
	fromBackend = "backend"
	estimated   = "estimated"
)

// counts is where a usage object has its numbers, by column: the names of chat
// and completions first, then those of newer operations.
var counts = []struct {
	column func(*record.Row) *int64
	paths  [][]string
}{
	{func(r *record.Row) *int64 { return &r.PromptTokens }, [][]string{{"prompt_tokens"}, {"input_tokens"}}},
	{func(r *record.Row) *int64 { return &r.CompletionTokens }, [][]string{{"completion_tokens"}, {"output_tokens"}}},
	{func(r *record.Row) *int64 { return &r.TotalTokens }, [][]string{{"total_tokens"}}},
	{func(r *record.Row) *int64 { return &r.CachedTokens }, [][]string{{"prompt_tokens_details", "cached_tokens"}, {"input_tokens_details", "cached_tokens"}}},
	{func(r *record.Row) *int64 { return &r.ReasoningTokens }, [][]string{{"completion_tokens_details", "reasoning_tokens"}, {"output_tokens_details", "reasoning_tokens"}}},
}

// readUsage fills the tokens that the backend gave, and reports whether it gave
// any.
func readUsage(r *record.Row, usage string) bool {
	found := false
	for _, c := range counts {
		for _, path := range c.paths {
			if raw := get(usage, path...); isNumber(raw) {
				*c.column(r) = max(0, min(number(raw), math.MaxInt32))
				found = true
				break
			}
		}
	}
	if !found {
		return false
	}
	if r.TotalTokens == 0 {
		r.TotalTokens = r.PromptTokens + r.CompletionTokens
	}
	r.Usage, r.UsageSource = compact(usage), fromBackend
	return true
}

func isNumber(raw string) bool {
	return raw != "" && (raw[0] == '-' || '0' <= raw[0] && raw[0] <= '9')
}

// estimate fills the tokens as counted from the texts of request and answer.
func estimate(r *record.Row, d *dialect, req string, choices []choice, count func(model, text string) int) {
	model := r.Model
	if model == "" {
		model = text(get(req, "model"))
	}
	if model == "" {
		model = r.Begin.Deployment
	}
	c := &counter{model: model, count: count}
	prompt, completion := 0, 0
	if req != "" {
		prompt = d.cost(req, c)
	}
	for _, choice := range choices {
		for _, s := range choice.counted {
			completion += c.text(s)
		}
	}
	r.PromptTokens, r.CompletionTokens = int64(prompt), int64(completion)
	r.TotalTokens = r.PromptTokens + r.CompletionTokens
	b := strconv.AppendInt([]byte(`{"prompt_tokens":`), r.PromptTokens, 10)
	if d.output != nil {
		b = strconv.AppendInt(append(b, `,"completion_tokens":`...), r.CompletionTokens, 10)
	}
	b = strconv.AppendInt(append(b, `,"total_tokens":`...), r.TotalTokens, 10)
	r.Usage, r.UsageSource = string(append(b, `,"estimated":true}`...)), estimated
}
