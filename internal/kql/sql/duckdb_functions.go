package sql

import (
	"strconv"
	"strings"

	"weir/internal/kql/plan"
)

// duckTypes are the engine's types of KQL's.
var duckTypes = map[string]string{
	"bool": "BOOLEAN", "int": "INTEGER", "long": "BIGINT", "real": "DOUBLE", "decimal": "DECIMAL(38,18)", "string": "VARCHAR",
	"guid": "VARCHAR", "datetime": "BIGINT", "timespan": "BIGINT", "dynamic": "JSON",
}

// text makes a template of each pair: operation (perhaps with types), SQL.
func text(into map[string]template, pairs ...string) {
	for i := 0; i < len(pairs); i += 2 {
		into[pairs[i]] = template{Text: pairs[i+1]}
	}
}

// duckScalars are the scalar operations in DuckDB's SQL; kql_… are macros of Prelude.
func duckScalars() map[string]template {
	m := map[string]template{}
	duckConversions(m)
	duckOperators(m)
	duckStrings(m)
	duckNumbers(m)
	duckTimes(m)
	duckDynamic(m)
	duckCollections(m)
	return m
}

func duckConversions(m map[string]template) {
	text(m,
		"tostring:bool", "kql_text_bool($1)",
		"tostring:int", "coalesce($1::VARCHAR, '')", "tostring:long", "coalesce($1::VARCHAR, '')",
		"tostring:real", "coalesce(kql_text_real($1), '')", "tostring:decimal", "coalesce(kql_text_decimal($1), '')",
		"tostring:datetime", "coalesce(kql_text_datetime($1), '')", "tostring:timespan", "coalesce(kql_text_timespan($1), '')",
		"tostring:guid", "coalesce($1, '')", "tostring:dynamic", "coalesce(json_extract_string($1, '$'), '')",
		"tolong:string", "kql_long($1)", "tolong:bool", "$1::BIGINT", "tolong:int", "$1::BIGINT", "tolong:real", "kql_real_long($1)",
		"tolong:decimal", "TRY_CAST(trunc($1) AS BIGINT)", "tolong:timespan", "$1", "tolong:datetime", "$1", "tolong:dynamic", "kql_dynamic_long($1)",
		"toint:string", "TRY_CAST(kql_long($1) AS INTEGER)", "toint:bool", "$1::INTEGER", "toint:long", "kql_wrap32($1)",
		"toint:real", "TRY_CAST(trunc($1) AS INTEGER)", "toint:decimal", "TRY_CAST(trunc($1) AS INTEGER)", "toint:dynamic", "kql_dynamic_int($1)",
		"toreal:string", "kql_real($1)", "toreal:bool", "$1::INTEGER::DOUBLE", "toreal:int", "$1::DOUBLE", "toreal:long", "$1::DOUBLE",
		"toreal:decimal", "$1::DOUBLE", "toreal:dynamic", "kql_dynamic_real($1)", "toreal:timespan", "$1::DOUBLE",
		"todecimal:string", "kql_decimal($1)", "todecimal:int", "$1::DECIMAL(38,18)", "todecimal:long", "$1::DECIMAL(38,18)",
		"todecimal:real", "TRY_CAST($1::VARCHAR AS DECIMAL(38,18))", "todecimal:dynamic", "kql_decimal(json_extract_string($1, '$'))",
		"tobool:string", "kql_bool($1)", "tobool:int", "($1 <> 0)", "tobool:long", "($1 <> 0)", "tobool:real", "($1 <> 0)", "tobool:dynamic", "kql_dynamic_bool($1)",
		"todatetime:string", "kql_datetime($1)", "todatetime:dynamic", "kql_datetime(json_extract_string($1, '$'))",
		"totimespan:string", "kql_timespan($1)", "totimespan:dynamic", "kql_timespan(json_extract_string($1, '$'))", "totimespan:long", "$1",
		"toguid:string", "kql_guid($1)", "toguid:dynamic", "kql_guid(json_extract_string($1, '$'))",
		"todynamic:bool", "to_json($1)", "todynamic:int", "to_json($1)", "todynamic:long", "to_json($1)", "todynamic:real", "kql_json_real($1)",
		"todynamic:string", "to_json($1)", "todynamic:datetime", "to_json(kql_text_datetime($1))", "todynamic:timespan", "to_json(kql_text_timespan($1))",
		"todynamic:guid", "to_json($1)", "todynamic:decimal", "to_json(kql_text_decimal($1))",
		"isnull:string", "false", "isnotnull:string", "true", "isnull", "($1 IS NULL)", "isnotnull", "($1 IS NOT NULL)",
		"isempty:string", "($1 = '')", "isnotempty:string", "($1 <> '')", "isempty:dynamic", "coalesce(json_extract_string($1, '$') = '', true)",
		"isnotempty:dynamic", "coalesce(json_extract_string($1, '$') <> '', false)", "isempty", "($1 IS NULL)", "isnotempty", "($1 IS NOT NULL)",
		"isnan", "coalesce(isnan($1), false)", "isinf", "coalesce(isinf($1), false)", "isfinite", "coalesce(isfinite($1), false)",
		"gettype:dynamic", "kql_type($1)",
	)
	m["gettype"] = template{Func: func(p *printer, c *plan.Call, _ []string) string {
		return p.d.String(c.Args[0].ResultType().String())
	}}
}

