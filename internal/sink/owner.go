package sink

import (
	"errors"
	"fmt"

	"weir/internal/journal"
	"weir/internal/record"
)

// Oldest is the oldest readable record of a journal; the zero one while there is
// none. Two journals that hold different exchanges at its position are not one.
type Oldest struct {
	Gateway string // never empty, but in the zero Oldest
	Pos     Pos
	ID      record.ID
}

// FindOldest gives the oldest record of the journal in dir, which need not be
// there. Orphaned is as in [Config].
func FindOldest(dir string, orphaned bool) (Oldest, error) {
	r, err := journal.Follow(journal.ReaderOptions{Dir: dir, Orphaned: orphaned})
	if err != nil {
		return Oldest{}, fmt.Errorf("look whose journal it is: %w", err)
	}
	defer r.Close()
	for {
		f, err := r.TryNext()
		if errors.Is(err, journal.ErrCaughtUp) {
			return Oldest{}, nil
		}
		if err != nil {
			return Oldest{}, fmt.Errorf("look whose journal it is: %w", err)
		}
		if f.Kind != journal.Begin {
			continue
		}
		if b, err := record.ParseBegin(f.Meta); err == nil && b.Gateway != "" {
			return Oldest{b.Gateway, f.Pos, f.ID}, nil
		}
	}
}

// Owner is the name of the gateway that the journal in dir belongs to: that of
// its oldest readable record, so that it stays when the gateway is renamed. It is
// empty while there is no such record, or no journal. Orphaned is as in [Config].
func Owner(dir string, orphaned bool) (string, error) {
	first, err := FindOldest(dir, orphaned)
	return first.Gateway, err
}
