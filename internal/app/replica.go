package app

import (
	"fmt"
	"os"
	"path/filepath"

	"weir/internal/fault"
)

// The parts of a gateway's data folder that a store works in.
func journalIn(data string) string { return filepath.Join(data, "journal") }

func spoolIn(data string) string { return filepath.Join(data, "spool") }

// lockIn is the file that the store holds (flock) that reads a data folder: two
// would fight over the spool. The gateway does not look at it.
func lockIn(data string) string { return filepath.Join(data, "store.lock") }

// replicas lists the data folders of the further gateways, as absolute paths.
func (c *Config) replicas() []string {
	var all []string
	for _, r := range c.Store.Gateways {
		data := r.Data
		if !filepath.IsAbs(data) {
			data = filepath.Join(filepath.Dir(c.file), data)
		}
		all = append(all, absolute(data))
	}
	return all
}

// absolute makes a path one that means the same everywhere.
func absolute(path string) string {
	if abs, err := filepath.Abs(path); err == nil {
		return abs
	}
	return filepath.Clean(path)
}

// checkReplicas looks at what can be known without the folders: that none is
// named twice. A folder need not be there yet.
func (c *Config) checkReplicas() []fault.Problem {
	var ps []fault.Problem
	first := map[string]string{absolute(c.Data): "data"}
	for i, data := range c.replicas() {
		path := fmt.Sprintf("store.gateways[%d].data", i)
		info, err := os.Stat(data)
		switch before := first[data]; {
		case c.Store.Gateways[i].Data == "":
			ps = append(ps, fault.Problem{Path: path, Message: "no folder is named", Hint: "the data folder of another gateway, such as /srv/weir-b/data"})
			continue
		case before == "data":
			ps = append(ps, fault.Problem{Path: path, Message: "it is this config's own data folder, which the store reads anyway", Hint: "leave it out, or name another gateway's"})
		case before != "":
			ps = append(ps, fault.Problem{Path: path, Message: "it is the folder of " + before, Hint: "leave it out, or name another gateway's"})
		case err == nil && !info.IsDir():
			ps = append(ps, fault.Problem{Path: path, Message: "it is a file", Hint: "name the gateway's data folder"})
		}
		first[data] = path
	}
	return ps
}