func duckOperators(m map[string]template) {
	text(m,
		"and", "($1 AND $2)", "or", "($1 OR $2)", "not", "(NOT $1)",
		"lt", "($1 < $2)", "gt", "($1 > $2)", "le", "($1 <= $2)", "ge", "($1 >= $2)",
		"lt:real", "kql_lt($1, $2)", "gt:real", "kql_lt($2, $1)", "le:real", "kql_le($1, $2)", "ge:real", "kql_le($2, $1)",
		"add:long", "kql_wrap64($1::HUGEINT + $2::HUGEINT)", "sub:long", "kql_wrap64($1::HUGEINT - $2::HUGEINT)", "mul:long", "kql_wrap64($1::HUGEINT * $2::HUGEINT)",
		"div:long", "kql_wrap64($1::HUGEINT // $2)", "mod:long", "kql_mod($1, $2)", "mod:real", "kql_mod_real($1, $2)", "neg:long", "kql_wrap64(-($1::HUGEINT))",
		"add:real", "($1 + $2)", "sub:real", "($1 - $2)", "mul:real", "($1 * $2)", "div:real", "($1 / $2)", "neg:real", "(-$1)",
		"add:decimal", "($1 + $2)", "sub:decimal", "($1 - $2)", "mul:decimal", "kql_mul_decimal($1, $2)", "div:decimal", "kql_div_decimal($1, $2)", "neg:decimal", "(-$1)",
		"add:timespan", "kql_wrap64($1::HUGEINT + $2::HUGEINT)", "sub:timespan", "kql_wrap64($1::HUGEINT - $2::HUGEINT)",
		"mul:timespan", "kql_wrap64($1::HUGEINT * $2::HUGEINT)", "mul:long,timespan", "kql_wrap64($1::HUGEINT * $2::HUGEINT)",
		"div:timespan", "kql_wrap64($1::HUGEINT // $2)", "mod:timespan", "kql_mod($1, $2)", "neg:timespan", "kql_wrap64(-($1::HUGEINT))",
		"mul_span", "TRY_CAST(trunc($1 * $2) AS BIGINT)", "div_span", "($1::DOUBLE / $2::DOUBLE)", "div_span_real", "TRY_CAST(trunc($1 / $2) AS BIGINT)",
		"add_time", "kql_in_calendar($1::HUGEINT + $2)", "sub_time", "kql_in_calendar($1::HUGEINT - $2)", "diff_time", "($1 - $2)",
		"max_of", "greatest($*)", "min_of", "least($*)", "min_of:real", "(CASE WHEN isnan(greatest($*)) THEN 'NaN'::DOUBLE ELSE least($*) END)",
		"has", "kql_has($1, $2)", "has_cs", "kql_has_cs($1, $2)", "hasprefix", "kql_hasprefix($1, $2)", "hasprefix_cs", "kql_hasprefix_cs($1, $2)",
		"hassuffix", "kql_hassuffix($1, $2)", "hassuffix_cs", "kql_hassuffix_cs($1, $2)",
		"contains", "contains(lower($1), lower($2))", "contains_cs", "contains($1, $2)",
		"startswith", "starts_with(lower($1), lower($2))", "startswith_cs", "starts_with($1, $2)",
		"endswith", "suffix(lower($1), lower($2))", "endswith_cs", "suffix($1, $2)",
		"equals_nocase", "(lower($1) = lower($2))",
		"in_array", "coalesce(list_contains(kql_texts($2), $1), false)", "in_array_nocase", "coalesce(list_contains(kql_texts_lower($2), lower($1)), false)",
		"in_array:real", "coalesce(list_contains(kql_reals($2), $1), false)",
		"has_any_array", "coalesce(len(list_filter(kql_texts($2), lambda t: kql_has($1, t))) > 0, false)",
		"has_all_array", "coalesce(len(list_filter(kql_texts($2), lambda t: NOT kql_has($1, t))) = 0, false)",
	)
	m["eq"] = template{Func: duckEqual}
	m["ne"] = template{Func: func(p *printer, c *plan.Call, args []string) string {
		return "(NOT " + duckEqual(p, c, args) + ")"
	}}
	m["in"] = template{Func: duckIn}
	m["in_nocase"] = template{Func: func(p *printer, c *plan.Call, args []string) string {
		for i := range args {
			args[i] = "lower(" + args[i] + ")"
		}
		return duckIn(p, c, args)
	}}
	m["case"] = template{Func: duckCase}
	m["coalesce"] = template{Func: func(_ *printer, c *plan.Call, args []string) string {
		if c.T == plan.String {
			for i := range args {
				args[i] = "nullif(" + args[i] + ", '')"
			}
			args = append(args, "''")
		}
		return "coalesce(" + strings.Join(args, ", ") + ")"
	}}
}

