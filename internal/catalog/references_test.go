package catalog

import (
	"strings"
	"testing"
)

func TestReferences(t *testing.T) {
	for _, tt := range []struct{ in, want string }{
		{`{}`, ""},
		{`{"file_id":"f1"}`, "file f1"},
		{`{"file_ids":["f1", "f2",3,null,{"x":["f9"]},"f3"]}`, "file f1, file f2, file f3"},
		{`{"messages":[{"content":[{"type":"file","file":{"file_id":"f1"}}]}]}`, "file f1"},
		{`{"conversation":{"id":"c1","x":{"id":"no"}}}`, "conversation c1"},
		{`{"conversation":"c1","previous_response_id":"r1"}`, "conversation c1, response r1"},
		{`{"tools":[{"type":"code_interpreter","container":{"type":"auto","file_ids":["f1"]}},{"type":"file_search","vector_store_ids":["v1"]}]}`, "file f1, vector_store v1"},
		{`{"tools":[{"container":"k1"}]}`, "container k1"},
		{`{"data_source":{"source":{"type":"file_id","id":"f1"}},"source":"responses"}`, "file f1"},
		{`{"input":[{"type":"item_reference","id":"msg_1"},{"type":"message","id":"no"}]}`, "item msg_1"},
		{`{"input":"a text with \"file_id\":\"f1\" in it","file_id":"f2"}`, "file f2"},
		{`{"\u0066ile_id":"f1","file_ids":[]}`, "file f1"}, // found since another name is there
		{`{"input_file_id":null,"training_file":7,"assistant_id":"a\"1"}`, `assistant a"1`},
	} {
		var got []string
		References([]byte(tt.in), allNames, func(kind, id string) { got = append(got, kind+" "+id) })
		if s := strings.Join(got, ", "); s != tt.want {
			t.Errorf("%s: %s, want %s", tt.in, s, tt.want)
		}
	}
}

func TestLearned(t *testing.T) {
	paths := []string{"id", "file.id", "result_files", "response.conversation.id", "output.id"}
	for _, tt := range []struct{ in, want string }{
		{`{"id":"a","object":"x"}`, "id=a"},
		{`{"file":{"id":"f","bytes":3},"id":"a"}`, "file.id=f, id=a"},
		{`{"result_files":["f1","f2"],"id":null}`, "result_files=f1, result_files=f2"},
		{`{"type":"response.created","response":{"x":[1,{}],"conversation":{"id":"c"}}}`, "response.conversation.id=c"},
		{`{"id":"a","broken":`, "id=a"},
		{`{"output":[{"id":"o1","x":[{"id":"no"}]},3,{"id":"o2"}],"id":"a"}`, "output.id=o1, output.id=o2, id=a"},
		{`{"output":[{"id":"o1"},{"i`, "output.id=o1"},
		{`{"x":{"id":"no"}}`, ""},
		{`["id"]`, ""}, {``, ""}, {`{"id`, ""}, {`{"id":"a`, ""},
	} {
		var got []string
		Learned([]byte(tt.in), paths, func(path, id string) { got = append(got, path+"="+id) })
		if s := strings.Join(got, ", "); s != tt.want {
			t.Errorf("%s: %s, want %s", tt.in, s, tt.want)
		}
	}
}

