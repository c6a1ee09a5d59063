package kql

import (
	"encoding/json"
	"math"
	"math/big"
	"strconv"
	"strings"
	"time"
)

// rawLiteral reads type(…), whose inside has its own grammar. It returns nil,
// having read nothing, when the inside is no literal, so that it is a call.
func (p *parser) rawLiteral(typ string) Expr {
	start := p.peek()
	save := p.pos
	p.next()
	open := p.next()
	first := p.peek()
	depth := 1
	for depth > 0 {
		t := p.peek()
		if t.kind == tokEOF {
			panic(p.fail("')'"))
		}
		if t.kind == tokPunct && t.text == "(" {
			depth++
		}
		if t.kind == tokPunct && t.text == ")" {
			depth--
		}
		p.next()
	}
	end := p.toks[p.pos-1].at
	at := Span{start.at.Start, end.End}
	raw := strings.TrimSpace(p.text[open.at.End:end.Start])
	if first.kind == tokString && p.toks[p.pos-2].at == first.at {
		raw = first.text
	}
	v, ok := ParseValue(typ, raw)
	if !ok && (typ == "datetime" || typ == "timespan" || typ == "guid") {
		panic(NewError(p.text, at, CodeSyntax, "%s is not a valid %s", p.text[at.Start:at.End], typ))
	}
	if !ok {
		p.pos = save
		return nil
	}
	return &Literal{at, typ, v}
}

// ParseValue reads the inside of a typed literal (`null`, or a value of typ) and
// returns its Literal.Value.
func ParseValue(typ, raw string) (any, bool) {
	if raw == "null" {
		return nil, true
	}
	switch typ {
	case "bool":
		switch strings.ToLower(raw) {
		case "true", "1":
			return true, true
		case "false", "0":
			return false, true
		}
	case "int", "long":
		bits := 64
		if typ == "int" {
			bits = 32
		}
		if h, ok := strings.CutPrefix(strings.ToLower(raw), "0x"); ok {
			v, err := strconv.ParseUint(h, 16, 64)
			return int64(v), err == nil
		}
		v, err := strconv.ParseInt(raw, 10, bits)
		return v, err == nil
	case "real":
		switch strings.ToLower(raw) {
		case "nan":
			return math.NaN(), true
		case "+inf", "inf":
			return math.Inf(1), true
		case "-inf":
			return math.Inf(-1), true
		}
		v, err := strconv.ParseFloat(raw, 64)
		return v, err == nil && !strings.ContainsAny(raw, "xXpP_iIn")
	case "decimal":
		s, ok := canonicalDecimal(raw)
		return s, ok
	case "datetime":
		v, ok := ParseDatetime(raw)
		return v, ok
	case "timespan":
		v, ok := ParseTimespan(raw)
		return v, ok
	case "guid":
		s := strings.ToLower(strings.Trim(raw, "{}()"))
		if len(s) == 32 {
			s = s[:8] + "-" + s[8:12] + "-" + s[12:16] + "-" + s[16:20] + "-" + s[20:]
		}
		return s, isGUID(s)
	}
	return nil, false
}

func isGUID(s string) bool {
	if len(s) != 36 {
		return false
	}
	for i, c := range []byte(s) {
		if i == 8 || i == 13 || i == 18 || i == 23 {
			if c != '-' {
				return false
			}
		} else if !(c >= '0' && c <= '9' || c >= 'a' && c <= 'f') {
			return false
		}
	}
	return true
}

func canonicalDecimal(raw string) (string, bool) {
	if strings.ContainsAny(raw, "xXpP_/iInN") || raw == "" || len(raw) > 80 {
		return "", false
	}
	if i := strings.IndexAny(raw, "eE"); i >= 0 {
		if e, err := strconv.Atoi(raw[i+1:]); err != nil || e > 40 || e < -40 {
			return "", false
		}
	}
	r, ok := new(big.Rat).SetString(raw)
	if !ok {
		return "", false
	}
	s := r.FloatString(80)
	s = strings.TrimRight(s, "0")
	return strings.TrimSuffix(s, "."), true
}

// ticksAtUnixEpoch is 1970-01-01 in ticks of 100 ns since 0001-01-01.
const ticksAtUnixEpoch = 621355968000000000

