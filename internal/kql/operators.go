package kql

// operatorRow is one tabular operator: its name after a pipe and how it is read.
// Its syntax and printing stand together in op_<name>.go.
type operatorRow struct {
	name  string
	parse func(p *parser, at Span) Operator
}

// operatorTable lists every operator that may follow a pipe.
func operatorTable() []operatorRow {
	return []operatorRow{
		{"where", parseWhere}, {"filter", parseWhere},
		{"extend", parseExtend},
		{"project", parseProject}, {"project-away", parseProjectColumns}, {"project-keep", parseProjectColumns},
		{"project-rename", parseProject}, {"project-reorder", parseProjectColumns},
		{"summarize", parseSummarize},
		{"sort", parseSort}, {"order", parseSort},
		{"take", parseTake}, {"limit", parseTake},
		{"top", parseTop},
		{"count", parseCount},
		{"distinct", parseDistinct},
		{"join", parseJoin}, {"lookup", parseJoin},
		{"union", parseUnionOp},
		{"render", parseRender},
		{"serialize", parseSerialize},
		{"mv-expand", parseMvExpand}, {"mvexpand", parseMvExpand},
		{"mv-apply", parseMvApply}, {"mvapply", parseMvApply},
		{"parse", parseParse}, {"parse-where", parseParse},
		{"parse-kv", parseParseKv},
		{"as", parseAs},
		{"search", parseSearchOp},
		{"evaluate", parseEvaluate},
		{"make-series", parseMakeSeries},
		{"top-nested", parseTopNested},
		{"partition", parsePartition},
		{"scan", parseScan},
	}
}

// properties reads `name=value` pairs while they come; names may hold dots (hint.strategy).
func (p *parser) properties() []Property {
	var out []Property
	for p.peek().kind == tokIdent {
		save := p.pos
		start := p.peek()
		name := p.next().text
		for p.isPunct(".") && p.peekAt(1).kind == tokIdent {
			p.next()
			name += "." + p.next().text
		}
		if !p.isPunct("=") || !propertyNames[name] {
			p.pos = save
			return out
		}
		n := &Name{p.from(start.at), name}
		p.next()
		v := p.peek()
		if v.kind == tokIdent && v.text != "true" && v.text != "false" {
			p.next()
			for p.isPunct("-") && p.peekAt(1).kind == tokIdent {
				p.next()
				p.next()
			}
			at := p.from(v.at)
			out = append(out, Property{n, &Name{at, p.text[at.Start:at.End]}})
			continue
		}
		out = append(out, Property{n, p.unary()})
	}
	return out
}

// propertyNames may stand before an operator's operands, and are no columns there.
var propertyNames = map[string]bool{
	"kind": true, "hint.strategy": true, "hint.shufflekey": true, "hint.remote": true, "hint.num_partitions": true, "hint.concurrency": true,
	"hint.spread": true, "hint.materialized": true, "hint.pass_filters": true, "hint.pass_filters_column": true, "hint.progressive_top": true,
	"withsource": true, "with_source": true, "isfuzzy": true, "bagexpansion": true, "with_itemindex": true, "decodeblocks": true,
	"id": true, "flags": true, "with_match_id": true,
}

// property returns the value of the property called name, or nil.
func property(props []Property, name string) Expr {
	for _, x := range props {
		if x.Name.Text == name {
			return x.Value
		}
	}
	return nil
}

// PropertyText returns the property's value as text ("" when it is not set).
func PropertyText(props []Property, name string) string {
	switch v := property(props, name).(type) {
	case *Name:
		return v.Text
	case *Literal:
		switch x := v.Value.(type) {
		case string:
			return x
		case bool:
			if x {
				return "true"
			}
			return "false"
		}
	}
	return ""
}

// pattern reads a name that may hold wildcards, parted by commas.
func (p *parser) pattern() *Name {
	t := p.peek()
	if p.isPunct("[") {
		return p.name()
	}
	for {
		c := p.peek()
		if c.kind != tokIdent && c.kind != tokLong && !p.isPunct("*") || p.pos > 0 && c.at.Start != t.at.Start && c.at.Start != p.end() {
			break
		}
		p.next()
	}
	at := p.from(t.at)
	if at.End <= at.Start {
		panic(p.fail("a column's name or pattern"))
	}
	return &Name{at, p.text[at.Start:at.End]}
}

// ordered reads sort keys. Kusto sorts descending unless told; nulls come first when
// ascending and last when descending.
func (p *parser) ordered() []*Ordered {
	var out []*Ordered
	for {
		out = append(out, p.orderedKey())
		if !p.accept(",") {
			return out
		}
	}
}

func (p *parser) orderedKey() *Ordered {
	start := p.peek()
	o := &Ordered{X: p.named(), Desc: true}
	switch {
	case p.acceptWord("asc"):
		o.Desc = false
	case p.acceptWord("desc"):
	}
	o.NullsFirst = !o.Desc
	if p.acceptWord("nulls") {
		switch {
		case p.acceptWord("first"):
			o.NullsFirst = true
		case p.acceptWord("last"):
			o.NullsFirst = false
		default:
			panic(p.fail("'first' or 'last'"))
		}
	}
	o.At = p.from(start.at)
	return o
}
