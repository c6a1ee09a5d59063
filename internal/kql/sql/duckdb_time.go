package sql

import (
	"fmt"
	"strings"

	"weir/internal/kql/plan"
)

// ticks of 100 ns in the units that functions name.
const (
	ticksPerDay    = 864000000000
	ticksPerHour   = 36000000000
	ticksPerMinute = 600000000
	ticksPerSecond = 10000000
)

var timeUnits = map[string]int64{
	"day": ticksPerDay, "hour": ticksPerHour, "minute": ticksPerMinute, "second": ticksPerSecond,
	"millisecond": 10000, "microsecond": 10, "week": 7 * ticksPerDay,
}

var monthUnits = map[string]int{"month": 1, "quarter": 3, "year": 12}

func duckTimes(m map[string]template) {
	text(m,
		"dayofweek", "(CASE WHEN $1 < 3155374656000000000 THEN (($1 // 864000000000 + 1) % 7) * 864000000000 END)",
		"dayofmonth", "day(kql_date($1))::INTEGER", "dayofyear", "dayofyear(kql_date($1))::INTEGER", "hourofday", "($1 // 36000000000 % 24)::INTEGER",
		"monthofyear", "month(kql_date($1))::INTEGER", "getyear", "year(kql_date($1))::INTEGER",
		"startofday/1", "($1 // 864000000000 * 864000000000)", "startofday/2", "kql_in_calendar(($1 // 864000000000 + $2::HUGEINT) * 864000000000)",
		"startofweek/1", "kql_in_calendar(kql_start_of_week($1, 0))", "startofweek/2", "kql_in_calendar(kql_start_of_week($1, $2))",
		"startofmonth/1", "kql_start('month', $1, 0)", "startofmonth/2", "kql_in_calendar(kql_start('month', $1, $2))",
		"startofyear/1", "kql_start('year', $1, 0)", "startofyear/2", "kql_in_calendar(kql_start('year', $1, $2 * 12))",
		"endofday/1", "($1 // 864000000000 * 864000000000 + 863999999999)", "endofday/2", "kql_in_calendar(($1 // 864000000000 + 1 + $2::HUGEINT) * 864000000000 - 1)",
		"endofweek/1", "kql_in_calendar(kql_start_of_week($1, 1) - 1)", "endofweek/2", "kql_in_calendar(kql_start_of_week($1, $2 + 1) - 1)",
		"endofmonth/1", "kql_in_calendar(kql_start('month', $1, 1) - 1)", "endofmonth/2", "kql_in_calendar(kql_start('month', $1, $2 + 1) - 1)",
		"endofyear/1", "kql_in_calendar(kql_start('year', $1, 12) - 1)", "endofyear/2", "kql_in_calendar(kql_start('year', $1, $2 * 12 + 12) - 1)",
		"unixtime_seconds_todatetime", "kql_in_calendar(TRY_CAST(trunc($1 * 10000000) AS HUGEINT) + 621355968000000000)",
		"unixtime_milliseconds_todatetime", "kql_in_calendar(TRY_CAST(trunc($1 * 10000) AS HUGEINT) + 621355968000000000)",
		"unixtime_microseconds_todatetime", "kql_in_calendar(TRY_CAST(trunc($1 * 10) AS HUGEINT) + 621355968000000000)",
		"unixtime_nanoseconds_todatetime", "kql_in_calendar($1::HUGEINT // 100 + 621355968000000000)",
		"make_datetime/3", "kql_of_date(TRY_CAST(printf('%04d-%02d-%02d', $1, $2, $3) AS DATE))",
		"make_timespan/2", "kql_make_span(0, $1, $2, 0)", "make_timespan/3", "kql_make_span(0, $1, $2, $3)", "make_timespan/4", "kql_make_span($1, $2, $3, $4)",
		"week_of_year", "week(kql_date($1))::INTEGER",
	)
	m["datetime_diff"] = template{Func: duckDatetimeDiff}
	m["datetime_add"] = template{Func: duckDatetimeAdd}
	m["datetime_part"] = template{Func: duckDatetimePart}
	m["format_datetime"] = template{Func: duckFormatDatetime}
	m["format_timespan"] = template{Func: duckFormatTimespan}
}

