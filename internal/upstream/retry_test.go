package upstream

import (
	"math"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestRetryPause(t *testing.T) {
	const s = time.Second
	seed := RetryConfig{Mode: "exponential", Interval: s, Delta: s, MaxInterval: 8 * s}
	for name, x := range map[string]struct {
		cfg    RetryConfig
		random float64
		want   []time.Duration // from n = 1
	}{
		"default":                 {RetryConfig{}, 0.9, []time.Duration{s, s, s}},
		"fixed":                   {RetryConfig{Mode: "fixed", Interval: 3 * s, Delta: 9 * s}, 0.9, []time.Duration{3 * s, 3 * s}},
		"linear":                  {RetryConfig{Mode: "linear", Interval: 2 * s, Delta: 3 * s}, 0.9, []time.Duration{2 * s, 5 * s, 8 * s, 8 * s}},
		"linear by default":       {RetryConfig{Mode: "linear"}, 0, []time.Duration{s, 2 * s, 3 * s}},
		"exponential, middle":     {seed, 0.5, []time.Duration{2 * s, 4 * s, 8 * s, 8 * s}},
		"exponential, least":      {seed, 0, []time.Duration{1800 * time.Millisecond, 3400 * time.Millisecond, 6600 * time.Millisecond, 8 * s}},
		"longer than the limit":   {RetryConfig{Interval: 20 * s}, 0, []time.Duration{20 * s, 20 * s}},
		"as long as can be":       {RetryConfig{Mode: "linear", Interval: math.MaxInt64, Delta: math.MaxInt64}, 0, []time.Duration{math.MaxInt64, math.MaxInt64}},
		"at the limit, by jitter": {seed, math.Nextafter(1, 0), []time.Duration{2199999999, 4599999999, 8 * s}},
	} {
		t.Run(name, func(t *testing.T) {
			var got []time.Duration
			for n := range x.want {
				got = append(got, x.cfg.Pause(n+1, x.random).Round(time.Microsecond))
			}
			for i, d := range x.want {
				x.want[i] = d.Round(time.Microsecond)
			}
			if diff := cmp.Diff(x.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
	for _, mode := range []string{"fixed", "linear", "exponential", "unknown"} {
		for _, n := range []int{math.MinInt, -1, 0, 1, 64, 5000, math.MaxInt} {
			if d := (RetryConfig{Mode: mode}).Pause(n, 0.5); d < time.Second || d > 8*time.Second {
				t.Errorf("%s: pause %d is %v", mode, n, d)
			}
		}
	}
}

func TestRetryConfigCheck(t *testing.T) {
	for name, x := range map[string]struct {
		cfg  RetryConfig
		want []string
	}{
		"nothing":       {RetryConfig{}, nil},
		"all":           {RetryConfig{Attempts: 50, Budget: time.Second, Mode: "linear", Interval: 1, Delta: 1, MaxInterval: 1}, nil},
		"long interval": {RetryConfig{Interval: time.Hour}, nil},
		"attempts":      {RetryConfig{Attempts: -1}, []string{"retry.attempts"}},
		"many attempts": {RetryConfig{Attempts: 51}, []string{"retry.attempts"}},
		"mode":          {RetryConfig{Mode: "Exponential"}, []string{"retry.mode"}},
		"short limit":   {RetryConfig{Interval: 2, MaxInterval: 1}, []string{"retry.max_interval"}},
		"below default": {RetryConfig{MaxInterval: time.Millisecond}, []string{"retry.max_interval"}},
		"all negative": {RetryConfig{Attempts: -1, Budget: -1, Mode: "-", Interval: -1, Delta: -1, MaxInterval: -1},
			[]string{"retry.attempts", "retry.mode", "retry.budget", "retry.interval", "retry.delta", "retry.max_interval"}},
	} {
		t.Run(name, func(t *testing.T) {
			k := &checker{}
			x.cfg.check(k, "retry")
			var got []string
			for _, p := range k.problems {
				got = append(got, p.Path)
				if p.Message == "" || p.Hint == "" {
					t.Errorf("%+v lacks something", p)
				}
			}
			if diff := cmp.Diff(x.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestRetryOrDefault(t *testing.T) {
	all, own := RetryConfig{Attempts: 3, Mode: "linear"}, RetryConfig{Budget: time.Second}
	if got := (RetryConfig{}).orDefault(all); got != all {
		t.Errorf("nothing set: %+v", got)
	}
	if got := own.orDefault(all); got != own {
		t.Errorf("its own is taken whole: %+v", got)
	}
	want := RetryConfig{Attempts: 0, Budget: 30 * time.Second, Mode: "fixed", Interval: time.Second, Delta: time.Second, MaxInterval: 8 * time.Second}
	if diff := cmp.Diff(want, RetryConfig{}.filled()); diff != "" {
		t.Error(diff)
	}
}
