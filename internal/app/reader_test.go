package app

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"mime/multipart"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"weir/internal/api"
	"weir/internal/journal"
	"weir/internal/payload"
	"weir/internal/record"
)

// recorded is an exchange on a journal, and what its sides must be.
type recorded struct {
	id   record.ID
	want map[string][]byte // by path behind the id
}

// large is a data folder as a gateway leaves it that was killed: exchanges with
// bodies inline and in the spool, a form, and one that was interrupted.
type large struct {
	cfg                               *Config
	inline, both, form, killed, plain recorded
}

func noise(seed byte, n int) []byte {
	b := make([]byte, n)
	rand.NewChaCha8([32]byte{seed}).Read(b)
	return b
}

func digestOf(b []byte) string {
	h := sha256.Sum256(b)
	return hex.EncodeToString(h[:])
}

func newLarge(t *testing.T, more string) *large {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l.Close()
	text := fmt.Sprintf("data: %q\napi: {listen: %q}\n%s", t.TempDir(), l.Addr(), more) + `
backends: [{name: east, kind: openai, url: "http://127.0.0.1:1/v1", key: k}]
deployments: [{name: gpt-4o, backends: [{backend: east}]}]
subscriptions: [{name: a, keys: ["sha256:` + strings.Repeat("0", 64) + `"]}]
`
	cfg, err := parseConfig(filepath.Join(t.TempDir(), "weir.yaml"), []byte(text), func(s string) (string, error) { return s, nil })
	if err != nil {
		t.Fatal(err)
	}
	j, err := journal.Open(journal.Options{Dir: cfg.journalDir(), Gateway: "gw"})
	if err != nil {
		t.Fatal(err)
	}
	spool, err := payload.OpenSpool(cfg.spoolDir())
	if err != nil {
		t.Fatal(err)
	}
	w := &journalWriter{t, j, spool, "gw"}
	x := &large{cfg: cfg}
	x.inline = w.exchange("application/json", []byte(`{"a":1}`), "application/json", []byte(`{"b":2}`), false, 0, true)
	x.both = w.exchange("application/octet-stream", noise(1, 3<<20), "video/mp4", noise(2, 3<<20), true, 1<<20+5, true)
	x.killed = w.exchange("application/octet-stream", noise(3, 2<<20), "audio/wav", noise(4, 2<<20), true, 1<<20, false)
	var form bytes.Buffer
	m := multipart.NewWriter(&form)
	m.WriteField("model", "whisper")
	p, _ := m.CreateFormFile("file", "meeting ü.wav")
	p.Write(noise(5, 70_000))
	m.Close()
	x.form = w.exchange(m.FormDataContentType(), form.Bytes(), "application/json", []byte(`{"text":"hello"}`), false, 0, true)
	x.form.want["files/0"] = noise(5, 70_000)
	x.plain = w.exchange("", nil, "text/event-stream", []byte("data: {\"x\":1}\n\ndata: [DONE]\n\n"), false, 0, true)
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	return x
}

type journalWriter struct {
	t       *testing.T
	j       *journal.Journal
	spool   *payload.Spool
	gateway string // in the records
}

// exchange writes one, its bodies to the spool where it is told to: of the answer
// what stands behind head.
func (w *journalWriter) exchange(requestType string, request []byte, answerType string, answer []byte, spool bool, head int, ended bool) recorded {
	now := time.Now()
	x := recorded{record.NewID(now), map[string][]byte{"request": request, "answer": answer}}
	begin := record.Begin{Time: now, Gateway: w.gateway, Operation: "chatcompletions_create", Spooled: spool, RequestSize: int64(len(request))}
	if requestType != "" {
		begin.Headers = []record.Header{{Name: "content-type", Value: requestType}}
	}
	end := record.End{Time: now, Outcome: record.Completed, Status: 200, BackendStatus: 200, ResponseBytes: int64(len(answer)),
		BackendResponseHeaders: []record.Header{{Name: "Content-Type", Value: answerType}}, ResponseHeaders: []record.Header{{Name: "Content-Type", Value: answerType}}}
	frames := []journal.Frame{{Kind: journal.Begin, ID: x.id, Blocks: []journal.Block{{Data: request}}}}
	rest := answer
	if spool {
		frames[0].Blocks = nil
		r, a := w.file(x.id, record.RequestSide, nil, request), w.file(x.id, record.AnswerSide, answer[:head], answer[head:])
		end.Request, end.Answer = &r, &a
		frames = append(frames, journal.Frame{Kind: journal.Part, ID: x.id, Blocks: []journal.Block{{Data: answer[:head]}}})
		rest = nil
	}
	frames[0].Meta = begin.Append(nil)
	if ended {
		frames = append(frames, journal.Frame{Kind: journal.End, ID: x.id, Meta: end.Append(nil), Blocks: []journal.Block{{Data: rest}}})
		delivered := record.Delivered{Time: now, ResponseSize: int64(len(answer))}
		frames = append(frames, journal.Frame{Kind: journal.Delivered, ID: x.id, Meta: delivered.Append(nil)})
	}
	for i := range frames {
		if _, err := w.j.Commit(&frames[i]); err != nil {
			w.t.Fatal(err)
		}
	}
	return x
}

