package upstream

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestBreakerConfigCheck(t *testing.T) {
	good := Rule{Name: "a", Count: 5, StatusCodes: []string{"429", "500-599", " 100 - 199 "}, ErrorReasons: []string{"Timeout", "AnswerBroken"}}
	with := func(change func(*Rule)) []Rule {
		r := good
		change(&r)
		return []Rule{r}
	}
	for name, x := range map[string]struct {
		rules []Rule
		want  []string // paths
	}{
		"none":               {nil, nil},
		"defaults":           {defaultRules(), nil},
		"good":               {[]Rule{good}, nil},
		"share":              {with(func(r *Rule) { r.Count, r.Percentage, r.MinCalls = 0, 100, 1 }), nil},
		"no name":            {with(func(r *Rule) { r.Name = "" }), []string{".name"}},
		"neither":            {with(func(r *Rule) { r.Count = 0 }), []string{""}},
		"both":               {with(func(r *Rule) { r.Percentage = 50 }), []string{""}},
		"negative count":     {with(func(r *Rule) { r.Count = -1 }), []string{".count"}},
		"large count":        {with(func(r *Rule) { r.Count = 10_001 }), []string{".count"}},
		"large share":        {with(func(r *Rule) { r.Count, r.Percentage = 0, 101 }), []string{".percentage"}},
		"negative share":     {with(func(r *Rule) { r.Count, r.Percentage = 0, -1 }), []string{".percentage"}},
		"min_calls":          {with(func(r *Rule) { r.MinCalls = 3 }), []string{".min_calls"}},
		"negative min_calls": {with(func(r *Rule) { r.Count, r.Percentage, r.MinCalls = 0, 5, -3 }), []string{".min_calls"}},
		"times":              {with(func(r *Rule) { r.Interval, r.TripDuration = -1, 25*time.Hour }), []string{".interval", ".trip_duration"}},
		"no failure":         {with(func(r *Rule) { r.StatusCodes, r.ErrorReasons = nil, nil }), []string{""}},
		"status":             {with(func(r *Rule) { r.StatusCodes = []string{"429", "5xx"} }), []string{".status_codes[1]"}},
		"status range":       {with(func(r *Rule) { r.StatusCodes = []string{"599-500"} }), []string{".status_codes[0]"}},
		"statuses":           {with(func(r *Rule) { r.StatusCodes = []string{"", "-", "99", "600", "+429", "429-", "1-2-3", "0429"} }), []string{".status_codes[0]", ".status_codes[1]", ".status_codes[2]", ".status_codes[3]", ".status_codes[4]", ".status_codes[5]", ".status_codes[6]", ".status_codes[7]"}},
		"reason":             {with(func(r *Rule) { r.ErrorReasons = []string{"Server errors"} }), []string{".error_reasons[0]"}},
		"everything at once": {[]Rule{{}}, []string{".name", "", ""}},
	} {
		t.Run(name, func(t *testing.T) {
			k := &checker{}
			BreakerConfig{Rules: x.rules}.check(k, "circuit_breaker")
			var got, want []string
			for _, p := range k.problems {
				got = append(got, p.Path)
				if p.Message == "" || p.Hint == "" {
					t.Errorf("%+v lacks something", p)
				}
			}
			for _, path := range x.want {
				want = append(want, "circuit_breaker.rules[0]"+path)
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Error(diff)
			}
			NewBreaker(BreakerConfig{Rules: x.rules}) // survives all of it
		})
	}
	k := &checker{}
	BreakerConfig{Rules: []Rule{good, good}}.check(k, "backends[1].circuit_breaker")
	if len(k.problems) != 1 || k.problems[0].Path != "backends[1].circuit_breaker.rules[1].name" {
		t.Errorf("two rules of one name: %+v", k.problems)
	}
}

// Rules that nobody checked are taken for the nearest good ones.
func TestUncheckedRule(t *testing.T) {
	b := NewBreaker(BreakerConfig{Rules: []Rule{{Percentage: 900, MinCalls: -1, Interval: 3, TripDuration: -1, StatusCodes: []string{"500"}}, {Count: -1, Interval: -1, StatusCodes: []string{"oops", "429"}}}})
	for range 20 {
		call(b, answered(500))
	}
	call(b, answered(429))
	wantPhase(t, b, Open)
}

func TestBreakerConfigIsZero(t *testing.T) {
	if !(BreakerConfig{}).isZero() || !(BreakerConfig{Rules: []Rule{}}).isZero() {
		t.Error("nothing is set, but it is not zero")
	}
	if (BreakerConfig{Disabled: true}).isZero() || (BreakerConfig{Rules: defaultRules()}).isZero() {
		t.Error("something is set, but it is zero")
	}
}
