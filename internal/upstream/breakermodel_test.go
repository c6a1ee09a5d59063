package upstream

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"testing/synctest"
	"time"
)

// model is a breaker in the plainest words: it keeps all that ever ended in the
// present period, and counts it anew each time.
type model struct {
	rules     []Rule
	start     time.Time // of the first call that is counted, from where tenths run
	ended     []ending
	open      bool
	period    int
	until     time.Time
	rule      string
	trips     int64
	trial     *modelCall
	throttled bool
}

type ending struct {
	at   time.Time
	o    Outcome
	anew bool // of a call that had ended well before
}

type modelCall struct {
	ticket Ticket // the breaker's
	trial  bool
	period int
}

func (r Rule) fails(o Outcome) bool {
	for _, s := range r.StatusCodes {
		var from, to int
		if n, _ := fmt.Sscanf(s, "%d-%d", &from, &to); n < 2 {
			to = from
		}
		if from <= o.Status && o.Status <= to {
			return true
		}
	}
	return o.Reason != "" && slices.Contains(r.ErrorReasons, o.Reason)
}

func (m *model) admit(now time.Time) *modelCall {
	if !m.open {
		return &modelCall{period: m.period}
	}
	if now.Before(m.until) || m.trial != nil {
		return nil
	}
	m.trial = &modelCall{trial: true}
	return m.trial
}

func (m *model) release(c *modelCall) {
	if m.trial == c {
		m.trial = nil
	}
}

func (m *model) report(now time.Time, c *modelCall, o Outcome) {
	i := slices.IndexFunc(m.rules, func(r Rule) bool { return r.fails(o) })
	switch {
	case c.trial:
		m.trial = nil
		if i >= 0 {
			m.trip(now, m.rules[i], o, time.Second)
		} else if o.Status != 0 {
			m.open, m.ended, m.until, m.rule, m.throttled = false, nil, time.Time{}, "", false
			m.period++
			c.trial, c.period = false, m.period // the first call of the new period
		}
	case m.open && i >= 0:
		if r := m.rules[i]; r.AcceptRetryAfter && o.RetryAfter >= 0 && now.Add(o.RetryAfter).After(m.until) {
			m.until, m.rule, m.throttled = now.Add(o.RetryAfter), r.Name, o.Status == 429
		}
	case !m.open && m.period == c.period && (i >= 0 || o.Status != 0):
		m.end(now, ending{now, o, false}, m.counts(i))
	}
}

// broke hears that the answer of a call that ended well broke off.
func (m *model) broke(now time.Time, c *modelCall, reason string) {
	o := unanswered(reason)
	if !m.open && !c.trial && m.period == c.period && slices.ContainsFunc(m.rules, func(r Rule) bool { return r.fails(o) }) {
		m.end(now, ending{now, o, true}, true)
	}
}

func (m *model) end(now time.Time, e ending, counts bool) {
	if m.start.IsZero() && counts {
		m.start = now
	}
	m.ended = append(m.ended, e)
	for _, r := range m.rules {
		if r.fails(e.o) && m.reached(now, r) {
			m.trip(now, r, e.o, 0)
			break
		}
	}
}

// counts says whether the call is more than a success that no rule looks at.
func (m *model) counts(failed int) bool {
	return failed >= 0 || slices.ContainsFunc(m.rules, func(r Rule) bool { return r.Percentage > 0 })
}

func (m *model) reached(now time.Time, r Rule) bool {
	all, failed := 0, 0
	tenth := func(t time.Time) int64 { return int64(t.Sub(m.start) / (r.Interval / 10)) }
	for _, e := range m.ended {
		within := now.Sub(e.at) < r.Interval
		if r.Percentage > 0 {
			within = tenth(e.at) > tenth(now)-10
		}
		if within {
			if !e.anew {
				all++
			}
			if r.fails(e.o) {
				failed++
			}
		}
	}
	if r.Percentage > 0 {
		all = max(all, failed)
		return all >= r.MinCalls && float64(failed)/float64(all) >= float64(r.Percentage)/100
	}
	return failed >= r.Count
}

