package upstream

import (
	"cmp"
	"hash/fnv"
	"math"
	"math/bits"
	"net/http"
	"slices"
	"sync"
	"time"
)

// Pool is a public deployment and the backends that serve it.
type Pool struct {
	Name, Model string
	members     []*Member // by priority, else as in the config
	groups      []group
	weights     []int
	least       bool
	headroom    int // permille
	affinity    Affinity
	retry       RetryConfig

	mu      sync.Mutex // guards current
	current []int
}

// group is the members of one priority, as a range and as bits.
type group struct {
	from, to int
	mask     uint64
}

// share is the weight of one in the unit of the smooth choice.
const share = 1000

func newPool(d Deployment, retry RetryConfig, find func(string) *host) *Pool {
	p := &Pool{Name: d.Name, Model: d.Model, least: d.Balance == leastOutstanding, affinity: d.Affinity, retry: d.Retry.orDefault(retry).filled()}
	if p.Model == "" {
		p.Model = d.Name
	}
	p.headroom = d.Headroom * 10
	if p.headroom == 0 {
		p.headroom = defaultHeadroom * 10
	}
	p.affinity.Header = canonical(p.affinity.Header)
	targets := slices.Clone(d.Backends)
	for i := range targets {
		t := &targets[i]
		t.Deployment, t.Priority, t.Weight = cmp.Or(t.Deployment, d.Name), cmp.Or(t.Priority, 1), cmp.Or(t.Weight, 1)
	}
	slices.SortStableFunc(targets, func(a, b Target) int { return cmp.Compare(a.Priority, b.Priority) })
	for i, t := range targets {
		if i == 0 || t.Priority != targets[i-1].Priority {
			p.groups = append(p.groups, group{from: i})
		}
		g := &p.groups[len(p.groups)-1]
		g.to, g.mask = i+1, g.mask|1<<i
		p.members = append(p.members, newMember(find(t.Backend), t.Deployment))
		p.weights = append(p.weights, t.Weight)
	}
	p.current = make([]int, len(p.members))
	return p
}

// Members lists the pool's members, the best priority first.
func (p *Pool) Members() []*Member { return p.members }

// Affinity is how sessions are told apart.
func (p *Pool) Affinity() Affinity { return p.affinity }

// Retry is how the pool's calls are tried again.
func (p *Pool) Retry() RetryConfig { return p.retry }

// Order appends to dst all members in the order in which a call is to try them
// now: those that can take it, group by group, then those that cannot. The first
// is chosen by smooth weighted round robin (each pick raises every member by its
// weight and lowers the picked one by the total, so that picks interleave), by
// the fewest calls under way, or, where session is not empty, by a consistent
// hash of it (rendezvous hashing by weight), so that it is the same one for all
// calls of a session. A backend with little of its rate limit left weighs less.
func (p *Pool) Order(dst []*Member, now time.Time, session string) []*Member {
	if len(p.members) == 1 {
		return append(dst, p.members[0])
	}
	var up uint64
	for i, m := range p.members {
		if m.Available(now) {
			up |= 1 << i
		}
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	first := -1
	for _, g := range p.groups {
		if up&g.mask == 0 {
			continue
		}
		if first < 0 && session == "" {
			first = p.pick(up&g.mask, now)
			dst = append(dst, p.members[first])
		}
		dst = p.others(dst, up&g.mask, first, session)
	}
	for i, m := range p.members {
		if up&(1<<i) == 0 {
			dst = append(dst, m)
		}
	}
	return dst
}

// pick chooses one of set, which is not empty.
func (p *Pool) pick(set uint64, now time.Time) int {
	best, total := -1, 0
	for rest := set; rest != 0; rest &= rest - 1 {
		i := bits.TrailingZeros64(rest)
		w := p.weights[i] * share
		if left := p.members[i].service.capacity.Share(now); left < p.headroom {
			w = max(w*left/p.headroom, 1)
		}
		p.current[i] += w
		total += w
		if best < 0 || p.before(i, best) {
			best = i
		}
	}
	p.current[best] -= total
	return best
}

// before says whether member i is due before member j.
func (p *Pool) before(i, j int) bool {
	if p.least {
		a := p.members[i].service.outstanding.Load() * int64(p.weights[j])
		b := p.members[j].service.outstanding.Load() * int64(p.weights[i])
		if a != b {
			return a < b
		}
	}
	return p.current[i] > p.current[j]
}

// others appends the members of set without first, in the order in which they
// are due.
func (p *Pool) others(dst []*Member, set uint64, first int, session string) []*Member {
	if first >= 0 {
		set &^= 1 << first
	}
	var order [mostTargets]int
	n := 0
	for ; set != 0; set &= set - 1 {
		i := bits.TrailingZeros64(set)
		at := n
		for at > 0 && p.sooner(i, order[at-1], session) {
			order[at] = order[at-1]
			at--
		}
		order[at] = i
		n++
	}
	for _, i := range order[:n] {
		dst = append(dst, p.members[i])
	}
	return dst
}

func (p *Pool) sooner(i, j int, session string) bool {
	if session == "" {
		return p.before(i, j)
	}
	return p.members[i].score(session, p.weights[i]) > p.members[j].score(session, p.weights[j])
}

// Home appends to dst the members in the order in which they suit a caller: the
// first is the same for every call of the caller's, and another caller's is
// another one, evenly spread (rendezvous hashing).
func Home(dst, members []*Member, caller string) []*Member {
	from := len(dst)
	dst = append(dst, members...)
	slices.SortStableFunc(dst[from:], func(a, b *Member) int {
		// By backend at first: whatever deployment a call names, its objects are where
		// the caller's others are.
		return cmp.Or(cmp.Compare(score(caller, 1, b.Backend), score(caller, 1, a.Backend)), cmp.Compare(b.score(caller, 1), a.score(caller, 1)))
	})
	return dst
}

// score is how well the member suits a session; the greatest is chosen. Members
// win in proportion to their weights (Wang and Ravishankar's rendezvous hashing
// with -w/ln(h), as in the IETF's draft-ietf-bess-weighted-hrw).
func (m *Member) score(session string, weight int) float64 {
	return score(session, weight, m.Backend, m.Deployment)
}

func score(session string, weight int, of ...string) float64 {
	h := fnv.New64a()
	h.Write([]byte(session)) // a hash takes everything
	for _, name := range of {
		h.Write([]byte{0})
		h.Write([]byte(name))
	}
	// FNV's high bits change little with the last bytes.
	x := h.Sum64()
	x ^= x >> 33
	x *= 0xff51afd7ed558ccd
	x ^= x >> 33
	unit := (float64(x>>11) + 0.5) / (1 << 53) // in (0,1)
	return -float64(weight) / math.Log(unit)
}

func canonical(header string) string { return http.CanonicalHeaderKey(header) }
