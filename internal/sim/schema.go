package sim

import (
	"encoding/json"
	"maps"
	"math"
	"math/rand/v2"
	"slices"
	"strconv"
)

// schema is as much of JSON Schema (2020-12) as making up an instance takes.
type schema struct {
	Type       typeName           `json:"type"`
	Properties map[string]*schema `json:"properties"`
	Items      *schema            `json:"items"`
	Enum       []json.RawMessage  `json:"enum"`
	Const      json.RawMessage    `json:"const"`
	AnyOf      []*schema          `json:"anyOf"`
	Ref        string             `json:"$ref"`
	Defs       map[string]*schema `json:"$defs"`
	Minimum    *float64           `json:"minimum"`
	Maximum    *float64           `json:"maximum"`
	MinItems   int                `json:"minItems"`
}

// typeName is "type": a name, or of several the first that is not null.
type typeName string

// UnmarshalJSON reads a name or a list of names.
func (t *typeName) UnmarshalJSON(data []byte) error {
	if data[0] != '[' {
		return json.Unmarshal(data, (*string)(t))
	}
	var names []string
	if err := json.Unmarshal(data, &names); err != nil {
		return err
	}
	for _, name := range names {
		if *t = typeName(name); name != "null" {
			break
		}
	}
	return nil
}

// Limits that keep a schema which refers to itself, or asks for very long lists,
// from running away.
const (
	maxDepth = 8
	maxItems = 100
)

// answerSchema is what json_object is answered by.
func answerSchema() *schema {
	text := &schema{Type: "string"}
	return &schema{Type: "object", Properties: map[string]*schema{
		"answer": text, "simulated": {Const: json.RawMessage("true")}, "things": {Type: "array", Items: text},
	}}
}

// instance makes up a value that the schema allows. Members are in the order of
// their names.
func (s *schema) instance(r *rand.Rand, depth int) []byte {
	return s.append(nil, s, r, depth)
}

func (s *schema) append(b []byte, root *schema, r *rand.Rand, depth int) []byte {
	switch {
	case s == nil || depth > maxDepth:
		return append(b, "null"...)
	case s.Ref != "":
		return root.resolve(s.Ref).append(b, root, r, depth+1)
	case len(s.Const) > 0:
		return append(b, s.Const...)
	case len(s.Enum) > 0:
		return append(b, s.Enum[r.IntN(len(s.Enum))]...)
	case len(s.AnyOf) > 0:
		return s.AnyOf[0].append(b, root, r, depth+1)
	}
	switch s.Type {
	case "string":
		return appendString(b, pick(r, slots["place"])+" "+pick(r, slots["things"]))
	case "integer", "number":
		return strconv.AppendInt(b, s.number(r), 10)
	case "boolean":
		return strconv.AppendBool(b, r.IntN(2) == 0)
	case "array":
		b = append(b, '[')
		for i := range min(max(s.MinItems, 1+r.IntN(2)), maxItems) {
			if i > 0 {
				b = append(b, ',')
			}
			b = s.Items.append(b, root, r, depth+1)
		}
		return append(b, ']')
	case "null":
		return append(b, "null"...)
	}
	b = append(b, '{')
	for i, name := range slices.Sorted(maps.Keys(s.Properties)) {
		if i > 0 {
			b = append(b, ',')
		}
		b = appendString(b, name)
		b = append(b, ':')
		b = s.Properties[name].append(b, root, r, depth+1)
	}
	return append(b, '}')
}

// number makes up a whole number within the schema's limits.
func (s *schema) number(r *rand.Rand) int64 {
	low, high := 1.0, 100.0
	if s.Minimum != nil {
		low, high = *s.Minimum, math.Max(high, *s.Minimum)
	}
	if s.Maximum != nil {
		low, high = math.Min(low, *s.Maximum), *s.Maximum
	}
	const far = 1 << 53
	from, to := int64(max(-far, math.Ceil(low))), int64(min(far, math.Floor(high)))
	if to <= from {
		return from
	}
	return from + r.Int64N(to-from+1)
}

// resolve finds what "#" and "#/$defs/name" refer to, nil for other references.
func (s *schema) resolve(ref string) *schema {
	const defs = "#/$defs/"
	switch {
	case ref == "#":
		return s
	case len(ref) > len(defs) && ref[:len(defs)] == defs:
		return s.Defs[ref[len(defs):]]
	}
	return nil
}
