package telemetry

import (
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
)

func TestLogger(t *testing.T) {
	for _, tt := range []struct {
		cfg  Config
		want string
	}{
		{Config{}, "level=INFO msg=hello n=1\n"},
		{Config{LogFormat: "json"}, `"level":"INFO","msg":"hello","n":1}` + "\n"},
		{Config{LogLevel: "error"}, ""},
	} {
		var b strings.Builder
		log, level := tt.cfg.Logger(&b)
		log.Info("hello", "n", 1)
		if !strings.HasSuffix(b.String(), tt.want) || tt.want == "" && b.Len() > 0 {
			t.Errorf("%+v: %q", tt.cfg, b.String())
		}
		level.Set(Config{LogLevel: "debug"}.Level())
		if log.Debug("details"); !strings.Contains(b.String(), "details") {
			t.Errorf("%+v: the level does not change", tt.cfg)
		}
	}
}

func TestCheck(t *testing.T) {
	if p := (Config{LogFormat: "json", LogLevel: "debug"}).Check(); len(p) != 0 {
		t.Errorf("%+v", p)
	}
	if p := (Config{LogFormat: "xml", LogLevel: "loud"}).Check(); len(p) != 2 || p[0].Path != "log_format" || p[1].Path != "log_level" {
		t.Errorf("%+v", p)
	}
}

func TestMetrics(t *testing.T) {
	r := NewRegistry()
	c := prometheus.NewCounter(prometheus.CounterOpts{Name: "weir_test_total", Help: "A test."})
	r.MustRegister(c)
	c.Inc()
	w := httptest.NewRecorder()
	Handler(r).ServeHTTP(w, httptest.NewRequest("GET", "/metrics", nil))
	for _, want := range []string{"weir_test_total 1", "go_goroutines", "process_"} {
		if !strings.Contains(w.Body.String(), want) {
			t.Errorf("no %s", want)
		}
	}
}
