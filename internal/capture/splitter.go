package capture

import (
	"bytes"
	"sync"
)

// Kind says what a piece of a stream is.
type Kind uint8

// The kinds of piece.
const (
	// Event is a whole event with its blank line (HTML, 9.2.6).
	Event Kind = iota
	// Comment is a comment line outside an event, or a blank line without one.
	Comment
	// Fragment is part of an event longer than the limit.
	Fragment
)

const (
	firstBuffer = 8 << 10
	readRoom    = 2 << 10
	maxEvent    = 64 << 10
)

// Splitter cuts a server-sent event stream into pieces at whole events. Lines
// may end in LF, CRLF or CR. The pieces, one after the other, are the stream,
// byte by byte; how it arrived does not change them, but for the LF of a stream's
// first CRLF where that came later than its CR: it may begin the next piece.
type Splitter struct {
	buf        []byte
	start, end int // of what was not given out
	scan       int // how far line ends were looked for
	line       int // where the current line begins
	mid        bool
	fields     bool // the current event has a line that is no comment
	comment    bool // the current line was begun in an earlier fragment, as a comment
	afterCR    bool
	crlf       bool // a CRLF was seen: the LF of a CR that came last is on its way
}

// Splitters keeps splitters, with their buffers, between streams.
type Splitters struct{ pool sync.Pool }

// Get gives an empty splitter.
func (p *Splitters) Get() *Splitter {
	if s, _ := p.pool.Get().(*Splitter); s != nil {
		return s
	}
	return &Splitter{buf: make([]byte, firstBuffer)}
}

// Put takes back a splitter that is no longer used.
func (p *Splitters) Put(s *Splitter) {
	if len(s.buf) > 2*firstBuffer {
		s.buf = make([]byte, firstBuffer)
	}
	*s = Splitter{buf: s.buf}
	p.pool.Put(s)
}

// Space is where the next bytes are to be read to. It ends the validity of all
// pieces given before.
func (s *Splitter) Space() []byte {
	if s.start == s.end {
		s.shift()
	} else if len(s.buf)-s.end < readRoom {
		if s.start > 0 {
			s.shift()
		}
		if len(s.buf)-s.end < readRoom {
			s.buf = append(s.buf, make([]byte, len(s.buf))...)
		}
	}
	return s.buf[s.end:]
}

func (s *Splitter) shift() {
	n := s.start
	copy(s.buf, s.buf[n:s.end])
	s.start, s.end, s.scan, s.line = 0, s.end-n, s.scan-n, s.line-n
}

// Fed says that n bytes were read to Space, and gives them.
func (s *Splitter) Fed(n int) []byte {
	s.end += n
	return s.buf[s.end-n : s.end]
}

// Next gives the next piece; ok is false when there is none until more was fed.
func (s *Splitter) Next() (piece []byte, kind Kind, ok bool) {
	for s.nextLine() {
		text := s.scan
		if s.line == s.scan {
			continue // the LF of a CRLF whose CR ended the line
		}
		blank := !s.mid && isEnd(s.buf[s.line])
		comment := s.comment || !s.mid && s.buf[s.line] == ':'
		s.line, s.mid, s.comment = text, false, false
		switch {
		case blank && s.fields:
			return s.give(Event), Event, true
		case blank, comment && !s.fields:
			return s.give(Comment), Comment, true
		case !comment:
			s.fields = true
		}
	}
	if s.end-s.start >= maxEvent {
		if s.line < s.scan {
			s.comment = s.comment || !s.mid && s.buf[s.line] == ':'
			s.mid, s.fields = true, s.fields || !s.comment
		}
		s.line = s.scan
		return s.give(Fragment), Fragment, true
	}
	return nil, 0, false
}

func isEnd(c byte) bool { return c == '\n' || c == '\r' }

func (s *Splitter) give(k Kind) []byte {
	piece := s.buf[s.start:s.line]
	s.start = s.line
	if k != Fragment {
		s.fields = false
	}
	return piece
}

// nextLine moves scan behind the next line's end; false when there is none yet.
func (s *Splitter) nextLine() bool {
	if s.scan == s.end {
		return false
	}
	if s.afterCR {
		s.afterCR = false
		if s.buf[s.scan] == '\n' {
			s.crlf = true
			s.scan++
			s.line = s.scan
			return true
		}
	}
	rest := s.buf[s.scan:s.end]
	n := bytes.IndexByte(rest, '\n')
	if n >= 0 {
		rest = rest[:n]
	}
	if cr := bytes.IndexByte(rest, '\r'); cr >= 0 {
		at := s.scan + cr
		s.scan = at + 1
		switch {
		case s.scan < s.end && s.buf[s.scan] == '\n':
			s.crlf = true
			s.scan++
		case s.scan == s.end && s.crlf:
			s.scan = at
			return false
		case s.scan == s.end:
			s.afterCR = true
		}
		return true
	}
	if n < 0 {
		s.scan = s.end
		return false
	}
	s.scan += n + 1
	return true
}

// Rest gives what is left at the stream's end: an event without its blank line.
func (s *Splitter) Rest() []byte {
	rest := s.buf[s.start:s.end]
	s.start, s.line, s.scan = s.end, s.end, s.end
	return rest
}
