package sim

import (
	"encoding/json"
	"fmt"
	"strings"
)

// moderationCategory is what moderation looks for; images says that it does so in
// pictures, too, and omni that only the newer models do at all.
type moderationCategory struct {
	name         string
	images, omni bool
}

var moderationCategories = []moderationCategory{
	{"harassment", false, false}, {"harassment/threatening", false, false},
	{"hate", false, false}, {"hate/threatening", false, false},
	{"illicit", false, true}, {"illicit/violent", false, true},
	{"self-harm", true, false}, {"self-harm/instructions", true, false}, {"self-harm/intent", true, false},
	{"sexual", true, false}, {"sexual/minors", false, false},
	{"violence", true, false}, {"violence/graphic", true, false},
}

// moderated is what one result is about.
type moderated struct {
	text   string
	images bool
}

// readModerated reads input: a text, several, or the parts of one message.
func readModerated(c *call) ([]moderated, error) {
	raw := c.raw("input")
	if raw == nil {
		return nil, errMissing(c.surface, "input")
	}
	var one string
	if json.Unmarshal(raw, &one) == nil {
		return []moderated{{text: one}}, nil
	}
	var texts []string
	if json.Unmarshal(raw, &texts) == nil && len(texts) > 0 {
		out := make([]moderated, len(texts))
		for i, text := range texts {
			out[i].text = text
		}
		return out, nil
	}
	var parts []struct {
		Type, Text string
	}
	if err := json.Unmarshal(raw, &parts); err != nil || len(parts) == 0 {
		return nil, errType("input", "a string, an array of strings or an array of parts")
	}
	var m moderated
	for i, p := range parts {
		switch p.Type {
		case "text":
			m.text += p.Text
		case "image_url":
			m.images = true
		default:
			return nil, errInvalid(fmt.Sprintf("input[%d].type", i), "invalid_value", "Invalid value for 'input[%d].type'. Supported values are: 'text' and 'image_url'.", i)
		}
	}
	return []moderated{m}, nil
}

// answerModeration says which inputs are harmful: those that ask for the content
// filter, and no others.
func answerModeration(c *call) (*reply, error) {
	list, err := readModerated(c)
	if err != nil {
		return nil, err
	}
	if err := c.admit(1); err != nil {
		return nil, err
	}
	b := fmt.Appendf(nil, `{"id":"%s","model":%s,"results":[`, randomID("modr-", 29), appendString(nil, c.deployment.model.id))
	for i, m := range list {
		if i > 0 {
			b = append(b, ',')
		}
		b = m.append(b, c)
	}
	return &reply{plain: &body{open: append(b, "]}"...)}}, nil
}

// append adds a result.
func (m *moderated) append(b []byte, c *call) []byte {
	var p phrases
	p.find(m.text)
	omni := !strings.HasPrefix(c.deployment.model.base, "text-")
	r := newDigest(c.sim.opts.Seed).text(m.text).rand()
	var verdicts, scores, applied []byte
	for _, category := range moderationCategories {
		if category.omni && !omni {
			continue
		}
		hit := p.filter && category.name == "violence"
		score := r.Float64() * 0.01
		if hit {
			score = 0.9 + score
		}
		types := `["text"]`
		if category.images && m.images {
			types = `["text","image"]`
		}
		verdicts = fmt.Appendf(verdicts, `,"%s":%t`, category.name, hit)
		scores = fmt.Appendf(scores, `,"%s":%.6f`, category.name, score)
		applied = fmt.Appendf(applied, `,"%s":%s`, category.name, types)
	}
	b = fmt.Appendf(b, `{"flagged":%t,"categories":{%s},"category_scores":{%s}`, p.filter, verdicts[1:], scores[1:])
	if omni {
		b = fmt.Appendf(b, `,"category_applied_input_types":{%s}`, applied[1:])
	}
	return append(b, '}')
}
