package transcript

import (
	"bufio"
	"bytes"
	"compress/flate"
	"compress/gzip"
	"compress/zlib"
	"encoding/base64"
	"errors"
	"io"
	"slices"
	"strings"
	"unicode/utf8"

	"weir/internal/record"
)

// maxDecoded is how large a compressed body may become. A larger one is kept as
// it came: what expands so far is a bomb, or belongs in a file.
const maxDecoded = 64 << 20

// body is a body as it is kept, and as it is read.
type body struct {
	kept string // text, or a data URL
	read string // UTF-8; what is not stands as U+FFFD
}

// newBody makes a body of bytes with the content codings that headers name. cut
// says that the bytes may end anywhere.
func newBody(raw []byte, headers []record.Header, cut bool) body {
	raw = decoded(raw, headers)
	if utf8.Valid(raw) {
		s := string(raw)
		return body{s, s}
	}
	if n := cutRune(raw); cut && n > 0 && utf8.Valid(raw[:len(raw)-n]) {
		s := string(raw[:len(raw)-n]) + "\uFFFD"
		return body{s, s}
	}
	return body{
		kept: "data:application/octet-stream;base64," + base64.StdEncoding.EncodeToString(raw),
		read: strings.ToValidUTF8(string(raw), "\uFFFD"),
	}
}

// cutRune gives the length of the beginning of a character at the end of b.
func cutRune(b []byte) int {
	for n := 1; n < utf8.UTFMax && n <= len(b); n++ {
		if end := b[len(b)-n:]; utf8.RuneStart(end[0]) {
			if utf8.FullRune(end) {
				return 0
			}
			return n
		}
	}
	return 0
}

// decoded undoes the content codings of a body (RFC 9110, 8.4), last one first.
// Where one is unknown or fails, the bytes are given as they came. One that ends
// early gives what there is. Without headers, which the gateway's death takes
// along, gzip is known by its first bytes.
func decoded(raw []byte, headers []record.Header) []byte {
	var codings []string
	for _, h := range headers {
		if strings.EqualFold(h.Name, "Content-Encoding") {
			codings = append(codings, strings.Split(strings.ToLower(h.Value), ",")...)
		}
	}
	if headers == nil && bytes.HasPrefix(raw, []byte{0x1f, 0x8b, 8}) {
		codings = []string{"gzip"}
	}
	out := raw
	for _, coding := range slices.Backward(codings) {
		var ok bool
		if out, ok = undo(strings.TrimSpace(coding), out); !ok {
			return raw
		}
	}
	return out
}

func undo(coding string, raw []byte) ([]byte, bool) {
	if len(raw) == 0 {
		return raw, true
	}
	var from io.Reader
	var err error
	switch coding {
	case "", "identity":
		return raw, true
	case "gzip", "x-gzip":
		from, err = gzip.NewReader(bytes.NewReader(raw))
	case "deflate":
		// RFC 9110 means zlib by it; some servers send the bare format.
		b := bufio.NewReader(bytes.NewReader(raw))
		if from, err = zlib.NewReader(b); err != nil {
			from, err = flate.NewReader(bytes.NewReader(raw)), nil
		}
	default:
		return nil, false
	}
	if err != nil {
		return nil, false
	}
	out, err := io.ReadAll(io.LimitReader(from, maxDecoded+1))
	if err != nil && (!errors.Is(err, io.ErrUnexpectedEOF) || len(out) == 0) || len(out) > maxDecoded {
		return nil, false
	}
	return out, true
}

// object gives the JSON object in a text, as much of it as can be read, and
// whether that is all of it; "" for anything else.
func object(s string) (raw string, whole bool) {
	trimmed := strings.Trim(strings.TrimPrefix(s, "\uFEFF"), " \t\r\n")
	if !isObject(trimmed) {
		return "", false
	}
	if check(trimmed) == nil {
		return trimmed, !strings.HasPrefix(s, "\uFEFF")
	}
	return repair(trimmed), false
}

// edited gives the request body with the gateway's edits; "" without any, or
// where they do not fit the body.
func edited(raw []byte, edits []record.Edit) []byte {
	if len(edits) == 0 {
		return nil
	}
	out := make([]byte, 0, len(raw)+64)
	at := 0
	for _, e := range edits {
		if e.Offset < at || e.Old < 0 || e.Offset > len(raw) || e.Old > len(raw)-e.Offset {
			return nil
		}
		out = append(append(out, raw[at:e.Offset]...), e.New...)
		at = e.Offset + e.Old
	}
	return append(out, raw[at:]...)
}
