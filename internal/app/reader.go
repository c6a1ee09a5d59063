package app

import (
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"io/fs"
	"log/slog"
	"mime"
	"strings"
	"time"
	"unicode/utf8"

	"weir/internal/catalog"
	"weir/internal/payload"
	"weir/internal/record"
	"weir/internal/tokens"
	"weir/internal/transcript"
)

// reader reads exchanges into rows. What an exchange has in the spool it
// completes, has brought to the payload store, and loads as far as text is read
// out of it. It is for one goroutine.
type reader struct {
	labels   map[string]string
	dialects map[string]string // the catalog knows which dialect an operation has
	counter  *tokens.Counter
	library  *payload.Library
	uploads  *payload.Uploader // nil: nothing is written, for readers of a folder
	log      *slog.Logger
	retry    time.Time // when the payload store was away: not before
}

// awayWait is how long a row waits for a body that is only in the payload store,
// as after the store's files were lost and are read anew from the journal. A
// payload store that is away is not asked again for awayPause.
const (
	awayWait  = 10 * time.Second
	awayPause = time.Minute
)

func newReader(labels map[string]string, library *payload.Library, uploads *payload.Uploader, log *slog.Logger) *reader {
	r := &reader{labels: labels, dialects: map[string]string{}, counter: tokens.New(), library: library, uploads: uploads, log: log.With("component", "reader")}
	for _, op := range catalog.Operations() {
		r.dialects[op.ID] = op.Dialect
	}
	return r
}

// read makes the row of an exchange.
func (r *reader) read(x *record.Exchange) *record.Row {
	r.load(x)
	return transcript.Read(x, r.dialects[x.Begin.Operation], r.counter.Count, r.labels)
}

// load brings what x has in the spool into x, and on its way.
func (r *reader) load(x *record.Exchange) {
	l := &loading{reader: r, x: x}
	if m, err := r.library.Spool.Manifest(x.ID); err == nil {
		l.taken = m
	}
	l.take = r.uploads != nil && !r.uploads.Known(x.ID)
	head := x.ResponseBody
	answer, spooled := l.answer()
	objects := l.request() // last: what it stages is not there for nothing
	if spooled {
		objects = append(objects, answer)
	} else {
		head = nil
	}
	switch {
	case !l.take:
	case l.failed:
		r.log.Error("nothing of an exchange is brought to the payload store, since not all of it can be read; its bodies stay in the spool", "exchange", x.ID.String())
	case len(objects) > 0:
		m := &payload.Manifest{ID: x.ID.String(), Epoch: x.Epoch, Seq: x.Seq, Objects: objects}
		if l.stored != nil {
			m.Merge(l.stored)
		}
		r.uploads.Add(x.ID, m, head)
	}
}

// loading is an exchange while it is loaded.
type loading struct {
	*reader
	x      *record.Exchange
	take   bool              // what it has is given to the uploader
	taken  *payload.Manifest // the spool's, which knows lengths and digests, or nil
	stored *payload.Manifest // the payload store's, when it was asked for a side, or nil
	asked  bool              // for stored
	failed bool              // a side is in the spool, and cannot be read
}

// request loads a spooled request, and reads a form. It gives what of it is to
// be uploaded.
func (l *loading) request() []payload.Object {
	x := l.x
	var told *record.Payload
	if x.End != nil {
		told = x.End.Request
	}
	contentType := header(x.Begin.Headers, "Content-Type")
	o := payload.Object{Name: record.RequestSide, Type: strings.ToValidUTF8(contentType, "\uFFFD")}
	spooled := x.Begin.Spooled || told != nil
	whole := spooled && l.side(&o, told)
	if !isForm(contentType) {
		if !whole || !l.digest(&o, nil) {
			return nil
		}
		return []payload.Object{o}
	}
	raw := x.RequestBody
	files, read := l.form(&o, spooled, whole)
	whole = whole && read
	if !spooled && (len(files) > 0 || x.Form.Reason != "") {
		whole = l.stage(&o, raw)
	}
	if !whole {
		return nil
	}
	return append([]payload.Object{o}, files...)
}

