package app

import (
	"errors"
	"fmt"
	"reflect"
	"regexp"
	"sort"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"

	"weir/internal/fault"
)

// Mistake is one thing wrong with a config file: where, what, and the mend.
type Mistake struct {
	File  string
	Line  int // 1-based; 0 when the whole file is meant
	Field string
	What  string
	Mend  string
}

func (m Mistake) String() string {
	s := m.File
	if m.Line > 0 {
		s += ":" + strconv.Itoa(m.Line)
	}
	if m.Field != "" {
		s += ": " + m.Field
	}
	s += ": " + m.What
	if m.Mend != "" {
		s += "; " + m.Mend
	}
	return s
}

// ConfigError is every mistake of a config file at once, in order of line.
type ConfigError struct{ Mistakes []Mistake }

func (e *ConfigError) Error() string {
	lines := make([]string, len(e.Mistakes))
	for i, m := range e.Mistakes {
		lines[i] = m.String()
	}
	return strings.Join(lines, "\n")
}

// document is a YAML file being read into a config: it knows the line of every
// field, so that each mistake can be pointed at.
type document struct {
	file     string
	root     *yaml.Node
	lines    map[string]int // by path, such as backends[1].url
	mistakes []Mistake
}

func (d *document) add(line int, field, what, mend string) {
	d.mistakes = append(d.mistakes, Mistake{d.file, line, field, what, mend})
}

// err gives the mistakes found so far.
func (d *document) err() error {
	if len(d.mistakes) == 0 {
		return nil
	}
	sort.SliceStable(d.mistakes, func(i, j int) bool { return d.mistakes[i].Line < d.mistakes[j].Line })
	return &ConfigError{d.mistakes}
}

// read reads text into out, a pointer to a struct with yaml tags: strictly, with
// every unknown field and every wrong type named, and with resolve applied to
// every text value.
func (d *document) read(text []byte, out any, resolve func(string) (string, error)) {
	var root yaml.Node
	if err := yaml.Unmarshal(text, &root); err != nil {
		d.syntax(err)
		return
	}
	d.lines = map[string]int{}
	if len(root.Content) == 0 {
		return // an empty file: all defaults
	}
	d.root = root.Content[0]
	if d.root.Kind != yaml.MappingNode {
		d.add(d.root.Line, "", "the file is not a mapping of fields", "start it with `backends:` and so on at the left margin")
		d.root = nil
		return
	}
	d.check(d.root, reflect.TypeOf(out).Elem(), "")
	d.decode(out) // before secrets are in, so that no type error can show one
	d.resolve(d.root, "", resolve)
	if err := d.root.Decode(out); err != nil && len(d.mistakes) == 0 {
		d.add(d.root.Line, "", "a value that was resolved has the wrong type", "see docs/config.md for the type of each field")
	}
}

// glance reads of text what out has fields for, and judges nothing else.
func (d *document) glance(text []byte, out any) {
	var root yaml.Node
	if err := yaml.Unmarshal(text, &root); err != nil {
		d.syntax(err)
		return
	}
	if len(root.Content) > 0 {
		d.root = root.Content[0]
		d.decode(out)
	}
}

var yamlLine = regexp.MustCompile(`^(?:yaml: )?line (\d+): (.*)$`)

func (d *document) syntax(err error) {
	if m := yamlLine.FindStringSubmatch(err.Error()); m != nil {
		line, _ := strconv.Atoi(m[1])
		d.add(line, "", "not YAML: "+m[2], "check the indentation and quotes around this line")
		return
	}
	d.add(0, "", "not YAML: "+strings.TrimPrefix(err.Error(), "yaml: "), "check the file's indentation and quotes")
}

func (d *document) decode(out any) {
	err := d.root.Decode(out)
	var te *yaml.TypeError
	if !errors.As(err, &te) {
		if err != nil {
			d.syntax(err)
		}
		return
	}
	for _, msg := range te.Errors {
		m := yamlLine.FindStringSubmatch(msg)
		if m == nil {
			d.add(0, "", msg, "")
			continue
		}
		line, _ := strconv.Atoi(m[1])
		d.add(line, d.fieldAt(line), m[2], "see docs/config.md for the type of each field")
	}
}

func (d *document) fieldAt(line int) string {
	best := ""
	for p, l := range d.lines {
		if l == line && len(p) > len(best) {
			best = p
		}
	}
	return best
}

