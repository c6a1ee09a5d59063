package sim

import (
	"encoding/json"
	"errors"
	"maps"
	"strings"
)

// rtResponse is an answer on a realtime connection.
type rtResponse struct {
	id   string
	doc  jsonDoc
	spec *session // the session's settings with those of the response over them
	// apart: the answer does not become part of the conversation.
	apart     bool
	cancelled bool
	audio     bool
	limit     int // tokens, 0 for none
	out       []*rtItem
	usage     realtimeUsage
}

// realtimeUsage is tokens in and out, by kind.
type realtimeUsage struct{ textIn, audioIn, imageIn, textOut, audioOut int }

func (u realtimeUsage) in() int  { return u.textIn + u.audioIn + u.imageIn }
func (u realtimeUsage) out() int { return u.textOut + u.audioOut }

func (u realtimeUsage) doc() jsonDoc {
	cached := usageOf(u.textIn, 0, 0).cached
	return jsonDoc{
		"total_tokens": u.in() + u.out(), "input_tokens": u.in(), "output_tokens": u.out(),
		"input_token_details": jsonDoc{"text_tokens": u.textIn, "audio_tokens": u.audioIn, "image_tokens": u.imageIn, "cached_tokens": cached,
			"cached_tokens_details": jsonDoc{"text_tokens": cached, "audio_tokens": 0, "image_tokens": 0}},
		"output_token_details": jsonDoc{"text_tokens": u.textOut, "audio_tokens": u.audioOut},
	}
}

// createResponse answers the conversation as it stands, or what the event gives.
func (rt *realtime) createResponse(ev *clientEvent) error {
	if rt.session.transcription {
		return errInvalid("type", "invalid_value", "A transcription session gives no responses.")
	}
	r, items, err := rt.readResponse(ev.Response)
	if err != nil {
		return err
	}
	q, err := rt.asChat(r, items)
	if err != nil {
		return err
	}
	rt.active = r
	if err := rt.c.admit(r.usage.in() + defaultEstimate); err != nil {
		return rt.fail(r, err)
	}
	rt.c.entry.prompt.Add(int64(r.usage.in()))
	if err := rt.emit("response.created", jsonDoc{"response": r.doc}, 0); err != nil {
		return err
	}
	if err := rt.emit("rate_limits.updated", jsonDoc{"rate_limits": rt.limits()}, 0); err != nil {
		return err
	}
	if q.phrases.filter {
		return rt.finish(r, "incomplete", jsonDoc{"type": "incomplete", "reason": "content_filter"})
	}
	first, _ := rt.c.pace()
	if err := rt.pause(first); err != nil || r.cancelled {
		return rt.ended(r, err, "")
	}
	return rt.give(r, q)
}

// readResponse reads what a response is to be like, and the items that it answers.
func (rt *realtime) readResponse(given jsonDoc) (*rtResponse, []*rtItem, error) {
	r := &rtResponse{id: randomID("resp_", 21), spec: rt.session.copy()}
	changes := jsonDoc{}
	maps.Copy(changes, given)
	conversation, _ := changes["conversation"].(string)
	r.apart = conversation == "none"
	items := rt.items
	if input, ok := changes["input"].([]any); ok {
		items = nil
		for _, raw := range input {
			doc, _ := raw.(jsonDoc)
			if ref, _ := doc["type"].(string); ref == "item_reference" {
				id, _ := doc["id"].(string)
				if rt.index(id) < 0 {
					return nil, nil, errNoItem(id)
				}
				items = append(items, rt.items[rt.index(id)])
				continue
			}
			i, err := rt.readItem(doc, "response.input")
			if err != nil {
				return nil, nil, err
			}
			items = append(items, i)
		}
	}
	metadata := changes["metadata"]
	for _, name := range []string{"conversation", "input", "metadata"} {
		delete(changes, name)
	}
	if limit, ok := changes["max_output_tokens"]; ok && !r.spec.ga {
		changes["max_response_output_tokens"] = limit
		delete(changes, "max_output_tokens")
	}
	if r.spec.ga {
		changes["type"] = "realtime"
	}
	if err := r.spec.update(changes); err != nil {
		err.param = strings.Replace(err.param, "session.", "response.", 1)
		err.message = strings.Replace(err.message, "'session.", "'response.", 1)
		return nil, nil, err
	}
	modalities, _ := r.spec.setting("modalities").([]any)
	for _, m := range modalities {
		r.audio = r.audio || m == "audio"
	}
	if limit, ok := r.spec.setting("limit").(float64); ok {
		r.limit = int(limit)
	}
	r.doc = rt.responseDoc(r, modalities, metadata)
	return r, items, nil
}

