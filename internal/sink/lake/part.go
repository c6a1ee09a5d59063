package lake

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"weir/internal/sink"
)

// Part is what a store has of one gateway, and takes of it: a [sink.Store] with
// rows, files and a cursor of its own. Queries see all parts as one. Its methods
// may be called concurrently.
type Part struct {
	lake    *Lake
	gateway string
	at      int // in Lake.parts

	// Lake.mu guards what follows.
	fed       bool // rows may be written to it
	files     fileSet
	rows      []row // fresh; only ever added to, or replaced
	bytes     int64 // of rows
	since     time.Time
	target    *target  // of the seal that runs or failed; nil when there is none
	watermark sink.Pos // of the last batch, with from
	from      sink.Pos
}

var _ sink.Store = (*Part)(nil)

func newPart(l *Lake, gateway string, files fileSet) *Part {
	p := &Part{lake: l, gateway: gateway, at: len(l.parts), files: files}
	c := files.cursor()
	p.watermark, p.from = c.Done, c.From
	return p
}

// Part gives the part of a gateway, to which one follower at a time may write.
// The part of a gateway that the store did not know takes up what it has of it.
func (l *Lake) Part(ctx context.Context, gateway string) (*Part, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.engine == nil {
		return nil, ErrClosed
	}
	i := slices.IndexFunc(l.parts, func(p *Part) bool { return p.gateway == gateway })
	if i < 0 {
		if err := checkGateway(gateway); err != nil {
			return nil, err
		}
		found, err := l.listFiles([]string{gateway})
		if err != nil {
			return nil, err
		}
		p := newPart(l, gateway, found[gateway])
		all := append(l.shown(), p.files)
		if err := l.show(ctx, all, nil); err != nil {
			return nil, err
		}
		i, l.parts = p.at, append(l.parts, p)
		l.log.Info("the store has a further gateway", "gateway", gateway, "files", len(p.files), "cursor", p.files.cursor().Done.String())
	}
	l.parts[i].fed = true
	return l.parts[i], nil
}

// checkGateway refuses names that are not the beginning of a file's name: those
// of other gateways come out of their journals.
func checkGateway(name string) error {
	if name == "" || len(name) > 64 || strings.HasPrefix(name, ".") || strings.ContainsFunc(name, unfit) {
		return fmt.Errorf("the gateway's name %q cannot begin a file's name: letters, digits, dashes and dots can", name)
	}
	return nil
}

func unfit(r rune) bool { return r < ' ' || r == 0x7f || strings.ContainsRune(`/\:*?"<>|`, r) }

// Cursor says how far the files go. Rows behind it may be in memory.
func (p *Part) Cursor() sink.Cursor {
	p.lake.mu.Lock()
	defer p.lake.mu.Unlock()
	return p.files.cursor()
}

// shown is the files that queries see, by part; l.mu is held.
func (l *Lake) shown() []fileSet {
	all := make([]fileSet, len(l.parts), len(l.parts)+1)
	for i, p := range l.parts {
		all[i] = p.files
	}
	return all
}

// show has queries see files, those of each part, and the fresh rows that are
// not in them, in one step; l.mu is held. The files gone are removed when no
// query reads them.
func (l *Lake) show(ctx context.Context, all []fileSet, gone []string) error {
	version := l.versions.next(all)
	if err := l.engine.exec(ctx, wideView(l.cols, l.opt.Dir, version, slices.Concat(all...))); err != nil {
		return fmt.Errorf("show the store's files: %w", err)
	}
	l.versions.publish(gone)
	for _, p := range l.parts {
		if files := all[p.at]; !sameFiles(files, p.files) {
			p.take(files)
		}
	}
	close(l.changed)
	l.changed = make(chan struct{})
	return nil
}

// showPart is show when only one part's files changed.
func (l *Lake) showPart(ctx context.Context, p *Part, files fileSet, gone []string) error {
	all := l.shown()
	all[p.at] = files
	return l.show(ctx, all, gone)
}

// take lets go of the rows that are in files.
func (p *Part) take(files fileSet) {
	var rest []row
	var bytes int64
	for _, r := range p.rows {
		if !files.holds(r.pos) {
			rest = append(rest, r)
			bytes += r.bytes
		}
	}
	if len(rest) < len(p.rows) {
		p.rows, p.bytes, p.since = rest, bytes, p.lake.opt.Now()
	}
	p.files = files
}

// room is how many bytes of fresh rows a part may have: those that are fed share
// what the store may, so that none waits for another. l.mu is held.
func (l *Lake) room() int64 {
	n := int64(0)
	for _, p := range l.parts {
		if p.fed {
			n++
		}
	}
	return max(l.opt.MaxFreshBytes/max(n, 1), 1)
}

// full reports whether p takes no more rows for now; l.mu is held. A read-only
// store seals nothing, so there all parts share the bound as they need.
func (l *Lake) full(p *Part) bool {
	if !l.opt.ReadOnly {
		return p.bytes >= l.room()
	}
	var sum int64
	for _, q := range l.parts {
		sum += q.bytes
	}
	return sum >= l.opt.MaxFreshBytes
}

// Cursor, Write and Seal are those of the part of Options.Gateway.
func (l *Lake) Cursor() sink.Cursor { return l.own.Cursor() }

// Write adds rows of the store's own gateway.
func (l *Lake) Write(ctx context.Context, b sink.Batch) error { return l.own.Write(ctx, b) }

// Seal seals the rows of the store's own gateway.
func (l *Lake) Seal(ctx context.Context) error { return l.own.Seal(ctx) }

// sealAll seals the parts that are due. One that fails does not hold up another.
func (l *Lake) sealAll(ctx context.Context) error {
	l.mu.Lock()
	var due []*Part
	for _, p := range l.parts {
		if p.due() || p.target != nil {
			due = append(due, p)
		}
	}
	l.mu.Unlock()
	var errs []error
	for _, p := range due {
		errs = append(errs, p.Seal(ctx))
	}
	return errors.Join(errs...)
}
