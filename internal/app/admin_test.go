package app

import (
	"bytes"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// TestOpsAddress: where a running gateway is asked, by configs that need not be
// right otherwise.
func TestOpsAddress(t *testing.T) {
	t.Setenv("WEIR_TEST_OPS", "127.0.0.1:7")
	file := filepath.Join(t.TempDir(), "weir.yaml")
	for text, want := range map[string]string{
		"":                                     "127.0.0.1:8082",
		"nonsense: 1\nbackends: 3\n":           "127.0.0.1:8082",
		"telemetry: {listen: \"0.0.0.0:9\"}":   "127.0.0.1:9",
		"telemetry: {listen: \":9\"}":          "127.0.0.1:9",
		"telemetry: {listen: \"[::]:9\"}":      "[::1]:9",
		"telemetry: {listen: \"10.0.0.1:9\"}":  "10.0.0.1:9",
		"telemetry: {listen: \"localhost:9\"}": "localhost:9",
		"telemetry: {listen: \"${env:WEIR_TEST_OPS}\"}\nbackends: [{key: \"${env:WEIR_TEST_NONE}\"}]": "127.0.0.1:7",
		"telemetry: {listen: none}": "error: telemetry.listen is none",
		"telemetry: {listen: nine}": "error: not an address and port",
		"telemetry: {listen: [1]}":  "error: weir.yaml:1: ",
		"telemetry: {\n":            "error: not YAML",
		"- 1":                       "error: weir.yaml:1: ",
		"telemetry: {listen: \"${env:WEIR_TEST_NONE}\"}": "error: WEIR_TEST_NONE",
	} {
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		got, err := opsAddress(file)
		if says, bad := strings.CutPrefix(want, "error: "); bad {
			if err == nil || !strings.Contains(err.Error(), says) {
				t.Errorf("%q: %q, %v", text, got, err)
			}
		} else if err != nil || got != want {
			t.Errorf("%q: %q, %v", text, got, err)
		}
	}
	if _, err := opsAddress(file + ".none"); err == nil || !strings.Contains(err.Error(), "there is no config file") {
		t.Errorf("without a file: %v", err)
	}
}

// TestNobodyAnswers: what to do where no gateway is, or it listens elsewhere.
func TestNobodyAnswers(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l.Close()
	file := filepath.Join(t.TempDir(), "weir.yaml")
	if err := os.WriteFile(file, []byte("telemetry: {listen: \""+l.Addr().String()+"\"}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	_, err = ReloadRunning(t.Context(), file)
	_, also := Backends(t.Context(), file)
	for _, err := range []error{err, also} {
		if err == nil || !strings.Contains(err.Error(), "weir serve") || !strings.Contains(err.Error(), "telemetry.listen was changed since it started, restart it, or send SIGHUP") {
			t.Errorf("%v", err)
		}
	}
}

// TestHanded: a store takes from its gateway what it would have read itself, and
// nothing of the gateway's own.
func TestHanded(t *testing.T) {
	text := strings.Replace(rightConfig, "data: here\n", `data: here
api: {listen: "127.0.0.1:5"}
telemetry: {log_level: debug, listen: "127.0.0.1:6"}
store: {memory_mib: 300, threads: 2, gateways: [{data: other}]}
payload: {inline_limit: 5000, url: "s3://b?region=r", key_id: id, key: "${env:EAST}"}
reload: {watch: 7s}
`, 1)
	file := filepath.Join(t.TempDir(), "weir.yaml")
	cfg, err := parseConfig(file, []byte(text), expand)
	if err != nil {
		t.Fatal(err)
	}
	out, err := handed(cfg)
	if err != nil {
		t.Fatal(err)
	}
	if bytes.Contains(out, []byte("openai.azure.com")) || bytes.Contains(out, []byte("sha256:")) {
		t.Errorf("what the store has no use for is handed on:\n%s", out)
	}
	got, err := takeHanded(file, bytes.NewReader(out))
	if err != nil {
		t.Fatal(err)
	}
	type part struct{ Data, API, Telemetry, Store, Payload, Labels, Name, Replicas any }
	of := func(c *Config) part {
		return part{c.Data, c.API, c.Telemetry, c.Store, c.Payload, c.Labels, c.Gateway.Proxy.Name, c.replicas()}
	}
	if d := cmp.Diff(of(cfg), of(got)); d != "" {
		t.Error(d)
	}
	for _, bad := range []string{"", "secret: [", "data: {}"} {
		if _, err := takeHanded(file, strings.NewReader(bad)); err == nil {
			t.Errorf("%q is taken", bad)
		}
	}
}

func TestChanges(t *testing.T) {
	was, err := parseConfig("weir.yaml", []byte(rightConfig), expand)
	if err != nil {
		t.Fatal(err)
	}
	is := *was
	is.Gateway.Proxy.Region, is.Gateway.DrainTimeout = "r", time.Minute
	is.Labels = map[string]string{}
	is.Store.Gateways = []Replica{}
	is.CircuitBreaker.Disabled = true
	watch := time.Minute
	is.Reload.Watch = &watch
	want := []string{"gateway.drain_timeout", "gateway.region", "labels", "reload.watch", "circuit_breaker.disabled"}
	if d := cmp.Diff(want, was.changes(&is)); d != "" {
		t.Error(d)
	}
}
