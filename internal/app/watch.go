package app

import (
	"context"
	"time"
)

// watch looks at the config's files again and again until ctx ends, and reloads
// when they have changed. It goes by their contents, because modification times,
// and what systems tell of changes, are wrong where folders are mounted or
// swapped by symbolic links, as Kubernetes does.
func (g *gateway) watch(ctx context.Context) {
	var c change
	for {
		var due <-chan time.Time // never, where it is switched off
		if every := g.config.Load().Reload.every(); every > 0 {
			due = time.After(every)
		}
		select {
		case <-ctx.Done():
			return
		case <-g.taken: // the time may be another now
		case <-due:
			g.mu.Lock()
			tried := g.tried
			g.mu.Unlock()
			if c.due(tried.found, tried.now()) {
				_, _ = g.reload(byFile) // it has been logged
			}
		}
	}
}

// change is what was seen at the last look.
type change struct{ last contents }

// due says whether to reload: two looks in a row have found the same, and it is
// not what was tried already. One look alone may find a file that is half written.
func (c *change) due(tried, now contents) bool {
	if now.equal(tried) {
		c.last = nil
		return false
	}
	settled := c.last != nil && c.last.equal(now)
	c.last = now
	return settled
}
