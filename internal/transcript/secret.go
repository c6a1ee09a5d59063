package transcript

import "regexp"

// Answers that make a realtime session give the client a key of its own, in
// client_secret.value, or value, beginning with ek_. It is never kept: its text
// is found as text, so that it is in what is torn, too.
var (
	secretValue = regexp.MustCompile(`("value"\s*:\s*")(?:[^"\\]|\\.)*`)
	secretKey   = regexp.MustCompile(`\bek_[^"\\\s]*`)
)

const masked = "***"

// mask hides the keys in an answer that makes them. One that is no text is not
// kept at all.
func (b body) mask() body {
	if b.kept != b.read {
		return body{masked, hideKeys(b.read)}
	}
	s := hideKeys(b.kept)
	return body{s, s}
}

func hideKeys(s string) string {
	return secretKey.ReplaceAllLiteralString(secretValue.ReplaceAllString(s, "${1}"+masked), masked)
}
