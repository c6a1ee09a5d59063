package sink

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"weir/internal/journal"
	"weir/internal/record"
)

// memory is a Store that keeps what it is given, and fails when it is told to.
type memory struct {
	cursor  Cursor
	batches []Batch
	fail    int      // so many times
	wrote   chan int // is told how many rows there are
}

func (m *memory) Cursor() Cursor { return m.cursor }

func (m *memory) Write(ctx context.Context, b Batch) error {
	if m.fail > 0 {
		m.fail--
		return errors.New("no room")
	}
	m.batches = append(m.batches, b)
	if m.wrote != nil {
		select {
		case m.wrote <- len(m.rows()):
		case <-ctx.Done():
		}
	}
	return nil
}

func (m *memory) Seal(context.Context) error { return nil }

func (m *memory) rows() (out []*record.Row) {
	for _, b := range m.batches {
		out = append(out, b.Rows...)
	}
	return out
}

func plain(x *record.Exchange) *record.Row {
	r := &record.Row{Begin: x.Begin, RequestBody: string(x.RequestBody), BackendResponseBody: string(x.ResponseBody)}
	if x.End != nil {
		r.End = *x.End
	}
	return r
}

// written makes a journal with n complete exchanges and one that has no end.
func written(t *testing.T, n int) string {
	t.Helper()
	dir := t.TempDir()
	j, err := journal.Open(journal.Options{Dir: dir, Gateway: "weir"})
	if err != nil {
		t.Fatal(err)
	}
	for i := range n {
		id := idOf(fmt.Sprint(i))
		now := time.Now()
		frames := []*journal.Frame{
			{Kind: journal.Begin, ID: id, Meta: (&record.Begin{Time: now}).Append(nil), Blocks: []journal.Block{{Data: []byte("secret question")}}},
			{Kind: journal.End, ID: id, Meta: (&record.End{Time: now, Outcome: record.Completed}).Append(nil), Blocks: []journal.Block{{Data: []byte(fmt.Sprint("answer ", i))}}},
			{Kind: journal.Delivered, ID: id, Meta: (&record.Delivered{Time: now}).Append(nil)},
		}
		for _, f := range frames {
			if _, err := j.Append(f); err != nil {
				t.Fatal(err)
			}
		}
	}
	if _, err := j.Append(&journal.Frame{Kind: journal.Begin, ID: idOf("open")}); err != nil {
		t.Fatal(err)
	}
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	return dir
}

func runner(t *testing.T, c Config) *Runner {
	t.Helper()
	if c.Logger == nil {
		c.Logger = quiet
	}
	if c.Read == nil {
		c.Read = plain
	}
	r, err := NewRunner(c)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestCatchUp(t *testing.T) {
	m := &memory{}
	latencies := 0
	r := runner(t, Config{Journal: written(t, 10), Store: m, MaxRows: 4, Interval: time.Hour, Orphaned: true, Latency: func(time.Duration) { latencies++ }})
	if err := r.CatchUp(t.Context()); err != nil {
		t.Fatal(err)
	}
	rows := m.rows()
	if len(rows) != 11 || len(m.batches) != 3 || latencies != 10 {
		t.Fatalf("%d rows in %d batches, %d latencies", len(rows), len(m.batches), latencies)
	}
	for i, row := range rows[:10] {
		want := Pos{Epoch: 1, Seq: uint64(3*i + 2)}
		if got := (Pos{Epoch: row.Epoch, Seq: row.Seq}); got != want || row.ID != idOf(fmt.Sprint(i)) || row.BackendResponseBody != fmt.Sprint("answer ", i) {
			t.Errorf("row %d: %v at %v, want %v", i, row.ID, got, want)
		}
	}
	last := m.batches[2]
	if want := (Pos{Epoch: 1, Seq: 32}); last.Watermark != want || rows[10].Seq != 32 {
		t.Errorf("the watermark is %v, want %v", last.Watermark, want)
	}
	for _, b := range m.batches {
		for _, row := range b.Rows {
			if (Pos{Epoch: row.Epoch, Seq: row.Seq}).Compare(b.Watermark) > 0 {
				t.Errorf("row %d/%d stands behind the watermark %v", row.Epoch, row.Seq, b.Watermark)
			}
		}
	}
	// A store that has it all gets nothing.
	again := &memory{cursor: Cursor{Done: last.Watermark, From: last.From}}
	r = runner(t, Config{Journal: r.cfg.Journal, Store: again, Orphaned: true})
	if err := r.CatchUp(t.Context()); err != nil || len(again.rows()) != 0 {
		t.Errorf("%d rows again, %v", len(again.rows()), err)
	}
	if s := r.Stats(); s.Emitted != 0 || s.Failures != 0 || s.Watermark != last.Watermark {
		t.Errorf("stats: %+v", s)
	}
}

func TestCatchUpGivesTheStoresError(t *testing.T) {
	m := &memory{fail: 1}
	err := runner(t, Config{Journal: written(t, 1), Store: m, Orphaned: true}).CatchUp(t.Context())
	if err == nil || !strings.Contains(err.Error(), "no room") {
		t.Errorf("got %v", err)
	}
}

// TestRunTriesAgain: a batch that was not taken comes again, whole.
func TestRunTriesAgain(t *testing.T) {
	m := &memory{fail: 2, wrote: make(chan int)}
	r := runner(t, Config{Journal: written(t, 3), Store: m, Orphaned: true, Interval: time.Nanosecond, MaxRows: 1})
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error)
	go func() { done <- r.Run(ctx) }()
	for <-m.wrote < 4 {
	}
	cancel()
	if err := <-done; !errors.Is(err, context.Canceled) {
		t.Errorf("Run gave %v", err)
	}
	seen := map[record.ID]int{}
	for _, row := range m.rows() {
		seen[row.ID]++
	}
	if len(seen) != 4 || len(m.rows()) != 4 {
		t.Errorf("rows by id: %v", seen)
	}
	if s := r.Stats(); s.Failures != 2 {
		t.Errorf("stats: %+v", s)
	}
}

// TestPoison: an exchange that cannot be read is kept with its bodies, and what
// the log says of it quotes none of them.
func TestPoison(t *testing.T) {
	m := &memory{}
	var log bytes.Buffer
	read := func(x *record.Exchange) *record.Row {
		if bytes.HasSuffix(x.ResponseBody, []byte("1")) {
			panic("cannot read: " + string(x.RequestBody))
		}
		if bytes.HasSuffix(x.ResponseBody, []byte("2")) {
			return nil
		}
		return plain(x)
	}
	r := runner(t, Config{Journal: written(t, 3), Store: m, Orphaned: true, Read: read, Logger: slog.New(slog.NewTextHandler(&log, nil))})
	if err := r.CatchUp(t.Context()); err != nil {
		t.Fatal(err)
	}
	rows := m.rows()
	if len(rows) != 4 || rows[1].BackendResponseBody != "answer 1" || rows[1].Outcome != record.Completed || rows[2].RequestBody != "secret question" {
		t.Errorf("rows: %+v", rows)
	}
	if s := r.Stats(); s.Panics != 1 {
		t.Errorf("stats: %+v", s)
	}
	if !strings.Contains(log.String(), "position=1/5") || strings.Contains(log.String(), "secret") {
		t.Errorf("the log: %s", log.String())
	}
}

func TestConfig(t *testing.T) {
	if _, err := NewRunner(Config{Store: &memory{}, Read: plain}); err == nil {
		t.Error("no journal was asked for")
	}
}
