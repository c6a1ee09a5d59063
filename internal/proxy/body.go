package proxy

import (
	"bytes"
	"errors"
	"io"

	"weir/internal/record"
)

const (
	firstBody = 8 << 10
	growBody  = 1 << 20
	// flatBody is up to where a body with edits is sent as one copy. The
	// transport sends a body that it knows to be in memory together with the
	// header; a system call saved is worth more than a small copy.
	flatBody = 64 << 10
)

var errTooLarge = errors.New("the body exceeds the limit")

// readBody reads a body of that length, -1 where it is not known, up to limit
// bytes. The buffer is not from a pool: a transport may go on reading a request's
// body after its answer has ended.
func readBody(r io.Reader, length, limit int64) ([]byte, error) {
	if length > limit {
		return nil, errTooLarge
	}
	size := int64(firstBody)
	if length >= 0 {
		size = min(length, growBody)
	}
	data := make([]byte, 0, size)
	for {
		if len(data) == cap(data) {
			if int64(len(data)) == length {
				return data, nil // its end was told with the last byte
			}
			data = append(data, make([]byte, max(cap(data), firstBody))...)[:len(data)]
		}
		n, err := r.Read(data[len(data):cap(data)])
		data = data[:len(data)+n]
		switch {
		case int64(len(data)) > limit:
			return data, errTooLarge
		case err == io.EOF:
			return data, nil
		case err != nil:
			return data, err
		}
	}
}

// edited gives a reader of data with edits made, and its length.
func edited(data []byte, edits []record.Edit) (io.ReadCloser, int64) {
	if len(edits) == 0 {
		return io.NopCloser(bytes.NewReader(data)), int64(len(data))
	}
	n := len(data)
	for _, e := range edits {
		n += len(e.New) - e.Old
	}
	if n <= flatBody {
		flat := make([]byte, 0, n)
		at := 0
		for _, e := range edits {
			flat = append(append(flat, data[at:e.Offset]...), e.New...)
			at = e.Offset + e.Old
		}
		return io.NopCloser(bytes.NewReader(append(flat, data[at:]...))), int64(n)
	}
	var parts []io.Reader
	at := 0
	for _, e := range edits {
		parts = append(parts, bytes.NewReader(data[at:e.Offset]), bytes.NewReader([]byte(e.New)))
		at = e.Offset + e.Old
	}
	parts = append(parts, bytes.NewReader(data[at:]))
	return io.NopCloser(io.MultiReader(parts...)), int64(n)
}
