package catalog

import (
	"net/url"
	"strings"
)

// Catalog finds operations by method and path.
type Catalog struct {
	ops   []Operation
	byID  map[string]int
	kinds map[string]Kind
	root  *node
}

// MaxParams is how many parameters a path has at most.
const MaxParams = 4

// Match is what a request's method and path say.
type Match struct {
	Op    *Operation
	Index int // of Op in Operations()
	Route *Route
	// Deployment is the {deployment} of the path, unescaped; "" without one.
	Deployment string
	// Params are the other parameters in their order, Object the first of them
	// whose name is a kind of object, Kind that kind's name.
	Params       [MaxParams]string
	NumParams    int
	Object, Kind string
	// Surface is known by the path's beginning even where no operation matches.
	Surface Surface
}

// Found says whether an operation matched.
func (m *Match) Found() bool { return m.Op != nil }

// On says whether the operation is on a surface.
func (op *Operation) On(s Surface) bool {
	for _, r := range op.Routes {
		if r.Surface == s {
			return true
		}
	}
	return false
}

// DeploymentInPath says whether the path names the deployment; else the body's
// model does.
func (r *Route) DeploymentInPath() bool { return strings.Contains(r.Pattern, deploymentParam) }

const deploymentParam = "{deployment}"

// node is a path's segment; its leaves are the operations that end there.
type node struct {
	static map[string]*node
	param  *node
	leaves []leaf
}

type leaf struct {
	op     *Operation
	index  int
	route  *Route
	params []string // names, in the order of the path
}

// New makes the catalog of all operations.
func New() *Catalog {
	c := &Catalog{ops: Operations(), root: &node{}, byID: map[string]int{}, kinds: map[string]Kind{}}
	for _, k := range Kinds() {
		c.kinds[k.Name] = k
	}
	for i := range c.ops {
		op := &c.ops[i]
		c.byID[op.ID] = i
		for j := range op.Routes {
			n := c.root
			l := leaf{op: op, index: i, route: &op.Routes[j]}
			for seg := range strings.SplitSeq(op.Routes[j].Pattern[1:], "/") {
				if strings.HasPrefix(seg, "{") {
					l.params = append(l.params, strings.Trim(seg, "{}"))
				}
				n = n.child(seg)
			}
			n.leaves = append(n.leaves, l)
		}
	}
	return c
}

// Operations gives the catalog's rows; an index into them is [Match.Index].
func (c *Catalog) Operations() []Operation { return c.ops }

// Finder gives the index of the operation that finds an object of a kind; ok is
// false where there is none.
func (c *Catalog) Finder(kind string) (index int, ok bool) {
	index, ok = c.byID[c.kinds[kind].Get]
	return index, ok
}

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
	var f finder
	if !f.find(c.root, path, method, escaped, 0) {
		return m
	}
	l := f.leaf
	m.Op, m.Index, m.Route, m.Surface = l.op, l.index, l.route, l.route.Surface
	for i, name := range l.params {
		if name == "deployment" {
			m.Deployment = f.params[i]
			continue
		}
		m.Params[m.NumParams] = f.params[i]
		m.NumParams++
		if m.Object == "" && c.kinds[name].Name != "" {
			m.Object, m.Kind = f.params[i], name
		}
	}
	return m
}

// finder goes down the tree; params are those of the way that led to leaf.
type finder struct {
	leaf   *leaf
	params [MaxParams + 1]string
}

func (f *finder) find(n *node, path, method string, escaped bool, depth int) bool {
	seg, rest, more := strings.Cut(path, "/")
	if escaped {
		s, err := url.PathUnescape(seg)
		if err != nil {
			return false
		}
		seg = s
	}
	if s := n.static[seg]; s != nil && f.end(s, rest, more, method, escaped, depth) {
		return true
	}
	if n.param == nil || depth == len(f.params) || !plainSegment(seg) {
		return false
	}
	f.params[depth] = seg
	return f.end(n.param, rest, more, method, escaped, depth+1)
}

func (f *finder) end(n *node, rest string, more bool, method string, escaped bool, depth int) bool {
	if more {
		return f.find(n, rest, method, escaped, depth)
	}
	for i := range n.leaves {
		if n.leaves[i].op.Method == method {
			f.leaf = &n.leaves[i]
			return true
		}
	}
	return false
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

// prefixes are the beginnings of the surfaces' paths, the longer ones first.
var prefixes = []struct {
	prefix  string
	surface Surface
}{
	{"/openai/v1/", AzureV1}, {"/openai/", Azure}, {"/v1/", OpenAI}, {"/models/", Inference}, {"/subscriptions/", ARM},
}

// PlainPath says whether every segment of a path is one that a parameter may be,
// so that it can be appended to a backend's URL as it is.
func PlainPath(u *url.URL) bool {
	for seg := range strings.SplitSeq(strings.Trim(u.EscapedPath(), "/"), "/") {
		if s, err := url.PathUnescape(seg); err != nil || !plainSegment(s) {
			return false
		}
	}
	return true
}

func surfaceOf(path string) Surface {
	for _, p := range prefixes {
		if strings.HasPrefix(path, p.prefix) {
			return p.surface
		}
	}
	return None
}
