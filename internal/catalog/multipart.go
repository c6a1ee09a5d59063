package catalog

import (
	"bytes"
	"errors"
	"mime"
	"strings"
)

// FormScanner finds the small fields of a multipart/form-data body (RFC 7578)
// while it passes: what is written to it need not be whole. It looks for the
// fields that say where a call goes; files and all else it passes over.
type FormScanner struct {
	delimiter []byte
	buf       []byte
	off       int64 // of buf's first byte in the body
	state     formState
	field     string // the present part's, "" for one that is not kept
	start     int64  // of its value

	// First is where the first delimiter stands, -1 until it has passed: a part can
	// be put there, before all others.
	First int64
	// Model and Stream are the fields of that name, nil until they have passed.
	Model, Stream *FormField
	// Twice says that a second model has passed.
	Twice bool
	// Done says that the closing delimiter has passed.
	Done bool
}

// FormField is a field and where its value stands in the body.
type FormField struct {
	Value      string
	Start, End int64
}

type formState uint8

const (
	inPreamble formState = iota
	behindDelimiter
	inPartHeader
	inPart
)

// What a form may have at most, in bytes: a part's header, and a value that is
// kept.
const (
	maxPartHeader = 16 << 10
	maxFormValue  = 4 << 10
)

// ErrForm says that a body is no multipart/form-data of its boundary.
var ErrForm = errors.New("the body is not multipart/form-data with the boundary that its Content-Type names")

// Boundary gives the boundary of a multipart/form-data Content-Type; ok is false
// for another type, and for one without a boundary.
func Boundary(contentType string) (boundary string, ok bool) {
	kind, params, err := mime.ParseMediaType(contentType)
	if err != nil || kind != "multipart/form-data" {
		return "", false
	}
	b := params["boundary"]
	return b, b != "" && len(b) <= 70
}

// NewFormScanner makes a scanner of a body with that boundary.
func NewFormScanner(boundary string) *FormScanner {
	return &FormScanner{delimiter: []byte("\r\n--" + boundary), buf: []byte("\r\n"), off: -2, First: -1}
}

// Write takes the next bytes of the body.
func (s *FormScanner) Write(p []byte) (int, error) {
	s.buf = append(s.buf, p...)
	for !s.Done {
		more, err := s.step()
		if err != nil {
			return 0, err
		}
		if !more {
			break
		}
	}
	return len(p), nil
}

// step goes on by one piece; more is false when it needs further bytes.
func (s *FormScanner) step() (more bool, err error) {
	switch s.state {
	case inPreamble, inPart:
		return s.body(), nil
	case behindDelimiter:
		rest := bytes.TrimLeft(s.buf, " \t") // RFC 2046, 5.1.1: padding
		switch {
		case len(rest) < 2 && len(s.buf) > maxPartHeader:
			return false, ErrForm
		case len(rest) < 2:
			return false, nil
		case string(rest[:2]) == "--":
			s.Done = true
		case string(rest[:2]) == "\r\n":
			s.state = inPartHeader
		default: // a line of a file that begins as the delimiter does
			s.field, s.state = "", inPart
			return true, nil
		}
		s.drop(len(s.buf) - len(rest) + 2)
		return true, nil
	}
	return s.header()
}

// body looks for the delimiter that ends the preamble or a part.
func (s *FormScanner) body() bool {
	i := bytes.Index(s.buf, s.delimiter)
	if i < 0 {
		if s.field != "" && len(s.buf) > maxFormValue {
			s.field = "" // too long to be what is looked for
		}
		if keep := len(s.delimiter) - 1; s.field == "" && len(s.buf) > keep {
			s.drop(len(s.buf) - keep)
		}
		return false
	}
	if s.field != "" {
		f := &FormField{Value: string(s.buf[:i]), Start: s.start, End: s.off + int64(i)}
		if s.field == "model" && s.Model == nil {
			s.Model = f
		} else if s.field == "model" {
			s.Twice = true
		} else if s.field == "stream" && s.Stream == nil {
			s.Stream = f
		}
	}
	if s.First < 0 {
		s.First = s.off + int64(i) + 2 // behind the line end
	}
	s.drop(i + len(s.delimiter))
	s.state = behindDelimiter
	return true
}

func (s *FormScanner) header() (more bool, err error) {
	end := bytes.Index(s.buf, []byte("\r\n\r\n"))
	if bytes.HasPrefix(s.buf, []byte("\r\n")) {
		end = -2 // no field at all
	} else if end < 0 {
		if len(s.buf) > maxPartHeader {
			return false, ErrForm
		}
		return false, nil
	}
	s.field = fieldName(string(s.buf[:max(end, 0)]))
	s.drop(end + 4)
	s.start, s.state = s.off, inPart
	return true, nil
}

// fieldName gives the name of the part with that header where it is looked for.
func fieldName(header string) string {
	for line := range strings.SplitSeq(header, "\r\n") {
		name, value, _ := strings.Cut(line, ":")
		if !strings.EqualFold(strings.TrimSpace(name), "Content-Disposition") {
			continue
		}
		_, params, err := mime.ParseMediaType(value)
		if _, file := params["filename"]; err != nil || file {
			return ""
		}
		if n := params["name"]; n == "model" || n == "stream" {
			return n
		}
	}
	return ""
}

func (s *FormScanner) drop(n int) {
	s.buf = s.buf[:copy(s.buf, s.buf[n:])]
	s.off += int64(n)
}
