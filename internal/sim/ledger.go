package sim

import (
	"cmp"
	"maps"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// The states of a Call.
const (
	// StateOpen: the answer has not ended.
	StateOpen = "open"
	// StateDone: the answer was sent whole.
	StateDone = "done"
	// StateRefused: the answer was an error, sent whole.
	StateRefused = "refused"
	// StateCancelled: the caller went before the answer ended.
	StateCancelled = "cancelled"
	// StateCut: the simulator broke the answer off, as it was asked to.
	StateCut = "cut"
)

// Call is one call that the simulator received.
type Call struct {
	// Seq numbers the calls from 1, in order of arrival.
	Seq uint64    `json:"seq"`
	At  time.Time `json:"at"`
	// Operation is Azure's classic operationId in lower case, such as
	// "chatcompletions_create"; empty when the path is none of the API's.
	Operation  string `json:"operation"`
	Deployment string `json:"deployment"`
	Method     string `json:"method"`
	Path       string `json:"path"`
	APIVersion string `json:"api_version,omitempty"`
	// Status is the answer's, 0 while there is none.
	Status int `json:"status"`
	// RequestID is what the answer named as apim-request-id or, of kind
	// openai, x-request-id.
	RequestID string `json:"request_id"`
	// Headers are the request's ids and those of Options.CallHeaders, by
	// lower-case name.
	Headers map[string]string `json:"headers,omitempty"`
	Stream  bool              `json:"stream"`
	State   string            `json:"state"`
	// Events counts the stream's events that were written, [DONE] apart.
	Events int64 `json:"events"`
	// PromptTokens and CompletionTokens are what was served; while the answer
	// lasts and after it broke, what was written so far.
	PromptTokens     int64 `json:"prompt_tokens"`
	CompletionTokens int64 `json:"completion_tokens"`
}

// Count sums the calls of one operation on one deployment.
type Count struct {
	Deployment string `json:"deployment"`
	Operation  string `json:"operation"`
	// Calls is all that arrived, and the sum of what follows and of calls still
	// open.
	Calls     int64 `json:"calls"`
	Done      int64 `json:"done"`
	Refused   int64 `json:"refused"`
	Cancelled int64 `json:"cancelled"`
	Cut       int64 `json:"cut"`
	// Tokens of calls that were answered whole, and of the responses that a
	// realtime connection has given whole, whatever becomes of it.
	PromptTokens     int64 `json:"prompt_tokens"`
	CompletionTokens int64 `json:"completion_tokens"`
	TotalTokens      int64 `json:"total_tokens"`
	// Tokens of answers that were cancelled or cut, as far as they were sent.
	BrokenPromptTokens     int64 `json:"broken_prompt_tokens"`
	BrokenCompletionTokens int64 `json:"broken_completion_tokens"`
}

// entry is a Call in the making. The handler that owns it sets the numbers
// without the ledger's lock.
type entry struct {
	call       Call
	events     atomic.Int64
	completion atomic.Int64
	prompt     atomic.Int64
	status     atomic.Int64
	// wholeCompletion and wholePrompt are the tokens of what a call with many
	// answers, a realtime connection, has answered whole.
	wholeCompletion atomic.Int64
	wholePrompt     atomic.Int64
	epoch           int
	counted         *tally // as it was counted last, for amendments
}

// tally is a call as it is counted: whole tokens are served, whatever becomes of
// the call.
type tally struct {
	call                         Call
	wholePrompt, wholeCompletion int64
}

func (e *entry) tally() tally {
	t := tally{e.snapshot(), e.wholePrompt.Load(), e.wholeCompletion.Load()}
	if t.call.State == StateDone {
		t.wholePrompt, t.wholeCompletion = t.call.PromptTokens, t.call.CompletionTokens
	}
	return t
}

func (e *entry) snapshot() Call {
	c := e.call
	c.Events, c.PromptTokens, c.CompletionTokens = e.events.Load(), e.prompt.Load(), e.completion.Load()
	c.Status = int(e.status.Load())
	return c
}

type countKey struct{ deployment, operation string }

// ledger remembers the calls.
type ledger struct {
	mu     sync.Mutex
	seq    uint64
	keep   int
	ring   []*entry
	next   int // the oldest of a full ring
	epoch  int // how often it was reset
	counts map[countKey]*Count
}

func newLedger(keep int) *ledger { return &ledger{keep: keep, counts: map[countKey]*Count{}} }

// begin numbers a call and remembers it.
func (l *ledger) begin(c Call) *entry {
	e := &entry{call: c}
	e.call.State = StateOpen
	l.mu.Lock()
	defer l.mu.Unlock()
	l.seq++
	e.call.Seq, e.epoch = l.seq, l.epoch
	if len(l.ring) < l.keep {
		l.ring = append(l.ring, e)
		return e
	}
	l.ring[l.next] = e
	l.next = (l.next + 1) % l.keep
	return e
}

// identify says what the call is for.
func (l *ledger) identify(e *entry, operation, deployment string, stream bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	e.call.Operation, e.call.Deployment, e.call.Stream = operation, deployment, stream
}

// end counts the call under its state. A second call amends the first, for an
// answer that was counted before its last byte and then failed to leave.
func (l *ledger) end(e *entry, state string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if e.epoch != l.epoch {
		return
	}
	key := countKey{e.call.Deployment, e.call.Operation}
	if l.counts[key] == nil {
		l.counts[key] = &Count{Deployment: key.deployment, Operation: key.operation}
	}
	if e.counted != nil {
		l.counts[key].add(*e.counted, -1)
	}
	e.call.State = state
	t := e.tally()
	e.counted = &t
	l.counts[key].add(t, 1)
}

// add counts a call, or with n = -1 takes it back.
func (c *Count) add(t tally, n int64) {
	c.Calls += n
	switch t.call.State {
	case StateDone:
		c.Done += n
	case StateRefused:
		c.Refused += n
		return
	case StateCancelled:
		c.Cancelled += n
	case StateCut:
		c.Cut += n
	}
	c.PromptTokens += n * t.wholePrompt
	c.CompletionTokens += n * t.wholeCompletion
	c.TotalTokens += n * (t.wholePrompt + t.wholeCompletion)
	c.BrokenPromptTokens += n * (t.call.PromptTokens - t.wholePrompt)
	c.BrokenCompletionTokens += n * (t.call.CompletionTokens - t.wholeCompletion)
}

// list is the counts, by deployment and operation, calls still open included.
func (l *ledger) list() []Count {
	l.mu.Lock()
	defer l.mu.Unlock()
	all := make(map[countKey]Count, len(l.counts))
	for key, c := range l.counts {
		all[key] = *c
	}
	for _, e := range l.ring {
		if e.call.State == StateOpen {
			key := countKey{e.call.Deployment, e.call.Operation}
			c := all[key]
			c.Deployment, c.Operation = key.deployment, key.operation
			c.add(e.tally(), 1)
			c.BrokenPromptTokens, c.BrokenCompletionTokens = all[key].BrokenPromptTokens, all[key].BrokenCompletionTokens
			all[key] = c
		}
	}
	return slices.SortedFunc(maps.Values(all), func(a, b Count) int {
		return cmp.Or(cmp.Compare(a.Deployment, b.Deployment), cmp.Compare(a.Operation, b.Operation))
	})
}

// after lists the remembered calls with a higher number, oldest first.
func (l *ledger) after(seq uint64) []Call {
	l.mu.Lock()
	defer l.mu.Unlock()
	out := []Call{}
	for _, e := range l.ring {
		if e.call.Seq > seq {
			out = append(out, e.snapshot())
		}
	}
	slices.SortFunc(out, func(a, b Call) int { return cmp.Compare(a.Seq, b.Seq) })
	return out
}

// reset forgets all but the numbering. Calls that are still open stay out of the
// new counts.
func (l *ledger) reset() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.ring, l.next, l.counts = nil, 0, map[countKey]*Count{}
	l.epoch++
}
