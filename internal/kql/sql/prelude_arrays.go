package sql

// collectionMacros are the macros on arrays, bags and addresses; they stand on those of preludeMacros.
var collectionMacros = [][2]string{
	// Bags as lists of {k, v}. Of a key that comes twice the first is kept.
	{"kql_pairs(d)", "CASE WHEN json_type(d) = 'OBJECT' THEN list_transform(json_keys(d), lambda pk: {'k': pk, 'v': kql_key(d, pk)}) END"},
	{"kql_bag(pairs)", "CASE WHEN (pairs) IS NOT NULL THEN ('{' || coalesce(array_to_string(list_transform(pairs, lambda pb: to_json(pb.k)::VARCHAR || ':' || coalesce(pb.v::VARCHAR, 'null')), ','), '') || '}')::JSON END"},
	{"kql_ordered(pairs)", "list_sort(list_transform(pairs, lambda po, i: {'k': po.k, 'i': i, 'v': po.v}))"},
	{"kql_first(pairs)", "list_transform([kql_ordered(pairs)], lambda ol: list_filter(ol, lambda pf, j: j = 1 OR pf.k <> ol[j - 1].k))[1]"},

	// Arrays. Sorting knows numbers and strings; what else an array may hold has no known order.
	{"kql_sort_class(e)", "CASE WHEN json_type(e) IN ('UBIGINT', 'BIGINT', 'DOUBLE') THEN 1 WHEN json_type(e) = 'VARCHAR' THEN 2 ELSE 3 END"},
	{"kql_sort_key(e)", "CASE WHEN json_type(e) = 'VARCHAR' THEN {'n': 0::DOUBLE, 'h': 0::HUGEINT, 's': json_extract_string(e, '$'), 'e': e} ELSE {'n': json_extract_string(e, '$')::DOUBLE, 'h': TRY_CAST(json_extract_string(e, '$') AS HUGEINT), 's': '', 'e': e} END"},
	{"kql_checked(l, what)", "CASE WHEN list_max(list_transform(l, lambda ec: kql_sort_class(ec))) > 2 OR list_max(list_transform(l, lambda ec: kql_sort_class(ec))) > list_min(list_transform(l, lambda ec: kql_sort_class(ec))) THEN error(what || ' of an array that holds neither numbers only nor strings only is not supported') ELSE l END"},
	{"kql_sorted(l, direction, what)", "list_transform(list_sort(list_transform(kql_checked(l, what), lambda es: kql_sort_key(es)), direction), lambda ek: ek.e)"},
	{"kql_nulls(l)", "list_filter(l, lambda en: en::VARCHAR = 'null')"},
	{"kql_values(l)", "list_filter(l, lambda ev: ev::VARCHAR <> 'null')"},
	{"kql_sort_array(d, direction, what, last)", "CASE WHEN json_type(d) = 'ARRAY' THEN to_json(CASE WHEN last THEN list_concat(kql_sorted(kql_values(kql_array(d)), direction, what), kql_nulls(kql_array(d))) ELSE list_concat(kql_nulls(kql_array(d)), kql_sorted(kql_values(kql_array(d)), direction, what)) END) END"},
	{"kql_at(l, i)", "CASE WHEN (i) >= 1 AND (i) <= len(l) THEN (l)[i] END"},
	{"kql_rotate(d, n)", "CASE WHEN json_type(d) = 'ARRAY' THEN to_json(list_transform(kql_array(d), lambda er, i: kql_array(d)[kql_mod(i - 1 + (n), json_array_length(d)::BIGINT) + 1])) END"},
	{"kql_shift(d, n, fill)", "CASE WHEN json_type(d) = 'ARRAY' THEN to_json(list_transform(kql_array(d), lambda er, i: CASE WHEN i + (n) BETWEEN 1 AND json_array_length(d)::BIGINT THEN kql_at(kql_array(d), i + (n)) ELSE fill END)) END"},
	{"kql_cut(i, n)", "greatest(least(kql_from(i, n), n), 0)"},
	{"kql_split_at(l, cuts)", "list_transform([{'l': l, 'c': cuts}], lambda sq: list_transform(list_concat(sq.c, [len(sq.l)::BIGINT]), lambda zc, i: list_slice(sq.l, CASE WHEN i = 1 THEN 0 ELSE sq.c[i - 1] END + 1, zc)))[1]"},
	{"kql_branch(d, i)", "CASE WHEN json_type(d) = 'ARRAY' THEN kql_at(kql_array(d), i) ELSE d END"},
	{"kql_truth(e)", "CASE WHEN json_type(e) IN ('BOOLEAN', 'UBIGINT', 'BIGINT', 'DOUBLE') THEN kql_dynamic_real(e) <> 0 END"},
	{"kql_array_iff(d, yes, no)", "CASE WHEN json_type(d) = 'ARRAY' THEN to_json(list_transform(kql_array(d), lambda et, i: CASE WHEN kql_truth(et) THEN kql_branch(yes, i) WHEN NOT kql_truth(et) THEN kql_branch(no, i) END)) END"},
	{"kql_set(d)", "list_distinct(kql_array(d))"},
	{"kql_jaccard(a, b)", "(len(list_intersect(kql_set(a), kql_set(b)))::DOUBLE / nullif(len(list_distinct(list_concat(kql_set(a), kql_set(b)))), 0))"},
	{"kql_texts_of(d)", "CASE WHEN json_type(d) = 'ARRAY' THEN kql_texts(d) ELSE [json_extract_string(d, '$')] END"},
	{"kql_mod_real(a, b)", "CASE WHEN (b) = 0 THEN 'NaN'::DOUBLE ELSE ((a) % abs(b) + abs(b)) % abs(b) END"},
	{"kql_codepoints(d)", "CASE WHEN json_type(d) = 'ARRAY' THEN list_transform(kql_array(d), lambda ep: kql_dynamic_long(ep)) ELSE [kql_dynamic_long(d)] END"},

	// Text that holds fields.
	{"kql_csv_record(s)", "regexp_extract(s, '^(?:\"(?:[^\"]|\"\")*\"|[^\"\\r\\n])*')"},
	{"kql_csv(s)", "list_transform(regexp_extract_all(',' || kql_csv_record(s), ',(\"(?:[^\"]|\"\")*\"|[^,]*)', 1), lambda fc: CASE WHEN starts_with(fc, '\"') THEN replace(fc[2:-2], '\"\"', '\"') ELSE fc END)"},
	// Groups 1 and 2 are a pair's key, in quotes or not, 3 and 4 its value.
	{"kql_pair_keys(pair, g1, g2)", "list_transform(g2, lambda kp, i: CASE WHEN coalesce((g1)[i], '') <> '' THEN (g1)[i] ELSE trim(string_split(coalesce(kp, ''), pair)[-1], E' \\t\\r\\n') END)"},
	{"kql_value_of_key(key, pair, g1, g2, g3, g4)", "coalesce(list_transform([list_position(kql_pair_keys(pair, g1, g2), key)], lambda vp: coalesce((g3)[vp], '') || coalesce((g4)[vp], ''))[1], '')"},
	{"kql_query_pairs(s)", "list_transform(list_filter(string_split(s, '&'), lambda fq: fq <> ''), lambda fp: {'k': regexp_extract(fp, '^[^=]*'), 'v': to_json(regexp_extract(fp, '=(.*)$', 1))})"},
	{"kql_percent(c, space)", "CASE WHEN regexp_matches(c, '[0-9A-Za-z._-]') THEN c WHEN (c) = ' ' THEN space WHEN regexp_matches(c, '[~!*()]') OR (c) = '''' THEN error('url_encode of the characters ~ ! * ( ) and quote is not supported') ELSE regexp_replace(lower(hex(encode(c))), '(..)', '%\\1', 'g') END"},
	{"kql_url_encode(s, space)", "coalesce(array_to_string(list_transform(regexp_extract_all(s, '(?s).'), lambda ch: kql_percent(ch, space)), ''), '')"},

	// IPv4 addresses are numbers; an address may bring a prefix length.
	{"kql_octet(s, i)", "TRY_CAST(regexp_extract(s, '^\\s*([0-9]{1,3})\\.([0-9]{1,3})\\.([0-9]{1,3})\\.([0-9]{1,3})(?:/[0-9]{1,2})?\\s*$', i) AS BIGINT)"},
	{"kql_address(s)", "CASE WHEN kql_octet(s, 1) <= 255 AND kql_octet(s, 2) <= 255 AND kql_octet(s, 3) <= 255 AND kql_octet(s, 4) <= 255 THEN kql_octet(s, 1) * 16777216 + kql_octet(s, 2) * 65536 + kql_octet(s, 3) * 256 + kql_octet(s, 4) END"},
	{"kql_prefix(s)", "CASE WHEN kql_address(s) IS NULL THEN NULL WHEN NOT contains(s, '/') THEN 32 WHEN TRY_CAST(regexp_extract(s, '/([0-9]+)', 1) AS BIGINT) <= 32 THEN TRY_CAST(regexp_extract(s, '/([0-9]+)', 1) AS BIGINT) END"},
	{"kql_network(a, bits)", "CASE WHEN (bits) BETWEEN 0 AND 32 THEN (a) // (1::BIGINT << (32 - (bits))) * (1::BIGINT << (32 - (bits))) END"},
	{"kql_ip(s)", "kql_network(kql_address(s), kql_prefix(s))"},
	{"kql_ip_text(a)", "((a) // 16777216 || '.' || (a) // 65536 % 256 || '.' || (a) // 256 % 256 || '.' || (a) % 256)"},
	{"kql_bits(a, b, bits)", "CASE WHEN kql_prefix(a) IS NOT NULL AND kql_prefix(b) IS NOT NULL AND (bits) BETWEEN 0 AND 32 THEN least(kql_prefix(a), kql_prefix(b), bits) END"},
	{"kql_ip_compare(a, b, bits)", "sign(kql_network(kql_address(a), kql_bits(a, b, bits)) - kql_network(kql_address(b), kql_bits(a, b, bits)))::BIGINT"},
	{"kql_ip_private(s)", "(kql_network(kql_ip(s), 8) = 167772160 OR kql_network(kql_ip(s), 12) = 2886729728 OR kql_network(kql_ip(s), 16) = 3232235520)"},
	{"kql_ips(s)", "list_filter(list_transform(regexp_split_to_array(s, '[^0-9A-Za-z.]+'), lambda ta: trim(ta, '.')), lambda tb: kql_address(tb) IS NOT NULL)"},
	{"kql_ip_start(s)", "(kql_address(s) IS NOT NULL AND NOT contains(s, '/') OR regexp_full_match(s, '([0-9]{1,3}\\.){1,3}'))"},
	{"kql_has_ip_prefix(s, t)", "(kql_ip_start(t) AND len(list_filter(kql_ips(s), lambda ti: CASE WHEN kql_address(t) IS NULL THEN starts_with(ti, t) ELSE ti = (t) END)) > 0)"},
}
