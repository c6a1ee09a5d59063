package upstream

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
)

const noConnection = "BackendConnectionFailure"

func answered(status int) Outcome { return Outcome{Status: status, RetryAfter: -1} }

func throttledFor(d time.Duration) Outcome { return Outcome{Status: 429, RetryAfter: d} }

func unanswered(reason string) Outcome { return Outcome{Reason: reason, RetryAfter: -1} }

// call admits a call that ends at once, and says whether it was admitted.
func call(b *Breaker, o Outcome) bool {
	t, ok := b.Admit(time.Now())
	if ok {
		b.Report(time.Now(), t, o)
	}
	return ok
}

func calls(b *Breaker, n int, o Outcome) {
	for range n {
		call(b, o)
	}
}

// wantPhase also looks whether all that tells of the phase agrees.
func wantPhase(t *testing.T, b *Breaker, want Phase) {
	t.Helper()
	now := time.Now()
	s := b.State(now)
	if s.Phase != want {
		t.Fatalf("the breaker is %v, want %v", s.Phase, want)
	}
	if got := b.Available(now); want != HalfOpen && got != (want == Closed) {
		t.Fatalf("a breaker that is %v: Available is %v", want, got)
	}
	wait, _ := b.Recovery(now)
	if (wait == 0) != b.Available(now) {
		t.Fatalf("Recovery says %v, Available %v", wait, b.Available(now))
	}
	if want == Open && wait != s.Until.Sub(now) {
		t.Fatalf("Recovery says %v, State %v", wait, s.Until.Sub(now))
	}
	if want == Closed && (s.Rule != "" || s.Throttled || !s.Until.IsZero()) {
		t.Fatalf("closed, but %+v", s)
	}
}

func counting(count int, interval time.Duration) BreakerConfig {
	return BreakerConfig{Rules: []Rule{{
		Name: "failing", Count: count, Interval: interval, StatusCodes: []string{"500-599"},
		ErrorReasons: []string{noConnection}, TripDuration: 10 * time.Second,
	}}}
}

// Each line is a time to wait and the calls that then end; the last phase is wanted.
func TestBreakerTrips(t *testing.T) {
	type step struct {
		wait  time.Duration
		calls int
		o     Outcome
	}
	share := BreakerConfig{Rules: []Rule{{Name: "half", Percentage: 50, MinCalls: 4, Interval: 10 * time.Second, StatusCodes: []string{"500"}, TripDuration: time.Minute}}}
	fail, well := answered(500), answered(200)
	for name, x := range map[string]struct {
		cfg   BreakerConfig
		steps []step
		want  Phase
		rule  string
	}{
		"too few":                    {counting(3, time.Minute), []step{{0, 2, fail}}, Closed, ""},
		"as many as it takes":        {counting(3, time.Minute), []step{{0, 3, fail}}, Open, "failing"},
		"just within":                {counting(3, time.Minute), []step{{0, 2, fail}, {time.Minute - 1, 1, fail}}, Open, "failing"},
		"no longer within":           {counting(3, time.Minute), []step{{0, 2, fail}, {time.Minute, 1, fail}}, Closed, ""},
		"the window slides":          {counting(3, time.Minute), []step{{0, 1, fail}, {50 * time.Second, 1, fail}, {20 * time.Second, 1, fail}, {30 * time.Second, 1, fail}}, Open, "failing"},
		"successes between":          {counting(3, time.Minute), []step{{0, 2, fail}, {0, 50, well}, {0, 1, fail}}, Open, "failing"},
		"other failures":             {counting(1, time.Minute), []step{{0, 9, answered(499)}, {0, 9, answered(404)}, {0, 9, unanswered("Timeout")}}, Closed, ""},
		"a reason":                   {counting(1, time.Minute), []step{{0, 1, unanswered(noConnection)}}, Open, "failing"},
		"a reason and an answer":     {counting(1, time.Minute), []step{{0, 1, Outcome{Status: 200, Reason: noConnection}}}, Open, "failing"},
		"strange statuses":           {counting(1, time.Minute), []step{{0, 1, answered(-5)}, {0, 1, answered(1 << 40)}, {0, 1, answered(639)}}, Closed, ""},
		"share of too few calls":     {share, []step{{0, 3, fail}}, Closed, ""},
		"share":                      {share, []step{{0, 2, well}, {0, 2, fail}}, Open, "half"},
		"share not reached":          {share, []step{{0, 4, well}, {0, 3, fail}}, Closed, ""},
		"a success does not trip":    {share, []step{{0, 3, fail}, {0, 1, well}}, Closed, ""},
		"old successes go":           {share, []step{{0, 90, well}, {10 * time.Second, 4, fail}}, Open, "half"},
		"old failures go":            {share, []step{{0, 3, fail}, {10 * time.Second, 1, fail}}, Closed, ""},
		"tenths":                     {share, []step{{500 * time.Millisecond, 3, fail}, {9400 * time.Millisecond, 1, fail}}, Open, "half"},
		"no credential is no call":   {share, []step{{0, 50, unanswered("CredentialUnavailable")}, {0, 3, fail}}, Closed, ""},
		"default: one 429":           {BreakerConfig{}, []step{{0, 1, answered(429)}}, Open, "throttled"},
		"default: busy":              {BreakerConfig{}, []step{{0, 5, well}, {0, 5, answered(503)}}, Open, "failing"},
		"default: few in a busy one": {BreakerConfig{}, []step{{0, 1000, well}, {0, 900, fail}}, Closed, ""},
		"default: seldom called":     {BreakerConfig{}, []step{{0, 1, unanswered(noConnection)}, {25 * time.Second, 1, unanswered("Timeout")}, {25 * time.Second, 1, unanswered(noConnection)}}, Open, "unreachable"},
		"disabled":                   {BreakerConfig{Disabled: true}, []step{{0, 99, answered(429)}, {0, 99, fail}}, Closed, ""},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := NewBreaker(x.cfg)
				for _, s := range x.steps {
					time.Sleep(s.wait)
					calls(b, s.calls, s.o)
				}
				wantPhase(t, b, x.want)
				if got := b.State(time.Now()).Rule; got != x.rule {
					t.Errorf("tripped by %q, want %q", got, x.rule)
				}
			})
		})
	}
}

