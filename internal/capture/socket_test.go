package capture

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"
)

var terminal = []string{"response.done"}

// frame makes a frame by RFC 6455, 5.2, written independently of the reader.
func frame(first byte, payload string, key ...byte) []byte {
	b := []byte{first, 0}
	switch n := len(payload); {
	case n < 126:
		b[1] = byte(n)
	case n < 1<<16:
		b[1] = 126
		b = binary.BigEndian.AppendUint16(b, uint16(n))
	default:
		b[1] = 127
		b = binary.BigEndian.AppendUint64(b, uint64(n))
	}
	if len(key) == 0 {
		return append(b, payload...)
	}
	b[1] |= 0x80
	b = append(b, key...)
	for i := range len(payload) {
		b = append(b, payload[i]^key[i%4])
	}
	return b
}

// entry is a run of content that belongs together.
type entry struct {
	Data                 string
	Binary, Close, Whole bool
}

// reading is what a tap makes of a stream.
type reading struct {
	entries []entry
	holds   []int // ends of the steps that are held
	between bool
}

// runs joins pieces to entries.
type runs struct {
	entries []entry
	begun   bool
	open    entry
	data    []byte
}

func (r *runs) add(data []byte, isBinary, isClose, whole bool) {
	if isClose {
		r.entries = append(r.entries, entry{string(data), false, true, true})
		return
	}
	if r.begun && r.open.Binary != isBinary {
		r.end()
	}
	r.begun, r.open = true, entry{Binary: isBinary, Whole: whole}
	r.data = append(r.data, data...)
	if whole {
		r.end()
	}
}

func (r *runs) end() {
	if r.begun {
		r.open.Data = string(r.data)
		r.entries = append(r.entries, r.open)
		r.begun, r.data = false, r.data[:0]
	}
}

// read gives a stream to a tap in pieces of the sizes that size gives.
func read(t testing.TB, stream []byte, fromClient bool, size func() int) reading {
	t.Helper()
	tap := NewTap(fromClient, terminal)
	var r reading
	var all runs
	at := 0
	for at < len(stream) {
		chunk := bytes.Clone(stream[at:min(len(stream), at+max(1, size()))])
		for len(chunk) > 0 {
			s := tap.Next(chunk)
			if s.N <= 0 || s.N > len(chunk) || len(s.Data) > maxPiece {
				t.Fatalf("a step of %d bytes of %d, %d of data", s.N, len(chunk), len(s.Data))
			}
			data := bytes.Clone(s.Data)
			Unmask(data, s.Key)
			chunk, at = chunk[s.N:], at+s.N
			if s.Hold {
				r.holds = append(r.holds, at)
			}
			if s.Piece {
				all.add(data, s.Binary, s.Close, !s.More)
			}
		}
	}
	all.end()
	r.entries, r.between = all.entries, tap.Between()
	return r
}

func whole() int { return 1 << 30 }

