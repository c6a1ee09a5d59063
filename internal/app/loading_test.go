package app

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"mime/multipart"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"weir/internal/payload"
	"weir/internal/record"
)

// desk is a reader with an uploader that runs when it is told to.
type desk struct {
	*reader
	dir string
	log bytes.Buffer
	w   *journalWriter
}

func newDesk(t *testing.T) *desk {
	t.Helper()
	d := &desk{dir: t.TempDir()}
	spool, err := payload.OpenSpool(filepath.Join(d.dir, "spool"))
	if err != nil {
		t.Fatal(err)
	}
	store, err := payload.OpenStore(t.Context(), payload.Config{}, filepath.Join(d.dir, "payload"))
	if err != nil {
		t.Fatal(err)
	}
	d.w = &journalWriter{t: t, spool: spool}
	d.reader = &reader{library: &payload.Library{Spool: spool, Store: store, Split: split}}
	d.restart(t)
	return d
}

// restart begins anew, as the store's process does.
func (d *desk) restart(t *testing.T) {
	t.Helper()
	log := slog.New(slog.NewTextHandler(&d.log, nil))
	uploads, err := payload.NewUploader(payload.Options{Spool: d.library.Spool, Store: d.library.Store, Split: split, Logger: log,
		Sealed: func() (uint64, uint64) { return 9, 9 }})
	if err != nil {
		t.Fatal(err)
	}
	d.reader = newReader(nil, d.library, uploads, log)
}

// upload brings away what there is, until the spool has let go of id.
func (d *desk) upload(t *testing.T, id record.ID) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() { d.uploads.Run(ctx); close(done) }()
	for until := time.Now().Add(20 * time.Second); d.uploads.Known(id) && time.Now().Before(until); {
		time.Sleep(5 * time.Millisecond)
	}
	cancel()
	<-done
	if d.uploads.Known(id) {
		t.Fatalf("it was not uploaded: %s", &d.log)
	}
}

// formOf gives a form of one field and one file.
func formOf(boundary string, file []byte) (contentType string, body []byte) {
	var b bytes.Buffer
	m := multipart.NewWriter(&b)
	if boundary != "" {
		m.SetBoundary(boundary)
	}
	m.WriteField("model", "whisper")
	p, _ := m.CreateFormFile("file", "a.wav")
	p.Write(file)
	m.Close()
	return m.FormDataContentType(), b.Bytes()
}

func typed(contentType string) []record.Header {
	return []record.Header{{Name: "Content-Type", Value: contentType}}
}

// TestUnreadableSide: when one side cannot be read, nothing is brought away, and
// nothing leaves the spool.
func TestUnreadableSide(t *testing.T) {
	d, id := newDesk(t), record.NewID(time.Now())
	d.w.file(id, record.AnswerSide, nil, noise(1, 10_000))
	sick := filepath.Join(d.dir, "spool", id.String()+".request") // a folder cannot be read
	if err := os.Mkdir(sick, 0o700); err != nil {
		t.Fatal(err)
	}
	x := &record.Exchange{ID: id, Begin: record.Begin{Spooled: true}}
	d.load(x)
	if d.uploads.Known(id) || d.library.Spool.Taken(id) || len(x.ResponseBody) != 10_000 {
		t.Errorf("it was brought away, or the other side not loaded: %s", &d.log)
	}
	// A form of which the answer cannot be read is not put into the spool.
	id = record.NewID(time.Now())
	if err := os.Mkdir(filepath.Join(d.dir, "spool", id.String()+".answer"), 0o700); err != nil {
		t.Fatal(err)
	}
	contentType, form := formOf("", noise(1, 5000))
	x = &record.Exchange{ID: id, Begin: record.Begin{Headers: typed(contentType)}, RequestBody: form}
	d.load(x)
	if d.library.Spool.Has(id, record.RequestSide) || x.Form != nil || !bytes.Equal(x.RequestBody, form) {
		t.Errorf("the form was staged: %s", &d.log)
	}
}

// TestReadAnew: after the store's files were lost an exchange is read again, and
// what is only in the payload store stays named there and in the row.
func TestReadAnew(t *testing.T) {
	contentType, form := formOf("", noise(2, 5000))
	answer := noise(3, 50_000)
	for _, ended := range []bool{true, false} {
		d, id := newDesk(t), record.NewID(time.Now())
		p := d.w.file(id, record.AnswerSide, answer[:5000], answer[5000:])
		exchange := func() *record.Exchange {
			x := &record.Exchange{ID: id, Begin: record.Begin{Headers: typed(contentType)}, RequestBody: form, ResponseBody: bytes.Clone(answer[:5000])}
			if ended {
				x.End = &record.End{Answer: &p}
			}
			return x
		}
		d.load(exchange())
		d.upload(t, id)
		d.restart(t)
		x := exchange()
		d.load(x)
		if !bytes.Equal(x.ResponseBody, answer) || x.Answer == nil || *x.Answer != p {
			t.Errorf("ended %v: %d bytes, %v", ended, len(x.ResponseBody), x.Answer)
		}
		d.upload(t, id)
		m, err := d.library.Manifest(t.Context(), id)
		if err != nil {
			t.Fatal(err)
		}
		if o, ok := m.Find(record.AnswerSide); !ok || o.SHA256 != p.SHA256 || len(m.Objects) != 3 {
			t.Errorf("ended %v: the payload store has %+v", ended, m.Objects)
		}
	}
}

