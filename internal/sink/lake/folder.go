package lake

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

const (
	lockName  = ".lock"
	spillName = ".spill"
)

// clearUnfinished removes what an earlier process was writing.
func (l *Lake) clearUnfinished() error {
	entries, err := os.ReadDir(l.opt.Dir)
	if err != nil {
		return fmt.Errorf("list the store's files: %w", err)
	}
	for _, e := range entries {
		if strings.HasSuffix(e.Name(), extension+temporary) {
			if err := l.drop(e.Name(), "an unfinished file"); err != nil {
				return err
			}
		}
	}
	return nil
}

// loadFiles reads the files of gateways, by gateway, and puts them in order: what
// was merged goes, what is damaged is set aside. A read-only store leaves all as
// it is and passes it over; it gets errVanished when the process that writes
// removed a file meanwhile. Files of other gateways are left alone.
func (l *Lake) loadFiles(gateways []string) (map[string]fileSet, error) {
	entries, err := os.ReadDir(l.opt.Dir)
	if errors.Is(err, fs.ErrNotExist) && l.opt.ReadOnly {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("list the store's files: %w", err)
	}
	all := map[string]fileSet{}
	for _, e := range entries {
		gateway, s, ok := parseName(e.Name())
		if !ok || !slices.Contains(gateways, gateway) {
			continue
		}
		f, err := readFile(l.opt.Dir, e.Name(), s)
		var bad *damageError
		switch {
		case errors.As(err, &bad):
			if err := l.setAside(e.Name(), err); err != nil {
				return nil, err
			}
		case errors.Is(err, fs.ErrNotExist):
			return nil, errVanished
		case err != nil:
			return nil, fmt.Errorf("read the store's file %s: %w", e.Name(), err)
		default:
			all[gateway] = append(all[gateway], f)
		}
	}
	for gateway, files := range all {
		if all[gateway], err = l.disjoint(files); err != nil {
			return nil, err
		}
	}
	return all, nil
}

// disjoint leaves out files that lie inside others, and reports those that
// overlap in any other way.
func (l *Lake) disjoint(all fileSet) (fileSet, error) {
	slices.SortFunc(all, byRange)
	var out fileSet
	for _, f := range all {
		if len(out) == 0 || !f.overlaps(out[len(out)-1].span) {
			out = append(out, f)
			continue
		}
		var err error
		if f.inside(out[len(out)-1].span) {
			err = l.drop(f.name, "a merged file")
		} else {
			err = l.setAside(f.name, fmt.Errorf("its range overlaps that of %s", out[len(out)-1].name))
		}
		if err != nil {
			return nil, err
		}
	}
	return out, nil
}

func (l *Lake) drop(name, what string) error {
	if l.opt.ReadOnly {
		return nil
	}
	l.log.Info("removing a file of the store that is not needed", "file", name, "what", what)
	if err := l.opt.FS.Remove(filepath.Join(l.opt.Dir, name)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("remove %s of the store: %w", what, err)
	}
	return nil
}

func (l *Lake) setAside(name string, why error) error {
	l.log.Error("a file of the store cannot be used; its range is filled from the journal", "file", name, "error", why)
	l.stats.damaged.Add(1)
	if l.opt.ReadOnly {
		return nil
	}
	path := filepath.Join(l.opt.Dir, name)
	if err := l.opt.FS.Rename(path, path+damaged); err != nil {
		return fmt.Errorf("set aside a damaged file of the store: %w", err)
	}
	return nil
}
