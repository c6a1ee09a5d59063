package sim

import (
	"math/rand/v2"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// The ids among a request's headers that are kept, beside Options.CallHeaders.
var idHeaders = []string{"X-Ms-Client-Request-Id", "X-Request-Id", "Traceparent"}

// secretHeaders are never kept, whatever the options say.
var secretHeaders = map[string]bool{
	"Authorization": true, "Proxy-Authorization": true, "Api-Key": true, "Cookie": true, "Ocp-Apim-Subscription-Key": true,
}

// keptHeaders are those of the request that go on its record.
func (c *call) keptHeaders() map[string]string {
	var kept map[string]string
	keep := func(name string) {
		key := http.CanonicalHeaderKey(name)
		v := c.r.Header.Get(key)
		if v == "" || secretHeaders[key] {
			return
		}
		if kept == nil {
			kept = map[string]string{}
		}
		kept[strings.ToLower(key)] = v
	}
	for _, name := range idHeaders {
		keep(name)
	}
	for _, name := range c.sim.opts.CallHeaders {
		keep(name)
	}
	return kept
}

const alphanumerics = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"

// randomID is a prefix and n random letters and digits, as ids of answers are.
func randomID(prefix string, n int) string {
	b := make([]byte, 0, len(prefix)+n)
	b = append(b, prefix...)
	for range n {
		b = append(b, alphanumerics[rand.IntN(len(alphanumerics))])
	}
	return string(b)
}

// appendHex adds the low 4*digits bits of n.
func appendHex(b []byte, n uint64, digits int) []byte {
	for i := digits - 1; i >= 0; i-- {
		b = append(b, hexDigits[n>>(4*i)&15])
	}
	return b
}

// newRequestID is a random UUID, or OpenAI's req_ and 32 digits.
func newRequestID(on surface) string {
	high, low := rand.Uint64(), rand.Uint64()
	if on == native {
		b := append(make([]byte, 0, 36), "req_"...)
		return string(appendHex(appendHex(b, high, 16), low, 16))
	}
	high = high&^0xf000 | 0x4000 // version 4, variant 10: RFC 9562
	low = low&^(3<<62) | 2<<62
	b := make([]byte, 0, 36)
	b = appendHex(b, high>>32, 8)
	b = append(b, '-')
	b = appendHex(b, high>>16, 4)
	b = append(b, '-')
	b = appendHex(b, high, 4)
	b = append(b, '-')
	b = appendHex(b, low>>48, 4)
	b = append(b, '-')
	return string(appendHex(b, low, 12))
}

// setHeaders writes what every answer carries. served says that a model, or what
// stands for it, took part.
func (c *call) setHeaders(served bool) {
	h := c.w.Header()
	set := func(key, value string) { h[key] = []string{value} }
	set("X-Weir-Simulator", "not-a-model")
	set("X-Content-Type-Options", "nosniff")
	set("Strict-Transport-Security", "max-age=31536000; includeSubDomains; preload")
	set("X-Request-Id", c.requestID)
	if c.surface == native {
		set("Openai-Version", "2020-10-01")
		set("Openai-Organization", "org-simulator")
		if served && c.deployment != nil {
			set("Openai-Model", c.deployment.model.id)
			set("Openai-Processing-Ms", strconv.FormatInt(time.Since(c.entry.call.At).Milliseconds(), 10))
		}
	} else {
		set("Apim-Request-Id", c.requestID)
		set("X-Ms-Region", c.sim.opts.Region)
		set("X-Ms-Client-Request-Id", either(c.r.Header.Get("X-Ms-Client-Request-Id"), "Not-Set"))
		set("Access-Control-Allow-Origin", "*")
		if served && c.deployment != nil {
			set("X-Ms-Deployment-Name", c.deployment.Name)
			set("X-Ms-Rai-Invoked", "true")
			set("Azureml-Model-Session", c.deployment.model.session)
			set("Cache-Control", "no-cache, must-revalidate")
		}
	}
	if v := c.verdict; v.maxCalls > 0 {
		set("X-Ratelimit-Limit-Requests", strconv.Itoa(v.maxCalls))
		set("X-Ratelimit-Limit-Tokens", strconv.Itoa(v.maxTokens))
		set("X-Ratelimit-Remaining-Requests", strconv.Itoa(v.requests))
		set("X-Ratelimit-Remaining-Tokens", strconv.Itoa(v.tokens))
		if c.surface == native {
			set("X-Ratelimit-Reset-Requests", v.callsWait.Round(time.Millisecond).String())
			set("X-Ratelimit-Reset-Tokens", v.tokenWait.Round(time.Millisecond).String())
		}
	}
}

// setErrorHeaders adds what an error carries besides.
func (c *call) setErrorHeaders(e *apiError) {
	h := c.w.Header()
	if e.model && c.surface != native {
		h.Set("Ms-Azureml-Model-Error-Reason", "model_error")
		h.Set("Ms-Azureml-Model-Error-Statuscode", strconv.Itoa(e.status))
	}
	if e.wait > 0 {
		h.Set("Retry-After", strconv.Itoa(seconds(e.wait)))
		h.Set("Retry-After-Ms", strconv.FormatInt(e.wait.Milliseconds(), 10))
		which := "X-Ratelimit-Reset-Requests"
		if c.verdict.byTokens {
			which = "X-Ratelimit-Reset-Tokens"
		}
		if c.surface != native {
			h.Set(which, strconv.Itoa(seconds(e.wait)))
		}
	}
	if v := c.controls.retryAfter; v != "" {
		h.Set("Retry-After", v)
	}
	if v := c.controls.retryAfterMS; v != "" {
		h.Set("Retry-After-Ms", v)
	}
	if d := c.controls.retryDate; d >= 0 {
		h.Set("Retry-After", time.Now().Add(d).UTC().Format(http.TimeFormat))
	}
}
