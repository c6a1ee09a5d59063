package journal

import (
	"fmt"
	"sync"
)

// model remembers what writers were told, and judges what readers get.
type model struct {
	mu   sync.Mutex
	next uint64
	told map[uint64]promise
}

// promise is what is known of one frame.
type promise struct {
	kind   string // append, commit, lazy
	acked  bool
	failed bool
	pos    Pos
}

func newModel() *model { return &model{told: map[uint64]promise{}} }

// write writes the next frame in the way given and notes the outcome.
func (m *model) write(j *Journal, kind string) error {
	m.mu.Lock()
	m.next++
	n := m.next
	m.told[n] = promise{kind: kind}
	m.mu.Unlock()
	f := testFrame(n, End)
	var pos Pos
	var err error
	switch kind {
	case "append":
		pos, err = j.Append(f)
	case "commit":
		pos, err = j.Commit(f)
	case "lazy":
		j.Lazy(f)
	}
	m.mu.Lock()
	m.told[n] = promise{kind: kind, acked: err == nil && kind != "lazy", failed: err != nil, pos: pos}
	m.mu.Unlock()
	return err
}

// afterPowerLoss releases the promises that hold for a kill only: appended
// frames may be gone, unless a reader or a later commit says otherwise.
func (m *model) afterPowerLoss(durable Pos) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for n, p := range m.told {
		if p.kind == "append" && p.pos.Compare(durable) > 0 {
			p.acked = false
			m.told[n] = p
		}
	}
}

// lastCommitted is the highest position that was acknowledged as durable.
func (m *model) lastCommitted() Pos {
	m.mu.Lock()
	defer m.mu.Unlock()
	var last Pos
	for _, p := range m.told {
		if p.kind == "commit" && p.acked && p.pos.Compare(last) > 0 {
			last = p.pos
		}
	}
	return last
}

// check compares what a reader got of the whole journal with the promises.
func (m *model) check(got []Frame, gapsAllowed bool) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	seen := map[uint64]bool{}
	last := Pos{}
	for _, f := range got {
		switch f.Kind {
		case EpochEnd:
			continue
		case Missing:
			if !gapsAllowed {
				return fmt.Errorf("%v", f.Gap)
			}
			continue
		}
		n := frameNumber(f)
		p, known := m.told[n]
		switch {
		case !known:
			return fmt.Errorf("frame %d at %v was never written", n, f.Pos)
		case seen[n]:
			return fmt.Errorf("frame %d is there twice, at %v the second time", n, f.Pos)
		case f.Pos.Compare(last) <= 0:
			return fmt.Errorf("%v comes after %v", f.Pos, last)
		case p.acked && p.pos != f.Pos:
			return fmt.Errorf("frame %d is at %v, its writer was told %v", n, f.Pos, p.pos)
		}
		seen[n], last = true, f.Pos
	}
	for n, p := range m.told {
		if p.acked && !seen[n] {
			return fmt.Errorf("frame %d at %v is lost (%s)", n, p.pos, p.kind)
		}
	}
	return nil
}
