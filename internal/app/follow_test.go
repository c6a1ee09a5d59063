package app

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"weir/internal/api"
	"weir/internal/journal"
)

// begunAnew is a data folder whose journal is a new one with so many exchanges.
func begunAnew(t *testing.T, data, name string, exchanges int) *journalWriter {
	t.Helper()
	if err := os.RemoveAll(journalIn(data)); err != nil {
		t.Fatal(err)
	}
	j, err := journal.Open(journal.Options{Dir: journalIn(data), Gateway: name})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { j.Close() })
	w := &journalWriter{t: t, j: j, gateway: name}
	for range exchanges {
		w.exchange("application/json", []byte(`{}`), "application/json", []byte(`{}`), false, 0, true)
	}
	return w
}

// notThat says whether the n-th gateway of two is not read since its journal is
// another.
func notThat(n int) func(api.State) bool {
	return func(s api.State) bool {
		return !s.CaughtUp && len(s.Gateways) == 2 && s.Gateways[1-n].CaughtUp && !s.Gateways[n].CaughtUp &&
			strings.Contains(s.Gateways[n].Problem, "is not the one that the store has records of")
	}
}

func allRead(s api.State) bool { return s.CaughtUp && len(s.Gateways) == 2 }

// TestOutgrown: a journal that was begun anew and has gone further than the store
// is known by its oldest record, at the start and while the store runs; with a name
// of its own it is read at once, and no record is passed over.
func TestOutgrown(t *testing.T) {
	b := newAnother(t, filepath.Join(t.TempDir(), "b"), "gw-b")
	x := newLarge(t, withReplicas(b.data))
	sealInto(t, x.cfg, b.data, "gw-b")
	log, _, stop := serving(t, x.cfg)
	await(t, x.cfg, allRead)
	b.j.Close()
	begunAnew(t, b.data, "gw-b", 20).j.Close()
	await(t, x.cfg, notThat(1))
	begunAnew(t, b.data, "gw-d", 3)
	await(t, x.cfg, allRead)
	if got, want := asked(t, x.cfg, byGateway), `[["gw",5,5],["gw-b",2,2],["gw-d",3,3]]`; got != want {
		t.Errorf("the records are %s, want %s", got, want)
	}
	stop()
	if n := strings.Count(log.String(), "is not the one that the store has records of"); n != 1 {
		t.Errorf("it was told %d times:\n%s", n, log)
	}
	begunAnew(t, b.data, "gw-b", 20)
	_, _, stop = serving(t, x.cfg)
	await(t, x.cfg, notThat(1))
	stop()
}

// TestMovedFolder: a folder that takes the place of itself, as after a mount, is
// read on: what was in memory is neither lost nor there twice.
func TestMovedFolder(t *testing.T) {
	b := newAnother(t, filepath.Join(t.TempDir(), "b"), "gw-b")
	x := newLarge(t, withReplicas(b.data))
	_, _, stop := serving(t, x.cfg)
	await(t, x.cfg, allRead)
	b.j.Close()
	if err := os.Rename(journalIn(b.data), journalIn(b.data)+".old"); err != nil {
		t.Fatal(err)
	}
	if err := os.CopyFS(journalIn(b.data), os.DirFS(journalIn(b.data)+".old")); err != nil {
		t.Fatal(err)
	}
	j, err := journal.Open(journal.Options{Dir: journalIn(b.data), Gateway: "gw-b"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { j.Close() })
	b.journalWriter.j = j
	b.exchange("application/json", []byte(`{}`), "application/json", []byte(`{}`), false, 0, true)
	await(t, x.cfg, allRead)
	if got, want := asked(t, x.cfg, byGateway), `[["gw",5,5],["gw-b",3,3]]`; got != want {
		t.Errorf("the records are %s, want %s", got, want)
	}
	stop()
}

// TestOwnBegunAnew: of its own gateway too a store takes no other journal for the
// one that it knows; it says so and answers from what it has.
func TestOwnBegunAnew(t *testing.T) {
	b := newAnother(t, filepath.Join(t.TempDir(), "b"), "gw-b")
	for _, exchanges := range []int{1, 40} {
		t.Run(fmt.Sprint(exchanges), func(t *testing.T) {
			x := newLarge(t, withReplicas(b.data))
			_, _, stop := serving(t, x.cfg)
			await(t, x.cfg, allRead)
			stop()
			sealInto(t, x.cfg, x.cfg.Data, "weir")
			begunAnew(t, x.cfg.Data, "weir", exchanges)
			log, _, stop := serving(t, x.cfg)
			await(t, x.cfg, notThat(0))
			if got, want := asked(t, x.cfg, byGateway), `[["gw",5,5],["gw-b",2,2]]`; got != want {
				t.Errorf("the records are %s, want %s", got, want)
			}
			stop()
			if n := strings.Count(log.String(), "level=ERROR"); n != 1 {
				t.Errorf("%d errors were told:\n%s", n, log)
			}
		})
	}
}

// TestDamagedAboutKept: what a damaged about.json says is laid aside, not lost.
func TestDamagedAboutKept(t *testing.T) {
	b := newAnother(t, filepath.Join(t.TempDir(), "b"), "gw-b")
	x := newLarge(t, withReplicas(b.data))
	const half = `{"gateway": "weir", "gateways": [{"na`
	if err := os.WriteFile(x.cfg.aboutFile(), []byte(half), 0o600); err != nil {
		t.Fatal(err)
	}
	log, _, stop := serving(t, x.cfg)
	await(t, x.cfg, allRead)
	stop()
	if kept, err := os.ReadFile(x.cfg.aboutFile() + ".damaged"); err != nil || string(kept) != half {
		t.Errorf("what is kept is %q, %v", kept, err)
	}
	if !strings.Contains(log.String(), "about.json.damaged") {
		t.Errorf("it was not told:\n%s", log)
	}
}
