package transcript

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/google/go-cmp/cmp"

	"weir/internal/record"
)

func socketExchange(content []byte) *record.Exchange {
	return &record.Exchange{
		End:          &record.End{Outcome: record.Completed, Status: 101, Socket: true},
		ResponseBody: content,
	}
}

// goldenSockets lists the contents of goldens that are sockets.
func goldenSockets(t testing.TB) map[string][]byte {
	t.Helper()
	files, _ := filepath.Glob("testdata/exchanges/realtime-*.txtar")
	all := map[string][]byte{}
	for _, file := range files {
		if _, g, x := readGolden(t, file); g.Dialect == Realtime && g.End != nil && g.End.Socket {
			all[filepath.Base(file)] = x.ResponseBody
		}
	}
	if len(all) < 5 {
		t.Fatalf("only %d sockets found", len(all))
	}
	return all
}

// TestCutSockets: a socket that is cut at any byte gives a row that is sound, and
// a prefix of the text that the whole one gives.
func TestCutSockets(t *testing.T) {
	for name, content := range goldenSockets(t) {
		whole := Read(socketExchange(content), Realtime, words, nil)
		for cut := range content {
			r := Read(socketExchange(content[:cut]), Realtime, words, nil)
			if cut%16 == 0 {
				sound(t, r)
			}
			if !json.Valid([]byte(r.RequestBody)) || !json.Valid([]byte(r.BackendResponseBody)) {
				t.Fatalf("%s cut at %d gives %q and %q", name, cut, r.RequestBody, r.BackendResponseBody)
			}
			if !strings.HasPrefix(whole.Prompt, r.Prompt) || !strings.HasPrefix(whole.Completion, r.Completion) {
				t.Fatalf("%s cut at %d gives %q and %q", name, cut, r.Prompt, r.Completion)
			}
		}
	}
}

// TestCondense: what is left of a socket's messages says the same.
func TestCondense(t *testing.T) {
	said := func(r *record.Row) string {
		r.RequestBody, r.BackendResponseBody, r.ResponsePayload = "", "", ""
		return derived(r)
	}
	for name, content := range goldenSockets(t) {
		if strings.Contains(name, "pieces") {
			continue // of which one is torn
		}
		long := socketContent(">{\"type\":\"input_audio_buffer.append\",\"audio\":\"" + strings.Repeat("A", 1<<20) + "\"}\n>#" + strings.Repeat("B", 1<<20) + "\n")
		content = append(content, long...)
		condensed, err := Condense(iotest.HalfReader(bytes.NewReader(content)))
		if err != nil || len(condensed) > len(content)-len(long) {
			t.Fatalf("%s: %v; %d of %d bytes left", name, err, len(condensed), len(content))
		}
		x := socketExchange(condensed)
		x.End.Answer, x.Condensed = &record.Payload{Length: int64(len(content))}, true
		if d := cmp.Diff(said(Read(socketExchange(content), Realtime, words, nil)), said(Read(x, Realtime, words, nil))); d != "" {
			t.Errorf("%s: -whole +condensed:\n%s", name, d)
		}
	}
	gone := errors.New("gone")
	if _, err := Condense(iotest.ErrReader(gone)); !errors.Is(err, gone) {
		t.Errorf("a body that cannot be read gives %v", err)
	}
	huge := []byte{0, 0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01}
	if got, err := Condense(bytes.NewReader(huge)); len(got) > 0 || err != nil {
		t.Errorf("a message of nearly any length gives %v, %v", got, err)
	}
}

func TestSum(t *testing.T) {
	for _, tt := range []struct{ a, b, want string }{
		{"", "", ""}, {"", `{"a":1}`, `{"a":1}`}, {`{"a":1}`, "null", `{"a":1}`},
		{`{"a":1,"b":{"c":2},"d":"x"}`, `{"a":2,"b":{"c":3,"e":1},"d":"y","f":5}`, `{"a":3,"b":{"c":5,"e":1},"d":"x","f":5}`},
		{`{"s":1.5}`, `{"s":2}`, `{"s":3.5}`}, {`{"a":1}`, `{"a":{}}`, `{"a":1}`},
		{`{"a":9007199254740992}`, `{"a":1}`, `{"a":9.007199254740992e+15}`}, {`{"a":1e308}`, `{"a":1e308}`, `{"a":1e308}`},
	} {
		if got := sum(tt.a, tt.b, 0); got != tt.want {
			t.Errorf("sum of %s and %s is %s, want %s", tt.a, tt.b, got, tt.want)
		}
	}
}

