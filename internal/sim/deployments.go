package sim

import (
	"cmp"
	"slices"
	"sync"
)

// deployment is a Deployment at work.
type deployment struct {
	Deployment
	model model
	limit *limiter
	// tuned: a fine-tuned model, called by its own name, which the classic
	// surface does not do.
	tuned bool
	// doc is what its makers said of it; nil for those of the options.
	doc map[string]any
}

// deployments are what can be called, by name. The zero value is empty.
type deployments struct {
	mu   sync.RWMutex
	list map[string]*deployment
}

// reset leaves those of the options.
func (ds *deployments) reset(from []Deployment) {
	ds.mu.Lock()
	defer ds.mu.Unlock()
	ds.list = map[string]*deployment{}
	for _, d := range from {
		ds.list[d.Name] = &deployment{Deployment: d, model: modelOf(d.Model), limit: newLimiter(d.TokensPerMinute)}
	}
}

func (ds *deployments) get(name string) *deployment {
	ds.mu.RLock()
	defer ds.mu.RUnlock()
	return ds.list[name]
}

// put adds or replaces one, and reports whether the name is new.
func (ds *deployments) put(d *deployment) bool {
	ds.mu.Lock()
	defer ds.mu.Unlock()
	_, there := ds.list[d.Name]
	ds.list[d.Name] = d
	return !there
}

// remove takes one away and reports whether it was there.
func (ds *deployments) remove(name string) bool {
	ds.mu.Lock()
	defer ds.mu.Unlock()
	_, there := ds.list[name]
	delete(ds.list, name)
	return there
}

// all is the deployments by name.
func (ds *deployments) all() []*deployment {
	ds.mu.RLock()
	defer ds.mu.RUnlock()
	out := make([]*deployment, 0, len(ds.list))
	for _, d := range ds.list {
		out = append(out, d)
	}
	slices.SortFunc(out, func(a, b *deployment) int { return cmp.Compare(a.Name, b.Name) })
	return out
}

// deployment is what a call on that surface reaches by the name, nil for nothing.
func (s *Simulator) deployment(name string, on surface) *deployment {
	d := s.deployments.get(name)
	if d != nil && d.tuned && on == classic {
		return nil
	}
	return d
}

// modelNamed is the model of that name: a fine-tuned one of this simulator, or as
// modelOf has it.
func (s *Simulator) modelNamed(name string) model {
	if d := s.deployments.get(name); d != nil && d.tuned {
		return d.model
	}
	return modelOf(name)
}