// responseDoc is a response as events show it at its beginning.
func (rt *realtime) responseDoc(r *rtResponse, modalities []any, metadata any) jsonDoc {
	doc := jsonDoc{"object": "realtime.response", "id": r.id, "status": "in_progress", "status_details": nil, "output": []any{},
		"conversation_id": rt.talk, "max_output_tokens": r.spec.setting("limit"), "usage": nil, "metadata": metadata}
	if r.apart {
		doc["conversation_id"] = nil
	}
	if rt.session.ga {
		doc["output_modalities"] = modalities
		doc["audio"] = jsonDoc{"output": jsonDoc{"format": r.spec.setting("spoken format"), "voice": r.spec.setting("voice")}}
		return doc
	}
	doc["modalities"], doc["voice"] = modalities, r.spec.setting("voice")
	doc["output_audio_format"], doc["temperature"] = r.spec.setting("spoken format"), r.spec.setting("temperature")
	return doc
}

// flatTool is a tool as realtime sessions have it.
type flatTool struct {
	Type       string  `json:"type"`
	Name       string  `json:"name"`
	Parameters *schema `json:"parameters"`
}

// asChat makes of the items the chat that they are, and counts them.
func (rt *realtime) asChat(r *rtResponse, items []*rtItem) (*chat, error) {
	instructions := r.spec.word("instructions")
	q := &chat{messages: []message{{role: "system", text: instructions}}, maxTokens: r.limit}
	q.digest = newDigest(rt.c.sim.opts.Seed).text(rt.c.op.name).text(instructions)
	r.usage = realtimeUsage{textIn: tokensPerAnswer + countTokens(instructions)}
	for _, i := range items {
		q.messages = append(q.messages, message{role: i.roleIn(), text: i.text, images: i.images})
		if i.roleIn() != "assistant" {
			q.phrases.find(i.text)
		}
		r.usage.textIn += i.textTokens
		r.usage.audioIn += i.audioTokens
		r.usage.imageIn += i.images * tokensPerImage
		q.digest = q.digest.text(i.roleIn()).text(i.text).number(uint64(i.audioTokens))
	}
	q.phrases.find(instructions)
	// What came as JSON goes back to JSON; a tool of another shape has no name.
	raw, _ := json.Marshal(r.spec.setting("tools"))
	var flat []flatTool
	if err := json.Unmarshal(raw, &flat); err != nil {
		return nil, errType("tools", "an array of functions")
	}
	var all []tool
	for _, f := range flat {
		if f.Type == "function" && f.Name != "" {
			t := tool{Type: f.Type}
			t.Function.Name, t.Function.Parameters = f.Name, f.Parameters
			all = append(all, t)
		}
	}
	if len(flat) > 0 {
		r.usage.textIn += countTokens(string(raw))
	}
	var named tool
	choice := r.spec.word("tool choice")
	if doc, ok := r.spec.setting("tool choice").(jsonDoc); ok {
		named.Function.Name, _ = doc["name"].(string)
	}
	if len(all) == 0 {
		choice = ""
	}
	var err error
	q.tools, err = q.decide(all, choice, named)
	return q, err
}

// limits is what rate_limits.updated says.
func (rt *realtime) limits() []any {
	v := rt.c.verdict
	if v.maxCalls == 0 {
		v.maxCalls, v.requests, v.maxTokens, v.tokens = 1000, 999, 1_000_000, 999_000
	}
	return []any{
		jsonDoc{"name": "requests", "limit": v.maxCalls, "remaining": v.requests, "reset_seconds": v.callsWait.Seconds()},
		jsonDoc{"name": "tokens", "limit": v.maxTokens, "remaining": v.tokens, "reset_seconds": v.tokenWait.Seconds()},
	}
}

// fail ends a response before it began.
func (rt *realtime) fail(r *rtResponse, err error) error {
	e := (*apiError)(nil)
	if !errors.As(err, &e) {
		return err
	}
	r.usage = realtimeUsage{}
	if err := rt.emit("response.created", jsonDoc{"response": r.doc}, 0); err != nil {
		return err
	}
	return rt.finish(r, "failed", jsonDoc{"type": "failed", "error": jsonDoc{"type": "rate_limit_error", "code": "rate_limit_exceeded", "message": e.message}})
}

// finish ends a response and counts it, before its last event leaves.
func (rt *realtime) finish(r *rtResponse, status string, details any) error {
	output := make([]any, len(r.out))
	for i, it := range r.out {
		output[i] = it.doc
	}
	maps.Copy(r.doc, jsonDoc{"status": status, "status_details": details, "output": output, "usage": r.usage.doc()})
	entry := rt.c.entry
	entry.wholePrompt.Add(int64(r.usage.in()))
	entry.wholeCompletion.Add(int64(r.usage.out()))
	entry.prompt.Store(entry.wholePrompt.Load())
	entry.completion.Store(entry.wholeCompletion.Load())
	rt.active = nil
	return rt.emit("response.done", jsonDoc{"response": r.doc}, 0)
}