func TestTap(t *testing.T) {
	big := strings.Repeat("0123456789", 10<<10)
	key := []byte{1, 2, 0xfe, 0xff}
	done := `{"event_id":"e","type" : "response.done","response":{}}`
	for _, tt := range []struct {
		name       string
		fromClient bool
		frames     [][]byte
		want       []entry
		holds      []int // frames, by index, whose end is held
		broken     bool
	}{
		{"text", false, [][]byte{frame(0x81, "hello")}, []entry{{"hello", false, false, true}}, nil, false},
		{"empty", false, [][]byte{frame(0x81, ""), frame(0x82, "")}, []entry{{"", false, false, true}, {"", true, false, true}}, nil, false},
		{"masked", true, [][]byte{frame(0x82, "hello", key...)}, []entry{{"hello", true, false, true}}, nil, false},
		{"16 bits", false, [][]byte{frame(0x82, big[:126]), frame(0x82, big[:65535])}, []entry{{big[:126], true, false, true}, {big[:65535], true, false, true}}, nil, false},
		{"64 bits", true, [][]byte{frame(0x81, big, key...)}, []entry{{big, false, false, true}}, nil, false},
		{"invalid UTF-8", false, [][]byte{frame(0x81, "\xff\xfe")}, []entry{{"\xff\xfe", false, false, true}}, nil, false},
		{"fragments with a ping between", true,
			[][]byte{frame(0x01, "a", key...), frame(0x89, "ping", key...), frame(0x00, "", key...), frame(0x00, "b", key...), frame(0x8a, "", key...), frame(0x80, "", key...)},
			[]entry{{"ab", false, false, true}}, nil, false},
		{"close", true, [][]byte{frame(0x88, "\x03\xe8bye", key...)}, []entry{{"\x03\xe8bye", false, true, true}}, nil, false},
		{"server's close", false, [][]byte{frame(0x81, "x"), frame(0x88, "")}, []entry{{"x", false, false, true}, {"", false, true, true}}, []int{1}, false},
		{"end of an answer", false, [][]byte{frame(0x81, done), frame(0x81, "x")}, []entry{{done, false, false, true}, {"x", false, false, true}}, []int{0}, false},
		{"in fragments", false, [][]byte{frame(0x01, done[:30]), frame(0x00, done[30:]), frame(0x80, "")}, []entry{{done, false, false, true}}, []int{2}, false},
		{"behind a long one", false, [][]byte{frame(0x81, big+done+big)}, []entry{{big + done + big, false, false, true}}, []int{0}, false},
		{"quoted in a string", false, [][]byte{frame(0x81, `{"type":"x","text":"\"response.done\""}`)}, []entry{{`{"type":"x","text":"\"response.done\""}`, false, false, true}}, nil, false},
		{"client says so", true, [][]byte{frame(0x81, done, key...)}, []entry{{done, false, false, true}}, nil, false},

		{"reserved bit", true, [][]byte{frame(0xc1, "ab", 0, 0, 0, 0), frame(0x81, "c", key...)}, []entry{{string(frame(0xc1, "ab", 0, 0, 0, 0)) + string(frame(0x81, "c", key...)), true, false, false}}, nil, true},
		{"reserved opcode", true, [][]byte{frame(0x83, "ab", 0, 0, 0, 0)}, []entry{{string(frame(0x83, "ab", 0, 0, 0, 0)), true, false, false}}, nil, true},
		{"client without a mask", true, [][]byte{frame(0x81, "ab")}, []entry{{"\x81\x02ab", true, false, false}}, nil, true},
		{"server with a mask", false, [][]byte{frame(0x81, "", 0, 0, 0, 0)}, []entry{{"\x81\x80\x00\x00\x00\x00", true, false, false}}, []int{0}, true},
		{"long ping", true, [][]byte{frame(0x89, big[:126], 0, 0, 0, 0)}, []entry{{string(frame(0x89, big[:126], 0, 0, 0, 0)), true, false, false}}, nil, true},
		{"ping in fragments", true, [][]byte{frame(0x09, "", 0, 0, 0, 0)}, []entry{{"\x09\x80\x00\x00\x00\x00", true, false, false}}, nil, true},
		{"continuation of nothing", true, [][]byte{frame(0x80, "", 0, 0, 0, 0)}, []entry{{"\x80\x80\x00\x00\x00\x00", true, false, false}}, nil, true},
		{"message in a message", true, [][]byte{frame(0x01, "a", 0, 0, 0, 0), frame(0x81, "", 0, 0, 0, 0)}, []entry{{"a", false, false, false}, {"\x81\x80\x00\x00\x00\x00", true, false, false}}, nil, true},
		{"more than 2^63", true, [][]byte{{0x82, 0xff, 0x80, 0, 0, 0, 0, 0, 0, 0, 1, 2, 3, 4}, []byte("x")}, []entry{{"\x82\xff\x80\x00\x00\x00\x00\x00\x00\x00\x01\x02\x03\x04x", true, false, false}}, nil, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			stream := bytes.Join(tt.frames, nil)
			var holds []int
			for _, i := range tt.holds {
				holds = append(holds, len(bytes.Join(tt.frames[:i+1], nil)))
			}
			for _, size := range []int{1 << 30, 1, 2, 3, 7, 4096} {
				got := read(t, stream, tt.fromClient, func() int { return size })
				if !slices.Equal(got.entries, tt.want) {
					t.Fatalf("in pieces of %d: %.200q", size, fmt.Sprint(got.entries))
				}
				if !tt.broken && !slices.Equal(got.holds, holds) {
					t.Errorf("in pieces of %d: held at %v, want %v", size, got.holds, holds)
				}
				if got.between == tt.broken {
					t.Errorf("between frames: %v", got.between)
				}
			}
		})
	}
}

