package payload

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"weir/internal/record"
)

// Object is one body, or one file of a multipart request, as it is kept.
type Object struct {
	Name   string `json:"name"`             // "request", "answer", "file-0", …
	Length int64  `json:"length"`           // bytes
	SHA256 string `json:"sha256"`           // hexadecimal
	Type   string `json:"type,omitempty"`   // media type, as its sender said
	Coding string `json:"coding,omitempty"` // content codings that the bytes have
	File   string `json:"file,omitempty"`   // what the client called the file
}

// Manifest says what an exchange has in the payload store, or will have.
type Manifest struct {
	ID string `json:"id"`
	// Epoch and Seq are the position of its record in the journal: the spool's
	// files go when the store has sealed that far.
	Epoch    uint64   `json:"epoch"`
	Seq      uint64   `json:"seq"`
	Uploaded bool     `json:"uploaded,omitempty"` // all of it, and read back
	Objects  []Object `json:"objects"`
}

// manifestName is the manifest's own name in the payload store, and
// manifestSide the end of its name in the spool.
const (
	manifestName = "manifest.json"
	manifestSide = "json"
)

// Find gives the object of a name.
func (m *Manifest) Find(name string) (Object, bool) {
	for _, o := range m.Objects {
		if o.Name == name {
			return o, true
		}
	}
	return Object{}, false
}

// Merge takes up the objects of another manifest of the exchange that m has not.
func (m *Manifest) Merge(other *Manifest) {
	for _, o := range other.Objects {
		if _, ok := m.Find(o.Name); !ok {
			m.Objects = append(m.Objects, o)
		}
	}
}

// FileName is the name of the i-th file of a multipart request, from 0.
func FileName(i int) string { return "file-" + strconv.Itoa(i) }

func isFile(name string) bool { return strings.HasPrefix(name, "file-") }

// key is where an object of an exchange stands in the payload store.
func key(id record.ID, name string) string {
	var ms int64
	for _, b := range id[:6] {
		ms = ms<<8 | int64(b)
	}
	return time.UnixMilli(ms).UTC().Format("2006/01/02/") + id.String() + "/" + name
}

// Manifest reads the manifest of id; fs.ErrNotExist when the spool has none.
func (s *Spool) Manifest(id record.ID) (*Manifest, error) {
	text, err := os.ReadFile(s.path(id, manifestSide))
	if err != nil {
		return nil, err
	}
	return parseManifest(text)
}

func parseManifest(text []byte) (*Manifest, error) {
	m := &Manifest{}
	if err := json.Unmarshal(text, m); err != nil {
		return nil, fmt.Errorf("read a payload's manifest: %w", err)
	}
	return m, nil
}

// writeManifest makes m durable in the spool.
func (s *Spool) writeManifest(id record.ID, m *Manifest) error {
	text, err := json.MarshalIndent(m, "", "  ")
	if err == nil {
		err = s.writeWhole(s.path(id, manifestSide), text)
	}
	if err != nil {
		return fmt.Errorf("write a payload's manifest: %w", err)
	}
	return nil
}

// writeWhole writes a file of the spool that is there whole, durably, or not at
// all.
func (s *Spool) writeWhole(name string, text []byte) error {
	f, err := os.OpenFile(name+".partial", os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(text)
	if err == nil {
		err = syncData(f)
	}
	if err = errors.Join(err, f.Close()); err == nil {
		err = os.Rename(f.Name(), name)
	}
	if err != nil {
		os.Remove(f.Name())
		return err
	}
	return syncDir(s.dir)
}

// maxManifest bounds what is read as one: a request of very many files.
const maxManifest = 64 << 20

func readManifest(r io.Reader) (*Manifest, error) {
	text, err := io.ReadAll(io.LimitReader(r, maxManifest))
	if err != nil {
		return nil, fmt.Errorf("read a payload's manifest: %w", err)
	}
	return parseManifest(text)
}

// spooled is what the spool's folder has, by exchange.
type spooled struct {
	manifest bool
	bytes    int64 // of bodies
	changed  time.Time
}

// list reads the folder.
func (s *Spool) list() (map[record.ID]spooled, error) {
	entries, err := os.ReadDir(s.dir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("read the spool: %w", err)
	}
	all := map[record.ID]spooled{}
	for _, e := range entries {
		id, side, ok := parseName(e.Name())
		info, err := e.Info()
		if !ok || err != nil {
			continue // not ours, or removed just now
		}
		x := all[id]
		if side == manifestSide {
			x.manifest = true
		} else {
			x.bytes += info.Size()
		}
		if info.ModTime().After(x.changed) {
			x.changed = info.ModTime()
		}
		all[id] = x
	}
	return all, nil
}

func parseName(name string) (id record.ID, side string, ok bool) {
	text, side, _ := strings.Cut(filepath.Base(name), ".")
	id, err := record.ParseID(text)
	return id, side, err == nil && (side == record.RequestSide || side == record.AnswerSide || side == manifestSide)
}

// remove takes what an exchange's manifest lists out of the spool, the manifest
// last: until it is gone the rest is tried again. A side that it does not list
// was not uploaded, and stays.
func (s *Spool) remove(id record.ID) error {
	m, err := s.Manifest(id)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	for _, side := range []string{record.RequestSide, record.AnswerSide, manifestSide} {
		if _, listed := m.Find(side); !listed && side != manifestSide {
			continue
		}
		if err := os.Remove(s.path(id, side)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("remove a file of the spool: %w", err)
		}
	}
	return nil
}
