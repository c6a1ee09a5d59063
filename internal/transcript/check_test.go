package transcript

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
	"unicode/utf8"
)

// odd lists texts at the edges of JSON.
var odd = []string{
	``, ` `, `null`, ` true `, `false`, `tru`, `nul`, `nulll`, `0`, `-0`, `01`, `-`, `+1`, `1.`, `.5`, `1.5`, `1e`, `1e5`, `1E+5`, `1e-`, `1e-7`, `-1.5e+10`,
	`""`, `"`, `"a`, `"\"`, `"\""`, `"\\"`, `"\\\""`, `"\/\b\f\n\r\t"`, `"\x"`, `"\u00e9"`, `"\u00"`, `"\u00g0"`, `"\ud83d\ude00"`, `"\ud83d"`, `"\ude00"`, `"\ud83d\u0041"`, `"\ud83d\n"`,
	"\"a\nb\"", "\"a\x00\"", "\"12345678\x1f\"", `"12345678\"12345678"`, `"1234567é"`, "\"\x7f\"", `"abcdefgh\\"`,
	`[]`, `[ ]`, `[1]`, `[1,]`, `[,1]`, `[1 2]`, `[[[]]]`, `[`, `]`, `[1`, `[1,`, `{}`, `{ }`, `{"a":1}`, `{"a":1,}`, `{"a"}`, `{"a":}`, `{a:1}`, `{"a" : [ 1 , { "b" : null } ] }`, `{"a":1 "b":2}`, `{"a":1,"a":2}`,
	`{} {}`, `{}x`, "\uFEFF{}", "{\"a\":\t\"x y\"\r\n}", `{"\u0061":1}`, `{"":""}`,
	strings.Repeat("[", 10_000) + strings.Repeat("]", 10_000),
	strings.Repeat("[", 10_001) + strings.Repeat("]", 10_001),
}

func TestCheck(t *testing.T) {
	for _, s := range odd {
		compare(t, s)
	}
}

// compare holds the scanner against encoding/json.
func compare(t *testing.T, s string) {
	t.Helper()
	err := check(s)
	if valid := json.Valid([]byte(s)); valid != (err == nil) {
		t.Fatalf("check of %.60q gives %v; encoding/json finds it valid: %v", s, err, valid)
	}
	if err != nil {
		if r := repair(s); r != "" {
			if !json.Valid([]byte(r)) {
				t.Fatalf("%.60q was repaired to %.60q", s, r)
			}
		}
		return
	}
	var compacted bytes.Buffer
	if err := json.Compact(&compacted, []byte(s)); err != nil {
		t.Fatal(err)
	}
	raw := strings.Trim(s, " \t\r\n")
	if got := compact(raw); got != compacted.String() {
		t.Fatalf("compact of %.60q is %.60q, want %.60q", s, got, compacted.String())
	}
	if end := skip(raw, 0); end != len(raw) {
		t.Fatalf("skip of %.60q ends at %d of %d", raw, end, len(raw))
	}
	var v any
	if err := json.Unmarshal([]byte(s), &v); err != nil {
		return // a number that float64 does not hold
	}
	same(t, raw, v)
}

// same fails unless raw reads as v.
func same(t *testing.T, raw string, v any) {
	t.Helper()
	switch v := v.(type) {
	case string:
		if got := text(raw); got != v && utf8.ValidString(raw) {
			t.Fatalf("%.60q reads as %.60q, want %.60q", raw, got, v)
		}
	case []any:
		i := 0
		for e := range elements(raw) {
			same(t, e, v[i])
			i++
		}
		if i != len(v) {
			t.Fatalf("%.60q has %d elements, want %d", raw, i, len(v))
		}
	case map[string]any:
		for k, want := range v {
			if utf8.ValidString(raw) {
				same(t, get(raw, k), want)
			}
		}
		for k := range members(raw) {
			if _, ok := v[k]; !ok && utf8.ValidString(raw) {
				t.Fatalf("%.60q has no member %q", raw, k)
			}
		}
	}
}

func FuzzScan(f *testing.F) {
	for _, s := range odd[:len(odd)-2] {
		f.Add(s)
	}
	f.Fuzz(compare)
}

func TestSyntaxError(t *testing.T) {
	for s, want := range map[string]string{
		`{"a":1,"b`:  "the JSON ends early, at byte 9",
		`{"a":x}`:    "not JSON at byte 5",
		`{"a":1} no`: "not JSON at byte 8",
		``:           "the JSON ends early, at byte 0",
	} {
		if err := check(s); err == nil || err.Error() != want {
			t.Errorf("check(%q) = %v, want %s", s, err, want)
		}
	}
}

