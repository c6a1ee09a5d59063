package payload

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"

	"weir/internal/record"
)

// A body up to wholeLimit is loaded whole, of a longer one the beginning and the
// end.
const (
	wholeLimit = 64 << 20
	headLimit  = 1 << 20
	tailLimit  = 64 << 10
)

// Has says whether the spool has a file for a side of an exchange.
func (s *Spool) Has(id record.ID, side string) bool {
	_, err := os.Stat(s.path(id, side))
	return err == nil
}

// Taken says whether the spool has the manifest of an exchange: its bodies are on
// their way to the payload store, or wait for its row to be sealed.
func (s *Spool) Taken(id record.ID) bool { return s.Has(id, manifestSide) }

// Load gives a body as far as it is read into memory: whole, or its beginning and
// its end. head is what stands in the journal's frames; the file need not be
// filled with it yet.
func (s *Spool) Load(id record.ID, side string, head []byte) (body, tail []byte, err error) {
	f, err := s.Open(id, side)
	if err != nil {
		return nil, nil, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, nil, fmt.Errorf("read the spool: %w", err)
	}
	whole := max(info.Size(), int64(len(head)))
	n := whole
	if whole > wholeLimit {
		n, tail = headLimit, make([]byte, tailLimit)
		if _, err := f.ReadAt(tail, whole-tailLimit); err != nil && err != io.EOF {
			return nil, nil, fmt.Errorf("read the spool: %w", err)
		}
	}
	body = make([]byte, n)
	from := copy(body, head)
	if _, err := f.ReadAt(body[from:], int64(from)); err != nil && err != io.EOF {
		return nil, nil, fmt.Errorf("read the spool: %w", err)
	}
	return body, tail, nil
}

// Digest reads a body to its end: for an exchange whose gateway was killed, so
// that no frame tells its length and digest.
func (s *Spool) Digest(id record.ID, side string, head []byte) (record.Payload, error) {
	f, err := os.Open(s.path(id, side))
	if err != nil {
		return record.Payload{}, fmt.Errorf("read the spool: %w", err)
	}
	defer f.Close()
	h := sha256.New()
	h.Write(head)
	_, err = f.Seek(int64(len(head)), io.SeekStart)
	n := int64(0)
	if err == nil {
		n, err = io.Copy(h, f)
	}
	if err != nil {
		return record.Payload{}, fmt.Errorf("read the spool: %w", err)
	}
	return record.Payload{Length: int64(len(head)) + n, SHA256: hex.EncodeToString(h.Sum(nil))}, nil
}

// Doubt says what is wrong with the length of a body, of whose beginning head
// bytes stand in the journal's frames; nil when nothing is. told is what the
// exchange's end says of it, or nil.
func (s *Spool) Doubt(id record.ID, side string, head int64, told *record.Payload) error {
	f, err := s.Open(id, side)
	if err != nil {
		return err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return fmt.Errorf("read the spool: %w", err)
	}
	if begin := dataBegin(f, info.Size()); side == record.AnswerSide && begin > head {
		return fmt.Errorf("its first %d bytes or more are not in the spool, and the journal's frames have %d of them: what is between is lost, and reads as zeros", begin, head)
	}
	if n := max(info.Size(), head); told != nil && n != told.Length {
		return fmt.Errorf("the spool has %d bytes of it, and the record says %d", n, told.Length)
	}
	return nil
}

// fill writes head, which stands in the journal's frames, into the hole at the
// beginning of an answer, durably. Doing it again changes nothing.
func (s *Spool) fill(id record.ID, head []byte) error {
	f, err := os.OpenFile(s.path(id, record.AnswerSide), os.O_WRONLY, 0)
	if err == nil {
		if _, err = f.WriteAt(head, 0); err == nil {
			err = syncData(f)
		}
		err = errors.Join(err, f.Close())
	}
	if err != nil {
		return fmt.Errorf("complete a file of the spool: %w", err)
	}
	return nil
}

// Stage puts a body into the spool that is whole in the journal's frames: for a
// multipart request, whose files go to the payload store whatever their length.
func (s *Spool) Stage(id record.ID, side string, body []byte) error {
	if err := s.writeWhole(s.path(id, side), body); err != nil {
		return fmt.Errorf("write to the spool: %w", err)
	}
	return nil
}

// Open opens a file of the spool; fs.ErrNotExist when there is none.
func (s *Spool) Open(id record.ID, side string) (*os.File, error) {
	f, err := os.Open(s.path(id, side))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("read the spool: %w", err)
	}
	return f, err
}

// Sum reads r to its end for its length and SHA-256.
func Sum(r io.Reader) (length int64, digest string, err error) {
	h := sha256.New()
	length, err = io.Copy(h, r)
	return length, hex.EncodeToString(h.Sum(nil)), err
}
