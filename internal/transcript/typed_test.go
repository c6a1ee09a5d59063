package transcript

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"weir/internal/record"
)

// typedDialects lists the dialects whose streams have events of several types.
func typedDialects() []string {
	var names []string
	for _, d := range dialects {
		if d.typed != nil {
			names = append(names, d.name)
		}
	}
	return names
}

// TestTypedTable: each step of a table has a place in its rule.
func TestTypedTable(t *testing.T) {
	for _, d := range dialects {
		if d.typed == nil {
			continue
		}
		ends := 0
		for event, steps := range d.typed.steps {
			for _, s := range steps {
				if s.take == ending {
					ends++
				}
				r := &d.typed.rule
				for name := range strings.SplitSeq(s.to, "/") {
					if strings.HasPrefix(name, "[") {
						if r.op != items {
							t.Errorf("%s %s: %q goes through what is no array", d.name, event, s.to)
						}
						continue
					}
					r = kidRule(r, name)
				}
			}
		}
		if ends == 0 && d.name != Runs {
			t.Errorf("%s has no event that ends its stream", d.name)
		}
	}
}

func kidRule(r *rule, name string) *rule {
	for i := range r.kids {
		if r.kids[i].name == name {
			return &r.kids[i]
		}
	}
	return &rule{name: name, op: last}
}

// TestResponseStreamedAsPlain: a response that is streamed in pieces of any size,
// without its last event, is the response that has it.
func TestResponseStreamedAsPlain(t *testing.T) {
	const plain = `{"id":"resp_1","object":"response","status":"in_progress","model":"m","output":[
		{"id":"rs_1","type":"reasoning","summary":[{"type":"summary_text","text":"One, \"two\"."},{"type":"summary_text","text":"Three 😀."}]},
		{"id":"msg_1","type":"message","status":"completed","role":"assistant","content":[{"type":"output_text","text":"Smørrebrød \\ \n two","annotations":[]},{"type":"refusal","refusal":"No."}]},
		{"id":"fc_1","type":"function_call","status":"completed","call_id":"c","name":"look","arguments":"{\"at\": \"é\"}"}]}`
	var want any
	if err := json.Unmarshal([]byte(plain), &want); err != nil {
		t.Fatal(err)
	}
	for seed := range uint64(50) {
		stream := responsePieces(t, plain, rand.New(rand.NewPCG(seed, 2)))
		f := fold(dialectOf(Responses), stream)
		var got any
		if err := json.Unmarshal([]byte(f.body), &got); err != nil {
			t.Fatalf("%v: %s", err, f.body)
		}
		if d := cmp.Diff(want, got); d != "" {
			t.Fatalf("seed %d: -plain +streamed:\n%s\n%s", seed, d, stream)
		}
	}
}

// responsePieces writes a response as a stream. Of some texts the whole comes at
// the end, of some items too.
func responsePieces(t *testing.T, plain string, dice *rand.Rand) string {
	t.Helper()
	var b strings.Builder
	event := func(kind, format string, args ...any) {
		fmt.Fprintf(&b, "event: %s\ndata: {\"type\":%q,%s}\n\n", kind, kind, fmt.Sprintf(format, args...))
	}
	pieces := func(kind, member, at, raw string) {
		for runes := []rune(text(raw)); len(runes) > 0; {
			n := 1 + dice.IntN(min(len(runes), 5))
			event(kind+".delta", `%s,"delta":%s`, at, appendString(nil, string(runes[:n])))
			runes = runes[n:]
		}
		if dice.IntN(2) == 0 {
			event(kind+".done", `%s,%q:%s`, at, member, raw)
		}
	}
	without := func(raw string, names ...string) string {
		for _, name := range names {
			raw = string(append(appendWithout([]byte{'{'}, raw, name), '}'))
		}
		return raw
	}
	event("response.created", `"response":%s`, without(plain[:strings.Index(plain, `,"output"`)]+"}"))
	i := 0
	for item := range elements(get(plain, "output")) {
		at := fmt.Sprintf(`"output_index":%d`, i)
		event("response.output_item.added", `%s,"item":%s`, at, without(item, "content", "summary", "arguments"))
		for k, part := range partsOf(get(item, "content")) {
			at := fmt.Sprintf(`%s,"content_index":%d`, at, k)
			event("response.content_part.added", `%s,"part":%s`, at, without(part, "text", "refusal"))
			if raw := get(part, "text"); raw != "" {
				pieces("response.output_text", "text", at, raw)
			} else {
				pieces("response.refusal", "refusal", at, get(part, "refusal"))
			}
		}
		for k, part := range partsOf(get(item, "summary")) {
			pieces("response.reasoning_summary_text", "text", fmt.Sprintf(`%s,"summary_index":%d`, at, k), get(part, "text"))
		}
		if raw := get(item, "arguments"); raw != "" {
			pieces("response.function_call_arguments", "arguments", at, raw)
		}
		if dice.IntN(2) == 0 {
			event("response.output_item.done", `%s,"item":%s`, at, item)
		}
		i++
	}
	return b.String()
}

func partsOf(array string) []string {
	var all []string
	for e := range elements(array) {
		all = append(all, e)
	}
	return all
}

func unnamed(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, `,"m%d":1`, i)
	}
	return b.String()
}

