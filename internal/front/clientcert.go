package front

import (
	"crypto/sha256"
	"fmt"
	"net/http"
	"strings"
	"unicode"
)

// ClientCertificate names the certificate by which a request's client showed
// itself: its subject (RFC 2253) and the SHA-256 of its DER encoding, as in
// "CN=billing,O=Contoso; sha256=9F86D081…" with 64 hex digits. It is empty
// without one, or with one that no authority of the config has signed.
func ClientCertificate(r *http.Request) string {
	if r.TLS == nil || len(r.TLS.VerifiedChains) == 0 {
		return ""
	}
	leaf := r.TLS.PeerCertificates[0]
	subject := strings.Map(func(c rune) rune {
		if unicode.IsControl(c) {
			return '?' // it shall stay one line
		}
		return c
	}, leaf.Subject.String())
	return fmt.Sprintf("%s; sha256=%X", subject, sha256.Sum256(leaf.Raw))
}
