package sql

import (
	"encoding/json"
	"fmt"
	"math"
	"regexp"
	"regexp/syntax"
	"strconv"
	"strings"

	"weir/internal/kql"
	"weir/internal/kql/plan"
)

func duckCollections(m map[string]template) {
	text(m,
		"array_sort_asc/1", "kql_sort_array($1, 'ASC', 'array_sort_asc', true)",
		"array_sort_desc/1", "kql_sort_array($1, 'DESC', 'array_sort_desc', true)",
		"array_rotate_left", "kql_rotate($1, $2)", "array_rotate_right", "kql_rotate($1, -($2))",
		"array_shift_left/2", "kql_shift($1, $2, NULL)", "array_shift_right/2", "kql_shift($1, -($2), NULL)",
		"set_has_element:dynamic,string", "list_contains(kql_array($1), to_json($2))", "set_has_element:dynamic,long", "list_contains(kql_array($1), to_json($2))",
		"set_has_element:dynamic,int", "list_contains(kql_array($1), to_json($2))",
		"jaccard_index", "kql_jaccard($1, $2)",
		"parse_csv", "to_json(kql_csv($1))",
		"parse_urlquery", "json_object('Query Parameters', kql_bag(kql_first(kql_query_pairs($1))))",
		"url_encode", "kql_url_encode($1, '+')", "url_encode_component", "kql_url_encode($1, '%20')", "url_decode", "coalesce(TRY(url_decode(replace($1, '+', ' '))), '')",
		"base64_decode_tostring", "coalesce(TRY(decode(from_base64($1))), '')",
		"regex_quote", `regexp_replace($1, '([\\.+*?()|\[\]{}^$])', '\\\1', 'g')`,
		"unicode_codepoints_from_string", "to_json(list_transform(regexp_extract_all($1, '(?s).'), lambda ch: unicode(ch)))",
		"parse_ipv4", "kql_ip($1)", "parse_ipv4_mask", "kql_network(kql_address($1), least(kql_prefix($1), $2))",
		"ipv4_netmask_suffix", "kql_prefix($1)", "ipv4_is_private", "kql_ip_private($1)",
		"ipv4_is_in_range", "(kql_ip_compare($1, $2, 32) = 0)",
		"ipv4_is_match/2", "(kql_ip_compare($1, $2, 32) = 0)", "ipv4_is_match/3", "(kql_ip_compare($1, $2, $3) = 0)",
		"ipv4_compare/2", "kql_ip_compare($1, $2, 32)", "ipv4_compare/3", "kql_ip_compare($1, $2, $3)",
		"format_ipv4/1", "coalesce(kql_ip_text(kql_ip($1)), '')", "format_ipv4/2", "coalesce(kql_ip_text(kql_network(kql_address($1), kql_bits($1, $1, $2))), '')",
		"format_ipv4_mask/1", "coalesce(kql_ip_text(kql_ip($1)) || '/' || kql_prefix($1), '')",
		"format_ipv4_mask/2", "coalesce(kql_ip_text(kql_network(kql_address($1), kql_bits($1, $1, $2))) || '/' || kql_bits($1, $1, $2), '')",
		"has_ipv4", "list_contains(kql_ips($1), $2)", "has_ipv4_prefix", "kql_has_ip_prefix($1, $2)",
	)
	for direction, op := range map[string]string{"ASC": "array_sort_asc", "DESC": "array_sort_desc"} {
		m[op+"/2"] = template{Func: func(p *printer, c *plan.Call, args []string) string {
			if k, ok := c.Args[1].(*plan.Const); !ok || k.Value == nil {
				panic(p.refuse(c.At, c.End, "function '"+op+"' of several arrays"))
			}
			return "kql_sort_array(" + args[0] + ", '" + direction + "', '" + op + "', " + args[1] + ")"
		}}
	}
	m["array_split"] = template{Func: duckArraySplit}
	m["array_shift_left/3"] = dynamicArgs("kql_shift($1, $2, $3)", 1)
	m["array_shift_right/3"] = dynamicArgs("kql_shift($1, -($2), $3)", 1)
	m["array_iff"] = dynamicArgs("kql_array_iff($1, $2, $3)")
	m["bag_zip"] = template{Text: "kql_bag(kql_first(list_filter(list_transform(kql_array($1), lambda kz, i: {'k': CASE WHEN json_type(kz) = 'VARCHAR' THEN json_extract_string(kz, '$') END, 'v': kql_at(kql_array($2), i)}), lambda pz: pz.k IS NOT NULL)))"}
	m["zip"] = template{Func: duckZip}
	m["set_union"] = setOf(func(args []string) string { return "list_distinct(list_concat(" + strings.Join(args, ", ") + "))" })
	m["set_intersect"] = setOf(func(args []string) string {
		s := args[0]
		for _, a := range args[1:] {
			s = "list_intersect(" + s + ", " + a + ")"
		}
		return "list_distinct(" + s + ")"
	})
	m["set_difference"] = setOf(func(args []string) string {
		return "list_filter(" + args[0] + ", lambda ed: NOT list_contains(list_concat(" + strings.Join(args[1:], ", ") + "), ed))"
	})
	m["bag_merge"] = template{Func: func(_ *printer, _ *plan.Call, args []string) string {
		for i := range args {
			args[i] = "kql_pairs(" + args[i] + ")"
		}
		return "kql_bag(kql_first(list_concat(" + strings.Join(args, ", ") + ")))"
	}}
	m["bag_remove_keys"] = template{Func: duckRemoveKeys}
	m["extract_all"] = template{Func: duckExtractAll}
	m["replace_strings"] = template{Func: duckReplaceStrings}
	m["unicode_codepoints_to_string"] = dynamicLists("array_to_string(list_transform(list_concat($*), lambda cp: chr(cp::INTEGER)), '')", "kql_codepoints(", 0)
	m["ipv4_is_in_any_range"] = dynamicLists("list_bool_or(list_transform(list_concat($*), lambda ra: kql_ip_compare($1, ra, 32) = 0))", "kql_texts_of(", 1)
	m["has_any_ipv4"] = dynamicLists("coalesce(len(list_intersect(kql_ips($1), list_concat($*))) > 0, false)", "kql_texts_of(", 1)
	m["has_any_ipv4_prefix"] = dynamicLists("coalesce(len(list_filter(list_concat($*), lambda pa: kql_has_ip_prefix($1, pa))) > 0, false)", "kql_texts_of(", 1)
	m["array_index_of/3"] = template{Func: duckArrayIndexOf}
	m["array_index_of/4"], m["array_index_of/5"] = m["array_index_of/3"], m["array_index_of/3"]
	m["value_of_key"] = template{Func: duckValueOfKey}
	m["parse_url"] = template{Func: duckParseURL}
}

