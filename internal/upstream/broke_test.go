package upstream

import (
	"testing"
	"testing/synctest"
	"time"
)

// Calls that are well at first, of which some then break off.
func TestBroke(t *testing.T) {
	share := BreakerConfig{Rules: []Rule{{Name: "half", Percentage: 50, MinCalls: 4, Interval: 10 * time.Second, StatusCodes: []string{"500"}, ErrorReasons: []string{"AnswerBroken"}, TripDuration: time.Minute}}}
	count := BreakerConfig{Rules: []Rule{{Name: "three", Count: 3, ErrorReasons: []string{"AnswerBroken"}}}}
	for name, x := range map[string]struct {
		cfg         BreakerConfig
		well, broke int
		after       time.Duration
		reason      string
		want        Phase
	}{
		"half of them":          {share, 4, 2, 0, "AnswerBroken", Open},
		"fewer than half":       {share, 5, 2, 0, "AnswerBroken", Closed},
		"too few":               {share, 3, 3, 0, "AnswerBroken", Closed},
		"another reason":        {share, 4, 4, 0, "Timeout", Closed},
		"long answers":          {share, 4, 4, time.Minute, "AnswerBroken", Open},
		"few long answers":      {share, 3, 3, time.Minute, "AnswerBroken", Closed},
		"a count":               {count, 3, 3, 0, "AnswerBroken", Open},
		"a count, not reached":  {count, 9, 2, 0, "AnswerBroken", Closed},
		"default":               {BreakerConfig{}, 6, 3, 0, "AnswerBroken", Open},
		"default, silence":      {BreakerConfig{}, 6, 3, 0, "Timeout", Open},
		"default, seldom":       {BreakerConfig{}, 4, 4, 0, "AnswerBroken", Closed},
		"default, hardly any":   {BreakerConfig{}, 100, 49, 0, "AnswerBroken", Closed},
		"default, half of many": {BreakerConfig{}, 100, 50, 0, "AnswerBroken", Open},
		"disabled":              {BreakerConfig{Disabled: true}, 9, 9, 0, "AnswerBroken", Closed},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := NewBreaker(x.cfg)
				var tickets []Ticket
				for range x.well {
					ticket, _ := b.Admit(time.Now())
					b.Report(time.Now(), ticket, answered(200))
					tickets = append(tickets, ticket)
				}
				time.Sleep(x.after)
				for _, ticket := range tickets[:x.broke] {
					b.Broke(time.Now(), ticket, x.reason)
					b.Release(ticket)
				}
				wantPhase(t, b, x.want)
			})
		})
	}
}

// The answer that closes the breaker breaks off as any other.
func TestBrokeTrial(t *testing.T) {
	cfg := BreakerConfig{Rules: []Rule{{Name: "two", Count: 2, StatusCodes: []string{"500"}, ErrorReasons: []string{"AnswerBroken"}, TripDuration: time.Second}}}
	synctest.Test(t, func(t *testing.T) {
		b := NewBreaker(cfg)
		before, _ := b.Admit(time.Now())
		b.Report(time.Now(), before, answered(200))
		calls(b, 2, answered(500))
		b.Broke(time.Now(), before, "AnswerBroken")
		time.Sleep(time.Second)
		first, _ := b.Admit(time.Now())
		b.Release(first)
		trial, _ := b.Admit(time.Now())
		b.Report(time.Now(), trial, answered(200))
		for range 3 { // neither of them closed it
			b.Broke(time.Now(), before, "AnswerBroken")
			b.Broke(time.Now(), first, "AnswerBroken")
		}
		b.Broke(time.Now(), trial, "AnswerBroken")
		wantPhase(t, b, Closed)
		call(b, answered(500))
		wantPhase(t, b, Open)
		if s := b.State(time.Now()); s.Trips != 2 {
			t.Errorf("%d trips", s.Trips)
		}
		time.Sleep(time.Second)
		call(b, answered(200))
		b.Broke(time.Now(), trial, "AnswerBroken") // of another period
		call(b, answered(500))
		wantPhase(t, b, Closed)
	})
}
