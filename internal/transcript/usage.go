package transcript

import (
	"math"
	"strconv"
	"strings"

	"weir/internal/record"
)

// The values of UsageSource.
const (
	fromBackend = "backend"
	estimated   = "estimated"
)

// maxSeconds is longer than any audio; it keeps a hostile number from being one.
const maxSeconds = 1e9

// counts is where a usage object has its numbers, by their names: chat's and
// completions' first, then those of newer operations, which win where both are
// there, since they say the same.
var counts = map[string]func(*record.Row) *int64{
	"prompt_tokens":     func(r *record.Row) *int64 { return &r.PromptTokens },
	"input_tokens":      func(r *record.Row) *int64 { return &r.PromptTokens },
	"completion_tokens": func(r *record.Row) *int64 { return &r.CompletionTokens },
	"output_tokens":     func(r *record.Row) *int64 { return &r.CompletionTokens },
	"total_tokens":      func(r *record.Row) *int64 { return &r.TotalTokens },
}

// details is where the details of input and output tokens are, which add up.
// Each side has several spellings, which say the same: prompt_tokens_details,
// input_tokens_details and, in realtime sessions, input_token_details; likewise
// of the output. One of them counts.
var details = map[string]func(*record.Row) *int64{
	"cached_tokens":    func(r *record.Row) *int64 { return &r.CachedTokens },
	"reasoning_tokens": func(r *record.Row) *int64 { return &r.ReasoningTokens },
	"audio_tokens":     func(r *record.Row) *int64 { return &r.AudioTokens },
	"image_tokens":     func(r *record.Row) *int64 { return &r.ImageTokens },
}

// readUsage fills what the backend says that it used, and reports whether it says
// anything. The columns of tokens are of what the call itself used: one that
// only reports usage leaves them 0.
func readUsage(r *record.Row, usage string) bool {
	found := false
	into := r
	if !r.ModelCall {
		into = &record.Row{}
	}
	var sides [3]bool // whether that side's details were found
	for k, v := range members(usage) {
		if column := counts[k]; column != nil && isNumber(v) {
			*column(into) = tokenNumber(v)
			found = true
			continue
		}
		switch {
		case strings.HasSuffix(k, "_details") && isObject(v):
			if side := &sides[sideOf(k)]; !*side {
				*side = addDetails(into, v)
			}
		case k == "seconds" && isNumber(v):
			if s, err := strconv.ParseFloat(v, 64); err == nil && 0 <= s && s < maxSeconds {
				into.AudioSeconds = s
				found = true
			}
		case k == "trained_tokens" && isNumber(v):
			found = true
		}
	}
	if !found {
		return false
	}
	if into.TotalTokens == 0 {
		into.TotalTokens = min(into.PromptTokens+into.CompletionTokens, math.MaxInt32)
	}
	r.Usage, r.UsageSource = compact(usage), fromBackend
	return true
}

// sideOf tells the details of input, 0, of output, 1, and others from each other.
func sideOf(name string) int {
	switch word, _, _ := strings.Cut(name, "_"); word {
	case "prompt", "input":
		return 0
	case "completion", "output":
		return 1
	}
	return 2
}

// addDetails adds the details of one side's tokens, and reports whether there are any.
func addDetails(r *record.Row, raw string) bool {
	found := false
	for k, v := range members(raw) {
		if column := details[k]; column != nil && isNumber(v) {
			n := column(r)
			*n = min(*n+tokenNumber(v), math.MaxInt32)
			found = true
		}
	}
	return found
}

func tokenNumber(raw string) int64 { return max(0, min(number(raw), math.MaxInt32)) }

func isNumber(raw string) bool {
	return raw != "" && (raw[0] == '-' || '0' <= raw[0] && raw[0] <= '9')
}

// estimate fills the tokens as counted from the texts of request and answer.
func estimate(r *record.Row, d *dialect, req string, choices []choice, count func(model, text string) int) {
	c := &counter{model: requestModel(r, req), count: count}
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
	in, out := `{"prompt_tokens":`, `,"completion_tokens":`
	if d.inOut {
		in, out = `{"input_tokens":`, `,"output_tokens":`
	}
	b := strconv.AppendInt([]byte(in), r.PromptTokens, 10)
	if d.output != nil {
		b = strconv.AppendInt(append(b, out...), r.CompletionTokens, 10)
	}
	b = strconv.AppendInt(append(b, `,"total_tokens":`...), r.TotalTokens, 10)
	r.Usage, r.UsageSource = string(append(b, `,"estimated":true}`...)), estimated
}

// requestModel is the model that served, as well as can be told: what the answer
// says, the request, or the deployment.
func requestModel(r *record.Row, req string) string {
	if r.Model != "" {
		return r.Model
	}
	if model := text(get(req, "model")); model != "" {
		return model
	}
	return r.Begin.Deployment
}
