package state

import (
	"bytes"
	"database/sql"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// filled makes a state of some hundred pages and gives its file.
func filled(t *testing.T, dir string) []byte {
	t.Helper()
	db := openTest(t, dir, time.Now)
	for i := range 5000 {
		db.Owners().Put(fmt.Sprintf("file-%032d", i), "east")
	}
	closeTest(t, db)
	b, err := os.ReadFile(filepath.Join(dir, fileName))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestDamagedFiles(t *testing.T) {
	whole := filled(t, t.TempDir())
	noise := make([]byte, 64<<10)
	r := rand.New(rand.NewPCG(1, 2))
	for i := range noise {
		noise[i] = byte(r.Uint32())
	}
	overwritten := bytes.Clone(whole)
	copy(overwritten[len(overwritten)/2:], noise[:8192])
	files := map[string][]byte{
		"noise":            noise,
		"a text":           []byte("These are not the tables you are looking for.\n"),
		"a long text":      bytes.Repeat([]byte("owners: east\n"), 1000),
		"the header only":  whole[:100],
		"one page":         whole[:4096],
		"half":             whole[:len(whole)/2],
		"torn in a page":   whole[:len(whole)-1000],
		"a header, noise":  append(bytes.Clone(whole[:16]), noise...),
		"overwritten":      overwritten,
		"another's tables": foreign(t),
	}
	for name, content := range files {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			path := filepath.Join(dir, fileName)
			if err := os.WriteFile(path, content, 0o600); err != nil {
				t.Fatal(err)
			}
			var logged strings.Builder
			db, err := Open(dir, slog.New(slog.NewTextHandler(&logged, nil)))
			if err != nil {
				t.Fatal(err)
			}
			wantOwner(t, db.Owners(), fmt.Sprintf("file-%032d", 1), "")
			db.Owners().Put("file-1", "west")
			closeTest(t, db)
			kept, err := filepath.Glob(path + ".corrupt-*Z")
			if err != nil || len(kept) != 1 {
				t.Fatalf("moved aside: %v %v", kept, err)
			}
			if b, err := os.ReadFile(kept[0]); err != nil || !bytes.Equal(b, content) {
				t.Errorf("what was moved aside is changed (%v)", err)
			}
			if !strings.Contains(logged.String(), "corrupt-") {
				t.Errorf("not logged: %s", logged.String())
			}
			db = openTest(t, dir, time.Now)
			wantOwner(t, db.Owners(), "file-1", "west")
			closeTest(t, db)
		})
	}
}

// foreign is a sound SQLite database of another program.
func foreign(t *testing.T) []byte {
	t.Helper()
	path := filepath.Join(t.TempDir(), "other.db")
	db, err := sql.Open("sqlite", dsn(path))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := db.Exec("CREATE TABLE owners (pets TEXT); INSERT INTO owners VALUES ('cat')"); err != nil {
		t.Fatal(err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestEmptyFileIsBegun(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, fileName), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	closeTest(t, openTest(t, dir, time.Now))
	if kept, _ := filepath.Glob(filepath.Join(dir, "*.corrupt-*")); len(kept) != 0 {
		t.Errorf("moved aside: %v", kept)
	}
}

func TestNewerFileIsLeftAlone(t *testing.T) {
	dir := t.TempDir()
	db := openTest(t, dir, time.Now)
	if _, err := db.write.Exec("PRAGMA user_version = 999"); err != nil {
		t.Fatal(err)
	}
	closeTest(t, db)
	_, err := Open(dir, slog.New(slog.DiscardHandler))
	if err == nil || !strings.Contains(err.Error(), "newer Weir") {
		t.Errorf("error %v", err)
	}
	if kept, _ := filepath.Glob(filepath.Join(dir, "*.corrupt-*")); len(kept) != 0 {
		t.Errorf("moved aside: %v", kept)
	}
}

func TestOpenErrors(t *testing.T) {
	dir := t.TempDir()
	if err := os.Mkdir(filepath.Join(dir, fileName), 0o700); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(dir, slog.New(slog.DiscardHandler)); err == nil {
		t.Error("a folder in the file's place is opened")
	}
	if _, err := Open(filepath.Join(dir, "no\x00where"), slog.New(slog.DiscardHandler)); err == nil {
		t.Error("an impossible folder is opened")
	}
}

// TestOddFolder opens a path whose characters mean something in a URI.
func TestOddFolder(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "a b?c#d%20é&_pragma=x")
	db := openTest(t, dir, time.Now)
	db.Owners().Put("file-1", "east")
	closeTest(t, db)
	if _, err := os.Stat(filepath.Join(dir, fileName)); err != nil {
		t.Error(err)
	}
	if info, err := os.Stat(filepath.Join(dir, fileName)); err == nil && info.Mode().Perm()&0o077 != 0 {
		t.Errorf("others may read it: %v", info.Mode())
	}
}

// TestFailingDisk makes SQLite refuse to write, as on a disk that is full or
// read-only: memory goes on, and what waits is written when it can be.
func TestFailingDisk(t *testing.T) {
	for name, pragma := range map[string][2]string{
		"full":      {"PRAGMA max_page_count = 3", "PRAGMA max_page_count = 100000"},
		"read-only": {"PRAGMA query_only = 1", "PRAGMA query_only = 0"},
	} {
		t.Run(name, func(t *testing.T) {
			const pending = 2000
			db := openParts(t, t.TempDir(), parts{slog.New(slog.DiscardHandler), time.Now, maxCached, pending})
			defer closeTest(t, db)
			o := db.Owners()
			exec := func(text string) {
				t.Helper()
				if _, err := db.write.Exec(text); err != nil {
					t.Fatal(err)
				}
			}
			exec(pragma[0])
			const n = pending + 100
			for i := range n {
				o.Put(fmt.Sprintf("file-%d", i), "east")
			}
			o.Delete("file-7")
			if o.Flush() == nil {
				t.Fatal("written to a disk that refuses")
			}
			if o.Failures() < 100 {
				t.Errorf("%d failures counted", o.Failures())
			}
			wantOwner(t, o, fmt.Sprintf("file-%d", n-1), "east")
			wantOwner(t, o, "file-8", "east")
			wantOwner(t, o, "file-7", "")
			if o.waiting() > pending {
				t.Errorf("%d changes wait", o.waiting())
			}
			exec(pragma[1])
			flush(t, o)
			wantOwner(t, o, fmt.Sprintf("file-%d", n-1), "east") // given up before: tried again
			flush(t, o)
			forgetCache(o)
			for _, i := range []int{0, 8, pending - 1, n - 1} {
				wantOwner(t, o, fmt.Sprintf("file-%d", i), "east")
			}
			wantOwner(t, o, "file-7", "")
		})
	}
}
