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

	"weir/internal/payload"
	"weir/internal/sink"
	"weir/internal/sink/lake"
)

// source is one gateway whose data folder the store reads. Each is read by
// itself: one that is not there, or that stands still, delays no other.
type source struct {
	data string
	own  bool // of the store's own gateway
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
	case now != "" && now != before && s.own:
		s.log.Error("the records of the store's own gateway are not read now; what is stored is answered from, and it is tried again", "data", s.data, "error", now)
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
		err = in.begin(ctx, s, r)
	}
	if err != nil {
		held.Close()
		return nil, nil, err
	}
	return r, held, nil
}

// open makes what reading a gateway takes.
func (in *intake) open(ctx context.Context, name, data string) (*followed, error) {
	part, err := in.lake.Part(ctx, name)
	if err != nil {
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
