package sim

import (
	"encoding/json"
	"strconv"
)

// Answers on a caller's own data: data_sources, or dataSources of the extensions
// of 2023, are taken as given and never reached. What they found is made up.

// maxSources is how many sources a chat takes.
const maxSources = 1

// citation is a passage that an answer refers to.
type citation struct {
	content, title, url, file string
}

// readSources makes up what the sources found, as message.context, and counts it.
func (q *chat) readSources(c *call) error {
	for _, name := range []string{"data_sources", "dataSources"} {
		raw := c.raw(name)
		if raw == nil {
			continue
		}
		var sources []struct {
			Type       string          `json:"type"`
			Parameters json.RawMessage `json:"parameters"`
		}
		if err := json.Unmarshal(raw, &sources); err != nil {
			return wrongType(name, err)
		}
		if len(sources) > maxSources {
			return errInvalid(name, "array_above_max_length", "Invalid '%s': only one data source is supported.", name)
		}
		for i, s := range sources {
			if s.Type == "" {
				return errMissing(c.surface, name+"["+strconv.Itoa(i)+"].type")
			}
			if len(s.Parameters) == 0 {
				return errMissing(c.surface, name+"["+strconv.Itoa(i)+"].parameters")
			}
			q.ground(newDigest(c.sim.opts.Seed).text(s.Type).text(q.lastUser()))
		}
	}
	return nil
}

// ground makes up the context.
func (q *chat) ground(d digest) {
	r := d.rand()
	b := []byte(`{"citations":[`)
	for i := range 2 {
		if i > 0 {
			b = append(b, ',')
		}
		thing := pick(r, slots["things"])
		cited := citation{content: "A simulated passage about " + thing + ".", title: "About " + thing, url: "https://documents.invalid/" + strconv.Itoa(i), file: "document-" + strconv.Itoa(i) + ".md"}
		b = append(b, `{"chunk_id":"0","content":`...)
		b = appendString(b, cited.content)
		b = append(b, `,"filepath":`...)
		b = appendString(b, cited.file)
		b = append(b, `,"title":`...)
		b = appendString(b, cited.title)
		b = append(b, `,"url":`...)
		b = append(appendString(b, cited.url), '}')
		q.prompt += countTokens(cited.content)
	}
	intent := append([]byte{'['}, appendString(nil, q.lastUser())...)
	b = append(b, `],"intent":`...)
	b = append(appendString(b, string(append(intent, ']'))), '}')
	q.context = string(b)
}
