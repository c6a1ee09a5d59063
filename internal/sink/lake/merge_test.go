package lake

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/parquet-go/parquet-go"

	"weir/internal/record"
	"weir/internal/sink"
)

func sealed(t *testing.T, l *Lake, files int, each uint64) {
	t.Helper()
	for i := range uint64(files) {
		write(t, l, 1+i*each, (i+1)*each)
		seal(t, l)
	}
}

// mergeFrom changes how many small files in a row are left alone.
func mergeFrom(l *Lake, files int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.opt.MergeFiles = files
}

func TestMergeManySmall(t *testing.T) {
	dir := t.TempDir()
	o := never(dir)
	o.MergeFiles = 4
	l := open(t, o)
	sealed(t, l, 7, 10)
	if err := l.Merge(t.Context()); err != nil {
		t.Fatal(err)
	}
	once(t, l, 70)
	// The background merged too, as files came; in the end at most 4 are left.
	if s := l.Stats(); s.Files > 4 || s.FileRows != 70 {
		t.Errorf("stats: %+v", s)
	}
	if got := len(names(t, dir)); got != l.Stats().Files {
		t.Errorf("%d files on disk, %d shown: %v", got, l.Stats().Files, names(t, dir))
	}
	l.Close()
	l = open(t, never(dir))
	once(t, l, 70)
	if c := l.Cursor(); c != (sink.Cursor{Done: pos(70), From: pos(70)}) {
		t.Errorf("the cursor is %v", c)
	}
}

// TestMergeDay: the files of a day that is over become one, in order of time.
func TestMergeDay(t *testing.T) {
	dir := t.TempDir()
	now := epochStart
	o := never(dir)
	o.Now = func() time.Time { return now }
	l := open(t, o)
	seq := uint64(0)
	add := func(at ...time.Duration) { // hours since midnight, out of order
		var rows []*record.Row
		for _, h := range at {
			seq++
			r := exchange(seq)
			r.Begin.Time = day(epochStart).Add(h)
			rows = append(rows, r)
		}
		if err := l.Write(t.Context(), sink.Batch{Rows: rows, Watermark: pos(seq), From: pos(seq)}); err != nil {
			t.Fatal(err)
		}
		seal(t, l)
	}
	add(3*time.Hour, 1*time.Hour)
	add(5*time.Hour, 2*time.Hour, 4*time.Hour)
	add(22*time.Hour, 21*time.Hour)
	add(25*time.Hour, 23*time.Hour)
	add(26 * time.Hour)
	if err := l.Merge(t.Context()); err != nil {
		t.Fatal(err)
	}
	if s := l.Stats(); s.Files != 5 {
		t.Errorf("merged before the day was over: %+v", s)
	}
	l.mu.Lock()
	now = now.Add(24 * time.Hour)
	l.mu.Unlock()
	if err := l.Merge(t.Context()); err != nil {
		t.Fatal(err)
	}
	if s := l.Stats(); s.Files != 3 || s.FileRows != 10 {
		t.Errorf("stats: %+v", s)
	}
	once(t, l, 10)
	times := fileTimes(t, filepath.Join(dir, names(t, dir)[0]))
	want := []int64{1, 2, 3, 4, 5, 21, 22}
	for i := range times {
		times[i] = (times[i] - day(epochStart).UnixMicro()) / time.Hour.Microseconds()
	}
	if d := cmp.Diff(want, times); d != "" {
		t.Errorf("hours in the file: %s", d)
	}
}

// fileTimes reads TimeGenerated of a file's rows as they stand.
func fileTimes(t *testing.T, name string) []int64 {
	t.Helper()
	f, err := os.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	st, err := f.Stat()
	if err != nil {
		t.Fatal(err)
	}
	p, err := parquet.OpenFile(f, st.Size())
	if err != nil {
		t.Fatal(err)
	}
	var out []int64
	for _, g := range p.RowGroups() {
		rows := g.Rows()
		buf := make([]parquet.Row, 100)
		n, _ := rows.ReadRows(buf)
		for _, r := range buf[:n] {
			out = append(out, r[0].Int64())
		}
		rows.Close()
	}
	return out
}

