package front

import (
	"context"
	"crypto/sha256"
	"crypto/tls"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"weir/internal/fault"
)

// pollEvery is how often the TLS files are compared with what is in use. By
// content, because mounted secrets and network drives tell of changes badly.
const pollEvery = 5 * time.Second

// certificates holds the TLS config in use, and follows its files.
type certificates struct {
	log *slog.Logger
	// current is what new connections get; those that are open keep theirs.
	current atomic.Pointer[tls.Config]

	mu   sync.Mutex
	set  TLS
	seen [sha256.Size]byte // of what was read last, whether taken or not
	bad  error             // why that was not taken
	last [sha256.Size]byte // of what the last look found
}

func newCertificates(t TLS, log *slog.Logger) (*certificates, error) {
	c := &certificates{log: log}
	take, err := c.prepare(t)
	if err != nil {
		return nil, err
	}
	take()
	return c, nil
}

// listener is the config of the listener, which asks for the current one with
// every connection.
func (c *certificates) listener() *tls.Config {
	return &tls.Config{
		MinVersion:         tls.VersionTLS12,
		NextProtos:         []string{"h2", "http/1.1"},
		GetConfigForClient: func(*tls.ClientHelloInfo) (*tls.Config, error) { return c.current.Load(), nil },
	}
}

// prepare reads the files of t; take puts them in use.
func (c *certificates) prepare(t TLS) (take func(), err error) {
	files, ps := t.files()
	var cfg *tls.Config
	if len(ps) == 0 {
		cfg, ps = t.config(files)
	}
	if len(ps) > 0 {
		return nil, asError(ps)
	}
	return func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		same := c.current.Load() != nil && c.set == t && c.seen == files.sum() && c.bad == nil
		c.set, c.seen, c.bad = t, files.sum(), nil
		if !same { // else sessions would not resume
			c.use(cfg)
		}
	}, nil
}

// refresh reads the files and takes them if they have changed. The error, the
// same until they change again, says why what they hold now is not in use.
func (c *certificates) refresh() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.take(c.set.files())
}

// look is refresh for files that two looks in a row have found the same: one that
// is being written may be cut between two certificates, and look right.
func (c *certificates) look() {
	c.mu.Lock()
	defer c.mu.Unlock()
	files, ps := c.set.files()
	sum := files.sum()
	settled := sum == c.last
	c.last = sum
	if settled {
		_ = c.take(files, ps) // it has been told
	}
}

// take takes what the files hold if it has changed; c.mu is held.
func (c *certificates) take(files pems, ps []fault.Problem) error {
	sum := files.sum()
	if len(ps) == 0 && sum == c.seen {
		return c.bad
	}
	var cfg *tls.Config
	if len(ps) == 0 {
		cfg, ps = c.set.config(files)
	}
	if len(ps) > 0 {
		c.refuse(sum, ps)
		return c.bad
	}
	c.seen, c.bad = sum, nil
	c.use(cfg)
	return nil
}

// refuse notes and tells, once for each cause, why the files are not taken.
func (c *certificates) refuse(sum [sha256.Size]byte, ps []fault.Problem) {
	err := asError(ps)
	if c.bad == nil || c.bad.Error() != err.Error() {
		c.log.Warn("changed TLS files cannot be used; the former ones stay in use", "error", err)
	}
	c.seen, c.bad = sum, err
}

// use puts cfg in use; c.mu is held.
func (c *certificates) use(cfg *tls.Config) {
	first := c.current.Swap(cfg) == nil
	leaf := cfg.Certificates[0].Leaf
	if !first {
		c.log.Info("changed TLS files are in use", "not_after", leaf.NotAfter)
	}
	if time.Now().After(leaf.NotAfter) {
		c.log.Warn("the TLS certificate has expired", "not_after", leaf.NotAfter)
	}
}

// watch follows the files until ctx ends.
func (c *certificates) watch(ctx context.Context) {
	t := time.NewTicker(pollEvery)
	defer t.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-t.C:
			c.look()
		}
	}
}
