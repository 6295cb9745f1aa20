package server

import (
	"context"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// sessionCollector reports live sessions by realm and client, from the
// counters. However often it is scraped, it asks the store at most once in
// countEvery.
type sessionCollector struct {
	server *Server
	desc   *prometheus.Desc

	mu      sync.Mutex
	asked   time.Time
	metrics []prometheus.Metric
}

// countEvery is how old a reported count may be.
const countEvery = 10 * time.Second

func newSessionCollector(s *Server) *sessionCollector {
	return &sessionCollector{server: s, desc: prometheus.NewDesc("latchkey_sessions",
		"Live sessions, by realm, client and kind (online, offline).", []string{"realm", "client", "kind"}, nil)}
}

// Describe implements prometheus.Collector.
func (c *sessionCollector) Describe(out chan<- *prometheus.Desc) { out <- c.desc }

// Collect implements prometheus.Collector. A store that does not answer leaves
// the counts out and fails nothing else.
func (c *sessionCollector) Collect(out chan<- prometheus.Metric) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if now := c.server.cfg.Now(); now.Sub(c.asked) >= countEvery || now.Before(c.asked) {
		c.asked, c.metrics = now, c.count()
	}
	for _, m := range c.metrics {
		out <- m
	}
}

func (c *sessionCollector) count() []prometheus.Metric {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	var all []prometheus.Metric
	for _, snap := range c.server.Realms.Snapshots(ctx) {
		stats, err := c.server.Sessions.Stats(ctx, snap.Config)
		if err != nil {
			c.server.cfg.Log.Warn("sessions could not be counted", "realm", snap.Realm.Name, "err", err)
			return nil
		}
		for _, s := range stats {
			client := snap.ClientByNum(s.ClientNum)
			if client == nil {
				continue
			}
			for kind, n := range map[string]int64{"online": s.Online, "offline": s.Offline} {
				all = append(all, prometheus.MustNewConstMetric(c.desc, prometheus.GaugeValue, float64(n), snap.Realm.Name, client.ClientID, kind))
			}
		}
	}
	return all
}