func TestBreakerTripDuration(t *testing.T) {
	accept := Rule{Name: "throttled", Count: 1, StatusCodes: []string{"429"}, TripDuration: 10 * time.Second, AcceptRetryAfter: true}
	ignore := accept
	ignore.AcceptRetryAfter = false
	for name, x := range map[string]struct {
		rule         Rule
		o            Outcome
		first, again time.Duration
	}{
		"as said":    {accept, throttledFor(42 * time.Second), 42 * time.Second, 42 * time.Second},
		"not said":   {accept, answered(429), 10 * time.Second, 10 * time.Second},
		"zero":       {accept, throttledFor(0), 0, time.Second},
		"short":      {accept, throttledFor(20 * time.Millisecond), 20 * time.Millisecond, time.Second},
		"a day":      {accept, throttledFor(24 * time.Hour), time.Hour, time.Hour},
		"for ever":   {accept, throttledFor(1<<63 - 1), time.Hour, time.Hour},
		"not heard":  {ignore, throttledFor(42 * time.Second), 10 * time.Second, 10 * time.Second},
		"no setting": {Rule{Count: 1, StatusCodes: []string{"429"}}, throttledFor(0), time.Minute, time.Minute},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := NewBreaker(BreakerConfig{Rules: []Rule{x.rule}})
				call(b, x.o)
				if wait, throttled := b.Recovery(time.Now()); wait != x.first || !throttled {
					t.Errorf("the first trip: %v %v, want %v", wait, throttled, x.first)
				}
				time.Sleep(x.first)
				wantPhase(t, b, HalfOpen)
				if !call(b, x.o) {
					t.Fatal("no trial")
				}
				if wait, _ := b.Recovery(time.Now()); wait != x.again {
					t.Errorf("the trial's trip: %v, want %v", wait, x.again)
				}
				if s := b.State(time.Now()); s.Trips != 2 || !s.Throttled {
					t.Errorf("%+v", s)
				}
			})
		})
	}
}

func TestBreakerTrial(t *testing.T) {
	for name, x := range map[string]struct {
		o    Outcome
		want Phase
	}{
		"well":                 {answered(200), Closed},
		"the caller's fault":   {answered(400), Closed},
		"one failure of three": {answered(503), Open},
		"a reason":             {unanswered(noConnection), Open},
		"nothing known":        {unanswered("CredentialUnavailable"), HalfOpen},
		"throttled":            {answered(429), Closed}, // no rule says that this is a failure
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := NewBreaker(counting(3, time.Minute))
				calls(b, 3, answered(500))
				wantPhase(t, b, Open)
				time.Sleep(10*time.Second - 1)
				wantPhase(t, b, Open)
				if call(b, answered(200)) {
					t.Fatal("admitted while open")
				}
				time.Sleep(time.Nanosecond)
				trial, ok := b.Admit(time.Now())
				if !ok || !trial.trial {
					t.Fatalf("trial %v, admitted %v", trial.trial, ok)
				}
				if b.Available(time.Now()) || call(b, answered(200)) {
					t.Fatal("a second call during the trial")
				}
				if wait, throttled := b.Recovery(time.Now()); wait != time.Second || throttled {
					t.Fatalf("during the trial: %v %v", wait, throttled)
				}
				b.Report(time.Now(), trial, x.o)
				b.Release(trial)
				b.Report(time.Now(), trial, answered(500)) // a mistake, without effect
				wantPhase(t, b, x.want)
				if x.want == Closed {
					calls(b, 2, answered(500)) // those from before are forgotten
					wantPhase(t, b, Closed)
				}
			})
		})
	}
}