var datetimeLayouts = []string{
	"2006-01-02T15:04:05.9999999Z07:00", "2006-01-02T15:04:05.9999999", "2006-01-02 15:04:05.9999999Z07:00", "2006-01-02 15:04:05.9999999",
	"2006-01-02T15:04Z07:00", "2006-01-02T15:04", "2006-01-02 15:04Z07:00", "2006-01-02 15:04", "2006-01-02", "2006-01-02Z07:00", "2006-01", "2006",
	"2006-1-2 15:04:05.9999999", "2006-1-2T15:04:05.9999999", "2006-1-2",
	"01/02/2006 15:04:05.9999999", "1/2/2006 15:04:05.9999999", "1/2/2006 15:04", "1/2/2006", "01/02/2006",
	"Mon, 02 Jan 2006 15:04:05 MST", "02 Jan 06 15:04 MST", "Mon, 02 Jan 06 15:04:05 MST", "Monday, 02-Jan-06 15:04:05 MST", "Mon Jan 2 15:04:05 2006",
	"2006-01-02 15:04:05.9999999 -07:00", "2006-01-02T15:04:05.9999999 -07:00",
}

// ParseDatetime reads the text of a datetime literal and returns ticks since 0001-01-01 UTC.
func ParseDatetime(raw string) (int64, bool) {
	raw = strings.TrimSpace(raw)
	for _, l := range datetimeLayouts {
		if t, err := time.Parse(l, raw); err == nil {
			t = t.UTC()
			if t.Year() < 1 || t.Year() > 9999 {
				return 0, false
			}
			return TimeTicks(t), true
		}
	}
	return 0, false
}

// TimeTicks returns t in ticks of 100 ns since 0001-01-01 UTC.
func TimeTicks(t time.Time) int64 {
	return t.Unix()*10000000 + int64(t.Nanosecond()/100) + ticksAtUnixEpoch
}

// TicksTime is the inverse of TimeTicks.
func TicksTime(ticks int64) time.Time {
	ticks -= ticksAtUnixEpoch
	sec, rest := ticks/10000000, ticks%10000000
	if rest < 0 {
		sec, rest = sec-1, rest+10000000
	}
	return time.Unix(sec, rest*100).UTC()
}

// FormatDatetime writes ticks as yyyy-MM-ddTHH:mm:ss.fffffffZ.
func FormatDatetime(ticks int64) string {
	return TicksTime(ticks).Format("2006-01-02T15:04:05.0000000Z")
}

// scaleTicks multiplies a decimal number by a unit, rounding to the nearest tick.
func scaleTicks(number string, unit int64) (int64, bool) {
	r, ok := new(big.Rat).SetString(number)
	if !ok || len(number) > 40 {
		return 0, false
	}
	r.Mul(r, new(big.Rat).SetInt64(unit))
	v, ok := new(big.Int).SetString(r.FloatString(0), 10)
	return v.Int64(), ok && v.IsInt64()
}

// ParseTimespan reads the text of a timespan literal, `1d`, `1.5h`, `1.02:03:04.5` or a
// number of days, and returns ticks.
func ParseTimespan(raw string) (int64, bool) {
	s := strings.TrimSpace(raw)
	neg := strings.HasPrefix(s, "-")
	s = strings.TrimSpace(strings.TrimPrefix(s, "-"))
	v, ok := parseTimespanAbs(s)
	if neg {
		v = -v
	}
	return v, ok
}

func parseTimespanAbs(s string) (int64, bool) {
	i := 0
	for i < len(s) && (s[i] >= '0' && s[i] <= '9' || s[i] == '.') {
		i++
	}
	if i == 0 {
		return 0, false
	}
	if i == len(s) {
		if strings.Contains(s, ".") {
			return 0, false
		}
		return scaleTicks(s, timespanUnits["d"])
	}
	if u, ok := timespanUnits[strings.TrimSpace(s[i:])]; ok {
		return scaleTicks(s[:i], u)
	}
	parts := strings.Split(s, ":")
	if len(parts) < 2 || len(parts) > 3 {
		return 0, false
	}
	day, hour := "0", parts[0]
	if d, h, ok := strings.Cut(parts[0], "."); ok {
		day, hour = d, h
	}
	sec := "0"
	if len(parts) == 3 {
		sec = parts[2]
	}
	total := int64(0)
	for i, f := range []struct {
		text  string
		unit  string
		limit int
	}{{day, "d", 10675199}, {hour, "h", 23}, {parts[1], "m", 59}} {
		n, err := strconv.Atoi(f.text)
		if err != nil || n > f.limit || strings.HasPrefix(f.text, "-") || i > 0 && len(f.text) > 2 {
			return 0, false
		}
		total += int64(n) * timespanUnits[f.unit]
	}
	whole, frac, _ := strings.Cut(sec, ".")
	n, err := strconv.Atoi(whole)
	if err != nil || n > 59 || len(frac) > 7 {
		return 0, false
	}
	ticks, err := strconv.Atoi((frac + "0000000")[:7])
	if err != nil {
		return 0, false
	}
	return total + int64(n)*timespanUnits["s"] + int64(ticks), true
}

