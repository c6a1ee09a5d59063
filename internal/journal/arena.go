package journal

// arena holds the encoded frames since the last fdatasync, as one stream of
// bytes: those not yet written to a file, and those that a failing file may
// have lost. Positions in the stream only grow. A frame never spans two chunks.
type arena struct {
	chunks []chunk
	end    int64
	free   [][]byte
}

type chunk struct {
	base int64 // stream position of buf[0]
	buf  []byte
}

const (
	chunkBytes = 256 << 10
	chunksFree = syncBytes / chunkBytes // kept for reuse: what is unsynced at most as a rule
)

// grow returns the next n bytes of the stream for the caller to fill.
func (a *arena) grow(n int) []byte {
	if len(a.chunks) == 0 || cap(a.last().buf)-len(a.last().buf) < n {
		a.chunks = append(a.chunks, chunk{base: a.end, buf: a.newChunk(n)})
	}
	c := a.last()
	at := len(c.buf)
	c.buf = c.buf[:at+n]
	a.end += int64(n)
	return c.buf[at:]
}

func (a *arena) last() *chunk { return &a.chunks[len(a.chunks)-1] }

func (a *arena) newChunk(n int) []byte {
	if n > chunkBytes {
		return make([]byte, 0, n)
	}
	if k := len(a.free); k > 0 {
		b := a.free[k-1]
		a.free = a.free[:k-1]
		return b
	}
	return make([]byte, 0, chunkBytes)
}

// trim forgets what stands before pos, in whole chunks.
func (a *arena) trim(pos int64) {
	n := 0
	for n < len(a.chunks) && a.chunks[n].base+int64(len(a.chunks[n].buf)) <= pos {
		if b := a.chunks[n].buf; cap(b) == chunkBytes && len(a.free) < chunksFree {
			a.free = append(a.free, b[:0])
		}
		n++
	}
	m := copy(a.chunks, a.chunks[n:])
	clear(a.chunks[m:])
	a.chunks = a.chunks[:m]
}

// cut takes back what was added from pos on.
func (a *arena) cut(pos int64) {
	for len(a.chunks) > 0 && a.last().base >= pos {
		a.end = a.last().base
		a.chunks = a.chunks[:len(a.chunks)-1]
	}
	if len(a.chunks) > 0 && pos < a.end {
		c := a.last()
		c.buf = c.buf[:pos-c.base]
	}
	a.end = pos
}

// write gives the bytes from pos to the end to put, in order, with their
// positions.
func (a *arena) write(pos int64, put func(p []byte, pos int64) error) error {
	for i := range a.chunks {
		c := &a.chunks[i]
		if c.base+int64(len(c.buf)) <= pos {
			continue
		}
		from := max(0, pos-c.base)
		if err := put(c.buf[from:], c.base+from); err != nil {
			return err
		}
	}
	return nil
}
