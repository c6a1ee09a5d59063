package sim

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"hash"
	"sync/atomic"
)

// space is how much memory contents may take together. One alone takes at most a
// quarter of it, so that a huge one does not first fill it and then go.
type space struct {
	limit int64
	used  atomic.Int64
}

// most is how long a content may be that is kept.
func (s *space) most() int64 { return s.limit / 4 }

// take reserves n bytes, if there are so many.
func (s *space) take(n int64) bool {
	if s.used.Add(n) > s.limit {
		s.used.Add(-n)
		return false
	}
	return true
}

// blob is the content of a file. It does not change once it is made.
type blob struct {
	size   int64
	sha256 string
	kept   bool
	chunks [][]byte // nil unless kept
	space  *space
}

// release gives the memory back; a second time it does nothing. Whoever still
// reads the chunks keeps them alive, uncounted.
func (b *blob) release() {
	if b != nil && b.kept && b.space != nil {
		b.space.used.Add(-b.size)
		b.space = nil
	}
}

// copied is the content once more; its memory is counted where it came from.
func (b *blob) copied() *blob {
	other := *b
	other.space = nil
	return &other
}

// bytes is the content as one piece.
func (b *blob) bytes() []byte { return bytes.Join(b.chunks, nil) }

// body is the content as an answer.
func (b *blob) body() *body {
	out := &body{}
	for _, c := range b.chunks {
		out.repeat(c, 1)
	}
	return out
}

// chunkSize is how much memory a content takes at a time.
const chunkSize = 64 << 10

// blobWriter makes a blob of what is written to it; what finds no space is only
// counted and digested.
type blobWriter struct {
	blob blob
	sum  hash.Hash
}

// newBlobWriter makes a writer for a content of about that length, -1 where that
// is not known.
func newBlobWriter(s *space, length int64) *blobWriter {
	return &blobWriter{blob: blob{kept: length <= s.most(), space: s}, sum: sha256.New()}
}

// Write never fails.
func (w *blobWriter) Write(p []byte) (int, error) {
	w.sum.Write(p)
	n := int64(len(p))
	if w.blob.kept && w.blob.size+n <= w.blob.space.most() && w.blob.space.take(n) {
		w.keep(p)
	} else if w.blob.kept {
		w.blob.release()
		w.blob.kept, w.blob.chunks = false, nil
	}
	w.blob.size += n
	return len(p), nil
}

// keep fills the last chunk and adds further ones.
func (w *blobWriter) keep(p []byte) {
	for len(p) > 0 {
		last := len(w.blob.chunks) - 1
		if last < 0 || len(w.blob.chunks[last]) == cap(w.blob.chunks[last]) {
			w.blob.chunks = append(w.blob.chunks, make([]byte, 0, min(chunkSize, max(len(p), 512))))
			last++
		}
		c := w.blob.chunks[last]
		n := min(len(p), cap(c)-len(c))
		w.blob.chunks[last] = append(c, p[:n]...)
		p = p[n:]
	}
}

// done is the blob.
func (w *blobWriter) done() *blob {
	w.blob.sha256 = hex.EncodeToString(w.sum.Sum(nil))
	return &w.blob
}

// newBlob stores data.
func (s *store) newBlob(data []byte) *blob {
	w := newBlobWriter(&s.space, int64(len(data)))
	_, _ = w.Write(data) // does not fail
	return w.done()
}

// joined is the parts one after the other, whose memory it takes over. When one of
// them was not kept, neither is the whole, and its digest is not known.
func joined(parts []*blob) *blob {
	whole := &blob{kept: true}
	sum := sha256.New()
	for _, p := range parts {
		whole.size += p.size
		whole.kept = whole.kept && p.kept
		for _, c := range p.chunks {
			sum.Write(c)
		}
	}
	if !whole.kept {
		return whole
	}
	for _, p := range parts {
		whole.chunks = append(whole.chunks, p.chunks...)
		whole.space, p.space = p.space, nil
	}
	whole.sha256 = hex.EncodeToString(sum.Sum(nil))
	return whole
}
