package app

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"weir/internal/fault"
	"weir/internal/secret"
)

// reloadable is the config of the tests here: %s is the backend's URL.
const reloadable = `data: data
gateway: {name: gw, listen: "127.0.0.1:0", drain_timeout: 5s}
telemetry: {listen: none}
backends:
  - {name: east, kind: azure, url: "%s", key: "${file:key}", api_version: "2024-10-21"}
  - {name: west, kind: azure, url: "%[1]s", key: "${env:WEIR_TEST_WEST}"}
deployments:
  - {name: gpt-4o, backends: [{backend: east, weight: 2}, {backend: west}]}
subscriptions:
  - {name: a, keys: ["sha256:8ce64dad1b7bc7f7a3ff1a1f0e9f5f4d9a9e0f7e8d5ac8a1e9d3ee1fc0f9a411"]}
`

// lines gathers a log.
type lines struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lines) text() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// reloading is a gateway whose config a test changes.
type reloading struct {
	*gateway
	t    *testing.T
	dir  string
	file string
	text string // the first config
	logs *lines
	stop stops
}

// newReloading starts all of a gateway but the serving.
func newReloading(t *testing.T, backend string) *reloading {
	t.Helper()
	dir := t.TempDir()
	r := &reloading{t: t, dir: dir, file: filepath.Join(dir, "weir.yaml"), text: fmt.Sprintf(reloadable, backend), logs: &lines{}}
	t.Setenv("WEIR_TEST_WEST", "west-key-1")
	r.write("key", "east-key-1\n")
	r.write("weir.yaml", r.text)
	cfg, read, err := loadConfig(r.file)
	if err != nil {
		t.Fatal(err)
	}
	s := &server{ServeOptions: ServeOptions{Config: r.file, Role: RoleGateway}, read: read}
	s.log, s.level = cfg.Telemetry.Logger(r.logs)
	s.config.Store(cfg)
	r.gateway, err = newGateway(t.Context(), s, &r.stop)
	if err != nil {
		r.stop.run()
		t.Fatal(err)
	}
	return r
}

// write replaces a file of the folder.
func (r *reloading) write(name, text string) {
	r.t.Helper()
	if err := os.WriteFile(filepath.Join(r.dir, name), []byte(text), 0o600); err != nil {
		r.t.Fatal(err)
	}
}

// edit writes the first config with a piece replaced.
func (r *reloading) edit(old, piece string) {
	r.t.Helper()
	if !strings.Contains(r.text, old) {
		r.t.Fatalf("the config has no %q", old)
	}
	r.write("weir.yaml", strings.Replace(r.text, old, piece, 1))
}

// counted checks how many reloads there were, and whether the last was right.
func (r *reloading) counted(ok, failed, last float64) {
	r.t.Helper()
	m := r.reloads
	gotOK, gotFailed := testutil.ToFloat64(m.total.WithLabelValues("ok")), testutil.ToFloat64(m.total.WithLabelValues("failed"))
	if gotOK != ok || gotFailed != failed || testutil.ToFloat64(m.successful) != last {
		r.t.Errorf("%v reloads were right and %v were not, the last %v; want %v, %v, %v\n%s",
			gotOK, gotFailed, testutil.ToFloat64(m.successful), ok, failed, last, r.logs.text())
	}
}

