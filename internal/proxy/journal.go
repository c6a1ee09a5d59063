package proxy

import (
	"sync"
	"time"

	"weir/internal/capture"
	"weir/internal/journal"
)

// contentBlock is the kind of a frame's block that holds content: a request's
// body in a begin frame, the answer's in the others.
const contentBlock = 1

// frames writes exchanges to a journal.
type frames struct {
	j    *journal.Journal
	pool sync.Pool // *frame
}

type frame struct {
	journal.Frame
	blocks [2]journal.Block
}

// Journal lets exchanges write to j.
func Journal(j *journal.Journal) capture.Log { return &frames{j: j} }

func (l *frames) frame(kind journal.Kind, id [16]byte, at time.Time, meta, content, more []byte) *frame {
	f, _ := l.pool.Get().(*frame)
	if f == nil {
		f = new(frame)
	}
	f.Frame = journal.Frame{Kind: kind, Time: at.UnixNano(), ID: id, Meta: meta, Blocks: f.blocks[:0]}
	if len(content) > 0 {
		f.Blocks = append(f.Blocks, journal.Block{Kind: contentBlock, Data: content})
	}
	if len(more) > 0 {
		f.Blocks = append(f.Blocks, journal.Block{Kind: contentBlock, Data: more})
	}
	return f
}

func (l *frames) done(f *frame) {
	f.blocks = [2]journal.Block{}
	f.Frame = journal.Frame{}
	l.pool.Put(f)
}

func (l *frames) Ready() error { return l.j.Ready() }

func (l *frames) Begin(id [16]byte, at time.Time, meta, body []byte) error {
	f := l.frame(journal.Begin, id, at, meta, body, nil)
	_, err := l.j.Append(&f.Frame)
	l.done(f)
	return err
}

func (l *frames) Part(id [16]byte, at time.Time, content []byte) error {
	f := l.frame(journal.Part, id, at, nil, content, nil)
	_, err := l.j.Append(&f.Frame)
	l.done(f)
	return err
}

func (l *frames) Sync(id [16]byte, at time.Time, content []byte) error {
	f := l.frame(journal.Part, id, at, nil, content, nil)
	_, err := l.j.Commit(&f.Frame)
	l.done(f)
	return err
}

func (l *frames) End(id [16]byte, at time.Time, meta, content, more []byte) error {
	f := l.frame(journal.End, id, at, meta, content, more)
	_, err := l.j.Commit(&f.Frame)
	l.done(f)
	return err
}

func (l *frames) Delivered(id [16]byte, at time.Time, meta []byte) {
	f := l.frame(journal.Delivered, id, at, meta, nil, nil)
	l.j.Lazy(&f.Frame)
	l.done(f)
}
