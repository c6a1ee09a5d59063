package sim

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
)

// controls are what is to befall one call; -1 and "" mean that nothing is asked.
type controls struct {
	status       int
	retryAfter   string
	retryAfterMS string
	retryDate    time.Duration
	delay        time.Duration
	chunkDelay   time.Duration
	tokens       int64
	chunks       int64
	bytes        int64
	dieAfter     int64
	cutClose     bool
	hang         int64
	truncate     int64
	malformed    int64
	noDone       bool
	keepalive    int64
	gzip         bool
	asyncFilter  bool
}

func noControls() controls {
	return controls{
		retryDate: -1, delay: -1, chunkDelay: -1, tokens: -1, chunks: -1, bytes: -1,
		dieAfter: -1, hang: -1, truncate: -1, malformed: -1,
	}
}

// control is a row of the table in the package comment.
type control struct {
	name string
	set  func(c *controls, value string) error
}

// Upper limits keep one call from taking the machine along.
const (
	maxTokens = 1_000_000
	maxBytes  = 16 << 30
	maxDelay  = time.Hour
)

var controlTable = []control{
	{"status", func(c *controls, v string) error {
		n, err := number(v, 400, 599)
		c.status = int(n)
		return err
	}},
	{"retry_after", func(c *controls, v string) error { c.retryAfter = v; return nil }},
	{"retry_after_ms", func(c *controls, v string) error { c.retryAfterMS = v; return nil }},
	{"retry_after_date", func(c *controls, v string) error {
		n, err := number(v, 0, 86400)
		c.retryDate = time.Duration(n) * time.Second
		return err
	}},
	{"delay", func(c *controls, v string) (err error) { c.delay, err = duration(v); return }},
	{"chunk_delay", func(c *controls, v string) (err error) { c.chunkDelay, err = duration(v); return }},
	{"tokens", func(c *controls, v string) (err error) { c.tokens, err = number(v, 1, maxTokens); return }},
	{"chunks", func(c *controls, v string) (err error) { c.chunks, err = number(v, 1, maxTokens); return }},
	{"bytes", func(c *controls, v string) (err error) { c.bytes, err = number(v, 1, maxBytes); return }},
	{"die_after", func(c *controls, v string) (err error) { c.dieAfter, err = number(v, 0, maxBytes); return }},
	{"cut", func(c *controls, v string) error {
		if v != "reset" && v != "close" {
			return fmt.Errorf(`must be "reset" or "close"`)
		}
		c.cutClose = v == "close"
		return nil
	}},
	{"hang", func(c *controls, v string) (err error) { c.hang, err = number(v, 0, maxBytes); return }},
	{"truncate", func(c *controls, v string) (err error) { c.truncate, err = number(v, 0, maxBytes); return }},
	{"malformed", func(c *controls, v string) (err error) { c.malformed, err = number(v, 0, maxTokens); return }},
	{"no_done", func(c *controls, v string) (err error) { c.noDone, err = onOff(v); return }},
	{"keepalive", func(c *controls, v string) (err error) { c.keepalive, err = number(v, 0, maxTokens); return }},
	{"gzip", func(c *controls, v string) (err error) { c.gzip, err = onOff(v); return }},
	{"async_filter", func(c *controls, v string) (err error) { c.asyncFilter, err = onOff(v); return }},
}

func number(v string, low, high int64) (int64, error) {
	n, err := strconv.ParseInt(v, 10, 64)
	if err != nil || n < low || n > high {
		return 0, fmt.Errorf("must be a whole number from %d to %d", low, high)
	}
	return n, nil
}

func duration(v string) (time.Duration, error) {
	d, err := time.ParseDuration(v)
	if err != nil || d < 0 || d > maxDelay {
		return 0, fmt.Errorf("must be a duration such as 20ms, at most %v", maxDelay)
	}
	return d, nil
}

func onOff(v string) (bool, error) {
	on, err := strconv.ParseBool(v)
	if err != nil {
		return false, fmt.Errorf("must be 1 or 0")
	}
	return on, nil
}

// set sets the control of that name.
func (c *controls) set(name, value string) error {
	i := slices.IndexFunc(controlTable, func(k control) bool { return k.name == name })
	if i < 0 {
		var known []string
		for _, k := range controlTable {
			known = append(known, k.name)
		}
		return fmt.Errorf("there is no control %q; there are %s", name, strings.Join(known, ", "))
	}
	if err := controlTable[i].set(c, value); err != nil {
		return fmt.Errorf("control %s: %w", name, err)
	}
	return nil
}

// setAll sets what a list such as "die_after=5,chunk_delay=20ms" says.
func (c *controls) setAll(list string) error {
	for item := range strings.SplitSeq(list, ",") {
		name, value, given := strings.Cut(strings.TrimSpace(item), "=")
		if name == "" {
			continue
		}
		if !given {
			return fmt.Errorf("control %q has no value", name)
		}
		if err := c.set(strings.TrimSpace(name), strings.TrimSpace(value)); err != nil {
			return err
		}
	}
	return nil
}

const controlPrefix = "X-Sim-"

// setHeaders sets what the request's headers say.
func (c *controls) setHeaders(h http.Header) error {
	for key, values := range h {
		if !strings.HasPrefix(key, controlPrefix) || len(values) == 0 {
			continue
		}
		name := strings.ReplaceAll(strings.ToLower(key[len(controlPrefix):]), "-", "_")
		if err := c.set(name, strings.TrimSpace(values[0])); err != nil {
			return err
		}
	}
	return nil
}

// setBody sets what metadata.sim of the request's body says. Metadata of another
// shape is the caller's own affair.
func (c *controls) setBody(list []field) error {
	for _, f := range list {
		if f.name != "metadata" {
			continue
		}
		var m map[string]any
		if json.Unmarshal(f.raw, &m) != nil {
			continue
		}
		if s, ok := m["sim"].(string); ok {
			if err := c.setAll(s); err != nil {
				return err
			}
		}
	}
	return nil
}
