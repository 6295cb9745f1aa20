package server

import (
	"context"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/latchkey-id/latchkey/internal/store"
)

// storeMetric is a figure of Store.Stats. Names are stable.
type storeMetric struct {
	desc  *prometheus.Desc
	kind  prometheus.ValueType
	value func(st *store.Stats) float64
}

func storeGauge(name, help string, value func(st *store.Stats) int) storeMetric {
	return storeMetric{prometheus.NewDesc(name, help, nil, nil), prometheus.GaugeValue, func(st *store.Stats) float64 { return float64(value(st)) }}
}

func storeCounter(name, help string, value func(st *store.Stats) float64) storeMetric {
	return storeMetric{prometheus.NewDesc(name, help, nil, nil), prometheus.CounterValue, value}
}

// storeCollector reports what a Store knows of itself, all of one moment.
type storeCollector struct {
	store   *store.Store
	metrics []storeMetric
}

func newStoreCollector(st *store.Store) *storeCollector {
	return &storeCollector{st, []storeMetric{
		storeGauge("latchkey_store_read_connections", "Open read connections to the database.", func(st *store.Stats) int { return st.ReadConns }),
		storeGauge("latchkey_store_connections_open", "Open connections to the database; of SQLite those that read.", func(st *store.Stats) int { return st.ReadConns }),
		storeGauge("latchkey_store_connections_max", "Most connections to the database that may be open.", func(st *store.Stats) int { return st.ReadConnsMax }),
		storeGauge("latchkey_store_connections_in_use", "Connections to the database that are in use.", func(st *store.Stats) int { return st.InUse }),
		storeGauge("latchkey_store_connections_waiting", "Callers who wait for a connection to the database.", func(st *store.Stats) int { return st.Waiting }),
		storeCounter("latchkey_store_connection_waits_total", "Callers who had to wait for a connection.", func(st *store.Stats) float64 { return float64(st.Waits) }),
		storeCounter("latchkey_store_connection_wait_seconds_total", "How long they waited in all.", func(st *store.Stats) float64 { return st.Waited.Seconds() }),
		storeGauge("latchkey_store_write_queue", "Writes waiting for the database's writer.", func(st *store.Stats) int { return st.WriterQueue }),
		storeCounter("latchkey_store_statements_total", "Statements run on the database.", func(st *store.Stats) float64 { return float64(st.Statements) }),
		storeCounter("latchkey_store_commits_total", "Transactions committed; writes that wait together share one.", func(st *store.Stats) float64 { return float64(st.Commits) }),
	}}
}

// Describe implements prometheus.Collector.
func (c *storeCollector) Describe(out chan<- *prometheus.Desc) {
	for _, m := range c.metrics {
		out <- m.desc
	}
}

// Collect implements prometheus.Collector.
func (c *storeCollector) Collect(out chan<- prometheus.Metric) {
	st := c.store.Stats()
	for _, m := range c.metrics {
		out <- prometheus.MustNewConstMetric(m.desc, m.kind, m.value(&st))
	}
}

// lagCollector reports how far the sweeper is behind, whichever node sweeps.
// However often it is scraped, it asks the store at most once in countEvery.
type lagCollector struct {
	server *Server
	desc   *prometheus.Desc

	mu     sync.Mutex
	asked  time.Time
	metric prometheus.Metric // nil: the store did not answer
}

func newLagCollector(s *Server) *lagCollector {
	return &lagCollector{server: s, desc: prometheus.NewDesc("latchkey_sweeper_lag_seconds",
		"How long the oldest session that waits for the sweeper has been waiting; 0 when none does.", nil, nil)}
}

// Describe implements prometheus.Collector.
func (c *lagCollector) Describe(out chan<- *prometheus.Desc) { out <- c.desc }

// Collect implements prometheus.Collector. A store that does not answer leaves
// the figure out and fails nothing else.
func (c *lagCollector) Collect(out chan<- prometheus.Metric) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if now := c.server.cfg.Now(); now.Sub(c.asked) >= countEvery || now.Before(c.asked) {
		c.asked, c.metric = now, c.ask(now.Unix())
	}
	if c.metric != nil {
		out <- c.metric
	}
}

func (c *lagCollector) ask(now int64) prometheus.Metric {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	since, due, err := c.server.cfg.Store.OldestDue(ctx, now/store.DieSlotSeconds)
	if err != nil {
		c.server.cfg.Log.Warn("the sweeper's lag could not be read", "err", err)
		return nil
	}
	if !due {
		since = now
	}
	return prometheus.MustNewConstMetric(c.desc, prometheus.GaugeValue, float64(max(0, now-since)))
}