// duckEqual is KQL's ==: false when one operand is null, null when both are, and false for NaN.
func duckEqual(_ *printer, c *plan.Call, args []string) string {
	l, r := nullable(c.Args[0]), nullable(c.Args[1])
	eq := "(" + args[0] + " = " + args[1] + ")"
	if c.Args[0].ResultType() == plan.Real {
		eq = "kql_eq_real(" + args[0] + ", " + args[1] + ")"
	}
	switch {
	case !l && !r:
		return eq
	case l && r:
		return "(CASE WHEN " + args[0] + " IS NULL AND " + args[1] + " IS NULL THEN NULL ELSE coalesce(" + eq + ", false) END)"
	}
	return "coalesce(" + eq + ", false)"
}

func duckIn(_ *printer, c *plan.Call, args []string) string {
	s := args[0] + " IN (" + strings.Join(args[1:], ", ") + ")"
	if anyNullable(c.Args) {
		return "coalesce(" + s + ", false)"
	}
	return "(" + s + ")"
}

func duckCase(_ *printer, c *plan.Call, args []string) string {
	var b strings.Builder
	b.WriteString("(CASE")
	for i := 0; i+1 < len(args); i += 2 {
		b.WriteString(" WHEN " + args[i] + " THEN " + args[i+1])
	}
	b.WriteString(" ELSE " + args[len(args)-1] + " END)")
	return b.String()
}

func duckNumbers(m map[string]template) {
	text(m,
		"abs:long", "kql_wrap64(abs($1::HUGEINT))", "abs:timespan", "kql_wrap64(abs($1::HUGEINT))", "abs", "abs($1)",
		"round:real", "round($1)", "round:real,long", "round($1, $2::INTEGER)", "round:long", "$1", "round:int", "$1",
		"round:decimal", "round($1, 0)::DECIMAL(38,18)",
		"ceiling:real", "ceil($1)", "ceiling:long", "$1", "ceiling:int", "$1",
		"sqrt", "kql_sqrt($1)", "exp", "exp($1)", "exp2", "pow(2, $1)", "exp10", "pow(10, $1)", "log", "kql_ln($1)", "log2", "(kql_ln($1) / ln(2::DOUBLE))", "log10", "kql_log10($1)",
		"pow", "pow($1, $2)", "sin", "sin($1)", "cos", "cos($1)", "tan", "tan($1)", "atan", "atan($1)", "atan2", "atan2($1, $2)",
		"cot", "(1 / tan($1))", "degrees", "degrees($1)", "radians", "radians($1)", "pi", "pi()", "sign", "sign($1)::DOUBLE",
		"bin:int", "kql_bin($1, $2)::INTEGER", "bin:long", "kql_bin($1, $2)", "bin:timespan", "kql_bin($1, $2)", "bin:datetime", "kql_in_calendar(kql_bin($1, $2))",
		"bin:real", "(floor($1 / $2) * $2)",
		"bin_at:long", "kql_bin_at($1, $2, $3)", "bin_at:int", "kql_bin_at($1, $2, $3)::INTEGER", "bin_at:timespan", "kql_bin_at($1, $2, $3)", "bin_at:datetime", "kql_in_calendar(kql_bin_at($1, $2, $3))",
		"bin_at:real", "(floor(($1 - $3) / $2) * $2 + $3)",
		"binary_and", "($1 & $2)", "binary_or", "($1 | $2)", "binary_xor", "xor($1, $2)", "binary_not", "(~$1)",
		"tohex/1", "lower(to_hex($1))", "tohex/2", "lpad(lower(to_hex($1)), greatest(length(to_hex($1)), $2)::INTEGER, '0')",
		"tohex:int", "right(lower(to_hex($1::BIGINT)), 8)", "tohex:int,long", "lpad(right(lower(to_hex($1::BIGINT)), 8), greatest(least(length(to_hex($1::BIGINT)), 8), $2)::INTEGER, '0')",
	)
}