// killedAge is how long ago a gateway was killed whose answers may be only in the
// payload store: those of a younger one are still in the spool, and a crash with
// much in flight does not wait for a question about each.
const killedAge = time.Minute

// answer loads a spooled answer, if it is one.
func (l *loading) answer() (o payload.Object, spooled bool) {
	x, head := l.x, l.x.ResponseBody
	o.Name = record.AnswerSide
	if x.End != nil {
		o.Type = strings.ToValidUTF8(header(x.End.BackendResponseHeaders, "Content-Type"), "\uFFFD")
		o.Coding = strings.ToValidUTF8(header(x.End.BackendResponseHeaders, "Content-Encoding"), "\uFFFD")
		return o, x.End.Answer != nil && l.side(&o, x.End.Answer) && l.digest(&o, head)
	}
	if l.library.Spool.Has(x.ID, record.AnswerSide) {
		return o, l.side(&o, nil) && l.digest(&o, head)
	}
	// No end says whether the answer was large, and the frames need not have any of
	// it. When the exchange is read anew, only the payload store knows.
	if time.Since(x.LastFrame) > killedAge {
		if m, err := l.index(); err == nil {
			if _, ok := m.Find(record.AnswerSide); ok {
				l.fetch(record.AnswerSide, &x.ResponseBody, &x.Answer)
			}
		}
	}
	return o, false
}

// side loads a spooled body into x, whose head stands in the frames. told is what
// the end says of the body; o gets its length and digest where they are known.
// The result is whether the spool has it.
func (l *loading) side(o *payload.Object, told *record.Payload) bool {
	x, spool := l.x, l.library.Spool
	body, found := l.of(o.Name)
	head := *body
	loaded, tail, err := spool.Load(x.ID, o.Name, head)
	condensed := err == nil && len(tail) > 0 && o.Name == record.AnswerSide && l.socket()
	if condensed {
		loaded, err = l.condense(head)
	}
	if errors.Is(err, fs.ErrNotExist) {
		l.fetch(o.Name, body, found)
		return false
	}
	if err != nil {
		l.fail(o.Name, err)
		return false
	}
	*body = loaded
	if o.Name == record.AnswerSide {
		x.ResponseTail, x.Condensed = tail, condensed
	}
	if told != nil && told.SHA256 != "" {
		o.Length, o.SHA256 = told.Length, told.SHA256
	}
	if l.taken == nil {
		if err := spool.Doubt(x.ID, o.Name, int64(len(head)), told); err != nil {
			l.log.Error("a body in the spool is not what the record says", "exchange", x.ID.String(), "side", o.Name, "error", err)
		}
	} else if k, ok := l.taken.Find(o.Name); ok && o.SHA256 == "" {
		o.Length, o.SHA256 = k.Length, k.SHA256
		*found = &record.Payload{Length: k.Length, SHA256: k.SHA256}
	}
	return true
}

// of gives where x has a side, and what was found of it.
func (l *loading) of(side string) (body *[]byte, found **record.Payload) {
	if side == record.AnswerSide {
		return &l.x.ResponseBody, &l.x.Answer
	}
	return &l.x.RequestBody, &l.x.Request
}

// digest reads a body of the spool to its end where nothing knows its digest.
func (l *loading) digest(o *payload.Object, head []byte) bool {
	if o.SHA256 != "" {
		return true
	}
	sum, err := l.library.Spool.Digest(l.x.ID, o.Name, head)
	if err != nil {
		l.fail(o.Name, err)
		return false
	}
	_, found := l.of(o.Name)
	o.Length, o.SHA256, *found = sum.Length, sum.SHA256, &sum
	return true
}

func (l *loading) fail(side string, err error) {
	l.failed = true
	l.log.Error("a body in the spool cannot be read; its record goes without it", "exchange", l.x.ID.String(), "side", side, "error", err)
}

