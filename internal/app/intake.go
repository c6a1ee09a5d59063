package app

import (
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"time"

	"weir/internal/payload"
	"weir/internal/sink"
	"weir/internal/sink/lake"
	"weir/internal/tokens"
)

// intake is what a store reads: the journal of its own data folder, and those of
// further gateways. What always holds: each gateway has a name of its own, by
// which its part of the store is found again; and no two stores read one folder.
type intake struct {
	cfg     *Config
	lake    *lake.Lake
	payload payload.Store
	counter *tokens.Counter // its vocabularies are large, and one does for all
	latency func(time.Duration)
	log     *slog.Logger

	own    *source
	others []*source

	mu     sync.Mutex
	claims map[string]string // data folders by the gateway's name
	known  []known           // as about.json has them
	begun  origin            // of the own journal, as there
}

// newIntake names the gateways, as far as that is known yet. What the store knows
// from before of gateways that are read no more it keeps.
func newIntake(cfg *Config, log *slog.Logger) (*intake, error) {
	in := &intake{cfg: cfg, counter: tokens.New(), log: log, claims: map[string]string{}}
	in.own = &source{data: absolute(cfg.Data), log: log, own: true}
	for _, data := range cfg.replicas() {
		in.others = append(in.others, &source{data: data, log: log.With("component", "store")})
	}
	before, err := cfg.knownBefore(log)
	if err != nil {
		return nil, err
	}
	if before.Gateway == cfg.Gateway.Proxy.Name {
		in.begun = before.Journal
	}
	if err := in.claim(cfg.Gateway.Proxy.Name, in.own.data); err != nil {
		return nil, err
	}
	for _, k := range before.Gateways {
		if !slices.Contains(cfg.replicas(), k.Data) {
			k.Data = ""
		}
		if k.Name == cfg.Gateway.Proxy.Name {
			return nil, fmt.Errorf("gateway.name: the store has records of another gateway that is called %q: choose another name", k.Name)
		}
		if k.Data != "" {
			if err := in.claim(k.Name, k.Data); err != nil {
				return nil, err
			}
		}
		in.known = append(in.known, k)
	}
	for _, s := range in.others {
		// What cannot be read now is found out later, when it is read.
		if name, err := sink.Owner(journalIn(s.data), false); err == nil && name != "" {
			if err := in.claim(name, s.data); err != nil {
				return nil, err
			}
		}
	}
	return in, nil
}

// claim notes that the journal in data is that of a gateway. Records are told
// apart by it, so that no two may have one name.
func (in *intake) claim(name, data string) error {
	in.mu.Lock()
	defer in.mu.Unlock()
	if holder, taken := in.claims[name]; taken && holder != data {
		return fmt.Errorf("store.gateways: the data folders %s and %s are both of a gateway that is called %q, and records are told apart by that name: give one of them another gateway.name and a new data folder", holder, data, name)
	}
	in.claims[name] = data
	return nil
}

// remember writes down that the store has records of a gateway, so that queries
// find them when it is read no more, and what its journal is known by: what is
// written of that stays, unless the store has no record of it (anew).
func (in *intake) remember(name, data string, from origin, anew bool) error {
	in.mu.Lock()
	defer in.mu.Unlock()
	next, begun := slices.Clone(in.known), in.begun
	keep := func(o *origin) {
		if anew || *o == (origin{}) {
			*o = from
		}
	}
	if data == in.own.data {
		keep(&begun)
	} else {
		for i := range next {
			if next[i].Data == data {
				next[i].Data = ""
			}
		}
		i := slices.IndexFunc(next, func(k known) bool { return k.Name == name })
		if i < 0 {
			i, next = len(next), append(next, known{Name: name})
		}
		next[i].Data = data
		keep(&next[i].Journal)
	}
	if begun == in.begun && slices.Equal(next, in.known) {
		return nil
	}
	if err := in.cfg.writeAbout(append([]known{{Name: in.cfg.Gateway.Proxy.Name, Journal: begun}}, next...)...); err != nil {
		return err
	}
	in.known, in.begun = next, begun
	return nil
}

// names lists the further gateways that the store knows.
func names(gateways []known) []string {
	var out []string
	for _, k := range gateways {
		out = append(out, k.Name)
	}
	return out
}

// followed gives the gateways that are read, the store's own first.
func (in *intake) followed() []*followed {
	var out []*followed
	for _, s := range append([]*source{in.own}, in.others...) {
		if r, _, _ := s.now(); r != nil {
			out = append(out, r)
		}
	}
	return out
}

// libraries gives where the bodies of the gateways that are read may be.
func (in *intake) libraries() []*payload.Library {
	var out []*payload.Library
	for _, r := range in.followed() {
		out = append(out, r.library)
	}
	return out
}
