package sim

import (
	"fmt"
	"strconv"
)

// Tokens of a picture that is embedded.
const embeddedImage = 256

// answerImageEmbedding answers embeddings of pictures with or without a text: a
// vector of what their addresses or bytes read as.
func answerImageEmbedding(c *call) (*reply, error) {
	var inputs []struct {
		Image string `json:"image"`
		Text  string `json:"text"`
	}
	found, err := c.get("input", &inputs)
	if err != nil {
		return nil, err
	}
	if !found || len(inputs) == 0 {
		return nil, errMissing(c.surface, "input")
	}
	m := &c.deployment.model
	dimensions, err := c.count("dimensions", 1, m.dimensions, m.dimensions)
	if err != nil {
		return nil, err
	}
	encoding, err := c.choice("encoding_format", []string{"float", "base64"})
	if err != nil {
		return nil, err
	}
	tokens := 0
	for i, in := range inputs {
		if in.Image == "" {
			return nil, errMissing(c.surface, "input["+strconv.Itoa(i)+"].image")
		}
		tokens += embeddedImage + countTokens(in.Text)
	}
	if err := c.admit(tokens); err != nil {
		return nil, err
	}
	b := fmt.Appendf(nil, `{"id":"%s","object":"list","data":[`, newRequestID(classic))
	for i, in := range inputs {
		if i > 0 {
			b = append(b, ',')
		}
		b = fmt.Appendf(b, `{"object":"embedding","index":%d,"embedding":`, i)
		b = append(appendVector(b, embed(m, in.Image+" "+in.Text, dimensions), encoding), '}')
	}
	b = fmt.Appendf(b, `],"model":%s,"usage":{"prompt_tokens":%d,"total_tokens":%d}}`, appendString(nil, m.id), tokens, tokens)
	return &reply{plain: &body{open: b}, prompt: tokens}, nil
}

// modelTypes is model_type by what a model can do; the first that fits.
var modelTypes = []struct {
	can  ability
	name string
}{
	{chats, "chat-completion"}, {completes, "text-generation"}, {embeds, "embeddings"}, {draws, "image-generation"},
	{transcribes, "audio-generation"}, {speaks, "audio-generation"}, {realtimes, "chat-completion"},
}

// answerModelInfo tells about the deployment that the query's model names, or the
// first one.
func answerModelInfo(c *call) (*reply, error) {
	name := either(c.r.URL.Query().Get("model"), c.sim.firstThat(noAbility))
	if err := c.useDeployment(name, noAbility); err != nil {
		return nil, err
	}
	kind := "text-generation"
	for _, t := range modelTypes {
		if c.deployment.model.does(t.can) {
			kind = t.name
			break
		}
	}
	return &reply{plain: &body{open: fmt.Appendf(nil, `{"model_name":%s,"model_type":"%s","model_provider_name":"weir-simulator"}`,
		appendString(nil, c.deployment.model.id), kind)}}, nil
}
