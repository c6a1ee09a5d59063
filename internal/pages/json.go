package pages

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
)

// member is one of an object's, its value as it came.
type member struct {
	name  string
	value json.RawMessage
}

var errNoObject = errors.New("no JSON object")

// members splits an object. Names are compared exactly, unlike in the structs
// of encoding/json, and doubled ones are all given.
func members(raw []byte) (all []member, err error) {
	dec := json.NewDecoder(bytes.NewReader(raw))
	if t, err := dec.Token(); err != nil || t != json.Delim('{') {
		return nil, errNoObject
	}
	for dec.More() {
		t, err := dec.Token()
		if err != nil {
			return nil, shapeOnly(err)
		}
		m := member{}
		m.name, _ = t.(string) // a name is one
		if err := dec.Decode(&m.value); err != nil {
			return nil, shapeOnly(err)
		}
		all = append(all, m)
	}
	if _, err := dec.Token(); err != nil {
		return nil, shapeOnly(err)
	}
	if _, err := dec.Token(); err != io.EOF {
		return nil, errors.New("something follows the JSON object")
	}
	return all, nil
}

// shapeOnly drops what an error may quote of the text.
func shapeOnly(err error) error {
	var syntax *json.SyntaxError
	switch {
	case errors.As(err, &syntax):
		return errors.New("invalid JSON")
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return errors.New("the JSON ends early")
	default:
		return errors.New("JSON of another shape")
	}
}
