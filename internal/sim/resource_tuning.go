package sim

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
)

// Steps of a fine-tuning job that leave a checkpoint; the last one is the end.
var checkpointSteps = []int{30, 60, 90}

// jobMade starts a job in the words of its surface.
func jobMade(c *call, o *object) error {
	var suffix string
	if _, err := c.get("suffix", &suffix); err != nil {
		return err
	}
	if len(suffix) > 64 {
		return errInvalid("suffix", "string_above_max_length", "Invalid 'suffix': string too long. Expected a string with maximum length 64.")
	}
	o.more = suffix
	if c.surface == classic {
		o.doc["status"] = "pending"
	}
	c.addEvent(o, "Created fine-tuning job: "+o.id)
	return nil
}

// addEvent adds to a job's events.
func (c *call) addEvent(job *object, message string) {
	k := c.kind("fine_tuning.event")
	o, _ := (&call{sim: c.sim, surface: c.surface}).newObject(k, job.id)
	o.doc["level"], o.doc["message"], o.doc["type"], o.doc["data"] = "info", message, "message", document{}
	c.sim.store.put(o)
}

// jobEntered tells of a status, and ends a job that succeeded.
func jobEntered(c *call, o *object) error {
	status := o.status()
	c.addEvent(o, "Job "+o.id+" is now "+status+".")
	switch status {
	case "cancelled":
		o.doc["finished_at"] = now()
	case "succeeded":
		o.doc["finished_at"] = now()
		c.finishJob(o)
	}
	return nil
}

// finishJob makes the model, its checkpoints and the file of results.
func (c *call) finishJob(o *object) {
	base, suffix := o.doc.text("model"), o.more.(string)
	tail := strings.ToLower(randomID("", 8))
	name := "ft:" + base + ":simulator:" + suffix + ":" + tail
	if c.sim.opts.Kind == KindAzure {
		name = strings.TrimSuffix(base+".ft-"+tail+"-"+suffix, "-")
	}
	s := c.sim.store
	tokens := 0
	if file := s.get("file", "", o.doc.text("training_file")); file != nil && file.blob.kept {
		tokens = countTokens(string(file.blob.bytes()))
	}
	o.doc["trained_tokens"] = tokens
	o.doc["fine_tuned_model"] = name
	results := c.newFile("step_metrics.csv", "fine-tune-results", s.newBlob([]byte(metricsOf(tokens))))
	o.doc["result_files"] = []string{results.id}
	c.addModel(name, base)
	for i, step := range checkpointSteps {
		model := name
		if i < len(checkpointSteps)-1 {
			model = fmt.Sprintf("%s:ckpt-step-%d", name, step)
			c.addModel(model, base)
		}
		k := c.kind("fine_tuning.checkpoint")
		point, _ := (&call{sim: c.sim, surface: c.surface}).newObject(k, o.id)
		point.doc["fine_tuned_model_checkpoint"], point.doc["fine_tuning_job_id"], point.doc["step_number"] = model, o.id, step
		point.doc["metrics"] = document{"step": step, "train_loss": lossAt(step), "train_mean_token_accuracy": 1 - lossAt(step)/4}
		s.put(point)
		s.put(&object{kind: c.kind("checkpoint"), id: model, doc: document{"id": model}})
	}
	c.addEvent(o, "New fine-tuned model created: "+name)
}

func lossAt(step int) float64 { return 30 / float64(20+step) }

// metricsOf is the file of results.
func metricsOf(tokens int) string {
	var b strings.Builder
	b.WriteString("step,train_loss,train_accuracy,valid_loss,valid_mean_token_accuracy\n")
	for _, step := range checkpointSteps {
		fmt.Fprintf(&b, "%d,%.5f,%.5f,,\n", step, lossAt(step), 1-lossAt(step)/4)
	}
	fmt.Fprintf(&b, "# trained on %d simulated tokens\n", tokens)
	return b.String()
}

// addModel makes a fine-tuned model callable by its name.
func (c *call) addModel(name, base string) {
	m := c.sim.modelNamed(base)
	m.id, m.base, m.version = name, name, ""
	c.sim.deployments.put(&deployment{Deployment: Deployment{Name: name, Model: name}, model: m, tuned: true})
}

// deleteJob answers without a body, as the classic surface does.
func deleteJob(c *call, r *route) (*reply, error) {
	if _, err := doRemove(c, r); err != nil {
		return nil, err
	}
	return &reply{status: http.StatusNoContent, plain: &body{}}, nil
}