// TestLongFormAnew: a form that is only in the payload store, and too long to be
// loaded, keeps the lengths and digests of its files.
func TestLongFormAnew(t *testing.T) {
	d, id, file := newDesk(t), record.NewID(time.Now()), noise(4, 65<<20)
	contentType, form := formOf("", file)
	d.w.file(id, record.RequestSide, nil, form)
	exchange := func() *record.Exchange {
		return &record.Exchange{ID: id, Begin: record.Begin{Spooled: true, Headers: typed(contentType)}}
	}
	check := func(x *record.Exchange) {
		t.Helper()
		if x.Form == nil || x.Form.Reason != "" || len(x.Form.Files) != 1 || x.Form.Files[0].SHA256 != digestOf(file) {
			t.Errorf("the form is %+v", x.Form)
		}
		if want := (record.Payload{Length: int64(len(form)), SHA256: digestOf(form)}); x.Request == nil || *x.Request != want {
			t.Errorf("the request is %v, want %v", x.Request, want)
		}
	}
	first := exchange()
	d.load(first)
	check(first)
	d.upload(t, id)
	d.restart(t)
	second := exchange()
	d.load(second)
	check(second)
}

// TestOddBoundary: a form whose type is no UTF-8 is uploaded as it is.
func TestOddBoundary(t *testing.T) {
	d, id := newDesk(t), record.NewID(time.Now())
	_, form := formOf("odd", noise(5, 5000))
	form = bytes.ReplaceAll(form, []byte("odd"), []byte("o\xff"))
	d.w.file(id, record.RequestSide, nil, form)
	d.load(&record.Exchange{ID: id, Begin: record.Begin{Spooled: true, Headers: typed("multipart/form-data; boundary=\"o\xff\"")}})
	d.upload(t, id)
	if m, err := d.library.Manifest(t.Context(), id); err != nil || len(m.Objects) != 1 {
		t.Errorf("%+v, %v", m, err)
	}
}

// TestKilledSocket: the messages of a socket whose gateway was killed are
// condensed when they are too many; what fails is not said to be.
func TestKilledSocket(t *testing.T) {
	d, id := newDesk(t), record.NewID(time.Now())
	f, err := d.library.Spool.Create(id, record.AnswerSide, 0, nil)
	if err != nil {
		t.Fatal(err)
	}
	message := []byte(strings.Repeat(" ", 1<<20))
	for range 65 {
		f.Write(message)
	}
	f.Close()
	x := &record.Exchange{ID: id, Begin: record.Begin{Operation: "realtime_connect"}}
	d.load(x)
	if !x.Condensed || x.Answer == nil || x.Answer.Length != 65<<20 {
		t.Errorf("condensed: %v, %v", x.Condensed, x.Answer)
	}
}

// TestTakenDigest: what the manifest knows is not hashed again.
func TestTakenDigest(t *testing.T) {
	d, id := newDesk(t), record.NewID(time.Now())
	d.w.file(id, record.RequestSide, nil, noise(6, 5000))
	exchange := func() *record.Exchange { return &record.Exchange{ID: id, Begin: record.Begin{Spooled: true}} }
	first := exchange()
	d.load(first)
	if err := os.WriteFile(filepath.Join(d.dir, "spool", id.String()+".request"), noise(7, 5000), 0o600); err != nil {
		t.Fatal(err)
	}
	again := exchange()
	d.load(again)
	if first.Request == nil || again.Request == nil || *again.Request != *first.Request {
		t.Errorf("%v, then %v", first.Request, again.Request)
	}
}

// TestWrongLength: a file that is not as long as the record says is told.
func TestWrongLength(t *testing.T) {
	d, id := newDesk(t), record.NewID(time.Now())
	p := d.w.file(id, record.AnswerSide, nil, noise(8, 5000))
	p.Length++
	d.load(&record.Exchange{ID: id, End: &record.End{Answer: &p}})
	if !strings.Contains(d.log.String(), "the record says 5001") {
		t.Errorf("the log has %s", &d.log)
	}
}

// TestStoreAwayAnew: a payload store that is away is asked once, and then left in
// peace for a while.
func TestStoreAwayAnew(t *testing.T) {
	d := newDesk(t)
	d.library.Store = payload.Away(errors.New("connection refused"))
	for range 3 {
		d.load(&record.Exchange{ID: record.NewID(time.Now()), ResponseBody: []byte("begun")})
	}
	if n := strings.Count(d.log.String(), "connection refused"); n != 1 {
		t.Errorf("it was told %d times: %s", n, &d.log)
	}
}