// socket says whether the answer is a WebSocket's messages. When the gateway was
// killed no end tells it, but the operation does.
func (l *loading) socket() bool {
	if l.x.End == nil {
		return l.dialects[l.x.Begin.Operation] == "realtime"
	}
	return l.x.End.Socket
}

// condense loads, of a socket's messages that are too many, those that its row is
// made of.
func (l *loading) condense(head []byte) ([]byte, error) {
	f, err := l.library.Spool.Open(l.x.ID, record.AnswerSide)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	if _, err := f.Seek(int64(len(head)), io.SeekStart); err != nil {
		return nil, err
	}
	return transcript.Condense(io.MultiReader(bytes.NewReader(head), f))
}

// errPaused is the answer of a payload store that is not asked again yet.
var errPaused = errors.New("the payload store was away just now")

// index asks once for the manifest of an exchange that is not whole in the spool.
func (l *loading) index() (*payload.Manifest, error) {
	switch {
	case l.stored != nil:
		return l.stored, nil
	case time.Now().Before(l.retry):
		return nil, errPaused
	case l.asked:
		return nil, fs.ErrNotExist
	}
	l.asked = true
	ctx, cancel := context.WithTimeout(context.Background(), awayWait)
	defer cancel()
	m, err := l.library.Manifest(ctx, l.x.ID)
	if err == nil {
		l.stored = m
	} else if !errors.Is(err, fs.ErrNotExist) {
		l.away(err)
	}
	return m, err
}

func (l *loading) away(err error) {
	l.retry = time.Now().Add(awayPause)
	l.log.Warn("the payload store cannot be read; records go without what is only there", "exchange", l.x.ID.String(), "error", err)
}

// fetch loads a body that the spool has no more from the payload store.
func (l *loading) fetch(name string, body *[]byte, found **record.Payload) {
	m, err := l.index()
	if err == nil {
		if _, ok := m.Find(name); !ok {
			err = fs.ErrNotExist
		}
	}
	if errors.Is(err, fs.ErrNotExist) {
		l.log.Warn("a body is neither in the spool nor in the payload store; its record goes without it", "exchange", l.x.ID.String(), "side", name)
		return
	}
	if err != nil {
		return // it was told
	}
	ctx, cancel := context.WithTimeout(context.Background(), awayWait)
	defer cancel()
	c, err := l.library.Open(ctx, l.x.ID, name)
	if err == nil {
		defer c.Close()
		var loaded []byte
		if loaded, err = c.Load(); err == nil {
			*body, *found = loaded, &record.Payload{Length: c.Length, SHA256: c.SHA256}
			return
		}
	}
	l.away(err)
}

// form reads a multipart request, and gives its files as they are kept. What the
// row has of it then is the form. whole says that the spool has it; then o gets
// its length and digest, if it has none, on the same way. The result is whether
// it could be read to its end.
func (l *loading) form(o *payload.Object, spooled, whole bool) ([]payload.Object, bool) {
	x := l.x
	body, done, err := l.formBody(spooled, whole)
	if err != nil {
		l.fail(o.Name, err)
		body = bytes.NewReader(x.RequestBody) // which has the fields, most likely
	}
	defer done()
	sum := &summing{Hash: sha256.New()}
	hashed := whole && err == nil && o.SHA256 == ""
	if hashed {
		body = io.TeeReader(body, sum)
	}
	form, readErr := transcript.ReadForm(header(x.Begin.Headers, "Content-Type"), body, nil)
	if hashed && readErr == nil {
		_, readErr = io.Copy(io.Discard, body)
	}
	if readErr != nil {
		l.log.Error("a multipart request cannot be read to its end", "exchange", x.ID.String(), "error", readErr)
		form.Reason = cmp.Or(form.Reason, "it could not be read to its end")
		l.failed = l.failed || whole
	}
	if form.Reason != "" && l.stored != nil {
		correct(&form, l.stored)
	}
	x.Form, x.RequestBody = &form, []byte(form.JSON)
	if err = cmp.Or(err, readErr); err != nil {
		return nil, false
	}
	if hashed {
		o.Length, o.SHA256 = sum.n, hex.EncodeToString(sum.Sum(nil))
		x.Request = &record.Payload{Length: o.Length, SHA256: o.SHA256}
	}
	var files []payload.Object
	for _, f := range form.Files {
		files = append(files, payload.Object{Name: payload.FileName(f.Index), Length: f.Length, SHA256: f.SHA256, Type: f.ContentType, File: f.Filename})
	}
	return files, true
}

