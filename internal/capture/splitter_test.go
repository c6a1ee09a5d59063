package capture

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// split feeds the stream in reads that end at the given offsets, and gives the
// pieces; the LF of a CRLF that was cut joins its CR again.
func split(t testing.TB, stream []byte, ends ...int) []string {
	t.Helper()
	s := new(Splitters).Get()
	var pieces []string
	var all []byte
	add := func(kind string, p []byte) {
		all = append(all, p...)
		if n := len(pieces); n > 0 && len(p) > 0 && p[0] == '\n' && strings.HasSuffix(pieces[n-1], "\r") {
			pieces[n-1] += "\n"
			p = p[1:]
		}
		if len(p) > 0 {
			pieces = append(pieces, kind+string(p))
		}
	}
	at := 0
	feed := func(end int) {
		for at < end {
			n := copy(s.Space(), stream[at:end])
			if n == 0 {
				t.Fatal("no space")
			}
			if !bytes.Equal(s.Fed(n), stream[at:at+n]) {
				t.Fatal("Fed gives other bytes")
			}
			at += n
			for {
				p, kind, ok := s.Next()
				if !ok {
					break
				}
				add([]string{"event ", "comment ", "fragment "}[kind], p)
			}
		}
	}
	for _, end := range ends {
		feed(end)
	}
	feed(len(stream))
	add("rest ", s.Rest())
	if !bytes.Equal(all, stream) {
		t.Fatalf("the pieces are %q, the stream %q", all, stream)
	}
	return pieces
}

func TestSplitter(t *testing.T) {
	for _, tt := range []struct {
		in   string
		want []string
	}{
		{"", nil},
		{"data: a\n\ndata: b\n\n", []string{"event data: a\n\n", "event data: b\n\n"}},
		{"data: a\r\n\r\ndata: b\r\n\r\n", []string{"event data: a\r\n\r\n", "event data: b\r\n\r\n"}},
		{"data: a\r\rdata: b\r\r", []string{"event data: a\r\r", "event data: b\r\r"}},
		{"event: x\ndata: a\ndata: b\n\n", []string{"event event: x\ndata: a\ndata: b\n\n"}},
		{": ping\n\ndata: a\n\n", []string{"comment : ping\n", "comment \n", "event data: a\n\n"}},
		{": one\n: two\n", []string{"comment : one\n", "comment : two\n"}},
		{"data: a\n: inside\n\n", []string{"event data: a\n: inside\n\n"}},
		{"\n\n\ndata: a\n\n", []string{"comment \n", "comment \n", "comment \n", "event data: a\n\n"}},
		{"data: a", []string{"rest data: a"}},
		{"data: a\n", []string{"rest data: a\n"}},
		{"garbage without end", []string{"rest garbage without end"}},
	} {
		for cut := 0; cut <= len(tt.in); cut++ {
			if d := cmp.Diff(tt.want, split(t, []byte(tt.in), cut)); d != "" {
				t.Errorf("%q cut at %d: %s", tt.in, cut, d)
			}
		}
	}
}

func TestSplitterBoundsEvents(t *testing.T) {
	long := "data: " + strings.Repeat("x", 5*maxEvent) + "\n\n"
	got := split(t, []byte("data: a\n\n"+long+"data: b\n\n"))
	if n := len(got); n < 4 || got[0] != "event data: a\n\n" || got[n-1] != "event data: b\n\n" {
		t.Fatalf("%d pieces, the last %.40q", n, got[n-1])
	}
	for _, p := range got[1 : len(got)-2] {
		if !strings.HasPrefix(p, "fragment ") || len(p) > 3*maxEvent {
			t.Errorf("%.30q of %d bytes", p, len(p))
		}
	}
	s := new(Splitters).Get()
	for range 1000 {
		n := copy(s.Space(), bytes.Repeat([]byte("x"), 1<<10))
		s.Fed(n)
		s.Next()
	}
	if len(s.buf) > 4*maxEvent {
		t.Errorf("the buffer grew to %d bytes", len(s.buf))
	}
}