// check walks the nodes beside the type that they are read into: it notes every
// field's line and names every field that the type lacks.
func (d *document) check(n *yaml.Node, t reflect.Type, path string) {
	d.lines[path] = n.Line
	for t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	switch {
	case n.Kind == yaml.MappingNode && t.Kind() == reflect.Struct && !implementsUnmarshaler(t):
		d.checkStruct(n, t, path)
	case n.Kind == yaml.MappingNode && t.Kind() == reflect.Map:
		for i := 0; i+1 < len(n.Content); i += 2 {
			d.check(n.Content[i+1], t.Elem(), join(path, n.Content[i].Value))
		}
	case n.Kind == yaml.SequenceNode && t.Kind() == reflect.Slice:
		for i, c := range n.Content {
			d.check(c, t.Elem(), fmt.Sprintf("%s[%d]", path, i))
		}
	}
}

func (d *document) checkStruct(n *yaml.Node, t reflect.Type, path string) {
	known := fieldTypes(t)
	seen := map[string]int{}
	all := n.Content
	n.Content = all[:0:0]
	for i := 0; i+1 < len(all); i += 2 {
		key, val := all[i], all[i+1]
		field := join(path, key.Value)
		if first, twice := seen[key.Value]; twice {
			d.add(key.Line, field, fmt.Sprintf("the field stands twice, first in line %d", first), "keep one of them")
			continue // the decoder would refuse the whole mapping
		}
		n.Content = append(n.Content, key, val)
		seen[key.Value] = key.Line
		ft, ok := known[key.Value]
		if !ok {
			d.add(key.Line, field, "there is no such field", suggest(key.Value, known))
			continue
		}
		d.check(val, ft, field)
		d.lines[field] = key.Line
	}
}

func implementsUnmarshaler(t reflect.Type) bool {
	return reflect.PointerTo(t).Implements(reflect.TypeFor[yaml.Unmarshaler]())
}

func fieldTypes(t reflect.Type) map[string]reflect.Type {
	out := map[string]reflect.Type{}
	for i := range t.NumField() {
		f := t.Field(i)
		name, opts, _ := strings.Cut(f.Tag.Get("yaml"), ",")
		switch {
		case opts == "inline":
			for k, v := range fieldTypes(f.Type) {
				out[k] = v
			}
		case name == "-" || !f.IsExported():
		case name == "":
			out[strings.ToLower(f.Name)] = f.Type
		default:
			out[name] = f.Type
		}
	}
	return out
}

func suggest(name string, known map[string]reflect.Type) string {
	names := make([]string, 0, len(known))
	for k := range known {
		names = append(names, k)
	}
	sort.Strings(names)
	for _, k := range names {
		if distance(strings.ToLower(name), k) <= 2 {
			return "did you mean `" + k + "`?"
		}
	}
	return "it may be one of: " + strings.Join(names, ", ")
}

// distance is the Levenshtein distance of two short words.
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diag := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := diag
			if a[i] != b[j] {
				cost++
			}
			diag = row[j+1]
			row[j+1] = min(cost, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}

func join(path, name string) string {
	if path == "" {
		return name
	}
	return path + "." + name
}

// resolve replaces ${env:NAME} and the like in every text value.
func (d *document) resolve(n *yaml.Node, path string, resolve func(string) (string, error)) {
	switch n.Kind {
	case yaml.MappingNode:
		for i := 0; i+1 < len(n.Content); i += 2 {
			d.resolve(n.Content[i+1], join(path, n.Content[i].Value), resolve)
		}
	case yaml.SequenceNode:
		for i, c := range n.Content {
			d.resolve(c, fmt.Sprintf("%s[%d]", path, i), resolve)
		}
	case yaml.ScalarNode:
		if !strings.Contains(n.Value, "${") {
			return
		}
		v, err := resolve(n.Value)
		if err != nil {
			d.add(n.Line, path, err.Error(), "")
			return
		}
		n.Value, n.Tag, n.Style = v, "!!str", yaml.DoubleQuotedStyle
	}
}

// problems adds what a part found wrong with its own fields, under prefix.
func (d *document) problems(prefix string, ps []fault.Problem) {
	for _, p := range ps {
		field := p.Path
		switch {
		case prefix == "":
		case field == "" || strings.HasPrefix(field, "["):
			field = prefix + field
		default:
			field = prefix + "." + field
		}
		d.add(d.line(field), field, p.Message, p.Hint)
	}
}

// line finds the line of a field, or of the nearest thing around it when the
// field itself is missing.
func (d *document) line(path string) int {
	for path != "" {
		if l, ok := d.lines[path]; ok {
			return l
		}
		if i := strings.LastIndexAny(path, ".["); i >= 0 {
			path = path[:i]
		} else {
			path = ""
		}
	}
	return 0
}
