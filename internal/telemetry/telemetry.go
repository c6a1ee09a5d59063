// Package telemetry sets up what operators watch: the log and the metrics.
// Other packages get a *slog.Logger and a prometheus.Registerer handed in.
//
// What always holds: log messages are constant, and no prompt, completion,
// body, key or token is an attribute of one or a label of a metric.
package telemetry

import (
	"fmt"
	"io"
	"log/slog"
	"net/http"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"weir/internal/fault"
)

// Config is what operators watch by.
type Config struct {
	// LogFormat is "text" (default) or "json".
	LogFormat string `yaml:"log_format"`
	// LogLevel is "debug", "info" (default), "warn" or "error". A reload changes the
	// gateway's at once, the store's with its next start.
	LogLevel string `yaml:"log_level"`
}

// Check gives the config's problems.
func (c Config) Check() []fault.Problem {
	var problems []fault.Problem
	if c.LogFormat != "" && c.LogFormat != "text" && c.LogFormat != "json" {
		problems = append(problems, fault.Problem{Path: "log_format", Message: fmt.Sprintf("%q is no log format", c.LogFormat), Hint: "text or json"})
	}
	if _, err := c.level(); err != nil {
		problems = append(problems, fault.Problem{Path: "log_level", Message: fmt.Sprintf("%q is no log level", c.LogLevel), Hint: "debug, info, warn or error"})
	}
	return problems
}

func (c Config) level() (slog.Level, error) {
	l := slog.LevelInfo
	if c.LogLevel == "" {
		return l, nil
	}
	err := l.UnmarshalText([]byte(c.LogLevel))
	return l, err
}

// Level is what c logs from; a level that is none is info.
func (c Config) Level() slog.Level {
	level, err := c.level()
	if err != nil {
		level = slog.LevelInfo
	}
	return level
}

// Logger makes the log that c describes. Its level can be changed while it is in
// use.
func (c Config) Logger(w io.Writer) (*slog.Logger, *slog.LevelVar) {
	level := new(slog.LevelVar)
	level.Set(c.Level())
	opts := &slog.HandlerOptions{Level: level}
	if c.LogFormat == "json" {
		return slog.New(slog.NewJSONHandler(w, opts)), level
	}
	return slog.New(slog.NewTextHandler(w, opts)), level
}

// NewRegistry makes a registry with the process's and the runtime's own metrics.
func NewRegistry() *prometheus.Registry {
	r := prometheus.NewRegistry()
	r.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return r
}

// Handler answers a Prometheus scrape of r.
func Handler(r *prometheus.Registry) http.Handler {
	return promhttp.HandlerFor(r, promhttp.HandlerOpts{})
}
