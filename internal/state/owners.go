package state

import (
	"database/sql"
	"errors"
	"sync"
	"sync/atomic"

	"github.com/hashicorp/golang-lru/v2/simplelru"
)

const (
	// maxKey bounds a key and a backend's name, in bytes. OpenAI's ids have up
	// to about 70; what is longer is not remembered.
	maxKey = 256
	// maxCached is how many owners are kept in memory, at most about 40 MB.
	maxCached = 100_000
	// maxPending is how many changes wait for the disk at most.
	maxPending = 100_000
	// keepDays is how long an owner is kept that nobody asks for.
	keepDays = 400
)

// Owners tells which backend owns a resource. All methods may be called at the
// same time. A key is the resource's id, as these are globally unique random
// strings; other names need a prefix of the caller's. Keys that are empty or
// longer than 256 bytes are not remembered.
type Owners struct {
	db     *DB
	lookup *sql.Stmt
	parts

	failures atomic.Int64
	failing  atomic.Bool

	mu    sync.Mutex // guards what follows
	cache *simplelru.LRU[string, owner]
	// waits holds the changes that wait for the disk, writing those of the
	// transaction under way: the latest word on their keys, before the file's.
	waits, writing map[string]change
	// commits counts transactions, so that a reader knows whether what it read
	// may have been overtaken.
	commits uint64
	closed  bool

	writer
}

// owner is what is known of a key.
type owner struct {
	backend string
	seen    int64 // day; 0 where the file may not have it
}

// change is what the file is to be told of a key.
type change struct {
	owner
	deleted bool
}

func newOwners(db *DB, p parts) (*Owners, error) {
	cache, err := simplelru.NewLRU[string, owner](p.cached, nil)
	if err != nil {
		return nil, err
	}
	o := &Owners{db: db, parts: p, cache: cache, waits: map[string]change{}, writer: newWriter()}
	if _, err := db.write.Exec("DELETE FROM owners WHERE seen < ?", o.today()-keepDays); err != nil {
		o.failed("the state's old rows could not be removed", err) // a full disk is no reason not to start
	}
	if o.lookup, err = db.read.Prepare("SELECT backend, seen FROM owners WHERE key = ?"); err != nil {
		return nil, err
	}
	go o.run()
	return o, nil
}

func (o *Owners) today() int64 { return o.now().Unix() / (24 * 60 * 60) }

// storable says whether a key or a name can be kept.
func storable(s string) bool { return s != "" && len(s) <= maxKey }

// Get finds the backend that owns a key. Known and recent keys are answered
// from memory; others ask the file, about 20 µs. Where the file cannot be read
// the key counts as unknown.
func (o *Owners) Get(key string) (backend string, ok bool) {
	if !storable(key) {
		return "", false
	}
	today := o.today()
	o.mu.Lock()
	if e, found, certain := o.remembered(key); certain {
		o.touch(key, e, found, today)
		o.mu.Unlock()
		return e.backend, found
	}
	before := o.commits
	o.mu.Unlock()

	var e owner
	err := o.lookup.QueryRow(key).Scan(&e.backend, &e.seen)
	if err != nil {
		if !errors.Is(err, sql.ErrNoRows) {
			o.failed("the state could not be read", err)
		}
		return "", false
	}

	o.mu.Lock()
	defer o.mu.Unlock()
	if newer, found, certain := o.remembered(key); certain {
		return newer.backend, found
	}
	if o.commits == before { // else a change may have come and gone meanwhile
		o.cache.Add(key, e)
		o.touch(key, e, true, today)
	}
	return e.backend, true
}

// remembered asks memory; where certain is false the file must be asked.
func (o *Owners) remembered(key string) (e owner, found, certain bool) {
	if e, ok := o.cache.Get(key); ok {
		return e, true, true
	}
	c, ok := o.waits[key]
	if !ok {
		c, ok = o.writing[key]
	}
	if !ok {
		return owner{}, false, false
	}
	return c.owner, !c.deleted, true
}

// touch notes, once a day, that a key is still asked for.
func (o *Owners) touch(key string, e owner, found bool, today int64) {
	if found && e.seen < today {
		o.set(key, e.backend, today)
	}
}

// Put notes that a backend owns a key, instead of what was known before.
func (o *Owners) Put(key, backend string) {
	if !storable(key) || !storable(backend) {
		return
	}
	today := o.today()
	o.mu.Lock()
	defer o.mu.Unlock()
	if e, ok := o.cache.Get(key); ok && e.backend == backend && e.seen >= today {
		return // lists tell the same again and again
	}
	o.set(key, backend, today)
}

// set remembers an owner and has it written. Where that is not possible it
// stands in memory with day 0, so that the next one who asks tries again.
func (o *Owners) set(key, backend string, today int64) {
	e := owner{backend, today}
	if !o.enqueue(key, change{owner: e}) {
		e.seen = 0
	}
	o.cache.Add(key, e)
}

// Delete forgets a key.
func (o *Owners) Delete(key string) {
	if !storable(key) {
		return
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	o.cache.Remove(key)
	o.enqueue(key, change{deleted: true})
}

// Failures counts the reads and writes of the file that failed, and the
// changes given up because too many waited.
func (o *Owners) Failures() int64 { return o.failures.Load() }

// failed counts a failure, and logs the first of a series.
func (o *Owners) failed(message string, err error) {
	o.failures.Add(1)
	if !o.failing.Swap(true) {
		o.log.Error(message, "error", err)
	}
}
