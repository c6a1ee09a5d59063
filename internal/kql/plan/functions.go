package plan

import (
	"slices"
	"strings"
)

// scalars are the functions of scalar expressions. Those whose typing is not
// expressible as a signature are bound by special (see special.go).
var scalars = table(slices.Concat(basicFunctions, collectionFunctions))

var basicFunctions = []function{
	// conversion
	{name: "tostring", sigs: "(any) string", naming: firstArg},
	{name: "tolong", sigs: "(any) long", naming: firstArg},
	{name: "toint", sigs: "(any) int", naming: firstArg},
	{name: "toreal", sigs: "(any) real", naming: firstArg},
	{name: "todouble", sigs: "(any) real", naming: firstArg, op: "toreal"},
	{name: "todecimal", sigs: "(any) decimal", naming: firstArg},
	{name: "tobool", sigs: "(any) bool", naming: firstArg},
	{name: "toboolean", sigs: "(any) bool", naming: firstArg, op: "tobool"},
	{name: "todatetime", sigs: "(any) datetime", naming: firstArg},
	{name: "totimespan", sigs: "(any) timespan", naming: firstArg},
	{name: "totime", sigs: "(any) timespan", naming: firstArg, op: "totimespan"},
	{name: "toguid", sigs: "(string) guid", naming: firstArg},
	{name: "gettype", sigs: "(any) string", naming: prefixFirst, prefix: "type"},

	// null and emptiness
	{name: "isnull", sigs: "(any) bool"},
	{name: "isnotnull", sigs: "(any) bool"},
	{name: "notnull", sigs: "(any) bool", op: "isnotnull"},
	{name: "isempty", sigs: "(any) bool"},
	{name: "isnotempty", sigs: "(any) bool"},
	{name: "notempty", sigs: "(any) bool", op: "isnotempty"},
	{name: "not", sigs: "(bool) bool"},
	{name: "isnan", sigs: "(real) bool"},
	{name: "isinf", sigs: "(real) bool"},
	{name: "isfinite", sigs: "(real) bool"},

	// choice
	{name: "max_of", sigs: "(common*) common"},
	{name: "min_of", sigs: "(common*) common"},

	// strings
	{name: "strlen", sigs: "(string) long", naming: prefixFirst},
	{name: "string_size", sigs: "(string) long", naming: prefixFirst},
	{name: "tolower", sigs: "(text) string"},
	{name: "toupper", sigs: "(text) string"},
	{name: "strcat", sigs: "(text*) string"},
	{name: "strcat_delim", sigs: "(text, text*) string"},
	{name: "substring", sigs: "(text, integer) string; (text, integer, integer) string"},
	{name: "indexof", sigs: "(text, text) long; (text, text, integer) long; (text, text, integer, integer) long; (text, text, integer, integer, integer) long"},
	{name: "reverse", sigs: "(text) string"},
	{name: "split", sigs: "(text, string) dynamic; (text, string, integer) dynamic", naming: firstArg},
	{name: "replace_string", sigs: "(string, string, string) string"},
	{name: "replace_regex", sigs: "(string, string!, string!) string"},
	{name: "trim", sigs: "(string!, string) string"},
	{name: "trim_start", sigs: "(string!, string) string"},
	{name: "trim_end", sigs: "(string!, string) string"},
	{name: "extract", sigs: "(string!, long!, string) string"},
	{name: "countof", sigs: "(string, string) long; (string, string, string!) long"},
	{name: "strcmp", sigs: "(text, text) long"},
	{name: "strrep", sigs: "(text, long) string; (text, long, text) string"},
	{name: "hash_md5", sigs: "(orderable) string"},
	{name: "hash_sha1", sigs: "(orderable) string"},
	{name: "hash_sha256", sigs: "(orderable) string"},
	{name: "base64_encode_tostring", sigs: "(string) string"},

	// numbers
	{name: "abs", sigs: "(integer) long; (number) $1; (timespan) timespan", naming: firstArg},
	{name: "round", sigs: "(number) $1; (number, long!) $1", naming: firstArg},
	{name: "ceiling", sigs: "(number) $1", naming: firstArg},
	{name: "sqrt", sigs: "(real) real", naming: firstArg},
	{name: "exp", sigs: "(real) real", naming: firstArg},
	{name: "exp2", sigs: "(real) real", naming: firstArg},
	{name: "exp10", sigs: "(real) real", naming: firstArg},
	{name: "log", sigs: "(real) real", naming: firstArg},
	{name: "log2", sigs: "(real) real", naming: firstArg},
	{name: "log10", sigs: "(real) real", naming: firstArg},
	{name: "pow", sigs: "(real, real) real", naming: firstArg},
	{name: "sin", sigs: "(real) real", naming: firstArg},
	{name: "cos", sigs: "(real) real", naming: firstArg},
	{name: "tan", sigs: "(real) real", naming: firstArg},
	{name: "asin", sigs: "(real) real", naming: firstArg},
	{name: "acos", sigs: "(real) real", naming: firstArg},
	{name: "atan", sigs: "(real) real", naming: firstArg},
	{name: "atan2", sigs: "(real, real) real", naming: firstArg},
	{name: "cot", sigs: "(real) real"},
	{name: "degrees", sigs: "(real) real"},
	{name: "radians", sigs: "(real) real"},
	{name: "pi", sigs: "() real"},
	{name: "sign", sigs: "(real) real"},
	{name: "bin", sigs: "(number, number) widest; (timespan, timespan) timespan; (datetime, timespan) datetime", naming: firstArg},
	{name: "floor", sigs: "(number, number) widest; (timespan, timespan) timespan; (datetime, timespan) datetime", naming: firstArg, op: "bin"},
	{name: "bin_at", sigs: "(number, number, number) widest; (timespan, timespan, timespan) timespan; (datetime, timespan, datetime) datetime", naming: firstArg},
	{name: "binary_and", sigs: "(long, long) long", naming: firstArg},
	{name: "binary_or", sigs: "(long, long) long", naming: firstArg},
	{name: "binary_xor", sigs: "(long, long) long", naming: firstArg},
	{name: "binary_not", sigs: "(long) long", naming: firstArg},
	{name: "tohex", sigs: "(int) string; (long) string; (int, long!) string; (long, long!) string", naming: firstArg},

	// time
	{name: "dayofweek", sigs: "(datetime) timespan"},
	{name: "dayofmonth", sigs: "(datetime) int"},
	{name: "dayofyear", sigs: "(datetime) int"},
	{name: "hourofday", sigs: "(datetime) int"},
	{name: "monthofyear", sigs: "(datetime) int"},
	{name: "getmonth", sigs: "(datetime) int", op: "monthofyear"},
	{name: "getyear", sigs: "(datetime) int"},
	{name: "week_of_year", sigs: "(datetime) int"},
	{name: "weekofyear", sigs: "(datetime) int", op: "week_of_year"},
	{name: "startofday", sigs: "(datetime) datetime; (datetime, long) datetime", naming: firstArg},
	{name: "startofweek", sigs: "(datetime) datetime; (datetime, long) datetime"},
	{name: "startofmonth", sigs: "(datetime) datetime; (datetime, long) datetime"},
	{name: "startofyear", sigs: "(datetime) datetime; (datetime, long) datetime"},
	{name: "endofday", sigs: "(datetime) datetime; (datetime, long) datetime"},
	{name: "endofweek", sigs: "(datetime) datetime; (datetime, long) datetime"},
	{name: "endofmonth", sigs: "(datetime) datetime; (datetime, long) datetime"},
	{name: "endofyear", sigs: "(datetime) datetime; (datetime, long) datetime"},
	{name: "datetime_add", sigs: "(string!, long, datetime) datetime"},
	{name: "datetime_diff", sigs: "(string!, datetime, datetime) long"},
	{name: "datetime_part", sigs: "(string!, datetime) int"},
	{name: "format_datetime", sigs: "(datetime, string!) string", naming: firstArg},
	{name: "format_timespan", sigs: "(timespan, string!) string", naming: firstArg},
	{name: "make_datetime", sigs: "(long, long, long) datetime; (long, long, long, long, long) datetime; (long, long, long, long, long, real) datetime"},
	{name: "make_timespan", sigs: "(long, long) timespan; (long, long, real) timespan; (long, long, long, real) timespan"},
	{name: "unixtime_seconds_todatetime", sigs: "(real) datetime"},
	{name: "unixtime_milliseconds_todatetime", sigs: "(real) datetime"},
	{name: "unixtime_microseconds_todatetime", sigs: "(real) datetime"},
	{name: "unixtime_nanoseconds_todatetime", sigs: "(long) datetime"},
}

