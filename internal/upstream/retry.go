package upstream

import (
	"fmt"
	"math"
	"time"
)

// RetryConfig says how often a call is tried, and with what pauses. It is tried
// again before the first byte of an answer only.
type RetryConfig struct {
	// Attempts is the most attempts in all, the first included, up to 50; default:
	// every backend of the deployment once.
	Attempts int `yaml:"attempts"`
	// Budget is how long after the first attempt's begin another may begin; default
	// 30s. An attempt that has begun may take its time.
	Budget time.Duration `yaml:"budget"`
	// Mode is how the pauses before a backend is tried once more grow: "fixed"
	// (default), "linear" or "exponential", as in API Management's retry policy.
	// A backend that the call has not tried yet is tried without one.
	Mode string `yaml:"mode"`
	// Interval is the first pause, and with "fixed" each; default 1s.
	Interval time.Duration `yaml:"interval"`
	// Delta is what is added: each time with "linear"; with "exponential" 1, 3, 7,
	// 15... times, give or take a fifth at random. Default 1s.
	Delta time.Duration `yaml:"delta"`
	// MaxInterval is the longest pause; default 8s, or interval if that is longer.
	MaxInterval time.Duration `yaml:"max_interval"`
}

// The modes of a RetryConfig.
const (
	retryFixed       = "fixed"
	retryLinear      = "linear"
	retryExponential = "exponential"
)

const (
	maxAttempts        = 50 // as API Management
	defaultBudget      = 30 * time.Second
	defaultPause       = time.Second
	defaultMaxInterval = 8 * time.Second
)

// check reports the mistakes of the config that stands at path.
func (c RetryConfig) check(k *checker, path string) {
	if c.Attempts < 0 || c.Attempts > maxAttempts {
		k.bad(fmt.Sprintf("%d is no number of attempts", c.Attempts), "1 to 50; leave it out to try every backend once", "%s.attempts", path)
	}
	switch c.Mode {
	case "", retryFixed, retryLinear, retryExponential:
	default:
		k.bad(fmt.Sprintf("%q is no mode", c.Mode), "fixed, linear or exponential", "%s.mode", path)
	}
	for _, t := range []struct {
		name, hint string
		value      time.Duration
	}{
		{"budget", "30s", c.Budget},
		{"interval", "1s", c.Interval},
		{"delta", "1s", c.Delta},
		{"max_interval", "8s", c.MaxInterval},
	} {
		if t.value < 0 {
			k.bad("a time cannot be negative", t.hint, "%s.%s", path, t.name)
		}
	}
	if least := c.filled().Interval; c.MaxInterval > 0 && c.MaxInterval < least {
		k.bad("the longest pause is shorter than the first, which is "+least.String(), "max_interval: 8s", "%s.max_interval", path)
	}
}

// orDefault gives the config, or where nothing of it is set the other one.
func (c RetryConfig) orDefault(other RetryConfig) RetryConfig {
	if c == (RetryConfig{}) {
		return other
	}
	return c
}

// filled gives the config with its defaults, but for Attempts, whose default is
// the number of backends.
func (c RetryConfig) filled() RetryConfig {
	if c.Budget <= 0 {
		c.Budget = defaultBudget
	}
	if c.Mode == "" {
		c.Mode = retryFixed
	}
	if c.Interval <= 0 {
		c.Interval = defaultPause
	}
	if c.Delta <= 0 {
		c.Delta = defaultPause
	}
	if c.MaxInterval <= 0 {
		c.MaxInterval = max(defaultMaxInterval, c.Interval)
	}
	return c
}

// Pause gives the time to wait before the n-th round after the first, n from 1.
// random is from [0,1) and matters with "exponential" only.
//
//	fixed        interval
//	linear       interval + (n-1)*delta
//	exponential  interval + (2^n-1)*random(0.8*delta, 1.2*delta)
//
// None is longer than max_interval. Source: API Management's retry policy.
func (c RetryConfig) Pause(n int, random float64) time.Duration {
	c = c.filled()
	// In floating point nothing overflows: what is too much becomes infinite.
	pause, delta := float64(c.Interval), float64(c.Delta)
	switch n = max(n, 1); c.Mode {
	case retryLinear:
		pause += float64(n-1) * delta
	case retryExponential:
		pause += (math.Exp2(float64(n)) - 1) * delta * (0.8 + 0.4*random)
	}
	if pause >= float64(c.MaxInterval) {
		return c.MaxInterval
	}
	return time.Duration(pause)
}
