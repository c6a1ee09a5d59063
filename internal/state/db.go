package state

import (
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"time"

	"modernc.org/sqlite"
)

const fileName = "weir.db"

// DB is the open state.
type DB struct {
	// write has one connection: SQLite has one writer at a time, and queueing
	// in the process is better than its busy loop. read never writes.
	write, read *sql.DB
	owners      *Owners
}

// Open opens the state in dir (by custom DATA/state), which is made where it is
// missing. A file that is damaged, or not Weir's, is renamed to
// weir.db.corrupt-<time>, which is logged, and an empty one begun. An error
// means that the folder cannot be used (no right, no space) or that a newer
// Weir wrote the file.
func Open(dir string, log *slog.Logger) (*DB, error) {
	return open(dir, parts{log.With("component", "state"), time.Now, maxCached, maxPending})
}

// parts are what tests change.
type parts struct {
	log             *slog.Logger
	now             func() time.Time
	cached, pending int // entries
}

func open(dir string, p parts) (*DB, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("make the state's folder: %w", err)
	}
	path, err := filepath.Abs(filepath.Join(dir, fileName))
	if err != nil {
		return nil, fmt.Errorf("find the state's folder: %w", err)
	}
	db, err := openFile(path)
	var bad *damage
	if errors.As(err, &bad) {
		aside, merr := moveAside(path, p.now())
		if merr != nil {
			return nil, fmt.Errorf("move the damaged state aside: %w", errors.Join(merr, err))
		}
		p.log.Error("the state was damaged and is begun anew; owners are found again by asking backends",
			"error", bad, "kept_as", aside)
		db, err = openFile(path)
	}
	if err != nil {
		return nil, fmt.Errorf("open the state %s: %w", path, err)
	}
	if db.owners, err = newOwners(db, p); err != nil {
		return nil, errors.Join(fmt.Errorf("open the state %s: %w", path, err), db.closeFiles())
	}
	return db, nil
}

// Owners tells which backend owns what.
func (db *DB) Owners() *Owners { return db.owners }

// Close writes what waits and closes the file. Its error says that some of it
// could not be written.
func (db *DB) Close() error {
	return errors.Join(db.owners.close(), db.closeFiles())
}

func (db *DB) closeFiles() error {
	// The writer last: the last connection folds the write-ahead log into the file.
	return errors.Join(db.read.Close(), db.write.Close())
}

// openFile opens, judges and migrates the file; a *damage says it is none of ours.
func openFile(path string) (*DB, error) {
	// Made here, so that it is the owner's only; SQLite gives its other files
	// the same mode.
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, err
	}
	if err := f.Close(); err != nil {
		return nil, err
	}
	db := &DB{}
	if db.write, err = sql.Open("sqlite", dsn(path, "synchronous(NORMAL)", "journal_size_limit(16777216)")); err != nil {
		return nil, err
	}
	db.write.SetMaxOpenConns(1)
	if db.read, err = sql.Open("sqlite", dsn(path, "query_only(1)")); err != nil {
		return nil, errors.Join(err, db.write.Close())
	}
	db.read.SetMaxOpenConns(4)
	db.read.SetMaxIdleConns(4)
	if err = judge(db.write); err == nil {
		err = migrate(db.write)
	}
	if err != nil {
		err = asDamage(err)
		return nil, errors.Join(err, db.closeFiles())
	}
	return db, nil
}

// dsn is the file as a URI, with pragmas that every connection begins with.
func dsn(path string, pragmas ...string) string {
	p := filepath.ToSlash(path)
	if runtime.GOOS == "windows" && !strings.HasPrefix(p, "/") {
		p = "/" + p // file:///C:/…
	}
	q := url.Values{"_pragma": append([]string{"busy_timeout(5000)"}, pragmas...)}
	return (&url.URL{Scheme: "file", Path: p, RawQuery: q.Encode()}).String()
}

// Primary result codes of SQLite (sqlite.org/rescode.html).
const (
	codeCorrupt = 11
	codeNotADB  = 26
)

// asDamage turns SQLite's words for a broken file into a *damage.
func asDamage(err error) error {
	var e *sqlite.Error
	if errors.As(err, &e) && (e.Code()&0xff == codeCorrupt || e.Code()&0xff == codeNotADB) {
		return &damage{err}
	}
	return err
}

// damage says that a file is no database of ours.
type damage struct{ err error }

func (d *damage) Error() string { return d.err.Error() }
func (d *damage) Unwrap() error { return d.err }

// moveAside renames the file and its write-ahead log, so that neither meets the
// new one, and gives the name.
func moveAside(path string, now time.Time) (string, error) {
	to := path + ".corrupt-" + now.UTC().Format("20060102T150405.000000000Z")
	for _, suffix := range []string{"", "-wal", "-shm", "-journal"} {
		err := os.Rename(path+suffix, to+suffix)
		if err != nil && !(suffix != "" && errors.Is(err, os.ErrNotExist)) {
			return "", err
		}
	}
	return to, nil
}
