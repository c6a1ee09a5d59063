package journal

import (
	"encoding/binary"
	"encoding/hex"
	"flag"
	"hash/crc32"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "write testdata/*.golden anew")

const testMarker = 0x6A4B2C1D

// encodeFrame is what the journal writes for f.
func encodeFrame(t testing.TB, f *Frame, seq uint64) []byte {
	t.Helper()
	n, err := f.encodedLen()
	if err != nil {
		t.Fatal(err)
	}
	b := make([]byte, n)
	f.encode(b, testMarker, f.bodyCRC())
	seal(b, seq)
	return b
}

func golden(t *testing.T, name string, b []byte) {
	t.Helper()
	file := filepath.Join("testdata", name+".golden")
	got := hex.Dump(b)
	if *update {
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("version 1 is on disks already and may not change (-want +got):\n%s", diff)
	}
}

func TestFormat(t *testing.T) {
	frame := &Frame{
		Kind: End, Time: 1700000000123456789, ID: [16]byte{0xAB, 15: 0xCD}, Meta: []byte(`{"op":"x"}`),
		Blocks: []Block{
			{Kind: 1, KeyID: 7, Data: []byte("sealed")},
			{Kind: 2, Flags: BlockReference, Data: []byte("payload/123")},
			{Kind: 3},
		},
	}
	golden(t, "frame", encodeFrame(t, frame, 42))
	golden(t, "frame-empty", encodeFrame(t, &Frame{Kind: Begin}, 1))
	h := header{
		id: segmentID{7, 3}, marker: testMarker, first: 1001, created: 1700000000000000000,
		prevEpoch: 6, prevSeq: 99, gateway: "gateway-of-exactly-thirty-two-by",
	}
	golden(t, "header", h.encode())
	var slot [durableSlot]byte
	d := durable{generation: 5, epoch: 7, segment: 3, offset: 4096, seq: 1010, closed: true}
	d.encode(&slot)
	golden(t, "durable", slot[:])

	got, err := decodeHeader(h.encode())
	if err != nil || got != h {
		t.Errorf("header %+v, %v", got, err)
	}
	if got, ok := decodeDurable(slot[:]); !ok || got != d {
		t.Errorf("durable %+v, %v", got, ok)
	}
}

