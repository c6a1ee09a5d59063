package transcript

import "weir/internal/record"

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
// content_filter_results.
func filters(r *record.Row, ans string, choices []choice) {
	prompt, fault := "", ""
	for k, v := range members(ans) {
		switch k {
		case "prompt_filter_results", "prompt_annotations":
			if isArray(v) {
				prompt = v
			}
		case "error":
			fault = v
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
