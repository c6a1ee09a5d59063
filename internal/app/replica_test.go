package app

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"weir/internal/api"
	"weir/internal/journal"
	"weir/internal/payload"
	"weir/internal/sink"
	"weir/internal/sink/lake"
)

// another is the data folder of a gateway that runs, with exchanges.
type another struct {
	data string
	*journalWriter
	large recorded
}

func newAnother(t *testing.T, data, name string) *another {
	t.Helper()
	j, err := journal.Open(journal.Options{Dir: journalIn(data), Gateway: name})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { j.Close() })
	spool, err := payload.OpenSpool(spoolIn(data))
	if err != nil {
		t.Fatal(err)
	}
	a := &another{data: data, journalWriter: &journalWriter{t, j, spool, name}}
	a.exchange("application/json", []byte(`{"a":1}`), "application/json", []byte(`{"b":2}`), false, 0, true)
	a.large = a.exchange("application/octet-stream", noise(8, 3<<20), "video/mp4", noise(9, 2<<20), true, 1<<20, true)
	return a
}

// serving runs the store's process, and gives what it logs, what it ended with,
// and a func that ends it.
func serving(t *testing.T, cfg *Config) (log *bytes.Buffer, ended chan error, stop func()) {
	t.Helper()
	log = &bytes.Buffer{} // a handler locks; it is read when the store has ended
	ctx, cancel := context.WithCancel(t.Context())
	ended = make(chan error, 1)
	go func() { ended <- runStore(ctx, cfg, slog.New(slog.NewTextHandler(log, nil))) }()
	stop = func() {
		t.Helper()
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	}
	return log, ended, stop
}

func stateOf(cfg *Config) (s api.State, err error) {
	resp, err := http.Get("http://" + cfg.API.Listen + "/v1/status")
	if err != nil {
		return s, err
	}
	defer resp.Body.Close()
	return s, json.NewDecoder(resp.Body).Decode(&s)
}

// await waits until the store's state is as wanted.
func await(t *testing.T, cfg *Config, want func(api.State) bool) api.State {
	t.Helper()
	for until := time.Now().Add(30 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		s, err := stateOf(cfg)
		if err == nil && want(s) {
			return s
		}
		if time.Now().After(until) {
			t.Fatalf("the store is at %+v, %v", s, err)
		}
	}
}

