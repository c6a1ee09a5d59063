package sim

import (
	"slices"
	"strings"
)

// imageFamily is what models that make pictures differ in.
type imageFamily struct {
	prefix string // of the model's base name
	sizes  []string
	most   int // pictures in one call
	// tokens are answered as usage and in base64 only; links may be asked for,
	// and are the default.
	tokens, links bool
	revises       bool
	promptBytes   int
}

// imageFamilies are told by the first prefix that fits.
var imageFamilies = []imageFamily{
	{prefix: "dall-e-2", sizes: []string{"1024x1024", "256x256", "512x512"}, most: 10, links: true, promptBytes: 1000},
	{prefix: "dall-e-3", sizes: []string{"1024x1024", "1792x1024", "1024x1792"}, most: 1, links: true, revises: true, promptBytes: 4000},
	{prefix: "", sizes: []string{"1024x1024", "1536x1024", "1024x1536", "auto"}, most: 10, tokens: true, promptBytes: 32000},
}

// Tokens of a picture by quality, for a square and for the other sizes, after
// OpenAI's guide to image generation; and of one that came to be edited.
var (
	imageTokens      = map[string][2]int{"low": {272, 400}, "medium": {1056, 1568}, "high": {4160, 6208}}
	editedTokens     = 194
	imageFormats     = []string{"png", "jpeg", "webp"}
	imageBackgrounds = []string{"auto", "transparent", "opaque"}
	imageQualities   = []string{"auto", "low", "medium", "high"}
	dalleQualities   = []string{"standard", "hd"}
)

// image is a request for pictures, read and checked.
type image struct {
	family     *imageFamily
	prompt     string
	n          int
	size       string
	quality    string
	background string
	format     string // of the file
	link       bool
	stream     bool
	partials   int
	digest     digest
	phrases    phrases
	usage      imageUsage
}

// imageUsage is tokens as gpt-image models count them.
type imageUsage struct{ text, image, output int }

func (u imageUsage) append(b []byte) []byte {
	b = append(b, '{')
	b = appendKeyInt(b, "input_tokens", u.text+u.image)
	b = append(b, `,"input_tokens_details":{`...)
	b = appendKeyInt(b, "image_tokens", u.image)
	b = append(b, ',')
	b = appendKeyInt(b, "text_tokens", u.text)
	b = append(b, "},"...)
	b = appendKeyInt(b, "output_tokens", u.output)
	b = append(b, ',')
	b = appendKeyInt(b, "total_tokens", u.text+u.image+u.output)
	return append(b, '}')
}

// familyOf finds what a model's pictures are like.
func familyOf(base string) *imageFamily {
	i := slices.IndexFunc(imageFamilies, func(f imageFamily) bool { return strings.HasPrefix(base, f.prefix) })
	return &imageFamilies[i]
}

// readImage reads the request for pictures of one family. A variation has no
// prompt.
func readImage(c *call, family *imageFamily) (*image, error) {
	q := &image{family: family}
	if err := q.readPrompt(c); err != nil {
		return nil, err
	}
	var err error
	if q.n, err = c.count("n", 1, family.most, 1); err != nil {
		return nil, err
	}
	qualities := imageQualities
	if !family.tokens {
		qualities = dalleQualities
	}
	for _, choice := range []struct {
		name  string
		to    *string
		among []string
	}{
		{"size", &q.size, family.sizes}, {"quality", &q.quality, qualities},
		{"background", &q.background, imageBackgrounds}, {"output_format", &q.format, imageFormats},
	} {
		if *choice.to, err = c.choice(choice.name, choice.among); err != nil {
			return nil, err
		}
	}
	if q.link, err = q.readLink(c); err != nil {
		return nil, err
	}
	if q.stream, _, err = c.streaming(); err != nil {
		return nil, err
	}
	if q.stream && !family.tokens {
		return nil, errInvalid("stream", "unsupported_value", "The 'stream' parameter is not supported by this model.")
	}
	if q.partials, err = c.count("partial_images", 0, 3, 0); err != nil {
		return nil, err
	}
	q.settle(c)
	return q, nil
}

func (q *image) readPrompt(c *call) error {
	if !c.op.takes("prompt", c.surface, c.version) {
		return nil
	}
	found, err := c.get("prompt", &q.prompt)
	switch {
	case err != nil:
		return err
	case !found:
		return errMissing(c.surface, "prompt")
	case q.prompt == "":
		return errInvalid("prompt", "empty_string", "Invalid 'prompt': empty string. Expected a string with minimum length 1, but got an empty string instead.")
	case len(q.prompt) > q.family.promptBytes:
		return errInvalid("prompt", "string_above_max_length", "Invalid 'prompt': string too long. Expected a string with maximum length %d, but got a string with length %d instead.", q.family.promptBytes, len(q.prompt))
	}
	q.phrases.find(q.prompt)
	return nil
}

// readLink reads response_format, which gpt-image models do not have.
func (q *image) readLink(c *call) (bool, error) {
	if !q.family.links {
		if c.raw("response_format") != nil {
			return false, errUnknownArgument(c.surface, "response_format")
		}
		return false, nil
	}
	format, err := c.choice("response_format", []string{"url", "b64_json"})
	return format == "url", err
}

// settle decides what was left open, and counts.
func (q *image) settle(c *call) {
	q.digest = newDigest(c.sim.opts.Seed).text(c.op.name).text(q.prompt).text(q.size)
	for _, u := range c.files {
		q.digest = q.digest.text(u.part).number(uint64(u.digest))
	}
	if !q.family.tokens {
		return
	}
	if q.size == "auto" {
		q.size = "1024x1024"
	}
	if q.quality == "auto" {
		q.quality = "high"
	}
	if q.background == "auto" {
		q.background = "opaque"
	}
	each := imageTokens[q.quality][0]
	if q.size != "1024x1024" {
		each = imageTokens[q.quality][1]
	}
	q.usage = imageUsage{text: countTokens(q.prompt), image: editedTokens * len(c.files), output: each * q.n}
}

// answerImages answers generations, edits and variations.
func answerImages(c *call) (*reply, error) {
	q, err := readImage(c, familyOf(c.deployment.model.base))
	if err != nil {
		return nil, err
	}
	if err := c.admit(max(1, q.usage.text+q.usage.image+q.usage.output)); err != nil {
		return nil, err
	}
	if q.phrases.filter {
		return nil, errImageFiltered(c.surface)
	}
	a := &reply{prompt: q.usage.text + q.usage.image, completion: q.usage.output, undone: true}
	if q.stream {
		a.stream = func(e *events) error { return q.writeStream(e) }
	} else {
		a.plain = q.body(c)
	}
	return a, nil
}
