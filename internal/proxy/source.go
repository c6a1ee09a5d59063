package proxy

import (
	"errors"
	"io"
	"sync"

	"weir/internal/payload"
	"weir/internal/record"
)

// source is a request's body that can be read again from its start while it is
// still on its way: what has come is in memory up to a limit, and above it in the
// spool. There a goroutine brings it, so that taking it from the client, keeping
// it and passing it on go on beside each other; it is never far ahead of the
// readers, so that a slow backend slows its client and nothing else.
type source struct {
	body   io.Reader
	inline int // bytes kept in memory
	limit  int64
	create func() (*payload.File, error)

	mem []byte

	mu     sync.Mutex // guards what follows
	moved  sync.Cond  // size, read, err or a reader has changed
	file   *payload.File
	size   int64         // bytes that can be read
	read   int64         // how far the furthest reader is
	err    error         // what ended the body: io.EOF when it is whole
	pumped chan struct{} // closed when nothing reads body any more
}

const (
	pumpBytes = 256 << 10
	pumpAhead = 4 << 20 // how far the spool may be ahead of the readers
)

var errSourceClosed = errors.New("the request is over")

// spoolError is a failure of the spool, to be told from one of the client's.
type spoolError struct{ error }

// prefetch reads until the body is whole or larger than what memory keeps; then
// the spool takes it over.
func (s *source) prefetch() error {
	s.moved.L = &s.mu
	for s.err == nil && len(s.mem) <= s.inline {
		if len(s.mem) == cap(s.mem) {
			s.mem = append(s.mem, make([]byte, min(max(len(s.mem), firstBody), growBody))...)[:len(s.mem)]
		}
		n, err := s.body.Read(s.mem[len(s.mem):cap(s.mem)])
		s.mem = s.mem[:len(s.mem)+n]
		s.size, s.err = int64(len(s.mem)), err
	}
	if s.err == nil || s.err == io.EOF && len(s.mem) > s.inline {
		return s.spill()
	}
	if s.err == io.EOF {
		return nil
	}
	return s.err
}

// spill moves what is in memory to the spool, and has the rest follow.
func (s *source) spill() error {
	file, err := s.create()
	if err == nil {
		s.file = file
		_, err = file.Write(s.mem)
	}
	if err != nil {
		s.err = spoolError{err}
		return s.err
	}
	s.mem = nil
	if s.err == nil {
		s.pumped = make(chan struct{})
		go s.pump()
	}
	return nil
}

// pump brings the rest of the body into the spool.
func (s *source) pump() {
	defer close(s.pumped)
	buf := make([]byte, pumpBytes)
	for {
		n, err := io.ReadAtLeast(s.body, buf, 1)
		if n > 0 {
			if _, failed := s.file.Write(buf[:n]); failed != nil {
				n, err = 0, spoolError{failed}
			}
		}
		s.mu.Lock()
		s.size += int64(n)
		if err == nil && s.size > s.limit {
			err = errTooLarge
		}
		if s.err == nil {
			s.err = err
		}
		s.moved.Broadcast()
		for s.err == nil && s.size-s.read > pumpAhead {
			s.moved.Wait()
		}
		ended := s.err != nil
		s.mu.Unlock()
		if ended {
			return
		}
	}
}

// readAt reads from an offset for r; at the present end it waits for more.
func (s *source) readAt(p []byte, r *replay) (int, error) {
	s.mu.Lock()
	if r.at > s.read {
		s.read = r.at
		s.moved.Broadcast()
	}
	for s.err == nil && r.at >= s.size && !r.closed {
		s.moved.Wait()
	}
	size, err, file := s.size, s.err, s.file
	if r.closed {
		size, err = 0, errSourceClosed
	}
	s.mu.Unlock()
	switch {
	case r.at >= size:
		return 0, err
	case file == nil:
		return copy(p, s.mem[r.at:]), nil
	}
	return file.ReadAt(p[:min(int64(len(p)), size-r.at)], r.at)
}

// whole gives the body where all of it is in memory.
func (s *source) whole() ([]byte, bool) { return s.mem, s.file == nil }

// failure is what ended the body before its end; nil when it is whole or not
// read to its end yet.
func (s *source) failure() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.err == io.EOF || s.err == errSourceClosed {
		return nil
	}
	return s.err
}

// end stops the reading of the body; stop makes a read that waits for the client
// return. Nothing reads it any more afterwards.
func (s *source) end(stop func()) {
	s.mu.Lock()
	if s.err == nil {
		s.err = errSourceClosed
		s.moved.Broadcast()
	}
	s.mu.Unlock()
	if s.pumped == nil {
		return
	}
	select {
	case <-s.pumped:
	default:
		stop()
		<-s.pumped
	}
}

// settle ends the reading of the body, and gives what the spool has of it once
// that is on stable storage.
func (s *source) settle(stop func()) (*record.Payload, error) {
	s.end(stop)
	if s.file == nil {
		return nil, nil
	}
	if err := s.file.Sync(); err != nil {
		return nil, err
	}
	p := s.file.Payload()
	return &p, nil
}

// length is how much of the body has come.
func (s *source) length() int64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.size
}

// close gives the spool's file up, and removes it where no record names it.
// Readers find the end of their body.
func (s *source) close(stop func(), unnamed bool) {
	s.end(stop)
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.file != nil {
		s.size = 0
		giveUp(s.file, unnamed)
	}
}

// replay reads a source from its start.
type replay struct {
	s      *source
	at     int64
	closed bool // guarded by s.mu
}

// Read implements io.Reader.
func (r *replay) Read(p []byte) (int, error) {
	n, err := r.s.readAt(p, r)
	r.at += int64(n)
	return n, err
}

// Close stops the reading.
func (r *replay) Close() error {
	r.s.mu.Lock()
	defer r.s.mu.Unlock()
	r.closed = true
	r.s.moved.Broadcast()
	return nil
}

// editor reads a body with edits made.
type editor struct {
	io.ReadCloser
	at    int64
	edits []record.Edit
	text  string // of an edit, what was not read yet
}

// Read implements io.Reader.
func (e *editor) Read(p []byte) (int, error) {
	for {
		if e.text != "" {
			n := copy(p, e.text)
			e.text = e.text[n:]
			return n, nil
		}
		if len(e.edits) == 0 {
			return e.ReadCloser.Read(p)
		}
		next := e.edits[0]
		if left := int64(next.Offset) - e.at; left > 0 {
			n, err := e.ReadCloser.Read(p[:min(int64(len(p)), left)])
			e.at += int64(n)
			return n, err
		}
		if _, err := io.CopyN(io.Discard, e.ReadCloser, int64(next.Old)); err != nil {
			return 0, err
		}
		e.at += int64(next.Old)
		e.text, e.edits = next.New, e.edits[1:]
	}
}

// open gives a reader of the body with edits made.
func (s *source) open(edits []record.Edit) io.ReadCloser {
	r := &replay{s: s}
	if len(edits) == 0 {
		return r
	}
	return &editor{ReadCloser: r, edits: edits}
}