// TestReloadRefused: a config with any mistake changes nothing, and each mistake
// is told and logged with its line.
func TestReloadRefused(t *testing.T) {
	r := newReloading(t, "http://127.0.0.1:1")
	defer func() { r.stop.run() }()
	config, backends := r.config.Load(), r.proxy.Upstream()
	failed := 0.0
	for _, c := range []struct {
		name, old, piece string
		want             []string
	}{
		{"a mistake", "west, kind: azure", "west, kind: azur", []string{`:6: backends[1].kind: "azur" is no kind of backend; azure, openai or management`}},
		{"several", "deployments:\n  - {name: gpt-4o", "deplyments: []\ndeployments:\n  - {name: gpt/4o", []string{
			":7: deplyments: there is no such field; did you mean `deployments`?", ":9: deployments[0].name: "}},
		{"not YAML", "subscriptions:\n", "subscriptions:\n - ]\n", []string{": not YAML: "}},
		{"a secret that is gone", "${file:key}", "${file:none}", []string{":5: backends[0].key: reading the secret's file: "}},
		{"a start's field", "data: data", "data: elsewhere", []string{":1: data: it cannot change while the gateway runs; restart it"}},
		{"the journal's owner", "name: gw", "name: other", []string{":2: gateway.name: it cannot change while the gateway runs; restart it"}},
		{"the listener", `listen: "127.0.0.1:0"`, `listen: "127.0.0.1:1"`, []string{":2: gateway.listen: it cannot change while the gateway runs; restart it"}},
		{"fields that were not there", "telemetry: {listen: none}\n",
			"telemetry: {listen: none, log_format: json}\napi: {listen: \"127.0.0.1:8\"}\nstore: {threads: 3}\npayload: {inline_limit: 5000}\nlabels: {x-team: Team}\n",
			[]string{":3: telemetry.log_format: it cannot", ":4: api.listen: it cannot", ":5: store.threads: it cannot", ":6: payload.inline_limit: it cannot", ":7: labels: it cannot"}},
		{"a start's field with a mistake beside it", "data: data\n", "data: elsewhere\nnonsense: 1\n", []string{":1: data: it cannot", ":2: nonsense: there is"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			r.t = t
			r.edit(c.old, c.piece)
			_, err := r.reload(byAdmin)
			failed++
			var mistakes *ConfigError
			if !errors.As(err, &mistakes) || len(mistakes.Mistakes) != len(c.want) {
				t.Fatalf("got %v, want %d mistakes", err, len(c.want))
			}
			for i, m := range mistakes.Mistakes {
				if !strings.Contains(m.String(), c.want[i]) {
					t.Errorf("mistake %d is %q, want %q", i, m, c.want[i])
				}
				if !strings.Contains(r.logs.text(), fmt.Sprintf("line=%d", m.Line)) || !strings.Contains(r.logs.text(), "level=WARN") {
					t.Errorf("the log does not have it:\n%s", r.logs.text())
				}
			}
			r.counted(0, failed, 0)
			if r.config.Load() != config || r.proxy.Upstream() != backends {
				t.Error("something has changed")
			}
		})
	}
	r.t = t
	if err := os.Remove(r.file); err != nil {
		t.Fatal(err)
	}
	if _, err := r.reload(byAdmin); err == nil || !strings.Contains(err.Error(), "there is no config file") {
		t.Errorf("without a file: %v", err)
	}
	if err := os.Mkdir(r.file, 0o700); err != nil {
		t.Fatal(err)
	}
	if _, err := r.reload(byAdmin); err == nil || !strings.Contains(err.Error(), "not a regular file") {
		t.Errorf("with a folder for a file: %v", err)
	}
	r.counted(0, failed+2, 0)
	if err := os.Remove(r.file); err != nil {
		t.Fatal(err)
	}
	r.edit("weight: 2", "weight: 3")
	if text, err := r.reload(byAdmin); err != nil || !strings.HasSuffix(text, "is in use: 2 backends, 1 deployment, 1 subscription; changed: deployments") {
		t.Errorf("%q, %v", text, err)
	}
	r.counted(1, failed+2, 1)
	if strings.Contains(r.logs.text(), "-key-1") {
		t.Error("a secret is in the log")
	}
}

// TestReloadTakes: what may change does, secrets included.
func TestReloadTakes(t *testing.T) {
	r := newReloading(t, "http://127.0.0.1:1")
	defer func() { r.stop.run() }()
	r.write("key", "east-key-2\n")
	t.Setenv("WEIR_TEST_WEST", "west-key-2")
	r.edit("telemetry: {listen: none}", "telemetry: {listen: none, log_level: debug}\nreload: {watch: 5s}")
	text, err := r.reload(bySignal)
	if err != nil {
		t.Fatal(err)
	}
	if !strings.HasSuffix(text, "changed: telemetry.log_level, reload.watch, backends") {
		t.Errorf("%s", text)
	}
	c := r.config.Load()
	if c.Backends[0].Key != "east-key-2" || c.Backends[1].Key != "west-key-2" || r.level.Level() != slog.LevelDebug || c.Reload.every() != 5*time.Second {
		t.Errorf("%+v, %v", c.Backends, r.level)
	}
	r.edit("gpt-4o", "gpt-4.1")
	if _, err := r.reload(byAdmin); err != nil {
		t.Fatal(err)
	}
	if u := r.proxy.Upstream(); u.Pool("gpt-4o") != nil || u.Pool("gpt-4.1") == nil {
		t.Error("the deployments are those of before")
	}
	if text, err := r.reload(byAdmin); err != nil || !strings.HasSuffix(text, "changed: nothing") {
		t.Errorf("%q, %v", text, err)
	}
	r.draining.Store(true)
	if _, err := r.reload(byAdmin); !errors.Is(err, errStopping) {
		t.Errorf("while stopping: %v", err)
	}
	r.counted(3, 0, 1)
}