// TestInterruptedMerge: a merged file and what it was made of stand side by
// side when the process ended between.
func TestInterruptedMerge(t *testing.T) {
	dir := t.TempDir()
	o := never(dir)
	l := open(t, o)
	sealed(t, l, 3, 5)
	small := map[string][]byte{}
	for _, n := range names(t, dir) {
		b, err := os.ReadFile(filepath.Join(dir, n))
		if err != nil {
			t.Fatal(err)
		}
		small[n] = b
	}
	l.Close()
	o.MergeFiles = 1
	l = open(t, o)
	if err := l.Merge(t.Context()); err != nil {
		t.Fatal(err)
	}
	l.Close()
	for n, b := range small {
		if err := os.WriteFile(filepath.Join(dir, n), b, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	o = never(dir)
	o.ReadOnly = true
	l = open(t, o)
	once(t, l, 15)
	if got := len(names(t, dir)); got != 4 {
		t.Errorf("a read-only store changed the folder: %v", names(t, dir))
	}
	l.Close()
	l = open(t, never(dir))
	once(t, l, 15)
	if got := len(names(t, dir)); got != 1 {
		t.Errorf("files: %v", names(t, dir))
	}
}

// TestMergeWaitsForQueries: files that a query reads stay until it has ended.
func TestMergeWaitsForQueries(t *testing.T) {
	dir := t.TempDir()
	o := never(dir)
	l := open(t, o)
	sealed(t, l, 3, 5)
	rows, err := l.Query(t.Context(), `SELECT 1`)
	if err != nil {
		t.Fatal(err)
	}
	mergeFrom(l, 1)
	if err := l.Merge(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := len(names(t, dir)); got != 4 {
		t.Errorf("while a query runs: %v", names(t, dir))
	}
	rows.Close()
	if got := len(names(t, dir)); got != 1 {
		t.Errorf("when it has ended: %v", names(t, dir))
	}
	once(t, l, 15)
}

// TestOlderColumns: a file from before a column came shows its empty value, and
// is not merged with others.
func TestOlderColumns(t *testing.T) {
	dir := t.TempDir()
	var fewer []column
	for _, c := range storedColumns() {
		switch c.name {
		case "EndUser", "CachedTokens", "Metadata", "_json_model", "IsStream", "IsModelCall", "IsWebSocket":
		default:
			fewer = append(fewer, c)
		}
	}
	old := open(t, never(dir))
	old.cols, old.schema = fewer, parquetSchema(fewer)
	write(t, old, 1, 3)
	seal(t, old)
	old.Close()
	o := never(dir)
	o.MergeFiles = 1
	l := open(t, o)
	write(t, l, 4, 5)
	seal(t, l)
	if err := l.Merge(t.Context()); err != nil {
		t.Fatal(err)
	}
	once(t, l, 5)
	got := ask(t, l, `SELECT "EndUser" = '', "CachedTokens", "Metadata", "_json_model"::VARCHAR, "IsStream", "IsModelCall", "IsWebSocket" FROM "WeirExchanges" ORDER BY "Sequence"`)
	older, newer := "true|<nil>|<nil>|<nil>|<nil>|true|false", `true|0|<nil>|"gpt-4o-2024-08-06"|false|true|false`
	if d := cmp.Diff([]string{older, older, older, newer, newer}, got); d != "" {
		t.Error(d)
	}
	if s := l.Stats(); s.Files != 2 {
		t.Errorf("stats: %+v", s)
	}
}

// TestQueriesDuringSeals: whatever is sealed and merged meanwhile, a query sees
// all rows up to the newest, once, and all its parts see the same.
func TestQueriesDuringSeals(t *testing.T) {
	o := never(t.TempDir())
	o.SealRows, o.MergeFiles = 40, 3
	l := open(t, o)
	const last = 1500
	var ended atomic.Bool
	var queries atomic.Int64
	var readers sync.WaitGroup
	for range 3 {
		readers.Go(func() {
			seen := 0
			for !ended.Load() {
				got, err := tryAsk(t.Context(), l, `SELECT count(*), count(DISTINCT "CorrelationId"), coalesce(max("Sequence"), 0),
					(SELECT count(*) FROM "ApiManagementGatewayLogs"),
					(SELECT count(*) FROM "ApiManagementGatewayLlmLog") // 3 FROM "WeirExchanges"`)
				if err != nil {
					t.Error(err)
					return
				}
				var n [5]int
				fmt.Sscanf(strings.ReplaceAll(got[0], "|", " "), "%d %d %d %d %d", &n[0], &n[1], &n[2], &n[3], &n[4])
				if n[0] != n[1] || n[0] != n[2] || n[0] != n[3] || n[0] != n[4] || n[0] < seen {
					t.Errorf("after %d rows: count, distinct, last, other table, messages/3 = %v", seen, n)
					return
				}
				seen = n[0]
				queries.Add(1)
			}
		})
	}
	for s := uint64(1); s <= last; s += 15 {
		write(t, l, s, s+14) // the store seals and merges by itself
		if at := queries.Load(); s%45 == 1 {
			for queries.Load() < at+2 && !t.Failed() {
				time.Sleep(time.Millisecond)
			}
		}
	}
	ended.Store(true)
	readers.Wait()
	once(t, l, last)
	if s := l.Stats(); s.Seals < 3 || s.Merges < 1 {
		t.Errorf("too little happened: %+v", s)
	}
}

// TestReadOnly: beside the process that writes, the same rows are there; what
// is sealed or merged meanwhile is found when a query needs it.
func TestReadOnly(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "store")
	ro := never(dir)
	ro.ReadOnly = true
	none := open(t, ro) // no folder yet
	once(t, none, 0)
	if _, err := os.Stat(dir); err == nil {
		t.Error("a read-only store made the folder")
	}
	l := open(t, never(dir))
	sealed(t, l, 3, 5)
	write(t, l, 16, 20)

	r := open(t, ro)
	if c := r.Cursor().Done; c != pos(15) {
		t.Fatalf("the cursor is %v", c)
	}
	write(t, r, 16, 20)
	once(t, r, 20)
	if err := r.Seal(t.Context()); err != nil || r.Cursor().Done != pos(15) {
		t.Errorf("it sealed: %v, %v", err, r.Cursor())
	}
	seal(t, l)
	mergeFrom(l, 1)
	if err := l.Merge(t.Context()); err != nil {
		t.Fatal(err)
	}
	once(t, r, 20) // its files are gone, and its fresh rows in a file
	if s := r.Stats(); s.FreshRows != 0 || s.Files != 1 {
		t.Errorf("stats: %+v", s)
	}
	full := ro
	full.MaxFreshBytes = 1
	f := open(t, full)
	write(t, f, 21, 22)
	if err := f.Write(t.Context(), sink.Batch{Rows: rowsOf(23, 23)}); err == nil {
		t.Error("no bound")
	}
}

func TestFileName(t *testing.T) {
	s := span{sink.Pos{Epoch: 1}, sink.Pos{Epoch: 2, Seq: 4711}}
	const want = "weir_00000001-00000000000000000000_00000002-00000000000000004711.parquet"
	name := fileName("weir", s)
	if name != want {
		t.Errorf("got %s", name)
	}
	for _, n := range []string{name, fileName("a_b", s), fileName("weir", span{sink.Pos{}, sink.Pos{Epoch: 1 << 60, Seq: 1<<64 - 1}})} {
		_, got, ok := parseName(n)
		if !ok || fileName(n[:strings.LastIndex(n[:len(n)-60], "_")], got) != n && n == name {
			t.Errorf("%s does not read back", n)
		}
	}
	for _, n := range []string{"", "weir.parquet", strings.Replace(want, "4711.", "471.", 1), want + ".tmp",
		"weir_00000002-00000000000000000000_00000001-00000000000000000000.parquet"} {
		if _, _, ok := parseName(n); ok {
			t.Errorf("%s was taken for a file of the store", n)
		}
	}
}
