package transcript

import (
	"strings"

	"weir/internal/record"
)

// imageEvents folds the events of image generation and edits (OpenAI API
// reference, "Image streaming") into the answer that is not streamed, with the
// previews beside it.
var imageEvents = typed{
	rule: rule{op: fields, kids: []rule{
		{name: "created"},
		{name: "background"},
		{name: "output_format"},
		{name: "quality"},
		{name: "size"},
		{name: "data", op: items, unset: "[]"},
		{name: "partial_images", op: items},
		{name: "usage", op: apart},
		{name: "error"},
		othersRule,
	}},
	steps: stepsOf(
		row{"image_generation.partial_image image_edit.partial_image", []step{{replacing, "", "partial_images/[+]"}}},
		row{"image_generation.completed image_edit.completed", []step{
			{ending, "b64_json", "data/[+]/b64_json"},
			{replacing, "created_at", "created"},
			{replacing, "background", "background"},
			{replacing, "output_format", "output_format"},
			{replacing, "quality", "quality"},
			{replacing, "size", "size"},
			{replacing, "usage", "usage"},
		}},
	),
}

// imagesOf gives the images of an answer; of an operation that was waited for
// they stand in its result.
func imagesOf(ans string) string {
	if data := get(ans, "data"); isArray(data) {
		return data
	}
	return get(ans, "result", "data")
}

// imagesOutput reads the images of an answer: the prompts that the model made of
// the client's.
func imagesOutput(ans string) []choice {
	var all []choice
	for raw := range elements(imagesOf(ans)) {
		c := readChoice(raw, len(all))
		c.text = text(get(raw, "revised_prompt"))
		shown := c.text
		if shown == "" {
			shown = partNames["image_url"]
		}
		c.message = string(appendMessage([]byte{'['}, "assistant", shown)[1:])
		c.prompt = get(raw, "prompt_filter_results")
		all = append(all, c)
	}
	return all
}

func imagesMeasure(r *record.Row, _, ans string) {
	for raw := range elements(imagesOf(ans)) {
		if strings.HasPrefix(raw, "{") && isNothing(get(raw, "error")) {
			r.Images++
		}
	}
}
