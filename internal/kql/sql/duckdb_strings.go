package sql

import (
	"strconv"

	"weir/internal/kql/plan"
)

func duckStrings(m map[string]template) {
	text(m,
		"strlen", "length($1)", "string_size", "strlen($1)::BIGINT", "tolower", "lower($1)", "toupper", "upper($1)", "strcat", "concat($*)", "strcat_delim", "concat_ws($*)",
		"substring/2", "kql_substring($1, $2, 2147483647)", "substring/3", "kql_substring($1, $2, $3)",
		"indexof/2", "(strpos($1, $2) - 1)", "reverse", "array_to_string(list_reverse(string_split($1, '')), '')",
		"split/2", "to_json(string_split($1, $2))",
		"replace_string", "replace($1, $2, $3)",
		"countof/2", "kql_countof($1, $2)", "strcmp", "(CASE WHEN $1 < $2 THEN -1 WHEN $1 > $2 THEN 1 ELSE 0 END)::BIGINT",
		"strrep/2", "repeat($1, $2)",
		"hash_md5:string", "md5($1)", "hash_sha1:string", "sha1($1)", "hash_sha256:string", "sha256($1)", "base64_encode_tostring", "base64(encode($1))",
	)
	m["indexof"] = template{Func: duckIndexOf}
	m["replace_regex"] = template{Func: func(p *printer, c *plan.Call, args []string) string {
		return "regexp_replace(" + args[0] + ", " + p.d.String(p.pattern(c, 1)) + ", " + args[2] + ", 'g')"
	}}
	m["matches_regex"] = template{Func: func(p *printer, c *plan.Call, args []string) string {
		return "regexp_matches(" + args[0] + ", " + p.d.String(p.pattern(c, 1)) + ")"
	}}
	m["trim"] = template{Func: func(p *printer, c *plan.Call, args []string) string {
		return trimRegex(p, c, trimRegex(p, c, args[1], "^(?:", ")"), "(?:", ")$")
	}}
	m["trim_start"] = template{Func: func(p *printer, c *plan.Call, args []string) string {
		return trimRegex(p, c, args[1], "^(?:", ")")
	}}
	m["trim_end"] = template{Func: func(p *printer, c *plan.Call, args []string) string {
		return trimRegex(p, c, args[1], "(?:", ")$")
	}}
	m["extract"] = template{Func: func(p *printer, c *plan.Call, args []string) string {
		n, _ := c.Args[1].(*plan.Const).Value.(int64)
		if n < 0 || n > 9 {
			panic(p.refuse(c.At, c.End, "function 'extract' of a group above 9"))
		}
		return "regexp_extract(" + args[2] + ", " + p.d.String(p.pattern(c, 0)) + ", " + strconv.FormatInt(n, 10) + ")"
	}}
	m["split/3"] = template{Func: func(p *printer, c *plan.Call, args []string) string {
		k, ok := c.Args[2].(*plan.Const)
		if !ok || k.Value == nil || k.Value.(int64) < 0 {
			panic(p.refuse(c.At, c.End, "function 'split' of an index that is no constant"))
		}
		i := strconv.FormatInt(k.Value.(int64)+1, 10)
		return "to_json(nullif([string_split(" + args[0] + ", " + args[1] + ")[" + i + "]], [NULL]))"
	}}
}

// trimRegex removes one match of a constant pattern at an end of s.
func trimRegex(p *printer, c *plan.Call, s, before, after string) string {
	return "regexp_replace(" + s + ", " + p.d.String(before+p.pattern(c, 0)+after) + ", '')"
}

// duckIndexOf finds the nth occurrence that begins within length characters of start.
func duckIndexOf(p *printer, c *plan.Call, args []string) string {
	number := func(i int, or int64) int64 {
		if i >= len(c.Args) {
			return or
		}
		k, ok := c.Args[i].(*plan.Const)
		if !ok || k.Value == nil {
			panic(p.refuse(c.At, c.End, "function 'indexof' of positions that are no constants"))
		}
		return k.Value.(int64)
	}
	start, length, nth := number(2, 0), number(3, -1), number(4, 1)
	needle, isConst := c.Args[1].(*plan.Const)
	if start < 0 || nth < 1 || nth > 1 && (!isConst || len([]rune(needle.Value.(string))) != 1) {
		panic(p.refuse(c.At, c.End, "function 'indexof' of these positions"))
	}
	limit := "length(" + args[0] + ") + 1"
	if length >= 0 {
		limit = "least(" + limit + ", " + strconv.FormatInt(start+length, 10) + ")"
	}
	return "kql_indexof(" + args[0] + ", " + args[1] + ", " + strconv.FormatInt(start, 10) + ", " + limit + ", " + strconv.FormatInt(nth, 10) + ")"
}
