package state

import (
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// clock is a time that tests set.
type clock struct{ unix atomic.Int64 }

func newClock() *clock {
	c := &clock{}
	c.unix.Store(time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC).Unix())
	return c
}

func (c *clock) now() time.Time { return time.Unix(c.unix.Load(), 0) }
func (c *clock) addDays(n int)  { c.unix.Add(int64(n) * 24 * 60 * 60) }

func openTest(t testing.TB, dir string, now func() time.Time) *DB {
	t.Helper()
	return openParts(t, dir, parts{slog.New(slog.DiscardHandler), now, maxCached, maxPending})
}

func openParts(t testing.TB, dir string, p parts) *DB {
	t.Helper()
	db, err := open(dir, p)
	if err != nil {
		t.Fatal(err)
	}
	return db
}

func closeTest(t testing.TB, db *DB) {
	t.Helper()
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
}

func flush(t testing.TB, o *Owners) {
	t.Helper()
	if err := o.Flush(); err != nil {
		t.Fatal(err)
	}
}

// forgetCache makes the next Gets ask the file.
func forgetCache(o *Owners) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.cache.Purge()
}

func wantOwner(t testing.TB, o *Owners, key, backend string) {
	t.Helper()
	if got, ok := o.Get(key); got != backend || ok != (backend != "") {
		t.Errorf("Get(%.40q) = %q, %v, want %q", key, got, ok, backend)
	}
}

func TestOwners(t *testing.T) {
	dir := t.TempDir()
	db := openTest(t, dir, time.Now)
	o := db.Owners()
	wantOwner(t, o, "file-1", "")
	o.Put("file-1", "east")
	o.Put("file-2", "west")
	wantOwner(t, o, "file-1", "east")
	forgetCache(o)
	wantOwner(t, o, "file-1", "east") // waits for the disk
	flush(t, o)
	forgetCache(o)
	wantOwner(t, o, "file-1", "east")
	o.Put("file-1", "west")
	o.Delete("file-2")
	wantOwner(t, o, "file-1", "west")
	wantOwner(t, o, "file-2", "")
	forgetCache(o)
	wantOwner(t, o, "file-2", "") // deleted, though the file still has it
	o.Put("file-3", "east")
	closeTest(t, db)

	db = openTest(t, dir, time.Now)
	o = db.Owners()
	wantOwner(t, o, "file-1", "west")
	wantOwner(t, o, "file-2", "")
	wantOwner(t, o, "file-3", "east")
	if n := o.Failures(); n != 0 {
		t.Errorf("%d failures", n)
	}
	closeTest(t, db)
}

func TestWrittenBehind(t *testing.T) {
	db := openTest(t, t.TempDir(), time.Now)
	defer closeTest(t, db)
	o := db.Owners()
	o.Put("file-1", "east")
	for deadline := time.Now().Add(10 * time.Second); ; time.Sleep(5 * time.Millisecond) {
		if rows(t, db) == 1 {
			break
		}
		if time.Now().After(deadline) {
			t.Fatal("not written without a flush")
		}
	}
}

func rows(t testing.TB, db *DB) (n int) {
	t.Helper()
	if err := db.read.QueryRow("SELECT count(*) FROM owners").Scan(&n); err != nil {
		t.Fatal(err)
	}
	return n
}

func TestClosed(t *testing.T) {
	db := openTest(t, t.TempDir(), time.Now)
	o := db.Owners()
	closeTest(t, db)
	o.Put("file-1", "east")
	o.Delete("file-2")
	wantOwner(t, o, "file-1", "east") // memory goes on
	wantOwner(t, o, "file-3", "")
	if o.Failures() == 0 {
		t.Error("a Put after Close counts no failure")
	}
	if o.Flush() == nil || db.Close() == nil {
		t.Error("Flush and Close after Close give no error")
	}
}

