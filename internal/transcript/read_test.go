package transcript

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/txtar"

	"weir/internal/record"
)

var update = flag.Bool("update", false, "rewrite the goldens in testdata")

// words counts a text's words, so that goldens can be checked by eye.
func words(_, text string) int { return len(strings.Fields(text)) }

// golden is an exchange of testdata/exchanges: what the file's "exchange" says,
// with the bodies in "request" and "answer". A multipart request is in "form",
// the end of an answer that is only begun in "tail", the messages of a WebSocket
// in "socket", a line each: > for the client's, < for the server's, and then +
// when the message goes on, # when it is binary, ! when it closes.
type golden struct {
	Dialect   string
	Labels    map[string]string
	Begin     record.Begin
	End       *record.End
	Delivered *record.Delivered
	Condensed bool
}

func readGolden(t testing.TB, file string) (*txtar.Archive, golden, *record.Exchange) {
	t.Helper()
	ar, err := txtar.ParseFile(file)
	if err != nil {
		t.Fatal(err)
	}
	g := golden{Dialect: Chat}
	x := &record.Exchange{}
	for _, f := range ar.Files {
		switch f.Name {
		case "exchange":
			if err := json.Unmarshal(f.Data, &g); err != nil {
				t.Fatalf("%s: %v", file, err)
			}
		case "request":
			x.RequestBody = []byte(strings.TrimSuffix(string(f.Data), "\n"))
		case "answer":
			x.ResponseBody = f.Data
		case "tail":
			x.ResponseTail = f.Data
		case "form":
			form, err := ReadForm(formType, bytes.NewReader(f.Data), nil)
			if err != nil {
				t.Fatal(err)
			}
			x.Form, x.RequestBody = &form, []byte(form.JSON)
		case "socket":
			x.ResponseBody = socketContent(string(f.Data))
		}
	}
	x.Begin, x.End, x.Delivered, x.Condensed = g.Begin, g.End, g.Delivered, g.Condensed
	return ar, g, x
}

// socketContent writes the messages of a golden, a millisecond after one another.
func socketContent(lines string) []byte {
	var b []byte
	at := time.Duration(0)
	for line := range strings.Lines(lines) {
		line = strings.TrimSuffix(line, "\n")
		if line == "" {
			continue
		}
		at += time.Millisecond
		m := record.Message{At: at, FromClient: line[0] == '>'}
		line = line[1:]
		for line != "" && strings.Contains("+#!", line[:1]) {
			m.More, m.Binary, m.Close = m.More || line[0] == '+', m.Binary || line[0] == '#', m.Close || line[0] == '!'
			line = line[1:]
		}
		m.Data = []byte(line)
		if m.Close {
			m.Data = append([]byte{0x03, 0xe8}, line...)
		}
		b = m.Append(b)
	}
	return b
}

// derived lists the fields of a row that Read found out, without those that only
// repeat what it was given.
func derived(r *record.Row) string {
	var b strings.Builder
	v := reflect.ValueOf(*r)
	for i := range v.NumField() {
		name := v.Type().Field(i).Name
		switch name {
		case "ID", "Epoch", "Seq", "Begin", "End", "Delivered", "EndTime":
			continue
		case "RequestBody":
			if r.Files == "" && !r.Socket && r.RequestPayload == "" {
				continue
			}
		}
		if v.Field(i).IsZero() {
			continue
		}
		text := strings.ReplaceAll(fmt.Sprint(v.Field(i)), "\n", "\n\t")
		fmt.Fprintf(&b, "%s: %s\n", name, text)
	}
	return b.String()
}

