package app

import (
	"fmt"
	"slices"

	"weir/internal/journal"
	"weir/internal/sink"
)

// origin is what a journal is known by: its oldest record as the store has first
// seen it. Only a new journal has another exchange there, or an older one.
type origin struct {
	Epoch    uint64 `json:"epoch"`
	Sequence uint64 `json:"sequence"`
	Exchange string `json:"exchange"`
}

func originOf(o sink.Oldest) origin {
	if o.Gateway == "" {
		return origin{}
	}
	return origin{o.Pos.Epoch, o.Pos.Seq, o.ID.String()}
}

// other says whether a journal whose oldest record is now o cannot be that of
// before. One whose first segments were removed, or that has no record, can be.
func (before origin) other(o origin) bool {
	if before == (origin{}) || o == (origin{}) {
		return false
	}
	at, was := journal.Pos{Epoch: o.Epoch, Seq: o.Sequence}, journal.Pos{Epoch: before.Epoch, Seq: before.Sequence}
	return at.Compare(was) < 0 || at == was && o.Exchange != before.Exchange
}

// same says whether the journal in data can be the one of which the store has
// the records up to have, as name. The records of another would be taken for
// ones that are there. A store without a record takes any journal.
func (in *intake) same(name, data string, have journal.Pos) error {
	if have == (journal.Pos{}) {
		return nil
	}
	published, err := journal.Published(journalIn(data))
	if err != nil {
		return fmt.Errorf("look how far the journal in %s is: %w", data, err)
	}
	oldest, err := sink.FindOldest(journalIn(data), false)
	if err != nil {
		return err
	}
	// What the store has may end one behind the last frame.
	behind := published.Epoch < have.Epoch || published.Epoch == have.Epoch && published.Seq+1 < have.Seq
	if behind || in.origin(name).other(originOf(oldest)) {
		return fmt.Errorf("the journal in %s is not the one that the store has records of as %q: give the gateway another gateway.name", data, name)
	}
	return nil
}

// origin gives what the journal of a gateway is known by, as far as it is.
func (in *intake) origin(name string) origin {
	in.mu.Lock()
	defer in.mu.Unlock()
	if name == in.cfg.Gateway.Proxy.Name {
		return in.begun
	}
	if i := slices.IndexFunc(in.known, func(k known) bool { return k.Name == name }); i >= 0 {
		return in.known[i].Journal
	}
	return origin{}
}
