package transcript

import (
	"cmp"
	"slices"
	"strconv"
	"strings"

	"weir/internal/record"
)

// headerObject gives headers as a JSON object in the order of their names, so
// that like requests have like rows; the values of a name that is there again,
// in whatever case, are joined in their order (RFC 9110, 5.2). It gives "" for
// none.
func headerObject(headers []record.Header) string {
	if len(headers) == 0 {
		return ""
	}
	headers = slices.Clone(headers)
	slices.SortStableFunc(headers, func(a, b record.Header) int { return cmp.Compare(a.Name, b.Name) })
	b := append(make([]byte, 0, 48*len(headers)), '{')
	for i, h := range headers {
		if slices.ContainsFunc(headers[:i], func(o record.Header) bool { return strings.EqualFold(o.Name, h.Name) }) {
			continue
		}
		b = appendName(b, h.Name)
		b = appendString(b, headerValue(headers[i:], h.Name))
	}
	return string(append(b, '}'))
}

// headerValue gives the values of a header, joined.
func headerValue(headers []record.Header, name string) string {
	value, found := "", false
	for _, h := range headers {
		if !strings.EqualFold(h.Name, name) {
			continue
		}
		if found {
			value += ", "
		}
		value += h.Value
		found = true
	}
	return value
}

// labelObject gives the headers that labels names as a JSON object by column, in
// order of columns; "" when none is there.
func labelObject(headers []record.Header, labels map[string]string) string {
	type label struct{ column, value string }
	var found []label
	for name, column := range labels {
		if value := headerValue(headers, name); value != "" {
			found = append(found, label{column, value})
		}
	}
	if len(found) == 0 {
		return ""
	}
	slices.SortFunc(found, func(a, b label) int {
		return cmp.Or(cmp.Compare(a.column, b.column), cmp.Compare(a.value, b.value))
	})
	b := []byte{'{'}
	for i, l := range found {
		if i == 0 || found[i-1].column != l.column {
			b = appendString(appendName(b, l.column), l.value)
		}
	}
	return string(append(b, '}'))
}

// attemptArray gives attempts as a JSON array; "" for none.
func attemptArray(attempts []record.Attempt) string {
	if len(attempts) == 0 {
		return ""
	}
	b := []byte{'['}
	for _, a := range attempts {
		b = appendString(appendName(appendElement(b, "{"), "backend"), a.Backend)
		b = strconv.AppendInt(appendName(b, "status"), int64(a.Status), 10)
		b = strconv.AppendInt(appendName(b, "startMs"), a.Start.Milliseconds(), 10)
		b = strconv.AppendInt(appendName(b, "timeMs"), a.Time.Milliseconds(), 10)
		if a.Reason != "" {
			b = appendString(appendName(b, "reason"), a.Reason)
		}
		if a.RetryAfter != "" {
			b = appendString(appendName(b, "retryAfter"), a.RetryAfter)
		}
		b = append(b, '}')
	}
	return string(append(b, ']'))
}
