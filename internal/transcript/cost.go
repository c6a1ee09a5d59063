package transcript

import (
	"encoding/base64"
	"image"
	"image/gif"
	"image/jpeg"
	"image/png"
	"io"
	"math"
	"strings"
)

// What a chat prompt costs follows OpenAI's cookbook, "How to count tokens with
// tiktoken": 3 tokens a message and 1 more when it has a name, its texts and its
// role, and 3 to begin the answer. Tools cost their names, descriptions and
// properties with constants around them. Images cost by size ("Images and
// vision", "Calculating costs"). None of it is exact: the templates of models are
// not public, and remote images are not fetched.
const (
	perMessage = 3
	perName    = 1
	priming    = 3
	perCall    = 3 // our allowance for what frames a call of a tool in the history

	audioBytesSecond  = 16_000 // of compressed audio
	wavBytesSecond    = 48_000 // 24 kHz, 16 bits, one channel
	audioTokensSecond = 10

	// maxSchemaDepth bounds the work that a hostile schema can make.
	maxSchemaDepth = 16
)

// family is what differs between models in the cost of tools and images. An
// image costs base and tile for every 512 px square; or, where patch is not 0,
// so much for every 32 px square.
type family struct {
	prefix     string
	tool       int
	base, tile int
	patch      float64
}

// families is searched for the first prefix that fits.
var families = []family{
	{prefix: "gpt-4o-mini", tool: 7, base: 2833, tile: 5667},
	{prefix: "gpt-4.1-mini", tool: 7, patch: 1.62},
	{prefix: "gpt-4.1-nano", tool: 7, patch: 2.46},
	{prefix: "gpt-5-mini", tool: 7, patch: 1.62},
	{prefix: "gpt-5-nano", tool: 7, patch: 2.46},
	{prefix: "gpt-5", tool: 7, base: 70, tile: 140},
	{prefix: "o4-mini", tool: 7, patch: 1.72},
	{prefix: "o1", tool: 7, base: 75, tile: 150},
	{prefix: "o3", tool: 7, base: 75, tile: 150},
	{prefix: "gpt-4o", tool: 7, base: 85, tile: 170},
	{prefix: "gpt-4.", tool: 7, base: 85, tile: 170},
	{prefix: "gpt-4", tool: 10, base: 85, tile: 170},
	{prefix: "gpt-35", tool: 10, base: 85, tile: 170},
	{prefix: "gpt-3.5", tool: 10, base: 85, tile: 170},
	{prefix: "", tool: 7, base: 85, tile: 170},
}

func familyOf(model string) family {
	model = strings.ToLower(model)
	i := 0
	for !strings.HasPrefix(model, families[i].prefix) {
		i++
	}
	return families[i]
}

// chatCost estimates the tokens of a chat request.
func chatCost(req string, c *counter) int {
	f := familyOf(c.model)
	n := priming
	tools := 0
	for k, v := range members(req) {
		switch k {
		case "messages":
			for raw := range elements(v) {
				n += messageCost(raw, f, c)
			}
		case "tools":
			for t := range elements(v) {
				tools += toolCost(get(t, "function"), f, c)
			}
		case "functions":
			for t := range elements(v) {
				tools += toolCost(t, f, c)
			}
		case "response_format":
			if schema := get(v, "json_schema"); isObject(schema) {
				n += c.text(compact(schema))
			}
		}
	}
	if tools > 0 {
		tools += 12
	}
	return n + tools
}

func messageCost(raw string, f family, c *counter) int {
	m := readMessage(raw)
	n := perMessage + c.text(m.role) + c.text(m.refusal)
	if m.name != "" {
		n += perName + c.text(m.name)
	}
	for call := range m.calls() {
		n += perCall + c.text(call.name) + c.text(call.arguments)
	}
	n += c.text(text(m.content))
	for part := range elements(m.content) {
		if media, is := partCost(part, f); is {
			n += media
		} else {
			n += c.text(partText(part))
		}
	}
	return n
}

// partCost estimates a part of a content that is no text; a file costs nothing
// that could be told.
func partCost(part string, f family) (n int, is bool) {
	switch text(get(part, "type")) {
	case "image_url", "input_image":
		return imageCost(get(part, "image_url"), f), true
	case "input_audio":
		return audioCost(get(part, "input_audio")), true
	case "file", "input_file":
		return 0, true
	}
	return 0, false
}

// toolCost counts a function's definition as the cookbook's num_tokens_for_tools
// does, properties of properties included.
func toolCost(fn string, f family, c *counter) int {
	if !isObject(fn) {
		return 0
	}
	n := f.tool + c.text(text(get(fn, "name"))+":"+strings.TrimSuffix(text(get(fn, "description")), "."))
	return n + propertiesCost(get(fn, "parameters"), 0, c)
}

func propertiesCost(schema string, depth int, c *counter) int {
	n := 0
	if depth > maxSchemaDepth {
		return n
	}
	for name, p := range members(get(schema, "properties")) {
		if n == 0 {
			n = 3
		}
		n += 3 + c.text(name+":"+text(get(p, "type"))+":"+strings.TrimSuffix(text(get(p, "description")), "."))
		if enum := get(p, "enum"); isArray(enum) {
			n -= 3
			for v := range elements(enum) {
				n += 3 + c.text(text(v))
			}
		}
		n += propertiesCost(p, depth+1, c) + propertiesCost(get(p, "items"), depth+1, c)
	}
	return n
}

// imageCost estimates an image by its size, which is read from a data URL; one
// that stands elsewhere counts as 1024 by 1024.
func imageCost(raw string, f family) int {
	url := text(raw)
	if isObject(raw) {
		url = text(get(raw, "url"))
		if text(get(raw, "detail")) == "low" && f.patch == 0 {
			return f.base
		}
	}
	w, h := imageSize(url)
	if f.patch > 0 {
		patches := math.Ceil(w/32) * math.Ceil(h/32)
		return int(math.Ceil(min(patches, 1536) * f.patch))
	}
	if s := 2048 / max(w, h); s < 1 {
		w, h = w*s, h*s
	}
	if s := 768 / min(w, h); s < 1 {
		w, h = w*s, h*s
	}
	return f.base + f.tile*int(math.Ceil(w/512)*math.Ceil(h/512))
}

func imageSize(url string) (w, h float64) {
	const unknown = 1024
	rest, ok := strings.CutPrefix(url, "data:image/")
	if !ok {
		return unknown, unknown
	}
	kind, data, ok := strings.Cut(rest, ";base64,")
	if !ok {
		return unknown, unknown
	}
	var config func(io.Reader) (image.Config, error)
	switch kind {
	case "png":
		config = png.DecodeConfig
	case "jpeg", "jpg":
		config = jpeg.DecodeConfig
	case "gif":
		config = gif.DecodeConfig
	default:
		return unknown, unknown
	}
	size, err := config(base64.NewDecoder(base64.StdEncoding, strings.NewReader(data)))
	if err != nil || size.Width <= 0 || size.Height <= 0 {
		return unknown, unknown
	}
	return float64(size.Width), float64(size.Height)
}

// audioCost estimates audio by its length, and that by its size.
func audioCost(raw string) int {
	second := audioBytesSecond
	if text(get(raw, "format")) == "wav" {
		second = wavBytesSecond
	}
	data := get(raw, "data")
	return len(data) * 3 / 4 * audioTokensSecond / second
}
