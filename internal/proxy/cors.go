package proxy

import (
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"time"

	"weir/internal/fault"
	"weir/internal/record"
)

// CORS says which pages' programs may call the gateway from a browser (Fetch
// Standard, "CORS protocol"). Without origins the gateway says nothing of its
// own, and a backend's headers pass.
type CORS struct {
	// Origins are those of the pages, such as https://chat.example; "*" is any.
	Origins []string `yaml:"origins"`
	// MaxAge is how long a browser may remember the answer to a preflight;
	// default 10m.
	MaxAge time.Duration `yaml:"max_age"`
}

func (c *CORS) check() []fault.Problem {
	var problems []fault.Problem
	for i, o := range c.Origins {
		u, err := url.Parse(o)
		if o != "*" && (err != nil || u.Scheme == "" || u.Host == "" || u.Scheme+"://"+u.Host != o) {
			problems = append(problems, fault.Problem{Path: "cors.origins[" + strconv.Itoa(i) + "]", Message: "not an origin", Hint: "https://chat.example, without a path, or *"})
		}
	}
	if c.MaxAge < 0 {
		problems = append(problems, fault.Problem{Path: "cors.max_age", Message: "a time cannot be negative", Hint: "10m"})
	}
	return problems
}

// allowed gives what the origin of a request is told; "" where it is not allowed.
func (c *CORS) allowed(h http.Header) string {
	origin := h["Origin"]
	switch {
	case len(c.Origins) == 0 || len(origin) == 0:
		return ""
	case slices.Contains(c.Origins, "*"):
		return "*"
	case slices.Contains(c.Origins, origin[0]):
		return origin[0]
	}
	return ""
}

// corsPreflight is the operation of a preflight on the record.
const corsPreflight = "cors_preflight"

// preflight answers a browser that asks whether it may call; it says whether the
// request was one.
func (x *exchange) preflight() bool {
	c := &x.set.Config.CORS
	if x.r.Method != http.MethodOptions || len(c.Origins) == 0 || len(x.r.Header["Access-Control-Request-Method"]) == 0 {
		return false
	}
	x.begin.Operation = corsPreflight
	h := http.Header{}
	if c.allowed(x.r.Header) != "" {
		age := c.MaxAge
		if age == 0 {
			age = 10 * time.Minute
		}
		h["Access-Control-Allow-Methods"] = []string{"GET, POST, PUT, PATCH, DELETE"}
		h["Access-Control-Max-Age"] = []string{strconv.Itoa(int(age.Seconds()))}
		if asked := x.r.Header["Access-Control-Request-Headers"]; len(asked) > 0 {
			h["Access-Control-Allow-Headers"] = asked
		}
	}
	// Who asks has shown no key, and must not fill the disk.
	if x.p.Log.Ready() != nil || x.p.flood.full(x.start, "CorsPreflight") || x.writeBegin() != nil {
		x.end.Status = http.StatusNoContent
		out := x.w.Header()
		for name, v := range h {
			out[name] = v
		}
		x.identify(out)
		x.write(nil)
		return true
	}
	x.end.Outcome = record.Completed
	x.answer(http.StatusNoContent, h, nil)
	return true
}

// share tells a browser that the page may read the answer.
func (x *exchange) share(h http.Header) {
	c := &x.set.Config.CORS
	if len(c.Origins) == 0 {
		return
	}
	origin := c.allowed(x.r.Header)
	if origin == "" {
		delete(h, "Access-Control-Allow-Origin")
		return
	}
	h["Access-Control-Allow-Origin"] = []string{origin}
	h["Access-Control-Expose-Headers"] = []string{"*"}
	if origin != "*" {
		h.Add("Vary", "Origin")
	}
}
