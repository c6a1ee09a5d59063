package journal

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"io/fs"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

const (
	segmentMagic   = "weir-jnl"
	segmentVersion = 1
	segmentSuffix  = ".wj"
	headerLen      = 128
	maxGateway     = 32
)

// segmentID names a segment file.
type segmentID struct{ epoch, num uint64 }

func (id segmentID) String() string {
	return fmt.Sprintf("%08d-%06d%s", id.epoch, id.num, segmentSuffix)
}

func (id segmentID) path(dir string) string { return filepath.Join(dir, id.String()) }

func (id segmentID) compare(o segmentID) int {
	return cmp.Or(cmp.Compare(id.epoch, o.epoch), cmp.Compare(id.num, o.num))
}

// parseSegmentID reads a file name; ok is false for files that aren't ours.
func parseSegmentID(name string) (id segmentID, ok bool) {
	stem, ok := strings.CutSuffix(name, segmentSuffix)
	if !ok {
		return id, false
	}
	e, n, ok := strings.Cut(stem, "-")
	if !ok {
		return id, false
	}
	epoch, err1 := strconv.ParseUint(e, 10, 64)
	num, err2 := strconv.ParseUint(n, 10, 64)
	id = segmentID{epoch, num}
	return id, err1 == nil && err2 == nil && epoch > 0 && num > 0 && id.String() == name
}

// listSegments returns the segment files of dir in the order of the log. A
// folder that doesn't exist has none.
func listSegments(fsys FS, dir string) ([]segmentID, error) {
	names, err := fsys.List(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("listing the journal: %w", err)
	}
	var ids []segmentID
	for _, n := range names {
		if id, ok := parseSegmentID(n); ok {
			ids = append(ids, id)
		}
	}
	slices.SortFunc(ids, segmentID.compare)
	return ids, nil
}

// header is the start of a segment file.
type header struct {
	id        segmentID
	marker    uint32
	first     uint64
	created   int64
	prevEpoch uint64
	prevSeq   uint64
	gateway   string
}

func (h *header) encode() []byte {
	b := make([]byte, headerLen)
	copy(b, segmentMagic)
	binary.LittleEndian.PutUint16(b[8:], segmentVersion)
	binary.LittleEndian.PutUint16(b[10:], headerLen)
	binary.LittleEndian.PutUint32(b[12:], h.marker)
	binary.LittleEndian.PutUint64(b[16:], h.id.epoch)
	binary.LittleEndian.PutUint64(b[24:], h.id.num)
	binary.LittleEndian.PutUint64(b[32:], h.first)
	binary.LittleEndian.PutUint64(b[40:], uint64(h.created))
	binary.LittleEndian.PutUint64(b[48:], h.prevEpoch)
	binary.LittleEndian.PutUint64(b[56:], h.prevSeq)
	copy(b[64:64+maxGateway], h.gateway)
	binary.LittleEndian.PutUint32(b[124:], crc32.Checksum(b[:124], castagnoli))
	return b
}

var (
	errStandby       = errors.New("standby segment")
	errHeader        = errors.New("segment header is damaged")
	errHeaderVersion = errors.New("segment version is unknown")
)

func decodeHeader(b []byte) (header, error) {
	var h header
	if !slices.ContainsFunc(b, func(c byte) bool { return c != 0 }) {
		return h, errStandby
	}
	if len(b) < headerLen || string(b[:8]) != segmentMagic ||
		crc32.Checksum(b[:124], castagnoli) != binary.LittleEndian.Uint32(b[124:]) {
		return h, errHeader
	}
	if v := binary.LittleEndian.Uint16(b[8:]); v != segmentVersion {
		return h, fmt.Errorf("%w: %d", errHeaderVersion, v)
	}
	h = header{
		id:        segmentID{binary.LittleEndian.Uint64(b[16:]), binary.LittleEndian.Uint64(b[24:])},
		marker:    binary.LittleEndian.Uint32(b[12:]),
		first:     binary.LittleEndian.Uint64(b[32:]),
		created:   int64(binary.LittleEndian.Uint64(b[40:])),
		prevEpoch: binary.LittleEndian.Uint64(b[48:]),
		prevSeq:   binary.LittleEndian.Uint64(b[56:]),
		gateway:   string(bytes.TrimRight(b[64:64+maxGateway], "\x00")),
	}
	return h, nil
}

// readHeader reads the header of an open segment. A header that names another
// segment is a damaged one: the file isn't what its name says.
func readHeader(f File, id segmentID) (header, error) {
	b := make([]byte, headerLen)
	n, err := f.ReadAt(b, 0)
	if err != nil && err != io.EOF {
		return header{}, fmt.Errorf("reading the header of %v: %w", id, err)
	}
	h, err := decodeHeader(b[:n])
	if err == nil && h.id != id {
		err = errHeader
	}
	return h, err
}
