package upstream

import (
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// collector shows backends as metrics. What it shows is read when it is asked,
// so that a call costs no more than a few atomic additions.
type collector struct {
	current                                      func() *Upstream
	circuit, trips, inFlight, headroom, attempts *prometheus.Desc
	healthy, probes, probeTook                   *prometheus.Desc
}

// Watch shows the backends of the Upstream that current gives.
func Watch(reg prometheus.Registerer, current func() *Upstream) {
	desc := func(name, help string, labels ...string) *prometheus.Desc {
		return prometheus.NewDesc("weir_backend_"+name, help, append([]string{"backend"}, labels...), nil)
	}
	reg.MustRegister(&collector{
		current:   current,
		circuit:   desc("circuit_state", "The breaker: 0 closed, 1 half open, 2 open.", "deployment"),
		trips:     desc("circuit_trips_total", "Times that the breaker tripped.", "deployment"),
		inFlight:  desc("requests_in_flight", "Calls under way at the backend.", "deployment"),
		headroom:  desc("rate_limit_remaining_ratio", "The part of its rate limit that the backend said is left; 1 when it said nothing lately.", "deployment"),
		attempts:  desc("attempts_total", "Tries by class of status; class 0xx had no answer.", "deployment", "status"),
		healthy:   desc("healthy", "What the backend's probe found: 1 well, 0 ill."),
		probes:    desc("probes_total", "Probes by result: ok or failed.", "result"),
		probeTook: desc("probe_duration_seconds", "How long the last probe took."),
	})
}

// Describe implements prometheus.Collector.
func (c *collector) Describe(to chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{c.circuit, c.trips, c.inFlight, c.headroom, c.attempts, c.healthy, c.probes, c.probeTook} {
		to <- d
	}
}

var phaseValue = map[string]float64{Closed.String(): 0, HalfOpen.String(): 1, Open.String(): 2}

// Collect implements prometheus.Collector.
func (c *collector) Collect(to chan<- prometheus.Metric) {
	u := c.current()
	gauge := func(d *prometheus.Desc, v float64, labels ...string) {
		to <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, v, labels...)
	}
	counter := func(d *prometheus.Desc, v int64, labels ...string) {
		to <- prometheus.MustNewConstMetric(d, prometheus.CounterValue, float64(v), labels...)
	}
	for _, s := range u.Statuses(time.Now()) {
		gauge(c.circuit, phaseValue[s.Circuit], s.Backend, s.Deployment)
		counter(c.trips, s.Trips, s.Backend, s.Deployment)
		gauge(c.inFlight, float64(s.InFlight), s.Backend, s.Deployment)
		gauge(c.headroom, s.Headroom, s.Backend, s.Deployment)
		for class, n := range s.Attempts {
			if n > 0 {
				counter(c.attempts, n, s.Backend, s.Deployment, strconv.Itoa(class)+"xx")
			}
		}
	}
	for _, h := range u.hosts {
		if h.prober == nil {
			continue
		}
		well := 0.0
		if h.prober.healthy() {
			well = 1
		}
		gauge(c.healthy, well, h.Name)
		counter(c.probes, h.probes.well.Load(), h.Name, "ok")
		counter(c.probes, h.probes.failed.Load(), h.Name, "failed")
		gauge(c.probeTook, time.Duration(h.probes.took.Load()).Seconds(), h.Name)
	}
}
