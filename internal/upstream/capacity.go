package upstream

import (
	"math"
	"net/http"
	"strconv"
	"sync"
	"sync/atomic"
	"time"
)

const (
	// freshCapacity is how long an answer's word on what remains is believed:
	// Azure counts by the minute.
	freshCapacity = time.Minute
	// peakTime is how long the greatest remaining number stands for a limit that
	// no answer names: this long at least, and twice as long at most.
	peakTime = 5 * time.Minute
	// fullShare is a Share of everything.
	fullShare = 1000
)

// Capacity is what a deployment of a backend has left of its rate limits, as its
// answers' x-ratelimit headers say. The zero value knows nothing. It is safe for
// concurrent use. What it gives is for weighing backends: it is as old as the
// last answer, and calls of others count there too.
type Capacity struct {
	requests, tokens allowance
}

// Note takes what an answer says. Headers that it does not have, and numbers
// that are none, change nothing.
func (c *Capacity) Note(h http.Header, now time.Time) {
	c.requests.note(now, h["X-Ratelimit-Remaining-Requests"], h["X-Ratelimit-Limit-Requests"], h["X-Ratelimit-Reset-Requests"])
	c.tokens.note(now, h["X-Ratelimit-Remaining-Tokens"], h["X-Ratelimit-Limit-Tokens"], h["X-Ratelimit-Reset-Tokens"])
}

// Share gives how much of the limit is left, of the scarcer of requests and
// tokens, from 0 to 1000. It is 1000 when nothing is known, or what is known is
// a minute old, or the limit has been reset since. Without a limit header, the
// greatest number seen in the last minutes stands for the limit.
func (c *Capacity) Share(now time.Time) (permille int) {
	return min(c.requests.share(now), c.tokens.share(now))
}

// allowance is one limit of a Capacity.
type allowance struct {
	// known is the share in the lower 10 bits, and above them the Unix time in
	// milliseconds until which it holds: one word, so that a reader needs no lock.
	known atomic.Int64

	mu           sync.Mutex
	since        time.Time // of peak
	peak, before int64     // greatest remaining since then, and in the time before
}

func (a *allowance) note(now time.Time, remaining, limit, reset []string) {
	left, ok := amount(first(remaining))
	if !ok {
		return
	}
	most, ok := amount(first(limit))
	if !ok || most == 0 {
		most = a.greatest(now, left)
	}
	share := int64(fullShare)
	if left < most {
		// Rounded up: what has something left is better than what has nothing.
		share = int64(math.Ceil(float64(left) * fullShare / float64(most)))
	} else if left == 0 {
		share = 0
	}
	// A reset of 0 says nothing: some servers never fill it in.
	holds := freshCapacity
	if d, ok := resetTime(first(reset)); ok && d > 0 {
		holds = min(d, holds)
	}
	a.known.Store(now.Add(holds).UnixMilli()<<10 | share)
}

func (a *allowance) share(now time.Time) int {
	word := a.known.Load()
	// The clock may have been set back: then it is as good as not known.
	left := word>>10 - now.UnixMilli()
	if left <= 0 || left > freshCapacity.Milliseconds() {
		return fullShare
	}
	return int(word & (1<<10 - 1))
}

// greatest notes a remaining number and gives the greatest one seen lately.
func (a *allowance) greatest(now time.Time, left int64) int64 {
	a.mu.Lock()
	defer a.mu.Unlock()
	switch age := now.Sub(a.since); {
	case age >= 2*peakTime || age < 0:
		a.since, a.peak, a.before = now, 0, 0
	case age >= peakTime:
		a.since, a.peak, a.before = now, 0, a.peak
	}
	a.peak = max(a.peak, left)
	return max(a.peak, a.before)
}

// amount reads a whole number that is not negative.
func amount(s string) (int64, bool) {
	if s == "" || s[0] < '0' || s[0] > '9' || len(s) > 18 {
		return 0, false
	}
	n, err := strconv.ParseInt(s, 10, 64)
	return n, err == nil
}

// resetTime reads seconds ("12", "0.5") or a duration as Go writes it ("6m0s").
func resetTime(s string) (time.Duration, bool) {
	if d, ok := decimal(s, time.Second); ok || s == "" {
		return d, ok
	}
	d, err := time.ParseDuration(s)
	return d, err == nil && d >= 0
}