// TestLongAnswer: an answer in many pieces takes time in proportion.
func TestLongAnswer(t *testing.T) {
	var lines strings.Builder
	for i := range 100_000 {
		fmt.Fprintf(&lines, "<{\"type\":\"response.output_audio_transcript.delta\",\"response_id\":\"r%d\",\"delta\":\"word \"}\n", i/50_000)
	}
	r := Read(socketExchange(socketContent(lines.String())), Realtime, words, nil)
	if len(r.Completion) != 500_002 {
		t.Errorf("the completion has %d bytes", len(r.Completion))
	}
}

// FuzzSocket: any content of a socket gives a row that is sound, and condensing it
// harms nothing.
func FuzzSocket(f *testing.F) {
	for _, content := range goldenSockets(f) {
		f.Add(content)
	}
	f.Fuzz(func(t *testing.T, content []byte) {
		r := Read(socketExchange(content), Realtime, words, nil)
		sound(t, r)
		if !json.Valid([]byte(r.RequestBody)) || !json.Valid([]byte(r.BackendResponseBody)) {
			t.Fatalf("%q and %q", r.RequestBody, r.BackendResponseBody)
		}
		condensed, err := Condense(bytes.NewReader(content))
		if err != nil {
			t.Fatal(err)
		}
		sound(t, Read(socketExchange(condensed), Realtime, words, nil))
	})
}

// TestCondenseLarge: of a message in pieces that is too large nothing is left.
func TestCondenseLarge(t *testing.T) {
	var content []byte
	for _, size := range []int{maxMessage - 1<<10, 1 << 20, 1 << 9} {
		piece := `{"type":"session.update","session":{"instructions":"` + strings.Repeat("a", size)
		content = (&record.Message{FromClient: true, More: true, Data: []byte(piece)}).Append(content)
	}
	content = (&record.Message{FromClient: true, Data: []byte(`"}}`)}).Append(content)
	large := (&record.Message{More: true, Data: make([]byte, maxMessage+1)}).Append(nil)
	content = append(content, large...)
	content = (&record.Message{Data: []byte(`{"type":"error"}`)}).Append(content)
	kept := (&record.Message{FromClient: true, Data: []byte(`{"type":"response.create"}`)}).Append(nil)
	got, err := Condense(bytes.NewReader(append(content, kept...)))
	if err != nil || !bytes.Equal(got, kept) {
		t.Errorf("%v; left are %d bytes: %.100q", err, len(got), got)
	}
}

// TestCondenseMuch: a session of which even the condensed is too much says so.
func TestCondenseMuch(t *testing.T) {
	content := socketContent(strings.Repeat("<{\"type\":\"response.done\",\"response\":{\"usage\":{\"total_tokens\":1}}}\n>#audio\n", 3))
	for most, want := range map[int]string{70: "the session has more to it than is read", 500: ""} {
		condensed, err := condense(bytes.NewReader(content), most)
		if err != nil {
			t.Fatal(err)
		}
		x := socketExchange(condensed)
		x.Condensed = true
		r := Read(x, Realtime, words, nil)
		if r.StreamError != want || (r.Usage == "") != (want != "") || strings.Contains(r.BackendResponseBody, "close") {
			t.Errorf("of %d bytes: %q, usage %q, %s", most, r.StreamError, r.Usage, r.BackendResponseBody)
		}
	}
}

// TestHostileUsage: usage with members that are ever new is bounded, and so is
// the work of adding it up.
func TestHostileUsage(t *testing.T) {
	all := ""
	for i := range 5_000 {
		var b strings.Builder
		for k := range 500 {
			fmt.Fprintf(&b, `,"%d_%d":{"%d":{"n":1}}`, i, k, i)
		}
		if i%2 == 0 {
			b.Reset()
			fmt.Fprintf(&b, `,"%d":{"%d":"%s"}`, i%128, i, strings.Repeat("x", 5_000))
		}
		all = sum(all, `{"total_tokens":1`+b.String()+"}", 0)
		if len(all) > 2*maxUsage || !json.Valid([]byte(all)) {
			t.Fatalf("the sum has %d bytes: %.200s", len(all), all)
		}
	}
	if get(all, "total_tokens") == "1" {
		t.Errorf("the sum is %s", all)
	}
}

// TestManyPending: answers that do not end are bounded, and lose no text.
func TestManyPending(t *testing.T) {
	s := &session{}
	for i := range 300_000 {
		s.serverEvent(fmt.Sprintf(`{"type":"response.text.delta","response_id":"%d","delta":"x"}`, i%2))
	}
	if len(s.pending) != 2 {
		t.Errorf("%d answers in the making, want 2", len(s.pending))
	}
	for i := range 1_000 {
		s.serverEvent(fmt.Sprintf(`{"type":"response.text.delta","response_id":"r%d","delta":"x"}`, i))
	}
	if len(s.pending) > maxPending || len(s.all()) != 1_002 {
		t.Errorf("%d answers in the making, %d in all", len(s.pending), len(s.all()))
	}
}
