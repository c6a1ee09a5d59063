package upstream

import (
	"context"
	"fmt"
	"net/http"
)

// credential proves the gateway to one backend, by a key or by tokens of Entra.
type credential struct {
	field  string    // the header field's name
	value  [1]string // a key's value, shared by all requests
	tokens *tokens   // nil with a key
}

// newCredential makes the credential of a backend of the kind: by e, or where
// that is nil, by key. Token requests go by rt, nil is a transport of its own,
// which uses the environment's proxies. It fails where Entra's settings cannot be
// used, as they are at this moment.
func newCredential(kind, key string, e *Entra, rt http.RoundTripper) (*credential, error) {
	if e != nil {
		own := *e
		t := newTokens(own.Method, orText(own.Scope, scopeOf(kind)), rt, own.credential)
		if _, err := t.make(t.wire()); err != nil {
			t.close()
			return nil, err
		}
		return &credential{field: "Authorization", tokens: t}, nil
	}
	c := &credential{field: "Authorization"}
	switch {
	case key == "":
	case kind == KindAzure:
		c.field, c.value[0] = "Api-Key", key
	default:
		c.value[0] = "Bearer " + key
	}
	return c, nil
}

// apply puts the credential into a request's header, whose values are shared.
// While there is a token that is valid it does not wait; else it waits for one
// renewal that all callers share, until ctx ends and for 10 s at most. Its errors
// are of type [CredentialError].
func (c *credential) apply(ctx context.Context, h http.Header) error {
	if c.tokens == nil {
		if c.value[0] != "" {
			h[c.field] = c.value[:]
		}
		return nil
	}
	t, err := c.tokens.token(ctx)
	if err != nil {
		return err
	}
	h[c.field] = t.value[:]
	return nil
}

// Refused says that the backend refused the credential (401): the next apply
// waits for a new token, at most once a minute. Where there is none to be had,
// the one before is used on.
func (c *credential) Refused() {
	if c.tokens != nil {
		c.tokens.refused()
	}
}

// adopt takes over the valid token of a credential that proves the same, before
// the first apply.
func (c *credential) adopt(old *credential) {
	if c.tokens != nil && old.tokens != nil {
		c.tokens.adopt(old.tokens)
	}
}

// retire says that only calls of a former setup use the credential now. It does
// not wait. A renewal under way serves those that wait for it, and is over within
// 10 s; later ones are made when a call comes without a valid token. Connections
// are closed when the last is over.
func (c *credential) retire() {
	if c.tokens != nil {
		c.tokens.retire()
	}
}

// close stops a renewal under way, waits for it, and closes the connections. A
// token that is valid is still applied afterwards.
func (c *credential) close() {
	if c.tokens != nil {
		c.tokens.close()
	}
}

// CredentialError says that there is no token to prove the gateway with. It holds
// no token, no secret, and nothing of Entra's words but their code.
type CredentialError struct {
	// Method is Entra.Method.
	Method string
	// Reason says what happened, and where it is known the mend.
	Reason string
	// Status is the HTTP status of the token endpoint's answer, 0 without one.
	Status int
	// Code is Entra's code, as in AADSTS7000215; "" without one.
	Code string
	// Err is the context's error where the caller did not wait.
	Err error
}

// Error gives the method, the code, the status and the reason.
func (e *CredentialError) Error() string {
	text := "no token of Microsoft Entra ID by " + e.Method + ": "
	if e.Code != "" {
		text += e.Code + ": "
	}
	if e.Status != 0 {
		text += fmt.Sprintf("HTTP %d: ", e.Status)
	}
	return text + e.Reason
}

// Unwrap gives the context's error where the caller did not wait.
func (e *CredentialError) Unwrap() error { return e.Err }

func orText(s, otherwise string) string {
	if s == "" {
		return otherwise
	}
	return s
}
