package proxy

import (
	"crypto/rand"
	"net/http"
)

// nameSession finds what the call's session is known by, where its deployment has
// an affinity; a cookie that is missing is made, and set with the answer.
func (x *exchange) nameSession() {
	switch by := x.pool.Affinity(); {
	case by.Caller:
		x.session = x.begin.Subscription
	case by.Header != "":
		if v := x.r.Header[by.Header]; len(v) > 0 {
			x.session = v[0]
		}
	case by.Cookie != "":
		if c, err := x.r.Cookie(by.Cookie); err == nil && c.Value != "" {
			x.session = c.Value
			return
		}
		x.session = rand.Text()
		c := http.Cookie{Name: by.Cookie, Value: x.session, Path: "/", HttpOnly: true, Secure: x.set.Clients.Secure(x.r), SameSite: http.SameSiteLaxMode}
		x.newCookie = c.String()
	}
}

// keepSession has the client's cookie name its session from now on.
func (x *exchange) keepSession(h http.Header) {
	if x.newCookie != "" {
		h["Set-Cookie"] = append(h["Set-Cookie"][:len(h["Set-Cookie"]):len(h["Set-Cookie"])], x.newCookie)
	}
}
