package front

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestAddress(t *testing.T) {
	for _, tt := range []struct{ remote, forwarded, trusted, want string }{
		{"192.0.2.1:5000", "", "", "192.0.2.1"},
		{"[2001:db8::1]:5000", "", "", "2001:db8::1"},
		{"192.0.2.1:5000", "198.51.100.7", "", "192.0.2.1"},
		{"10.0.0.1:5000", "198.51.100.7", "10.0.0.0/8", "198.51.100.7"},
		{"10.0.0.1:5000", "6.6.6.6, 198.51.100.7, 10.0.0.2", "10.0.0.0/8", "198.51.100.7"},
		{"10.0.0.1:5000", "", "10.0.0.0/8", "10.0.0.1"},
		{"10.0.0.1:5000", "10.0.0.3", "10.0.0.0/8", "10.0.0.3"},
		{"10.0.0.1:5000", "6.6.6.6, junk", "10.0.0.1", "10.0.0.1"},
		{"[::1]:5000", "198.51.100.7", "::1", "198.51.100.7"},
		{"@", "", "", "@"},
	} {
		var cfg Config
		if tt.trusted != "" {
			cfg.TrustedProxies = []string{tt.trusted}
		}
		r := &http.Request{RemoteAddr: tt.remote, Header: http.Header{}}
		if tt.forwarded != "" {
			r.Header.Set("X-Forwarded-For", tt.forwarded)
		}
		if got := NewClients(cfg).Address(r); got != tt.want {
			t.Errorf("%+v: %s", tt, got)
		}
	}
}

func TestCheck(t *testing.T) {
	if p := (Config{}).Check(); len(p) != 0 {
		t.Errorf("the defaults have problems: %+v", p)
	}
	var paths []string
	for _, p := range (Config{Listen: "nowhere", TrustedProxies: []string{"10.0.0.1", "x"}, IdleTimeout: -1, MaxHeaderBytes: 10}).Check() {
		paths = append(paths, p.Path)
	}
	if d := cmp.Diff([]string{"listen", "trusted_proxies[1]", "idle_timeout", "max_header_bytes"}, paths); d != "" {
		t.Error(d)
	}
}

func serve(t *testing.T, cfg Config, beforeCut func(), h http.HandlerFunc) (url string, stop func() error) {
	t.Helper()
	cfg.Listen = "127.0.0.1:0"
	s, err := Listen(t.Context(), cfg, h, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- s.Serve(ctx, beforeCut) }()
	return "http://" + s.Addr().String(), func() error { cancel(); return <-done }
}

// TestDrain: a call in flight ends before the server does.
func TestDrain(t *testing.T) {
	inside, proceed := make(chan bool), make(chan bool)
	url, stop := serve(t, Config{}, func() { t.Error("told of a cut") }, func(w http.ResponseWriter, r *http.Request) {
		close(inside)
		<-proceed
		io.WriteString(w, "whole")
	})
	got := make(chan string)
	go func() {
		resp, err := http.Get(url)
		if err != nil {
			got <- err.Error()
			return
		}
		defer resp.Body.Close()
		b, _ := io.ReadAll(resp.Body)
		got <- string(b)
	}()
	<-inside
	stopped := make(chan error)
	go func() { stopped <- stop() }()
	select {
	case err := <-stopped:
		t.Fatalf("stopped with a call in flight: %v", err)
	case <-time.After(20 * time.Millisecond):
	}
	close(proceed)
	if s := <-got; s != "whole" {
		t.Errorf("the client got %q", s)
	}
	if err := <-stopped; err != nil {
		t.Error(err)
	}
}

// TestCut: a call that does not end in time is cut.
func TestCut(t *testing.T) {
	inside, left := make(chan bool), make(chan bool)
	var told atomic.Bool
	url, stop := serve(t, Config{DrainTimeout: time.Millisecond}, func() { told.Store(true) }, func(w http.ResponseWriter, r *http.Request) {
		close(inside)
		<-r.Context().Done()
		if !told.Load() {
			t.Error("a call was cut before that was announced")
		}
		close(left)
	})
	failed := make(chan error)
	go func() {
		_, err := http.Get(url)
		failed <- err
	}()
	<-inside
	if err := stop(); err != nil {
		t.Error(err)
	}
	if err := <-failed; err == nil {
		t.Error("the client was not cut")
	}
	<-left
}

func TestListenFails(t *testing.T) {
	_, err := Listen(t.Context(), Config{Listen: "256.0.0.1:1"}, nil, slog.New(slog.DiscardHandler))
	if err == nil || !strings.Contains(err.Error(), "opening the gateway's listener") || errors.Unwrap(err) == nil {
		t.Errorf("%v", err)
	}
}
