package transcript

import "unicode/utf8"

const hexDigits = "0123456789abcdef"

// appendString appends text as a JSON string. What is not UTF-8 becomes U+FFFD.
func appendString(b []byte, text string) []byte {
	b = append(b, '"')
	from := 0
	for i := 0; i < len(text); {
		c := text[i]
		if c >= ' ' && c != '"' && c != '\\' && c < utf8.RuneSelf {
			i++
			continue
		}
		n := 1
		if c >= utf8.RuneSelf {
			var r rune
			if r, n = utf8.DecodeRuneInString(text[i:]); r != utf8.RuneError || n > 1 {
				i += n
				continue
			}
		}
		b = append(b, text[from:i]...)
		switch {
		case c == '"' || c == '\\':
			b = append(b, '\\', c)
		case c == '\n':
			b = append(b, `\n`...)
		case c == '\r':
			b = append(b, `\r`...)
		case c == '\t':
			b = append(b, `\t`...)
		case c < ' ':
			b = append(b, '\\', 'u', '0', '0', hexDigits[c>>4], hexDigits[c&15])
		default:
			b = append(b, "\uFFFD"...)
		}
		i += n
		from = i
	}
	b = append(b, text[from:]...)
	return append(b, '"')
}

// appendName appends a member's name and colon, and before it a comma unless
// the member is the first of its object.
func appendName(b []byte, name string) []byte {
	if c := b[len(b)-1]; c != '{' && c != '[' {
		b = append(b, ',')
	}
	return append(appendString(b, name), ':')
}

// appendElement appends a raw element to an open array.
func appendElement(b []byte, raw string) []byte {
	if c := b[len(b)-1]; c != '[' {
		b = append(b, ',')
	}
	return append(b, raw...)
}

// appendWithout appends the members of a raw object but that one, compact, to an
// open object.
func appendWithout(b []byte, raw, without string) []byte {
	for k, v := range members(raw) {
		if k != without {
			b = append(appendName(b, k), compact(v)...)
		}
	}
	return b
}

// appendMessage appends {"role","content"} as an element to an open array.
func appendMessage(b []byte, role, content string) []byte {
	b = appendString(appendName(appendElement(b, "{"), "role"), role)
	return append(appendString(appendName(b, "content"), content), '}')
}
