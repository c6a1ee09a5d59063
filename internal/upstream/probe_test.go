package upstream

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
)

// probed is a backend in a test: it answers with status after takes.
type probed struct {
	mu      sync.Mutex
	status  int // 0 is no connection
	takes   time.Duration
	body    io.Reader
	last    *http.Request
	at      []time.Time
	results []ProbeResult
	closed  int
}

func (b *probed) RoundTrip(req *http.Request) (*http.Response, error) {
	b.mu.Lock()
	b.last, b.at = req, append(b.at, time.Now())
	status := b.status
	b.mu.Unlock()
	select {
	case <-time.After(b.takes):
	case <-req.Context().Done():
		return nil, req.Context().Err()
	}
	if status == 0 {
		return nil, errors.New("hidden")
	}
	body := b.body
	if body == nil {
		body = strings.NewReader("{}")
	}
	return &http.Response{StatusCode: status, Header: http.Header{"Location": {"/"}}, Body: closing{body, b}}, nil
}

func (b *probed) note(r ProbeResult) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.results = append(b.results, r)
}

// next sets the status and gives what the probe after that comes to.
func (b *probed) next(status int) ProbeResult {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.status = status
	n := len(b.results)
	for len(b.results) == n {
		b.mu.Unlock()
		time.Sleep(time.Second)
		synctest.Wait()
		b.mu.Lock()
	}
	return b.results[n]
}

type closing struct {
	io.Reader
	b *probed
}

func (c closing) Close() error {
	c.b.closed++
	return nil
}

// endless is a body without an end.
type endless struct{ read int }

func (e *endless) Read(p []byte) (int, error) {
	e.read += len(p)
	return len(p), nil
}

// broken ends too early.
type broken struct{}

func (broken) Read([]byte) (int, error) { return 0, io.ErrUnexpectedEOF }

// probing runs f while p probes b, in time of its own.
func probing(t *testing.T, p Probe, b *probed, c *credential, f func(t *testing.T, r *prober)) {
	t.Helper()
	if got := problems(t, p.check); len(got) > 0 {
		t.Fatal(got)
	}
	synctest.Test(t, func(t *testing.T) {
		base := url.URL{Scheme: "https", Host: "r.openai.azure.com", Path: "/ai/v1"}
		r := newProber(p, base, b, c, b.note)
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan struct{})
		go func() {
			defer close(done)
			r.run(ctx)
		}()
		synctest.Wait()
		f(t, r)
		cancel()
		<-done
	})
}

func TestProbeThresholds(t *testing.T) {
	b := &probed{status: 200}
	probing(t, Probe{Path: "/status-0123456789abcdef", Anonymous: true}, b, nil, func(t *testing.T, r *prober) {
		var verdicts strings.Builder
		for _, step := range "..!..!!.!!!!.!.." {
			status := map[rune]int{'.': 204, '!': 503}[step]
			last := b.next(status)
			if last.Healthy != r.healthy() || last.OK != (step == '.') || last.Status != status {
				t.Errorf("%+v", last)
			}
			mark := map[bool]string{true: "+", false: "-"}[r.healthy()]
			if last.Changed {
				mark = map[bool]string{true: "U", false: "D"}[r.healthy()]
			}
			verdicts.WriteString(mark)
		}
		if got, want := verdicts.String(), "++++++++++D----U"; got != want {
			t.Errorf("%s, want %s", got, want)
		}
		next := newProber(Probe{Path: "/"}, url.URL{}, b, nil, nil)
		r.sick.Store(true)
		next.adopt(r)
		next.adopt(nil)
		if next.healthy() {
			t.Error("the verdict was not taken over")
		}
		for range 3 { // a reload after each probe
			before := next
			next = newProber(Probe{Path: "/", HealthyThreshold: 3}, url.URL{}, b, nil, nil)
			next.adopt(before)
			next.judge(&ProbeResult{OK: true})
		}
		if !next.healthy() {
			t.Error("the probes that speak against the verdict were forgotten")
		}
	})
	if b.closed != len(b.results) {
		t.Errorf("%d of %d bodies closed", b.closed, len(b.results))
	}
}

func TestProbeRequest(t *testing.T) {
	c, err := newCredential(KindAzure, "key", nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		p    Probe
		want http.Header
	}{
		{Probe{Path: "/openai/models?api-version=2024-10-21"}, http.Header{"User-Agent": {"weir-probe"}, "Api-Key": {"key"}}},
		{Probe{Path: "/a%2Fb?x=1", Method: "HEAD", Anonymous: true}, http.Header{"User-Agent": {"weir-probe"}}},
	} {
		b := &probed{status: 200}
		probing(t, tt.p, b, c, func(t *testing.T, _ *prober) {
			if got := b.last.URL.String(); got != "https://r.openai.azure.com"+tt.p.Path || b.last.Method != orText(tt.p.Method, "GET") {
				t.Errorf("%s %s", b.last.Method, got)
			}
			if d := cmp.Diff(tt.want, b.last.Header); d != "" {
				t.Error(d)
			}
		})
	}
}

