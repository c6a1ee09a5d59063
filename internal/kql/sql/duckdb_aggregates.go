package sql

// duckAggregates are the aggregates in DuckDB's SQL.
func duckAggregates() map[string]template {
	m := map[string]template{}
	text(m,
		"count", "count(*)$F",
		"sum:long", "kql_wrap64(coalesce(sum($1)$F, 0))", "sum:timespan", "kql_wrap64(coalesce(sum($1)$F, 0))",
		"sum:real", "coalesce(sum($1)$F, 0)", "sum:decimal", "coalesce(sum($1)$F, 0)::DECIMAL(38,18)",
		"avg:int", "coalesce(kql_wrap64(sum($1)$F)::DOUBLE / nullif(count($1)$F, 0), 'NaN'::DOUBLE)",
		"avg:long", "coalesce(kql_wrap64(sum($1)$F)::DOUBLE / nullif(count($1)$F, 0), 'NaN'::DOUBLE)",
		"avg:real", "coalesce(avg($1)$F, 'NaN'::DOUBLE)", "avg:decimal", "kql_avg_decimal(sum($1)$F, count($1)$F)",
		"avg:timespan", "(sum($1)$F // count($1)$F)::BIGINT", "avg:datetime", "(sum($1)$F // count($1)$F)::BIGINT",
		"min", "min($1)$F", "min:real", "(CASE WHEN isnan(max($1)$F) THEN 'NaN'::DOUBLE ELSE min($1)$F END)", "max", "max($1)$F",
		"dcount", "count(DISTINCT $1)$F",
		"stdev", "coalesce(stddev_samp($1)$F, 0)", "stdevp", "coalesce(stddev_pop($1)$F, 0)",
		"variance", "coalesce(var_samp($1)$F, 0)", "variancep", "coalesce(var_pop($1)$F, 0)",
		"percentile", "quantile_disc($1, $2 / 100)$F",
		"any", "any_value($1)$F", "first", "first($1$O)$F",
		"arg_max", "(coalesce(arg_max({'v': $1}, $2)$F, first({'v': $1})$F)).v", "arg_min", "(coalesce(arg_min({'v': $1}, $2)$F, first({'v': $1})$F)).v",
		"make_list", "coalesce(to_json(list($J1$O) FILTER (WHERE $1 IS NOT NULL AND $W)), '[]'::JSON)",
		"make_list/2", "coalesce(to_json(list_slice(list($J1$O) FILTER (WHERE $1 IS NOT NULL AND $W), 1, $2)), '[]'::JSON)",
		"make_list:dynamic", "coalesce(to_json(flatten(list(kql_flat($1)$O) FILTER (WHERE $1 IS NOT NULL AND $W))), '[]'::JSON)",
		"make_list_with_nulls:dynamic", "",
		"make_list_with_nulls", "coalesce(to_json(list($J1$O)), '[]'::JSON)",
		"make_set", "coalesce(to_json(list_distinct(list($J1) FILTER (WHERE $1 IS NOT NULL AND $W))), '[]'::JSON)",
		"make_set:dynamic", "coalesce(to_json(list_distinct(flatten(list(kql_flat($1)) FILTER (WHERE $1 IS NOT NULL AND $W)))), '[]'::JSON)",
		"make_set/2", "coalesce(to_json(list_slice(list_distinct(list($J1) FILTER (WHERE $1 IS NOT NULL AND $W)), 1, $2)), '[]'::JSON)",
		"make_bag", "coalesce(kql_bag(kql_first(flatten(list(kql_pairs($1)$O) FILTER (WHERE json_type($1) = 'OBJECT' AND $W)))), '{}'::JSON)", "make_bag/2", "",
		"binary_all_and", "bit_and($1)$F", "binary_all_or", "bit_or($1)$F", "binary_all_xor", "bit_xor($1)$F",
	)
	return m
}
