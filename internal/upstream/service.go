package upstream

import (
	"net/http"
	"sync/atomic"
	"time"
)

// service is what is remembered of a deployment on a backend.
type service struct {
	breaker *Breaker
	*tally
}

// tally is the part of it that no config changes.
type tally struct {
	capacity    Capacity
	outstanding atomic.Int64
	attempts    [classes]atomic.Int64
	told        atomic.Int64 // trips that the log knows of
}

// classes are the status classes by which attempts are counted; 0 is an attempt
// without an answer.
const classes = 6

func newService(cfg BreakerConfig) *service { return &service{NewBreaker(cfg), &tally{}} }

// under is the service under another config.
func (s *service) under(cfg BreakerConfig) *service { return &service{s.breaker.With(cfg), s.tally} }

// probes counts what a backend's probe found.
type probes struct {
	well, failed atomic.Int64
	took         atomic.Int64 // of the last one, in nanoseconds
}

func (p *probes) count(r ProbeResult) {
	if r.OK {
		p.well.Add(1)
	} else {
		p.failed.Add(1)
	}
	p.took.Store(int64(r.Took))
}

// probePause is when a backend is asked for again that its probe has found ill.
const probePause = 5 * time.Second

// Available says whether a call may go to the member now.
func (m *Member) Available(now time.Time) bool {
	return (m.host.prober == nil || m.host.prober.healthy()) && m.service.breaker.Available(now)
}

// Admit lets a call through to the member, or does not. One that is let through
// ends with [Member.Done], and before with [Member.Report] or [Member.Release].
func (m *Member) Admit(now time.Time) (Ticket, bool) {
	if m.host.prober != nil && !m.host.prober.healthy() {
		return Ticket{}, false
	}
	t, ok := m.service.breaker.Admit(now)
	if ok {
		m.service.outstanding.Add(1)
	}
	return t, ok
}

// Report tells what became of a call that was let through.
func (m *Member) Report(now time.Time, t Ticket, o Outcome) {
	m.service.attempts[min(max(o.Status/100, 0), classes-1)].Add(1)
	m.service.breaker.Report(now, t, o)
	if o.Status == 0 || o.Status >= http.StatusBadRequest {
		m.tellTrip(now)
	}
}

// tellTrip logs a trip once.
func (m *Member) tellTrip(now time.Time) {
	s := m.service.breaker.State(now)
	if s.Phase != Open {
		return
	}
	if told := m.service.told.Load(); told == s.Trips || !m.service.told.CompareAndSwap(told, s.Trips) {
		return
	}
	m.host.log.Warn("a backend's breaker tripped", "backend", m.Backend, "deployment", m.Deployment, "rule", s.Rule, "for", s.Until.Sub(now).Round(time.Millisecond))
}

// Broke tells that the answer of a call that was reported as a success broke off:
// with reason AnswerBroken, or Timeout where the backend fell silent. It is no
// further call, but one that has failed after all.
func (m *Member) Broke(now time.Time, t Ticket, reason string) {
	m.service.breaker.Broke(now, t, reason)
	m.tellTrip(now)
}

// Release takes back a call of which nothing can be told: its client left.
func (m *Member) Release(t Ticket) { m.service.breaker.Release(t) }

// Done says that a call that was let through is over.
func (m *Member) Done() { m.service.outstanding.Add(-1) }

// Recovery is how long it takes until a call may go to the member again, and
// whether it is throttled, not ill; 0 when one may go now.
func (m *Member) Recovery(now time.Time) (wait time.Duration, throttled bool) {
	if m.host.prober != nil && !m.host.prober.healthy() {
		return probePause, false
	}
	return m.service.breaker.Recovery(now)
}