// aggregates are the functions of summarize. count, take_any, arg_max, percentile
// and their kin are bound by bindAggregate.
var aggregates = table([]function{
	{name: "sum", sigs: "(summable) $1+"},
	{name: "avg", sigs: "(integer) real; (real) real; (decimal) decimal; (timespan) timespan; (datetime) datetime"},
	{name: "min", sigs: "(orderable) $1"},
	{name: "max", sigs: "(orderable) $1"},
	{name: "dcount", sigs: "(any) long; (any, any!) long"},
	{name: "count_distinct", sigs: "(orderable) long", op: "dcount"},
	{name: "stdev", sigs: "(real) real"},
	{name: "stdevp", sigs: "(real) real"},
	{name: "variance", sigs: "(real) real"},
	{name: "variancep", sigs: "(real) real"},
	{name: "make_list", sigs: "(any) dynamic; (any, long!) dynamic", prefix: "list"},
	{name: "make_list_with_nulls", sigs: "(any) dynamic", prefix: "list"},
	{name: "makelist", sigs: "(any) dynamic; (any, long!) dynamic", prefix: "list", op: "make_list"},
	{name: "make_set", sigs: "(any) dynamic; (any, long!) dynamic", prefix: "set"},
	{name: "makeset", sigs: "(any) dynamic; (any, long!) dynamic", prefix: "set", op: "make_set"},
	{name: "make_bag", sigs: "(dynamic) dynamic; (dynamic, long!) dynamic", prefix: "bag"},
	{name: "binary_all_and", sigs: "(long) long"},
	{name: "binary_all_or", sigs: "(long) long"},
	{name: "binary_all_xor", sigs: "(long) long"},
})

