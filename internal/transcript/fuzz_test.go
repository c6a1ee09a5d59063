package transcript

import (
	"encoding/json"
	"path/filepath"
	"strings"
	"testing"

	"weir/internal/record"
)

// FuzzFold: any stream is read, gives JSON, and gives no more when it is cut.
func FuzzFold(f *testing.F) {
	for name, x := range streams(f) {
		f.Add(string(x.ResponseBody), strings.HasPrefix(name, Completions))
	}
	f.Fuzz(func(t *testing.T, stream string, completions bool) {
		stream = strings.ToValidUTF8(stream, "\uFFFD")
		d := dialectOf(Chat)
		if completions {
			d = dialectOf(Completions)
		}
		got := fold(d, stream)
		if got.body != "" && !json.Valid([]byte(got.body)) {
			t.Fatalf("folded to %q", got.body)
		}
		if got.body != "" && compact(got.body) != got.body {
			t.Fatalf("folded with space in it: %q", got.body)
		}
		for _, fault := range got.errors {
			if !json.Valid([]byte(fault)) {
				t.Fatalf("the error %q is not JSON", fault)
			}
		}
		again := fold(d, stream)
		if again.body != got.body || again.reason != got.reason {
			t.Fatal("a second reading differs")
		}
	})
}

// FuzzRead: any exchange gives a row that is sound.
func FuzzRead(f *testing.F) {
	files, _ := filepath.Glob("testdata/exchanges/*.txtar")
	for i, file := range files {
		_, g, x := readGolden(f, file)
		f.Add(g.Dialect, x.RequestBody, x.ResponseBody, byte(i))
	}
	f.Fuzz(func(t *testing.T, dialect string, request, answer []byte, how byte) {
		x := &record.Exchange{RequestBody: request, ResponseBody: answer}
		outcomes := []record.Outcome{record.Completed, record.Interrupted, record.Cancelled, record.Refused}
		if how&7 != 0 {
			x.End = &record.End{
				Outcome: outcomes[how&3], Streamed: how&4 != 0, OwnAnswer: how&56 == 56,
				BackendStatus: []int{0, 200, 400, 502}[how>>6],
				Edits:         []record.Edit{{Offset: int(how), Old: 3, New: "x"}},
			}
		}
		sound(t, Read(x, dialect, words, map[string]string{"a": "A"}))
	})
}
