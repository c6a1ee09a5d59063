package transcript

import (
	"strconv"

	"weir/internal/record"
)

// Azure's content filter annotates prompts and choices (Azure OpenAI, "Content
// filter annotations"): categories with {"filtered","severity"}, detections with
// {"detected","filtered"} and more. A stream annotates piece by piece; of the
// whole the gravest result holds.
var filterRule = rule{name: "content_filter_results", op: fields, repeats: true, rest: &rule{
	op: fields, repeats: true, kids: []rule{
		{name: "filtered", op: either},
		{name: "detected", op: either},
		{name: "severity", op: worst},
		{name: "details", op: join},
	},
}}

// offsetsRule is for asynchronous filters, which say to which part of the text
// their results belong.
var offsetsRule = rule{name: "content_filter_offsets", op: fields, kids: []rule{
	{name: "check_offset", op: most},
	{name: "start_offset", op: least},
	{name: "end_offset", op: most},
}}

// filters fills what the content filter said of an answer and its choices, or,
// when it refused the prompt, in the error: on the wire innererror and
// content_filter_result, in the specification inner_error and
// content_filter_results. A response has them in content_filters, of prompt and
// answer alike.
func filters(r *record.Row, ans string, choices []choice) {
	prompt, fault := "", ""
	for k, v := range members(ans) {
		switch k {
		case "prompt_filter_results", "prompt_annotations":
			if isArray(v) {
				prompt = v
			}
		case "content_filters":
			var said []choice
			if prompt, said = responseFilters(v); len(said) > 0 {
				choices = said
			}
		case "error":
			fault = v
		}
	}
	for _, c := range choices {
		if prompt == "" && isObject(c.prompt) {
			prompt = `[{"prompt_index":0,"content_filter_results":` + c.prompt + `}]`
		}
	}
	if prompt == "" {
		if results := refusedPrompt(fault); results != "" {
			prompt = `[{"prompt_index":0,"content_filter_results":` + results + `}]`
		}
	}
	b := []byte{'['}
	r.ContentFiltered = text(get(fault, "code")) == "content_filter" || hasFiltered(prompt, 0)
	for _, c := range choices {
		r.ContentFiltered = r.ContentFiltered || c.finish == "content_filter" || hasFiltered(c.filter, 0)
		if !isObject(c.filter) || compact(c.filter) == "{}" {
			continue
		}
		b = append(appendElement(b, `{"index":`), c.index...)
		b = append(append(b, `,"content_filter_results":`...), compact(c.filter)...)
		if c.offsets != "" {
			b = append(append(b, `,"content_filter_offsets":`...), compact(c.offsets)...)
		}
		b = append(b, '}')
	}
	out := []byte{'{'}
	if prompt != "" && compact(prompt) != "[]" {
		out = append(appendName(out, "prompt"), compact(prompt)...)
	}
	if len(b) > 1 {
		out = append(append(appendName(out, "choices"), b...), ']')
	}
	if len(out) > 1 {
		r.ContentFilter = string(append(out, '}'))
	}
}

// responseFilters reads the content_filters of a response: an array of the
// prompt's, and choices that have nothing but a filter.
func responseFilters(raw string) (prompt string, said []choice) {
	b := []byte{'['}
	for f := range elements(raw) {
		results := get(f, "content_filter_results")
		if !isObject(results) {
			continue
		}
		if text(get(f, "source_type")) != "prompt" {
			said = append(said, choice{index: strconv.Itoa(len(said)), filter: results, offsets: get(f, "content_filter_offsets")})
			continue
		}
		b = strconv.AppendInt(appendName(appendElement(b, "{"), "prompt_index"), 0, 10)
		b = append(append(appendName(b, "content_filter_results"), compact(results)...), '}')
	}
	if len(b) > 1 {
		prompt = string(append(b, ']'))
	}
	return prompt, said
}

// refusedPrompt finds the filter's results in an error; "" without.
func refusedPrompt(fault string) string {
	for _, inner := range []string{"innererror", "inner_error"} {
		for _, results := range []string{"content_filter_result", "content_filter_results"} {
			if v := get(fault, inner, results); isObject(v) {
				return v
			}
		}
	}
	return ""
}

// maxFilterDepth is deeper than any result nests; it bounds the work.
const maxFilterDepth = 8

// hasFiltered reports whether anywhere in a raw value something is "filtered".
func hasFiltered(raw string, depth int) bool {
	if depth > maxFilterDepth {
		return false
	}
	for k, v := range members(raw) {
		if k == "filtered" && v == "true" || hasFiltered(v, depth+1) {
			return true
		}
	}
	for v := range elements(raw) {
		if hasFiltered(v, depth+1) {
			return true
		}
	}
	return false
}
