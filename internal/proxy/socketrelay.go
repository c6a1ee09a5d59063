package proxy

import (
	"io"
	"time"

	"weir/internal/capture"
	"weir/internal/record"
)

// relay reads src into small until it ends or pass says so; then the error is nil.
func (s *socket) relay(src io.Reader, small []byte, pass func([]byte) bool) error {
	pool := &s.x.p.sockets.buffers
	buf := small
	var big *[burstBytes]byte
	back := func() {
		if big != nil {
			pool.Put(big)
			big, buf = nil, small
		}
	}
	defer back()
	for {
		n, err := src.Read(buf)
		if n > 0 && !pass(buf[:n]) {
			return nil
		}
		switch {
		case err != nil:
			return err
		case n < len(buf):
			back()
		case big == nil:
			big = pool.Get().(*[burstBytes]byte)
			buf = big[:]
		}
	}
}

// forward records what the client sent and writes it to the backend; false when
// no more can pass.
func (s *socket) forward(p []byte) bool {
	p, err := s.recordClient(p)
	if err != nil {
		s.because(unrecorded, nil)
		_ = s.backend.Close() // wakes the other reader
		return false
	}
	if len(p) == 0 {
		return true
	}
	s.forwarding.Store(s.clock())
	_, err = s.backend.Write(p)
	s.forwarding.Store(0)
	if err != nil {
		s.expire(closeGrace) // what the backend said before it vanished is still to be read
	}
	return err == nil
}

// recordClient records what the client sent and gives what may pass of it.
func (s *socket) recordClient(p []byte) ([]byte, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ended {
		return s.lastWord(p), nil
	}
	for at := 0; at < len(p); {
		step := s.up.Next(p[at:])
		at += step.N
		if err := s.note(&step, true); err != nil {
			return nil, err
		}
	}
	return p, s.x.cap.Flush() // what is forwarded is on the record, however this process ends
}

// lastWord gives the close frame in what a client sends behind the exchange's
// end: nothing else may reach the backend then, since it would be on no record.
func (s *socket) lastWord(p []byte) []byte {
	first := -1
	for at := 0; at < len(p); {
		step := s.up.Next(p[at:])
		if step.First {
			first = at
		}
		at += step.N
		if step.Close && first >= 0 && s.clean {
			s.clean = false // one is enough
			return p[first:at]
		}
	}
	return nil
}

// note puts a step's piece on the record. The caller holds mu.
func (s *socket) note(step *capture.Step, fromClient bool) error {
	if !step.Piece {
		return nil
	}
	if fromClient {
		s.x.end.Received += int64(len(step.Data))
	}
	if step.Close && s.why == still {
		s.why = closed
	}
	m := record.Message{
		At: s.x.elapsed(), FromClient: fromClient,
		Binary: step.Binary, More: step.More, Close: step.Close, Data: step.Data,
	}
	buf := s.x.p.buffers.Get().(*[bufferBytes]byte)
	defer s.x.p.buffers.Put(buf)
	b := m.Append(buf[:0])
	capture.Unmask(b[len(b)-len(step.Data):], step.Key)
	return s.x.cap.Write(b)
}

// answer records what the backend sent and writes it to the client, but for what
// is held until it is durable; false when no more can pass.
func (s *socket) answer(p []byte) bool {
	if s.said {
		return true
	}
	start, size := 0, 0 // of what was not written yet: where it begins, its payload
	for at := 0; at < len(p); {
		step, frame, err := s.scan(p, &at, &size)
		if err == nil && step.Hold {
			// The bytes of the frame that is held have its step's payload only.
			from := max(start, frame)
			if !s.send(p[start:from], size-len(step.Data)) {
				return false
			}
			start, size = from, len(step.Data)
			if step.Close {
				return s.last(p[start:at], size)
			}
			err = s.x.cap.Sync()
		}
		if err != nil {
			s.because(unrecorded, nil)
			return false
		}
	}
	return s.send(p[start:], size)
}

// scan records p from at on, up to the first step that is held or the end; frame
// is where that step's frame begins, and size grows by the payload.
func (s *socket) scan(p []byte, at, size *int) (step capture.Step, frame int, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := time.Now()
	for *at < len(p) && !step.Hold {
		step = s.down.Next(p[*at:])
		if step.First {
			frame = *at
		}
		*at += step.N
		*size += len(step.Data)
		if step.Close && s.why == stopped {
			break // the client gets the gateway's
		}
		if err = s.note(&step, false); err != nil {
			break
		}
		if step.Piece && !step.Close {
			s.x.firstByte(now)
			if !step.More {
				s.x.end.Events++
			}
		}
	}
	return step, frame, err
}

// last passes the backend's close frame, once the exchange's end is committed.
// What comes behind it goes nowhere, and is read for the connection's end.
func (s *socket) last(frame []byte, size int) bool {
	s.expire(closeGrace)
	if !s.commitClose() {
		return false
	}
	s.said = s.send(frame, size)
	s.x.deliver() // what is still to come is no part of the exchange
	return s.said
}

// commitClose commits the exchange's end before the backend's close frame passes;
// false when the frame must not.
func (s *socket) commitClose() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.why != stopped && s.commit()
}

// send writes p, with size bytes of payload, to the client; false when the client
// takes no more.
func (s *socket) send(p []byte, size int) bool {
	if len(p) == 0 {
		return true
	}
	before := time.Now()
	s.sending.Store(s.clock())
	_, err := s.client.Write(p)
	s.sending.Store(0)
	s.x.writing += time.Since(before)
	if err != nil {
		s.x.hungUp = true
		s.because(clientVanished, nil)
		return false
	}
	s.x.sent += int64(size)
	return true
}
