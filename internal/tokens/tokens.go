// Package tokens counts the tokens of a text as OpenAI's models do, offline, for
// the exchanges whose backend did not say how many there were.
//
// What always holds: a count needs no network; an encoding's vocabulary is in
// memory only once a model that uses it has been counted; the cost of one count
// is bounded whatever the text (see [Counter.Count]); and no text is kept.
package tokens

import (
	"fmt"
	"strings"
	"sync"
	"unicode/utf8"

	"github.com/tiktoken-go/tokenizer"
)

// exactBytes is how much of a text is tokenised; what is beyond it is reckoned
// at the same tokens a byte. It is the text of some 250,000 tokens, more than
// most models take, and keeps a hostile body from holding up the store.
const exactBytes = 1 << 20

// encodings maps the names of models to their encodings by the first row whose
// prefix fits (tiktoken's model.py, and Azure's spellings, which write no dot).
// A prefix ends where a word of the name ends, unless it ends in a dash itself.
var encodings = []struct {
	prefix   string
	encoding tokenizer.Encoding
}{
	{"gpt-4o", tokenizer.O200kBase},
	{"chatgpt-4o", tokenizer.O200kBase},
	{"gpt-4.1", tokenizer.O200kBase},
	{"gpt-41", tokenizer.O200kBase},
	{"gpt-4.5", tokenizer.O200kBase},
	{"gpt-45", tokenizer.O200kBase},
	{"gpt-5", tokenizer.O200kBase},
	{"gpt-oss", tokenizer.O200kBase},
	{"o1", tokenizer.O200kBase},
	{"o3", tokenizer.O200kBase},
	{"o4", tokenizer.O200kBase},
	{"gpt-4", tokenizer.Cl100kBase},
	{"gpt-3.5", tokenizer.Cl100kBase},
	{"gpt-35", tokenizer.Cl100kBase},
	{"text-embedding-", tokenizer.Cl100kBase},
	{"davinci-002", tokenizer.Cl100kBase},
	{"babbage-002", tokenizer.Cl100kBase},
}

// fallback is the encoding of models that nothing is known of: the newest.
const fallback = tokenizer.O200kBase

// Counter counts tokens. Its methods may be called concurrently.
type Counter struct {
	mu     sync.Mutex
	codecs map[tokenizer.Encoding]tokenizer.Codec
}

// New returns a counter that has loaded no encoding yet.
func New() *Counter {
	return &Counter{codecs: map[tokenizer.Encoding]tokenizer.Codec{}}
}

// Count gives how many tokens text is to the model of that name: OpenAI's name
// or Azure's, in any case, with or without a date, a fine-tune's "ft:" or a
// vendor's path before it. A model that is not known counts as the newest do.
// Text that looks like a special token is counted as the text it is. Beyond its
// first megabyte a text is not counted but reckoned from that.
func (c *Counter) Count(model, text string) (n int) {
	if text == "" {
		return 0
	}
	head := text
	if len(head) > exactBytes {
		cut := exactBytes
		for cut > 0 && !utf8.RuneStart(head[cut]) {
			cut--
		}
		head = head[:cut]
	}
	n = c.count(encodingOf(model), head)
	if len(head) < len(text) {
		n = int(float64(n) * float64(len(text)) / float64(len(head)))
	}
	return n
}

// encodingOf gives the encoding of a model by its name.
func encodingOf(model string) tokenizer.Encoding {
	name := strings.ToLower(model)
	name = name[strings.LastIndexByte(name, '/')+1:]
	name = strings.TrimPrefix(name, "ft:")
	for _, e := range encodings {
		if rest, ok := strings.CutPrefix(name, e.prefix); ok && (rest == "" || e.prefix[len(e.prefix)-1] == '-' || !wordByte(rest[0])) {
			return e.encoding
		}
	}
	for name != "" {
		if e := legacy(name); e != "" {
			return e
		}
		// A fine-tune's name is the model's, a colon, and more.
		name = name[:max(strings.LastIndexByte(name, ':'), 0)]
	}
	return fallback
}

func wordByte(b byte) bool { return 'a' <= b && b <= 'z' || '0' <= b && b <= '9' }

// legacy asks the library for the encoding of a model of before gpt-3.5, or
// gives "". Its names are those of tiktoken.
func legacy(name string) tokenizer.Encoding {
	known, err := tokenizer.ForModel(tokenizer.Model(name))
	if err != nil {
		return ""
	}
	return tokenizer.Encoding(known.GetName())
}

func (c *Counter) count(e tokenizer.Encoding, text string) int {
	codec, err := c.codec(e)
	if err == nil {
		var n int
		if n, err = codec.Count(text); err == nil {
			return n
		}
	}
	return (len(text) + 3) / 4 // OpenAI's rule of thumb: four characters a token
}

// codec gives the codec of an encoding, loading it when it is asked for first.
func (c *Counter) codec(e tokenizer.Encoding) (tokenizer.Codec, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if known, ok := c.codecs[e]; ok {
		return known, nil
	}
	codec, err := tokenizer.Get(e)
	if err != nil {
		return nil, fmt.Errorf("loading encoding %s: %w", e, err)
	}
	codec.SetErrorMode(tokenizer.ErrorModeReplace)
	c.codecs[e] = codec
	return codec, nil
}
