package sim

import (
	"encoding/json"
	"math/rand/v2"
	"slices"
	"strconv"
)

// tool is a function that a chat may call.
type tool struct {
	Type     string `json:"type"`
	Function struct {
		Name       string  `json:"name"`
		Parameters *schema `json:"parameters"`
	} `json:"function"`
}

// toolRequest is which of them are called; forced when tool_choice names one.
type toolRequest struct {
	called []tool
	forced bool
}

// toolCall is a call made.
type toolCall struct {
	index               int
	id, name, arguments string
}

// readTools reads tools and tool_choice and decides which are called: the rule is
// in the package comment.
func readTools(c *call, q *chat) (toolRequest, error) {
	var all []tool
	if _, err := c.get("tools", &all); err != nil {
		return toolRequest{}, err
	}
	for i, t := range all {
		if t.Function.Name == "" {
			return toolRequest{}, errMissing(c.surface, "tools["+strconv.Itoa(i)+"].function.name")
		}
	}
	var word string
	var named tool
	if raw := c.raw("tool_choice"); len(raw) > 0 && raw[0] == '"' {
		if _, err := c.get("tool_choice", &word); err != nil {
			return toolRequest{}, err
		}
	} else if _, err := c.get("tool_choice", &named); err != nil {
		return toolRequest{}, err
	}
	return q.decide(all, word, named)
}

// decide decides which of the tools are called, given tool_choice as a word or as
// the tool that it names.
func (q *chat) decide(all []tool, word string, named tool) (toolRequest, error) {
	if (word != "" || named.Function.Name != "") && len(all) == 0 {
		return toolRequest{}, errInvalid("tool_choice", "", "Invalid value for 'tool_choice': 'tool_choice' is only allowed when 'tools' are specified.")
	}
	if name := named.Function.Name; name != "" {
		i := slices.IndexFunc(all, func(t tool) bool { return t.Function.Name == name })
		if i < 0 {
			return toolRequest{}, errInvalid("tool_choice", "", "Tool choice names a function that is not in 'tools'.")
		}
		return toolRequest{called: all[i : i+1], forced: true}, nil
	}
	answered := q.last().role == "tool" || q.last().role == "function"
	switch {
	case len(all) == 0 || word == "none" || q.phrases.plain:
		return toolRequest{}, nil
	case q.phrases.everyTool:
		return toolRequest{called: all}, nil
	case answered && !q.phrases.tool && word != "required":
		return toolRequest{}, nil
	}
	return toolRequest{called: all[:1]}, nil
}

// make makes the calls.
func (t *toolRequest) make(r *rand.Rand) []toolCall {
	calls := make([]toolCall, len(t.called))
	for i, called := range t.called {
		arguments := "{}"
		if p := called.Function.Parameters; p != nil {
			arguments = string(p.instance(r, 0))
		}
		calls[i] = toolCall{index: i, id: randomID("call_", 24), name: called.Function.Name, arguments: arguments}
	}
	return calls
}

// append adds the call, its last brace apart.
func (t *toolCall) append(b []byte, arguments string) []byte {
	b = append(b, `{"function":{"arguments":`...)
	b = appendString(b, arguments)
	b = append(b, `,"name":`...)
	b = appendString(b, t.name)
	b = append(b, `},"id":"`...)
	b = append(b, t.id...)
	return append(b, `","type":"function"`...)
}

// toolPart is what one event says of a call: who is called, or a fragment of the
// arguments.
type toolPart struct {
	call     *toolCall
	head     bool
	fragment string
	tokens   int
}

// partsOf cuts calls as a stream sends them.
func partsOf(calls []toolCall) []toolPart {
	var parts []toolPart
	for i := range calls {
		parts = append(parts, toolPart{call: &calls[i], head: true, tokens: countTokens(calls[i].name)})
		for _, fragment := range splitTokens(calls[i].arguments) {
			parts = append(parts, toolPart{call: &calls[i], fragment: fragment, tokens: 1})
		}
	}
	return parts
}

func (p *toolPart) append(b []byte) []byte {
	if p.head {
		b = p.call.append(b, "")
	} else {
		b = append(b, `{"function":{"arguments":`...)
		b = appendString(b, p.fragment)
		b = append(b, '}')
	}
	b = append(b, ',')
	b = appendKeyInt(b, "index", p.call.index)
	return append(b, '}')
}

// readFormat is the schema that response_format asks for: any object for
// json_object, nil for text.
func readFormat(c *call) (*schema, error) {
	var format struct {
		Type       string `json:"type"`
		JSONSchema struct {
			Schema json.RawMessage `json:"schema"`
		} `json:"json_schema"`
	}
	if _, err := c.get("response_format", &format); err != nil {
		return nil, err
	}
	switch format.Type {
	case "", "text":
		return nil, nil
	case "json_object":
		return answerSchema(), nil
	case "json_schema":
		s := &schema{}
		if len(format.JSONSchema.Schema) == 0 {
			return nil, errMissing(c.surface, "response_format.json_schema.schema")
		}
		if err := json.Unmarshal(format.JSONSchema.Schema, s); err != nil {
			return nil, wrongType("response_format.json_schema.schema", err)
		}
		return s, nil
	}
	return nil, errInvalid("response_format.type", "invalid_value", "Invalid value for 'response_format.type'. Supported values are: 'json_object', 'json_schema', and 'text'.")
}