func TestFrameCodec(t *testing.T) {
	for name, f := range map[string]*Frame{
		"empty":        {Kind: Begin},
		"meta":         {Kind: Part, Time: math.MinInt64, Meta: []byte("m")},
		"empty blocks": {Kind: End, Blocks: []Block{{}, {}}},
		"all":          {Kind: Delivered, Time: -1, ID: [16]byte{1, 2, 3}, Meta: make([]byte, 1000), Blocks: []Block{{Kind: 255, Flags: 255, KeyID: math.MaxUint32, Data: []byte("x")}}},
		"many blocks":  {Kind: End, Blocks: make([]Block, MaxBlocks)},
	} {
		b := encodeFrame(t, f, math.MaxUint64)
		if !intact(b) || frameLen(b) != len(b) {
			t.Fatalf("%s: not intact", name)
		}
		var got Frame
		if err := decode(b, &got); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		want := *f
		want.Pos.Seq = math.MaxUint64
		if diff := cmp.Diff(normal(want), normal(got)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
		for i := range min(len(b), 200) {
			b[i] ^= 0x10
			if intact(b) {
				t.Fatalf("%s: a flip at %d goes unseen", name, i)
			}
			b[i] ^= 0x10
		}
	}
}

// recompute gives a frame that a test has altered its right CRC.
func recompute(b []byte) {
	binary.LittleEndian.PutUint32(b[4:], headCRC(crc32.Checksum(b[prefixLen:], castagnoli), b))
}

// Frames of a later version, of other kinds, or inconsistent in themselves are
// passed over and named.
func TestUnknownFrames(t *testing.T) {
	for name, c := range map[string]struct {
		alter func(b []byte)
		want  string
	}{
		"version":    {func(b []byte) { b[13] = 2 }, "lost 1/2-1/2 unknown"},
		"kind":       {func(b []byte) { b[12] = 9 }, "lost 1/2-1/2 unknown"},
		"virtual":    {func(b []byte) { b[12] = byte(EpochEnd) }, "lost 1/2-1/2 unknown"},
		"meta":       {func(b []byte) { b[48] = 0xFF; b[49] = 0xFF }, "lost 1/2-1/2 damaged"},
		"no blocks":  {func(b []byte) { b[52] = 0 }, "lost 1/2-1/2 damaged"},
		"too many":   {func(b []byte) { b[52] = 9 }, "lost 1/2-1/2 damaged"},
		"number":     {func(b []byte) { b[16] = 1 }, "lost 1/2-1/2 damaged"},
		"far ahead":  {func(b []byte) { b[22] = 1 }, ""},
		"other head": {func(b []byte) { b[13] = 3; copy(b[prefixLen:], "something else entirely") }, "lost 1/2-1/2 unknown"},
	} {
		t.Run(name, func(t *testing.T) {
			m, file, end := crashed(t, 4)
			f := m.live[file]
			sc := newScanner(f, mustHeader(t, f, file).marker, headerLen)
			if _, _, err := sc.next(end, 0); err != nil {
				t.Fatal(err)
			}
			raw, _, err := sc.next(end, 0)
			if err != nil {
				t.Fatal(err)
			}
			b := f.data[sc.off-int64(len(raw)) : sc.off]
			c.alter(b)
			recompute(b)
			got := story(readFS(t, m, ReaderOptions{}))
			if c.want != "" && got != "1, "+c.want+", 3, 4" {
				t.Errorf("read %s", got)
			}
			if !strings.HasPrefix(got, "1, ") || !strings.Contains(got, "lost 1/2-") {
				t.Errorf("read %s", got)
			}
		})
	}
}

// FuzzSegment reads a segment with arbitrary content behind its header, and
// decodes arbitrary frames: nothing may panic, and what is delivered must
// encode to the bytes it came from.
func FuzzSegment(f *testing.F) {
	one := encodeFrame(f, testFrame(1, Begin), 1)
	two := encodeFrame(f, testFrame(2, End), 2)
	f.Add(append(append([]byte{}, one...), two...))
	f.Add(append([]byte("garbage"), two...))
	f.Add(one[:len(one)-1])
	f.Add(encodeFrame(f, &Frame{Kind: Delivered, Blocks: []Block{{}}}, 7))
	f.Fuzz(func(t *testing.T, data []byte) {
		m := newMemFS()
		h := header{id: segmentID{1, 1}, marker: testMarker, first: 1}
		file, _ := m.Create(segmentID{1, 1}.path(memDir))
		file.WriteAt(append(h.encode(), data...), 0)
		var last Pos
		for _, g := range readFS(t, m, ReaderOptions{Orphaned: true}) {
			if g.Pos.Compare(last) < 0 {
				t.Fatalf("%v after %v", g.Pos, last)
			}
			last = g.Pos
		}
		if _, err := Scan(m, memDir); err != nil {
			t.Fatal(err)
		}
		if len(data) < prefixLen {
			return
		}
		// The same bytes as a frame with a right CRC, to get behind that gate.
		b := append([]byte{}, data...)
		copy(b, encodeFrame(t, &Frame{Kind: Begin}, 1)[:12])
		b[13] = frameVersion
		binary.LittleEndian.PutUint32(b[8:], uint32(len(b)))
		recompute(b)
		var g Frame
		if decode(b, &g) != nil {
			return
		}
		again := encodeFrame(t, &g, g.Pos.Seq)
		for i := range again {
			if again[i] != b[i] && !reserved(b, i) {
				t.Fatalf("byte %d: %x, was %x", i, again[i], b[i])
			}
		}
	})
}

// reserved tells the bytes that decode ignores, and the CRC, which covers them.
func reserved(b []byte, i int) bool {
	if i >= 4 && i < 8 || i == 14 || i == 15 || i == 54 || i == 55 {
		return true
	}
	at := frameHead + int(binary.LittleEndian.Uint32(b[48:]))
	for at < len(b) {
		if i == at+2 || i == at+3 {
			return true
		}
		at += blockHead + int(binary.LittleEndian.Uint32(b[at+8:]))
	}
	return false
}