func TestBreakerRelease(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := NewBreaker(counting(1, time.Minute))
		running, _ := b.Admit(time.Now())
		call(b, answered(500))
		time.Sleep(10 * time.Second)
		trial, _ := b.Admit(time.Now())
		b.Release(running) // not the trial's place
		if b.Available(time.Now()) {
			t.Fatal("another call's end has freed the trial's place")
		}
		b.Release(trial)
		next, ok := b.Admit(time.Now())
		if !ok || !next.trial {
			t.Fatal("the place is not free")
		}
		b.Release(trial) // again: the place is the next one's now
		b.Report(time.Now(), trial, answered(200))
		if b.Available(time.Now()) {
			t.Fatal("a trial that was released has freed the next one's place")
		}
		b.Report(time.Now(), next, answered(200))
		wantPhase(t, b, Closed)
	})
}

// What was admitted before a trip can prolong it, and nothing else.
func TestBreakerLateVerdicts(t *testing.T) {
	start := BreakerConfig{Rules: append(defaultRules(), Rule{Name: "one", Count: 1, StatusCodes: []string{"500"}, TripDuration: 10 * time.Second})}
	for name, x := range map[string]struct {
		o    Outcome
		want time.Duration // until the trial, 4s after the trip
		rule string
	}{
		"well":              {answered(200), 6 * time.Second, "one"},
		"failed too":        {answered(500), 6 * time.Second, "one"},
		"throttled":         {answered(429), 6 * time.Second, "one"},
		"throttled, short":  {throttledFor(time.Second), 6 * time.Second, "one"},
		"throttled, longer": {throttledFor(time.Minute), time.Minute, "throttled"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := NewBreaker(start)
				running, _ := b.Admit(time.Now())
				call(b, answered(500))
				time.Sleep(4 * time.Second)
				b.Report(time.Now(), running, x.o)
				s := b.State(time.Now())
				if wait, throttled := b.Recovery(time.Now()); wait != x.want || s.Rule != x.rule || throttled != (x.rule == "throttled") {
					t.Errorf("%v by %q, want %v by %q", wait, s.Rule, x.want, x.rule)
				}
				if s.Trips != 1 {
					t.Errorf("%d trips", s.Trips)
				}
			})
		})
	}
	t.Run("during a trial", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			b := NewBreaker(start)
			running, _ := b.Admit(time.Now())
			call(b, answered(500))
			time.Sleep(10 * time.Second)
			trial, _ := b.Admit(time.Now())
			b.Report(time.Now(), running, throttledFor(time.Minute))
			wantPhase(t, b, Open)
			b.Report(time.Now(), trial, answered(500))
			if wait, _ := b.Recovery(time.Now()); wait != time.Minute {
				t.Errorf("the trial's own trip has made it %v", wait)
			}
		})
	})
	t.Run("after the closing", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			b := NewBreaker(start)
			running, _ := b.Admit(time.Now())
			call(b, answered(500))
			time.Sleep(10 * time.Second)
			call(b, answered(200))
			b.Report(time.Now(), running, throttledFor(time.Minute))
			wantPhase(t, b, Closed)
		})
	})
}

func TestBreakerWith(t *testing.T) {
	longer := counting(3, time.Minute)
	longer.Rules[0].TripDuration = time.Hour
	longer.Rules = append([]Rule{{Name: "new", Count: 2, StatusCodes: []string{"429"}}}, longer.Rules...)

	synctest.Test(t, func(t *testing.T) {
		old := NewBreaker(counting(3, time.Minute))
		calls(old, 2, answered(500))
		b := old.With(longer)
		call(b, answered(429))
		call(b, answered(500)) // the third of its rule
		if s := b.State(time.Now()); s.Phase != Open || time.Until(s.Until) != time.Hour {
			t.Fatalf("a rule that is alike has lost its count: %+v", s)
		}
		wantPhase(t, old, Open)
	})
	synctest.Test(t, func(t *testing.T) {
		old := NewBreaker(counting(3, time.Minute))
		calls(old, 2, answered(500))
		b := old.With(counting(3, time.Hour))
		call(b, answered(500))
		wantPhase(t, b, Closed) // another rule: it starts anew
	})
	synctest.Test(t, func(t *testing.T) {
		old := NewBreaker(counting(1, time.Minute))
		running, _ := old.Admit(time.Now())
		call(old, answered(500))
		b := old.With(BreakerConfig{})
		wantPhase(t, b, Open)
		time.Sleep(10 * time.Second)
		trial, _ := old.Admit(time.Now())
		if b.Available(time.Now()) {
			t.Fatal("a trial under the old rules does not count under the new")
		}
		old.Report(time.Now(), trial, answered(200))
		wantPhase(t, b, Closed)
		old.Report(time.Now(), running, answered(500))
		wantPhase(t, b, Closed)
		call(b, answered(429))
		wantPhase(t, old, Open)

		disabled := b.With(BreakerConfig{Disabled: true})
		wantPhase(t, disabled, Closed)
		wantPhase(t, disabled.With(BreakerConfig{}), Closed)
	})
}