// constText is a constant string argument, in lower case.
func constText(c *plan.Call, i int) string {
	if k, ok := c.Args[i].(*plan.Const); ok {
		s, _ := k.Value.(string)
		return strings.ToLower(s)
	}
	return ""
}

// duckDatetimeDiff counts the boundaries of a period between two times.
func duckDatetimeDiff(p *printer, c *plan.Call, args []string) string {
	part := constText(c, 0)
	switch {
	case part == "week":
		return fmt.Sprintf("((%s // 864000000000 + 1) // 7 - (%s // 864000000000 + 1) // 7)", args[1], args[2])
	case timeUnits[part] != 0:
		return fmt.Sprintf("(%s // %d - %s // %d)", args[1], timeUnits[part], args[2], timeUnits[part])
	case part == "nanosecond":
		return fmt.Sprintf("((%s - %s) * 100)", args[1], args[2])
	case monthUnits[part] != 0:
		n := monthUnits[part]
		return fmt.Sprintf("(kql_months(%s) // %d - kql_months(%s) // %d)", args[1], n, args[2], n)
	}
	panic(p.refuse(c.At, c.End, "datetime_diff of '"+part+"'"))
}

func duckDatetimeAdd(p *printer, c *plan.Call, args []string) string {
	part := constText(c, 0)
	switch {
	case timeUnits[part] != 0:
		return fmt.Sprintf("kql_in_calendar(%s::HUGEINT + %s::HUGEINT * %d)", args[2], args[1], timeUnits[part])
	case monthUnits[part] != 0:
		return fmt.Sprintf("kql_add_months(%s, %s * %d)", args[2], args[1], monthUnits[part])
	}
	panic(p.refuse(c.At, c.End, "datetime_add of '"+part+"'"))
}

func duckDatetimePart(p *printer, c *plan.Call, args []string) string {
	t := args[1]
	s, ok := map[string]string{
		"year": "year(kql_date($))", "quarter": "quarter(kql_date($))", "month": "month(kql_date($))", "day": "day(kql_date($))", "dayofyear": "dayofyear(kql_date($))",
		"hour": "($ // 36000000000 % 24)", "minute": "($ // 600000000 % 60)", "second": "($ // 10000000 % 60)",
		"millisecond": "($ // 10000 % 1000)", "microsecond": "($ // 10 % 1000000)", "nanosecond": "($ % 10000000 * 100)",
	}[constText(c, 0)]
	if !ok {
		panic(p.refuse(c.At, c.End, "datetime_part of '"+constText(c, 0)+"'"))
	}
	return strings.ReplaceAll(s, "$", t) + "::INTEGER"
}

// datetimeFields are the specifiers of format_datetime; $ is the time in ticks.
var datetimeFields = map[string]string{
	"yyyy": "lpad(year(kql_date($))::VARCHAR, 4, '0')", "yy": "lpad((year(kql_date($)) % 100)::VARCHAR, 2, '0')",
	"MM": "lpad(month(kql_date($))::VARCHAR, 2, '0')", "M": "month(kql_date($))::VARCHAR",
	"dd": "lpad(day(kql_date($))::VARCHAR, 2, '0')", "d": "day(kql_date($))::VARCHAR",
	"HH": "lpad(($ // 36000000000 % 24)::VARCHAR, 2, '0')", "H": "($ // 36000000000 % 24)::VARCHAR",
	"hh": "lpad((($ // 36000000000 + 11) % 12 + 1)::VARCHAR, 2, '0')", "h": "(($ // 36000000000 + 11) % 12 + 1)::VARCHAR",
	"mm": "lpad(($ // 600000000 % 60)::VARCHAR, 2, '0')", "m": "($ // 600000000 % 60)::VARCHAR",
	"ss": "lpad(($ // 10000000 % 60)::VARCHAR, 2, '0')", "s": "($ // 10000000 % 60)::VARCHAR",
	"tt": "CASE WHEN $ // 36000000000 % 24 < 12 THEN 'AM' ELSE 'PM' END",
}