// TestHostileEvents: what no backend sends is bounded, and harms nothing.
func TestHostileEvents(t *testing.T) {
	event := func(kind, members string) string {
		return "event: " + kind + "\ndata: {\"type\":\"" + kind + "\"" + members + "}\n\n"
	}
	var many, unknown, ids strings.Builder
	for i := range 20_000 {
		many.WriteString(event("response.output_text.delta", fmt.Sprintf(`,"output_index":%d,"content_index":%d,"delta":"x"`, i, i)))
		unknown.WriteString(event("x.y", fmt.Sprintf(`,"n":%d`, i)))
		ids.WriteString(event("thread.message.delta", fmt.Sprintf(`,"id":"m%d","delta":{"content":[{"index":0,"text":{"value":"x"}}]}`, i)))
	}
	done := event("response.completed", `,"response":{"id":"r","output":[{"type":"message","content":[{"type":"output_text","text":"a"}]}]}`)
	for name, stream := range map[string]string{
		"many indexes":         many.String(),
		"unknown types":        unknown.String(),
		"many ids":             ids.String(),
		"odd indexes":          event("response.output_text.delta", `,"output_index":-5,"content_index":1e300,"delta":"x"`) + event("response.output_text.delta", `,"output_index":{},"content_index":[],"delta":"x"`),
		"odd values":           event("response.created", `,"response":[]`) + event("response.output_item.added", `,"output_index":0,"item":5`) + event("response.output_item.done", `,"output_index":0,"item":"x"`) + event("response.content_part.added", `,"output_index":0,"content_index":0,"part":{"text":{"a":1}}`) + event("response.output_text.delta", `,"output_index":0,"content_index":0,"delta":[1]`),
		"more behind the end":  done + event("response.output_text.delta", `,"output_index":0,"content_index":0,"delta":"b"`) + done + event("response.output_item.added", `,"output_index":1,"item":{"type":"message"}`),
		"error behind the end": done + event("error", `,"message":"x"`),
		"deep":                 event("response.output_item.added", `,"output_index":0,"item":`+strings.Repeat(`{"content":[`, 3000)+strings.Repeat(`]}`, 3000)),
		"no end":               "data: {\"type\":\"response.output_text.delta\",\"delta\":\"" + strings.Repeat("x", 1<<20),
		"object for an array":  event("response.created", `,"response":{"output":{"id":"r"},"events":{"a":1}}`) + event("response.output_item.added", `,"output_index":0,"item":{"id":"a"}`) + event("response.output_text.delta", `,"output_index":2,"content_index":0,"delta":"x"`) + event("x.y", ""),
		"array for an item":    event("response.output_item.done", `,"output_index":0,"item":[{"id":"a"}]`) + event("response.output_text.delta", `,"output_index":0,"content_index":0,"delta":"x"`),
		"named, then replaced": event("response.created", `,"response":{"id":"r"`+unnamed(1000)+`}`) + event("response.failed", `,"response":{"id":"r"}`) + event("response.output_text.delta", `,"output_index":0,"content_index":0,"delta":"x"`),
		"no value":             event("thread.message.delta", `,"id":""`) + event("thread.run.step.delta", `,"id":""`) + event("response.output_text.delta", `,"output_index":0,"content_index":0,"delta":""`) + event("image_generation.completed", `,"b64_json":""`),
		"odd runs":             event("thread.run.created", `,"id":5`) + event("thread.run.step.delta", `,"id":"s","delta":{"step_details":[1]}`) + event("thread.message.completed", ``),
	} {
		t.Run(name, func(t *testing.T) {
			for _, dialect := range typedDialects() {
				r := Read(&record.Exchange{ResponseBody: []byte(stream)}, dialect, words, nil)
				sound(t, r)
				if strings.HasPrefix(r.BackendResponseBody, "{") != json.Valid([]byte(r.BackendResponseBody)) {
					t.Errorf("%s: reconstructed to %.200q", dialect, r.BackendResponseBody)
				}
				if name == "more behind the end" && dialect == Responses && r.Completion != "a" {
					t.Errorf("the completion is %q", r.Completion)
				}
			}
		})
	}
}

// FuzzEvents: any stream of typed events gives a row that is sound, and JSON.
func FuzzEvents(f *testing.F) {
	names := typedDialects()
	files, _ := filepath.Glob("testdata/exchanges/*-stream*.txtar")
	for _, file := range files {
		_, g, x := readGolden(f, file)
		for i, name := range names {
			if name == g.Dialect {
				f.Add(string(x.ResponseBody), byte(i))
			}
		}
	}
	f.Fuzz(func(t *testing.T, stream string, which byte) {
		d := dialectOf(names[int(which)%len(names)])
		got := fold(d, strings.ToValidUTF8(stream, "\uFFFD"))
		if got.body != "" && (!json.Valid([]byte(got.body)) || compact(got.body) != got.body) {
			t.Fatalf("folded to %q", got.body)
		}
		if got.usage != "" && !json.Valid([]byte(got.usage)) {
			t.Fatalf("the usage is %q", got.usage)
		}
		sound(t, Read(&record.Exchange{ResponseBody: []byte(stream)}, d.name, words, nil))
	})
}
