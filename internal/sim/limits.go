package sim

import (
	"sync"
	"time"
)

// The two windows in which a deployment's calls are counted, after the rate-limit
// model of Microsoft Learn's "Manage Azure OpenAI quota".
const (
	tokenWindow   = 60 * time.Second
	requestWindow = 10 * time.Second
)

// requestsPerWindow is how many calls a limit of tokens a minute admits in 10
// seconds: 6 a minute for each 1,000 tokens.
func requestsPerWindow(tokensPerMinute int) int { return (tokensPerMinute + 999) / 1000 }

// slotWidth is how close together calls are counted as one, which bounds a
// window's memory whatever the rate.
const slotWidth = 100 * time.Millisecond

// window counts what happened in the last span of time.
type window struct {
	span  time.Duration
	limit int
	used  int
	slots []slot // oldest first
}

type slot struct {
	at time.Time
	n  int
}

// forget drops what has left the window.
func (w *window) forget(now time.Time) {
	gone := 0
	for gone < len(w.slots) && now.Sub(w.slots[gone].at) >= w.span {
		w.used -= w.slots[gone].n
		gone++
	}
	w.slots = append(w.slots[:0], w.slots[gone:]...)
}

// wait is how long it takes until n more fit: 0 when they do, the whole span when
// they never will.
func (w *window) wait(now time.Time, n int) time.Duration {
	if w.used+n <= w.limit {
		return 0
	}
	freed := 0
	for _, s := range w.slots {
		if freed += s.n; w.used-freed+n <= w.limit {
			return w.span - now.Sub(s.at)
		}
	}
	return w.span
}

func (w *window) add(now time.Time, n int) {
	w.used += n
	if last := len(w.slots) - 1; last >= 0 && now.Sub(w.slots[last].at) < slotWidth {
		w.slots[last].n += n
		return
	}
	w.slots = append(w.slots, slot{now, n})
}

func (w *window) left() int { return max(0, w.limit-w.used) }

// limiter is the rate limit of one deployment. nil admits all.
type limiter struct {
	mu       sync.Mutex
	tokens   window
	requests window
}

func newLimiter(tokensPerMinute int) *limiter {
	if tokensPerMinute == 0 {
		return nil
	}
	return &limiter{
		tokens:   window{span: tokenWindow, limit: tokensPerMinute},
		requests: window{span: requestWindow, limit: requestsPerWindow(tokensPerMinute)},
	}
}

// verdict is what a limiter says about a call: admitted when wait is 0, and what
// is left of both windows.
type verdict struct {
	wait                 time.Duration
	byTokens             bool
	tokens, requests     int // left
	maxTokens, maxCalls  int
	tokenWait, callsWait time.Duration // until the windows are empty
}

// admit counts a call of so many tokens, unless it is one too many.
func (l *limiter) admit(now time.Time, tokens int) verdict {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.tokens.forget(now)
	l.requests.forget(now)
	byCalls, byTokens := l.requests.wait(now, 1), l.tokens.wait(now, tokens)
	v := verdict{wait: max(byCalls, byTokens), byTokens: byTokens > byCalls}
	if v.wait == 0 {
		l.requests.add(now, 1)
		l.tokens.add(now, tokens)
	}
	v.tokens, v.requests = l.tokens.left(), l.requests.left()
	v.maxTokens, v.maxCalls = l.tokens.limit, l.requests.limit
	v.tokenWait, v.callsWait = l.tokens.rest(now), l.requests.rest(now)
	return v
}

// rest is the time until the window is empty.
func (w *window) rest(now time.Time) time.Duration {
	if len(w.slots) == 0 {
		return 0
	}
	return w.span - now.Sub(w.slots[len(w.slots)-1].at)
}
