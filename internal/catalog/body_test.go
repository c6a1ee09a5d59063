package catalog

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"unicode/utf8"
)

func TestReadBody(t *testing.T) {
	for _, tt := range []struct {
		in, model    string
		stream, asks bool
		options      string
	}{
		{`{}`, "", false, false, ""},
		{` { "model" : "gpt-4o" , "stream" : true } `, "gpt-4o", true, false, ""},
		{`{"model":"a\u0062\"\ud83d\ude00"}`, "ab\"😀", false, false, ""},
		{`{"\u006dodel":"escaped key"}`, "escaped key", false, false, ""},
		{`{"stream":true,"stream_options":{"include_usage":true}}`, "", true, true, `{"include_usage":true}`},
		{`{"stream":true,"stream_options":{"include_usage":false,"x":[1]}}`, "", true, false, `{"include_usage":false,"x":[1]}`},
		{`{"stream":"true"}`, "", false, false, ""},
		{`{"stream_options":null}`, "", false, false, `null`},
		{`{"messages":[{"model":"nested","stream":true,"content":"ä"}],"n":1e3}`, "", false, false, ""},
	} {
		b, err := ReadBody([]byte(tt.in))
		if err != nil {
			t.Errorf("%s: %v", tt.in, err)
			continue
		}
		name, _ := b.ModelName([]byte(tt.in))
		if name != tt.model || b.Stream != tt.stream || b.AsksUsage != tt.asks {
			t.Errorf("%s: model %q stream %v asks %v", tt.in, name, b.Stream, b.AsksUsage)
		}
		if got := tt.in[b.StreamOptions.Start:b.StreamOptions.End]; got != tt.options {
			t.Errorf("%s: options %s", tt.in, got)
		}
	}
}

func TestReadBodyRefuses(t *testing.T) {
	deep := strings.Repeat(`[`, 512) + strings.Repeat(`]`, 512)
	for _, tt := range []struct {
		in, key, text string
		offset        int
	}{
		{``, "", "the body is empty", 0},
		{`  `, "", "the body is empty", 2},
		{`[]`, "", "the body is JSON but not an object", 0},
		{`"x"`, "", "the body is JSON but not an object", 0},
		{`hello`, "", "the body is not valid JSON, at offset 0", 0},
		{`{"a":1,}`, "", "the body is not valid JSON, at offset 7", 7},
		{`{"a":01}`, "", "the body is not valid JSON, at offset 6", 6},
		{`{"a":1} x`, "", "the body is not valid JSON, at offset 8", 8},
		{"{\"a\":\"\x01\"}", "", "the body is not valid JSON, at offset 6", 6},
		{"{\"a\":\"\xff\"}", "", "the body is not valid UTF-8, at offset 6", 6},
		{`{"a":"\x"}`, "", "the body is not valid JSON, at offset 6", 6},
		{`{"model":"a","model":"b"}`, "model", "the key model stands there twice", 13},
		{`{"model":"a","\u006dodel":"b"}`, "model", "the key model stands there twice", 13},
		{`{"model":"a","Model":"b"}`, "model", "the key model is written in another case", 13},
		{`{"MODEL":"a"}`, "model", "the key model is written in another case", 1},
		{`{"\u004dodel":"a"}`, "model", "the key model is written in another case", 1},
		{`{"ſtream":true}`, "stream", "the key stream is written in another case", 1},
		{`{"messages":[],"messages":[]}`, "messages", "the key messages stands there twice", 15},
		{`{"stream_options":{"include_usage":true,"include_usage":false}}`, "include_usage", "the key include_usage stands there twice", 40},
		{`{"stream_options":{"Include_Usage":true}}`, "include_usage", "the key include_usage is written in another case", 19},
		{`{"a":` + deep + `}`, "", "the body nests deeper than 512", 516},
	} {
		_, err := ReadBody([]byte(tt.in))
		var b *BodyError
		if !errors.As(err, &b) {
			t.Errorf("%.60s: %v", tt.in, err)
			continue
		}
		if b.Key != tt.key || b.Text != tt.text || b.Offset != tt.offset {
			t.Errorf("%.60s: %q %q at %d, want %q %q at %d", tt.in, b.Key, b.Text, b.Offset, tt.key, tt.text, tt.offset)
		}
	}
	if _, err := ReadBody([]byte(`{"a":` + deep[1:len(deep)-1] + `}`)); err != nil {
		t.Errorf("512 levels: %v", err)
	}
}

func ordinaryBody() []byte {
	return []byte(`{"model":"gpt-4o","temperature":0.7,"stream":true,"messages":[{"role":"system","content":"You are helpful."},{"role":"user","content":"` +
		strings.Repeat(`The quick brown fox\njumps over \"the\" lazy dog. `, 38) + `"}],"max_tokens":64}`)
}

func TestReadBodyAllocatesNothing(t *testing.T) {
	in := ordinaryBody()
	if n := testing.AllocsPerRun(100, func() {
		if _, err := ReadBody(in); err != nil {
			t.Fatal(err)
		}
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func BenchmarkReadBody(b *testing.B) {
	in := ordinaryBody()
	b.SetBytes(int64(len(in)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := ReadBody(in); err != nil {
			b.Fatal(err)
		}
	}
}

// FuzzReadBody: what is accepted is a JSON object in UTF-8, and the places are
// those of the values; what is refused as not JSON is none.
func FuzzReadBody(f *testing.F) {
	for _, s := range []string{
		`{}`, `[]`, `{"model":"x","stream":true,"stream_options":{"include_usage":false}}`, `{"\u006dodel":1}`, `{"Model":1}`,
		`{"a":[1,-0.5e+7,true,false,null,{"b":"\ud83d"}]}`, "{\"a\":\"\xff\"}", `{"a":1}x`, `{"stream_options":{}}`, string(ordinaryBody()),
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, in []byte) {
		valid := json.Valid(in) && utf8.Valid(in)
		b, err := ReadBody(in)
		if err != nil {
			var be *BodyError
			if !errors.As(err, &be) {
				t.Fatalf("%T", err)
			}
			if valid && strings.Contains(be.Text, "not valid JSON") {
				t.Fatalf("%q is JSON: %v", in, err)
			}
			if be.Offset < 0 || be.Offset > len(in) {
				t.Fatalf("offset %d of %d", be.Offset, len(in))
			}
			return
		}
		if !valid {
			t.Fatalf("%q is not JSON", in)
		}
		var top map[string]json.RawMessage
		if err := json.Unmarshal(in, &top); err != nil {
			t.Fatalf("%q is no object: %v", in, err)
		}
		for key, at := range map[string]Span{"model": b.Model, "stream_options": b.StreamOptions} {
			raw, there := top[key]
			if there != at.Found() || there && string(in[at.Start:at.End]) != string(raw) {
				t.Fatalf("%s of %q: %q, want %q", key, in, in[at.Start:at.End], raw)
			}
		}
		if b.Stream != (string(top["stream"]) == "true") {
			t.Fatalf("stream of %q is %v", in, b.Stream)
		}
		if b.Empty != (len(top) == 0) || in[b.Open-1] != '{' {
			t.Fatalf("%q: empty %v, open %d", in, b.Empty, b.Open)
		}
		if name, ok := b.ModelName(in); ok {
			var want string
			if err := json.Unmarshal(top["model"], &want); err != nil || want != name {
				t.Fatalf("model %q, want %q", name, want)
			}
		}
	})
}
