package transcript

import (
	"strconv"

	"weir/internal/record"
)

// answerErrors gives the errors that an answer reports, raw: its "error" (of a
// run its "last_error"), or the whole object where the form is another and the
// status says that it is one.
func answerErrors(ans string, status int) []string {
	for k, v := range members(ans) {
		if (k == "error" || k == "last_error") && !isEmpty(v) {
			return []string{compact(v)}
		}
	}
	if status >= 400 && ans != "" {
		return []string{compact(ans)}
	}
	return nil
}

// errorArray gives all errors as a JSON array, the one that decided the exchange
// last; "" for none.
func errorArray(faults []string, decided *record.LastError) string {
	if len(faults) == 0 && decided == nil {
		return ""
	}
	b := []byte{'['}
	for _, raw := range faults {
		b = appendElement(b, raw)
	}
	if e := decided; e != nil {
		b = appendElement(b, `{"elapsed":`)
		b = strconv.AppendInt(b, e.Elapsed.Milliseconds(), 10)
		for _, f := range []struct{ name, value string }{
			{"message", e.Message}, {"reason", e.Reason}, {"scope", e.Scope}, {"section", e.Section}, {"source", e.Source},
		} {
			b = appendString(appendName(b, f.name), f.value)
		}
		b = append(b, '}')
	}
	return string(append(b, ']'))
}

// isEmpty reports whether a raw value says nothing: it is missing, null, or an
// object of nothing else, as a job that has not failed has it.
func isEmpty(raw string) bool {
	if !isObject(raw) {
		return isNothing(raw)
	}
	for _, v := range members(raw) {
		if !isNothing(v) {
			return false
		}
	}
	return true
}
