package proxy

import (
	"crypto/tls"
	"encoding/hex"
	"net/http"
	"strings"

	"weir/internal/fault"
	"weir/internal/front"
	"weir/internal/identity"
	"weir/internal/record"
	"weir/internal/upstream"
)

const mask = "***"

// recorded appends the fields of h to dst, credentials masked.
func recorded(dst []record.Header, h http.Header) []record.Header {
	for name, values := range h {
		secret := upstream.Secret(name)
		for _, v := range values {
			if secret || name == "Sec-Websocket-Protocol" && strings.Contains(v, identity.SocketKey) {
				v = mask
			}
			dst = append(dst, record.Header{Name: name, Value: v})
		}
	}
	return dst
}

// writeBegin writes the begin frame, but not into the room that the journal
// keeps for what is in flight. A body is kept of known callers only.
func (x *exchange) writeBegin() *fault.Error {
	if err := x.p.Log.Ready(); err != nil {
		return unavailable(err)
	}
	b := &x.begin
	b.CallerIP = x.set.Clients.Address(x.r)
	b.ClientProtocol = x.r.Proto
	if x.r.TLS != nil {
		b.TLSVersion = tls.VersionName(x.r.TLS.Version)
		b.ClientCertificate = front.ClientCertificate(x.r)
	}
	b.Method, b.URL = x.r.Method, x.url()
	b.Headers = recorded(b.Headers[:0], x.r.Header)
	b.TraceParent = x.traceparent()
	if v := x.r.Header["X-Ms-Client-Request-Id"]; len(v) > 0 {
		b.ClientRequestID = v[0]
	}
	var content []byte
	switch {
	case x.caller == nil:
		shorten(b)
	case int64(len(x.body)) > x.p.Inline:
		if err := x.spoolBody(); err != nil {
			return unavailable(err)
		}
	default:
		content = x.body
	}
	x.meta = b.Append(x.meta[:0])
	if err := x.p.Log.Begin(x.id, x.start, x.meta, content); err != nil {
		return unavailable(err)
	}
	x.begun = true
	x.cap = x.p.rec.Start(x.id)
	return nil
}

// spoolBody keeps a body that is too large for the journal. It is synced with
// the exchange's end.
func (x *exchange) spoolBody() error {
	file, err := x.p.Spool.Create(x.id, record.RequestSide, 0, nil)
	if err != nil {
		return err
	}
	x.spool, x.begin.Spooled = file, true
	_, err = file.Write(x.body)
	return err
}

// url is the request's URL, credentials masked.
func (x *exchange) url() string {
	scheme := "http://"
	if x.r.TLS != nil {
		scheme = "https://"
	}
	u := x.r.URL
	if !x.query.hasSecret() && strings.HasPrefix(x.r.RequestURI, "/") {
		return scheme + x.r.Host + x.r.RequestURI
	}
	s := scheme + x.r.Host + u.EscapedPath()
	if q := x.query.masked(); q != "" {
		s += "?" + q
	}
	return s
}

// traceparent continues the client's trace with a span of this exchange, or
// begins one (W3C Trace Context). The ids come from the exchange's: its second
// half is random.
func (x *exchange) traceparent() string {
	const form = "00-0123456789abcdef0123456789abcdef-0123456789abcdef-01"
	var b [len(form)]byte
	copy(b[:], form)
	if v := x.r.Header["Traceparent"]; len(v) == 1 && validTrace(v[0]) {
		copy(b[:], "00"+v[0][2:len(form)])
	} else {
		hex.Encode(b[3:35], x.id[:])
	}
	hex.Encode(b[36:52], x.id[8:])
	x.trace = string(b[:])
	return x.trace
}

// validTrace says whether v is a traceparent whose first four fields are those
// of version 00.
func validTrace(v string) bool {
	const n = len("00-0123456789abcdef0123456789abcdef-0123456789abcdef-01")
	if len(v) < n || len(v) > n && (v[:2] == "00" || v[n] != '-') || v[:2] == "ff" {
		return false
	}
	zero := true
	for i := range n {
		c := v[i]
		switch i {
		case 2, 35, 52:
			if c != '-' {
				return false
			}
			if i == 35 && zero {
				return false
			}
			zero = true
			continue
		}
		if !(c >= '0' && c <= '9' || c >= 'a' && c <= 'f') {
			return false
		}
		zero = zero && c == '0'
		if i == 51 && zero {
			return false
		}
	}
	return true
}
