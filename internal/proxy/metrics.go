package proxy

import (
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"weir/internal/catalog"
)

// classes are the status classes by which requests are counted; 0 is a client
// that went without an answer.
const classes = 6

// metrics is what operators watch of exchanges.
type metrics struct {
	inFlight  prometheus.Gauge
	unready   prometheus.Counter
	lost      prometheus.Counter
	collapsed prometheus.Counter
	panics    prometheus.Counter
	received  prometheus.Counter
	sent      prometheus.Counter
	retries   *prometheus.CounterVec
	asked     *prometheus.CounterVec
	// By operation (the last is none), surface and status class.
	requests [][catalog.Surfaces][classes]prometheus.Counter
	duration []prometheus.Observer
}

func newMetrics(reg prometheus.Registerer, ops []catalog.Operation) *metrics {
	counter := func(name, help string) prometheus.Counter {
		c := prometheus.NewCounter(prometheus.CounterOpts{Name: name, Help: help})
		reg.MustRegister(c)
		return c
	}
	m := &metrics{
		inFlight:  prometheus.NewGauge(prometheus.GaugeOpts{Name: "weir_gateway_requests_in_flight", Help: "Requests under way."}),
		unready:   counter("weir_gateway_unrecordable_requests_total", "Requests refused because the journal takes no records."),
		lost:      counter("weir_gateway_unrecorded_ends_total", "Answers cut because their end could not be recorded."),
		collapsed: counter("weir_gateway_collapsed_refusals_total", "Refusals of unknown callers that are recorded as a count only."),
		panics:    counter("weir_gateway_panics_total", "Exchanges that failed in the gateway's own code."),
		received:  counter("weir_gateway_request_bytes_total", "Bytes of request bodies received."),
		sent:      counter("weir_gateway_response_bytes_total", "Bytes of answers' bodies sent."),
		retries: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "weir_gateway_failed_attempts_total", Help: "Attempts after which the next backend was tried, or that found no answer.",
		}, []string{"backend", "reason"}),
		asked: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "weir_gateway_owner_questions_total", Help: "Times that a backend was asked whether it holds an object, by class of status; class 0xx had no answer.",
		}, []string{"backend", "status"}),
	}
	requests := prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "weir_gateway_requests_total", Help: "Requests by operation, surface and class of status; class 0xx had no answer.",
	}, []string{"operation", "surface", "status"})
	duration := prometheus.NewHistogramVec(prometheus.HistogramOpts{
		Name: "weir_gateway_request_duration_seconds", Help: "Time from receipt to the end of the answer.",
		Buckets: []float64{.005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30, 60, 120, 300},
	}, []string{"operation"})
	reg.MustRegister(m.inFlight, m.retries, m.asked, requests, duration)
	for i := range len(ops) + 1 {
		id := ""
		if i < len(ops) {
			id = ops[i].ID
		}
		var by [catalog.Surfaces][classes]prometheus.Counter
		for s := range by {
			if i < len(ops) && !ops[i].On(catalog.Surface(s)) {
				continue // it is never called there
			}
			for c := range by[s] {
				by[s][c] = requests.WithLabelValues(id, catalog.Surface(s).String(), strconv.Itoa(c)+"xx")
			}
		}
		m.requests = append(m.requests, by)
		m.duration = append(m.duration, duration.WithLabelValues(id))
	}
	return m
}

func (m *metrics) retried(backend, reason string) { m.retries.WithLabelValues(backend, reason).Inc() }

// observe counts an exchange that is over.
func (m *metrics) observe(x *exchange) {
	op := len(m.requests) - 1
	if x.match.Found() && x.match.Index >= 0 {
		op = x.match.Index
	}
	class := 0
	if x.headed {
		class = min(x.end.Status/100, classes-1)
	}
	if c := m.requests[op][x.match.Surface][class]; c != nil {
		c.Inc()
	}
	m.duration[op].Observe(time.Since(x.start).Seconds())
	if n := x.begin.RequestSize; n > 0 {
		m.received.Add(float64(n))
	}
	if x.sent > 0 {
		m.sent.Add(float64(x.sent))
	}
}
