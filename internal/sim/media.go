package sim

import (
	"sync"
	"time"
)

// media is what the simulator remembers of pictures and realtime sessions between
// calls.
type media struct {
	mu      sync.Mutex
	jobs    shelf[*imageJob]
	secrets shelf[secret]
}

// Beyond so many, the oldest are forgotten.
const (
	keptJobs    = 1024
	keptSecrets = 4096
)

// secret is an ephemeral key's session and end.
type secret struct {
	until   time.Time
	session *session
}

// shelf holds so many things by name.
type shelf[T any] struct {
	room  int
	by    map[string]T
	order []string
}

func newShelf[T any](room int) shelf[T] { return shelf[T]{room: room, by: map[string]T{}} }

func (s *shelf[T]) put(name string, thing T) {
	s.by[name] = thing
	if s.order = append(s.order, name); len(s.order) > s.room {
		delete(s.by, s.order[0])
		s.order = s.order[1:]
	}
}

func newMedia() *media {
	m := &media{}
	m.reset()
	return m
}

func (m *media) reset() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.jobs, m.secrets = newShelf[*imageJob](keptJobs), newShelf[secret](keptSecrets)
}

func (m *media) keepJob(j *imageJob) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.jobs.put(j.id, j)
}

// lookAtJob moves a job on and gives a copy of it.
func (m *media) lookAtJob(id string) (imageJob, bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	j, ok := m.jobs.by[id]
	if !ok {
		return imageJob{}, false
	}
	j.seen++
	return *j, true
}

func (m *media) dropJob(id string) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	_, ok := m.jobs.by[id]
	delete(m.jobs.by, id)
	return ok
}

// issue makes an ephemeral key for a session.
func (m *media) issue(s *session, until time.Time) string {
	key := randomID(secretPrefix, 32)
	m.mu.Lock()
	defer m.mu.Unlock()
	m.secrets.put(key, secret{until, s})
	return key
}

// secret is the session that a key was made for, nil when it is no ephemeral key
// or too old.
func (m *media) secret(key string, now time.Time) *session {
	m.mu.Lock()
	defer m.mu.Unlock()
	if s, ok := m.secrets.by[key]; ok && !now.After(s.until) {
		return s.session
	}
	return nil
}
