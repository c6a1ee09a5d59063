package plan

import (
	"weir/internal/kql"
)

// parseKv adds a column for each key: the value of the first pair that has it,
// converted to the column's type. Both delimiters must be given; a pair is then key,
// delimiter, value, each without the white space around it.
func (b *binder) parseKv(o *kql.ParseKv, r *rel, e *env) *rel {
	given := map[string]*Const{}
	for _, p := range o.Props {
		v := constant(b.expr(p.Value, &scope{env: e}))
		switch p.Name.Text {
		case "pair_delimiter", "kv_delimiter", "quote":
			if v == nil || v.T != String || v.Value == nil || v.Value.(string) == "" {
				panic(b.fail(p.Value.Span(), kql.CodeSemantic, "'%s' must be a constant string", p.Name.Text))
			}
			given[p.Name.Text] = v
		default:
			panic(b.unsupported(p.Name.At, "'"+p.Name.Text+"' of parse-kv"))
		}
	}
	pair, kv, quote := given["pair_delimiter"], given["kv_delimiter"], given["quote"]
	if pair == nil || kv == nil {
		panic(b.unsupported(o.At, "parse-kv without both delimiters").WithHint("with (pair_delimiter='…', kv_delimiter='…')"))
	}
	if quote == nil {
		quote = &Const{String, ""}
	} else if len(quote.Value.(string)) != 1 {
		panic(b.unsupported(o.At, "a quote of several characters"))
	}
	source := b.convert(b.expr(o.X, &scope{env: e, rel: r}), String, o.X.Span())
	names := b.namer(r.names()...)
	out := &Project{In: r.node, Cols: append([]*Col{}, r.cols...)}
	for _, c := range r.cols {
		out.Exprs = append(out.Exprs, &Ref{c})
	}
	for _, c := range o.Columns {
		t, _ := ParseType(c.Type)
		v := b.convert(b.op("value_of_key", String, c.Name.At, source, pair, kv, quote, &Const{String, c.Name.Text}), t, c.Name.At)
		out.Cols, out.Exprs = append(out.Cols, &Col{Name: names.given(c.Name), Type: t}), append(out.Exprs, v)
	}
	res := r.over(out)
	res.cols = out.Cols
	return res
}