func TestHostileKeys(t *testing.T) {
	dir := t.TempDir()
	db := openTest(t, dir, time.Now)
	o := db.Owners()
	keys := []string{
		"'; DROP TABLE owners; --", "%", "?1", "a\x00b", "a\x00c", "a", "A", "\xff\xfe", "\xff",
		" ", "\u00e9", "e\u0301", "\n", "\U0001F600", strings.Repeat("k", maxKey), strings.Repeat("\x00", maxKey), "1", "1.0", "0x1", "NULL",
	}
	for i, k := range keys {
		o.Put(k, fmt.Sprintf("b%d", i))
	}
	long := strings.Repeat("k", maxKey+1)
	o.Put(long, "east")
	o.Put("", "east")
	o.Put("empty", "")
	o.Put("long", long)
	o.Delete(long)
	o.Delete("")
	closeTest(t, db)
	db = openTest(t, dir, time.Now)
	o = db.Owners()
	for i, k := range keys {
		wantOwner(t, o, k, fmt.Sprintf("b%d", i))
	}
	for _, k := range []string{long, "", "empty", "long"} {
		wantOwner(t, o, k, "")
	}
	if n := rows(t, db); n != len(keys) {
		t.Errorf("%d rows, want %d", n, len(keys))
	}
	closeTest(t, db)
}

func TestSeen(t *testing.T) {
	dir, c := t.TempDir(), newClock()
	seen := func(db *DB, key string) (day int64) {
		t.Helper()
		flush(t, db.Owners())
		if err := db.read.QueryRow("SELECT seen FROM owners WHERE key = ?", key).Scan(&day); err != nil {
			t.Fatal(err)
		}
		return day
	}
	db := openTest(t, dir, c.now)
	o := db.Owners()
	o.Put("asked", "east")
	o.Put("forgotten", "east")
	first := seen(db, "asked")
	commits := o.commits
	o.Put("asked", "east") // nothing new
	o.Get("asked")
	flush(t, o)
	if o.commits != commits {
		t.Error("asking again on the same day writes")
	}
	c.addDays(200)
	wantOwner(t, o, "asked", "east")
	if d := seen(db, "asked"); d != first+200 {
		t.Errorf("seen on day %d, want %d", d, first+200)
	}
	c.addDays(100)
	forgetCache(o)
	wantOwner(t, o, "asked", "east") // from the file
	if d := seen(db, "asked"); d != first+300 {
		t.Errorf("seen on day %d, want %d", d, first+300)
	}
	closeTest(t, db)

	c.addDays(101)
	db = openTest(t, dir, c.now)
	wantOwner(t, db.Owners(), "forgotten", "") // 401 days
	wantOwner(t, db.Owners(), "asked", "east")
	closeTest(t, db)
}

func TestBounded(t *testing.T) {
	const cached, n = 500, 2000
	db := openParts(t, t.TempDir(), parts{slog.New(slog.DiscardHandler), time.Now, cached, maxPending})
	defer closeTest(t, db)
	o := db.Owners()
	for i := range n {
		o.Put(fmt.Sprintf("file-%d", i), "east")
	}
	flush(t, o)
	if got := o.cache.Len(); got != cached {
		t.Errorf("%d in memory, want %d", got, cached)
	}
	for i := range n {
		wantOwner(t, o, fmt.Sprintf("file-%d", i), "east")
	}
}

// TestConcurrent lets goroutines change keys of their own, whose last word each
// knows, while the cache is emptied under them.
func TestConcurrent(t *testing.T) {
	dir := t.TempDir()
	db := openTest(t, dir, time.Now)
	o := db.Owners()
	const workers, keys, rounds = 8, 20, 40
	key := func(w, k int) string { return fmt.Sprintf("w%d-k%d", w, k) }
	var wg sync.WaitGroup
	for w := range workers {
		wg.Go(func() {
			for r := range rounds {
				for k := range keys {
					want := fmt.Sprintf("b%d", r)
					if o.Put(key(w, k), want); (r+k)%7 == 0 {
						o.Delete(key(w, k))
						want = ""
					}
					wantOwner(t, o, key(w, k), want)
					wantOwner(t, o, key(w, k), want)
				}
				if r%10 == w%10 {
					flush(t, o)
					forgetCache(o)
				}
			}
		})
	}
	wg.Wait()
	check := func() {
		for w := range workers {
			for k := range keys {
				want := fmt.Sprintf("b%d", rounds-1)
				if (rounds-1+k)%7 == 0 {
					want = ""
				}
				wantOwner(t, o, key(w, k), want)
			}
		}
	}
	check()
	closeTest(t, db)
	db = openTest(t, dir, time.Now)
	o = db.Owners()
	check()
	closeTest(t, db)
}
