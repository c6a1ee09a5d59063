package capture

import "bytes"

// Data gives the value of an event's only data field; ok is false when it has
// none or several.
func Data(event []byte) (data []byte, ok bool) {
	for len(event) > 0 {
		i := bytes.IndexAny(event, "\r\n")
		if i < 0 {
			i = len(event) - 1
		}
		line := event[:i+1]
		event = event[i+1:]
		v, is := bytes.CutPrefix(line, []byte("data:"))
		if !is {
			continue
		}
		if ok {
			return nil, false
		}
		v = bytes.TrimRight(v, "\r\n")
		data, ok = bytes.TrimPrefix(v, []byte(" ")), true
	}
	return data, ok
}

// typeWithin is in how many of an event's first bytes its type stands.
const typeWithin = 512

// IsTerminal says whether an event, or the beginning of one, is one of those that
// end a stream: by its data where the terminal is in brackets, as [DONE] is, else
// by its type, which stands in its event field or in its JSON's type.
func IsTerminal(event []byte, terminals []string) bool {
	for _, t := range terminals {
		if t[0] != '[' {
			if isOfType(event[:min(len(event), typeWithin)], t) {
				return true
			}
			continue
		}
		if len(event) > len(t)+64 {
			continue
		}
		if data, ok := Data(event); ok && string(bytes.TrimSpace(data)) == t {
			return true
		}
	}
	return false
}

func isOfType(event []byte, name string) bool {
	if v, ok := bytes.CutPrefix(event, []byte("event:")); ok {
		line, _, _ := bytes.Cut(v, []byte("\n"))
		return string(bytes.TrimSpace(line)) == name
	}
	v := after(event, `"type"`)
	return len(v) > len(name)+1 && v[0] == '"' && v[len(name)+1] == '"' && string(v[1:len(name)+1]) == name
}

// IsUsage says whether an event is the one that include_usage adds: no choices,
// and a usage object. Inside a JSON text no string can hold the quoted keys that
// are looked for, because its own quotes are escaped.
func IsUsage(event []byte) bool {
	choices := after(event, `"choices"`)
	if len(choices) == 0 || choices[0] != '[' {
		return false
	}
	if rest := bytes.TrimLeft(choices[1:], " "); len(rest) == 0 || rest[0] != ']' {
		return false
	}
	usage := after(event, `"usage"`)
	return len(usage) > 0 && usage[0] == '{'
}

// tokenKeys are the members of a chunk in which output stands.
var tokenKeys = [...]string{`"content"`, `"text"`, `"tool_calls"`, `"function_call"`, `"refusal"`, `"reasoning_content"`}

// HasToken says whether an event carries output: text that is not empty, or a
// part of a tool call.
func HasToken(event []byte) bool {
	for _, key := range tokenKeys {
		for v := after(event, key); v != nil; v = after(v, key) {
			if len(v) < 2 {
				break
			}
			switch v[0] {
			case '"':
				if v[1] != '"' {
					return true
				}
			case '[':
				if v[1] != ']' {
					return true
				}
			case '{':
				return true
			}
		}
	}
	return false
}

// after gives what stands behind a key and its colon, nil when it is not there.
func after(event []byte, key string) []byte {
	for {
		i := bytes.Index(event, []byte(key))
		if i < 0 {
			return nil
		}
		event = event[i+len(key):]
		if v := bytes.TrimLeft(event, " "); len(v) > 0 && v[0] == ':' {
			return bytes.TrimLeft(v[1:], " ")
		}
	}
}
