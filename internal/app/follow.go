package app

import (
	"context"
	"errors"
	"os"
	"sync"
	"time"

	"weir/internal/journal"
	"weir/internal/sink"
)

// follow reads a further gateway until ctx ends, whenever it can be: after an
// error, or when another folder has taken its place, it looks at it anew.
func (in *intake) follow(ctx context.Context, s *source) {
	t := time.NewTicker(lookAgain)
	defer t.Stop()
	for {
		r, held, err := in.attach(ctx, s)
		if r != nil {
			s.set(r)
		}
		if ctx.Err() == nil {
			s.found(err)
		}
		if r != nil {
			err := in.read(ctx, s, r)
			held.Close()
			if ctx.Err() == nil {
				s.found(err)
			}
		}
		select {
		case <-ctx.Done():
			return
		case <-t.C:
		}
	}
}

// readOwn reads the store's own gateway until ctx ends, once its journal is the
// one that the store has records of. Queries are answered meanwhile.
func (in *intake) readOwn(ctx context.Context, r *followed) error {
	t := time.NewTicker(lookAgain)
	defer t.Stop()
	for {
		err := in.begin(ctx, in.own, r)
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if in.own.found(err); err == nil {
			return in.read(ctx, in.own, r)
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-t.C:
		}
	}
}

// begin looks whether r's journal is the one that the store knows, writes down what
// it is known by, and has the part go on from its cursor.
func (in *intake) begin(ctx context.Context, s *source, r *followed) error {
	have := s.have(r)
	if err := in.same(r.name, s.data, have); err != nil {
		return err
	}
	// Before a file of it is there: a file of a gateway that is not known is not read.
	if err := in.note(s, r, have == journal.Pos{}); err != nil {
		return err
	}
	return r.part.Rewind(ctx)
}

// note writes down what the journal is known by, as soon as it has a record.
func (in *intake) note(s *source, r *followed, anew bool) error {
	oldest, err := sink.FindOldest(journalIn(s.data), false)
	if err != nil {
		return err
	}
	return in.remember(r.name, s.data, originOf(oldest), anew && oldest.Gateway != "")
}

// have is up to where the store has the records of r's gateway: in files, or in
// memory from an earlier reading.
func (s *source) have(r *followed) journal.Pos {
	have := r.part.Cursor().Done
	for _, known := range []*followed{r, s.before(r)} {
		if read := known.runner.Stats().Watermark; read.Compare(have) > 0 {
			have = read
		}
	}
	return have
}

// before gives how r's gateway was read until now: r itself at first.
func (s *source) before(r *followed) *followed {
	if last, _, _ := s.now(); last != nil && last.part == r.part {
		return last
	}
	return r
}

// errReplaced ends the reading of a folder that is another one now.
var errReplaced = errors.New("the data folder was replaced while it was read; it is looked at anew")

// read runs what moves a gateway's records until ctx ends, its journal cannot be
// followed at all, or it is no longer the one that it was.
func (in *intake) read(ctx context.Context, s *source, r *followed) error {
	folder, err := os.Stat(journalIn(s.data))
	if err != nil && !s.own {
		return err
	}
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	var wg sync.WaitGroup
	defer wg.Wait()
	defer stop(nil)
	wg.Go(func() { r.uploads.Run(ctx) })
	wg.Go(func() { tellOrphans(ctx, r.runner, r.uploads, in.log) })
	wg.Go(func() { in.watch(ctx, s, r, folder, stop) })
	if err = r.runner.Run(ctx); errors.Is(err, context.Canceled) {
		err = context.Cause(ctx)
	}
	return err
}

// watch looks now and then whether the journal is still there and the same. It
// ends the reading of a further gateway's when it is not.
func (in *intake) watch(ctx context.Context, s *source, r *followed, folder os.FileInfo, end func(error)) {
	t := time.NewTicker(watchEvery)
	defer t.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-t.C:
		}
		if s.own {
			s.found(in.stillSame(s, r))
			continue
		}
		err := journalThere(s.data)
		if err == nil {
			now, failed := os.Stat(journalIn(s.data))
			if err = in.stillSame(s, r); err == nil && failed == nil && !os.SameFile(folder, now) {
				err = errReplaced
			}
			if err != nil {
				end(err)
				return // whoever waits for the reading's end tells it
			}
		}
		s.found(err)
	}
}

// stillSame is begin's look at a journal that is being read.
func (in *intake) stillSame(s *source, r *followed) error {
	if err := in.same(r.name, s.data, s.have(r)); err != nil {
		return err
	}
	return in.note(s, r, false)
}
