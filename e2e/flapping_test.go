package e2e

import (
	"cmp"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// Times of TestFlapping's gateway. Breakers trip for less time than by default, so
// that there is much flapping in a short test.
const (
	flapPatience = 2 * time.Second // what a backend has until an answer's headers
	flapTrip     = time.Second
	// flapOverlap is how long two backends are well before the older one of them may
	// go bad: longer than a call may spend at others that are not.
	flapOverlap = flapPatience + 1500*time.Millisecond
	// flapSlack is what may lie between two of the gateway's steps that belong
	// together, on a machine with much to do.
	flapSlack = 250 * time.Millisecond
)

// flapTime is how long backends flap: WEIR_FLAP, such as 10m, or 15 s.
func flapTime(t *testing.T) time.Duration {
	text := os.Getenv("WEIR_FLAP")
	if text == "" {
		return 15 * time.Second
	}
	d, err := time.ParseDuration(text)
	if err != nil {
		t.Fatalf("WEIR_FLAP: %v", err)
	}
	return d
}

// flapMishaps are the ways in which a flapping backend is bad. Each that says 429
// trips the gateway's breaker for leastTrip at least.
func flapMishaps() []mishap {
	return []mishap{
		{name: "refusing", absent: true},
		{name: "resetting", answer: resets},
		{name: "429 in seconds", answer: says(429, "Retry-After", "1")},
		{name: "429 with a date", answer: saysDate(2 * time.Second)},
		{name: "429 in ms", answer: says(429, "retry-after-ms", "900")},
		{name: "429 alone", answer: says(429)},
		{name: "500", answer: says(500)},
		{name: "503", answer: says(503)},
		{name: "hanging", answer: hangs},
		{name: "dying", dies: true},
		{name: "slow", slow: true},
		{name: "redirecting", answer: says(302, "Location", "http://127.0.0.1:9/")},
		{name: "garbage", answer: writes("no HTTP at all\r\n\r\n")},
		{name: "half a status line", answer: writes("HTTP/1.1 2")},
	}
}

const leastTrip = 900 * time.Millisecond

// flapping is the test: three backends and those who call them.
type flapping struct {
	g       *gateway
	names   []string
	weights []int
	stands  []*standIn
	rng     *rand.Rand
	deck    []mishap // still to come
	flips   int

	calls  atomic.Int64
	broken atomic.Int64 // streams that died after their first byte
	failed atomic.Int64
}

// TestFlapping has backends go bad and well at random under load. While one of
// them is well no client sees an error, streams before their first byte; when all
// are well again they have their shares; and a tripped one is left alone, but for
// one trial at a time.
func TestFlapping(t *testing.T) {
	f := &flapping{names: []string{"five", "three", "two"}, weights: []int{5, 3, 2}}
	seed := uint64(time.Now().UnixNano())
	t.Logf("the seed is %d", seed)
	f.rng = rand.New(rand.NewPCG(seed, 4))
	f.start(t)

	stop := f.load(t, "flap", 6, 15)
	f.flap(t, flapTime(t))
	f.allWell(t, 0, 1, 2)
	stop()
	t.Logf("%d calls while backends changed %d times; %d streams died after their first byte, %d calls failed",
		f.calls.Load(), f.flips, f.broken.Load(), f.failed.Load())
	if f.calls.Load() < 100 || f.flips < 5 {
		t.Error("that was no load")
	}
	f.onRecord(t, "flap-", f.calls.Load())
	f.leftAlone(t)
	f.shares(t)
	f.trials(t)
	f.g.noDoubles(t)
}

func (f *flapping) start(t *testing.T) {
	s := startSim(t, "azure", eastKey)
	var urls, more []string
	rest := fmt.Sprintf(`circuit_breaker:
  rules:
    - {name: throttled, count: 1, status_codes: ["429"], trip_duration: %v, accept_retry_after: true}
    - {name: failing, percentage: 50, min_calls: 5, interval: 2s, status_codes: ["500-599"], error_reasons: [BackendConnectionFailure, Timeout], trip_duration: %v}
deployments:
  - name: gpt-4o
    backends:
`, flapTrip, flapTrip)
	for i, name := range f.names {
		b := newStandIn(t, s)
		f.stands = append(f.stands, b)
		urls = append(urls, "http://"+b.addr+"/openai")
		more = append(more, fmt.Sprintf(", timeout: %v", flapPatience))
		rest += fmt.Sprintf("      - {backend: %s, weight: %d}\n", name, f.weights[i])
	}
	f.g = pooled(t, f.names, urls, more, rest)
	f.g.serve(t)
}

// load has clients call, half of them for streams, until the func that it gives
// is called, which waits for them. Calls have ids that begin with name.
func (f *flapping) load(t *testing.T, name string, clients int, pauseMS int) (stop func()) {
	done := make(chan struct{})
	var wg sync.WaitGroup
	for i := range clients {
		wg.Go(func() {
			client := newClient()
			defer client.CloseIdleConnections()
			for n := 0; ; n++ {
				select {
				case <-done:
					return
				case <-time.After(time.Duration(pauseMS) * time.Millisecond):
				}
				c := &call{id: fmt.Sprintf("%s-%d-%d", name, i, n), prompt: "prompt", tokens: 10}
				if i%2 == 1 {
					c.stream, c.sim = true, "chunk_delay=5ms"
				}
				c.do(client, f.g.url)
				f.calls.Add(1)
				f.judge(t, c)
			}
		})
	}
	return func() { close(done); wg.Wait() }
}

// judge counts what a client saw. A stream whose first byte came may die later.
func (f *flapping) judge(t *testing.T, c *call) {
	switch {
	case c.status == 200 && c.complete:
	case c.status == 200 && c.stream:
		f.broken.Add(1)
	case f.failed.Add(1) <= 10:
		t.Errorf("%s at %s: status %d, %v, %.300s", c.id, c.sentAt.UTC().Format("15:04:05.000"), c.status, c.err, c.body)
	}
}

// flap makes backends bad and well at random, and sees to it that one is well at
// any time: the anchor, whose place another one takes now and then, when that has
// proven to be well.
func (f *flapping) flap(t *testing.T, d time.Duration) {
	anchor, next, from := 0, -1, 0
	until := time.Now().Add(d)
	turn := time.Now() // when the anchor changes, or may
	for time.Now().Before(until) {
		time.Sleep(time.Duration(100+f.rng.IntN(300)) * time.Millisecond)
		switch due := time.Now().After(turn); {
		case due && next < 0:
			next, from = (anchor+1+f.rng.IntN(2))%3, -1
			f.stands[next].suffer(t, mishap{})
			f.flips++
			turn = time.Now().Add(flapOverlap)
		case due && from < 0:
			from = f.stands[next].look().well
		case due && f.stands[next].look().well-from >= provenCalls:
			anchor, next, turn = next, -1, time.Now().Add(time.Duration(f.rng.IntN(1500))*time.Millisecond)
		case due && time.Since(turn) > 20*time.Second:
			t.Fatalf("the gateway does not call %s again", f.names[next])
		}
		one := (anchor + 1 + f.rng.IntN(2)) % 3
		if one == next {
			one = 3 - anchor - next
		}
		f.stands[one].suffer(t, f.draw())
		f.flips++
	}
}

// draw gives what a backend's next state is: of three, one is that it is well, and
// of the mishaps each comes before any comes again.
func (f *flapping) draw() mishap {
	if f.rng.IntN(3) == 0 {
		return mishap{}
	}
	if len(f.deck) == 0 {
		f.deck = flapMishaps()
		f.rng.Shuffle(len(f.deck), func(i, j int) { f.deck[i], f.deck[j] = f.deck[j], f.deck[i] })
	}
	m := f.deck[0]
	f.deck = f.deck[1:]
	return m
}

// provenCalls are how many good answers in a row prove a backend.
const provenCalls = 10

// allWell ends the mishaps of those backends, and waits until the gateway calls
// them again and what they did before is over.
func (f *flapping) allWell(t *testing.T, which ...int) {
	for _, i := range which {
		f.stands[i].suffer(t, mishap{})
	}
	time.Sleep(flapOverlap)
	for _, i := range which {
		from := f.stands[i].look().well
		waitFor(t, 20*time.Second, "the gateway to call "+f.names[i]+" again", func() (bool, string) {
			n := f.stands[i].look().well - from
			return n >= provenCalls, fmt.Sprintf("%d calls were answered", n)
		})
	}
}

// onRecord checks that all calls with such ids are on the record.
func (f *flapping) onRecord(t *testing.T, prefix string, calls int64) {
	waitFor(t, 60*time.Second, "every call to be on the record", func() (bool, string) {
		rows, err := f.g.ask("WeirExchanges | where ClientRequestId startswith '" + prefix + "' | summarize Records = count(), Ids = dcount(CorrelationId)")
		if err != nil || len(rows) != 1 {
			return false, fmt.Sprint(rows, err)
		}
		return int64(rows[0].number("Records")) == calls, fmt.Sprintf("%v of %d calls are", rows[0]["Records"], calls)
	})
}

// flapTry is an attempt in the gateway's time, in milliseconds since the first.
type flapTry struct {
	id         string
	begin, end float64
	status     int
	after      string
}

// tries gives all attempts at a backend by calls with such ids, by their
// beginnings.
func (f *flapping) tries(t *testing.T, prefix, backend string) []flapTry {
	rows := f.g.query(t, "WeirExchanges | where ClientRequestId startswith '"+prefix+"' | mv-expand a = Attempts"+
		" | where tostring(a.backend) == '"+backend+"'"+
		" | project Id = ClientRequestId, At = tolong((TimeGenerated - datetime(2024-01-01)) / 1microsecond), Start = tolong(a.startMs), Took = tolong(a.timeMs), Status = toint(a.status), After = tostring(a.retryAfter)")
	all := make([]flapTry, len(rows))
	for i, r := range rows {
		begin := r.number("At")/1000 + r.number("Start")
		all[i] = flapTry{r.text("Id"), begin, begin + r.number("Took"), int(r.number("Status")), r.text("After")}
	}
	slices.SortFunc(all, func(a, b flapTry) int { return cmp.Compare(a.begin, b.begin) })
	return all
}

// leftAlone checks that no attempt at a backend began while a 429 had it tripped.
func (f *flapping) leftAlone(t *testing.T) {
	throttled := 0
	for _, name := range f.names {
		var until, since float64
		for _, a := range f.tries(t, "flap-", name) {
			if a.begin < until && a.begin > since {
				t.Errorf("%s: an attempt of %s began %.0f ms after a 429", name, a.id, a.begin-since+ms(flapSlack))
			}
			if a.status == 429 {
				throttled++
				since, until = a.end+ms(flapSlack), a.end+ms(leastTrip-50*time.Millisecond)
			}
		}
	}
	t.Logf("%d attempts were answered by 429", throttled)
}

func ms(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }

// shares has all backends well, and checks that calls go to them by their weights.
func (f *flapping) shares(t *testing.T) {
	const clients, each = 8, 300
	had := make([]int, len(f.stands))
	for i, b := range f.stands {
		had[i] = b.look().all
	}
	var wg sync.WaitGroup
	for i := range clients {
		wg.Go(func() {
			client := newClient()
			defer client.CloseIdleConnections()
			for n := range each {
				c := &call{id: fmt.Sprintf("share-%d-%d", i, n), prompt: "prompt", tokens: 1}
				c.do(client, f.g.url)
				f.judge(t, c)
			}
		})
	}
	wg.Wait()
	var text []string
	for i, b := range f.stands {
		share, want := float64(b.look().all-had[i])/(clients*each), float64(f.weights[i])/10
		text = append(text, fmt.Sprintf("%s %.2f%%", f.names[i], 100*share))
		if math.Abs(share-want) > 0.02 {
			t.Errorf("%s had %.2f%% of the calls, want %.0f%%", f.names[i], 100*share, 100*want)
		}
	}
	t.Logf("shares of %d calls: %s", clients*each, strings.Join(text, ", "))
}

// trials throttles one backend for three seconds and then, with each trial, for
// one more: while it is tripped it gets nothing, and then one call at a time.
func (f *flapping) trials(t *testing.T) {
	const one = 0
	b := f.stands[one]
	before := b.look()
	f.calls.Store(0)
	stop := f.load(t, "trial", 8, 2)
	b.suffer(t, mishap{name: "throttling", answer: says(429, "Retry-After", "3")})
	throttled := time.Now()
	time.Sleep(1500 * time.Millisecond)
	b.look() // the greatest number at once is that of the trials from now on
	b.suffer(t, mishap{name: "throttling", answer: saysLater(300*time.Millisecond, 429, "Retry-After", "1")})
	time.Sleep(time.Until(throttled.Add(7 * time.Second)))
	seen := b.look()
	f.allWell(t, one)
	stop()
	f.onRecord(t, "trial-", f.calls.Load())

	tries := f.tries(t, "trial-", f.names[one])
	if n := b.look().all - before.all; n != len(tries) {
		t.Errorf("%s had %d requests, the record has %d attempts", f.names[one], n, len(tries))
	}
	first := slices.IndexFunc(tries, func(a flapTry) bool { return a.status == 429 })
	if first < 0 {
		t.Fatal("no call was throttled")
	}
	trip, trials, early := tries[first].end, 0, 0
	free := trip + 3000
	for _, a := range tries[first+1:] {
		switch {
		case a.begin <= trip+ms(flapSlack): // it was under way
			free = max(free, a.end+3000)
		case a.begin < free-50:
			if early++; early <= 10 {
				t.Errorf("an attempt began %.0f ms before the breaker's time was over", free-a.begin)
			}
		case a.status == 429:
			trials++
			free = a.end + 1000
		default:
			free = 0 // closed
		}
	}
	if trials < 2 || seen.most > 1 {
		t.Errorf("%d trials, up to %d at once", trials, seen.most)
	}
	t.Logf("%d attempts while the breaker was open for 3 s and then by trials, %d of them trials, up to %d at once",
		len(tries), trials, seen.most)
	if n := f.failed.Load(); n > 0 {
		t.Errorf("%d calls failed in all", n)
	}
}
