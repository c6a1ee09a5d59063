package proxy

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"
)

func TestMetrics(t *testing.T) {
	g := newRig(t, backend{handler: status(503)}, backend{handler: answerPlain, priority: 2})
	readAll(t, g.post(chatPath, plainBody))
	readAll(t, g.post(chatPath, plainBody, "api-key", "wrong"))
	readAll(t, g.post("/nowhere", plainBody))
	for i := range 3 {
		g.log.wait(i, delivered)
	}
	got := g.counted()
	want := map[string]float64{
		"weir_gateway_requests_total chatcompletions_create 2xx azure": 1,
		"weir_gateway_requests_total chatcompletions_create 4xx azure": 1,
		"weir_gateway_requests_total  4xx ":                            1,
		"weir_gateway_request_duration_seconds chatcompletions_create": 2,
		"weir_gateway_request_duration_seconds ":                       1,
		"weir_gateway_failed_attempts_total a 503":                     1,
		"weir_gateway_request_bytes_total":                             float64(len(plainBody)),
		"weir_gateway_response_bytes_total":                            float64(len(answerJSON) + len(invalidKeyBody) + len(notFoundBody)),
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
}

// counted gives the metrics that are not zero, once no exchange is under way.
func (g *rig) counted() map[string]float64 {
	g.t.Helper()
	g.http.CloseIdleConnections()
	g.proxy.Wait()
	families, err := g.proxy.Metrics.(*prometheus.Registry).Gather()
	if err != nil {
		g.t.Fatal(err)
	}
	got := map[string]float64{}
	for _, f := range families {
		for _, m := range f.GetMetric() {
			name := f.GetName()
			for _, l := range m.GetLabel() {
				name += " " + l.GetValue()
			}
			v := m.GetCounter().GetValue() + m.GetGauge().GetValue() + float64(m.GetHistogram().GetSampleCount())
			if v != 0 {
				got[name] = v
			}
		}
	}
	return got
}

func TestConfigProblems(t *testing.T) {
	if p := (Config{}).Check(); len(p) != 0 {
		t.Errorf("the defaults have problems: %+v", p)
	}
	var paths []string
	for _, p := range (Config{Name: strings.Repeat("x", 33), MaxBody: 1, ClientStall: -1, RefusalRate: -1}).Check() {
		paths = append(paths, p.Path)
	}
	if d := cmp.Diff([]string{"name", "max_body", "client_stall", "refusal_rate"}, paths); d != "" {
		t.Error(d)
	}
}
