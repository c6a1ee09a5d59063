package lake

import "sync"

// versions counts the changes of the set of files. The view of all rows names
// the version that it shows, so that a query that began before a change, and is
// bound behind it, takes just the fresh rows that are not in its files. Files
// that a merge left over stay as long as a query may read them.
type versions struct {
	remove func(name string) // removes a file that nobody reads

	mu      sync.Mutex // held for moments, never while the engine works
	now     uint64
	files   map[uint64][]fileSet // by part
	queries map[uint64]int       // running queries, by the version at their start
	retired []retired
}

type retired struct {
	until uint64 // the last version that shows them
	names []string
}

// next announces a version; publish makes it the current one.
func (v *versions) next(files []fileSet) uint64 {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.files == nil {
		v.files, v.queries = map[uint64][]fileSet{}, map[uint64]int{}
	}
	n := v.now + 1
	v.files[n] = files
	return n
}

// publish makes the announced version the current one, and gives up the files
// names as soon as no query reads them.
func (v *versions) publish(names []string) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if len(names) > 0 {
		v.retired = append(v.retired, retired{v.now, names})
	}
	v.now++
	v.collect()
}

// pin holds the current version until release is called, once.
func (v *versions) pin() (now uint64, release func()) {
	v.mu.Lock()
	defer v.mu.Unlock()
	at := v.now
	v.queries[at]++
	return at, sync.OnceFunc(func() {
		v.mu.Lock()
		defer v.mu.Unlock()
		if v.queries[at]--; v.queries[at] == 0 {
			delete(v.queries, at)
		}
		v.collect()
	})
}

// at gives the files of a version that a running query has begun at or after.
func (v *versions) at(version uint64) ([]fileSet, bool) {
	v.mu.Lock()
	defer v.mu.Unlock()
	f, ok := v.files[version]
	return f, ok
}

func (v *versions) collect() {
	oldest := v.now
	for at := range v.queries {
		oldest = min(oldest, at)
	}
	for at := range v.files {
		if at < oldest {
			delete(v.files, at)
		}
	}
	for len(v.retired) > 0 && v.retired[0].until < oldest {
		for _, n := range v.retired[0].names {
			v.remove(n)
		}
		v.retired = v.retired[1:]
	}
}
