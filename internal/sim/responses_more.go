package sim

import (
	"encoding/base64"
	"encoding/json"
	"net/http"
	"strconv"
)

type rawJSON = json.RawMessage

// getResponse shows a response, or with stream=true says its events again.
func getResponse(c *call, r *route) (*reply, error) {
	query := c.r.URL.Query()
	if query.Get("stream") != "true" {
		return doGet(c, r)
	}
	from := 0
	if after := query.Get("starting_after"); after != "" {
		n, err := strconv.Atoi(after)
		if err != nil || n < 0 {
			return nil, errInvalid("starting_after", "invalid_value", "Invalid 'starting_after': expected the sequence number of an event.")
		}
		from = n + 1
	}
	s := c.sim.store
	s.mu.Lock()
	defer s.mu.Unlock()
	o, err := c.find(c.kind(r.kind))
	if err != nil {
		return nil, err
	}
	if o.status() == "cancelled" {
		return nil, errStatus(c.surface, o, "stream")
	}
	w := o.more.(*modelResponse)
	w.finish(o.doc)
	c.sim.ledger.identify(c.entry, c.op.id(), "", true)
	return c.streamResponse(o, w, from, false), nil
}

// cancelResponse cancels a response of the background; one that has ended stays
// as it is.
func cancelResponse(c *call, r *route) (*reply, error) {
	s := c.sim.store
	s.mu.Lock()
	defer s.mu.Unlock()
	o, err := c.find(c.kind(r.kind))
	if err != nil {
		return nil, err
	}
	if string(o.doc.raw("background")) != "true" {
		return nil, &apiError{status: http.StatusBadRequest, kind: invalidRequest, message: "Cannot cancel a synchronous response."}
	}
	if o.status() == "queued" || o.status() == "in_progress" {
		o.enter("cancelled")
	}
	return c.show(o), nil
}

// inputItems lists what went into a response.
func inputItems(c *call, r *route) (*reply, error) {
	s := c.sim.store
	s.mu.Lock()
	defer s.mu.Unlock()
	k := c.kind(r.kind)
	o, err := c.find(k)
	if err != nil {
		return nil, err
	}
	var ids []string
	byID := map[string]document{}
	for _, in := range o.more.(*modelResponse).input {
		id := in.doc.text("id")
		ids, byID[id] = append(ids, id), in.doc
	}
	from, to, more, err := page(k, ids, c.r.URL.Query())
	if err != nil {
		return nil, err
	}
	data := []any{}
	for _, id := range ids[from:to] {
		data = append(data, byID[id])
	}
	return jsonReply(listOf(data, ids[from:to], more)), nil
}

// countInput counts the prompt that a request would be.
func countInput(c *call, _ *route) (*reply, error) {
	q, _, err := c.readResponse()
	if err != nil {
		return nil, err
	}
	return jsonReply(document{"object": "response.input_tokens", "input_tokens": q.prompt}), nil
}

// compact puts what was said into one item that nobody can read, as the service
// does, and that says nothing, as the service's does not.
func compact(c *call, _ *route) (*reply, error) {
	q, w, err := c.readResponse()
	if err != nil {
		return nil, err
	}
	if err := q.phrases.refused(c.surface); err != nil {
		return nil, err
	}
	output := []document{}
	for _, in := range w.input {
		if in.doc.text("type") == "message" && in.doc.text("role") == "user" {
			output = append(output, in.doc)
		}
	}
	sealed := "simulated:" + strconv.FormatUint(uint64(q.digest), 16)
	output = append(output, document{"id": randomID("cmp_", 48), "type": "compaction",
		"encrypted_content": base64.StdEncoding.EncodeToString([]byte(sealed))})
	u := usageOf(q.prompt, 16, 0)
	a := jsonReply(document{"id": randomID("resp_", 48), "object": "response.compaction", "created_at": now(), "output": output, "usage": u.ofResponse()})
	a.prompt, a.completion = u.prompt, u.completion
	return a, nil
}
