package catalog

import (
	"net/url"
	"strings"
)

// Catalog finds operations by method and path.
type Catalog struct {
	ops  []Operation
	root *node
}

// Match is what a request's method and path say.
type Match struct {
	Op    *Operation
	Index int // of Op in Operations()
	Route *Route
	// Param is the {deployment} or {model} of the path, unescaped; "" without one.
	Param string
	// Surface is known by the path's beginning even where no operation matches.
	Surface Surface
}

// Found says whether an operation matched.
func (m *Match) Found() bool { return m.Op != nil }

// DeploymentInPath says whether the path names the deployment; else the body's
// model does.
func (r *Route) DeploymentInPath() bool { return strings.Contains(r.Pattern, "{deployment}") }

// node is a path's segment; its leaves are the operations that end there.
type node struct {
	static map[string]*node
	param  *node
	leaves []leaf
}

type leaf struct {
	op    *Operation
	index int
	route *Route
}

// New makes the catalog of all operations.
func New() *Catalog {
	c := &Catalog{ops: Operations(), root: &node{}}
	for i := range c.ops {
		op := &c.ops[i]
		for j := range op.Routes {
			n := c.root
			for seg := range strings.SplitSeq(op.Routes[j].Pattern[1:], "/") {
				n = n.child(seg)
			}
			n.leaves = append(n.leaves, leaf{op, i, &op.Routes[j]})
		}
	}
	return c
}

// Operations gives the catalog's rows; an index into them is [Match.Index].
func (c *Catalog) Operations() []Operation { return c.ops }

func (n *node) child(seg string) *node {
	if strings.HasPrefix(seg, "{") {
		if n.param == nil {
			n.param = &node{}
		}
		return n.param
	}
	if n.static == nil {
		n.static = map[string]*node{}
	}
	if n.static[seg] == nil {
		n.static[seg] = &node{}
	}
	return n.static[seg]
}

// Match finds the operation of a request. Where the path is known but not with
// this method, or not at all, only Surface is set: API Management answers both
// with OperationNotFound.
func (c *Catalog) Match(method string, u *url.URL) Match {
	path, escaped := u.Path, false
	if u.RawPath != "" {
		path, escaped = u.RawPath, true
	}
	m := Match{Surface: surfaceOf(path)}
	if len(path) < 2 || path[0] != '/' {
		return m
	}
	path = path[1:]
	if path[len(path)-1] == '/' {
		path = path[:len(path)-1]
	}
	n, param := c.root.find(path, escaped, "")
	if n == nil {
		return m
	}
	for i := range n.leaves {
		if l := &n.leaves[i]; l.op.Method == method {
			m.Op, m.Index, m.Route, m.Param, m.Surface = l.op, l.index, l.route, param, l.route.Surface
		}
	}
	return m
}

func (n *node) find(path string, escaped bool, param string) (*node, string) {
	seg, rest, more := strings.Cut(path, "/")
	if escaped {
		s, err := url.PathUnescape(seg)
		if err != nil {
			return nil, ""
		}
		seg = s
	}
	if s := n.static[seg]; s != nil {
		if found, p := s.end(rest, more, escaped, param); found != nil {
			return found, p
		}
	}
	if n.param == nil || !plainSegment(seg) {
		return nil, ""
	}
	return n.param.end(rest, more, escaped, seg)
}

func (n *node) end(rest string, more, escaped bool, param string) (*node, string) {
	if more {
		return n.find(rest, escaped, param)
	}
	if len(n.leaves) == 0 {
		return nil, ""
	}
	return n, param
}

// plainSegment says whether a parameter may be this: not empty, no dot segment,
// no separator and no control character.
func plainSegment(s string) bool {
	if s == "" || s == "." || s == ".." {
		return false
	}
	for i := range len(s) {
		if c := s[i]; c < ' ' || c == 0x7f || c == '/' || c == '\\' {
			return false
		}
	}
	return true
}

func surfaceOf(path string) Surface {
	switch {
	case strings.HasPrefix(path, "/openai/v1/"):
		return AzureV1
	case strings.HasPrefix(path, "/openai/"):
		return Azure
	case strings.HasPrefix(path, "/v1/"):
		return OpenAI
	}
	return None
}
