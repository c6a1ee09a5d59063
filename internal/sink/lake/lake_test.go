package lake

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"weir/internal/record"
	"weir/internal/sink"
)

// epochStart is the tests' time.
var epochStart = time.Date(2026, 11, 23, 8, 30, 0, 0, time.UTC)

// never keeps the store from sealing or merging by itself.
func never(dir string) Options {
	return Options{
		Dir: dir, SealRows: 1 << 30, SealBytes: 1 << 50, SealAge: 1 << 60, MergeFiles: 1 << 30,
		Now: func() time.Time { return epochStart }, Logger: slog.New(slog.DiscardHandler),
	}
}

func open(t testing.TB, o Options) *Lake {
	t.Helper()
	l, err := Open(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	return l
}

func pos(seq uint64) sink.Pos { return sink.Pos{Epoch: 1, Seq: seq} }

// exchange is a row that commits at 1/seq, a second after the one before.
func exchange(seq uint64) *record.Row {
	at := epochStart.Add(time.Duration(seq) * time.Second)
	var id record.ID
	copy(id[:], fmt.Sprintf("%016d", seq))
	return &record.Row{
		ID: id, Epoch: 1, Seq: seq, Outcome: record.Completed,
		Begin: record.Begin{
			Time: at, Gateway: "weir", Region: "here", CallerIP: "192.0.2.1", Method: "POST", URL: "https://gw/openai/deployments/gpt-4o/chat/completions",
			Surface: "azure", Operation: "chatcompletions_create", Deployment: "gpt-4o", APIVersion: "2024-10-21",
		},
		End:         record.End{Time: at.Add(time.Second), Status: 200, BackendStatus: 200, Backend: "east"},
		RequestBody: `{"messages":[{"role":"user","content":"hello"}]}`, BackendResponseBody: `{"model":"gpt-4o-2024-08-06"}`,
		Model: "gpt-4o-2024-08-06", Prompt: "user: hello", Completion: "hi", PromptTokens: 3, CompletionTokens: 4, TotalTokens: 7,
		RequestMessages: `[{"role":"user","content":"hello"}]`, ResponseMessages: `[{"role":"assistant","content":"hi"}]`,
		ModelCall: true, JSONModel: `"gpt-4o-2024-08-06"`, Labels: `{"Team":"blue"}`,
	}
}

func rowsOf(from, to uint64) []*record.Row {
	var out []*record.Row
	for s := from; s <= to; s++ {
		out = append(out, exchange(s))
	}
	return out
}

func write(t testing.TB, l *Lake, from, to uint64) {
	t.Helper()
	if err := l.Write(t.Context(), sink.Batch{Rows: rowsOf(from, to), Watermark: pos(to), From: pos(to)}); err != nil {
		t.Fatal(err)
	}
}

func seal(t testing.TB, l *Lake) {
	t.Helper()
	if err := l.Seal(t.Context()); err != nil {
		t.Fatal(err)
	}
}

// ask runs a query and gives its rows as text, values parted by "|".
func ask(t testing.TB, l *Lake, sql string) []string {
	t.Helper()
	out, err := tryAsk(t.Context(), l, sql)
	if err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
	return out
}

func tryAsk(ctx context.Context, l *Lake, sql string) ([]string, error) {
	rows, err := l.Query(ctx, sql)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var out []string
	for {
		vals, err := rows.Next()
		if errors.Is(err, io.EOF) {
			return out, nil
		}
		if err != nil {
			return nil, err
		}
		var parts []string
		for _, v := range vals {
			parts = append(parts, fmt.Sprint(v))
		}
		out = append(out, strings.Join(parts, "|"))
	}
}

// once checks that exactly the exchanges 1 to n are there, each once.
func once(t testing.TB, l *Lake, n int) {
	t.Helper()
	got := ask(t, l, `SELECT count(*), count(DISTINCT "CorrelationId"), coalesce(min("Sequence"), 0), coalesce(max("Sequence"), 0) FROM "WeirExchanges"`)
	want := fmt.Sprintf("%d|%d|%d|%d", n, n, min(n, 1), n)
	if got[0] != want {
		t.Fatalf("count|distinct|first|last is %s, want %s", got[0], want)
	}
}

func names(t testing.TB, dir string) []string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for _, e := range entries {
		if !strings.HasPrefix(e.Name(), ".") {
			out = append(out, e.Name())
		}
	}
	return out
}

func TestSealAndReopen(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "store")
	l := open(t, never(dir))
	once(t, l, 0)
	write(t, l, 1, 10)
	once(t, l, 10)
	if c := l.Cursor(); c != (sink.Cursor{}) {
		t.Errorf("the cursor is %v before anything was sealed", c)
	}
	seal(t, l)
	once(t, l, 10)
	write(t, l, 11, 15)
	once(t, l, 15)
	want := []string{"weir_00000000-00000000000000000000_00000001-00000000000000000010.parquet"}
	if d := cmp.Diff(want, names(t, dir)); d != "" {
		t.Error(d)
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}

	l = open(t, never(dir))
	once(t, l, 10) // what was fresh comes from the journal again
	if c, want := l.Cursor(), (sink.Cursor{Done: pos(10), From: pos(10)}); c != want {
		t.Fatalf("the cursor is %v, want %v", c, want)
	}
	write(t, l, 8, 20)
	once(t, l, 20)
	if s := l.Stats(); s.Passed != 3 || s.FreshRows != 10 || s.Files != 1 {
		t.Errorf("stats: %+v", s)
	}
}

// TestSealLeavesWhatIsBehindTheWatermark: rows come out of order, and a file
// holds those up to the watermark only.
func TestSealLeavesWhatIsBehindTheWatermark(t *testing.T) {
	dir := t.TempDir()
	l := open(t, never(dir))
	ctx := t.Context()
	batch := sink.Batch{Rows: []*record.Row{exchange(2), exchange(5), exchange(1), exchange(4)}, Watermark: pos(2), From: pos(0)}
	if err := l.Write(ctx, batch); err != nil {
		t.Fatal(err)
	}
	seal(t, l)
	if s := l.Stats(); s.FreshRows != 2 || s.FileRows != 2 {
		t.Fatalf("stats after the first seal: %+v", s)
	}
	if err := l.Write(ctx, sink.Batch{Rows: []*record.Row{exchange(3)}, Watermark: pos(5), From: pos(5)}); err != nil {
		t.Fatal(err)
	}
	once(t, l, 5)
	seal(t, l)
	once(t, l, 5)
	if c, want := l.Cursor(), (sink.Cursor{Done: pos(5), From: pos(5)}); c != want {
		t.Errorf("the cursor is %v, want %v", c, want)
	}
	l.Close()
	l = open(t, never(dir))
	once(t, l, 5)
}