// deleteModel takes away a fine-tuned model.
func deleteModel(c *call, _ *route) (*reply, error) {
	name := c.r.PathValue("model")
	if d := c.sim.deployments.get(name); d == nil || !d.tuned {
		return nil, &apiError{status: http.StatusNotFound, kind: invalidRequest, param: "model", code: "model_not_found", message: "The model '" + name + "' does not exist"}
	}
	c.sim.deployments.remove(name)
	return jsonReply(document{"id": name, "object": "model", "deleted": true}), nil
}

// copyCheckpoint copies a checkpoint to another resource, or tells how far that
// is. The copy is done at once, and goes nowhere.
func copyCheckpoint(c *call, r *route) (*reply, error) {
	if c.r.Method == http.MethodPost {
		if err := c.require("destinationResourceId region"); err != nil {
			return nil, err
		}
	}
	s := c.sim.store
	s.mu.Lock()
	defer s.mu.Unlock()
	o, err := c.find(c.kind(r.kind))
	if err != nil {
		return nil, err
	}
	if o.more == nil && c.r.Method == http.MethodGet {
		return nil, &apiError{status: http.StatusNotFound, kind: invalidRequest, message: "Checkpoint '" + o.id + "' was not copied."}
	}
	status := "Completed"
	if o.more == nil {
		o.more, status = true, "InProgress"
	}
	return jsonReply(document{"checkpointedModelName": o.doc.text("fine_tuned_model_checkpoint"), "fineTuningJobId": o.parent, "status": status}), nil
}

// createPermissions gives projects the use of a checkpoint.
func createPermissions(c *call, r *route) (*reply, error) {
	if err := c.require("project_ids"); err != nil {
		return nil, err
	}
	s := c.sim.store
	s.mu.Lock()
	defer s.mu.Unlock()
	k := c.kind(r.kind)
	owner, err := c.owner(k)
	if err != nil {
		return nil, err
	}
	var docs []any
	var ids []string
	for _, project := range idsAt(c.raw("project_ids"), "") {
		o, err := c.newObject(k, owner.id)
		if err != nil {
			return nil, err
		}
		o.doc["project_id"] = project
		s.put(o)
		docs, ids = append(docs, o.doc), append(ids, o.id)
	}
	return jsonReply(listOf(docs, ids, false)), nil
}

// validateGrader says that a grader with a type is one.
func validateGrader(c *call, _ *route) (*reply, error) {
	if err := c.requireGrader(); err != nil {
		return nil, err
	}
	return jsonReply(document{"grader": json.RawMessage(c.raw("grader"))}), nil
}

func (c *call) requireGrader() error {
	if err := c.require("grader"); err != nil {
		return err
	}
	if len(idsAt(c.raw("grader"), "type")) == 0 {
		return errMissing(c.surface, "grader.type")
	}
	return nil
}

// runGrader rewards a sample by its own measure: a share that follows from the
// sample.
func runGrader(c *call, _ *route) (*reply, error) {
	if err := c.requireGrader(); err != nil {
		return nil, err
	}
	var sample string
	if found, err := c.get("model_sample", &sample); err != nil {
		return nil, err
	} else if !found {
		return nil, errMissing(c.surface, "model_sample")
	}
	kind := idsAt(c.raw("grader"), "type")[0]
	reward := float64(int(newDigest(c.sim.opts.Seed).text(kind).text(sample).share()*100)) / 100
	failures := document{}
	for _, name := range strings.Fields(`formula_parse_error invalid_variable_error model_grader_parse_error model_grader_refusal_error
		model_grader_server_error other_error python_grader_runtime_error python_grader_server_error sample_parse_error
		truncated_observation_error unresponsive_reward_error`) {
		failures[name] = false
	}
	for _, name := range strings.Fields("model_grader_server_error_details python_grader_runtime_error_details python_grader_server_error_type") {
		failures[name] = nil
	}
	name := strings.Join(idsAt(c.raw("grader"), "name"), "")
	return jsonReply(document{
		"reward": reward, "sub_rewards": document{}, "model_grader_token_usage_per_model": document{},
		"metadata": document{"name": name, "type": kind, "errors": failures, "execution_time": 0.01,
			"scores": document{name: reward}, "token_usage": nil, "sampled_model_name": nil},
	}), nil
}
