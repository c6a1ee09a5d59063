package sql

import "strings"

// Prelude gives the statements that define the macros which DuckDB's dialect uses,
// to be run once on the engine before any query.
func Prelude() string {
	var b strings.Builder
	for _, macros := range [][][2]string{preludeMacros, collectionMacros} {
		for _, m := range macros {
			b.WriteString("CREATE OR REPLACE MACRO " + m[0] + " AS " + m[1] + ";\n")
		}
	}
	return b.String()
}

// preludeMacros are named and written here in the order of their use of each other.
var preludeMacros = [][2]string{
	// Whole numbers wrap at 64 bits: 2^126+2^63 is a multiple of 2^64 past the sign.
	{"kql_wrap64(h)", "(((h) + 85070591730234615875067023894796828672::HUGEINT) % 18446744073709551616::HUGEINT - 9223372036854775808::HUGEINT)::BIGINT"},
	{"kql_wrap32(h)", "(((h)::HUGEINT + 36893488149566586880::HUGEINT) % 4294967296 - 2147483648)::INTEGER"},
	{"kql_mod(a, b)", "((((a)::HUGEINT % (b)) + abs((b)::HUGEINT)) % abs((b)::HUGEINT))::BIGINT"},
	{"kql_bin(a, b)", "kql_wrap64((a)::HUGEINT - kql_mod(a, b))"},
	{"kql_bin_at(a, b, o)", "kql_wrap64((a)::HUGEINT - kql_mod((a)::HUGEINT - (o)::HUGEINT, b))"},
	{"kql_eq_real(a, b)", "((a) = (b) AND NOT isnan(a))"},
	{"kql_lt(a, b)", "((a) < (b) AND NOT isnan(b))"},
	{"kql_le(a, b)", "((a) <= (b) AND NOT isnan(b))"},
	{"kql_sqrt(x)", "CASE WHEN (x) < 0 THEN 'NaN'::DOUBLE ELSE sqrt(x) END"},
	{"kql_ln(x)", "CASE WHEN (x) < 0 THEN 'NaN'::DOUBLE WHEN (x) = 0 THEN '-Infinity'::DOUBLE ELSE ln(x) END"},
	{"kql_log10(x)", "CASE WHEN (x) < 0 THEN 'NaN'::DOUBLE WHEN (x) = 0 THEN '-Infinity'::DOUBLE ELSE log10(x) END"},

	// Decimals: 18 digits after the point, in whole numbers of 10^-18.
	{"kql_units(d)", "(trunc(d)::HUGEINT * 1000000000000000000 + (((d) - trunc(d)::DECIMAL(38,18)) * 1000000000000000000)::HUGEINT)"},
	{"kql_of_units(u)", "(((u) // 1000000000000000000)::DECIMAL(20,0) + ((u) % 1000000000000000000)::DECIMAL(20,0) * 0.000000000000000001::DECIMAL(18,18))::DECIMAL(38,18)"},

	// Time. Ticks are never negative, so // rounds down.
	{"kql_ticks(t)", "(epoch_us(t) * 10 + 621355968000000000)"},
	{"kql_timestamp_floor(t)", "make_timestamp((t) // 10 - 62135596800000000)"},
	{"kql_timestamp_ceil(t)", "make_timestamp(((t) + 9) // 10 - 62135596800000000)"},
	{"kql_in_calendar(h)", "CASE WHEN (h) BETWEEN 0 AND 3155378975999999999 THEN (h)::BIGINT END"},
	{"kql_date(t)", "(DATE '0001-01-01' + ((t) // 864000000000)::INTEGER)"},
	{"kql_of_date(d)", "((d)::DATE - DATE '0001-01-01') * 864000000000"},
	{"kql_start(part, t, months)", "kql_of_date(date_trunc(part, kql_date(t)) + to_months((months)::INTEGER))"},
	{"kql_start_of_week(t, weeks)", "((((t) // 864000000000 + 1) // 7 + (weeks)) * 6048000000000 - 864000000000)"},
	{"kql_make_span(d, h, m, s)", "CASE WHEN (d) >= 0 AND (h) BETWEEN 0 AND 23 AND (m) BETWEEN 0 AND 59 AND (s) >= 0 AND (s) < 60 THEN TRY_CAST((d)::HUGEINT * 864000000000 + (h) * 36000000000 + (m) * 600000000 + round((s) * 10000000)::BIGINT AS BIGINT) END"},
	{"kql_months(t)", "(year(kql_date(t)) * 12 + month(kql_date(t)) - 1)"},
	{"kql_add_months(t, n)", "kql_in_calendar(kql_of_date(kql_date(t) + to_months((n)::INTEGER)) + (t) % 864000000000)"},
	{"kql_text_datetime(t)", "(strftime(kql_date(t), '%Y-%m-%dT') || lpad(((t) // 36000000000 % 24)::VARCHAR, 2, '0') || ':' || lpad(((t) // 600000000 % 60)::VARCHAR, 2, '0') || ':' || lpad(((t) // 10000000 % 60)::VARCHAR, 2, '0') || '.' || lpad(((t) % 10000000)::VARCHAR, 7, '0') || 'Z')"},
	{"kql_text_span(u)", "(CASE WHEN (u) >= 864000000000 THEN ((u) // 864000000000)::VARCHAR || '.' ELSE '' END || lpad(((u) // 36000000000 % 24)::VARCHAR, 2, '0') || ':' || lpad(((u) // 600000000 % 60)::VARCHAR, 2, '0') || ':' || lpad(((u) // 10000000 % 60)::VARCHAR, 2, '0') || CASE WHEN (u) % 10000000 > 0 THEN '.' || lpad(((u) % 10000000)::VARCHAR, 7, '0') ELSE '' END)"},
	{"kql_text_timespan(t)", "(CASE WHEN (t) < 0 THEN '-' ELSE '' END || kql_text_span(abs((t)::HUGEINT)))"},

	// Text to values: what is no number in KQL is null, whatever the engine would read.
	{"kql_long(s)", "CASE WHEN regexp_full_match(s, '\\s*[+-]?[0-9]+\\s*') THEN TRY_CAST(trim(s, E' \\t\\r\\n') AS BIGINT) WHEN regexp_full_match(s, '\\s*0[xX][0-9a-fA-F]{1,16}\\s*') THEN kql_wrap64(TRY_CAST(lower(trim(s, E' \\t\\r\\n')) AS UBIGINT)::HUGEINT) END"},
	{"kql_real(s)", "CASE WHEN regexp_full_match(s, '\\s*[+-]?([0-9]+\\.?[0-9]*|\\.[0-9]+)([eE][+-]?[0-9]+)?\\s*') THEN TRY_CAST(trim(s, E' \\t\\r\\n') AS DOUBLE) WHEN lower(trim(s)) = 'nan' THEN 'NaN'::DOUBLE WHEN trim(s) IN ('inf', '+inf', 'Infinity', '+Infinity') THEN 'Infinity'::DOUBLE WHEN trim(s) IN ('-inf', '-Infinity') THEN '-Infinity'::DOUBLE END"},
	{"kql_decimal(s)", "CASE WHEN regexp_full_match(s, '\\s*[+-]?([0-9]+\\.?[0-9]*|\\.[0-9]+)([eE][+-]?[0-9]+)?\\s*') THEN TRY_CAST(trim(s, E' \\t\\r\\n') AS DECIMAL(38,18)) END"},
	{"kql_bool(s)", "CASE WHEN lower(trim(s)) = 'true' THEN true WHEN lower(trim(s)) = 'false' THEN false WHEN regexp_full_match(s, '\\s*[+-]?[0-9]+\\s*') THEN NOT regexp_full_match(s, '\\s*[+-]?0+\\s*') END"},
	{"kql_guid(s)", "TRY_CAST(CASE WHEN regexp_full_match(trim(s), '[{(]?[0-9a-fA-F]{8}-?[0-9a-fA-F]{4}-?[0-9a-fA-F]{4}-?[0-9a-fA-F]{4}-?[0-9a-fA-F]{12}[})]?') THEN trim(s, ' {}()') END AS UUID)::VARCHAR"},
	{"kql_datetime_iso(s)", "CASE WHEN regexp_full_match(trim(s), '[0-9]{4}-[0-9]{2}-[0-9]{2}([T ][0-9]{2}:[0-9]{2}(:[0-9]{2}(\\.[0-9]{1,7})?)?)?(Z|[+-][0-9]{2}:[0-9]{2})?') THEN kql_in_calendar(epoch_us(TRY_CAST(regexp_extract(trim(s), '^[0-9]{4}-[0-9]{2}-[0-9]{2}') AS TIMESTAMP))::HUGEINT * 10 + 621355968000000000 + coalesce(TRY_CAST(CASE WHEN TRY_CAST(nullif(regexp_extract(trim(s), '[T ]([0-9]{2}:[0-9]{2}(:[0-9]{2})?)', 1), '') AS TIME) IS NOT NULL OR regexp_extract(trim(s), '[T ]([0-9]{2}:[0-9]{2}(:[0-9]{2})?)', 1) = '' THEN coalesce(epoch_us(TRY_CAST(nullif(regexp_extract(trim(s), '[T ]([0-9]{2}:[0-9]{2}(:[0-9]{2})?)', 1), '') AS TIME)), 0) * 10 END AS BIGINT), 9223372036854775807) + coalesce(TRY_CAST(rpad(nullif(regexp_extract(trim(s), '\\.([0-9]{1,7})', 1), ''), 7, '0') AS BIGINT), 0) - coalesce(TRY_CAST(nullif(regexp_extract(trim(s), '([+-])[0-9]{2}:[0-9]{2}$', 1), '') || '1' AS BIGINT) * (TRY_CAST(regexp_extract(trim(s), '[+-]([0-9]{2}):[0-9]{2}$', 1) AS BIGINT) * 60 + TRY_CAST(regexp_extract(trim(s), '[+-][0-9]{2}:([0-9]{2})$', 1) AS BIGINT)) * 600000000, 0)) END"},
	{"kql_datetime(s)", "kql_datetime_iso(regexp_replace(s, '^\\s*([0-9]{2})/([0-9]{2})/([0-9]{4})', '\\3-\\1-\\2'))"},
	{"kql_unit(u)", "CASE WHEN (u) IN ('d', 'day', 'days') THEN 864000000000 WHEN (u) IN ('h', 'hr', 'hrs', 'hour', 'hours') THEN 36000000000 WHEN (u) IN ('m', 'min', 'minute', 'minutes') THEN 600000000 WHEN (u) IN ('s', 'sec', 'second', 'seconds') THEN 10000000 WHEN (u) IN ('ms', 'milli', 'millis', 'millisecond', 'milliseconds') THEN 10000 WHEN (u) IN ('micro', 'micros', 'microsecond', 'microseconds') THEN 10 WHEN (u) IN ('tick', 'ticks') THEN 1 END"},
	{"kql_sign(s)", "CASE WHEN starts_with(trim(s), '-') THEN -1 ELSE 1 END"},
	{"kql_timespan(s)", "CASE WHEN regexp_full_match(trim(s), '-?([0-9]+\\.)?[0-9]{1,2}:[0-9]{1,2}(:[0-9]{1,2}(\\.[0-9]{1,7})?)?') AND coalesce(TRY_CAST(regexp_extract(trim(s), '([0-9]{1,2}):', 1) AS BIGINT), 0) < 24 AND coalesce(TRY_CAST(regexp_extract(trim(s), ':([0-9]{1,2})', 1) AS BIGINT), 0) < 60 AND coalesce(TRY_CAST(nullif(regexp_extract(trim(s), ':[0-9]{1,2}:([0-9]{1,2})', 1), '') AS BIGINT), 0) < 60 THEN TRY_CAST(kql_sign(s) * (coalesce(TRY_CAST(nullif(regexp_extract(trim(s), '^-?([0-9]+)\\.', 1), '') AS HUGEINT), 0) * 864000000000 + TRY_CAST(regexp_extract(trim(s), '([0-9]{1,2}):', 1) AS BIGINT) * 36000000000 + TRY_CAST(regexp_extract(trim(s), ':([0-9]{1,2})', 1) AS BIGINT) * 600000000 + coalesce(TRY_CAST(nullif(regexp_extract(trim(s), ':[0-9]{1,2}:([0-9]{1,2})', 1), '') AS BIGINT), 0) * 10000000 + coalesce(TRY_CAST(rpad(nullif(regexp_extract(trim(s), ':[0-9]{1,2}:[0-9]{1,2}\\.([0-9]{1,7})', 1), ''), 7, '0') AS BIGINT), 0)) AS BIGINT) WHEN regexp_full_match(trim(s), '-?[0-9]+') THEN TRY_CAST(TRY_CAST(trim(s) AS HUGEINT) * 864000000000 AS BIGINT) WHEN regexp_full_match(trim(s), '-?[0-9]+(\\.[0-9]+)?[a-z]+') THEN TRY_CAST(round(TRY_CAST(regexp_extract(trim(s), '^-?[0-9.]+') AS DECIMAL(24,7)) * kql_unit(regexp_extract(trim(s), '[a-z]+$'))) AS BIGINT) END"},

	// Values to text.
	{"kql_text_bool(x)", "CASE WHEN (x) THEN 'True' WHEN NOT (x) THEN 'False' ELSE '' END"},
	{"kql_text_decimal(x)", "CASE WHEN contains((x)::VARCHAR, '.') THEN rtrim(rtrim((x)::VARCHAR, '0'), '.') ELSE (x)::VARCHAR END"},
	{"kql_digits15(t)", "regexp_replace(regexp_replace(regexp_replace(t, '\\.0$', ''), '^(-?[0-9])([0-9]*)\\.?([0-9]*)$', '\\1.\\2\\3'), '\\.?0*$', '') || 'E+15'"},
	{"kql_text_real(x)", "CASE WHEN isnan(x) THEN 'NaN' WHEN isinf(x) THEN CASE WHEN (x) > 0 THEN 'Infinity' ELSE '-Infinity' END WHEN abs(x) >= 1e15 AND abs(x) < 1e16 THEN kql_digits15((x)::VARCHAR) ELSE upper((x)::VARCHAR) END"},

	// Dynamic.
	{"kql_json(x)", "nullif((x)::JSON, 'null')"},
	{"kql_parse_json(s)", "CASE WHEN json_valid(s) THEN nullif(json(s), 'null') WHEN (s) = '' THEN NULL ELSE to_json(s) END"},
	{"kql_json_real(x)", "CASE WHEN isnan(x) THEN '\"NaN\"'::JSON WHEN isinf(x) THEN to_json(CASE WHEN (x) > 0 THEN 'Infinity' ELSE '-Infinity' END) ELSE to_json(x) END"},
	{"kql_index(d, i)", "nullif(json_extract(d, '$[' || CASE WHEN (i) < 0 THEN '#' ELSE '' END || (i)::VARCHAR || ']'), 'null')"},
	{"kql_key(d, k)", "CASE WHEN json_type(d) = 'OBJECT' THEN nullif(json_extract(d, '/' || replace(replace(k, '~', '~0'), '/', '~1')), 'null') END"},
	{"kql_array(d)", "CASE WHEN json_type(d) = 'ARRAY' THEN json_extract(d, '$[*]') END"},
	{"kql_flat(d)", "CASE WHEN json_type(d) = 'ARRAY' THEN json_extract(d, '$[*]') ELSE [d] END"},
	{"kql_elements(d)", "CASE json_type(d) WHEN 'ARRAY' THEN list_transform(json_extract(d, '$[*]'), lambda e: nullif(e, 'null')) WHEN 'OBJECT' THEN list_transform(json_keys(d), lambda k: json_object(k, kql_key(d, k))) ELSE [d] END"},
	{"kql_from(i, n)", "CASE WHEN (i) < 0 THEN (n) + (i) ELSE (i) END"},
	{"kql_slice(d, a, z)", "CASE WHEN json_type(d) <> 'ARRAY' THEN NULL WHEN kql_from(z, json_array_length(d)::BIGINT) < 0 THEN '[]'::JSON ELSE to_json(list_slice(kql_array(d), greatest(kql_from(a, json_array_length(d)::BIGINT), 0) + 1, kql_from(z, json_array_length(d)::BIGINT) + 1)) END"},
	{"kql_position(l, v)", "CASE WHEN (l) IS NOT NULL THEN coalesce(list_position(l, v), 0)::BIGINT - 1 END"},
	// range gives at most 1,048,576 elements, as Kusto's does.
	{"kql_series(a, z, s)", "CASE WHEN (s) > 0 THEN generate_series(a, least((z)::HUGEINT, (a)::HUGEINT + (s)::HUGEINT * 1048575)::BIGINT, s) WHEN (s) < 0 THEN generate_series(a, greatest((z)::HUGEINT, (a)::HUGEINT + (s)::HUGEINT * 1048575)::BIGINT, s) END"},
	{"kql_texts(d)", "list_transform(kql_array(d), lambda e: coalesce(json_extract_string(e, '$'), ''))"},
	{"kql_texts_lower(d)", "list_transform(kql_texts(d), lambda e: lower(e))"},
	{"kql_type(d)", "CASE json_type(d) WHEN 'ARRAY' THEN 'array' WHEN 'OBJECT' THEN 'dictionary' WHEN 'VARCHAR' THEN 'string' WHEN 'BOOLEAN' THEN 'bool' WHEN 'DOUBLE' THEN 'double' WHEN 'UBIGINT' THEN 'long' WHEN 'BIGINT' THEN 'long' ELSE 'null' END"},
	{"kql_dynamic_real(d)", "CASE json_type(d) WHEN 'UBIGINT' THEN json_extract_string(d, '$')::DOUBLE WHEN 'BIGINT' THEN json_extract_string(d, '$')::DOUBLE WHEN 'DOUBLE' THEN json_extract_string(d, '$')::DOUBLE WHEN 'VARCHAR' THEN kql_real(json_extract_string(d, '$')) WHEN 'BOOLEAN' THEN CASE WHEN json_extract_string(d, '$') = 'true' THEN 1 ELSE 0 END END"},
	{"kql_reals(d)", "list_transform(kql_array(d), lambda e: kql_dynamic_real(e))"},
	{"kql_dynamic_long(d)", "CASE json_type(d) WHEN 'UBIGINT' THEN TRY_CAST(json_extract_string(d, '$') AS BIGINT) WHEN 'BIGINT' THEN TRY_CAST(json_extract_string(d, '$') AS BIGINT) WHEN 'DOUBLE' THEN coalesce(TRY_CAST(trunc(json_extract_string(d, '$')::DOUBLE) AS BIGINT), CASE WHEN json_extract_string(d, '$')::DOUBLE > 0 THEN 9223372036854775807 ELSE -9223372036854775808 END) WHEN 'VARCHAR' THEN kql_long(json_extract_string(d, '$')) WHEN 'BOOLEAN' THEN CASE WHEN json_extract_string(d, '$') = 'true' THEN 1 ELSE 0 END END"},
	{"kql_dynamic_int(d)", "CASE json_type(d) WHEN 'DOUBLE' THEN coalesce(TRY_CAST(trunc(json_extract_string(d, '$')::DOUBLE) AS INTEGER), CASE WHEN json_extract_string(d, '$')::DOUBLE > 0 THEN 2147483647 ELSE -2147483648 END) WHEN 'VARCHAR' THEN TRY_CAST(kql_long(json_extract_string(d, '$')) AS INTEGER) ELSE kql_wrap32(kql_dynamic_long(d)) END"},

	// Strings. A term is a run of letters and digits; a match must not cut one at
	// an end where the searched text has a letter or digit itself.
	{"kql_edge(t, i)", "CASE WHEN regexp_matches(substr(t, i, 1), '[\\p{L}\\p{N}]') THEN true ELSE false END"},
	{"kql_has_pattern(t, head, tail)", "CASE WHEN (head) AND kql_edge(t, 1) THEN '(?:^|[^\\p{L}\\p{N}])' ELSE '' END || regexp_escape(t) || CASE WHEN (tail) AND kql_edge(t, -1) THEN '(?:$|[^\\p{L}\\p{N}])' ELSE '' END"},
	{"kql_has(s, t)", "regexp_matches(s, '(?is)' || kql_has_pattern(t, true, true))"},
	{"kql_has_cs(s, t)", "regexp_matches(s, '(?s)' || kql_has_pattern(t, true, true))"},
	{"kql_hasprefix(s, t)", "regexp_matches(s, '(?is)' || kql_has_pattern(t, true, false))"},
	{"kql_hasprefix_cs(s, t)", "regexp_matches(s, '(?s)' || kql_has_pattern(t, true, false))"},
	{"kql_hassuffix(s, t)", "regexp_matches(s, '(?is)' || kql_has_pattern(t, false, true))"},
	{"kql_hassuffix_cs(s, t)", "regexp_matches(s, '(?s)' || kql_has_pattern(t, false, true))"},
	{"kql_substring(s, start, n)", "CASE WHEN (n) <= 0 THEN '' WHEN (start) >= 0 THEN substr(s, least((start), 2147483646)::BIGINT + 1, least((n), 2147483647)::BIGINT) WHEN -(start) > length(s) THEN '' ELSE substr(s, length(s) + (start) + 1, least((n), 2147483647)::BIGINT) END"},
	{"kql_countof(s, t)", "CASE WHEN (t) = '' THEN 0 ELSE len(list_filter(range(1, length(s) - length(t) + 2), lambda i: substr(s, i, length(t)) = (t))) END"},
	{"kql_indexof(s, t, start, stop, nth)", "coalesce(list_filter(range(start, least(stop, length(s) - length(t) + 1)), lambda i: substr(s, i + 1, length(t)) = (t))[nth], -1)"},

	{"kql_dynamic_bool(d)", "CASE WHEN json_type(d) = 'VARCHAR' THEN coalesce(kql_bool(json_extract_string(d, '$')), kql_long(json_extract_string(d, '$')) <> 0) ELSE kql_dynamic_real(d) <> 0 END"},
	{"kql_real_long(x)", "CASE WHEN isfinite(x) THEN coalesce(TRY_CAST(trunc(x) AS BIGINT), -9223372036854775808) END"},
	{"kql_mul_units(a, b, c, d)", "(a) * (c) * 1000000000000000000 + (a) * (d) + (b) * (c) + ((b) * (d) + sign((b) * (d))::HUGEINT * 500000000000000000) // 1000000000000000000"},
	{"kql_mul_decimal(a, b)", "kql_of_units(kql_mul_units(kql_units(a) // 1000000000000000000, kql_units(a) % 1000000000000000000, kql_units(b) // 1000000000000000000, kql_units(b) % 1000000000000000000))"},
	{"kql_div_units(a, b)", "((a) // (b)) * 1000000000000000000 + (((a) % (b)) * 1000000000 // (b)) * 1000000000 + ((((a) % (b)) * 1000000000 % (b)) * 1000000000 // (b))"},
	{"kql_div_decimal(a, b)", "kql_of_units(kql_div_units(kql_units(a), nullif(kql_units(b), 0)))"},
	{"kql_avg_decimal(s, n)", "kql_of_units(kql_units(s) // nullif(n, 0))"},
}
