package plan

import (
	"regexp"
	"slices"
	"strings"

	"weir/internal/kql"
)

// parse makes of the pattern one regular expression whose groups are the columns.
// In the simple and regex kinds all columns are empty unless every one converts; in
// the relaxed kind each stands for itself. parse-where drops rows that do not match.
func (b *binder) parse(o *kql.ParseOp, r *rel, e *env) *rel {
	kind := kql.PropertyText(o.Props, "kind")
	if kind != "" && kind != "simple" && kind != "regex" && kind != "relaxed" {
		panic(b.fail(o.At, kql.CodeSemantic, "unknown parse kind '%s'", kind).WithHint("it is simple, regex or relaxed"))
	}
	if kql.PropertyText(o.Props, "flags") != "" {
		panic(b.unsupported(o.At, "flags of parse"))
	}
	source := b.convert(b.expr(o.X, &scope{env: e, rel: r}), String, o.X.Span())
	pattern, parts := b.parsePattern(o, kind)
	regex := &Const{String, pattern}

	raw := &Project{In: r.node, Cols: append([]*Col{}, r.cols...)}
	for _, c := range r.cols {
		raw.Exprs = append(raw.Exprs, &Ref{c})
	}
	ok := &Col{Name: "$match", Type: Bool}
	raw.Cols, raw.Exprs = append(raw.Cols, ok), append(raw.Exprs, b.op("matches_regex", Bool, o.At, source, regex))
	var good Expr = &Ref{ok}
	var vals []Expr
	for i, p := range parts {
		group := &Col{Name: "$group" + itoa(i+1), Type: String}
		raw.Cols = append(raw.Cols, group)
		raw.Exprs = append(raw.Exprs, b.op("extract", String, p.At, regex, &Const{Long, int64(i + 1)}, source))
		t := String
		if p.Type != "" {
			t, _ = ParseType(p.Type)
		}
		v := b.convert(&Ref{group}, t, p.At)
		if t != String {
			good = b.op("and", Bool, p.At, good, b.op("isnotnull", Bool, p.At, v))
		}
		vals = append(vals, v)
	}
	node := Node(raw)
	if o.Where {
		node = &Filter{In: raw, Pred: good}
	}
	out := &Project{In: node, Cols: append([]*Col{}, r.cols...)}
	for _, c := range r.cols {
		out.Exprs = append(out.Exprs, &Ref{c})
	}
	for i, p := range parts {
		v := vals[i]
		if kind != "relaxed" {
			v = b.op("case", v.ResultType(), p.At, good, v, b.convert(&Const{Dynamic, nil}, v.ResultType(), p.At))
		}
		col := &Col{Name: p.Name.Text, Type: v.ResultType()}
		at := slices.IndexFunc(out.Cols, func(c *Col) bool { return c.Name == col.Name })
		if at < 0 {
			out.Cols, out.Exprs = append(out.Cols, col), append(out.Exprs, v)
		} else {
			out.Cols[at], out.Exprs[at] = col, v
		}
	}
	res := r.over(out)
	res.cols = out.Cols
	return res
}

// parsePattern gives the pattern's regular expression and the columns of its groups.
func (b *binder) parsePattern(o *kql.ParseOp, kind string) (string, []kql.ParsePart) {
	regex := kind == "regex"
	var re strings.Builder
	re.WriteString("(?s)^")
	var cols []kql.ParsePart
	last := len(o.Pattern) - 1
	for i, p := range o.Pattern {
		free := p.Text == nil
		if free && i > 0 && o.Pattern[i-1].Text == nil && !(p.Star || o.Pattern[i-1].Star) {
			panic(b.unsupported(p.At, "a column beside a column in parse"))
		}
		switch {
		case p.Text != nil:
			t, _ := p.Text.Value.(string)
			if i == last && i > 0 {
				panic(b.unsupported(p.At, "a pattern of parse that ends with text").WithHint("end it with *"))
			}
			if regex {
				if strings.Contains(strings.ReplaceAll(strings.ReplaceAll(t, `\\`, ""), `\(`, ""), "(") {
					panic(b.unsupported(p.At, "a group in the text of parse"))
				}
				re.WriteString("(?:" + t + ")")
			} else {
				re.WriteString(regexp.QuoteMeta(t))
			}
		case p.Star:
			re.WriteString(map[bool]string{true: ".*", false: ".*?"}[regex || i == last])
		default:
			cols = append(cols, p)
			number := p.Type == "int" || p.Type == "long" || p.Type == "real"
			if i < last && o.Pattern[i+1].Star && !number {
				panic(b.unsupported(p.At, "a column beside '*' in parse"))
			}
			re.WriteString(parseGroup(p.Type, kind, i == last))
		}
	}
	if len(cols) > 9 {
		panic(b.unsupported(o.At, "more than 9 columns in parse"))
	}
	if !regex {
		re.WriteString("$")
	}
	return re.String(), cols
}

// parseGroup is the group of a column. A number takes digits as far as they go; in
// the relaxed kind it may take what is no number, and is then null.
func parseGroup(typ, kind string, last bool) string {
	number := map[string]string{"int": `[-+]?[0-9]+`, "long": `[-+]?[0-9]+`, "real": `[-+]?[0-9]*\.?[0-9]+(?:[eE][-+]?[0-9]+)?`}[typ]
	switch {
	case number != "" && kind == "relaxed":
		return "(" + number + "|.*?)"
	case number != "":
		return "(" + number + ")"
	case kind == "regex" || last:
		return "(.*)"
	}
	return "(.*?)"
}