func TestRepair(t *testing.T) {
	for s, want := range map[string]string{
		`{"a":[1,2],"b":"so fa`:      `{"a":[1,2],"b":"so fa"}`,
		`{"a":[1,2],"b":12`:          `{"a":[1,2]}`,
		`{"a":[1,2],"b":`:            `{"a":[1,2]}`,
		`{"a":[1,2],"b"`:             `{"a":[1,2]}`,
		`{"a":[1,2],"b`:              `{"a":[1,2]}`,
		`{"a":[1,2],`:                `{"a":[1,2]}`,
		`{"a":[1,`:                   `{"a":[1]}`,
		`{"a":[1`:                    `{"a":[]}`,
		`{"a":[true`:                 `{"a":[true]}`,
		`{"a":[tru`:                  `{"a":[]}`,
		`{"a":[{"b":"x\`:             `{"a":[{"b":"x"}]}`,
		`{"a":"x\\`:                  `{"a":"x\\"}`,
		`{"a":"x\u00`:                `{"a":"x"}`,
		`{"a":"x\u00e9`:              `{"a":"x\u00e9"}`,
		`{"a":"x\ud83d`:              `{"a":"x"}`,
		`{"a":"x\ud83d\`:             `{"a":"x"}`,
		`{"a":"x\ud83d\ude0`:         `{"a":"x"}`,
		`{"a":"x\ud83d\ude00`:        `{"a":"x\ud83d\ude00"}`,
		`{"a":"x","b":oops,"c":1}`:   `{"a":"x"}`,
		`{"a":"x"}{"b":1}`:           `{"a":"x"}`,
		`{"a":"x","b":"bad\escape"}`: `{"a":"x","b":"bad"}`,
		`{`:                          `{}`,
		``:                           ``,
		`nope`:                       ``,
	} {
		if got := repair(s); got != want {
			t.Errorf("repair(%s) = %s, want %s", s, got, want)
		}
	}
}

// TestRepairPrefixes: whatever is cut off, what is read is JSON, and a text in it
// is a prefix of the whole text.
func TestRepairPrefixes(t *testing.T) {
	const s = ` { "id" : "a\"b" , "n" : [ 1 , -2.5e3 , true , null , { } ] , "t" : "sm\u00f8rrebr\ud83d\ude00d\\ \n end" , "z" : 1 } `
	want := text(get(strings.TrimSpace(s), "t"))
	longest := 0
	for i := range len(s) {
		r := repair(s[:i])
		if r != "" && !json.Valid([]byte(r)) {
			t.Fatalf("%q was repaired to %q", s[:i], r)
		}
		got := text(get(strings.TrimSpace(r), "t"))
		if !strings.HasPrefix(want, got) {
			t.Errorf("%q gives the text %q", s[:i], got)
		}
		longest = max(longest, len(got))
	}
	if longest != len(want) {
		t.Errorf("the longest text has %d bytes, want %d", longest, len(want))
	}
}

func TestAppendString(t *testing.T) {
	for _, s := range []string{"", "a", `"\`, "\x00\x1f\n\r\t\b", "é😀", "a\xffb", "\xe2\x82", "\u2028"} {
		got := string(appendString(nil, s))
		var back string
		if err := json.Unmarshal([]byte(got), &back); err != nil || back != string([]rune(s)) {
			t.Errorf("%q is written as %s (%v)", s, got, err)
		}
	}
}

func TestWhole(t *testing.T) {
	for s, want := range map[string]string{
		`plain`:                 `plain`,
		`\u0041\n`:              `\u0041\n`,
		`a\ud83d\ude00b`:        `a\ud83d\ude00b`,
		`a\ud83db`:              `a\ufffdb`,
		`a\ude00b`:              `a\ufffdb`,
		`a\ud83d\ud83d\ude00`:   `a\ufffd\ud83d\ude00`,
		`a\ud83d`:               `a`,
		`a\ude00`:               `a\ufffd`,
		`\\ud83d`:               `\\ud83d`,
		`\ud83d\n`:              `\ufffd\n`,
		`\"\u00e9\ud83d\u0041x`: `\"\u00e9\ufffd\u0041x`,
	} {
		if got := string(whole([]byte(s))); got != want {
			t.Errorf("whole(%s) = %s, want %s", s, got, want)
		}
	}
}