// dynamicArgs fills text with arguments made dynamic, those at plain left as they are.
func dynamicArgs(text string, plain ...int) template {
	return template{Func: func(p *printer, c *plan.Call, args []string) string {
		for i := range args {
			if len(plain) == 0 || plain[0] != i {
				args[i] = p.toDynamic(c.Args[i], args[i])
			}
		}
		return fill(text, args, nil)
	}}
}

// dynamicLists fills text, where $1 is the first argument when from is 1 and $* are
// the arguments after from, each a value or an array, made a list by the macro wrap.
func dynamicLists(text, wrap string, from int) template {
	return template{Func: func(p *printer, c *plan.Call, args []string) string {
		for i := from; i < len(args); i++ {
			args[i] = wrap + p.toDynamic(c.Args[i], args[i]) + ")"
		}
		s := strings.ReplaceAll(text, "$*", strings.Join(args[from:], ", "))
		return fill(s, args, nil)
	}}
}

// setOf is an operation on the distinct elements of arrays; one that is no array makes it null.
func setOf(of func(args []string) string) template {
	return template{Func: func(_ *printer, _ *plan.Call, args []string) string {
		var arrays []string
		for i := range args {
			arrays = append(arrays, "json_type("+args[i]+") = 'ARRAY'")
			args[i] = "kql_set(" + args[i] + ")"
		}
		return "(CASE WHEN " + strings.Join(arrays, " AND ") + " THEN to_json(" + of(args) + ") END)"
	}}
}