// However many ask at the moment a trip is over, one gets the trial.
func TestBreakerOneTrial(t *testing.T) {
	for round := range 50 {
		synctest.Test(t, func(t *testing.T) {
			b := NewBreaker(BreakerConfig{})
			call(b, throttledFor(3*time.Second))
			var trials, others atomic.Int32
			var all sync.WaitGroup
			for range 40 {
				all.Go(func() {
					time.Sleep(3 * time.Second)
					b.Available(time.Now())
					if ticket, ok := b.Admit(time.Now()); ok && ticket.trial {
						trials.Add(1)
						time.Sleep(time.Second)
						b.Report(time.Now(), ticket, answered([]int{200, 429}[round%2]))
					} else if ok {
						others.Add(1)
						b.Release(ticket)
					}
				})
			}
			all.Wait()
			if trials.Load() != 1 || others.Load() != 0 {
				t.Fatalf("%d trials and %d other calls", trials.Load(), others.Load())
			}
			wantPhase(t, b, []Phase{Closed, Open}[round%2])
		})
	}
}

// Everything at once, for the race detector; and never two trials at a time.
func TestBreakerRace(t *testing.T) {
	b := NewBreaker(BreakerConfig{Rules: append(defaultRules(), Rule{Name: "short", Count: 3, Interval: time.Second, StatusCodes: []string{"418"}, TripDuration: time.Nanosecond})})
	var trials atomic.Int32
	var all sync.WaitGroup
	for i := range 8 {
		all.Go(func() {
			random, b := rand.New(rand.NewPCG(uint64(i), 1)), b
			for range 3000 {
				ticket, ok := b.Admit(time.Now())
				if !ok {
					b.Recovery(time.Now())
					continue
				}
				if ticket.trial && trials.Add(1) > 1 {
					t.Error("two trials at a time")
				}
				o := []Outcome{answered(200), answered(418), answered(500), throttledFor(0)}[random.IntN(4)]
				if ticket.trial {
					o = []Outcome{answered(200), answered(418)}[random.IntN(2)]
					trials.Add(-1)
				}
				if random.IntN(5) == 0 {
					b.Release(ticket)
				} else {
					b.Report(time.Now(), ticket, o)
				}
				if random.IntN(50) == 0 {
					b = b.With(BreakerConfig{Rules: b.someRules(random)})
				}
				b.State(time.Now())
			}
		})
	}
	all.Wait()
}

func (b *Breaker) someRules(random *rand.Rand) []Rule {
	short := Rule{Name: "short", Count: 3, Interval: time.Second, StatusCodes: []string{"418"}, TripDuration: time.Nanosecond}
	return append(defaultRules()[:random.IntN(4)], short)
}

func TestPhaseNames(t *testing.T) {
	got := fmt.Sprint(Closed, Open, HalfOpen)
	if diff := cmp.Diff("closed open half_open", got); diff != "" {
		t.Error(diff)
	}
}

func TestBreakerAllocatesNothing(t *testing.T) {
	now := time.Now()
	for name, cfg := range map[string]BreakerConfig{"default": {}, "count": counting(5, time.Minute), "disabled": {Disabled: true}} {
		b := NewBreaker(cfg)
		if n := testing.AllocsPerRun(100, func() {
			ticket, _ := b.Admit(now)
			b.Report(now, ticket, answered(200))
		}); n != 0 {
			t.Errorf("%s: %v allocations", name, n)
		}
	}
}

func BenchmarkBreaker(b *testing.B) {
	now := time.Now()
	for _, x := range []struct {
		name string
		cfg  BreakerConfig
	}{{"count", counting(5, time.Minute)}, {"default", BreakerConfig{}}} {
		breaker := NewBreaker(x.cfg)
		b.Run(x.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				ticket, _ := breaker.Admit(now)
				breaker.Report(now, ticket, answered(200))
			}
		})
		b.Run(strings.Join([]string{x.name, "parallel"}, "-"), func(b *testing.B) {
			b.RunParallel(func(p *testing.PB) {
				for p.Next() {
					ticket, _ := breaker.Admit(now)
					breaker.Report(now, ticket, answered(200))
				}
			})
		})
	}
}
