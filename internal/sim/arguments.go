package sim

import (
	"cmp"
	"encoding/json"
	"errors"
	"slices"
	"strings"
)

// get decodes the argument of that name into v and reports whether it was there
// and not null.
func (c *call) get(name string, v any) (bool, error) {
	raw := c.raw(name)
	if raw == nil {
		return false, nil
	}
	if err := json.Unmarshal(raw, v); err != nil {
		return true, wrongType(name, err)
	}
	return true, nil
}

// raw is the JSON of the argument of that name, nil when there is none or null. Of
// two, the last counts.
func (c *call) raw(name string) []byte {
	for i := len(c.args) - 1; i >= 0; i-- {
		if c.args[i].name != name {
			continue
		}
		if string(c.args[i].raw) == "null" {
			return nil
		}
		return c.args[i].raw
	}
	return nil
}

// wrongType says which argument has the wrong type, and which it has, but not
// what it holds.
func wrongType(name string, err error) *apiError {
	got := "something else"
	if t := (*json.UnmarshalTypeError)(nil); errors.As(err, &t) {
		if t.Field != "" {
			name += "." + t.Field
		}
		// Value is a JSON type, with the number itself for numbers.
		got, _, _ = strings.Cut(t.Value, " ")
	}
	return errInvalid(name, "invalid_type", "Invalid type for '%s': got %s instead of what is expected there.", name, article(got))
}

// errType is wrongType where it is known what should be there.
func errType(name, want string) *apiError {
	return errInvalid(name, "invalid_type", "Invalid type for '%s': expected %s, but got something else.", name, want)
}

func article(noun string) string {
	if noun == "array" || noun == "object" {
		return "an " + noun
	}
	if noun == "something else" {
		return noun
	}
	return "a " + noun
}

// count reads a whole number argument within limits; otherwise when it is absent.
func (c *call) count(name string, low, high, otherwise int) (int, error) {
	n := otherwise
	if found, err := c.get(name, &n); err != nil || !found {
		return otherwise, err
	}
	if n < low {
		return 0, errInvalid(name, "integer_below_min_value", "Invalid '%s': integer below minimum value. Expected a value >= %d, but got %d instead.", name, low, n)
	}
	if n > high {
		return 0, errInvalid(name, "integer_above_max_value", "Invalid '%s': integer above maximum value. Expected a value <= %d, but got %d instead.", name, high, n)
	}
	return n, nil
}

// stopSequences reads stop: a string or a few.
func (c *call) stopSequences() ([]string, error) {
	raw := c.raw("stop")
	if len(raw) > 0 && raw[0] == '"' {
		var one string
		_, err := c.get("stop", &one)
		return []string{one}, err
	}
	var many []string
	_, err := c.get("stop", &many)
	if len(many) > 4 {
		return nil, errInvalid("stop", "array_above_max_length", "Invalid 'stop': array too long. Expected an array with maximum length 4, but got an array with length %d instead.", len(many))
	}
	return many, err
}

// streaming reads stream and stream_options.
func (c *call) streaming() (stream, usage bool, err error) {
	if _, err := c.get("stream", &stream); err != nil {
		return false, false, err
	}
	var options struct {
		IncludeUsage bool `json:"include_usage"`
	}
	found, err := c.get("stream_options", &options)
	if err == nil && found && !stream {
		err = errInvalid("stream_options", "", "The 'stream_options' parameter is only allowed when 'stream' is enabled.")
	}
	c.sim.ledger.identify(c.entry, c.op.id(), c.deploymentName(), stream)
	return stream, options.IncludeUsage, err
}

// choice reads a word that must be one of a few; the first when it is absent.
func (c *call) choice(name string, among []string) (string, error) {
	word := among[0]
	if _, err := c.get(name, &word); err != nil {
		return "", err
	}
	if word = cmp.Or(word, among[0]); !slices.Contains(among, word) {
		return "", errInvalid(name, "invalid_value", "Invalid value for '%s'. Supported values are: '%s'.", name, strings.Join(among, "', '"))
	}
	return word, nil
}