func duckZip(_ *printer, _ *plan.Call, args []string) string {
	var lens, items []string
	for _, a := range args {
		lens = append(lens, "len(kql_array("+a+"))")
		items = append(items, "kql_at(kql_array("+a+"), iz)")
	}
	return "to_json(list_transform(range(1, greatest(" + strings.Join(lens, ", ") + ") + 1), lambda iz: [" + strings.Join(items, ", ") + "]))"
}

// constArray reads a constant dynamic array; ok is false when c is none.
func constArray(e plan.Expr) (list []any, ok bool) {
	k, isConst := e.(*plan.Const)
	if !isConst {
		return nil, false
	}
	s, isText := k.Value.(string)
	return list, isText && json.Unmarshal([]byte(s), &list) == nil
}

// duckArraySplit cuts before the constant positions; a negative one counts from the end.
func duckArraySplit(p *printer, c *plan.Call, args []string) string {
	list, ok := constArray(c.Args[1])
	if k, isConst := c.Args[1].(*plan.Const); isConst && k.T == plan.Long && k.Value != nil {
		list, ok = []any{float64(k.Value.(int64))}, true
	}
	var cuts []string
	for _, v := range list {
		at, isNumber := v.(float64)
		ok = ok && isNumber && at == math.Trunc(at) && math.Abs(at) < 1<<31
		cuts = append(cuts, fmt.Sprintf("kql_cut(%d, json_array_length(%s)::BIGINT)", int64(at), args[0]))
	}
	if !ok || len(cuts) == 0 {
		panic(p.refuse(c.At, c.End, "function 'array_split' at positions that are no constants"))
	}
	return "(CASE WHEN json_type(" + args[0] + ") = 'ARRAY' THEN to_json(kql_split_at(kql_array(" + args[0] + "), [" + strings.Join(cuts, ", ") + "])) END)"
}

// duckRemoveKeys removes top-level keys; a key that begins with $ is a path to Kusto.
func duckRemoveKeys(p *printer, c *plan.Call, args []string) string {
	list, ok := constArray(c.Args[1])
	for _, k := range list {
		s, isText := k.(string)
		ok = ok && (!isText || !strings.HasPrefix(s, "$"))
	}
	if !ok {
		panic(p.refuse(c.At, c.End, "function 'bag_remove_keys' of keys that are no constants or are paths"))
	}
	return "kql_bag(list_filter(kql_pairs(" + args[0] + "), lambda pr: NOT list_contains(kql_texts(" + args[1] + "), pr.k)))"
}

// duckExtractAll gives a match's group as it is, several groups as an array; no match at all is null.
func duckExtractAll(p *printer, c *plan.Call, args []string) string {
	re := p.pattern(c, 0)
	parsed, err := syntax.Parse(re, syntax.Perl)
	if err != nil || parsed.MaxCap() == 0 || parsed.MaxCap() > 9 {
		panic(kql.NewError(p.text, kql.Span{Start: c.At, End: c.End}, kql.CodeSemantic, "the regular expression of 'extract_all' must have 1 to 9 groups"))
	}
	group := func(i int) string {
		return "regexp_extract_all(" + args[1] + ", " + p.d.String(re) + ", " + strconv.Itoa(i) + ")"
	}
	if parsed.MaxCap() == 1 {
		return "to_json(nullif(list_transform(" + group(1) + ", lambda m: coalesce(m, '')), []))"
	}
	var items []string
	for i := 1; i <= parsed.MaxCap(); i++ {
		items = append(items, "coalesce("+group(i)+"[im], '')")
	}
	return "to_json(nullif(list_transform(range(1, len(" + group(1) + ") + 1), lambda im: [" + strings.Join(items, ", ") + "]), []))"
}