func (w *journalWriter) file(id record.ID, side string, head, body []byte) record.Payload {
	h := sha256.New()
	h.Write(head)
	f, err := w.spool.Create(id, side, int64(len(head)), h)
	if err != nil {
		w.t.Fatal(err)
	}
	if _, err := f.Write(body); err != nil {
		w.t.Fatal(err)
	}
	if err := f.Sync(); err != nil {
		w.t.Fatal(err)
	}
	f.Close()
	return f.Payload()
}

// store runs the store's process until the returned func is called.
func (x *large) store(t *testing.T) func() {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- runStore(ctx, x.cfg, slog.New(slog.DiscardHandler)) }()
	stop := func() {
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	}
	for until := time.Now().Add(30 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		resp, err := http.Get("http://" + x.cfg.API.Listen + "/v1/status")
		if err == nil {
			var s api.State
			err = json.NewDecoder(resp.Body).Decode(&s)
			resp.Body.Close()
			if err == nil && s.CaughtUp {
				return stop
			}
		}
		if time.Now().After(until) {
			stop()
			t.Fatalf("the store did not catch up: %v", err)
		}
	}
}

func (x *large) get(t *testing.T, method, path string, header ...string) (*http.Response, []byte) {
	t.Helper()
	req, _ := http.NewRequest(method, "http://"+x.cfg.API.Listen+"/v1/exchanges/"+path, nil)
	for i := 0; i < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp, body
}

// bodies asks for every body of the spooled ones.
func (x *large) bodies(t *testing.T) {
	t.Helper()
	for _, e := range []recorded{x.both, x.killed, x.form, x.inline} {
		for name, want := range e.want {
			resp, got := x.get(t, "GET", e.id.String()+"/"+name)
			if resp.StatusCode != 200 || !bytes.Equal(got, want) {
				t.Errorf("%s: status %d, %d bytes, want %d", name, resp.StatusCode, len(got), len(want))
				continue
			}
			sum := sha256.Sum256(want)
			if d := resp.Header.Get("Repr-Digest"); d != "sha-256=:"+base64.StdEncoding.EncodeToString(sum[:])+":" {
				t.Errorf("%s: Repr-Digest %q", name, d)
			}
			if resp.ContentLength != int64(len(want)) || resp.Header.Get("Content-Security-Policy") == "" {
				t.Errorf("%s: %v", name, resp.Header)
			}
		}
	}
}

// TestLargeBodies brings spooled bodies to the payload store and fetches them
// through the API, before and after restarts.
func TestLargeBodies(t *testing.T) {
	x := newLarge(t, "")
	stop := x.store(t)
	x.bodies(t)
	both := x.both.id.String()
	if resp, got := x.get(t, "GET", both+"/answer", "Range", "bytes=1048570-1048589"); resp.StatusCode != 206 || !bytes.Equal(got, x.both.want["answer"][1048570:1048590]) {
		t.Errorf("a range: status %d, %d bytes", resp.StatusCode, len(got))
	}
	if resp, got := x.get(t, "HEAD", both+"/request"); resp.StatusCode != 200 || len(got) != 0 || resp.ContentLength != 3<<20 || resp.Header.Get("Content-Type") != "application/octet-stream" {
		t.Errorf("HEAD: status %d, %v", resp.StatusCode, resp.Header)
	}
	resp, _ := x.get(t, "GET", x.form.id.String()+"/files/0")
	if d := resp.Header.Get("Content-Disposition"); d != "attachment; filename*=utf-8''meeting%20%C3%BC.wav" {
		t.Errorf("Content-Disposition %q", d)
	}
	for path, status := range map[string]int{
		record.NewID(time.Now()).String() + "/answer": 404, x.inline.id.String() + "/files/0": 404, x.form.id.String() + "/files/1": 404,
		"nonsense/answer": 400, both + "/files/x": 400, both + "/nonsense": 404,
	} {
		if resp, body := x.get(t, "GET", path); resp.StatusCode != status || !bytes.Contains(body, []byte(`"@message"`)) {
			t.Errorf("%s: status %d, %s", path, resp.StatusCode, body)
		}
	}
	manifests := func() int {
		files, _ := filepath.Glob(filepath.Join(x.cfg.payloadDir(), "*", "*", "*", "*", "manifest.json"))
		return len(files)
	}
	for until := time.Now().Add(20 * time.Second); manifests() < 3; time.Sleep(20 * time.Millisecond) {
		if time.Now().After(until) {
			t.Fatalf("only %d exchanges were uploaded", manifests())
		}
	}
	x.bodies(t)
	stop()

	// Once more, and without the spool: the rows are read from the journal again.
	stop = x.store(t)
	x.bodies(t)
	stop()
	folder, done, err := OpenFolder(t.Context(), x.cfg.Data)
	if err != nil {
		t.Fatal(err)
	}
	defer done()
	rows, err := folder.Query(t.Context(), `WeirExchanges | where isnotempty(RequestPayload) | sort by TimeGenerated asc
		| project Outcome, tostring(RequestPayload.sha256), tolong(ResponsePayload.length), tostring(Files[0].sha256), RequestBody`)
	if err != nil {
		t.Fatal(err)
	}
	want := [][]any{
		{"completed", digestOf(x.both.want["request"]), int64(3 << 20), "", nil},
		{"interrupted", digestOf(x.killed.want["request"]), int64(2 << 20), "", nil},
		{"completed", digestOf(x.form.want["request"]), nil, digestOf(x.form.want["files/0"]), nil},
	}
	for i, row := range rows.Rows {
		if body := row[4].(string); !strings.Contains(body, `"payload":{"id":`) {
			t.Errorf("row %d has the body %.100s", i, body)
		}
		row[4] = nil
	}
	if !reflect.DeepEqual(rows.Rows, want) {
		t.Errorf("the rows are %v, want %v", rows.Rows, want)
	}
	p, err := folder.Payload(t.Context(), both, "answer")
	if err != nil {
		t.Fatal(err)
	}
	var got bytes.Buffer
	if _, err := p.WriteTo(&got); err != nil || !bytes.Equal(got.Bytes(), x.both.want["answer"]) {
		t.Errorf("%d bytes, %v", got.Len(), err)
	}
	p.Close()
	if manifests() != 3 {
		t.Errorf("%d exchanges are in the payload store, want 3", manifests())
	}
}

