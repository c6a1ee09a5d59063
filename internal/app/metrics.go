package app

import (
	"github.com/prometheus/client_golang/prometheus"

	"weir/internal/front"
	"weir/internal/journal"
	"weir/internal/payload"
)

// watchJournal shows the journal's state as metrics. Each scrape reads it once
// a metric; writing frames pays nothing for it.
func watchJournal(r prometheus.Registerer, j *journal.Journal) {
	counter := func(name, help string, get func(journal.Stats) float64) {
		r.MustRegister(prometheus.NewCounterFunc(prometheus.CounterOpts{Name: "weir_journal_" + name, Help: help}, func() float64 { return get(j.Stats()) }))
	}
	gauge := func(name, help string, get func(journal.Stats) float64) {
		r.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: "weir_journal_" + name, Help: help}, func() float64 { return get(j.Stats()) }))
	}
	counter("frames_total", "Frames written.", func(s journal.Stats) float64 { return float64(s.Appends + s.Commits + s.Lazies) })
	counter("bytes_total", "Bytes written.", func(s journal.Stats) float64 { return float64(s.Bytes) })
	counter("segments_total", "Segments begun.", func(s journal.Stats) float64 { return float64(s.Segments) })
	counter("failovers_total", "Segments given up because a write or sync failed.", func(s journal.Stats) float64 { return float64(s.Failovers) })
	counter("delivered_dropped_total", "Delivery notes dropped because too many waited.", func(s journal.Stats) float64 { return float64(s.LazyDropped) })
	gauge("epoch", "The epoch being written.", func(s journal.Stats) float64 { return float64(s.Epoch) })
	gauge("sequence", "The last sequence number assigned.", func(s journal.Stats) float64 { return float64(s.Seq) })
	gauge("durable_sequence", "The last sequence number on stable storage.", func(s journal.Stats) float64 { return float64(s.Durable) })
	gauge("commits_waiting", "Exchanges that wait for the next sync.", func(s journal.Stats) float64 { return float64(s.Waiting) })
	gauge("refusing", "1 while new exchanges are refused.", func(s journal.Stats) float64 {
		if s.Refusing != nil {
			return 1
		}
		return 0
	})
	r.MustRegister(syncTimes{j, prometheus.NewDesc("weir_journal_sync_duration_seconds", "Time of a sync of the journal's file.", nil, nil)})
}

// syncTimes shows the journal's own histogram of sync times.
type syncTimes struct {
	j    *journal.Journal
	desc *prometheus.Desc
}

func (c syncTimes) Describe(ch chan<- *prometheus.Desc) { ch <- c.desc }

func (c syncTimes) Collect(ch chan<- prometheus.Metric) {
	s := c.j.Stats()
	buckets := map[float64]uint64{}
	var sum uint64
	for i, bound := range journal.SyncBounds {
		sum += s.SyncBuckets[i]
		buckets[bound.Seconds()] = sum
	}
	ch <- prometheus.MustNewConstHistogram(c.desc, s.Syncs, s.SyncTime.Seconds(), buckets)
}

// watchSpool shows how much stands in the spool.
func watchSpool(r prometheus.Registerer, s *payload.Spool) {
	r.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: "weir_spool_bytes",
		Help: "Large bodies that are not yet only in the payload store."}, func() float64 { return float64(s.Usage()) }))
}

// watchGateway shows whether the gateway takes calls, and its connections.
func watchGateway(r prometheus.Registerer, ready func() error, connections func() front.Stats) {
	gauge := func(name, help string, get func() float64) {
		r.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: "weir_gateway_" + name, Help: help}, get))
	}
	gauge("ready", "1 while the gateway takes calls, 0 while /readyz says why not.", func() float64 {
		if ready() != nil {
			return 0
		}
		return 1
	})
	gauge("connections", "Connections of clients that are open.", func() float64 { return float64(connections().Open) })
	r.MustRegister(prometheus.NewCounterFunc(prometheus.CounterOpts{Name: "weir_gateway_connections_refused_total",
		Help: "Connections that were closed at once: beyond the limit of their address, or without the PROXY header."},
		func() float64 { return float64(connections().Refused) }))
}

// reloadMetrics have the names that Prometheus's own programs use.
type reloadMetrics struct {
	successful, successTime prometheus.Gauge
	total                   *prometheus.CounterVec
}

// newReloadMetrics takes the start as the first success.
func newReloadMetrics(r prometheus.Registerer) *reloadMetrics {
	m := &reloadMetrics{
		successful: prometheus.NewGauge(prometheus.GaugeOpts{Name: "weir_config_last_reload_successful",
			Help: "1 when the config that was read last is in use, 0 when the one before it had to stay."}),
		successTime: prometheus.NewGauge(prometheus.GaugeOpts{Name: "weir_config_last_reload_success_timestamp_seconds",
			Help: "When the config in use was taken, in seconds since 1970."}),
		total: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "weir_config_reloads_total",
			Help: "Reloads by result: ok or failed."}, []string{"result"}),
	}
	r.MustRegister(m.successful, m.successTime, m.total)
	m.successful.Set(1)
	m.successTime.SetToCurrentTime()
	for _, result := range []string{"ok", "failed"} {
		m.total.WithLabelValues(result)
	}
	return m
}

func (m *reloadMetrics) count(err error) {
	if err != nil {
		m.successful.Set(0)
		m.total.WithLabelValues("failed").Inc()
		return
	}
	m.successful.Set(1)
	m.successTime.SetToCurrentTime()
	m.total.WithLabelValues("ok").Inc()
}