// TestTapBelievesNoLength: a frame that claims to be of 8 EiB costs nothing.
func TestTapBelievesNoLength(t *testing.T) {
	tap := NewTap(false, terminal)
	head := []byte{0x82, 127, 0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff}
	if s := tap.Next(head); s.N != len(head) || s.Piece {
		t.Fatalf("%+v", s)
	}
	chunk := make([]byte, 4<<10)
	if n := testing.AllocsPerRun(1000, func() {
		if s := tap.Next(chunk); s.N != len(chunk) || !s.More {
			t.Fatalf("%+v", s)
		}
	}); n != 0 {
		t.Errorf("%v allocations a step", n)
	}
}

// TestSync: what was written is synced with the rest pending, in order, and
// also where nothing is pending; after a failure there is no end.
func TestSync(t *testing.T) {
	log := &keep{}
	r := NewRecorder(log, Spool{Inline: 1 << 40})
	c := r.Start([16]byte{1})
	c.Write([]byte("a"))
	if err := c.Sync(); err != nil || log.syncs != 1 || log.all() != "a" {
		t.Fatalf("%v, %d syncs, %q", err, log.syncs, log.all())
	}
	if err := c.Sync(); err != nil || log.syncs != 2 {
		t.Fatalf("%v, %d syncs", err, log.syncs)
	}
	c.Write([]byte("b"))
	log.partErr = errors.New("disk full")
	if err := c.Sync(); !errors.Is(err, log.partErr) {
		t.Errorf("sync: %v", err)
	}
	if err := c.End(time.Now(), nil, nil); !errors.Is(err, log.partErr) || log.ended {
		t.Errorf("end: %v, written %v", err, log.ended)
	}
}

// TestIdleCapture: an answer that pauses keeps no buffers.
func TestIdleCapture(t *testing.T) {
	log := &keep{}
	c := NewRecorder(log, Spool{Inline: 1 << 40}).Start([16]byte{1})
	for range 3 {
		c.Write(make([]byte, 100<<10))
		c.Sync()
		for range idleAge - 1 {
			c.tick()
		}
		if cap(c.spare) == 0 {
			t.Error("the buffer went too early")
		}
		c.tick()
		if cap(c.pending)+cap(c.spare) > 0 {
			t.Errorf("%d and %d bytes are kept", cap(c.pending), cap(c.spare))
		}
		c.tick()
	}
	if err := c.End(time.Now(), nil, []byte("rest")); err != nil || len(log.all()) != 3*100<<10+4 {
		t.Errorf("%v, %d bytes", err, len(log.all()))
	}
}

func TestUnmask(t *testing.T) {
	key := [4]byte{1, 2, 3, 0xf0}
	for n := range 40 {
		data := make([]byte, n)
		Unmask(data, key)
		for i, c := range data {
			if c != key[i%4] {
				t.Fatalf("%d bytes: %v", n, data)
			}
		}
	}
}

