package app

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"sync"
	"time"

	"weir/internal/journal"
	"weir/internal/payload"
	"weir/internal/sink"
	"weir/internal/sink/lake"
)

// source is one gateway whose data folder the store reads. Each is read by
// itself: one that is not there, or that stands still, delays no other.
type source struct {
	data string
	log  *slog.Logger

	mu       sync.Mutex
	looked   bool // at least once
	problem  string
	followed *followed // nil until it is read
}

// followed is a source that is read: its journal into its part of the store, its
// spool into the payload store.
type followed struct {
	name    string
	part    *lake.Part
	library *payload.Library
	uploads *payload.Uploader
	runner  *sink.Runner
}

// lookAgain is how often a folder is looked at that is not there or has no record
// yet: with it, a new gateway's first record is to be asked for within a second.
// Once it is read, its being there is looked at every watchEvery.
const (
	lookAgain  = 250 * time.Millisecond
	watchEvery = 5 * time.Second
)

// found notes what looking at the folder has brought; the log hears of changes.
func (s *source) found(err error) {
	s.mu.Lock()
	before := s.problem
	s.looked, s.problem = true, ""
	if err != nil {
		s.problem = err.Error()
	}
	now := s.problem
	s.mu.Unlock()
	switch {
	case now != "" && now != before:
		s.log.Warn("a gateway's records cannot be read now; it is tried again, and the others are read", "data", s.data, "error", now)
	case now == "" && before != "":
		s.log.Info("a gateway's data folder can be read again", "data", s.data)
	}
}

// now gives what is known of the source.
func (s *source) now() (r *followed, problem string, looked bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.followed, s.problem, s.looked
}

func (s *source) set(r *followed) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.followed = r
}

// errMissing: the folder is not there, or not yet.
var errMissing = errors.New("it has no journal: the folder is not there, or its gateway never ran")

// journalThere looks whether the folder has a journal.
func journalThere(data string) error {
	_, err := os.Stat(journalIn(data))
	if errors.Is(err, fs.ErrNotExist) {
		return errMissing
	}
	return err
}

// lockData takes a data folder for this store.
func lockData(data string) (io.Closer, error) {
	held, err := sink.Lock(lockIn(data))
	if errors.Is(err, sink.ErrLocked) {
		return nil, fmt.Errorf("another store reads the data folder %s: only one can bring its large bodies away; end it, or take the folder out of its config", data)
	}
	if err != nil {
		return nil, fmt.Errorf("take the data folder %s for this store: %w", data, err)
	}
	return held, nil
}

// follow reads a further gateway until ctx ends, from when it can be.
func (in *intake) follow(ctx context.Context, s *source) {
	t := time.NewTicker(lookAgain)
	defer t.Stop()
	for {
		r, held, err := in.attach(ctx, s)
		if ctx.Err() != nil && r == nil {
			return
		}
		s.found(err)
		if r != nil {
			defer held.Close()
			s.set(r)
			if err := in.read(ctx, s, r); err != nil && !errors.Is(err, context.Canceled) {
				s.found(err)
			}
			return
		}
		select {
		case <-ctx.Done():
			return
		case <-t.C:
		}
	}
}

// attach makes all that reading a further gateway takes; it gives nothing, and no
// error, while its journal has no record to say whose it is.
func (in *intake) attach(ctx context.Context, s *source) (*followed, io.Closer, error) {
	if err := journalThere(s.data); err != nil {
		return nil, nil, err
	}
	name, err := sink.Owner(journalIn(s.data), false)
	if err != nil || name == "" {
		return nil, nil, err
	}
	if err := in.claim(name, s.data); err != nil {
		return nil, nil, err
	}
	held, err := lockData(s.data)
	if err != nil {
		return nil, nil, err
	}
	r, err := in.open(ctx, name, s.data)
	if err == nil {
		err = s.sameJournal(r)
	}
	if err != nil {
		held.Close()
		return nil, nil, err
	}
	return r, held, nil
}

// sameJournal says whether the journal can be the one that the store has records
// of. One that ends before what the store has was begun anew: its records would be
// taken for those that are there.
func (s *source) sameJournal(r *followed) error {
	published, err := journal.Published(journalIn(s.data))
	if err != nil {
		return nil // the reader says why
	}
	have := r.runner.Stats().Watermark // may be one behind the last frame
	if sealed := r.part.Cursor().Done; sealed.Compare(have) > 0 {
		have = sealed // nothing was read yet
	}
	if published.Epoch > have.Epoch || published.Epoch == have.Epoch && published.Seq+1 >= have.Seq {
		return nil
	}
	return fmt.Errorf("the journal in %s is not the one that the store has records of as %q, which went further: give the gateway another gateway.name, and start the store anew", s.data, r.name)
}

// open makes what reading a gateway takes.
func (in *intake) open(ctx context.Context, name, data string) (*followed, error) {
	part, err := in.lake.Part(ctx, name)
	if err != nil {
		return nil, err
	}
	// Before a file of it is there: a file of a gateway that is not known is not read.
	if err := in.remember(name, data); err != nil {
		return nil, err
	}
	library := &payload.Library{Spool: payload.ReadSpool(spoolIn(data)), Store: in.payload, Split: split}
	uploads, err := payload.NewUploader(uploadOptions(library, part, in.log))
	if err != nil {
		return nil, err
	}
	log := in.log.With("gateway", name)
	read := newReader(in.cfg.Labels, library, uploads, log)
	read.counter = in.counter
	runner, err := sink.NewRunner(sink.Config{Journal: journalIn(data), Store: part, Read: read.read, Latency: in.latency, Logger: log})
	if err != nil {
		return nil, err
	}
	return &followed{name, part, library, uploads, runner}, nil
}

// read runs what moves a gateway's records until ctx ends or its journal cannot
// be followed at all.
func (in *intake) read(ctx context.Context, s *source, r *followed) error {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	var wg sync.WaitGroup
	defer wg.Wait()
	defer stop()
	wg.Go(func() { r.uploads.Run(ctx) })
	wg.Go(func() { tellOrphans(ctx, r.runner, r.uploads, in.log) })
	if s != in.own {
		there, err := os.Stat(journalIn(s.data))
		if err != nil {
			return err
		}
		wg.Go(func() { s.watch(ctx, r, there, stop) })
	}
	return r.runner.Run(ctx)
}

// watch looks now and then whether the journal is still there, and ends the reading
// when another one has taken its place.
func (s *source) watch(ctx context.Context, r *followed, first os.FileInfo, end func()) {
	t := time.NewTicker(watchEvery)
	defer t.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-t.C:
			err := journalThere(s.data)
			if now, failed := os.Stat(journalIn(s.data)); failed == nil {
				if err = s.sameJournal(r); err == nil && !os.SameFile(first, now) {
					err = fmt.Errorf("the journal in %s was replaced while it was read: start the store anew, and give the gateway another gateway.name if its journal was begun anew", s.data)
				}
				if err != nil {
					end()
				}
			}
			if s.found(err); err != nil && ctx.Err() != nil {
				return
			}
		}
	}
}
