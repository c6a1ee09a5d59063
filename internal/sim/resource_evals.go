package sim

import (
	"bytes"
	"encoding/json"
	"strconv"
)

// maxEvalItems is how many items a run of an evaluation answers.
const maxEvalItems = 1000

func evalRunMade(c *call, o *object) error {
	o.doc["eval_id"] = o.parent
	o.doc["report_url"] = "https://simulator.invalid/evaluations/" + o.parent + "?run_id=" + o.id
	for _, model := range idsAt(o.doc.raw("data_source"), "model") {
		o.doc["model"] = model
	}
	return nil
}

// evalRunEntered makes the items of a run that has ended.
func evalRunEntered(c *call, o *object) error {
	if o.status() != "completed" {
		return nil
	}
	s := c.sim.store
	criteria, _ := elements(s.get("eval", "", o.parent).doc.raw("testing_criteria"))
	passed := make([]int, len(criteria))
	var total, good int
	for i, item := range c.evalItems(o) {
		total++
		all := true
		results := []document{}
		for j, criterion := range criteria {
			share := newDigest(c.sim.opts.Seed).text(string(item)).text(string(criterion)).share()
			ok := share < 0.8
			if all = all && ok; ok {
				passed[j]++
			}
			results = append(results, document{"name": criterionName(criterion, j), "passed": ok, "score": float64(int(share * 100)), "type": criterionType(criterion)})
		}
		if all {
			good++
		}
		s.put(c.outputItem(o, i, item, results, all))
	}
	o.doc["result_counts"] = document{"errored": 0, "failed": total - good, "passed": good, "total": total}
	per := []document{}
	for j, criterion := range criteria {
		per = append(per, document{"testing_criteria": criterionName(criterion, j), "passed": passed[j], "failed": total - passed[j]})
	}
	o.doc["per_testing_criteria_results"] = per
	o.doc["per_model_usage"] = []document{{"model_name": either(o.doc.text("model"), "simulator"), "invocation_count": total,
		"prompt_tokens": 8 * total, "completion_tokens": 12 * total, "cached_tokens": 0, "total_tokens": 20 * total}}
	return nil
}

func criterionName(raw []byte, i int) string {
	for _, name := range idsAt(raw, "name") {
		return name
	}
	return "criterion-" + strconv.Itoa(i)
}

func criterionType(raw []byte) string {
	for _, name := range idsAt(raw, "type") {
		return name
	}
	return "string_check"
}

// outputItem is what one item came to.
func (c *call) outputItem(run *object, i int, item []byte, results []document, passed bool) *object {
	o, _ := (&call{sim: c.sim, surface: c.surface}).newObject(c.kind("eval.run.output_item"), run.id)
	o.doc["eval_id"], o.doc["run_id"], o.doc["datasource_item_id"], o.doc["results"] = run.parent, run.id, i, results
	o.doc["datasource_item"] = json.RawMessage(item)
	if !passed {
		o.doc["status"] = "fail"
	}
	d := newDigest(c.sim.opts.Seed).text("eval").text(string(item))
	said := compose(d.rand(), c.sim.opts.Name, "", 12)
	o.doc["sample"] = document{
		"input": []document{{"role": "user", "content": string(item)}}, "output": []document{{"role": "assistant", "content": said}},
		"finish_reason": "stop", "model": either(run.doc.text("model"), "simulator"), "error": nil, "temperature": 1, "top_p": 1,
		"seed": 42, "max_completion_tokens": 2048,
		"usage": document{"prompt_tokens": 8, "completion_tokens": 12, "cached_tokens": 0, "total_tokens": 20},
	}
	return o
}

// evalItems are the items of a run's source: those of its body or its file, else
// three of the simulator's own.
func (c *call) evalItems(o *object) [][]byte {
	var source struct {
		Source struct {
			ID      string
			Content []struct{ Item json.RawMessage }
		}
	}
	// A source of another shape has no items.
	_ = json.Unmarshal(o.doc.raw("data_source"), &source)
	var items [][]byte
	for _, content := range source.Source.Content {
		items = append(items, content.Item)
	}
	if file := c.sim.store.get("file", "", source.Source.ID); file != nil && file.blob.kept {
		for line := range bytes.Lines(file.blob.bytes()) {
			var row struct{ Item json.RawMessage }
			if json.Unmarshal(line, &row) == nil && len(row.Item) > 0 {
				items = append(items, row.Item)
			}
		}
	}
	for i := 0; len(items) < 3 && len(source.Source.Content) == 0 && source.Source.ID == ""; i++ {
		items = append(items, []byte(`{"number":`+strconv.Itoa(i)+`}`))
	}
	return items[:min(len(items), maxEvalItems)]
}
