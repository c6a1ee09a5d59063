package sim

import (
	"encoding/base64"
	"strconv"
	"strings"
	"time"
)

// body is the plain answer.
func (q *image) body(c *call) *body {
	b := &body{open: []byte(`{`)}
	if q.family.tokens {
		b.open = append(b.open, `"background":"`+q.background+`",`...)
	}
	b.open = appendKeyInt(b.open, "created", int(time.Now().Unix()))
	b.open = append(b.open, `,"data":[`...)
	for i := range q.n {
		if i > 0 {
			b.open = append(b.open, ',')
		}
		q.appendImage(c, b, i)
	}
	b.open = append(b.open, ']')
	if q.family.tokens {
		b.open = append(b.open, `,"output_format":"`+q.format+`","quality":"`+q.quality+`","size":"`+q.size+`","usage":`...)
		b.open = q.usage.append(b.open)
	}
	b.open = append(b.open, '}')
	return b
}

// appendImage adds the i-th element of data.
func (q *image) appendImage(c *call, b *body, i int) {
	b.open = append(b.open, '{')
	if !q.link {
		b.open = append(b.open, `"b64_json":"`...)
		q.appendBase64(c, b, i, true)
		b.open = append(b.open, `",`...)
	}
	if c.surface != native {
		b.open = append(b.open, `"content_filter_results":`+safeAnswer+`,"prompt_filter_results":`+safeImagePrompt+`,`...)
	}
	if q.family.revises {
		b.open = append(b.open, `"revised_prompt":`...)
		b.open = appendString(b.open, q.revised())
		b.open = append(b.open, ',')
	}
	if q.link {
		b.open = append(b.open, `"url":`...)
		b.open = appendString(b.open, q.url(c, i))
		b.open = append(b.open, ',')
	}
	b.open[len(b.open)-1] = '}'
}

// revised is what dall-e-3 would say it drew.
func (q *image) revised() string {
	return "A simulated picture, drawn by no model, of: " + q.prompt
}

// appendBase64 adds a picture, blown up with zeros to the size that a control asks
// for: readers of all formats ignore what follows the picture's end.
func (q *image) appendBase64(c *call, b *body, i int, huge bool) {
	data := q.drawing(i).file()
	if huge && c.controls.bytes > int64(len(data)) {
		data = append(data, make([]byte, 3-len(data)%3)...) // so that no padding falls inside
		b.open = base64.StdEncoding.AppendEncode(b.open, data)
		const block = 3072
		if times := int((c.controls.bytes - int64(len(data))) / block); times > 0 {
			b.repeat(base64.StdEncoding.AppendEncode(nil, make([]byte, block)), times)
		}
		return
	}
	b.open = base64.StdEncoding.AppendEncode(b.open, data)
}

// drawing is the i-th picture.
func (q *image) drawing(i int) drawing {
	width, height, _ := strings.Cut(q.size, "x")
	w, _ := strconv.Atoi(width)
	h, _ := strconv.Atoi(height)
	return drawing{seed: uint64(q.digest.number(uint64(i))), w: w / imageScale, h: h / imageScale, format: q.format}
}

// url is where this server shows the picture.
func (q *image) url(c *call, i int) string { return c.base() + "/sim/images/" + q.drawing(i).name() }

// base is how the caller reached this server.
func (c *call) base() string {
	if c.r.TLS != nil {
		return "https://" + c.r.Host
	}
	return "http://" + c.r.Host
}

// safeImagePrompt is what Azure's filter found in a picture's prompt.
const safeImagePrompt = `{"hate":{"filtered":false,"severity":"safe"},"jailbreak":{"detected":false,"filtered":false},"profanity":{"detected":false,"filtered":false},"self_harm":{"filtered":false,"severity":"safe"},"sexual":{"filtered":false,"severity":"safe"},"violence":{"filtered":false,"severity":"safe"}}`

// errImageFiltered is the refusal of a prompt, in Azure's words from "DALL-E in
// Azure OpenAI" or in OpenAI's.
func errImageFiltered(on surface) *apiError {
	e := &apiError{status: 400, code: "content_policy_violation", kind: invalidRequest, model: true,
		message: "Your request was rejected as a result of our safety system. Your request may contain text that is not allowed by our safety system."}
	if on == native {
		e.kind = "image_generation_user_error"
		return e
	}
	e.inner, e.named = detectedJailbreak, true
	return e
}

// writeStream writes each picture's drafts and then the picture.
func (q *image) writeStream(e *events) error {
	kind := "image_generation"
	if e.c.op.needs == edits {
		kind = "image_edit"
	}
	for i := range q.n {
		for p := range q.partials {
			if err := q.writePicture(e, kind+".partial_image", i, p); err != nil {
				return err
			}
		}
		if err := q.writePicture(e, kind+".completed", i, -1); err != nil {
			return err
		}
	}
	return nil
}

// writePicture writes the event of a draft or, with a draft of -1, of the picture
// and what it alone has cost.
func (q *image) writePicture(e *events, kind string, i, draft int) error {
	b := &body{open: []byte(`{"type":"` + kind + `","b64_json":"`)}
	q.appendBase64(e.c, b, i, false)
	b.open = append(b.open, `","background":"`+q.background+`",`...)
	b.open = appendKeyInt(b.open, "created_at", int(time.Now().Unix()))
	b.open = append(b.open, `,"output_format":"`+q.format+`",`...)
	tokens := 0
	if draft >= 0 {
		b.open = append(appendKeyInt(b.open, "partial_image_index", draft), ',')
	}
	b.open = append(b.open, `"quality":"`+q.quality+`","size":"`+q.size+`"`...)
	if draft < 0 {
		u := imageUsage{output: q.usage.output / q.n}
		if i == 0 {
			u.text, u.image = q.usage.text, q.usage.image
		}
		tokens = u.output
		b.open = append(b.open, `,"usage":`...)
		b.open = u.append(b.open)
	}
	return e.sendNamed(kind, append(b.open, '}'), tokens)
}