func duckDynamic(m map[string]template) {
	text(m,
		"parse_json", "kql_parse_json($1)",
		"array_length", "(CASE WHEN json_type($1) = 'ARRAY' THEN json_array_length($1)::BIGINT END)",
		"array_sum", "(CASE WHEN json_type($1) = 'ARRAY' THEN coalesce(list_sum(list_transform(kql_array($1), lambda e: CASE WHEN json_type(e) IN ('UBIGINT', 'BIGINT', 'DOUBLE') THEN e::DOUBLE END)), 0::DOUBLE) END)",
		"array_slice", "kql_slice($1, $2, $3)",
		"array_index_of:dynamic,string", "kql_position(kql_array($1), to_json($2))", "array_index_of:dynamic,long", "kql_position(kql_array($1), to_json($2))",
		"range:long", "to_json(kql_series($1, $2, 1))", "range:long,long,long", "to_json(kql_series($1, $2, $3))", "range:datetime", "to_json(list_transform(kql_series($1, $2, $3), lambda t: kql_text_datetime(t)))",
		"range:timespan", "to_json(list_transform(kql_series($1, $2, $3), lambda t: kql_text_timespan(t)))",
		"bag_keys", "(CASE WHEN json_type($1) = 'OBJECT' THEN to_json(json_keys($1)) END)",
		"bag_has_key", "(CASE WHEN json_type($1) = 'OBJECT' THEN list_contains(json_keys($1), $2) END)",
		"array_reverse", "(CASE WHEN json_type($1) = 'ARRAY' THEN to_json(list_reverse(kql_array($1))) END)",
		"strcat_array", "coalesce(array_to_string(list_transform(kql_array($1), lambda e: coalesce(json_extract_string(e, '$'), '')), $2), '')",
	)
	plainKey := m["bag_has_key"]
	m["bag_has_key"] = template{Func: func(p *printer, c *plan.Call, args []string) string {
		if k, ok := c.Args[1].(*plan.Const); !ok || strings.HasPrefix(k.Value.(string), "$") {
			panic(p.refuse(c.At, c.End, "function 'bag_has_key' of a JSON path"))
		}
		return fill(plainKey.Text, args, nil)
	}}
	m["get"] = template{Func: duckGet}
	m["pack_array"] = template{Func: func(p *printer, c *plan.Call, args []string) string {
		for i := range args {
			args[i] = p.toDynamic(c.Args[i], args[i])
		}
		return "json_array(" + strings.Join(args, ", ") + ")"
	}}
	m["bag_pack"] = template{Func: func(p *printer, c *plan.Call, args []string) string {
		if len(args)%2 != 0 {
			panic(p.refuse(c.At, c.End, "function '"+c.Name+"' of an odd number of arguments"))
		}
		seen := map[string]bool{}
		for i := range args {
			if i%2 == 1 {
				args[i] = p.toDynamic(c.Args[i], args[i])
			} else if c.Args[i].ResultType() != plan.String || seen[args[i]] {
				panic(p.refuse(c.At, c.End, "function '"+c.Name+"' of keys that are no strings or repeat"))
			}
			seen[args[i]] = true
		}
		return "json_object(" + strings.Join(args, ", ") + ")"
	}}
	m["array_concat"] = template{Func: func(_ *printer, _ *plan.Call, args []string) string {
		for i := range args {
			args[i] = "kql_array(" + args[i] + ")"
		}
		return "to_json(list_concat(" + strings.Join(args, ", ") + "))"
	}}
}

// duckGet reads a property or an element whose key is known. A JSON path quotes
// plain keys; a JSON pointer serves the rest, since paths know wildcards.
func duckGet(p *printer, c *plan.Call, args []string) string {
	k, ok := c.Args[1].(*plan.Const)
	if !ok || k.Value == nil {
		if c.Args[1].ResultType() == plan.String {
			return "kql_key(" + args[0] + ", " + args[1] + ")"
		}
		return "kql_index(" + args[0] + ", " + args[1] + ")"
	}
	var path string
	switch v := k.Value.(type) {
	case int64:
		path = "$[" + strconv.FormatInt(v, 10) + "]"
		if v < 0 {
			path = "$[#" + strconv.FormatInt(v, 10) + "]"
		}
	case string:
		path = `$."` + v + `"`
		if v == "" || strings.ContainsAny(v, "*\"\\") {
			path = "/" + strings.NewReplacer("~", "~0", "/", "~1").Replace(v)
		}
	}
	return "nullif(json_extract(" + args[0] + ", " + p.d.String(path) + "), 'null')"
}
