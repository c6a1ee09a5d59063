package lake

import (
	"context"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"weir/internal/journal"
	"weir/internal/record"
	"weir/internal/sink"
)

// rowOf stands in for the transcript.
func rowOf(x *record.Exchange) *record.Row {
	r := &record.Row{Begin: x.Begin, Outcome: record.Interrupted, RequestBody: string(x.RequestBody), BackendResponseBody: string(x.ResponseBody)}
	if x.End != nil {
		r.End, r.Outcome = *x.End, x.End.Outcome
	}
	if x.Delivered != nil {
		r.Delivered = *x.Delivered
	}
	return r
}

func openJournal(t *testing.T, dir string) *journal.Journal {
	t.Helper()
	j, err := journal.Open(journal.Options{Dir: dir, Gateway: "weir", SegmentBytes: 1 << 20})
	if err != nil {
		t.Fatal(err)
	}
	return j
}

// call writes one exchange's frames; n-th calls differ in what they lack.
func call(t *testing.T, j *journal.Journal, n int, wait func()) record.ID {
	now := time.Now()
	id := record.NewID(now)
	fail := func(err error) {
		if err != nil {
			t.Error(err)
		}
	}
	block := func(s string) []journal.Block { return []journal.Block{{Data: []byte(s)}} }
	b := record.Begin{Time: now, Gateway: "weir", Deployment: "gpt-4o", Operation: "chatcompletions_create"}
	_, err := j.Append(&journal.Frame{Kind: journal.Begin, ID: id, Meta: b.Append(nil), Blocks: block("question")})
	fail(err)
	wait()
	for range n % 3 {
		_, err := j.Append(&journal.Frame{Kind: journal.Part, ID: id, Blocks: block("some ")})
		fail(err)
		wait()
	}
	if n%7 == 6 {
		return id // the gateway dies first
	}
	e := record.End{Time: time.Now(), Outcome: record.Completed, Status: 200}
	_, err = j.Commit(&journal.Frame{Kind: journal.End, ID: id, Meta: e.Append(nil), Blocks: block("answer")})
	fail(err)
	wait()
	if n%5 != 4 {
		d := record.Delivered{Time: time.Now(), ResponseSize: 6}
		j.Lazy(&journal.Frame{Kind: journal.Delivered, ID: id, Meta: d.Append(nil)})
	}
	return id
}

// follower runs a store on a journal until it is stopped, as a process would.
type follower struct {
	lake   *Lake
	runner *sink.Runner
	stop   func()
}

func follow(t *testing.T, journalDir string, o Options) *follower {
	t.Helper()
	l, err := Open(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	r, err := sink.NewRunner(sink.Config{Journal: journalDir, Store: l, Read: rowOf, Interval: 5 * time.Millisecond, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() { // ended by stop
		defer close(done)
		r.Run(ctx)
	}()
	return &follower{l, r, sync.OnceFunc(func() {
		cancel()
		<-done
		l.Close()
	})}
}

// TestJournalToStore: gateways and stores come and go; in the end every
// exchange is there once, finished or interrupted, and again when the store's
// folder was deleted.
func TestJournalToStore(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	r := rand.New(rand.NewPCG(seed, 3))
	journalDir, storeDir := filepath.Join(t.TempDir(), "journal"), filepath.Join(t.TempDir(), "store")
	o := never(storeDir)
	o.SealRows, o.MergeFiles = 25, 3
	f := follow(t, journalDir, o)
	defer func() { f.stop() }()

	var mu sync.Mutex
	open := map[record.ID]bool{} // by id: whether it has no end
	const epochs, writers, calls = 3, 4, 30
	for range epochs {
		j := openJournal(t, journalDir)
		var work sync.WaitGroup
		for range writers {
			waits := rand.New(rand.NewPCG(r.Uint64(), 0))
			work.Go(func() {
				for range calls {
					n := waits.IntN(1000)
					id := call(t, j, n, func() { time.Sleep(time.Duration(waits.IntN(2000)) * time.Microsecond) })
					mu.Lock()
					open[id] = n%7 == 6
					mu.Unlock()
				}
			})
		}
		for range 4 {
			time.Sleep(time.Duration(r.IntN(60)) * time.Millisecond)
			f.stop()
			f = follow(t, journalDir, o)
		}
		work.Wait()
		if err := j.Close(); err != nil {
			t.Fatal(err)
		}
	}
	j := openJournal(t, journalDir)
	defer j.Close()
	all := len(open)
	await := func() {
		t.Helper()
		var n string
		for until := time.Now().Add(30 * time.Second); time.Now().Before(until); time.Sleep(10 * time.Millisecond) {
			if n = ask(t, f.lake, `SELECT count(*) FROM "WeirExchanges"`)[0]; n == fmt.Sprint(all) {
				return
			}
		}
		t.Fatalf("%s of %d exchanges came: %+v", n, all, f.runner.Stats())
	}
	check := func() {
		t.Helper()
		ids, err := f.lake.ids(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for id := range open {
			if ids[id] != 1 {
				t.Errorf("%v is there %d times", id, ids[id])
			}
		}
		if len(ids) != all {
			t.Errorf("%d ids, want %d", len(ids), all)
		}
		lost := 0
		for _, interrupted := range open {
			if interrupted {
				lost++
			}
		}
		got := ask(t, f.lake, `SELECT count(*) FILTER ("Outcome" = 'interrupted'), count(*) FILTER ("Outcome" = 'completed' AND "BackendResponseBody" NOT LIKE '%answer'),
			count(*) FILTER ("RequestBody" != 'question') FROM "WeirExchanges"`)
		if want := fmt.Sprintf("%d|0|0", lost); got[0] != want {
			t.Errorf("interrupted|torn|without request are %s, want %s", got[0], want)
		}
	}
	await()
	check()
	f.stop()
	if err := os.RemoveAll(storeDir); err != nil {
		t.Fatal(err)
	}
	f = follow(t, journalDir, o)
	await()
	check()
	if s := f.runner.Stats(); s.Unreadable+s.Orphans+s.Gaps+s.Panics+s.Failures != 0 {
		t.Errorf("stats: %+v", s)
	}

	// Beside it, a reader that writes nothing.
	o.ReadOnly = true
	ro, err := Open(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	run, err := sink.NewRunner(sink.Config{Journal: journalDir, Store: ro, Read: rowOf, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	if err := run.CatchUp(t.Context()); err != nil {
		t.Fatal(err)
	}
	f.stop()
	f = &follower{ro, run, func() { ro.Close() }}
	check()
}
