package transcript

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"mime"
	"mime/multipart"
	"strconv"
	"strings"

	"weir/internal/record"
)

// A form and its files, as the record has them.
type (
	Form = record.Form
	File = record.File
)

// What bounds the memory that a form takes, far above what clients send: parts,
// bytes of a field, of all fields, and of what stands before a part's content.
const (
	maxParts       = 1000
	maxField       = 1 << 20
	maxFields      = 16 << 20
	maxPartHeaders = 64 << 10
)

// ReadForm reads a multipart/form-data body (RFC 7578) as a stream. It calls
// file for each part that has a filename, in their order; of that File length
// and digest are not yet known, what the reader of its content is not asked for
// is read over, and one that is torn just ends. file may be nil.
//
// A body that is torn or hostile gives what could be read of it, and the form's
// Reason. The error is file's, or body's own.
func ReadForm(contentType string, body io.Reader, file func(File, io.Reader) error) (Form, error) {
	src := &bodySource{r: body}
	f := formReader{file: file}
	_, params, err := mime.ParseMediaType(contentType)
	if boundary := params["boundary"]; err == nil && boundary != "" {
		err = f.readParts(src, multipart.NewReader(src, boundary))
	} else if err == nil {
		err = errors.New("its Content-Type names no boundary")
	}
	var failed *fileError
	switch {
	case errors.As(err, &failed):
		err = failed.error
	case src.err != nil:
		err = fmt.Errorf("read a form: %w", src.err)
	case err != nil:
		f.reason(err.Error())
		err = nil
	}
	return Form{JSON: f.json(), Files: f.files, Reason: strings.ToValidUTF8(f.why, "\uFFFD")}, err
}

// fileError marks an error as the file function's.
type fileError struct{ error }

// bodySource keeps apart what the body's reader says from what its bytes say,
// and stops a part's headers from growing.
type bodySource struct {
	r     io.Reader
	err   error
	bound bool
	left  int
}

var errHeaders = fmt.Errorf("the headers of a part have more than %d bytes", maxPartHeaders)

func (s *bodySource) Read(p []byte) (int, error) {
	if s.bound {
		if s.left <= 0 {
			return 0, errHeaders
		}
		p = p[:min(len(p), s.left)]
	}
	n, err := s.r.Read(p)
	s.left -= n
	if err != nil && err != io.EOF {
		s.err = err
	}
	return n, err
}

type formReader struct {
	file   func(File, io.Reader) error
	fields []formField
	at     map[string]int // of a field in fields, by its name
	files  []File
	bytes  int // of fields so far
	why    string
}

type formField struct {
	name   string
	array  bool
	values []string // raw
}

func (f *formReader) reason(why string) {
	if f.why == "" {
		f.why = why
	}
}

func (f *formReader) readParts(src *bodySource, r *multipart.Reader) error {
	for n := 0; ; n++ {
		src.bound, src.left = true, maxPartHeaders
		part, err := r.NextRawPart()
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
		if n == maxParts {
			return fmt.Errorf("it has more than %d parts", maxParts)
		}
		src.bound = false
		// What is not to be understood of the disposition leaves the name empty.
		_, params, _ := mime.ParseMediaType(part.Header.Get("Content-Disposition"))
		if filename, is := params["filename"]; is {
			err = f.readFile(File{
				Name: params["name"], Filename: filename, ContentType: part.Header.Get("Content-Type"), Index: len(f.files),
			}, &filePart{src: src, part: part, digest: sha256.New()})
		} else {
			err = f.readField(params["name"], part)
		}
		if err != nil {
			return err
		}
	}
}

func (f *formReader) readField(name string, part io.Reader) error {
	room := min(maxField, maxFields-f.bytes)
	text, err := io.ReadAll(io.LimitReader(part, int64(room)))
	f.bytes += len(text)
	f.add(name, string(appendString(nil, string(text))))
	if err == nil {
		var more int64
		if more, err = io.Copy(io.Discard, part); more > 0 {
			f.reason(fmt.Sprintf("a field has %d bytes more than are kept", more))
		}
	}
	return err
}

// filePart reads a file's content, and knows what there was of it.
type filePart struct {
	src    *bodySource
	part   io.Reader
	digest hash.Hash
	n      int64
	err    error // why it is torn
}

func (p *filePart) Read(b []byte) (int, error) {
	n, err := p.part.Read(b)
	p.digest.Write(b[:n])
	p.n += int64(n)
	if err != nil && err != io.EOF && p.src.err == nil {
		p.err, err = err, io.EOF
	}
	return n, err
}

func (f *formReader) readFile(file File, part *filePart) error {
	var failed error
	if f.file != nil {
		failed = f.file(file, part)
	}
	if failed == nil {
		_, failed = io.Copy(io.Discard, part)
	}
	file.Length, file.SHA256 = part.n, hex.EncodeToString(part.digest.Sum(nil))
	for _, s := range []*string{&file.Name, &file.Filename, &file.ContentType} {
		*s = strings.ToValidUTF8(*s, "\uFFFD")
	}
	f.files = append(f.files, file)
	b := appendString(appendName([]byte{'{'}, "filename"), file.Filename)
	b = appendString(appendName(b, "content_type"), file.ContentType)
	b = strconv.AppendInt(appendName(b, "length"), file.Length, 10)
	b = appendString(appendName(b, "sha256"), file.SHA256)
	b = strconv.AppendInt(appendName(b, "index"), int64(file.Index), 10)
	f.add(file.Name, string(append(b, '}')))
	if failed != nil {
		return &fileError{failed}
	}
	return part.err
}

func (f *formReader) add(name, raw string) {
	name, array := strings.CutSuffix(strings.ToValidUTF8(name, "\uFFFD"), "[]")
	i, found := f.at[name]
	if !found {
		if f.at == nil {
			f.at = map[string]int{}
		}
		i = len(f.fields)
		f.at[name] = i
		f.fields = append(f.fields, formField{name: name})
	}
	field := &f.fields[i]
	field.array = field.array || array || len(field.values) > 0
	field.values = append(field.values, raw)
}

func (f *formReader) json() string {
	b := []byte{'{'}
	for _, field := range f.fields {
		b = appendName(b, field.name)
		if !field.array {
			b = append(b, field.values[0]...)
			continue
		}
		b = append(b, '[')
		for _, raw := range field.values {
			b = appendElement(b, raw)
		}
		b = append(b, ']')
	}
	return string(append(b, '}'))
}

// fileArray gives the files of a form as a JSON array; "" for none.
func fileArray(files []File) string {
	if len(files) == 0 {
		return ""
	}
	b := []byte{'['}
	for _, f := range files {
		b = appendString(appendName(appendElement(b, "{"), "field"), f.Name)
		b = appendString(appendName(b, "filename"), f.Filename)
		b = appendString(appendName(b, "contentType"), f.ContentType)
		b = strconv.AppendInt(appendName(b, "length"), f.Length, 10)
		b = appendString(appendName(b, "sha256"), f.SHA256)
		b = strconv.AppendInt(appendName(b, "index"), int64(f.Index), 10)
		b = append(b, '}')
	}
	return string(append(b, ']'))
}
