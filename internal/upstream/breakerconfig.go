package upstream

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// BreakerConfig says when calls to a backend stop for a while.
type BreakerConfig struct {
	// Disabled lets every call through, however the backend fails; default false.
	Disabled bool `yaml:"disabled"`
	// Rules trip the breaker, each by itself, and the first that does says for
	// how long. Default: throttled (one 429; 10s, or as Retry-After says),
	// failing (half of at least 5 calls within 10s ended with 500-599,
	// BackendConnectionFailure, Timeout or AnswerBroken; 10s) and unreachable (half
	// of at least 3 calls within 1m ended with BackendConnectionFailure, Timeout,
	// Redirect or CredentialUnavailable; 10s).
	Rules []Rule `yaml:"rules"`
}

// Rule is a kind of failure and how much of it trips the breaker, as API
// Management's properties.circuitBreaker.rules[].
type Rule struct {
	// Name is shown in the breaker's state, and is one rule's only.
	Name string `yaml:"name"`
	// Count is how many failures within interval trip the breaker, 1 to 10000. A
	// rule has either count or percentage.
	Count int `yaml:"count"`
	// Percentage is which share of the calls that ended within interval must be
	// failures to trip the breaker, 1 to 100. The interval moves on by tenths.
	Percentage int `yaml:"percentage"`
	// MinCalls is how many calls must have ended within interval before their
	// percentage says something; default 10. It goes with percentage only.
	MinCalls int `yaml:"min_calls"`
	// Interval is how long a call is remembered; default 1m, at most 24h.
	Interval time.Duration `yaml:"interval"`
	// StatusCodes are the answers that are failures: single ones ("429") and
	// ranges ("500-599").
	StatusCodes []string `yaml:"status_codes"`
	// ErrorReasons are the failures without a whole answer:
	// BackendConnectionFailure, Timeout (no headers in time, or silence in the midst
	// of the answer), Redirect, CredentialUnavailable and AnswerBroken (it broke off).
	// A call whose answer breaks off in its midst is one failed call.
	ErrorReasons []string `yaml:"error_reasons"`
	// TripDuration is how long no call is sent; then one call at a time is, until
	// one does not fail. Default 1m, at most 24h.
	TripDuration time.Duration `yaml:"trip_duration"`
	// AcceptRetryAfter takes the time from the failed answer's retry-after-ms or
	// Retry-After instead, where it has one: at most 1h, and at least 1s when the
	// trial call after a trip is refused again.
	AcceptRetryAfter bool `yaml:"accept_retry_after"`
}

const (
	maxCount        = 10_000
	maxRuleTime     = 24 * time.Hour
	defaultMinCalls = 10
	defaultInterval = time.Minute
	defaultTrip     = time.Minute
)

// errorReasons are the words that a rule's error_reasons may have.
var errorReasons = []string{"BackendConnectionFailure", "Timeout", "Redirect", "CredentialUnavailable", "AnswerBroken"}

// defaultRules hold where a config has none. Failures are taken by share, for a
// number of them that is right for a backend with a call a second takes a busy
// and all but healthy one away. A short interval sees a busy backend's trouble
// at once; the long one is for a backend that is called seldom, where each call
// may have cost the time to connect.
func defaultRules() []Rule {
	return []Rule{
		{
			Name: "throttled", Count: 1, StatusCodes: []string{"429"},
			TripDuration: 10 * time.Second, AcceptRetryAfter: true,
		},
		{
			Name: "failing", Percentage: 50, MinCalls: 5, Interval: 10 * time.Second,
			StatusCodes:  []string{"500-599"},
			ErrorReasons: []string{"BackendConnectionFailure", "Timeout", "AnswerBroken"},
			TripDuration: 10 * time.Second,
		},
		{
			Name: "unreachable", Percentage: 50, MinCalls: 3, Interval: time.Minute,
			ErrorReasons: []string{"BackendConnectionFailure", "Timeout", "Redirect", "CredentialUnavailable"},
			TripDuration: 10 * time.Second,
		},
	}
}

// isZero says whether nothing is configured.
func (c BreakerConfig) isZero() bool { return !c.Disabled && len(c.Rules) == 0 }