// TestReloadsLeaveNothing: a hundred of them start no goroutine that stays.
func TestReloadsLeaveNothing(t *testing.T) {
	r := newReloading(t, "http://127.0.0.1:1")
	defer func() { r.stop.run() }()
	texts := []string{
		strings.Replace(r.text, `"2024-10-21"}`, `"2024-10-21", probe: {path: /x, interval: 1h}}`, 1),
		strings.Replace(r.text, "deployments:\n", "  - {name: north, kind: azure, url: \"http://127.0.0.1:1\", key: k, probe: {path: /, interval: 1h}}\ndeployments:\n  - {name: more, backends: [{backend: north}]}\n", 1),
	}
	goroutines := func() int {
		runtime.GC() // ends what waits for finalizers
		for range 10_000 {
			runtime.Gosched()
		}
		return runtime.NumGoroutine()
	}
	round := func(i int) {
		r.write("weir.yaml", texts[i%2])
		if _, err := r.reload(byAdmin); err != nil {
			t.Fatal(err)
		}
	}
	round(1)
	before := goroutines()
	for i := range 100 {
		round(i)
	}
	if after := goroutines(); after > before+10 {
		var b bytes.Buffer
		io.CopyN(&b, bytes.NewReader(stacks()), 4000)
		t.Errorf("%d goroutines before, %d after\n%s", before, after, b.String())
	}
	r.counted(101, 0, 1)
}

func stacks() []byte {
	b := make([]byte, 1<<20)
	return b[:runtime.Stack(b, true)]
}

// TestNamedFiles: files that the config names, for its parts to read, are watched
// as it is.
func TestNamedFiles(t *testing.T) {
	dir := t.TempDir()
	file, authority := filepath.Join(dir, "weir.yaml"), filepath.Join(dir, "ca.pem")
	text := "backends: [{name: a, kind: azure, url: \"https://a\", key: k, ca_file: ca.pem}]\n"
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	_, read, err := loadConfig(file)
	if err == nil || !strings.Contains(err.Error(), "ca_file") {
		t.Fatalf("without the file: %v", err)
	}
	tried := read.found
	// What is noted is never newer than what the parts have seen.
	_, early, err := loadConfig(file, func(*Config) []fault.Problem {
		_ = os.WriteFile(authority, []byte("half"), 0o600) // a failure shows below
		return nil
	})
	if err == nil || early.now().equal(early.found) {
		t.Errorf("a change while the config is read is not seen: %v", err)
	}
	if err := os.WriteFile(authority, []byte("half of it"), 0o600); err != nil {
		t.Fatal(err)
	}
	if read.now().equal(tried) {
		t.Error("the file that came was not seen")
	}
	_, next, _ := loadConfig(file)
	if d := cmp.Diff([]string{authority}, read.changed(next)); d != "" {
		t.Error(d)
	}
}

// TestLargeNamedFile: one that is larger than a secret may be is followed, too.
func TestLargeNamedFile(t *testing.T) {
	dir := t.TempDir()
	file, authority := filepath.Join(dir, "weir.yaml"), filepath.Join(dir, "ca.pem")
	big := bytes.Repeat([]byte("x"), 2*secret.MaxFile)
	for _, err := range []error{
		os.WriteFile(file, []byte("backends: [{name: a, kind: azure, url: \"https://a\", key: k, ca_file: ca.pem}]\n"), 0o600),
		os.WriteFile(authority, big, 0o600),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	_, read, _ := loadConfig(file)
	if !read.now().equal(read.found) {
		t.Error("changed without a change")
	}
	if err := os.WriteFile(authority, big[1:], 0o600); err != nil {
		t.Fatal(err)
	}
	if read.now().equal(read.found) {
		t.Error("the change was not seen")
	}
}

// TestLocal: who may reload, by where a call comes from and what it says.
func TestLocal(t *testing.T) {
	g := &gateway{server: &server{}}
	g.config.Store(&Config{Telemetry: Telemetry{Listen: "ops.example:8082"}})
	at := &net.TCPAddr{IP: net.IPv4(192, 0, 2, 2), Port: 8082}
	for _, tt := range []struct {
		peer, host, header string
		taken              bool
	}{
		{"127.0.0.1:5000", "127.0.0.1:8082", "", true}, {"[::1]:5000", "[::1]:8082", "", true}, {"192.0.2.2:5000", "192.0.2.2:8082", "", true},
		{"192.0.2.3:5000", "192.0.2.2:8082", "", false}, {"127.0.0.1:5000", "weir.example:8082", "", false}, {"127.0.0.1:5000", "localhost", "", true},
		{"192.0.2.2:5000", "ops.example:8082", "", true}, {"192.0.2.3:5000", "ops.example:8082", "", false},
		{"127.0.0.1:5000", "", "", false}, {"127.0.0.1:5000", "localhost", "Origin", false}, {"127.0.0.1:5000", "localhost", "Via", false}, {"127.0.0.1:5000", "localhost", "Sec-Fetch-Site", false},
	} {
		r := httptest.NewRequestWithContext(context.WithValue(t.Context(), http.LocalAddrContextKey, at), "POST", reloadPath, nil)
		r.RemoteAddr, r.Host = tt.peer, tt.host
		if tt.header != "" {
			r.Header.Set(tt.header, "cross-site")
		}
		if reason := g.foreign(r); (reason == "") != tt.taken {
			t.Errorf("%+v: %q", tt, reason)
		}
	}
}
