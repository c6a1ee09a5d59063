package proxy

import (
	"net/url"
	"slices"
	"strings"
)

// query is a request's query, parsed once and kept as it was sent.
type query struct{ pairs []pair }

// pair is one parameter: its text, and its parts unescaped.
type pair struct{ raw, name, value string }

func (q *query) parse(raw string) {
	q.pairs = q.pairs[:0]
	for raw != "" {
		var p pair
		p.raw, raw, _ = strings.Cut(raw, "&")
		if p.raw == "" {
			continue
		}
		p.name, p.value, _ = strings.Cut(p.raw, "=")
		p.name, p.value = unescape(p.name), unescape(p.value)
		q.pairs = append(q.pairs, p)
	}
}

// unescape leaves text that is no valid escape as it is.
func unescape(s string) string {
	if !strings.ContainsAny(s, "%+") {
		return s
	}
	if u, err := url.QueryUnescape(s); err == nil {
		return u
	}
	return s
}

// get gives the first value of a parameter.
func (q *query) get(name string) string {
	for i := range q.pairs {
		if q.pairs[i].name == name {
			return q.pairs[i].value
		}
	}
	return ""
}

// rest gives the query without what the gateway consumes: credentials,
// api-version and, where the query names the deployment, that.
func (q *query) rest(deployment bool) string {
	return q.join(func(p *pair) (string, bool) {
		named := deployment && (p.name == "deployment" || p.name == "model")
		return p.raw, !secretParam(p.name) && p.name != "api-version" && !named
	})
}

// masked gives the query with the values of credentials masked.
func (q *query) masked() string {
	return q.join(func(p *pair) (string, bool) {
		if secretParam(p.name) {
			name, _, _ := strings.Cut(p.raw, "=")
			return name + "=" + mask, true
		}
		return p.raw, true
	})
}

// hasSecret says whether masked differs from what was sent.
func (q *query) hasSecret() bool {
	for i := range q.pairs {
		if secretParam(q.pairs[i].name) {
			return true
		}
	}
	return false
}

func (q *query) join(each func(*pair) (string, bool)) string {
	var out string
	for i := range q.pairs {
		s, ok := each(&q.pairs[i])
		switch {
		case !ok:
		case out == "":
			out = s
		default:
			out += "&" + s
		}
	}
	return out
}

// secretParam says whether a parameter's name is one that credentials have:
// such a parameter goes to no backend and is masked on the record.
func secretParam(name string) bool {
	switch strings.ToLower(name) {
	case "subscription-key", "api-key", "key", "sig", "code", "token", "access_token", "apikey", "api_key", "password", "secret":
		return true
	}
	return false
}

// without gives the query for a backend without the named parameters.
func (q *query) without(names []string) string {
	return q.join(func(p *pair) (string, bool) {
		return p.raw, !secretParam(p.name) && p.name != "api-version" && !slices.Contains(names, p.name)
	})
}
