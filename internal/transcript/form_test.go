package transcript

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime/multipart"
	"net/textproto"
	"strings"
	"testing"
	"testing/iotest"
	"unicode"

	"github.com/google/go-cmp/cmp"
)

const formType = "multipart/form-data; boundary=XX"

// formOf writes a form: a part for each line "name=text" or "name@filename=text".
func formOf(parts ...string) string {
	var b strings.Builder
	for _, p := range parts {
		head, text, _ := strings.Cut(p, "=")
		name, filename, isFile := strings.Cut(head, "@")
		fmt.Fprintf(&b, "--XX\r\nContent-Disposition: form-data; name=%q", name)
		if isFile {
			fmt.Fprintf(&b, "; filename=%q\r\nContent-Type: audio/wav", filename)
		}
		b.WriteString("\r\n\r\n" + text + "\r\n")
	}
	return b.String() + "--XX--\r\n"
}

const (
	shaOfEmpty = `e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855`
)

func TestReadForm(t *testing.T) {
	sum := func(json string) string { // digests are checked in TestFormFiles
		out := json
		for {
			i := strings.Index(out, `"sha256":"`)
			if i < 0 || len(out) < i+74 {
				return out
			}
			out = out[:i] + `"sum` + out[i+74:]
		}
	}
	for _, tt := range []struct{ name, contentType, body, want, reason string }{
		{"fields", formType, formOf("model=whisper-1", "temperature=0.2", "stream=true"), `{"model":"whisper-1","temperature":"0.2","stream":"true"}`, ""},
		{"lists", formType, formOf("a[]=1", "b=1", "b=2", "c=x", "a[]=2"), `{"a":["1","2"],"b":["1","2"],"c":"x"}`, ""},
		{"file", formType, formOf("file@a/b.wav=RIFF", "model=m"), `{"file":{"filename":"a/b.wav","content_type":"audio/wav","length":4,"sum","index":0},"model":"m"}`, ""},
		{"files", formType, formOf("image[]@a.png=1", "image[]@b.png=22"), `{"image":[{"filename":"a.png","content_type":"audio/wav","length":1,"sum","index":0},{"filename":"b.png","content_type":"audio/wav","length":2,"sum","index":1}]}`, ""},
		{"empty file", formType, formOf("file@="), `{"file":{"filename":"","content_type":"audio/wav","length":0,"sum","index":0}}`, ""},
		{"text", formType, formOf("p=\"é\"\n\xff"), `{"p":"\"é\"\n` + "\uFFFD" + `"}`, ""},
		{"no parts", formType, "--XX--\r\n", `{}`, ""},
		{"quoted boundary", `multipart/form-data; boundary="XX"`, formOf("a=1"), `{"a":"1"}`, ""},
		{"preamble, LF", formType, strings.ReplaceAll("hello\r\n"+formOf("a=1")+"bye", "\r\n", "\n"), `{"a":"1"}`, ""},
		{"torn in a field", formType, strings.TrimSuffix(formOf("a=1", "b=22"), "2\r\n--XX--\r\n"), `{"a":"1","b":"2"}`, "unexpected EOF"},
		{"torn in a file", formType, strings.TrimSuffix(formOf("a=1", "f@x=22"), "2\r\n--XX--\r\n"), `{"a":"1","f":{"filename":"x","content_type":"audio/wav","length":1,"sum","index":0}}`, "unexpected EOF"},
		{"torn between", formType, strings.TrimSuffix(formOf("a=1"), "--XX--\r\n"), `{"a":"1"}`, "unexpected EOF"},
		{"no boundary", "multipart/form-data", formOf("a=1"), `{}`, "its Content-Type names no boundary"},
		{"no type", "multipart/form-data; boundary", formOf("a=1"), `{}`, "mime: invalid media parameter"},
		{"another boundary", "multipart/form-data; boundary=YY", formOf("a=1"), `{}`, "multipart: NextPart: EOF"},
		{"no disposition", formType, "--XX\r\n\r\nx\r\n--XX--\r\n", `{"":"x"}`, ""},
		{"long header", formType, "--XX\r\nX-A: " + strings.Repeat("a", 1<<20), `{}`, "the headers of a part have more than 65536 bytes"},
		{"long field", formType, formOf("a="+strings.Repeat("x", maxField+5), "b=1"), `{"a":"` + strings.Repeat("x", maxField) + `","b":"1"}`, "a field has 5 bytes more than are kept"},
		{"many parts", formType, formOf(strings.Split(strings.Repeat("a[]=1 ", maxParts+1), " ")...), `{"a":[` + strings.Repeat(`"1",`, maxParts-1) + `"1"]}`, "it has more than 1000 parts"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			for chunk, body := range map[string]io.Reader{
				"whole": strings.NewReader(tt.body), "bytes": iotest.OneByteReader(strings.NewReader(tt.body)),
			} {
				form, err := ReadForm(tt.contentType, body, nil)
				if err != nil {
					t.Fatal(err)
				}
				if got := sum(form.JSON); got != tt.want {
					t.Errorf("%s: %.200s\nwant %.200s", chunk, got, tt.want)
				}
				if form.Reason != tt.reason {
					t.Errorf("%s: the reason is %q, want %q", chunk, form.Reason, tt.reason)
				}
			}
		})
	}
}

