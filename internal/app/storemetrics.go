package app

import (
	"github.com/prometheus/client_golang/prometheus"

	"weir/internal/payload"
	"weir/internal/sink"
	"weir/internal/sink/lake"
)

// intakeMetrics shows what the store has and reads, by gateway: further gateways
// are found while it runs.
type intakeMetrics struct {
	in       *intake
	counters []ofGateway[sink.Stats]
	gauges   []ofGateway[lake.Holding]
	unread   *prometheus.Desc
}

// ofGateway is one metric with a label gateway.
type ofGateway[T any] struct {
	desc *prometheus.Desc
	get  func(T) float64
}

func gatewayMetric[T any](name, help string, get func(T) float64) ofGateway[T] {
	return ofGateway[T]{prometheus.NewDesc("weir_store_"+name, help, []string{"gateway"}, nil), get}
}

// watchStore shows the store's state as metrics.
func watchStore(r prometheus.Registerer, in *intake) {
	r.MustRegister(&intakeMetrics{in: in,
		counters: []ofGateway[sink.Stats]{
			gatewayMetric("records_total", "Records brought to the store.", func(s sink.Stats) float64 { return float64(s.Rows) }),
			gatewayMetric("failures_total", "Failed reads of the journal and writes to the store; each is tried again.", func(s sink.Stats) float64 { return float64(s.Failures) }),
			gatewayMetric("frames_lost_total", "Frames that the journal no longer has whole.", func(s sink.Stats) float64 { return float64(s.Lost) }),
			gatewayMetric("read_panics_total", "Exchanges whose bodies could not be read.", func(s sink.Stats) float64 { return float64(s.Panics) }),
		},
		gauges: []ofGateway[lake.Holding]{
			gatewayMetric("fresh_rows", "Rows in memory.", func(h lake.Holding) float64 { return float64(h.FreshRows) }),
			gatewayMetric("files", "Sealed files.", func(h lake.Holding) float64 { return float64(h.Files) }),
			gatewayMetric("file_bytes", "Bytes of sealed files.", func(h lake.Holding) float64 { return float64(h.FileBytes) }),
		},
		unread: prometheus.NewDesc("weir_store_gateways_unread", "Gateways of the config whose records cannot be read now.", nil, nil),
	})
}

// Describe names the metrics.
func (m *intakeMetrics) Describe(ch chan<- *prometheus.Desc) {
	for _, c := range m.counters {
		ch <- c.desc
	}
	for _, g := range m.gauges {
		ch <- g.desc
	}
	ch <- m.unread
}

// Collect reads them.
func (m *intakeMetrics) Collect(ch chan<- prometheus.Metric) {
	for _, r := range m.in.followed() {
		stats := r.runner.Stats()
		for _, c := range m.counters {
			ch <- prometheus.MustNewConstMetric(c.desc, prometheus.CounterValue, c.get(stats), r.name)
		}
	}
	for _, h := range m.in.lake.Holdings() {
		for _, g := range m.gauges {
			ch <- prometheus.MustNewConstMetric(g.desc, prometheus.GaugeValue, g.get(h), h.Gateway)
		}
	}
	unread := 0
	for _, s := range m.in.others {
		if _, problem, _ := s.now(); problem != "" {
			unread++
		}
	}
	ch <- prometheus.MustNewConstMetric(m.unread, prometheus.GaugeValue, float64(unread))
}

// watchUploads shows how the payload store is filled, from all gateways together.
func watchUploads(r prometheus.Registerer, in *intake) {
	sum := func(get func(payload.Stats) int64) func() float64 {
		return func() float64 {
			var n int64
			for _, x := range in.followed() {
				n += get(x.uploads.Stats())
			}
			return float64(n)
		}
	}
	counter := func(name, help string, get func(payload.Stats) int64) {
		r.MustRegister(prometheus.NewCounterFunc(prometheus.CounterOpts{Name: name, Help: help}, sum(get)))
	}
	counter("weir_payload_uploads_total", "Exchanges whose large bodies and files were brought to the payload store and read back.", func(s payload.Stats) int64 { return s.Uploads })
	counter("weir_payload_failures_total", "Failed uploads; each is tried again.", func(s payload.Stats) int64 { return s.Failures })
	r.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: "weir_payload_pending", Help: "Exchanges whose bodies wait for the payload store."},
		sum(func(s payload.Stats) int64 { return s.Pending })))
}