// summing is a digest that counts.
type summing struct {
	hash.Hash
	n int64
}

func (s *summing) Write(p []byte) (int, error) {
	s.n += int64(len(p))
	return s.Hash.Write(p)
}

// formWait is how long a form may take that is read from the payload store, as
// after the store's files were lost: its files' content is read over.
const formWait = 10 * time.Minute

// formBody opens a form: in the spool, in the payload store where only its
// beginning could be loaded, or as it was loaded or stands in the frame.
func (l *loading) formBody(spooled, whole bool) (io.Reader, func(), error) {
	x := l.x
	if whole {
		f, err := l.library.Spool.Open(x.ID, record.RequestSide)
		if err != nil {
			return nil, func() {}, err
		}
		return f, func() { f.Close() }, nil
	}
	if spooled && x.Request != nil && x.Request.Length > int64(len(x.RequestBody)) {
		ctx, cancel := context.WithTimeout(context.Background(), formWait)
		c, err := l.library.Open(ctx, x.ID, record.RequestSide)
		if err == nil {
			return c, func() { c.Close(); cancel() }, nil
		}
		cancel()
		l.away(err)
	}
	return bytes.NewReader(x.RequestBody), func() {}, nil
}

// correct gives the files of a form that could not be read to its end the lengths
// and digests that they were stored with.
func correct(form *record.Form, stored *payload.Manifest) {
	text := func(f record.File) string { return fmt.Sprintf(`"length":%d,"sha256":%q`, f.Length, f.SHA256) }
	for i, f := range form.Files {
		o, ok := stored.Find(payload.FileName(f.Index))
		if !ok {
			continue
		}
		was := text(f)
		f.Length, f.SHA256 = o.Length, o.SHA256
		form.Files[i] = f
		form.JSON = strings.Replace(form.JSON, was, text(f), 1)
	}
}

// stage puts a multipart request that is whole in the frame into the spool, so
// that it and its files go to the payload store on the same way as large ones.
// When the spool does not take it, or the exchange is not to be brought away, the
// row keeps it as it came.
func (l *loading) stage(o *payload.Object, raw []byte) bool {
	x := l.x
	if l.failed {
		x.Form, x.RequestBody = nil, raw
		return false
	}
	if l.take {
		if err := l.library.Spool.Stage(x.ID, record.RequestSide, raw); err != nil {
			l.log.Error("the files of a request cannot be kept apart; its row has them", "exchange", x.ID.String(), "error", err)
			x.Form, x.RequestBody = nil, raw
			return false
		}
	}
	o.Length, o.SHA256, _ = payload.Sum(bytes.NewReader(raw))
	x.Request = &record.Payload{Length: o.Length, SHA256: o.SHA256}
	if x.End != nil {
		end := *x.End
		end.Request, x.End = x.Request, &end
	}
	return true
}

// isForm says whether a body is read as a form. One whose type is no UTF-8 is not:
// a manifest cannot have it, and without it no file is found again.
func isForm(contentType string) bool {
	t, _, err := mime.ParseMediaType(contentType)
	return err == nil && utf8.ValidString(contentType) && t == "multipart/form-data"
}

// split finds a multipart request's files again, for their upload.
func split(contentType string, body io.Reader, file func(i int, content io.Reader) error) error {
	_, err := transcript.ReadForm(contentType, body, func(f record.File, content io.Reader) error { return file(f.Index, content) })
	return err
}

func header(headers []record.Header, name string) string {
	for _, h := range headers {
		if strings.EqualFold(h.Name, name) {
			return h.Value
		}
	}
	return ""
}