func TestFormFiles(t *testing.T) {
	var got []string
	read := func(f File, r io.Reader) error {
		b, err := io.ReadAll(r)
		got = append(got, fmt.Sprintf("%d %s %s %q", f.Index, f.Name, f.Filename, b))
		return err
	}
	body := formOf("a@1.wav=RIFF", "x=y", "b@2.wav=", "c@3.wav=a--XX\r\nb")
	form, err := ReadForm(formType, strings.NewReader(body), read)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff([]string{`0 a 1.wav "RIFF"`, `1 b 2.wav ""`, `2 c 3.wav "a--XX\r\nb"`}, got); d != "" {
		t.Error(d)
	}
	if f := form.Files[1]; f != (File{Name: "b", Filename: "2.wav", ContentType: "audio/wav", SHA256: shaOfEmpty, Index: 1}) {
		t.Errorf("the second file is %+v", f)
	}
	if want := `[{"field":"a","filename":"1.wav","contentType":"audio/wav","length":4,"sha256":"` + form.Files[0].SHA256 + `","index":0},`; !strings.HasPrefix(fileArray(form.Files), want) {
		t.Errorf("files are %s", fileArray(form.Files))
	}
	// A file that is torn ends for its reader; so it can be kept as far as it goes.
	got = nil
	form, err = ReadForm(formType, strings.NewReader(body[:len(body)-16]), read)
	if err != nil || form.Reason == "" || len(got) != 3 || !strings.HasPrefix(got[2], `2 c 3.wav "a-`) {
		t.Errorf("torn: %v, %q, %q", err, form.Reason, got)
	}
}

func TestFormErrors(t *testing.T) {
	full, gone := errors.New("disk full"), errors.New("connection gone")
	form, err := ReadForm(formType, strings.NewReader(formOf("a=1", "f@x=RIFF", "b=2")), func(File, io.Reader) error { return full })
	if err != full || !strings.HasPrefix(form.JSON, `{"a":"1","f":{`) {
		t.Errorf("a file that cannot be kept gives %v and %s", err, form.JSON)
	}
	body := io.MultiReader(strings.NewReader("--XX\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\nxyz"), iotest.ErrReader(gone))
	if form, err = ReadForm(formType, body, nil); !errors.Is(err, gone) || form.Reason != "" {
		t.Errorf("a body that cannot be read gives %v, %q", err, form.Reason)
	}
}

// FuzzForm: any body gives JSON, and what a writer wrote is read again.
func FuzzForm(f *testing.F) {
	f.Add(formType, formOf("a=1", "b[]=2", "f@x=RIFF"), "n", "v")
	f.Add(formType, "--XX\r\nContent-Disposition: form-data; name=a; filename*=utf-8''%e2%82%ac\r\n\r\nx", "[]", "\x00")
	f.Add("multipart/form-data; boundary=\"a b\"", "--a b\n\n", "", "\xff")
	f.Fuzz(func(t *testing.T, contentType, body, name, value string) {
		form, err := ReadForm(contentType, strings.NewReader(body), nil)
		if err != nil || !json.Valid([]byte(form.JSON)) || compact(form.JSON) != form.JSON {
			t.Fatalf("%v: %q", err, form.JSON)
		}
		if a := fileArray(form.Files); a != "" && !json.Valid([]byte(a)) {
			t.Fatalf("files are %q", a)
		}
		if strings.ContainsFunc(name, unicode.IsControl) {
			return // which the writer writes as they are
		}
		var b bytes.Buffer
		w := multipart.NewWriter(&b)
		if w.WriteField(name, value) != nil {
			return
		}
		part, err := w.CreatePart(textproto.MIMEHeader{"Content-Disposition": {`form-data; name="f"; filename="x"`}})
		if err != nil {
			t.Fatal(err)
		}
		io.WriteString(part, body)
		w.Close()
		got := ""
		form, err = ReadForm(w.FormDataContentType(), &b, func(_ File, r io.Reader) error {
			all, err := io.ReadAll(r)
			got = string(all)
			return err
		})
		if err != nil || form.Reason != "" || got != body || len(form.Files) != 1 || form.Files[0].Length != int64(len(body)) {
			t.Fatalf("%v, %q: a file of %q came back as %q", err, form.Reason, body, got)
		}
	})
}
