package upstream

import "maps"

// maxNamed is how many members that no config lists are kept.
const maxNamed = 256

// Named gives a backend as it serves one of its own names: a fine-tuned model's,
// or that of a deployment that no config lists; nil where there is no such backend.
// What is remembered of the 256 used last outlives a reload.
func (u *Upstream) Named(backend, name string) *Member {
	key := [2]string{backend, name}
	if m, ok := u.named.Get(key); ok {
		return m
	}
	h := u.host(backend)
	if h == nil {
		return nil
	}
	s := h.services[name] // a deployment's, which calls know by a public name too
	if s == nil {
		s = newService(h.breaker)
	}
	m := newMemberOf(h, name, s)
	if first, ok, _ := u.named.PeekOrAdd(key, m); ok {
		return first
	}
	return m
}

// keepNamed takes over the members that Named made in prev, of backends that are
// the same.
func (u *Upstream) keepNamed(prev *Upstream) {
	if prev == nil {
		return
	}
	for _, key := range prev.named.Keys() { // the one used last comes last
		h, name := u.host(key[0]), key[1]
		if h == nil || h.before[name] == nil {
			continue
		}
		s := h.services[name]
		if s == nil {
			s = h.former(name)
		}
		u.named.Add(key, newMemberOf(h, name, s))
	}
}

// services gives what is remembered of the deployments on a backend, those of
// Named included.
func (u *Upstream) services(h *host) map[string]*service {
	all := map[string]*service{}
	for _, m := range u.named.Values() {
		if m.Backend == h.Name {
			all[m.Deployment] = m.service
		}
	}
	maps.Copy(all, h.services)
	return all
}
