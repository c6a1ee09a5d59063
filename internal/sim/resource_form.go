package sim

import (
	"bytes"
	"io"
	"mime"
	"mime/multipart"
	"slices"
	"strings"
)

// storedForm is a multipart body whose one file was stored as it came.
type storedForm struct {
	texts    map[string]string
	filename string
	blob     *blob // nil when there was no file
}

// watchedBody remembers how reading a body failed, which tells a caller that went
// from a form that is wrong.
type watchedBody struct {
	io.ReadCloser
	failed error
	// tail is the last that was read, by which a form that ends within a
	// part's header is told from a whole one: to mime/multipart both end well.
	tail []byte
}

// formSlack is how much of a form may be something else than its file.
const formSlack = 64 << 10

const tailBytes = 8 << 10

func (b *watchedBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	if b.tail = append(b.tail, p[max(0, n-tailBytes):n]...); len(b.tail) > 4*tailBytes {
		b.tail = append(b.tail[:0], b.tail[len(b.tail)-tailBytes:]...)
	}
	if err != nil && err != io.EOF {
		b.failed = err
	}
	return n, err
}

// storeForm reads a form with the file of that name and some texts. The file may
// have any size: it goes into a blob piece by piece.
func (c *call) storeForm(file string, texts ...string) (*storedForm, error) {
	body := &watchedBody{ReadCloser: c.r.Body}
	c.r.Body = body
	f := &storedForm{texts: map[string]string{}}
	err := c.readStoredForm(f, file, texts)
	_, params, _ := mime.ParseMediaType(c.r.Header.Get("Content-Type"))
	if err == nil && !bytes.Contains(body.tail, []byte("--"+params["boundary"]+"--")) {
		err = errTornForm()
	}
	if err == nil {
		err = c.injected()
	}
	if err == nil {
		return f, nil
	}
	f.blob.release()
	if body.failed != nil && c.r.Context().Err() != nil {
		return nil, body.failed
	}
	// A caller who still writes would otherwise find its connection gone
	// before it reads the answer. What fails here fails again when that is
	// written.
	_, _ = io.CopyN(io.Discard, body, maxRequest)
	return nil, err
}

func (c *call) readStoredForm(f *storedForm, file string, texts []string) error {
	parts, err := c.r.MultipartReader()
	if err != nil {
		return errForm("The body must be multipart/form-data with a boundary in its Content-Type.")
	}
	for n := 0; ; n++ {
		part, err := parts.NextRawPart()
		switch {
		case err == io.EOF: // not errors.Is: a truncated form wraps it
			return nil
		case err != nil:
			return errTornForm()
		case n == maxFormParts:
			return errForm("There are too many parts in the form.")
		case part.FormName() == file:
			err = c.storePart(f, part)
		case part.FormName() == formControls || slices.Contains(texts, part.FormName()):
			err = c.readText(f, part)
		case part.FormName() == "":
			return errForm("A part of the form has no name.")
		default:
			return errUnknownArgument(c.surface, strings.ToValidUTF8(part.FormName(), "?"))
		}
		if err != nil {
			return err
		}
	}
}

func errTornForm() *apiError {
	return errForm("The body is no whole multipart/form-data: it breaks off before its last boundary, or a part of it cannot be read.")
}

// storePart stores the file.
func (c *call) storePart(f *storedForm, part *multipart.Part) error {
	name := part.FormName()
	switch {
	case f.blob != nil:
		return errInvalid(name, "too_many_files", "Invalid '%s': more than one file.", name)
	case part.FileName() == "":
		return errInvalid(name, "invalid_type", "Invalid type for '%s': expected a file with a file name, but got a text.", name)
	}
	w := newBlobWriter(&c.sim.store.space, c.r.ContentLength-formSlack)
	_, err := io.CopyBuffer(w, part, make([]byte, chunkSize))
	f.filename, f.blob = part.FileName(), w.done()
	if err != nil {
		return errTornForm()
	}
	return nil
}

// readText reads a part that is a text, or the simulator's controls.
func (c *call) readText(f *storedForm, part *multipart.Part) error {
	text, err := io.ReadAll(io.LimitReader(part, maxFormText))
	if err != nil {
		return errTornForm()
	}
	if part.FormName() == formControls {
		if err := c.controls.setAll(string(text)); err != nil {
			return errControl(err)
		}
		return nil
	}
	f.texts[part.FormName()] = string(text)
	return nil
}
