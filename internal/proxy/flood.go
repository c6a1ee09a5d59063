package proxy

import (
	"fmt"
	"sync"
	"time"

	"weir/internal/record"
)

// flood keeps refused strangers from filling the disk: it lets so many a second
// be recorded one by one, and counts the others by reason. It also counts who
// is turned away while nothing can be recorded.
type flood struct {
	rate, burst float64

	mu     sync.Mutex
	tokens float64
	last   time.Time
	counts map[string]int64
}

func (f *flood) init() { f.counts = map[string]int64{} }

// limit sets how many a second are recorded.
func (f *flood) limit(rate int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.rate != float64(rate) {
		f.rate, f.burst = float64(rate), 10*float64(rate)
		f.tokens = f.burst
	}
}

// full says whether a refusal is to be counted instead of recorded, and counts
// it then.
func (f *flood) full(now time.Time, reason string) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	if since := now.Sub(f.last).Seconds(); since > 0 {
		f.tokens = min(f.burst, f.tokens+since*f.rate)
		f.last = now
	}
	if f.tokens >= 1 {
		f.tokens--
		return false
	}
	f.counts[reason]++
	return true
}

// add counts n refusals without a record.
func (f *flood) add(reason string, n int64) {
	f.mu.Lock()
	f.counts[reason] += n
	f.mu.Unlock()
}

func (f *flood) take() map[string]int64 {
	f.mu.Lock()
	defer f.mu.Unlock()
	if len(f.counts) == 0 {
		return nil
	}
	counts := f.counts
	f.counts = map[string]int64{}
	return counts
}

// recordFlood writes one record for each reason for which refusals were
// counted. What cannot be recorded now stays counted.
func (p *Proxy) recordFlood() {
	counts := p.flood.take()
	if len(counts) == 0 {
		return
	}
	if p.Log.Ready() != nil {
		for reason, n := range counts {
			p.flood.add(reason, n)
		}
		return
	}
	for reason, n := range counts {
		if err := p.recordCount(reason, n); err != nil {
			p.flood.add(reason, n)
			p.log.Error("a count of refusals could not be recorded", "count", n, "err", err)
		}
	}
}

func (p *Proxy) recordCount(reason string, n int64) error {
	now := time.Now()
	message := "%d calls of unknown callers were refused for this reason and are counted here."
	switch reason {
	case "CorsPreflight":
		message = "%d preflights of browsers were answered and are counted here."
	case noRecording:
		message = "%d calls were refused while nothing could be recorded and are counted here."
	}
	id := record.NewID(now)
	cfg := &p.setup.Load().Config
	begin := record.Begin{Time: now, Gateway: cfg.Name, Region: cfg.Region}
	if err := p.Log.Begin(id, now, begin.Append(nil), nil); err != nil {
		return err
	}
	end := record.End{
		Time: now, Outcome: record.Refused, OwnAnswer: true,
		LastError: &record.LastError{
			Reason: reason, Source: "gateway", Scope: "global", Section: "inbound",
			Message: fmt.Sprintf(message, n),
		},
	}
	return p.Log.End(id, now, end.Append(nil), nil, nil)
}
