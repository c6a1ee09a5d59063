package sink

import (
	"errors"
	"fmt"

	"weir/internal/journal"
	"weir/internal/record"
)

// Owner is the name of the gateway that the journal in dir belongs to: that of
// its oldest readable record, so that it stays when the gateway is renamed. It is
// empty while there is no such record, or no journal. Orphaned is as in [Config].
func Owner(dir string, orphaned bool) (string, error) {
	r, err := journal.Follow(journal.ReaderOptions{Dir: dir, Orphaned: orphaned})
	if err != nil {
		return "", fmt.Errorf("look whose journal it is: %w", err)
	}
	defer r.Close()
	for {
		f, err := r.TryNext()
		if errors.Is(err, journal.ErrCaughtUp) {
			return "", nil
		}
		if err != nil {
			return "", fmt.Errorf("look whose journal it is: %w", err)
		}
		if f.Kind != journal.Begin {
			continue
		}
		if b, err := record.ParseBegin(f.Meta); err == nil && b.Gateway != "" {
			return b.Gateway, nil
		}
	}
}