func TestRead(t *testing.T) {
	files, _ := filepath.Glob("testdata/exchanges/*.txtar")
	if len(files) < 20 {
		t.Fatalf("only %d goldens found", len(files))
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txtar"), func(t *testing.T) {
			ar, g, x := readGolden(t, file)
			r := Read(x, g.Dialect, words, g.Labels)
			sound(t, r)
			got := derived(r)
			i := len(ar.Files) - 1
			if ar.Files[i].Name != "want" {
				ar.Files = append(ar.Files, txtar.File{Name: "want"})
				i++
			}
			if *update {
				ar.Files[i].Data = []byte(got)
				if err := os.WriteFile(file, txtar.Format(ar), 0o644); err != nil {
					t.Fatal(err)
				}
				return
			}
			if diff := cmp.Diff(string(ar.Files[i].Data), got); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}

// sound fails unless what holds of every row holds of r.
func sound(t testing.TB, r *record.Row) {
	t.Helper()
	v := reflect.ValueOf(*r)
	for i := range v.NumField() {
		if s, ok := v.Field(i).Interface().(string); ok && !strings.Contains(s, "\uFFFD") && strings.ToValidUTF8(s, "\uFFFD") != s {
			t.Errorf("%s is not UTF-8", v.Type().Field(i).Name)
		}
	}
	for name, s := range map[string]string{
		"RequestHeaders": r.RequestHeaders, "ResponseHeaders": r.ResponseHeaders, "Labels": r.Labels,
		"Attempts": r.Attempts, "RequestMessages": r.RequestMessages, "ResponseMessages": r.ResponseMessages,
		"Parameters": r.Parameters, "Metadata": r.Metadata, "Usage": r.Usage, "ContentFilter": r.ContentFilter,
		"Errors": r.Errors, "JSONModel": r.JSONModel, "JSONID": r.JSONID, "JSONUsage": r.JSONUsage,
		"JSONPromptTokens": r.JSONPromptTokens, "JSONCompletionTokens": r.JSONCompletionTokens,
		"JSONTotalTokens": r.JSONTotalTokens, "Files": r.Files,
		"RequestPayload": r.RequestPayload, "ResponsePayload": r.ResponsePayload,
	} {
		if s == "" {
			continue
		}
		if !json.Valid([]byte(s)) {
			t.Errorf("%s is not JSON: %q", name, s)
		}
		if c := compact(s); c != s {
			t.Errorf("%s is not compact: %q", name, s)
		}
	}
	for _, p := range record.Paths() {
		want := lookup(r.BackendResponseBody, p.Keys)
		got := map[string]string{
			"_json_model": r.JSONModel, "_json_id": r.JSONID, "_json_usage": r.JSONUsage,
			"_json_usage_prompt_tokens":     r.JSONPromptTokens,
			"_json_usage_completion_tokens": r.JSONCompletionTokens,
			"_json_usage_total_tokens":      r.JSONTotalTokens,
		}[p.Column]
		if got != want {
			t.Errorf("%s is %q, the stored body says %q", p.Column, got, want)
		}
	}
}

// lookup is encoding/json's answer to what stands at a path of a body.
func lookup(body string, keys []string) string {
	raw := json.RawMessage(body)
	for _, k := range keys {
		var m map[string]json.RawMessage
		if !json.Valid(raw) || json.Unmarshal(raw, &m) != nil || m[k] == nil {
			return ""
		}
		raw = m[k]
	}
	return compact(string(raw))
}

func TestTimes(t *testing.T) {
	begin := time.Date(2026, 11, 23, 8, 0, 0, 0, time.UTC)
	at := func(ms int) time.Time { return begin.Add(time.Duration(ms) * time.Millisecond) }
	for _, tt := range []struct {
		name      string
		x         record.Exchange
		outcome   record.Outcome
		end       time.Time
		total     time.Duration
		delivered int64
	}{
		{"delivered", record.Exchange{
			End:       &record.End{Time: at(40), Outcome: record.Completed},
			Delivered: &record.Delivered{Time: at(55), ResponseSize: 9},
		}, record.Completed, at(40), 55 * time.Millisecond, 9},
		{"not delivered", record.Exchange{
			End: &record.End{Time: at(40), Outcome: record.Cancelled},
		}, record.Cancelled, at(40), 40 * time.Millisecond, 0},
		{"killed", record.Exchange{LastFrame: at(30)}, record.Interrupted, at(30), 30 * time.Millisecond, 0},
		{"clock set back", record.Exchange{LastFrame: at(-30)}, record.Interrupted, at(-30), 0, 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			tt.x.Begin.Time = begin
			r := Read(&tt.x, Chat, words, nil)
			if r.Outcome != tt.outcome || !r.EndTime.Equal(tt.end) || r.TotalTime != tt.total || r.Delivered.ResponseSize != tt.delivered {
				t.Errorf("outcome %s, end %v, total %v, delivered %d bytes", r.Outcome, r.EndTime, r.TotalTime, r.Delivered.ResponseSize)
			}
			if r.End.Outcome != tt.outcome {
				t.Errorf("the end's outcome is %s", r.End.Outcome)
			}
		})
	}
}

// TestReadLeavesExchange: what is read is not written to.
func TestReadLeavesExchange(t *testing.T) {
	x := &record.Exchange{
		Begin:        record.Begin{URL: "/\xff"},
		End:          &record.End{Outcome: record.Failed, LastError: &record.LastError{Message: "\xff"}},
		RequestBody:  []byte(`{"messages":[]}`),
		ResponseBody: []byte("\xff"),
	}
	Read(x, Chat, words, nil)
	if x.Begin.URL != "/\xff" || x.End.LastError.Message != "\xff" || string(x.ResponseBody) != "\xff" {
		t.Error("Read changed its exchange")
	}
}
