package upstream

import (
	"slices"
	"time"
)

// rule is a Rule as a breaker runs it.
type rule struct {
	name             string
	failures         conditions
	count            int // or 0, then
	percentage       int // of
	minCalls         int
	interval         time.Duration
	tripDuration     time.Duration
	acceptRetryAfter bool
	window           *window
}

// compile fills in the defaults. It takes a Rule that was not checked, too, for
// the nearest one that would have passed.
func (r Rule) compile() rule {
	made := rule{
		name:             r.Name,
		percentage:       min(max(r.Percentage, 0), 100),
		minCalls:         r.MinCalls,
		interval:         min(r.Interval, maxRuleTime),
		tripDuration:     min(r.TripDuration, maxRuleTime),
		acceptRetryAfter: r.AcceptRetryAfter,
		window:           &window{},
	}
	if made.percentage == 0 {
		made.count = min(max(r.Count, 1), maxCount)
	}
	if made.minCalls <= 0 {
		made.minCalls = defaultMinCalls
	}
	if made.interval <= 0 {
		made.interval = defaultInterval
	}
	if made.tripDuration <= 0 {
		made.tripDuration = defaultTrip
	}
	made.failures.reasons = slices.Clone(r.ErrorReasons)
	for _, s := range r.StatusCodes {
		if from, to, ok := statusRange(s); ok {
			made.failures.add(from, to)
		}
	}
	return made
}

// alike says whether both rules count the same.
func (r rule) alike(other rule) bool {
	return r.name == other.name && r.count == other.count && r.percentage == other.percentage &&
		r.interval == other.interval && r.failures.statuses == other.failures.statuses &&
		slices.Equal(r.failures.reasons, other.failures.reasons)
}

// lasts gives how long the rule trips for, after o.
func (r *rule) lasts(o Outcome, trial bool) time.Duration {
	if !r.acceptRetryAfter || o.RetryAfter < 0 {
		return r.tripDuration
	}
	if trial {
		return min(max(o.RetryAfter, minTrialRetryAfter), maxRetryAfter)
	}
	return min(o.RetryAfter, maxRetryAfter)
}

// reached counts a call that ended at the moment at, or failed then after it had
// been counted, and says whether it was the failure that trips. Moments do not run
// backwards. What was counted in another period of the breaker is forgotten.
func (r *rule) reached(period uint64, at time.Duration, failed, anew bool) bool {
	w := r.window
	if w.period != period {
		*w = window{period: period, failures: w.failures[:0]}
	}
	if r.percentage > 0 {
		calls, failures := w.call(at, r.interval, failed, anew)
		return failed && calls >= r.minCalls && failures*100 >= r.percentage*calls
	}
	return failed && w.fail(at, r.count) < r.interval
}

// slots is how many parts a percentage rule's interval has. What it sees is the
// part that is running and the nine before it.
const slots = 10

// window is what a rule remembers of the calls in its interval: the moments of
// the last failures, or numbers of calls.
type window struct {
	period   uint64
	failures []time.Duration // a ring once there are as many as trip
	oldest   int             // in the ring
	slots    [slots]slot
}

type slot struct {
	number          int64 // since the first moment
	calls, failures int
}

// fail notes a failure and gives the time since the first of the last count
// failures, itself included. Before there are as many it is endless.
func (w *window) fail(at time.Duration, count int) time.Duration {
	if len(w.failures) < count {
		w.failures = append(w.failures, at)
	} else {
		w.failures[w.oldest] = at
		w.oldest = (w.oldest + 1) % count
	}
	if len(w.failures) < count {
		return 1<<63 - 1
	}
	return at - w.failures[w.oldest]
}

// call notes a call, or that one which was noted as a success has failed, and gives
// the numbers of calls and failures in the interval. A failure whose success is no
// longer in it is a call too where there are not as many calls.
func (w *window) call(at, interval time.Duration, failed, anew bool) (calls, failures int) {
	number := int64(at / max(interval/slots, 1))
	s := &w.slots[number%slots]
	if s.number != number {
		*s = slot{number: number}
	}
	if !anew {
		s.calls++
	}
	if failed {
		s.failures++
	} else {
		return 0, 0 // a call that is well trips nothing: no need to add up
	}
	for _, s := range w.slots {
		if s.number > number-slots {
			calls += s.calls
			failures += s.failures
		}
	}
	return max(calls, failures), failures
}

// conditions are the outcomes that are failures.
type conditions struct {
	statuses [10]uint64 // a bit for each of 0..639
	reasons  []string
}

func (c *conditions) add(from, to int) {
	for s := from; s <= to; s++ {
		c.statuses[s/64] |= 1 << (s % 64)
	}
}

func (c *conditions) join(other conditions) {
	for i, bits := range other.statuses {
		c.statuses[i] |= bits
	}
	c.reasons = append(c.reasons, other.reasons...)
}

func (c *conditions) met(o Outcome) bool {
	if s := uint(o.Status); s < 640 && c.statuses[s/64]>>(s%64)&1 == 1 {
		return true
	}
	return o.Reason != "" && slices.Contains(c.reasons, o.Reason)
}