// check reports the mistakes of the config that stands at path.
func (c BreakerConfig) check(k *checker, path string) {
	if c.Disabled && len(c.Rules) > 0 {
		k.bad("the breaker is disabled and has rules", "leave out disabled or rules", "%s.rules", path)
	}
	names := map[string]bool{}
	for i, r := range c.Rules {
		at := fmt.Sprintf("%s.rules[%d]", path, i)
		if r.Name == "" {
			k.bad("a rule needs a name", "name: throttled", "%s.name", at)
		} else if names[r.Name] {
			k.bad("two rules have this name", "give each its own", "%s.name", at)
		}
		names[r.Name] = true
		r.checkMeasure(k, at)
		r.checkFailures(k, at)
		checkRuleTime(k, r.Interval, defaultInterval, "%s.interval", at)
		checkRuleTime(k, r.TripDuration, defaultTrip, "%s.trip_duration", at)
	}
}

// checkMeasure reports mistakes in how many failures trip the breaker.
func (r Rule) checkMeasure(k *checker, at string) {
	switch {
	case r.Count == 0 && r.Percentage == 0:
		k.bad("the rule does not say how many failures trip it", "count: 5, or percentage: 50", "%s", at)
	case r.Count != 0 && r.Percentage != 0:
		k.bad("a rule has either count or percentage", "make two rules of it", "%s", at)
	}
	if r.Count < 0 || r.Count > maxCount {
		k.bad(fmt.Sprintf("%d is no count of failures", r.Count), "1 to 10000", "%s.count", at)
	}
	if r.Percentage < 0 || r.Percentage > 100 {
		k.bad(fmt.Sprintf("%d is no percentage", r.Percentage), "1 to 100", "%s.percentage", at)
	}
	if r.MinCalls < 0 {
		k.bad("a number of calls cannot be negative", "min_calls: 10", "%s.min_calls", at)
	} else if r.MinCalls > 0 && r.Percentage == 0 {
		k.bad("min_calls goes with percentage only", "leave it out", "%s.min_calls", at)
	}
}

// checkFailures reports mistakes in what is a failure.
func (r Rule) checkFailures(k *checker, at string) {
	if len(r.StatusCodes) == 0 && len(r.ErrorReasons) == 0 {
		k.bad("the rule does not say what is a failure", `status_codes: ["500-599"]`, "%s", at)
	}
	for i, s := range r.StatusCodes {
		if _, _, ok := statusRange(s); !ok {
			k.bad(fmt.Sprintf("%q is no status and no range of them", s), `"429" or "500-599", from 100 to 599`, "%s.status_codes[%d]", at, i)
		}
	}
	for i, s := range r.ErrorReasons {
		if !slices.Contains(errorReasons, s) {
			k.bad(fmt.Sprintf("%q is no error reason", s), "one of "+strings.Join(errorReasons, ", "), "%s.error_reasons[%d]", at, i)
		}
	}
}

func checkRuleTime(k *checker, d, usual time.Duration, path string, args ...any) {
	hint := shortTime(usual)
	if d < 0 {
		k.bad("a time cannot be negative", hint, path, args...)
	} else if d > maxRuleTime {
		k.bad("longer than 24h", hint, path, args...)
	}
}

// shortTime writes whole minutes as the config has them: 1m, not 1m0s.
func shortTime(d time.Duration) string {
	s := d.String()
	if strings.HasSuffix(s, "m0s") {
		s = strings.TrimSuffix(s, "0s")
	}
	return s
}

// statusRange reads "429" or "500-599".
func statusRange(s string) (from, to int, ok bool) {
	low, high, ranged := strings.Cut(s, "-")
	if !ranged {
		high = low
	}
	from, ok1 := statusCode(strings.TrimSpace(low))
	to, ok2 := statusCode(strings.TrimSpace(high))
	return from, to, ok1 && ok2 && from <= to
}

func statusCode(s string) (int, bool) {
	n, err := strconv.Atoi(s)
	return n, err == nil && len(s) == 3 && n >= 100 && n <= 599
}
