package upstream

import (
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// Probe is an active health probe: a small request that is sent to a backend
// again and again. A backend that fails it gets no calls until it passes again.
type Probe struct {
	// Path is asked for at the host of the backend's URL, query included, as in
	// /openai/models?api-version=2024-10-21 or /status-0123456789abcdef.
	Path string `yaml:"path"`
	// Method is GET (default), HEAD or OPTIONS.
	Method string `yaml:"method"`
	// Interval is from the end of one probe to the next, a tenth more or less;
	// default 10s.
	Interval time.Duration `yaml:"interval"`
	// Timeout is how long an answer may take; default 5s.
	Timeout time.Duration `yaml:"timeout"`
	// UnhealthyThreshold is how many probes in a row must fail until the backend
	// gets no calls; default 3.
	UnhealthyThreshold int `yaml:"unhealthy_threshold"`
	// HealthyThreshold is how many must succeed in a row until it gets calls
	// again; default 2.
	HealthyThreshold int `yaml:"healthy_threshold"`
	// Status lists the statuses that are a success, as 200 or 200-299; default
	// 200-299. Redirects are not followed.
	Status []string `yaml:"status"`
	// Anonymous sends no credential with the probe.
	Anonymous bool `yaml:"anonymous"`
}

// check reports what is wrong with the probe at path.
func (p *Probe) check(k *checker, path string) {
	if _, err := p.target(); err != nil {
		k.bad("a probe needs a path that begins with one /", "path: /openai/models?api-version=2024-10-21", "%s.path", path)
	}
	if p.Method != "" && p.Method != http.MethodGet && p.Method != http.MethodHead && p.Method != http.MethodOptions {
		k.bad(fmt.Sprintf("%q is no method for a probe", p.Method), "GET, HEAD or OPTIONS", "%s.method", path)
	}
	if p.Interval < 0 || p.Interval > 0 && p.Interval < 100*time.Millisecond {
		k.bad("a probe is sent every 100ms at most", "10s", "%s.interval", path)
	}
	k.timeout(p.Timeout, "5s", "%s.timeout", path)
	if p.UnhealthyThreshold < 0 {
		k.bad("a number of probes cannot be negative", "3", "%s.unhealthy_threshold", path)
	}
	if p.HealthyThreshold < 0 {
		k.bad("a number of probes cannot be negative", "2", "%s.healthy_threshold", path)
	}
	for i, s := range p.Status {
		if _, err := parseStatuses(s); err != nil {
			k.bad(fmt.Sprintf("%q is no status and no range of them", s), "200, or 200-299", "%s.status[%d]", path, i)
		}
	}
}

// target reads Path.
func (p *Probe) target() (*url.URL, error) {
	u, err := url.ParseRequestURI(p.Path)
	if err != nil {
		return nil, err
	}
	if u.Scheme != "" || u.Host != "" || !strings.HasPrefix(p.Path, "/") || strings.HasPrefix(p.Path, "//") || strings.Contains(p.Path, "#") {
		return nil, fmt.Errorf("%q is more than a path", p.Path)
	}
	return u, nil
}

// statuses is a range of HTTP statuses, both ends in it.
type statuses struct{ from, to int }

func parseStatuses(s string) (statuses, error) {
	low, high, isRange := strings.Cut(s, "-")
	if !isRange {
		high = low
	}
	from, err := strconv.Atoi(strings.TrimSpace(low))
	if err != nil {
		return statuses{}, err
	}
	to, err := strconv.Atoi(strings.TrimSpace(high))
	if err != nil {
		return statuses{}, err
	}
	if from < 200 || to > 599 || from > to {
		return statuses{}, strconv.ErrRange
	}
	return statuses{from, to}, nil
}

// ProbeResult is what came of one probe.
type ProbeResult struct {
	// OK says that the status is one of the expected.
	OK bool
	// Status is the answer's, 0 without one.
	Status int
	// Reason is "" or "BackendConnectionFailure", "Timeout", "Status" or
	// "CredentialUnavailable".
	Reason string
	// Took is the time until the answer was read.
	Took time.Duration
	// Changed says that this probe changed the verdict; Healthy is the verdict.
	Changed, Healthy bool
}

// prober probes one backend.
type prober struct {
	probe      Probe
	url        *url.URL
	statuses   []statuses
	transport  http.RoundTripper
	credential *credential
	told       func(ProbeResult)

	sick atomic.Bool

	mu     sync.Mutex
	streak int // probes in a row that speak against the verdict
}

// newProber makes a prober of a backend by a probe without problems. c may be nil.
// told is called after each probe, from run's goroutine.
func newProber(p Probe, base url.URL, rt http.RoundTripper, c *credential, told func(ProbeResult)) *prober {
	if p.Method == "" {
		p.Method = http.MethodGet
	}
	p.Interval, p.Timeout = orDefault(p.Interval, 10*time.Second), orDefault(p.Timeout, 5*time.Second)
	if p.UnhealthyThreshold == 0 {
		p.UnhealthyThreshold = 3
	}
	if p.HealthyThreshold == 0 {
		p.HealthyThreshold = 2
	}
	if p.Anonymous {
		c = nil
	}
	r := &prober{probe: p, transport: rt, credential: c, told: told}
	for _, s := range p.Status {
		if s, err := parseStatuses(s); err == nil { // else check has refused it
			r.statuses = append(r.statuses, s)
		}
	}
	if len(p.Status) == 0 {
		r.statuses = []statuses{{200, 299}}
	}
	u, err := p.target()
	if err != nil {
		u = &url.URL{Path: "/"} // check has refused it
	}
	u.Scheme, u.Host = base.Scheme, base.Host
	r.url = u
	return r
}

// healthy says whether the backend may have calls; it may until it has failed.
func (p *prober) healthy() bool { return !p.sick.Load() }

// adopt takes over the verdict of the prober before a reload, and the probes that
// speak against it, before run.
func (p *prober) adopt(old *prober) {
	if old == nil {
		return
	}
	old.mu.Lock()
	defer old.mu.Unlock()
	p.sick.Store(old.sick.Load())
	p.streak = old.streak
}

// run probes until ctx ends, at first at once.
func (p *prober) run(ctx context.Context) {
	for {
		r := p.once(ctx)
		if ctx.Err() != nil {
			return
		}
		p.judge(&r)
		p.told(r)
		wait := time.Duration(float64(p.probe.Interval) * (0.9 + 0.2*rand.Float64()))
		select {
		case <-ctx.Done():
			return
		case <-time.After(wait):
		}
	}
}

// judge brings the verdict up to date.
func (p *prober) judge(r *ProbeResult) {
	p.mu.Lock()
	defer p.mu.Unlock()
	healthy := p.healthy()
	if r.OK == healthy {
		p.streak = 0
	} else {
		p.streak++
	}
	enough := p.probe.HealthyThreshold
	if healthy {
		enough = p.probe.UnhealthyThreshold
	}
	if p.streak >= enough {
		p.streak = 0
		p.sick.Store(healthy)
		r.Changed, healthy = true, !healthy
	}
	r.Healthy = healthy
}

// maxProbed is how much of an answer is read, so that its connection can be used
// again.
const maxProbed = 64 << 10

// once sends one probe.
func (p *prober) once(ctx context.Context) (r ProbeResult) {
	began := time.Now()
	ctx, cancel := context.WithTimeout(ctx, p.probe.Timeout)
	defer cancel()
	defer func() {
		r.Took = time.Since(began)
		if r.Reason == reasonConnection && ctx.Err() != nil {
			r.Reason = reasonTimeout
		}
	}()
	req := (&http.Request{
		Method: p.probe.Method, URL: p.url, Host: p.url.Host, Header: http.Header{"User-Agent": {"weir-probe"}},
		Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
	}).WithContext(ctx)
	if p.credential != nil {
		if err := p.credential.apply(ctx, req.Header); err != nil {
			r.Reason = reasonCredential
			return r
		}
	}
	resp, err := p.transport.RoundTrip(req)
	if err != nil {
		r.Reason = reasonConnection
		return r
	}
	defer resp.Body.Close()
	r.Status = resp.StatusCode
	if r.Status == http.StatusUnauthorized && p.credential != nil {
		p.credential.Refused()
	}
	if _, err := io.Copy(io.Discard, io.LimitReader(resp.Body, maxProbed)); err != nil {
		r.Reason = reasonConnection
		return r
	}
	r.Reason = reasonStatus
	for _, s := range p.statuses {
		if r.Status >= s.from && r.Status <= s.to {
			r.OK, r.Reason = true, ""
			break
		}
	}
	return r
}

// Why a probe failed, in the words of the breaker's rules.
const (
	reasonConnection = "BackendConnectionFailure"
	reasonTimeout    = "Timeout"
	reasonStatus     = "Status"
	reasonCredential = "CredentialUnavailable"
)