// asked runs a query by the API, and gives its rows as JSON.
func asked(t *testing.T, cfg *Config, kql string) string {
	t.Helper()
	body, _ := json.Marshal(map[string]string{"db": "weir", "csl": kql})
	resp, err := http.Post("http://"+cfg.API.Listen+"/v1/rest/query", "application/json", bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	text, _ := io.ReadAll(resp.Body)
	var out struct {
		Tables []struct{ Rows json.RawMessage }
	}
	if err := json.Unmarshal(text, &out); err != nil || len(out.Tables) == 0 {
		t.Fatalf("status %d: %.500s", resp.StatusCode, text)
	}
	return string(out.Tables[0].Rows)
}

const byGateway = "WeirExchanges | summarize Calls = count(), Ids = dcount(CorrelationId) by Gateway | sort by Gateway asc"

func withReplicas(dirs ...string) string {
	var all []string
	for _, d := range dirs {
		all = append(all, fmt.Sprintf("{data: %q}", d))
	}
	return "store: {gateways: [" + strings.Join(all, ", ") + "]}\n"
}

// TestReplicas: a store reads its own gateway, one that is there, and one that
// comes later; queries and bodies are of all, and each spool is emptied into the
// one payload store. A folder copied away, and one whose config lost a gateway,
// have the same records.
func TestReplicas(t *testing.T) {
	root := t.TempDir()
	b := newAnother(t, filepath.Join(root, "b"), "gw-b")
	later := filepath.Join(root, "c")
	x := newLarge(t, withReplicas(b.data, later))
	_, _, stop := serving(t, x.cfg)
	s := await(t, x.cfg, func(s api.State) bool {
		return len(s.Gateways) == 3 && s.Gateways[0].CaughtUp && s.Gateways[1].CaughtUp
	})
	if s.CaughtUp || s.Gateways[2].CaughtUp || s.Gateways[2].Problem == "" {
		t.Errorf("a gateway that is not there is passed over: %+v", s)
	}
	if got, want := asked(t, x.cfg, byGateway), `[["gw",5,5],["gw-b",2,2]]`; got != want {
		t.Errorf("the records are %s, want %s", got, want)
	}
	c := newAnother(t, later, "gw-c")
	s = await(t, x.cfg, func(s api.State) bool { return s.CaughtUp })
	if got, want := asked(t, x.cfg, byGateway), `[["gw",5,5],["gw-b",2,2],["gw-c",2,2]]`; got != want {
		t.Errorf("the records are %s, want %s", got, want)
	}
	if g := s.Gateways[2]; g.Gateway != "gw-c" || g.Problem != "" || g.Durable != g.Stored || g.Behind != 0 {
		t.Errorf("the state is %+v", g)
	}
	for _, e := range []recorded{x.both, b.large, c.large} {
		for name, want := range e.want {
			if resp, got := x.get(t, "GET", e.id.String()+"/"+name); resp.StatusCode != 200 || !bytes.Equal(got, want) {
				t.Errorf("%s: status %d, %d bytes, want %d", name, resp.StatusCode, len(got), len(want))
			}
		}
	}
	uploaded := func() int {
		files, _ := filepath.Glob(filepath.Join(x.cfg.payloadDir(), "*", "*", "*", "*", "manifest.json"))
		return len(files)
	}
	for until := time.Now().Add(20 * time.Second); uploaded() < 5; time.Sleep(20 * time.Millisecond) {
		if time.Now().After(until) {
			t.Fatalf("only %d exchanges were uploaded", uploaded())
		}
	}
	metrics, err := http.Get("http://" + x.cfg.API.Listen + "/metrics")
	if err != nil {
		t.Fatal(err)
	}
	text, _ := io.ReadAll(metrics.Body)
	metrics.Body.Close()
	for _, want := range []string{`weir_store_records_total{gateway="weir"} 5`, `weir_store_records_total{gateway="gw-b"} 2`,
		`weir_store_fresh_rows{gateway="gw-c"} 2`, "weir_store_gateways_unread 0", "weir_payload_uploads_total 5"} {
		if !bytes.Contains(text, []byte(want+"\n")) {
			t.Errorf("there is no metric %s", want)
		}
	}
	stop()
	folder, done, err := OpenFolder(t.Context(), x.cfg.Data)
	if err != nil {
		t.Fatal(err)
	}
	defer done()
	got, err := folder.Query(t.Context(), byGateway)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff([][]any{{"gw", int64(5), int64(5)}, {"gw-b", int64(2), int64(2)}, {"gw-c", int64(2), int64(2)}}, got.Rows); d != "" {
		t.Error(d)
	}
	if p, err := folder.Payload(t.Context(), b.large.id.String(), "answer"); err != nil {
		t.Error(err)
	} else {
		p.Close()
	}
}

// sealInto brings a gateway's records into a store's files.
func sealInto(t *testing.T, cfg *Config, data, name string) {
	t.Helper()
	log := slog.New(slog.DiscardHandler)
	l, err := lake.Open(t.Context(), lakeOptions(cfg, log))
	if err != nil {
		t.Fatal(err)
	}
	part, err := l.Part(t.Context(), name)
	if err != nil {
		t.Fatal(err)
	}
	library := &payload.Library{Spool: payload.ReadSpool(spoolIn(data)), Store: payload.Away(errors.New("none")), Split: split}
	if err := errors.Join(catchUp(t.Context(), cfg, part, data, library), part.Seal(t.Context()), l.Close()); err != nil {
		t.Fatal(err)
	}
}

// TestReplicaRemoved: a gateway that the config no longer has keeps what is
// sealed of it; what it writes since is not read.
func TestReplicaRemoved(t *testing.T) {
	b := newAnother(t, filepath.Join(t.TempDir(), "b"), "gw-b")
	x := newLarge(t, withReplicas(b.data))
	sealInto(t, x.cfg, b.data, "gw-b")
	for _, round := range []struct {
		gateways int
		want     string
	}{{1, `[["gw",5,5],["gw-b",2,2]]`}, {0, `[["gw",5,5],["gw-b",2,2]]`}, {0, `[["gw",5,5],["gw-b",2,2]]`}, {1, `[["gw",5,5],["gw-b",3,3]]`}} {
		if round.gateways == 0 {
			x.cfg.Store.Gateways = nil
		} else {
			x.cfg.Store.Gateways = []Replica{{Data: b.data}}
		}
		_, _, stop := serving(t, x.cfg)
		await(t, x.cfg, func(s api.State) bool { return s.CaughtUp && len(s.Gateways) == round.gateways+1 })
		if got := asked(t, x.cfg, byGateway); got != round.want {
			t.Errorf("with %d further gateways the records are %s, want %s", round.gateways, got, round.want)
		}
		stop()
		if round.gateways == 1 && round.want == `[["gw",5,5],["gw-b",2,2]]` {
			b.exchange("application/json", []byte(`{}`), "application/json", []byte(`{}`), false, 0, true)
		}
	}
}

// TestReplicaNames: two folders of one gateway's name are refused at the start;
// where that comes out later, the later one is not read and the others are.
func TestReplicaNames(t *testing.T) {
	root := t.TempDir()
	b, c := filepath.Join(root, "b"), filepath.Join(root, "c")
	newAnother(t, b, "same")
	x := newLarge(t, withReplicas(b, c))
	log, _, stop := serving(t, x.cfg)
	await(t, x.cfg, func(s api.State) bool {
		return len(s.Gateways) == 3 && s.Gateways[0].CaughtUp && s.Gateways[1].CaughtUp
	})
	newAnother(t, c, "same")
	s := await(t, x.cfg, func(s api.State) bool { return strings.Contains(s.Gateways[2].Problem, "same") })
	if s.Gateways[2].CaughtUp || s.Gateways[2].Gateway != "" {
		t.Errorf("the state is %+v", s.Gateways[2])
	}
	if got, want := asked(t, x.cfg, byGateway), `[["gw",5,5],["same",2,2]]`; got != want {
		t.Errorf("the records are %s, want %s", got, want)
	}
	stop()
	if n := strings.Count(log.String(), "cannot be read now"); n != 2 {
		t.Errorf("a problem was told %d times, want once that it is missing and once whose it is:\n%s", n, log)
	}
	_, ended, _ := serving(t, x.cfg)
	err := <-ended
	if err == nil || !strings.Contains(err.Error(), b) || !strings.Contains(err.Error(), c) || !strings.Contains(err.Error(), `"same"`) {
		t.Errorf("it started with two of one name: %v", err)
	}
	// The store's own name counts too: beside one that is read, and one that was.
	x.cfg.Gateway.Proxy.Name, x.cfg.Store.Gateways = "same", nil
	_, ended, _ = serving(t, x.cfg)
	if err := <-ended; err == nil || !strings.Contains(err.Error(), `another gateway that is called "same"`) {
		t.Errorf("it started with the name of a gateway that it has records of: %v", err)
	}
	x.cfg.Store.Gateways = []Replica{{Data: b}}
	if err := os.Remove(x.cfg.aboutFile()); err != nil {
		t.Fatal(err)
	}
	_, ended, _ = serving(t, x.cfg)
	if err := <-ended; err == nil || !strings.Contains(err.Error(), x.cfg.Data) || !strings.Contains(err.Error(), b) {
		t.Errorf("it started with a gateway of its own name: %v", err)
	}
}

// TestReplicaLocked: two stores never read one folder; the one that came later
// reads it when the first has gone.
func TestReplicaLocked(t *testing.T) {
	b := newAnother(t, filepath.Join(t.TempDir(), "b"), "gw-b")
	held, err := lockData(b.data)
	if err != nil {
		t.Fatal(err)
	}
	x := newLarge(t, withReplicas(b.data))
	_, _, stop := serving(t, x.cfg)
	await(t, x.cfg, func(s api.State) bool {
		return s.Gateways[0].CaughtUp && strings.Contains(s.Gateways[1].Problem, "another store")
	})
	held.Close()
	await(t, x.cfg, func(s api.State) bool { return s.CaughtUp })
	own := *x.cfg
	own.Data, own.Store.Gateways = b.data, nil
	_, ended, _ := serving(t, &own)
	if err := <-ended; err == nil || !errors.Is(err, sink.ErrLocked) && !strings.Contains(err.Error(), "another store") {
		t.Errorf("a store began on a folder that another reads: %v", err)
	}
	stop()
	held, err = lockData(b.data)
	if err != nil {
		t.Fatal(err)
	}
	held.Close()
}

// TestDamagedAbout: what a power loss left of the file does not keep the store
// from starting.
func TestDamagedAbout(t *testing.T) {
	x := newLarge(t, "")
	if err := os.WriteFile(x.cfg.aboutFile(), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	x.store(t)()
	if a, found, err := x.cfg.loadAbout(); err != nil || !found || a.Gateway != "weir" {
		t.Errorf("it is %+v, %v, %v", a, found, err)
	}
}

// TestReplicaConfig: mistakes that need no look at the journals.
func TestReplicaConfig(t *testing.T) {
	file := filepath.Join(t.TempDir(), "a file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	text := rightConfig + fmt.Sprintf("store: {gateways: [{data: here}, {data: b}, {data: ./b}, {data: \"\"}, {data: %q}, {dato: x}]}\n", file)
	_, err := parseConfig("weir.yaml", []byte(text), expand)
	var ce *ConfigError
	if !errors.As(err, &ce) {
		t.Fatalf("got %v", err)
	}
	want := []string{"store.gateways[0].data: it is this config's own", "store.gateways[2].data: it is the folder of store.gateways[1].data",
		"store.gateways[3].data: no folder is named", "store.gateways[4].data: it is a file", "store.gateways[5].dato: there is no such field", "store.gateways[5].data: no folder is named"}
	for _, w := range want {
		if !strings.Contains(err.Error(), w) {
			t.Errorf("no mistake says %q:\n%v", w, err)
		}
	}
	c, err := parseConfig("/etc/weir/weir.yaml", []byte(rightConfig+"store: {gateways: [{data: ../b}, {data: /srv/c}]}\n"), expand)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff([]string{"/etc/b", "/srv/c"}, c.replicas()); d != "" {
		t.Error(d)
	}
}

// TestReplicaReplaced: a journal that was begun anew under the old name is not
// taken for the one that the store has records of, neither at the start nor while
// the store runs.
func TestReplicaReplaced(t *testing.T) {
	b := newAnother(t, filepath.Join(t.TempDir(), "b"), "gw-b")
	x := newLarge(t, withReplicas(b.data))
	sealInto(t, x.cfg, b.data, "gw-b")
	anew := func() {
		b.j.Close()
		if err := os.RemoveAll(b.data); err != nil {
			t.Fatal(err)
		}
		j, err := journal.Open(journal.Options{Dir: journalIn(b.data), Gateway: "gw-b"})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { j.Close() })
		b.journalWriter.j = j
		b.exchange("application/json", []byte(`{}`), "application/json", []byte(`{}`), false, 0, true)
	}
	refused := func(s api.State) bool {
		return !s.CaughtUp && len(s.Gateways) == 2 && s.Gateways[0].CaughtUp && strings.Contains(s.Gateways[1].Problem, "gateway.name")
	}
	_, _, stop := serving(t, x.cfg)
	await(t, x.cfg, func(s api.State) bool { return s.CaughtUp && len(s.Gateways) == 2 })
	anew()
	await(t, x.cfg, refused)
	stop()
	_, _, stop = serving(t, x.cfg)
	await(t, x.cfg, refused)
	if got := asked(t, x.cfg, byGateway); got != `[["gw",5,5],["gw-b",2,2]]` {
		t.Errorf("the records are %s", got)
	}
	stop()
}
