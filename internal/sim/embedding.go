package sim

import (
	"encoding/base64"
	"encoding/binary"
	"math"
	"strconv"
	"strings"
)

const maxInputs = 2048

// embedding is a request for embeddings, read and checked.
type embedding struct {
	inputs     prompts
	phrases    phrases
	dimensions int
	encoding   string
}

func readEmbedding(c *call) (*embedding, error) {
	q := &embedding{encoding: "float"}
	found, err := c.get("input", &q.inputs)
	switch {
	case err != nil:
		return nil, err
	case !found:
		return nil, errMissing(c.surface, "input")
	case len(q.inputs) == 0:
		return nil, errInvalid("input", "empty_array", "Invalid 'input': input cannot be an empty array.")
	case len(q.inputs) > maxInputs:
		return nil, errInvalid("input", "array_above_max_length", "Invalid 'input': array too long. Expected an array with maximum length %d, but got an array with length %d instead.", maxInputs, len(q.inputs))
	}
	for _, in := range q.inputs {
		if in.tokens == 0 {
			return nil, errInvalid("input", "empty_string", "Invalid 'input': input cannot be an empty string.")
		}
		q.phrases.find(in.text)
	}
	m := &c.deployment.model
	if q.dimensions, err = c.count("dimensions", 1, m.dimensions, m.dimensions); err != nil {
		return nil, err
	}
	if q.dimensions != m.dimensions && !m.variable {
		return nil, errInvalid("dimensions", "", "This model does not support specifying dimensions.")
	}
	if _, err := c.get("encoding_format", &q.encoding); err != nil {
		return nil, err
	}
	if q.encoding != "float" && q.encoding != "base64" {
		return nil, errInvalid("encoding_format", "invalid_value", "Invalid value for 'encoding_format'. Supported values are: 'float' and 'base64'.")
	}
	return q, nil
}

// answerEmbedding answers embeddings: one vector for each input.
func answerEmbedding(c *call) (*reply, error) {
	q, err := readEmbedding(c)
	if err != nil {
		return nil, err
	}
	m := &c.deployment.model
	tokens := q.inputs.tokens()
	if err := c.admit(tokens); err != nil {
		return nil, err
	}
	if err := q.phrases.refused(c.surface); err != nil {
		return nil, err
	}
	b := &body{open: []byte(`{"object":"list","data":[`)}
	for i, in := range q.inputs {
		if i > 0 {
			b.open = append(b.open, ',')
		}
		b.open = append(b.open, '{')
		b.open = append(b.open, `"object":"embedding",`...)
		b.open = appendKeyInt(b.open, "index", i)
		b.open = append(b.open, `,"embedding":`...)
		b.open = appendVector(b.open, embed(m, in.text, q.dimensions), q.encoding)
		b.open = append(b.open, '}')
	}
	b.open = append(b.open, `],"model":`...)
	b.open = appendString(b.open, m.id)
	b.open = append(b.open, `,"usage":{`...)
	b.open = appendKeyInt(b.open, "prompt_tokens", tokens)
	b.open = append(b.open, ',')
	b.open = appendKeyInt(b.open, "total_tokens", tokens)
	b.open = append(b.open, "}}"...)
	return &reply{plain: b, prompt: tokens}, nil
}

// How a vector is made: each word moves wordPlaces of its numbers by one, up or
// down, over a ground of noise that is the text's own.
const (
	wordPlaces = 16
	noise      = 0.05
)

// embed is the unit vector of a text. One of fewer dimensions than the model's is
// the beginning of the whole one, brought to length one again, as with the models
// that allow it.
func embed(m *model, text string, dimensions int) []float32 {
	whole := make([]float64, m.dimensions)
	base := newDigest(0).text(m.id)
	ground := base.text(text).rand()
	for i := range whole {
		whole[i] = noise * (2*ground.Float64() - 1)
	}
	for word := range strings.FieldsSeq(strings.ToLower(text)) {
		r := base.text("word").text(strings.Trim(word, `.,;:!?"'()`)).rand()
		for range wordPlaces {
			n := r.Uint64()
			whole[int(n>>1)%len(whole)] += float64(int64(n&1)*2 - 1)
		}
	}
	cut := whole[:dimensions]
	sum := 0.0
	for _, x := range cut {
		sum += x * x
	}
	out := make([]float32, dimensions)
	for i, x := range cut {
		out[i] = float32(x / math.Sqrt(sum))
	}
	return out
}

// appendVector adds a vector as numbers, or as the base64 of its little-endian
// IEEE 754 single floats.
func appendVector(b []byte, v []float32, encoding string) []byte {
	if encoding == "base64" {
		raw := make([]byte, 0, 4*len(v))
		for _, x := range v {
			raw = binary.LittleEndian.AppendUint32(raw, math.Float32bits(x))
		}
		b = append(b, '"')
		b = base64.StdEncoding.AppendEncode(b, raw)
		return append(b, '"')
	}
	b = append(b, '[')
	for i, x := range v {
		if i > 0 {
			b = append(b, ',')
		}
		b = strconv.AppendFloat(b, float64(x), 'g', -1, 32)
	}
	return append(b, ']')
}