// expect reads a stream whole, as plainly as it can be done.
func expect(stream []byte, fromClient bool) (entries []entry, holds []int, broken bool) {
	var all runs
	ending := ""
	begun, isBinary := false, false
	rest := stream
	for {
		if len(rest) < 2 {
			break
		}
		fin, op, n, head := rest[0]&0x80 != 0, rest[0]&15, uint64(rest[1]&0x7f), 2
		bad := rest[0]&0x70 != 0 || rest[1]&0x80 != 0 != fromClient || op > 2 && op < 8 || op > 10 ||
			op >= 8 && (!fin || n > 125) || op == 0 && !begun || (op == 1 || op == 2) && begun
		if !bad {
			switch {
			case n == 126:
				head += 2
			case n == 127:
				head += 8
			}
			ext := head
			if fromClient {
				head += 4
			}
			if len(rest) < head {
				break
			}
			if n >= 126 {
				n = 0
				for _, b := range rest[2:ext] {
					n = n<<8 | uint64(b)
				}
			}
			bad = n >= 1<<63
		}
		if bad {
			all.add(rest, true, false, false)
			broken = true
			break
		}
		got := min(n, uint64(len(rest)-head))
		data := bytes.Clone(rest[head : head+int(got)])
		if fromClient {
			for i := range data {
				data[i] ^= rest[head-4+i%4]
			}
		}
		rest = rest[head+int(got):]
		over := got == n
		if op == 1 || op == 2 {
			begun, isBinary, ending = true, op == 2, ""
		}
		switch {
		case op < 8:
			ending += string(data)
			last := fin && over
			if len(data) > 0 || last {
				all.add(data, isBinary, false, last)
			}
			if last {
				begun = false
				if !fromClient && strings.Contains(ending, `"response.done"`) {
					holds = append(holds, len(stream)-len(rest))
				}
			}
		case op == 8 && over:
			all.add(data, false, true, true)
			if !fromClient {
				holds = append(holds, len(stream)-len(rest))
			}
		}
	}
	all.end()
	return all.entries, holds, broken
}

// FuzzTap: however a stream comes in pieces, its messages are the same, nothing
// of their payload is lost, and each end of an answer is held.
func FuzzTap(f *testing.F) {
	key := []byte{9, 8, 7, 6}
	f.Add(bytes.Join([][]byte{frame(0x01, `{"type":"resp`), frame(0x89, "p"), frame(0x80, `onse.done"}`), frame(0x88, "\x03\xe8")}, nil), false, uint64(1))
	f.Add(bytes.Join([][]byte{frame(0x82, strings.Repeat("x", 300), key...), frame(0x01, "a", key...), frame(0x80, "b", key...), frame(0x88, "", key...)}, nil), true, uint64(2))
	f.Add([]byte{0x82, 0xff, 0xff, 0, 0, 0, 0, 0, 0, 0, 1, 2, 3, 4, 5}, true, uint64(3))
	f.Add(append(frame(0x02, "begun"), frame(0x81, "anew")...), false, uint64(4))
	f.Fuzz(func(t *testing.T, stream []byte, fromClient bool, seed uint64) {
		want, holds, broken := expect(stream, fromClient)
		rnd := rand.New(rand.NewPCG(seed, 0))
		limit := 1 + rnd.IntN(40)
		for _, size := range []func() int{whole, func() int { return 1 + rnd.IntN(limit) }} {
			got := read(t, stream, fromClient, size)
			if !slices.Equal(got.entries, want) {
				t.Fatalf("read\n%+q\nwant\n%+q", fmt.Sprint(got.entries), fmt.Sprint(want))
			}
			for _, h := range holds {
				if !slices.Contains(got.holds, h) {
					t.Fatalf("held at %v, want %v", got.holds, holds)
				}
			}
			if !broken && len(got.holds) != len(holds) {
				t.Fatalf("held at %v, want %v", got.holds, holds)
			}
		}
	})
}

func BenchmarkTap(b *testing.B) {
	for _, n := range []int{100, 4 << 10, 64 << 10} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			stream := frame(0x81, strings.Repeat("x", n))
			tap := NewTap(false, terminal)
			b.SetBytes(int64(len(stream)))
			for b.Loop() {
				for p := stream; len(p) > 0; {
					p = p[tap.Next(p).N:]
				}
			}
		})
	}
}
