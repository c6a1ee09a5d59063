package upstream

import (
	"maps"
	"slices"
	"time"
)

// Status is how a deployment on a backend stands.
type Status struct {
	Backend string `json:"backend"`
	// Deployment is the name there; "" stands for calls that name none.
	Deployment string `json:"deployment"`
	// Circuit is the breaker's phase: closed, open or half_open.
	Circuit string `json:"circuit"`
	// Until is when an open breaker lets a trial through.
	Until *time.Time `json:"until,omitempty"`
	// Rule is the name of the rule by which it tripped.
	Rule string `json:"rule,omitempty"`
	// Throttled says that it tripped because the backend said 429.
	Throttled bool  `json:"throttled,omitempty"`
	Trips     int64 `json:"trips"`
	// Probe is what the backend's probe found: well or ill, "" where there is none.
	Probe string `json:"probe,omitempty"`
	// InFlight is how many calls are under way.
	InFlight int64 `json:"inFlight"`
	// Headroom is the part of its rate limit that the backend said is left; 1
	// when it said nothing lately.
	Headroom float64 `json:"headroom"`
	// Attempts counts tries by class of status; the first is those without answer.
	Attempts [classes]int64 `json:"attempts"`
}

// Statuses lists how each deployment on each backend stands, in the config's
// order, those that [Upstream.Named] gives included, and that of calls without a
// deployment where there were any.
func (u *Upstream) Statuses(now time.Time) []Status {
	var all []Status
	for _, h := range u.hosts {
		services := u.services(h)
		for _, name := range slices.Sorted(maps.Keys(services)) {
			s := h.status(name, services[name], now)
			if name == "" && len(services) > 1 && s.InFlight == 0 && s.Attempts == [classes]int64{} && s.Trips == 0 {
				continue
			}
			all = append(all, s)
		}
	}
	return all
}

func (h *host) status(deployment string, s *service, now time.Time) Status {
	b := s.breaker.State(now)
	st := Status{
		Backend: h.Name, Deployment: deployment, Circuit: b.Phase.String(), Rule: b.Rule, Throttled: b.Throttled, Trips: b.Trips,
		InFlight: s.outstanding.Load(), Headroom: float64(s.capacity.Share(now)) / 1000,
	}
	if b.Phase == Open {
		st.Until = &b.Until
	}
	for i := range st.Attempts {
		st.Attempts[i] = s.attempts[i].Load()
	}
	switch {
	case h.prober == nil:
	case h.prober.healthy():
		st.Probe = "well"
	default:
		st.Probe = "ill"
	}
	return st
}

// Serves says whether any backend can be expected to answer now. One that is
// throttled can: it says when to come again.
func (u *Upstream) Serves(now time.Time) bool {
	members := u.backends
	if len(u.list) > 0 {
		members = nil
		for _, p := range u.list {
			members = append(members, p.members...)
		}
	}
	for _, m := range members {
		if wait, throttled := m.Recovery(now); wait <= 0 || throttled {
			return true
		}
	}
	return len(members) == 0
}