// TestReaderLoads: what the reader brings into an exchange, with a journal only,
// with the payload store only, and with neither.
func TestReaderLoads(t *testing.T) {
	x := newLarge(t, "")
	library, err := openLibrary(t.Context(), x.cfg)
	if err != nil {
		t.Fatal(err)
	}
	uploads, err := payload.NewUploader(payload.Options{Spool: library.Spool, Store: library.Store, Split: split, Sealed: func() (uint64, uint64) { return 9, 9 }})
	if err != nil {
		t.Fatal(err)
	}
	answer := x.killed.want["answer"]
	check := func(r *reader, whole bool) {
		t.Helper()
		e := &record.Exchange{ID: x.killed.id, Begin: record.Begin{Spooled: true}, ResponseBody: bytes.Clone(answer[:1<<20])}
		r.load(e)
		if !whole {
			if len(e.ResponseBody) != 1<<20 || e.Answer != nil {
				t.Errorf("%d bytes of the answer, %v", len(e.ResponseBody), e.Answer)
			}
			return
		}
		if !bytes.Equal(e.RequestBody, x.killed.want["request"]) || !bytes.Equal(e.ResponseBody, answer) {
			t.Errorf("%d and %d bytes were loaded", len(e.RequestBody), len(e.ResponseBody))
		}
		if want := (record.Payload{Length: 2 << 20, SHA256: digestOf(answer)}); e.Answer == nil || *e.Answer != want {
			t.Errorf("the answer is %v, want %v", e.Answer, want)
		}
		if want := (record.Payload{Length: 2 << 20, SHA256: digestOf(x.killed.want["request"])}); e.Request == nil || *e.Request != want {
			t.Errorf("the request is %v, want %v", e.Request, want)
		}
	}
	log := slog.New(slog.DiscardHandler)
	check(newReader(nil, library, nil, log), true)
	if library.Spool.Taken(x.killed.id) {
		t.Error("a reader that writes nothing wrote a manifest")
	}
	check(newReader(nil, library, uploads, log), true)
	check(newReader(nil, library, uploads, log), true)
	ctx, cancel := context.WithCancel(t.Context())
	go uploads.Run(ctx)
	for until := time.Now().Add(20 * time.Second); uploads.Known(x.killed.id); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(until) {
			t.Fatal("it was not uploaded")
		}
	}
	cancel()
	// An older exchange is read again, as after the store's files were lost. Its
	// answer now is only in the payload store.
	e := &record.Exchange{ID: x.killed.id, Begin: record.Begin{Spooled: true}, End: &record.End{Answer: &record.Payload{}}, ResponseBody: answer[:1<<20]}
	newReader(nil, library, uploads, log).load(e)
	if !bytes.Equal(e.RequestBody, x.killed.want["request"]) || !bytes.Equal(e.ResponseBody, answer) {
		t.Errorf("%d and %d bytes were loaded from the payload store", len(e.RequestBody), len(e.ResponseBody))
	}
	if err := os.RemoveAll(x.cfg.payloadDir()); err != nil {
		t.Fatal(err)
	}
	check(newReader(nil, library, uploads, log), false)
}