// kustoFunctions are further functions of Kusto's, known so that they are refused
// as not supported, not as unknown.
var kustoFunctions = strings.Fields(`
bag_set_key base64_decode_toarray base64_decode_toguid base64_encode_fromarray base64_encode_fromguid beta_cdf beta_inv beta_pdf
binary_shift_left binary_shift_right bitset_count_ones buildschema column_ifexists column_names_of convert_angle convert_energy
convert_force convert_length convert_mass convert_speed convert_temperature convert_volume covariance covarianceif covariancep covariancepif
current_cluster_endpoint current_database current_principal current_principal_details current_principal_is_member_of cursor_after
datetime_list_timezones datetime_local_to_utc datetime_utc_to_local dcount_hll erf erfc estimate_data_size extent_id extent_tags extractjson
extract_json format_bytes gamma geo_distance_2points gzip_compress_to_base64_string gzip_decompress_from_base64_string has_any_index hash
hash_combine hash_many hash_xxhash64 hll hll_if hll_merge indexof_regex ingestion_time ipv4_range_to_cidr_list ipv6_compare
ipv6_is_in_any_range ipv6_is_in_range ipv6_is_match isascii isutf8 loggamma make_string merge_tdigest new_guid pack_all parse_command_line
parse_ipv6 parse_ipv6_mask parse_path parse_user_agent parse_version parse_xml percentile_array_tdigest percentile_tdigest percentilesw
percentilesw_array percentilew percentrank_tdigest punycode_domain_from_string punycode_domain_to_string punycode_from_string
punycode_to_string rand rank_tdigest repeat replace row_window_session series_decompose series_stats set_equals tdigest tdigest_merge
to_utf8 toscalar translate treepath welch_test zlib_compress_to_base64_string zlib_decompress_from_base64_string
`)
