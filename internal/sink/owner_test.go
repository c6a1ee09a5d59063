package sink

import (
	"errors"
	"path/filepath"
	"testing"
	"time"

	"weir/internal/journal"
	"weir/internal/record"
)

// TestOwner: a journal is its oldest record's gateway's, whatever it is called
// since; before there is a record it is nobody's.
func TestOwner(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "journal")
	owner := func(want string) {
		t.Helper()
		if got, err := Owner(dir, false); err != nil || got != want {
			t.Errorf("it is %q, %v, want %q", got, err, want)
		}
	}
	owner("")
	for i, name := range []string{"", "first", "second"} {
		j, err := journal.Open(journal.Options{Dir: dir, Gateway: "in the header"})
		if err != nil {
			t.Fatal(err)
		}
		if i == 0 {
			owner("")
		}
		begin := record.Begin{Time: time.Now(), Gateway: name}
		if _, err := j.Commit(&journal.Frame{Kind: journal.Begin, ID: idOf(name), Meta: begin.Append(nil)}); err != nil {
			t.Fatal(err)
		}
		if i > 0 {
			owner("first")
		}
		if err := j.Close(); err != nil {
			t.Fatal(err)
		}
	}
	owner("first")
}

func TestLock(t *testing.T) {
	name := filepath.Join(t.TempDir(), "lock")
	held, err := Lock(name)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Lock(name); !errors.Is(err, ErrLocked) {
		t.Errorf("it was taken twice: %v", err)
	}
	held.Close()
	if held, err = Lock(name); err != nil {
		t.Fatal(err)
	}
	held.Close()
	if _, err := Lock(filepath.Join(name, "nothing", "there")); err == nil || errors.Is(err, ErrLocked) {
		t.Errorf("a lock where no file can be: %v", err)
	}
}
