package proxy

import (
	"sync"
	"time"
)

// sockets are those under way.
type sockets struct {
	buffers sync.Pool // *[burstBytes]byte

	mu       sync.Mutex
	open     map[*socket]struct{}
	stopping bool
}

func (l *sockets) init() {
	l.open = map[*socket]struct{}{}
	l.buffers.New = func() any { return new([burstBytes]byte) }
}

func (l *sockets) add(s *socket) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.open[s] = struct{}{}
	if l.stopping {
		s.stop()
	}
}

func (l *sockets) remove(s *socket) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.open, s)
}

// stop ends all sockets, and those that are still to come.
func (l *sockets) stop() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.stopping = true
	for s := range l.open {
		s.stop()
	}
}

// sweep cuts the sockets whose time is up, or whose peer has taken nothing for
// as long as stall. One sweep for all costs an idle socket no timer. It waits for
// no socket's lock, which is held while the journal is written.
func (l *sockets) sweep(stall time.Duration) {
	var late []*socket
	l.mu.Lock()
	for s := range l.open {
		if s.late(s.clock(), int64(stall)) {
			late = append(late, s)
		}
	}
	l.mu.Unlock()
	for _, s := range late {
		s.cut()
	}
}

func (s *socket) late(now, stall int64) bool {
	long := func(since int64) bool { return since != 0 && now-since > stall }
	if long(s.forwarding.Load()) {
		s.stalled.Store(true)
		return true
	}
	limit := s.limit.Load()
	return long(s.sending.Load()) || limit != 0 && now > limit
}

// clock is the time since the gateway started, in nanoseconds. Unlike the time of
// day it never jumps.
func (s *socket) clock() int64 { return int64(time.Since(s.x.p.started)) }

// expire sets when the socket must be over, if it need not be earlier.
func (s *socket) expire(d time.Duration) {
	at := s.clock() + int64(d)
	for {
		old := s.limit.Load()
		if old != 0 && old <= at || s.limit.CompareAndSwap(old, at) {
			return
		}
	}
}

// cut ends both readers. The client's connection stays open: its end must not
// reach the client before the exchange's is on stable storage.
func (s *socket) cut() {
	_ = s.client.SetDeadline(past)
	_ = s.backend.Close()
}

// stop begins the socket's end, because the gateway stops.
func (s *socket) stop() {
	s.stopping.Store(true)
	s.expire(stopGrace)
	_ = s.client.SetReadDeadline(past) // wakes the client's reader
}