// FuzzReferences: whatever is in a body, the reading ends, and what is found
// stands in it.
func FuzzReferences(f *testing.F) {
	f.Add([]byte(`{"file_ids":["f1",{"file_id":"f2"}],"conversation":{"id":"c"}}`))
	f.Add([]byte(`{"file_ids":["f1",[["f2"`))
	f.Add([]byte(`{"file_id":{"id":{"id":"x"}}}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		found := 0
		References(data, allNames, func(kind, id string) {
			if found++; kind == "" || found > len(data) {
				t.Fatal("more is found than is there")
			}
		})
		Learned(data, []string{"id", "file.id", "result_files"}, func(_, _ string) {})
	})
}

const form = "preamble\r\n--xyz\r\nContent-Disposition: form-data; name=\"file\"; filename=\"model\"\r\nContent-Type: audio/wav\r\n\r\n\x00\xff--xyz\r\n-\r\n--xy\r\n--xyzab\r\n\r\n--xyz  \r\nContent-Disposition: form-data; name=\"model\"\r\n\r\nwhisper\r\n--xyz\r\n\r\nno header\r\n--xyz\r\ncontent-disposition: form-data; name=stream\r\n\r\ntrue\r\n--xyz--\r\nepilogue"

func TestFormScanner(t *testing.T) {
	for step := 1; step <= len(form); step++ {
		s := NewFormScanner("xyz")
		for i := 0; i < len(form); i += step {
			if _, err := s.Write([]byte(form[i:min(len(form), i+step)])); err != nil {
				t.Fatalf("step %d: %v", step, err)
			}
		}
		if s.Model == nil || s.Model.Value != "whisper" || form[s.Model.Start:s.Model.End] != "whisper" {
			t.Fatalf("step %d: model %+v", step, s.Model)
		}
		if s.Stream == nil || s.Stream.Value != "true" || form[s.Stream.Start:s.Stream.End] != "true" || !s.Done {
			t.Fatalf("step %d: stream %+v, done %v", step, s.Stream, s.Done)
		}
	}
	if _, err := NewFormScanner("xyz").Write([]byte("--xyz\r\n" + strings.Repeat("a", maxPartHeader+1))); err == nil {
		t.Error("a header without end is taken")
	}
}

func TestBoundary(t *testing.T) {
	for in, want := range map[string]string{
		"multipart/form-data; boundary=abc": "abc", `Multipart/Form-Data; boundary="a b"`: "a b",
		"multipart/form-data": "", "multipart/mixed; boundary=abc": "", "application/json": "", "": "",
		"multipart/form-data; boundary=" + strings.Repeat("a", 71): "",
	} {
		if got, ok := Boundary(in); got != want && ok || ok != (want != "") {
			t.Errorf("%q: %q %v", in, got, ok)
		}
	}
}

// FuzzForm: how a form arrives does not change what is found in it, and what is
// kept of it is bounded.
func FuzzForm(f *testing.F) {
	f.Add([]byte(form), 7)
	f.Add([]byte("--xyz\r\nContent-Disposition: form-data; name=\"model\"\r\n\r\n\r\n--xyz--"), 1)
	f.Add([]byte("--xyz--"), 3)
	f.Fuzz(func(t *testing.T, data []byte, step int) {
		if step < 1 {
			step = 1
		}
		whole, pieces := NewFormScanner("xyz"), NewFormScanner("xyz")
		_, errWhole := whole.Write(data)
		var errPieces error
		for i := 0; i < len(data) && errPieces == nil; i += step {
			_, errPieces = pieces.Write(data[i:min(len(data), i+step)])
		}
		if (errWhole == nil) != (errPieces == nil) {
			t.Fatalf("whole: %v, in pieces: %v", errWhole, errPieces)
		}
		if a, b := whole.Model, pieces.Model; (a == nil) != (b == nil) || a != nil && *a != *b {
			t.Fatalf("model: %+v, in pieces %+v", a, b)
		}
		if m := whole.Model; m != nil && (m.End > int64(len(data)) || string(data[m.Start:m.End]) != m.Value) {
			t.Fatalf("the model does not stand where it is said to: %+v", m)
		}
	})
}

// TestFormPadding: padding without end behind a delimiter is no form.
func TestFormPadding(t *testing.T) {
	s := NewFormScanner("xyz")
	if _, err := s.Write([]byte("--xyz")); err != nil {
		t.Fatal(err)
	}
	for range 100 {
		if _, err := s.Write([]byte(strings.Repeat(" ", 1<<10))); err != nil {
			return
		}
	}
	t.Errorf("it is taken, with %d bytes kept", len(s.buf))
}

func TestModelIn(t *testing.T) {
	for in, want := range map[string]string{
		`{"session":{"type":"realtime","model":"m"},"model":"no"}`: `"m"`, `{"model":"no"}`: "", `{"session":"x"}`: "", `{"session":{}}`: "",
	} {
		at := ModelIn([]byte(in), "session")
		if got := in[at.Start:at.End]; got != want {
			t.Errorf("%s: %s, want %s", in, got, want)
		}
	}
}
