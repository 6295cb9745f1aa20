package server

import (
	"context"
	"net/http"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// metrics are this node's own; names are stable.
type metrics struct {
	registry  *prometheus.Registry
	requests  *prometheus.HistogramVec
	refreshes *prometheus.CounterVec
}

func newMetrics(s *Server) *metrics {
	m := &metrics{
		registry: prometheus.NewRegistry(),
		requests: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name:    "latchkey_http_request_duration_seconds",
			Help:    "Time to answer a request, by route and status.",
			Buckets: []float64{.001, .0025, .005, .01, .025, .05, .1, .25, 1, 5},
		}, []string{"route", "status"}),
		refreshes: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "latchkey_refreshes_total",
			Help: "Uses of refresh tokens by authenticated clients, by realm and result.",
		}, []string{"realm", "result"}),
	}
	m.registry.MustRegister(m.requests, m.refreshes, newSessionCollector(s), newStoreCollector(s.cfg.Store), newLagCollector(s),
		prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Name: "latchkey_sweeper_last_end_timestamp_seconds",
			Help: "When this node's sweeper last found nothing more to do; 0 where another node sweeps.",
		}, func() float64 { return float64(s.swept.Load()) }),
		collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return m
}

func (m *metrics) observe(route string, status int, took time.Duration) {
	m.requests.WithLabelValues(route, strconv.Itoa(status)).Observe(took.Seconds())
}

// refreshed counts a refresh. Realms are those this node knows and results are
// few, so that nobody outside can make series.
func (m *metrics) refreshed(realm, result string) {
	m.refreshes.WithLabelValues(realm, result).Inc()
}

// managementHandler serves /health, /health/live, /health/ready and /metrics,
// Keycloak's paths.
func (s *Server) managementHandler(m *metrics) http.Handler {
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{}))
	mux.HandleFunc("GET /health/live", func(w http.ResponseWriter, _ *http.Request) { health(w, true, nil) })
	ready := func(w http.ResponseWriter, r *http.Request) {
		ctx, cancel := context.WithTimeout(r.Context(), 2*time.Second)
		defer cancel()
		_, err := s.cfg.Store.RealmVersions(ctx)
		health(w, s.ready.Load() && err == nil, err)
	}
	mux.HandleFunc("GET /health", ready)
	mux.HandleFunc("GET /health/ready", ready)
	return mux
}

func health(w http.ResponseWriter, up bool, _ error) {
	w.Header().Set("Content-Type", "application/json")
	if !up {
		w.WriteHeader(http.StatusServiceUnavailable)
		_, _ = w.Write([]byte(`{"status":"DOWN","checks":[]}`))
		return
	}
	_, _ = w.Write([]byte(`{"status":"UP","checks":[]}`))
}