func TestProbeInterval(t *testing.T) {
	b := &probed{status: 200, takes: time.Second}
	probing(t, Probe{Path: "/", Interval: time.Minute}, b, nil, func(t *testing.T, _ *prober) {
		time.Sleep(time.Hour)
		synctest.Wait()
		var gaps []time.Duration
		for i := 1; i < len(b.at); i++ {
			gaps = append(gaps, b.at[i].Sub(b.at[i-1])-time.Second)
		}
		if low, high := slices.Min(gaps), slices.Max(gaps); low < 54*time.Second || high > 66*time.Second || low == high {
			t.Errorf("from %v to %v", low, high)
		}
	})
}

func TestProbeFailures(t *testing.T) {
	long := &endless{}
	none := (&source{life: time.Hour, err: errors.New("hidden")}).credential()
	for _, tt := range []struct {
		name string
		b    *probed
		p    Probe
		c    *credential
		want ProbeResult
	}{
		{"no connection", &probed{}, Probe{}, nil, ProbeResult{Reason: "BackendConnectionFailure"}},
		{"no answer", &probed{takes: time.Hour}, Probe{}, nil, ProbeResult{Reason: "Timeout", Took: 5 * time.Second}},
		{"a slow one", &probed{status: 200, takes: 2 * time.Second}, Probe{Timeout: time.Second}, nil, ProbeResult{Reason: "Timeout", Took: time.Second}},
		{"half of one", &probed{status: 200, body: broken{}}, Probe{}, nil, ProbeResult{Status: 200, Reason: "BackendConnectionFailure"}},
		{"a redirect", &probed{status: 307}, Probe{}, nil, ProbeResult{Status: 307, Reason: "Status"}},
		{"another status", &probed{status: 200}, Probe{Status: []string{"401", "403-404"}}, nil, ProbeResult{Status: 200, Reason: "Status"}},
		{"an expected one", &probed{status: 404}, Probe{Status: []string{"401", "403-404"}}, nil, ProbeResult{Status: 404, OK: true}},
		{"without an end", &probed{status: 200, body: long}, Probe{}, nil, ProbeResult{Status: 200, OK: true}},
		{"no credential", &probed{status: 200}, Probe{}, none, ProbeResult{Reason: "CredentialUnavailable"}},
	} {
		tt.p.Path = "/"
		tt.want.Healthy = true
		probing(t, tt.p, tt.b, tt.c, func(t *testing.T, _ *prober) {
			time.Sleep(6 * time.Second)
			synctest.Wait()
			if d := cmp.Diff(tt.want, tt.b.results[0]); d != "" {
				t.Errorf("%s: %s", tt.name, d)
			}
		})
	}
	if long.read > 2*maxProbed {
		t.Errorf("read %d bytes", long.read)
	}
}

// TestProbeEnds: what the end of run cuts short is no failure.
func TestProbeEnds(t *testing.T) {
	b := &probed{takes: time.Hour}
	probing(t, Probe{Path: "/", Timeout: time.Hour}, b, nil, func(*testing.T, *prober) {})
	if len(b.results) != 0 {
		t.Errorf("%+v", b.results)
	}
}

func TestProbeCheck(t *testing.T) {
	for _, tt := range []struct {
		p    Probe
		want []string
	}{
		{Probe{Path: "/x?y=1", Method: "OPTIONS", Interval: time.Second, Timeout: time.Second, UnhealthyThreshold: 1, HealthyThreshold: 1, Status: []string{"200", "200-599"}}, nil},
		{Probe{}, []string{"path"}},
		{Probe{Path: "x"}, []string{"path"}},
		{Probe{Path: "//host/hidden"}, []string{"path"}},
		{Probe{Path: "https://host/hidden"}, []string{"path"}},
		{Probe{Path: "/x#hidden"}, []string{"path"}},
		{Probe{Path: "/x\n"}, []string{"path"}},
		{Probe{Path: "/", Timeout: 5}, []string{"timeout"}},
		{Probe{Path: "/", Method: "POST", Interval: 1, Timeout: -1, UnhealthyThreshold: -1, HealthyThreshold: -1, Status: []string{"", "20x", "300-200", "100", "200-999", "-1"}},
			[]string{"method", "interval", "timeout", "unhealthy_threshold", "healthy_threshold", "status[0]", "status[1]", "status[2]", "status[3]", "status[4]", "status[5]"}},
	} {
		if d := cmp.Diff(tt.want, problems(t, tt.p.check)); d != "" {
			t.Errorf("%q: %s", tt.p.Path, d)
		}
	}
}
