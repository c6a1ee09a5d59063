package journal

import (
	"errors"
	"fmt"
	"syscall"
)

var (
	// ErrFull means that the disk, or a quota on it, has no room for the
	// journal. It heals without a restart when there is room again.
	ErrFull = errors.New("journal: no space left")
	// ErrFailing means that the disk refuses reads, writes or fsyncs.
	ErrFailing = errors.New("journal: storage is failing")
	// ErrClosed is returned for calls after Close.
	ErrClosed = errors.New("journal: closed")
	// ErrLocked means that another process has the journal open.
	ErrLocked = errors.New("journal: the folder is in use by another process")
	// ErrInvalid means a frame that the format cannot hold: too large, too many
	// blocks, a kind that isn't stored.
	ErrInvalid = errors.New("journal: invalid frame")
	// ErrCaughtUp is returned by TryNext when nothing more is durable yet.
	ErrCaughtUp = errors.New("journal: caught up")
	// ErrAhead means a reader's position lies beyond the journal's end: the
	// journal was replaced by an older or an empty one.
	ErrAhead = errors.New("journal: the position is ahead of the journal")
)

// classify wraps a storage error with what was being done and with ErrFull or
// ErrFailing, so that callers need no errno.
func classify(doing string, err error) error {
	if err == nil {
		return nil
	}
	if errors.Is(err, ErrFull) || errors.Is(err, ErrFailing) {
		return fmt.Errorf("%s: %w", doing, err)
	}
	kind := ErrFailing
	if errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) {
		kind = ErrFull
	}
	return fmt.Errorf("%w: %s: %w", kind, doing, err)
}
