package sim

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"slices"
	"strconv"
	"strings"
)

// What a batch may hold.
const (
	maxBatchLines = 100_000
	batchLife     = 24 * 3600
)

// batchWork is what a batch answers, known from the start and shown when it is
// completed.
type batchWork struct {
	output, failures  []byte
	completed, failed int
	refused           []document // of a file that is no batch
	model             string
	usage             usage
}

// createBatch answers the lines of the input file at once; the batch's life shows
// them later.
func createBatch(c *call, r *route) (*reply, error) {
	if err := c.require("completion_window endpoint input_file_id"); err != nil {
		return nil, err
	}
	var endpoint string
	if _, err := c.get("endpoint", &endpoint); err != nil {
		return nil, err
	}
	s := c.sim.store
	s.mu.Lock()
	var blob *blob
	if file := s.get("file", "", strings.Join(idsAt(c.raw("input_file_id"), ""), "")); file != nil {
		blob = file.blob
	}
	s.mu.Unlock()
	op := batchOperation(endpoint)
	switch {
	case op == nil:
		return nil, errInvalid("endpoint", "invalid_value", "Invalid value for 'endpoint'. Supported values are: '%s'.", strings.Join(batchEndpoints, "', '"))
	case blob == nil || !blob.kept:
		return nil, errNotKept()
	}
	work := c.work(op, blob)
	s.mu.Lock()
	defer s.mu.Unlock()
	o, err := c.newObject(c.kind(r.kind), "")
	if err != nil {
		return nil, err
	}
	o.more = work
	o.doc["expires_at"] = now() + batchLife
	s.put(o)
	return c.show(o), nil
}

var batchEndpoints = []string{"/v1/chat/completions", "/v1/completions", "/v1/embeddings", "/v1/responses"}

// batchOperation is the operation that answers lines for an endpoint. Azure's
// endpoints leave /v1 away.
func batchOperation(endpoint string) *operation {
	path := "/v1" + strings.TrimPrefix(endpoint, "/v1")
	for _, op := range append(operations(), resourceOperations()...) {
		if op.method == http.MethodPost && op.native == path && slices.Contains(batchEndpoints, path) {
			return &op
		}
	}
	return nil
}

// work answers all lines.
func (c *call) work(op *operation, b *blob) *batchWork {
	w := &batchWork{}
	seen := map[string]bool{}
	n := 0
	for line := range bytes.Lines(b.bytes()) {
		n++
		if line = bytes.TrimSpace(line); len(line) == 0 {
			continue
		}
		var request struct {
			CustomID string `json:"custom_id"`
			Method   string
			URL      string
			Body     json.RawMessage
		}
		code := ""
		switch err := json.Unmarshal(line, &request); {
		case err != nil || len(request.Body) == 0 || request.Body[0] != '{':
			code = "invalid_json_line"
		case seen[request.CustomID]:
			code = "duplicate_custom_id"
		case "/v1"+strings.TrimPrefix(request.URL, "/v1") != op.native:
			code = "url_mismatch"
		case len(seen) == maxBatchLines:
			code = "too_many_tasks"
		}
		if code != "" {
			w.refused = append(w.refused, document{"code": code, "line": n, "message": "Line " + strconv.Itoa(n) + " is refused: " + code + ".", "param": nil})
			continue
		}
		seen[request.CustomID] = true
		c.workLine(w, op, request.CustomID, request.Body)
	}
	if n == 0 {
		w.refused = append(w.refused, document{"code": "empty_batch", "line": nil, "message": "The batch has no lines.", "param": nil})
	}
	return w
}

// workLine answers one line as the operation would, apart from rate limits, which
// batches do not count against.
func (c *call) workLine(w *batchWork, op *operation, customID string, raw []byte) {
	q := &call{sim: c.sim, op: op, surface: c.surface, version: c.version, controls: noControls(), entry: &entry{},
		requestID: newRequestID(c.surface), arrival: c.arrival, unlimited: true}
	if q.surface == classic {
		q.surface = v1 // the deployment stands in the body
	}
	q.r, _ = http.NewRequestWithContext(context.Background(), http.MethodPost, op.native, nil)
	q.args, _ = members(raw)
	a, err := q.batched(op)
	status, answer := http.StatusOK, []byte(nil)
	if e := (*apiError)(nil); errors.As(err, &e) {
		status, answer = e.status, e.appendBody(nil, q.surface)
	} else if err != nil {
		status, answer = http.StatusInternalServerError, []byte("{}")
	} else {
		answer = a.plain.bytes()
		w.usage.prompt += a.prompt
		w.usage.completion += a.completion
		w.model = q.deployment.model.id
	}
	line := encode(document{
		"id": randomID("batch_req_", 24), "custom_id": customID, "error": nil,
		"response": document{"status_code": status, "request_id": q.requestID, "body": json.RawMessage(answer)},
	})
	if status == http.StatusOK {
		w.completed++
		w.output = append(append(w.output, line...), '\n')
		return
	}
	w.failed++
	w.failures = append(append(w.failures, line...), '\n')
}

// maxBatchAnswer keeps a line that asks for a huge answer from filling the memory.
const maxBatchAnswer = 16 << 20

// batched is what the operation answers to a line.
func (c *call) batched(op *operation) (*reply, error) {
	if err := c.controls.setBody(c.args); err != nil {
		return nil, errControl(err)
	}
	if string(c.raw("stream")) == "true" {
		return nil, errInvalid("stream", "invalid_value", "Streams are not supported in batches.")
	}
	if err := c.findDeployment(true); err != nil {
		return nil, err
	}
	if err := c.checkArguments(); err != nil {
		return nil, err
	}
	if c.controls.status != 0 {
		return nil, errInjected(c, c.controls.status)
	}
	a, err := op.answer(c)
	if err == nil && a.plain.size() > maxBatchAnswer {
		return nil, errInvalid("body", "answer_too_large", "The simulator answers up to %d bytes in a line of a batch.", maxBatchAnswer)
	}
	return a, err
}

// bytes is a body as one piece.
func (b *body) bytes() []byte {
	var out []byte
	for _, r := range b.all() {
		out = append(out, bytes.Repeat(r.data, r.times)...)
	}
	return out
}

// batchEntered counts, and in the end makes the files.
func batchEntered(c *call, o *object) error {
	w := o.more.(*batchWork)
	total := w.completed + w.failed
	counts := func(completed, failed int) document {
		return document{"total": total, "completed": completed, "failed": failed}
	}
	switch o.status() {
	case "in_progress":
		if len(w.refused) > 0 {
			o.enter("failed")
			o.doc["in_progress_at"] = nil
			o.doc["errors"] = document{"object": "list", "data": w.refused}
			return nil
		}
		o.doc["request_counts"] = counts(w.completed/2, 0)
	case "finalizing":
		o.doc["request_counts"] = counts(w.completed, w.failed)
	case "completed":
		o.doc["model"] = w.model
		o.doc["usage"] = document{"input_tokens": w.usage.prompt, "input_tokens_details": document{"cached_tokens": 0},
			"output_tokens": w.usage.completion, "output_tokens_details": document{"reasoning_tokens": 0},
			"total_tokens": w.usage.prompt + w.usage.completion}
		if len(w.output) > 0 {
			o.doc["output_file_id"] = c.newFile(o.id+"_output.jsonl", "batch_output", c.sim.store.newBlob(w.output)).id
		}
		if len(w.failures) > 0 {
			o.doc["error_file_id"] = c.newFile(o.id+"_error.jsonl", "batch_output", c.sim.store.newBlob(w.failures)).id
		}
	}
	return nil
}
