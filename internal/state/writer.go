package state

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"maps"
	"time"
)

const (
	// writeEvery is how long a change waits for others to share its transaction.
	writeEvery = 50 * time.Millisecond
	// writeRows is how many changes do not wait any longer.
	writeRows = 1000
	// retryAtMost bounds the pause after a failure, which doubles from writeEvery.
	retryAtMost = 5 * time.Second
)

// writer is the goroutine that writes behind, and the ways to reach it.
type writer struct {
	wake    chan struct{}   // one place: a first change, or enough of them
	flushes chan chan error // Flush
	closing chan struct{}   // closed by close
	done    chan struct{}   // closed by run
}

func newWriter() writer {
	return writer{
		wake: make(chan struct{}, 1), flushes: make(chan chan error),
		closing: make(chan struct{}), done: make(chan struct{}),
	}
}

var errClosed = errors.New("the state is closed")

// enqueue has a change written; false where it is given up.
func (o *Owners) enqueue(key string, c change) bool {
	_, waits := o.waits[key]
	_, writing := o.writing[key] // comes back to waits if the disk fails
	if o.closed || !waits && !writing && len(o.waits)+len(o.writing) >= o.pending {
		o.failures.Add(1)
		return false
	}
	o.waits[key] = c
	if n := len(o.waits); n == 1 || n == writeRows {
		select {
		case o.wake <- struct{}{}:
		default:
		}
	}
	return true
}

// run writes until close; then what is left, once.
func (o *Owners) run() {
	defer close(o.done)
	var due <-chan time.Time
	pause := writeEvery
	write := func() error {
		due = nil
		err := o.write()
		if err == nil {
			pause = writeEvery
			return nil
		}
		due = time.After(pause)
		pause = min(2*pause, retryAtMost)
		return err
	}
	for {
		select {
		case <-o.wake:
			if due == nil {
				due = time.After(writeEvery)
			}
			if pause == writeEvery && o.waiting() >= writeRows {
				_ = write() // it is counted, logged and tried again
			}
		case <-due:
			_ = write()
		case reply := <-o.flushes:
			reply <- write()
		case <-o.closing:
			return
		}
	}
}

func (o *Owners) waiting() int {
	o.mu.Lock()
	defer o.mu.Unlock()
	return len(o.waits)
}

// write commits all that waits in one transaction. What fails waits again,
// unless a newer change to its key has come meanwhile.
func (o *Owners) write() error {
	o.mu.Lock()
	if len(o.waits) == 0 {
		o.mu.Unlock()
		return nil
	}
	o.writing, o.waits = o.waits, map[string]change{}
	batch := o.writing // only read from here on
	o.mu.Unlock()

	err := o.commit(batch)

	o.mu.Lock()
	if err != nil {
		maps.Copy(batch, o.waits)
		o.waits = batch
	}
	o.writing = nil
	o.commits++
	o.mu.Unlock()
	if err != nil {
		o.failed("the state could not be written; it is kept in memory and tried again", err)
	} else if o.failing.Swap(false) {
		o.log.Info("the state is written again")
	}
	return err
}

func (o *Owners) commit(batch map[string]change) (err error) {
	ctx := context.Background() // close waits for it
	tx, err := o.db.write.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			_ = tx.Rollback() // err says more
		}
	}()
	put, err := tx.PrepareContext(ctx, `INSERT INTO owners (key, backend, seen) VALUES (?, ?, ?)
		ON CONFLICT (key) DO UPDATE SET backend = excluded.backend, seen = excluded.seen`)
	if err != nil {
		return err
	}
	remove, err := tx.PrepareContext(ctx, "DELETE FROM owners WHERE key = ?")
	if err != nil {
		return err
	}
	for key, c := range batch {
		if err := c.apply(ctx, key, put, remove); err != nil {
			return err
		}
	}
	return tx.Commit()
}

func (c change) apply(ctx context.Context, key string, put, remove *sql.Stmt) (err error) {
	if c.deleted {
		_, err = remove.ExecContext(ctx, key)
	} else {
		_, err = put.ExecContext(ctx, key, c.backend, c.seen)
	}
	return err
}

// Flush writes what waits and says whether that succeeded; tests need to know.
func (o *Owners) Flush() error {
	reply := make(chan error, 1)
	select {
	case o.flushes <- reply:
		return <-reply
	case <-o.done:
		return errClosed
	}
}

// close ends the writer and writes what waits. Closing twice is an error.
func (o *Owners) close() error {
	o.mu.Lock()
	if o.closed {
		o.mu.Unlock()
		return errClosed
	}
	o.closed = true
	o.mu.Unlock()
	close(o.closing)
	<-o.done
	err := o.write()
	if err != nil {
		err = fmt.Errorf("write the last owners: %w", err)
	}
	return errors.Join(err, o.lookup.Close())
}
