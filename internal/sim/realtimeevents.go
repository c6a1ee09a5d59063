package sim

import (
	"context"
	"encoding/json"
	"time"

	"github.com/coder/websocket"
)

// emit sends an event with so many tokens of an answer, broken as the controls
// say.
func (rt *realtime) emit(kind string, ev jsonDoc, tokens int) error {
	c := rt.c
	if rt.session.ga {
		kind = either(laterNames[kind], kind)
	}
	ev["type"], ev["event_id"] = kind, randomID("event_", 21)
	data, err := json.Marshal(ev)
	if err != nil {
		return err
	}
	if rt.sent == c.controls.malformed {
		data = data[:len(data)/2]
	}
	if err := rt.conn.Write(rt.ctx, websocket.MessageText, data); err != nil {
		return err
	}
	rt.sent++
	c.entry.events.Store(rt.sent)
	c.entry.completion.Add(int64(tokens))
	if rt.sent == c.controls.dieAfter {
		return errBroken
	}
	if rt.sent == c.controls.hang {
		for {
			select {
			case <-rt.in: // read on, and say nothing
			case <-rt.ctx.Done():
				return context.Cause(rt.ctx)
			}
		}
	}
	return nil
}

// laterNames are events that were renamed when the preview ended.
var laterNames = map[string]string{
	"response.text.delta":             "response.output_text.delta",
	"response.text.done":              "response.output_text.done",
	"response.audio.delta":            "response.output_audio.delta",
	"response.audio.done":             "response.output_audio.done",
	"response.audio_transcript.delta": "response.output_audio_transcript.delta",
	"response.audio_transcript.done":  "response.output_audio_transcript.done",
}

func (rt *realtime) emitError(e *apiError, about string) error {
	orNull := func(s string) any {
		if s == "" {
			return nil
		}
		return s
	}
	return rt.emit("error", jsonDoc{"error": jsonDoc{
		"type": either(e.kind, invalidRequest), "code": orNull(e.code), "message": e.message, "param": orNull(e.param), "event_id": orNull(about),
	}}, 0)
}

// pause waits, and meanwhile takes in messages: a cancellation is obeyed, all else
// waits for its turn.
func (rt *realtime) pause(d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	for {
		in := rt.in
		if len(rt.waiting) >= maxWaiting {
			in = nil
		}
		select {
		case data := <-in:
			if err := rt.interject(data); err != nil {
				return err
			}
			if rt.active.cancelled {
				return nil
			}
			continue
		case <-rt.ctx.Done():
			return context.Cause(rt.ctx)
		default:
		}
		select {
		case data := <-in:
			if err := rt.interject(data); err != nil || rt.active.cancelled {
				return err
			}
		case <-timer.C:
			return nil
		case <-rt.ctx.Done():
			return context.Cause(rt.ctx)
		}
	}
}

// interject looks at a message that comes while an answer is given.
func (rt *realtime) interject(data []byte) error {
	var ev clientEvent
	if json.Unmarshal(data, &ev) == nil {
		switch ev.Type {
		case "response.cancel":
			if ev.ResponseID != "" && ev.ResponseID != rt.active.id {
				return rt.emitError(errNotActive(), ev.EventID)
			}
			rt.active.cancelled = true
			return nil
		case "response.create":
			return rt.emitError(errInvalid("", "conversation_already_has_active_response", "Conversation already has an active response in progress: %s. Wait until the response is finished before creating a new one.", rt.active.id), ev.EventID)
		}
	}
	rt.waiting = append(rt.waiting, data)
	return nil
}

func errNotActive() *apiError {
	return errInvalid("", "response_cancel_not_active", "Cancellation failed: no active response found")
}

func (rt *realtime) cancelNothing(*clientEvent) error { return errNotActive() }
