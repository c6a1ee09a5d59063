package proxy

import (
	"bytes"
	"compress/gzip"
	"compress/zlib"
	"crypto/rand"
	"fmt"
	"io"
	"mime/multipart"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"weir/internal/payload"
	"weir/internal/record"
)

// aForm is a multipart form with a file of size bytes; modelLast puts the model
// behind the file.
func aForm(t *testing.T, size int, fields ...string) (body []byte, contentType string, file []byte) {
	t.Helper()
	var b bytes.Buffer
	w := multipart.NewWriter(&b)
	part, err := w.CreateFormFile("file", "f.bin")
	if err != nil {
		t.Fatal(err)
	}
	file = make([]byte, size)
	rand.Read(file)
	part.Write(file)
	for i := 0; i < len(fields); i += 2 {
		if err := w.WriteField(fields[i], fields[i+1]); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes(), w.FormDataContentType(), file
}

// TestUpload: a form that is too large for memory passes byte by byte, to the
// second backend too when the first one refuses it, with the deployment's name
// replaced though it stands behind the file; the spool has it whole.
func TestUpload(t *testing.T) {
	for _, size := range []int{1 << 10, 3 << 20} {
		body, kind, file := aForm(t, size, "model", "gpt", "language", "en")
		var got []byte
		calls := 0
		handler := func(w http.ResponseWriter, r *http.Request) {
			if calls++; calls == 1 {
				io.CopyN(io.Discard, r.Body, int64(size)/2)
				http.Error(w, `{"error":{}}`, http.StatusServiceUnavailable)
				return
			}
			f, h, err := r.FormFile("file")
			if err != nil {
				t.Error(err)
				return
			}
			got, _ = io.ReadAll(f)
			if r.FormValue("model") != "theirs" || r.FormValue("language") != "en" || h.Filename != "f.bin" {
				t.Errorf("the backend's form: %v", r.Form)
			}
			answerPlain(w, r)
		}
		g := newRig(t, backend{kind: "openai", deployment: "theirs", handler: handler}, backend{kind: "openai", deployment: "theirs", handler: handler})
		for _, chunked := range []bool{false, true} {
			calls = 0
			req, _ := http.NewRequest("POST", g.url+"/v1/audio/transcriptions", bytes.NewReader(body))
			if chunked {
				req.Body, req.ContentLength = io.NopCloser(bytes.NewReader(body)), -1
			}
			req.Header.Set("Content-Type", kind)
			req.Header.Set("Authorization", "Bearer "+testKey)
			resp, err := g.http.Do(req)
			if err != nil {
				t.Fatal(err)
			}
			if b := readAll(t, resp); resp.StatusCode != 200 || b != answerJSON {
				t.Fatalf("%d %s", resp.StatusCode, b)
			}
			resp.Body.Close()
			if !bytes.Equal(got, file) || calls != 2 {
				t.Fatalf("%d bytes: the backend got %d in %d calls", size, len(got), calls)
			}
		}
		for i := range 2 {
			e := g.log.wait(i, delivered)
			switch {
			case size < testInline && (e.Begin.Spooled || !bytes.Equal(e.RequestBody, body)):
				t.Errorf("%d bytes are on the record", len(e.RequestBody))
			case size > testInline && (!e.Begin.Spooled || g.log.body(t, e, record.RequestSide) != string(body)):
				t.Error("the spool does not have the body")
			case size > testInline && (e.End.Request.Length != int64(len(body))):
				t.Errorf("payload %+v", e.End.Request)
			}
			if e.Begin.Deployment != "gpt" || len(e.End.Attempts) != 2 || len(e.End.Edits) != 1 {
				t.Errorf("%+v, %+v", e.Begin, e.End)
			}
		}
	}
}

// TestBadForms: what is no form is refused in words, and is on the record.
func TestBadForms(t *testing.T) {
	g := newRig(t, backend{kind: "openai", handler: answerPlain})
	for i, tt := range []struct{ kind, body, message string }{
		{"multipart/form-data", "--b", "must name the boundary"},
		{"application/json", "{}", "must be multipart/form-data"},
		{"multipart/form-data; boundary=b", "--b\r\n" + strings.Repeat("x", 20<<10), "not multipart/form-data with the boundary"},
		{"multipart/form-data; boundary=b", "--b--\r\n", "must name a deployment in model"},
		{"multipart/form-data; boundary=b", "", "must name a deployment in model"},
		{"multipart/form-data; boundary=b", "--b\r\nContent-Disposition: form-data; name=\"model\"\r\n\r\nnope\r\n--b--\r\n", "deployment for this resource does not exist"},
	} {
		resp := g.post("/v1/audio/transcriptions", tt.body, "Content-Type", tt.kind)
		b := readAll(t, resp)
		if resp.StatusCode/100 != 4 || !strings.Contains(b, tt.message) {
			t.Errorf("%s %.40q: %d %s", tt.kind, tt.body, resp.StatusCode, b)
		}
		if e := g.log.wait(i, delivered); e.End.Outcome != record.Refused || e.Begin.Operation != "transcriptions_create" {
			t.Errorf("%+v", e.End)
		}
	}
}

// TestBrokenUpload: a client that ends in the middle of its upload has a record
// with what came, and the backend's call ends.
func TestBrokenUpload(t *testing.T) {
	begun, ended := make(chan bool), make(chan error, 1)
	g := newRig(t, backend{handler: func(_ http.ResponseWriter, r *http.Request) {
		close(begun)
		_, err := io.Copy(io.Discard, r.Body)
		ended <- err
	}})
	body, kind, _ := aForm(t, 4<<20)
	c, err := net.Dial("tcp", strings.TrimPrefix(g.url, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	fmt.Fprintf(c, "POST /openai/files?api-version=2024-10-21 HTTP/1.1\r\nHost: x\r\napi-key: %s\r\nContent-Type: %s\r\nContent-Length: %d\r\n\r\n", testKey, kind, len(body))
	c.Write(body[:2<<20])
	<-begun
	c.(*net.TCPConn).CloseWrite()
	if err := <-ended; err == nil {
		t.Error("the backend saw a whole body")
	}
	e := g.log.wait(0, delivered)
	c.Close()
	if e.End.Outcome == record.Completed || e.End.LastError == nil || e.End.LastError.Reason != "ClientConnectionFailure" {
		t.Errorf("%+v %+v", e.End, e.End.LastError)
	}
	if got := g.log.body(t, e, record.RequestSide); got != string(body[:2<<20]) {
		t.Errorf("the spool has %d bytes", len(got))
	}
}

// TestCompressedRequests: a body's content coding is undone on the way; the
// record has what was said.
func TestCompressedRequests(t *testing.T) {
	var got, coding string
	g := newRig(t, backend{handler: func(w http.ResponseWriter, r *http.Request) {
		b, _ := io.ReadAll(r.Body)
		got, coding = string(b), r.Header.Get("Content-Encoding")
		answerPlain(w, r)
	}})
	var zipped, deflated bytes.Buffer
	zw := gzip.NewWriter(&zipped)
	io.WriteString(zw, plainBody)
	zw.Close()
	fw := zlib.NewWriter(&deflated)
	io.WriteString(fw, plainBody)
	fw.Close()
	for i, tt := range []struct {
		coding, body string
		status       int
	}{
		{"gzip", zipped.String(), 200}, {"deflate", deflated.String(), 200}, {"identity", plainBody, 200},
		{"gzip", plainBody, 400}, {"gzip", zipped.String()[:zipped.Len()-9], 400}, {"zstd", "x", 415},
	} {
		got = ""
		resp := g.post(chatPath, tt.body, "Content-Encoding", tt.coding)
		readAll(t, resp)
		e := g.log.wait(i, delivered)
		if resp.StatusCode != tt.status {
			t.Errorf("%s: %d", tt.coding, resp.StatusCode)
		}
		if tt.status == 200 && (got != plainBody || coding != "" && coding != "identity" || string(e.RequestBody) != plainBody || e.Begin.RequestSize != int64(len(tt.body))) {
			t.Errorf("%s: the backend got %q (%s), the record %q", tt.coding, got, coding, e.RequestBody)
		}
	}
}

// TestLargeAnswer: an answer above the limit is whole in the journal and the
// spool together, whether its length was known or not.
func TestLargeAnswer(t *testing.T) {
	answer := strings.Repeat("0123456789abcdef", 5<<16) // 5 MiB
	for _, known := range []bool{true, false} {
		g := newRig(t, backend{handler: func(w http.ResponseWriter, _ *http.Request) {
			if known {
				w.Header().Set("Content-Length", fmt.Sprint(len(answer)))
			}
			io.WriteString(w, answer)
		}})
		resp := g.request("/openai/files/f1/content?api-version=2024-10-21", "")
		resp.Method = "GET"
		r, err := g.http.Do(resp)
		if err != nil {
			t.Fatal(err)
		}
		if b := readAll(t, r); b != answer {
			t.Errorf("the client got %d bytes", len(b))
		}
		r.Body.Close()
		e := g.log.wait(0, delivered)
		whole := g.log.body(t, e, record.AnswerSide)
		head := len(e.ResponseBody)
		if e.End.Answer == nil || e.End.Answer.Length != int64(len(answer)) || known != (head == 0) || head > testInline {
			t.Fatalf("known %v: payload %+v, %d bytes in the journal", known, e.End.Answer, head)
		}
		if string(e.ResponseBody)+whole[head:] != answer {
			t.Errorf("known %v: what is kept is not what passed", known)
		}
	}
}

// TestSpoolFails: a body that the spool cannot take is refused, and one that it
// could not keep is not answered.
func TestSpoolFails(t *testing.T) {
	g := newRig(t, backend{handler: answerPlain})
	g.proxy.Spool = brokenSpool(t)
	body, kind, _ := aForm(t, 2<<20)
	resp := g.post("/openai/files?api-version=2024-10-21", string(body), "Content-Type", kind)
	if b := readAll(t, resp); resp.StatusCode != 503 || resp.Header.Get("Retry-After") == "" {
		t.Errorf("%d %s", resp.StatusCode, b)
	}
}

// TestHTTP10: a client of HTTP/1.0 gets a whole answer, and its end by the
// connection's.
func TestHTTP10(t *testing.T) {
	g := newRig(t, backend{handler: func(w http.ResponseWriter, _ *http.Request) { events(w, roleEvent, contentEvent, doneEvent) }})
	c, err := net.Dial("tcp", strings.TrimPrefix(g.url, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	fmt.Fprintf(c, "POST %s HTTP/1.0\r\nHost: x\r\napi-key: %s\r\nContent-Length: %d\r\n\r\n%s", chatPath, testKey, len(streamBody), streamBody)
	b, err := io.ReadAll(c)
	if err != nil || !bytes.HasSuffix(b, []byte(roleEvent+contentEvent+doneEvent)) || !bytes.HasPrefix(b, []byte("HTTP/1.0 200")) {
		t.Errorf("%v %q", err, b)
	}
	if e := g.log.wait(0, delivered); e.End.Outcome != record.Completed || e.Begin.ClientProtocol != "HTTP/1.0" {
		t.Errorf("%+v", e.End)
	}
}

// TestContinue: a client that waits for 100 Continue is told to go on where its
// key is right, and gets its refusal without sending the body where it is not.
func TestContinue(t *testing.T) {
	g := newRig(t, backend{handler: answerPlain})
	for key, want := range map[string]string{testKey: "HTTP/1.1 100 Continue\r\n", "wrong": "HTTP/1.1 401 Unauthorized\r\n"} {
		c, err := net.Dial("tcp", strings.TrimPrefix(g.url, "http://"))
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(c, "POST %s HTTP/1.1\r\nHost: x\r\napi-key: %s\r\nExpect: 100-continue\r\nContent-Length: %d\r\nConnection: close\r\n\r\n", chatPath, key, len(plainBody))
		first := make([]byte, len(want))
		if _, err := io.ReadFull(c, first); err != nil || string(first) != want {
			t.Errorf("%s: %q, %v", key, first, err)
		}
		if key == testKey {
			io.WriteString(c, plainBody)
			if b, _ := io.ReadAll(c); !bytes.Contains(b, []byte(answerJSON)) {
				t.Errorf("%q", b)
			}
		}
		c.Close()
	}
}

// TestRequestTrailers: fields behind a body go on and are on the record.
func TestRequestTrailers(t *testing.T) {
	var got http.Header
	g := newRig(t, backend{handler: func(w http.ResponseWriter, r *http.Request) {
		io.Copy(io.Discard, r.Body)
		got = r.Trailer.Clone()
		answerPlain(w, r)
	}})
	for i, size := range []int{100, 2 << 20} {
		body, kind, _ := aForm(t, size)
		req, _ := http.NewRequest("POST", g.url+"/openai/files?api-version=2024-10-21", io.NopCloser(bytes.NewReader(body)))
		req.Header.Set("Content-Type", kind)
		req.Header.Set("api-key", testKey)
		req.Trailer = http.Header{"X-Checksum": {"7"}}
		resp, err := g.http.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		readAll(t, resp)
		resp.Body.Close()
		e := g.log.wait(i, delivered)
		if got.Get("X-Checksum") != "7" || len(e.End.RequestTrailers) != 1 || e.End.RequestTrailers[0] != (record.Header{Name: "X-Checksum", Value: "7"}) {
			t.Errorf("%d: the backend got %v, the record %v", size, got, e.End.RequestTrailers)
		}
	}
}

// brokenSpool is a spool whose folder is gone.
func brokenSpool(t *testing.T) *payload.Spool {
	dir := filepath.Join(t.TempDir(), "spool")
	s, err := payload.OpenSpool(dir)
	if err == nil {
		err = os.Remove(dir)
	}
	if err != nil {
		t.Fatal(err)
	}
	return s
}
