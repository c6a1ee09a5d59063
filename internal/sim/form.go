package sim

import (
	"encoding/json"
	"errors"
	"io"
	"mime/multipart"
	"slices"
	"strconv"
	"strings"
)

// formUse is what an operation's body may be.
type formUse uint8

const (
	noForm   formUse = iota // JSON
	mayForm                 // JSON or multipart/form-data
	mustForm                // multipart/form-data
)

// filePart is a part of a form that holds a file; most is how many there may be.
type filePart struct {
	name     string
	most     int
	required bool
}

// upload is a file that came in a form, as far as it matters here: its bytes have
// gone by.
type upload struct {
	part   string
	size   int64
	digest digest
	// head is the beginning, long enough for a WAV file's header.
	head []byte
}

// Limits of a form. maxFile is above the service's own 25 MB for audio.
const (
	maxFile      = 32 << 20
	maxFormText  = 1 << 20
	maxFormParts = 256
	headBytes    = 64
)

// formControls is the part whose text is controls, as metadata.sim is in JSON.
const formControls = "sim"

// formValues are the arguments whose text in a form stands for a number, true,
// false or an object; all others are strings.
var formValues = map[string]bool{
	"chunking_strategy": true, "n": true, "output_compression": true, "partial_images": true, "speed": true,
	"stream": true, "temperature": true,
}

// isForm says whether the body is to be read as multipart/form-data.
func (c *call) isForm() bool {
	kind, _, _ := strings.Cut(c.r.Header.Get("Content-Type"), ";")
	return c.op.form == mustForm || c.op.form == mayForm && strings.EqualFold(strings.TrimSpace(kind), "multipart/form-data")
}

// readForm reads the parts: texts into args, files into files. The bytes of a
// file are looked at as they come and never held.
func (c *call) readForm() error {
	c.form = true
	body := &countedReader{from: c.r.Body}
	defer c.drain(body)
	c.r.Body = io.NopCloser(body)
	parts, err := c.r.MultipartReader()
	if err != nil {
		return errForm("The body must be multipart/form-data with a boundary in its Content-Type.")
	}
	lists := map[string][]json.RawMessage{}
	for n := 0; ; n++ {
		part, err := parts.NextPart()
		switch {
		case err == io.EOF: // not errors.Is: a truncated form wraps it
			c.closeLists(lists)
			return c.checkFiles()
		case err != nil:
			return body.blame(err)
		case n == maxFormParts:
			return errForm("There are more than " + strconv.Itoa(maxFormParts) + " parts in the form.")
		}
		if err := c.readPart(part, lists); err != nil {
			return body.blame(err)
		}
	}
}

// readPart reads one part. Those whose names end in brackets make up a list.
func (c *call) readPart(part *multipart.Part, lists map[string][]json.RawMessage) error {
	name, bracket, _ := strings.Cut(part.FormName(), "[")
	isFile := slices.ContainsFunc(c.op.files, func(f filePart) bool { return f.name == name })
	switch {
	case name == "":
		return errForm("A part of the form has no name.")
	case isFile && part.FileName() == "":
		return errInvalid(name, "invalid_type", "Invalid type for '%s': expected a file with a file name, but got a text.", name)
	case isFile:
		return c.readFile(part, name)
	case part.FileName() != "" && !c.op.takes(name, c.surface, c.version):
		return errUnknownArgument(c.surface, name)
	}
	text, err := io.ReadAll(io.LimitReader(part, maxFormText+1))
	if err != nil {
		return err
	}
	if len(text) > maxFormText {
		return errInvalid(name, "string_above_max_length", "Invalid '%s': string too long. Expected a string with maximum length %d.", name, maxFormText)
	}
	raw := appendString(nil, string(text))
	if formValues[name] && json.Valid(text) {
		raw = text
	}
	if bracket == "]" {
		lists[name] = append(lists[name], raw)
		return nil
	}
	c.args = append(c.args, field{name, raw})
	return nil
}

// readFile looks at a file's bytes.
func (c *call) readFile(part *multipart.Part, name string) error {
	u := upload{part: name, digest: newDigest(c.sim.opts.Seed)}
	buf := make([]byte, 32<<10)
	for {
		n, err := part.Read(buf)
		u.digest = u.digest.bytes(buf[:n])
		u.head = append(u.head, buf[:min(n, headBytes-len(u.head))]...)
		if u.size += int64(n); u.size > maxFile {
			return errFileTooLarge()
		}
		if err == io.EOF {
			break
		}
		if err != nil {
			return err
		}
	}
	if u.size == 0 {
		return errInvalid(name, "empty_file", "The file '%s' is empty.", name)
	}
	c.files = append(c.files, u)
	return nil
}

// closeLists turns what stood in parts with brackets into arguments.
func (c *call) closeLists(lists map[string][]json.RawMessage) {
	for name, list := range lists {
		raw := []byte{'['}
		for i, element := range list {
			if i > 0 {
				raw = append(raw, ',')
			}
			raw = append(raw, element...)
		}
		c.args = append(c.args, field{name, append(raw, ']')})
	}
}

// checkFiles says whether each file is there as often as it may be.
func (c *call) checkFiles() error {
	for _, f := range c.op.files {
		n := 0
		for _, u := range c.files {
			if u.part == f.name {
				n++
			}
		}
		switch {
		case n == 0 && f.required:
			return errMissing(c.surface, f.name)
		case n > f.most:
			return errInvalid(f.name, "too_many_files", "Invalid '%s': too many files. Expected at most %d, but got %d instead.", f.name, f.most, n)
		}
	}
	return nil
}

// drain reads what is left of a form that was refused: a caller who is still
// writing would otherwise find its connection gone before it reads the answer.
func (c *call) drain(body *countedReader) {
	// What fails here fails again when the answer is written.
	_, _ = io.CopyN(io.Discard, body, maxRequest-min(body.n, maxRequest))
}

// countedReader is a body that ends with an error beyond maxRequest, and
// remembers how its reading ended.
type countedReader struct {
	from   io.Reader
	n      int64
	broken error
}

func (r *countedReader) Read(p []byte) (int, error) {
	if r.n >= maxRequest {
		r.broken = errTooLarge()
		return 0, r.broken
	}
	n, err := r.from.Read(p)
	r.n += int64(n)
	if err != nil && err != io.EOF {
		r.broken = err
	}
	return n, err
}

// blame tells a form that is wrong from a body that could not be read.
func (r *countedReader) blame(err error) error {
	if e := (*apiError)(nil); errors.As(err, &e) {
		return e
	}
	if r.broken != nil {
		return r.broken
	}
	return errForm("The body is no whole multipart/form-data: it breaks off before its last boundary, or a part of it cannot be read.")
}

func errForm(message string) *apiError {
	return &apiError{status: 400, kind: invalidRequest, code: "invalid_multipart", model: true, message: "Could not parse multipart form. " + message}
}

func errFileTooLarge() *apiError {
	return &apiError{status: 413, code: "413", kind: invalidRequest, message: "Maximum content size limit exceeded. The simulator takes files of up to " + strconv.Itoa(maxFile>>20) + " MiB."}
}
