package catalog

import (
	"strconv"
	"strings"
	"unicode/utf8"
)

// Span is a place in a body: the bytes from Start up to End. The zero Span is
// nowhere.
type Span struct{ Start, End int }

// Found says whether the span is somewhere.
func (s Span) Found() bool { return s.End > 0 }

// Body is what the gateway must know of a request's body, as places in it.
type Body struct {
	// Open is the offset behind the object's opening brace; Empty says that the
	// object has no members.
	Open  int
	Empty bool
	// Model is the value of model, with its quotes where it is a string.
	Model Span
	// Stream says that stream is true, Store that store is.
	Stream, Store bool
	// StreamOptions is the value of stream_options; OptionsOpen is the offset
	// behind its opening brace, 0 where it is no object.
	StreamOptions Span
	OptionsOpen   int
	OptionsEmpty  bool
	// IncludeUsage is the value of stream_options.include_usage, and whether it
	// is true.
	IncludeUsage Span
	AsksUsage    bool
}

// ModelName gives model as text; ok is false where it is absent or no string.
func (b *Body) ModelName(data []byte) (name string, ok bool) {
	if !b.Model.Found() || data[b.Model.Start] != '"' {
		return "", false
	}
	return unquote(data[b.Model.Start+1 : b.Model.End-1]), true
}

// BodyError says why a body is refused and where. Its text quotes nothing of
// the body but the name of a key that this package knows.
type BodyError struct {
	Offset int
	Text   string
	// Key is the policy-relevant key that stands there twice or misspelt, "" in
	// other cases.
	Key string
}

// Error gives the text.
func (e *BodyError) Error() string { return e.Text }

// maxDepth is how deep a body may nest.
const maxDepth = 512

// watched lists the top-level keys that decide what a call does or that the
// record shows. Parsers differ on which of two equal or case-variant keys
// counts, and the gateway must see what the backend sees.
var watched = [...]string{
	keyModel: "model", keyStream: "stream", keyStreamOptions: "stream_options", keyStore: "store",
	keyOthers + 0: "messages", keyOthers + 1: "prompt", keyOthers + 2: "input", keyOthers + 3: "user",
	keyOthers + 4: "metadata", keyOthers + 5: "n", keyOthers + 6: "max_tokens", keyOthers + 7: "max_completion_tokens",
	keyOthers + 8: "safety_identifier", keyOthers + 9: "tools", keyOthers + 10: "instructions",
	keyOthers + 11: "max_output_tokens", keyOthers + 12: "previous_response_id", keyOthers + 13: "conversation",
}

const (
	keyModel = iota
	keyStream
	keyStreamOptions
	keyStore
	keyOthers // where the rest of watched begins
)

// ReadBody reads the JSON object data in one pass. It refuses, with a
// [BodyError], what is not JSON (RFC 8259, UTF-8), not an object, nested deeper
// than 512, or has a policy-relevant key twice or in another case.
func ReadBody(data []byte) (Body, error) {
	var b Body
	s := scanner{data: data}
	err := s.body(&b)
	if err == nil && s.high >= utf8.RuneSelf && !utf8.Valid(data) {
		at := invalidUTF8(data)
		err = &BodyError{at, "the body is not valid UTF-8, at offset " + strconv.Itoa(at), ""}
	}
	if err != nil {
		return Body{}, err
	}
	return b, nil
}

func (s *scanner) body(b *Body) error {
	s.space()
	if s.pos == len(s.data) {
		return &BodyError{s.pos, "the body is empty", ""}
	}
	if s.data[s.pos] != '{' {
		if err := s.value(0); err != nil {
			return err
		}
		return &BodyError{0, "the body is JSON but not an object", ""}
	}
	s.pos++
	b.Open = s.pos
	var seen uint32
	empty, err := s.members(func(key []byte, start int) error {
		k, err := watchedKey(key, start, watched[:], &seen)
		if err != nil {
			return err
		}
		return s.topValue(b, k)
	})
	if err != nil {
		return err
	}
	b.Empty = empty
	s.space()
	if s.pos != len(s.data) {
		return notJSON(s.pos)
	}
	return nil
}

// topValue reads the value of a top-level key; k is its place in watched, -1
// for any other.
func (s *scanner) topValue(b *Body, k int) error {
	start := s.pos
	if k == keyStreamOptions && s.pos < len(s.data) && s.data[s.pos] == '{' {
		if err := s.streamOptions(b); err != nil {
			return err
		}
	} else if err := s.value(1); err != nil {
		return err
	}
	at := Span{start, s.pos}
	switch k {
	case keyModel:
		b.Model = at
	case keyStream:
		b.Stream = s.data[start] == 't'
	case keyStore:
		b.Store = s.data[start] == 't'
	case keyStreamOptions:
		b.StreamOptions = at
	}
	return nil
}

func (s *scanner) streamOptions(b *Body) error {
	s.pos++
	b.OptionsOpen = s.pos
	var seen uint32
	empty, err := s.members(func(key []byte, start int) error {
		k, err := watchedKey(key, start, []string{"include_usage"}, &seen)
		if err != nil {
			return err
		}
		from := s.pos
		if err := s.value(2); err != nil {
			return err
		}
		if k == 0 {
			b.IncludeUsage, b.AsksUsage = Span{from, s.pos}, s.data[from] == 't'
		}
		return nil
	})
	b.OptionsEmpty = empty
	return err
}

// watchedKey finds key among names, -1 when it is none of them, and refuses it
// where it was seen before or differs from a name by case only.
func watchedKey(key []byte, at int, names []string, seen *uint32) (int, error) {
	plain := true
	for _, c := range key {
		if c == '\\' || c >= utf8.RuneSelf {
			plain = false
			break
		}
	}
	text := ""
	if !plain {
		text = unquote(key)
	}
	for k, name := range names {
		if plain && (len(key) != len(name) || key[0]|0x20 != name[0]) {
			continue
		}
		if plain && string(key) != name || !plain && text != name {
			if plain && strings.EqualFold(string(key), name) || !plain && strings.EqualFold(text, name) {
				return -1, &BodyError{at, "the key " + name + " is written in another case", name}
			}
			continue
		}
		if *seen&(1<<k) != 0 {
			return -1, &BodyError{at, "the key " + name + " stands there twice", name}
		}
		*seen |= 1 << k
		return k, nil
	}
	return -1, nil
}