func (m *model) trip(now time.Time, r Rule, o Outcome, least time.Duration) {
	lasts := r.TripDuration
	if r.AcceptRetryAfter && o.RetryAfter >= 0 {
		lasts = max(o.RetryAfter, least)
	}
	if until := now.Add(lasts); until.After(m.until) {
		m.until = until
	}
	if !m.open {
		m.period++
	}
	m.open, m.rule, m.throttled, m.ended = true, r.Name, o.Status == 429, nil
	m.trips++
}

func randomRules(random *rand.Rand) []Rule {
	var rules []Rule
	for i := range 1 + random.IntN(3) {
		r := Rule{
			Name:             fmt.Sprint("rule ", i),
			Interval:         time.Duration(1+random.IntN(5)) * time.Second,
			StatusCodes:      [][]string{{"429"}, {"500-599"}, {"429", "500-502"}, nil}[random.IntN(4)],
			TripDuration:     time.Duration(1+random.IntN(4)) * time.Second,
			AcceptRetryAfter: random.IntN(2) == 0,
		}
		if random.IntN(2) == 0 || r.StatusCodes == nil {
			r.ErrorReasons = []string{noConnection, "Timeout", "AnswerBroken"}[:1+random.IntN(3)]
		}
		if random.IntN(2) == 0 {
			r.Count = 1 + random.IntN(6)
		} else {
			r.Percentage, r.MinCalls = 1+random.IntN(100), 1+random.IntN(8)
		}
		rules = append(rules, r)
	}
	return rules
}

// Any sequence of calls that run side by side gives what the model gives.
func TestBreakerModel(t *testing.T) {
	outcomes := []Outcome{
		answered(200), answered(200), answered(200), answered(400), answered(500), answered(503), answered(429),
		throttledFor(0), throttledFor(1500 * time.Millisecond), throttledFor(7 * time.Second),
		unanswered(noConnection), unanswered("Timeout"), unanswered("CredentialUnavailable"),
		{Status: 200, Reason: "Timeout", RetryAfter: -1},
	}
	for seed := range uint64(300) {
		random := rand.New(rand.NewPCG(seed, 4))
		synctest.Test(t, func(t *testing.T) {
			m := &model{rules: randomRules(random)}
			b := NewBreaker(BreakerConfig{Rules: m.rules})
			var running, passing []*modelCall
			for step := range 400 {
				now := time.Now()
				switch n := random.IntN(11); {
				case n == 10 && len(passing) > 0:
					i := random.IntN(len(passing))
					c := passing[i]
					passing = slices.Delete(passing, i, i+1)
					reason := []string{"AnswerBroken", "Timeout"}[random.IntN(2)]
					b.Broke(now, c.ticket, reason)
					m.broke(now, c, reason)
				case n < 2:
					time.Sleep(time.Duration(random.IntN(1500)) * time.Millisecond)
				case n < 6 || len(running) == 0:
					available := b.Available(now)
					ticket, ok := b.Admit(now)
					c := m.admit(now)
					if available != ok || ok != (c != nil) || ok && ticket.trial != c.trial {
						t.Fatalf("seed %d, step %d: available %v, admitted %v as trial %v; the model: %+v", seed, step, available, ok, ticket.trial, c)
					}
					if ok {
						c.ticket = ticket
						running = append(running, c)
					}
				default:
					i := random.IntN(len(running))
					c := running[i]
					running = slices.Delete(running, i, i+1)
					if n == 9 {
						b.Release(c.ticket)
						m.release(c)
						break
					}
					o := outcomes[random.IntN(len(outcomes))]
					b.Report(now, c.ticket, o)
					m.report(now, c, o)
					if o.Status == 200 && o.Reason == "" {
						passing = append(passing, c)
					}
				}
				now = time.Now()
				if random.IntN(40) == 0 {
					b = b.With(BreakerConfig{Rules: m.rules}) // makes no difference
				}
				want := State{Until: m.until, Rule: m.rule, Throttled: m.throttled, Trips: m.trips}
				if m.open && now.Before(m.until) {
					want.Phase = Open
				} else if m.open {
					want.Phase = HalfOpen
				}
				if got := b.State(now); got != want {
					t.Fatalf("seed %d, step %d:\n got %+v\nwant %+v\nrules %+v", seed, step, got, want, m.rules)
				}
			}
		})
	}
}
