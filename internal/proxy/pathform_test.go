package proxy

import (
	"bytes"
	"io"
	"net/http"
	"testing"
)

// TestFormOfPath: a form whose deployment stands in the path reaches a backend
// that reads it in the form: in the place of what the form names, or in a part
// before all others.
func TestFormOfPath(t *testing.T) {
	var model, language string
	var got []byte
	g := newRig(t, backend{kind: "openai", deployment: "theirs", handler: func(w http.ResponseWriter, r *http.Request) {
		f, _, err := r.FormFile("file")
		if err != nil {
			t.Error(err)
			return
		}
		got, _ = io.ReadAll(f)
		model, language = r.FormValue("model"), r.FormValue("language")
		if n := len(r.MultipartForm.Value["model"]); n != 1 {
			t.Errorf("%d models", n)
		}
		answerPlain(w, r)
	}})
	for i, size := range []int{1 << 10, 3 << 20} {
		for j, fields := range [][]string{{"language", "en"}, {"language", "en", "model", "gpt"}, {"model", "theirs", "language", "en"}} {
			for k, preamble := range []string{"", "This is a form.\r\n"} {
				body, kind, file := aForm(t, size, fields...)
				got = nil
				resp := g.post("/openai/deployments/gpt/audio/transcriptions?api-version=2024-10-21", preamble+string(body), "Content-Type", kind)
				if b := readAll(t, resp); resp.StatusCode != 200 || b != answerJSON {
					t.Fatalf("%v: %d %s", fields, resp.StatusCode, b)
				}
				if model != "theirs" || language != "en" || !bytes.Equal(got, file) {
					t.Errorf("%d bytes, %v: the backend got model %q, language %q, %d bytes", size, fields, model, language, len(got))
				}
				if e := g.log.wait(6*i+2*j+k, delivered); e.Begin.Deployment != "gpt" || e.Begin.RequestSize != int64(len(preamble)+len(body)) {
					t.Errorf("%+v", e.Begin)
				}
			}
		}
	}
}