// timespanFields are the specifiers of format_timespan but those of days and fractions; $ is the span's size in ticks.
var timespanFields = map[string]string{
	"HH": "lpad(($ // 36000000000 % 24)::VARCHAR, 2, '0')", "H": "($ // 36000000000 % 24)::VARCHAR",
	"hh": "lpad(($ // 36000000000 % 24)::VARCHAR, 2, '0')", "h": "($ // 36000000000 % 24)::VARCHAR",
	"mm": "lpad(($ // 600000000 % 60)::VARCHAR, 2, '0')", "m": "($ // 600000000 % 60)::VARCHAR",
	"ss": "lpad(($ // 10000000 % 60)::VARCHAR, 2, '0')", "s": "($ // 10000000 % 60)::VARCHAR",
}

// duckFormatTimespan writes out a format; a negative span has its sign before all of it.
func duckFormatTimespan(p *printer, c *plan.Call, args []string) string {
	size := "abs(" + args[0] + "::HUGEINT)"
	k, _ := c.Args[1].(*plan.Const).Value.(string)
	parts := []string{"CASE WHEN " + args[0] + " < 0 THEN '-' ELSE '' END"}
	for _, run := range runs(k) {
		switch {
		case timespanFields[run] != "":
			parts = append(parts, strings.ReplaceAll(timespanFields[run], "$", size))
		case run[0] == 'd' && len(run) <= 8:
			parts = append(parts, strings.ReplaceAll(fmt.Sprintf("lpad(($ // 864000000000)::VARCHAR, greatest(length(($ // 864000000000)::VARCHAR), %d)::INTEGER, '0')", len(run)), "$", size))
		case run[0] == 'f' && len(run) <= 7:
			parts = append(parts, fmt.Sprintf("left(lpad((%s %% 10000000)::VARCHAR, 7, '0'), %d)", size, len(run)))
		case run[0] == 'F' && len(run) <= 7:
			parts = append(parts, fmt.Sprintf("rtrim(left(lpad((%s %% 10000000)::VARCHAR, 7, '0'), %d), '0')", size, len(run)))
		case strings.Contains(" /-:,._[]", run[:1]):
			parts = append(parts, p.d.String(run))
		default:
			panic(p.refuse(c.At, c.End, "'"+run+"' in the format of format_timespan"))
		}
	}
	return "coalesce(" + strings.Join(parts, " || ") + ", '')"
}

// runs cuts a format into its runs of one character.
func runs(format string) []string {
	var out []string
	for i := 0; i < len(format); {
		j := i
		for j < len(format) && format[j] == format[i] {
			j++
		}
		out = append(out, format[i:j])
		i = j
	}
	return out
}

// duckFormatDatetime writes out a format: each run of one letter is a field, the rest stands for itself.
func duckFormatDatetime(p *printer, c *plan.Call, args []string) string {
	k, _ := c.Args[1].(*plan.Const).Value.(string)
	var parts []string
	for _, run := range runs(k) {
		switch {
		case datetimeFields[run] != "":
			parts = append(parts, strings.ReplaceAll(datetimeFields[run], "$", args[0]))
		case run[0] == 'f' && len(run) <= 7:
			parts = append(parts, fmt.Sprintf("left(lpad((%s %% 10000000)::VARCHAR, 7, '0'), %d)", args[0], len(run)))
		case run[0] == 'F' && len(run) <= 7:
			parts = append(parts, fmt.Sprintf("rtrim(left(lpad((%s %% 10000000)::VARCHAR, 7, '0'), %d), '0')", args[0], len(run)))
		case strings.Contains(" /-:,._[]", run[:1]):
			parts = append(parts, p.d.String(run))
		default:
			panic(p.refuse(c.At, c.End, "'"+run+"' in the format of format_datetime"))
		}
	}
	return "coalesce(" + strings.Join(parts, " || ") + ", '')"
}
