package upstream

import (
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

const (
	// maxRetryAfter bounds what an answer may say: a longer Retry-After is taken
	// as this.
	maxRetryAfter = time.Hour
	// minTrialRetryAfter is the least that a refused trial's Retry-After counts
	// for. A first Retry-After of 0 is believed, and a trial may begin at once;
	// without this, a backend that says 0 every time would be called in a loop.
	minTrialRetryAfter = time.Second
	// trialWait is what Recovery answers while a trial is under way, whose end
	// nobody knows.
	trialWait = time.Second
)

// Outcome is what became of one attempt.
type Outcome struct {
	// Status is the answer's, 0 without an answer.
	Status int
	// Reason is the error reason where Status is 0 or the answer broke off.
	Reason string
	// RetryAfter is what the answer said, -1 when it did not (see RetryAfter).
	RetryAfter time.Duration
}

// Phase is where a breaker stands.
type Phase uint8

// A breaker is closed while calls pass, open while none does, and half open
// when the trip is over and one trial at a time decides how it goes on.
const (
	Closed Phase = iota
	Open
	HalfOpen
)

func (p Phase) String() string {
	switch p {
	case Closed:
		return "closed"
	case Open:
		return "open"
	}
	return "half_open"
}

// State is a breaker as seen from outside. Until, Rule and Throttled are those
// of the last trip, and zero while the breaker is closed.
type State struct {
	Phase     Phase
	Until     time.Time // when a trial may begin
	Rule      string    // the rule that tripped it
	Throttled bool      // tripped by a 429
	Trips     int64     // so far, those of refused trials included
}

// Ticket is what an admitted call ends with: by Report or by Release. A Release
// after a Report does nothing, and can be deferred. Where a call was reported as
// a success and its answer then breaks off, Broke says so once.
type Ticket struct {
	number uint64 // the period of the call, or the trial's own number
	trial  bool
}

// Breaker stops calls to one deployment of a backend when they fail. It is safe
// for concurrent use, and costs a closed backend's call one atomic load and, as
// long as the call does not fail and no rule counts a percentage, no lock.
//
// What always holds: while it is open no call is admitted, and while it is half
// open no call is admitted before the last one's verdict is in, or has not come for
// half a minute. A call that was
// admitted before a trip changes nothing after it, but for a Retry-After which
// is beyond the trip's end and then prolongs it.
type Breaker struct {
	*memory
	rules       []rule
	failures    conditions // those of all rules
	percentages bool       // a rule counts calls that do not fail, too
}

// memory is what a breaker keeps when its rules change. Breakers of different
// rules, those of running calls and those of new ones, may share it.
type memory struct {
	// period counts trips and closings: even while closed, odd from a trip to the
	// closing. It is written with the lock held.
	period atomic.Uint64

	mu        sync.Mutex
	base      time.Time // what moments are counted from
	latest    time.Duration
	until     time.Time
	rule      string
	throttled bool
	trips     int64
	trials    uint64    // numbers them
	trial     uint64    // the one under way, or 0
	tried     time.Time // when it began
	healer    uint64    // the trial that began the present period, or 0 after a trip
}

// NewBreaker makes a closed breaker. The config has been checked.
func NewBreaker(cfg BreakerConfig) *Breaker {
	return cfg.breaker(new(memory), nil)
}

// With gives a breaker of other rules that remembers what b does: whether and
// until when it is tripped, and the failures counted by a rule that has kept its
// name, count or percentage, interval and conditions. The calls admitted by b
// go on to report to b, and are heard. A disabled one forgets everything.
func (b *Breaker) With(cfg BreakerConfig) *Breaker {
	if cfg.Disabled || len(b.rules) == 0 {
		return NewBreaker(cfg)
	}
	return cfg.breaker(b.memory, b.rules)
}

func (c BreakerConfig) breaker(m *memory, old []rule) *Breaker {
	b := &Breaker{memory: m}
	if c.Disabled {
		return b
	}
	configured := c.Rules
	if len(configured) == 0 {
		configured = defaultRules()
	}
	for _, r := range configured {
		made := r.compile()
		if i := slices.IndexFunc(old, made.alike); i >= 0 {
			made.window = old[i].window
		}
		b.rules = append(b.rules, made)
		b.failures.join(made.failures)
		b.percentages = b.percentages || made.percentage > 0
	}
	return b
}

// Available says whether a call may be admitted now, as a trial or otherwise,
// without claiming it.
func (b *Breaker) Available(now time.Time) bool {
	if b.period.Load()&1 == 0 {
		return true
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	phase := b.phase(now)
	return phase == Closed || phase == HalfOpen && b.free(now)
}

// Admit claims a call. It is not ok while the breaker is open or a trial is
// under way. An admitted call must end in Report or Release: until then, a
// trial keeps out all others.
func (b *Breaker) Admit(now time.Time) (t Ticket, ok bool) {
	if period := b.period.Load(); period&1 == 0 {
		return Ticket{number: period}, true
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	switch b.phase(now) {
	case Closed: // since the load
		return Ticket{number: b.period.Load()}, true
	case HalfOpen:
		if b.free(now) {
			b.trials++
			b.trial, b.tried = b.trials, now
			return Ticket{number: b.trial, trial: true}, true
		}
	}
	return Ticket{}, false
}

// free says whether a trial may begin: none is under way, or the one that is has
// been silent for so long that a further one is tried. The caller holds the lock.
func (m *memory) free(now time.Time) bool {
	return m.trial == 0 || now.Sub(m.tried) >= longTrial
}

// longTrial is after what time without a verdict a trial keeps no other out: a
// plain answer may take its model minutes.
const longTrial = 30 * time.Second

// Report takes a call's verdict. A failure is what some rule says is one.
//
// In a call admitted while closed, it is counted. In a trial, it trips the
// breaker again by the first rule whose condition it meets, whatever that rule's
// count; any other answer closes the breaker, and what was counted is forgotten.
// A trial without an answer that meets no condition (the gateway had no
// credential, say) tells nothing of the backend: it is released.
func (b *Breaker) Report(now time.Time, t Ticket, o Outcome) {
	failed := b.failures.met(o)
	if !failed && !t.trial && !b.percentages {
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	period := b.period.Load()
	switch {
	case t.trial && t.number != b.trial: // reported before
	case t.trial && failed:
		b.trial = 0
		b.trip(now, b.first(o), o, true)
	case t.trial:
		b.trial = 0
		if o.Status != 0 {
			b.close()
			b.healer = t.number
		}
	case t.number == period:
		if failed || o.Status != 0 { // else it tells nothing of the backend
			b.count(now, o, false)
		}
	case period&1 == 1 && failed:
		b.prolong(now, o)
	}
}

// Broke takes back a success that Report was told of: the call's answer broke off
// after its headers, for the reason. Where a rule says that this is a failure, the
// call is one that failed in a percentage's window, where it is counted already,
// and one more failure of those that a count waits for. What has closed the breaker
// as a trial is then a call as any other of the period that it began. Of a call
// from before a trip nothing is heard any more.
func (b *Breaker) Broke(now time.Time, t Ticket, reason string) {
	o := Outcome{Reason: reason, RetryAfter: -1}
	if !b.failures.met(o) {
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	period := b.period.Load()
	if period&1 == 0 && (t.trial && t.number == b.healer || !t.trial && t.number == period) {
		b.count(now, o, true)
	}
}

// Release ends a call without a verdict: the client hung up. A trial's place is
// free again.
func (b *Breaker) Release(t Ticket) {
	if !t.trial {
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if t.number == b.trial {
		b.trial = 0
	}
}

// State gives the breaker's state.
func (b *Breaker) State(now time.Time) State {
	b.mu.Lock()
	defer b.mu.Unlock()
	return State{Phase: b.phase(now), Until: b.until, Rule: b.rule, Throttled: b.throttled, Trips: b.trips}
}

// Recovery gives the time until a trial may begin, and whether a 429 is why it
// may not begin now. It is 0 when a call may be admitted, and 1s while a trial
// is under way.
func (b *Breaker) Recovery(now time.Time) (wait time.Duration, throttled bool) {
	if b.period.Load()&1 == 0 {
		return 0, false
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	switch phase := b.phase(now); {
	case phase == Open:
		wait = b.until.Sub(now)
	case phase == HalfOpen && !b.free(now):
		wait = trialWait
	}
	return wait, b.throttled
}

// phase and the methods below are called with the lock held.
func (m *memory) phase(now time.Time) Phase {
	switch {
	case m.period.Load()&1 == 0:
		return Closed
	case now.Before(m.until):
		return Open
	}
	return HalfOpen
}

func (m *memory) close() {
	m.until, m.rule, m.throttled = time.Time{}, "", false
	m.period.Add(1)
}

func (m *memory) trip(now time.Time, r *rule, o Outcome, trial bool) {
	m.trips++
	m.rule, m.throttled = r.name, o.Status == 429
	// The answers to calls from before may have prolonged the trip meanwhile.
	if until := now.Add(r.lasts(o, trial)); until.After(m.until) {
		m.until = until
	}
	if m.period.Load()&1 == 0 {
		m.period.Add(1)
	}
	m.healer = 0
}

// prolong hears a call that was admitted before the trip: only what it was told
// is of use, as many such calls may yet fail of what has tripped the breaker.
func (b *Breaker) prolong(now time.Time, o Outcome) {
	r := b.first(o)
	if !r.acceptRetryAfter || o.RetryAfter < 0 {
		return
	}
	if until := now.Add(r.lasts(o, false)); until.After(b.until) {
		b.until, b.rule, b.throttled = until, r.name, o.Status == 429
	}
}

// first gives the first rule whose condition o meets.
func (b *Breaker) first(o Outcome) *rule {
	for i := range b.rules {
		if b.rules[i].failures.met(o) {
			return &b.rules[i]
		}
	}
	return nil
}

// count counts a call that ended with o, or one anew that was counted as a success.
func (b *Breaker) count(now time.Time, o Outcome, anew bool) {
	if b.base.IsZero() {
		b.base = now
	}
	// Callers read the clock before they have the lock.
	b.latest = max(b.latest, now.Sub(b.base))
	for i := range b.rules {
		r := &b.rules[i]
		failed := r.failures.met(o)
		if anew && !failed {
			continue // it stays a success
		}
		if r.reached(b.period.Load(), b.latest, failed, anew) {
			b.trip(now, r, o, false)
			return
		}
	}
}
