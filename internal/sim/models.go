package sim

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// model is what is known of a model. Names and versions are those of Microsoft
// Learn's page "Azure OpenAI models".
type model struct {
	base string
	// version is a date or a number; id joins both where Azure does so.
	version string
	id      string
	can     []ability
	// dimensions of an embedding; variable when a request may ask for fewer.
	dimensions int
	variable   bool
	reasons    bool
	// fingerprint and session follow from id.
	fingerprint, session string
}

func knownModels() []model {
	chat, both := []ability{chats}, []ability{chats, completes}
	return []model{
		{base: "gpt-4o", version: "2024-08-06", can: chat},
		{base: "gpt-4o-mini", version: "2024-07-18", can: chat},
		{base: "gpt-4.1", version: "2025-04-14", can: chat},
		{base: "gpt-4.1-mini", version: "2025-04-14", can: chat},
		{base: "gpt-4.1-nano", version: "2025-04-14", can: chat},
		{base: "gpt-4", version: "0613", can: chat},
		{base: "gpt-35-turbo", can: both},
		{base: "gpt-3.5-turbo", version: "0125", can: chat},
		{base: "gpt-35-turbo-instruct", can: []ability{completes}},
		{base: "gpt-3.5-turbo-instruct", version: "0914", can: []ability{completes}},
		{base: "o1", version: "2024-12-17", can: chat, reasons: true},
		{base: "o3-mini", version: "2025-01-31", can: chat, reasons: true},
		{base: "o4-mini", version: "2025-04-16", can: chat, reasons: true},
		{base: "gpt-5", version: "2025-08-07", can: chat, reasons: true},
		{base: "dall-e-2", can: []ability{draws, edits, varies}},
		{base: "dall-e-3", can: []ability{draws}},
		{base: "gpt-image-1", can: []ability{draws, edits}},
		{base: "gpt-image-1-mini", can: []ability{draws, edits}},
		{base: "whisper", can: []ability{transcribes, translates}},
		{base: "whisper-1", can: []ability{transcribes, translates}},
		{base: "gpt-4o-transcribe", can: []ability{transcribes}},
		{base: "gpt-4o-mini-transcribe", can: []ability{transcribes}},
		{base: "tts", can: []ability{speaks}},
		{base: "tts-1", can: []ability{speaks}},
		{base: "tts-hd", can: []ability{speaks}},
		{base: "tts-1-hd", can: []ability{speaks}},
		{base: "gpt-4o-mini-tts", can: []ability{speaks}},
		{base: "gpt-4o-realtime-preview", can: []ability{realtimes}},
		{base: "gpt-4o-mini-realtime-preview", can: []ability{realtimes}},
		{base: "gpt-realtime", can: []ability{realtimes}},
		{base: "omni-moderation-latest", can: []ability{moderates}},
		{base: "text-moderation-latest", can: []ability{moderates}},
		{base: "text-embedding-ada-002", can: []ability{embeds}, dimensions: 1536},
		{base: "text-embedding-3-small", can: []ability{embeds}, dimensions: 1536, variable: true},
		{base: "text-embedding-3-large", can: []ability{embeds}, dimensions: 3072, variable: true},
	}
}

// everything is what a model can do that is not known.
var everything = []ability{chats, completes, embeds, draws, edits, varies, transcribes, translates, speaks, moderates, realtimes}

// modelOf finds a model by its base name. One that is not known can do everything
// and is called by its name alone.
func modelOf(name string) model {
	known := knownModels()
	m := model{base: name, can: everything, dimensions: 1536, variable: true}
	if i := slices.IndexFunc(known, func(k model) bool { return k.base == name }); i >= 0 {
		m = known[i]
	}
	m.id = m.base
	if m.version != "" {
		m.id += "-" + m.version
	}
	d := uint64(newDigest(0).text(m.id))
	m.fingerprint = string(appendHex([]byte("fp_"), d, 10))
	m.session = string(appendHex([]byte("sim-"), d>>24, 8))
	return m
}

// billsSeconds says whether a model that writes down speech is billed by time, not
// by tokens.
func (m *model) billsSeconds() bool { return strings.HasPrefix(m.base, "whisper") }

// does says whether the model can do what is needed, which may be nothing.
func (m *model) does(needs ability) bool { return needs == noAbility || slices.Contains(m.can, needs) }

// listed is the models of all deployments, sorted by what they are called on the
// surface: by model id at Azure, by deployment's name at OpenAI.
func (c *call) listed() []listedModel {
	var out []listedModel
	for _, d := range c.sim.deployments.all() {
		l := listedModel{id: d.model.id, model: d.model}
		if c.surface == native {
			l.id = d.Name
		}
		out = append(out, l)
	}
	slices.SortFunc(out, func(a, b listedModel) int { return cmp.Compare(a.id, b.id) })
	return slices.CompactFunc(out, func(a, b listedModel) bool { return a.id == b.id })
}

type listedModel struct {
	id    string
	model model
}

func answerModels(c *call) (*reply, error) {
	b := &body{}
	open, end := `{"data":[`, `],"object":"list"}`
	if c.surface == native {
		open, end = `{"object":"list","data":[`, `]}`
	}
	b.open = append(b.open, open...)
	for i, l := range c.listed() {
		if i > 0 {
			b.open = append(b.open, ',')
		}
		b.open = c.appendModel(b.open, l)
	}
	b.open = append(b.open, end...)
	return &reply{plain: b}, nil
}

func answerModel(c *call) (*reply, error) {
	id := c.r.PathValue("id")
	for _, l := range c.listed() {
		if l.id == id {
			return &reply{plain: &body{open: c.appendModel(nil, l)}}, nil
		}
	}
	if c.surface == native {
		return nil, &apiError{status: 404, kind: invalidRequest, param: "model", code: "model_not_found", message: "The model '" + id + "' does not exist"}
	}
	return nil, &apiError{status: 404, code: "ResourceNotFound", message: "The specified model does not exist."}
}

// modelCreated is when the simulated models were made: 1 August 2024.
const modelCreated = 1722470400

func (c *call) appendModel(b []byte, l listedModel) []byte {
	if c.surface != classic {
		b = append(b, `{"id":`...)
		b = appendString(b, l.id)
		return fmt.Appendf(b, `,"object":"model","created":%d,"owned_by":"weir-simulator"}`, modelCreated)
	}
	can := func(a ability) bool { return slices.Contains(l.model.can, a) }
	status := "generally-available"
	if strings.Contains(l.id, "preview") {
		status = "preview"
	}
	b = fmt.Appendf(b, `{"capabilities":{"chat_completion":%t,"completion":%t,"embeddings":%t,"fine_tune":false,"inference":true},"created_at":%d,"deprecation":{"inference":%d},"id":`,
		can(chats), can(completes), can(embeds), modelCreated, modelCreated+3*365*86400)
	b = appendString(b, l.id)
	return fmt.Appendf(b, `,"lifecycle_status":"%s","object":"model","status":"succeeded","updated_at":%d}`, status, modelCreated)
}