// duckReplaceStrings replaces one lookup after the other, but never in what was put
// in: a private-use character stands for it until the end.
func duckReplaceStrings(p *printer, c *plan.Call, args []string) string {
	from, ok := constArray(c.Args[1])
	to, ok2 := constArray(c.Args[2])
	if !ok || !ok2 || len(from) != len(to) || len(from) > 200 {
		panic(p.refuse(c.At, c.End, "function 'replace_strings' of lists that are not constant arrays of one length"))
	}
	s := args[0]
	for i, f := range from {
		text, isText := f.(string)
		if !isText || text == "" {
			panic(p.refuse(c.At, c.End, "function 'replace_strings' of a lookup that is no text"))
		}
		s = "replace(" + s + ", " + p.d.String(text) + ", chr(" + strconv.Itoa(0xF0000+i) + "))"
	}
	for i, t := range to {
		text, isText := t.(string)
		if !isText { // what is no text replaces nothing
			text = from[i].(string)
		}
		s = "replace(" + s + ", chr(" + strconv.Itoa(0xF0000+i) + "), " + p.d.String(text) + ")"
	}
	return "(CASE WHEN regexp_matches(" + args[0] + ", '[\\x{F0000}-\\x{F00FF}]') THEN error('replace_strings in text with characters of plane 15 is not supported') ELSE " + s + " END)"
}

// duckArrayIndexOf looks for the nth place from start on, at most length elements far (-1: to the end).
func duckArrayIndexOf(p *printer, c *plan.Call, args []string) string {
	for len(args) < 5 {
		args = append(args, map[int]string{3: "-1", 4: "1"}[len(args)])
	}
	args[1] = p.toDynamic(c.Args[1], args[1])
	return fill("(CASE WHEN json_type($1) = 'ARRAY' THEN coalesce(list_filter(range(greatest(kql_from($3, json_array_length($1)::BIGINT), 0), "+
		"CASE WHEN $4 < 0 THEN json_array_length($1)::BIGINT ELSE least(json_array_length($1)::BIGINT, greatest(kql_from($3, json_array_length($1)::BIGINT), 0) + $4) END), "+
		"lambda ip: kql_array($1)[ip + 1] = $2)[greatest($5, 1)], -1) END)", args, nil)
}

// duckParseURL takes a URL to its parts by the expression of RFC 3986, appendix B.
func duckParseURL(_ *printer, _ *plan.Call, args []string) string {
	part := func(re string, i int) string {
		return "regexp_extract($1, '" + re + "', " + strconv.Itoa(i) + ")"
	}
	const scheme, authority = `^([A-Za-z][A-Za-z0-9+.-]*):`, `^(?:[A-Za-z][A-Za-z0-9+.-]*:)?//(?:([^/?#:@]*)(?::([^/?#@]*))?@)?(\[[^/?#\]]*\]|[^/?#:]*)(?::([0-9]*))?`
	path := part(`^(?:[A-Za-z][A-Za-z0-9+.-]*:)?(?://[^/?#]*)?([^?#]*)`, 1)
	return fill("json_object('Scheme', "+part(scheme, 1)+", 'Host', "+part(authority, 3)+", 'Port', "+part(authority, 4)+", 'Path', "+path+
		", 'Username', "+part(authority, 1)+", 'Password', "+part(authority, 2)+
		", 'Query Parameters', kql_bag(kql_first(kql_query_pairs("+part(`^[^?#]*\?([^#]*)`, 1)+"))), 'Fragment', "+part(`#(.*)$`, 1)+")", args, nil)
}

// duckValueOfKey reads text as pairs (key, delimiter, value) parted by another
// delimiter. What stands before a key without being a pair is dropped.
func duckValueOfKey(p *printer, c *plan.Call, args []string) string {
	quoted := func(i int) string {
		s, _ := c.Args[i].(*plan.Const).Value.(string)
		return regexp.QuoteMeta(s)
	}
	word := "()(.*?)"
	if q := quoted(3); q != "" {
		word = "(?:" + q + "((?s:[^" + q + "]*))" + q + "|(.*?))"
	}
	re := p.d.String(`(?s)\s*` + word + `\s*` + quoted(2) + `\s*` + word + `\s*(?:` + quoted(1) + "|$)")
	group := func(i int) string {
		return "regexp_extract_all(" + args[0] + ", " + re + ", " + strconv.Itoa(i) + ")"
	}
	return "kql_value_of_key(" + args[4] + ", " + args[1] + ", " + strings.Join([]string{group(1), group(2), group(3), group(4)}, ", ") + ")"
}