// FormatTimespan writes ticks as [-][d.]hh:mm:ss[.fffffff].
func FormatTimespan(ticks int64) string {
	var b strings.Builder
	u := uint64(ticks)
	if ticks < 0 {
		b.WriteByte('-')
		u = -u
	}
	if d := u / 864000000000; d > 0 {
		b.WriteString(strconv.FormatUint(d, 10) + ".")
	}
	two := func(v uint64) string { return string([]byte{byte('0' + v/10), byte('0' + v%10)}) }
	b.WriteString(two(u/36000000000%24) + ":" + two(u/600000000%60) + ":" + two(u/10000000%60))
	if f := u % 10000000; f > 0 {
		s := strconv.FormatUint(f+10000000, 10)
		b.WriteString("." + s[1:])
	}
	return b.String()
}

// dynamicLiteral reads dynamic(json), where strings may be single-quoted and
// values may be other literals (datetime, timespan …), which become strings.
func (p *parser) dynamicLiteral() Expr {
	start := p.next()
	p.next()
	s := p.jsonValue()
	p.expect(")")
	l := &Literal{At: p.from(start.at), Type: "dynamic"}
	if s != "null" {
		l.Value = s
	}
	return l
}

func quoteJSON(s string) string {
	var b strings.Builder
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	_ = e.Encode(s) // a string always encodes
	return strings.TrimSuffix(b.String(), "\n")
}

func (p *parser) jsonValue() string {
	t := p.peek()
	p.enter(t.at)
	defer p.leave()
	switch {
	case t.kind == tokString:
		p.next()
		return quoteJSON(t.text)
	case p.isWord("null"):
		p.next()
		return "null"
	case p.isPunct("["):
		p.next()
		var parts []string
		for !p.isPunct("]") {
			parts = append(parts, p.jsonValue())
			if !p.accept(",") {
				break
			}
		}
		p.expect("]")
		return "[" + strings.Join(parts, ",") + "]"
	case p.isPunct("{"):
		p.next()
		var parts []string
		for !p.isPunct("}") {
			k := p.peek()
			if k.kind != tokString && k.kind != tokIdent {
				panic(p.fail("a property's name"))
			}
			p.next()
			p.expect(":")
			parts = append(parts, quoteJSON(k.text)+":"+p.jsonValue())
			if !p.accept(",") {
				break
			}
		}
		p.expect("}")
		return "{" + strings.Join(parts, ",") + "}"
	}
	if t.kind == tokIdent && !p.isWord("true", "false") && !(typeNames[t.text] != "" && p.peekAt(1).text == "(") {
		panic(p.fail("a JSON value"))
	}
	l, ok := p.unary().(*Literal)
	if !ok {
		panic(NewError(p.text, t.at, CodeSyntax, "a dynamic literal holds constants only"))
	}
	return literalJSON(l)
}

func literalJSON(l *Literal) string {
	switch v := l.Value.(type) {
	case nil:
		return "null"
	case bool:
		return strconv.FormatBool(v)
	case float64:
		return FormatReal(v)
	case int64:
		switch l.Type {
		case "datetime":
			return `"` + FormatDatetime(v) + `"`
		case "timespan":
			return `"` + FormatTimespan(v) + `"`
		}
		return strconv.FormatInt(v, 10)
	case string:
		if l.Type == "dynamic" {
			return v
		}
		return quoteJSON(v)
	}
	return "null"
}

// FormatReal writes a finite real so that it reads back as a real: with a point or an exponent.
func FormatReal(f float64) string {
	s := strconv.FormatFloat(f, 'g', -1, 64)
	if !strings.ContainsAny(s, ".eEnN") {
		s += ".0"
	}
	return s
}
