package upstream

import (
	"net/http"
	"strconv"
	"strings"
	"time"
)

// RetryAfter gives how long an answer asks to wait: at most an hour, 0 for a date
// in the past, -1 when it says nothing usable. Of several it takes
// retry-after-ms, x-ms-retry-after-ms (both milliseconds) and Retry-After
// (seconds, or any of the date forms of RFC 9110, section 5.6.7), in this
// order; a number may have a fraction, as Azure's and OpenAI's clients allow.
func RetryAfter(h http.Header, now time.Time) time.Duration {
	for _, name := range [...]string{"Retry-After-Ms", "X-Ms-Retry-After-Ms"} {
		if d, ok := decimal(first(h[name]), time.Millisecond); ok {
			return min(d, maxRetryAfter)
		}
	}
	text := first(h["Retry-After"])
	if d, ok := decimal(text, time.Second); ok {
		return min(d, maxRetryAfter)
	}
	if date, err := http.ParseTime(text); text != "" && err == nil {
		return min(max(date.Sub(now), 0), maxRetryAfter)
	}
	return -1
}

// first gives a header's first value without the space around it, or "".
func first(values []string) string {
	if len(values) == 0 {
		return ""
	}
	return strings.Trim(values[0], " \t")
}

// maxDecimal bounds what decimal gives, so that no arithmetic on it overflows.
const maxDecimal = 1000 * time.Hour

// decimal reads digits with or without a fraction as so many units: no sign, no
// exponent, no NaN. It gives maxDecimal for more than that.
func decimal(s string, unit time.Duration) (time.Duration, bool) {
	points, digits := 0, 0
	for i := range len(s) {
		switch {
		case s[i] == '.':
			points++
		case '0' <= s[i] && s[i] <= '9':
			digits++
		default:
			return 0, false
		}
	}
	if digits == 0 || points > 1 {
		return 0, false
	}
	n, err := strconv.ParseFloat(s, 64) // an error is +Inf then: out of range
	if n *= float64(unit); err != nil || n >= float64(maxDecimal) {
		return maxDecimal, true
	}
	return time.Duration(n + 0.5), true
}