// FuzzSplitter: wherever the reads end, the events are the same.
func FuzzSplitter(f *testing.F) {
	for _, s := range []string{
		"data: a\n\ndata: [DONE]\n\n", "data: a\r\n\r\n: c\r\n\r\n", "\r\r\n\n\r", "data: a\r\n: b\rdata\n\n", ":x\n\ndata:y",
	} {
		f.Add([]byte(s), uint16(1), uint16(3))
	}
	f.Fuzz(func(t *testing.T, in []byte, a, b uint16) {
		if len(in) > maxEvent/2 {
			return // where a fragment ends depends on the reads
		}
		i, j := int(a)%(len(in)+1), int(b)%(len(in)+1)
		whole, cut := split(t, in), split(t, in, min(i, j), max(i, j))
		if d := cmp.Diff(whole, cut); d != "" {
			t.Fatalf("%q cut at %d and %d: %s", in, i, j, d)
		}
	})
}

func TestEvents(t *testing.T) {
	for _, tt := range []struct {
		event                  string
		terminal, usage, token bool
	}{
		{"data: [DONE]\n\n", true, false, false},
		{"data:[DONE]\r\n\r\n", true, false, false},
		{"event: end\ndata: [DONE]\n\n", true, false, false},
		{"\ndata: [DONE] \n\n", true, false, false},
		{"data: [DONE]", true, false, false},
		{"data: [DONE]\ndata: x\n\n", false, false, false},
		{"data: \"[DONE]\"\n\n", false, false, false},
		{`data: {"choices":[],"usage":{"total_tokens":1}}` + "\n\n", false, true, false},
		{`data: {"choices": [ ], "usage" : {"total_tokens":1}}` + "\n\n", false, true, false},
		{`data: {"choices":[],"usage":null,"prompt_filter_results":[]}` + "\n\n", false, false, false},
		{`data: {"choices":[{"delta":{"content":"\"choices\":[],\"usage\":{"}}],"usage":null}` + "\n\n", false, false, true},
		{`data: {"choices":[{"delta":{"content":"x"}}],"usage":{"total_tokens":1}}` + "\n\n", false, false, true},
		{`data: {"choices":[{"delta":{"role":"assistant","content":""}}]}` + "\n\n", false, false, false},
		{`data: {"choices":[{"delta":{"content":null}}]}` + "\n\n", false, false, false},
		{`data: {"choices":[{"delta":{"content":""}},{"delta":{"content":"x"}}]}` + "\n\n", false, false, true},
		{`data: {"choices":[{"delta":{"tool_calls":[{"index":0}]}}]}` + "\n\n", false, false, true},
		{`data: {"choices":[{"delta":{"tool_calls":[]}}]}` + "\n\n", false, false, false},
		{`data: {"choices":[{"text":"x"}]}` + "\n\n", false, false, true},
		{`data: {"choices":[{"delta":{"refusal":"no"}}]}` + "\n\n", false, false, true},
		{": comment\n\n", false, false, false},
		{"", false, false, false},
	} {
		e := []byte(tt.event)
		if IsTerminal(e, []string{"[DONE]"}) != tt.terminal || IsUsage(e) != tt.usage || HasToken(e) != tt.token {
			t.Errorf("%q: terminal %v, usage %v, token %v", tt.event, IsTerminal(e, []string{"[DONE]"}), IsUsage(e), HasToken(e))
		}
	}
}

func BenchmarkSplitter(b *testing.B) {
	event := []byte(`data: {"id":"chatcmpl-1","object":"chat.completion.chunk","created":1,"model":"gpt-4o-2024-08-06","choices":[{"index":0,"delta":{"content":"word "},"finish_reason":null}],"usage":null}` + "\n\n")
	s := new(Splitters).Get()
	b.ReportAllocs()
	for b.Loop() {
		s.Fed(copy(s.Space(), event))
		p, _, ok := s.Next()
		if !ok || IsTerminal(p, []string{"[DONE]"}) || IsUsage(p) {
			b.Fatal("not an ordinary event")
		}
	}
}

func ExampleData() {
	data, ok := Data([]byte("event: x\ndata: {\"a\":1}\n\n"))
	fmt.Println(string(data), ok)
	// Output: {"a":1} true
}
