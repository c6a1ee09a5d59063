package app

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"

	"weir/internal/payload"
	"weir/internal/query"
	"weir/internal/sink"
	"weir/internal/sink/lake"
	"weir/internal/term"
)

// Folder answers queries over a data folder in this process.
type Folder struct {
	service *query.Service
	bodies  *bodies
}

// OpenFolder reads a data folder without its server, or beside it: what is
// sealed, and the rest of the journal in memory. Nothing is written.
func OpenFolder(ctx context.Context, dir string) (*Folder, func(), error) {
	if _, err := os.Stat(filepath.Join(dir, "journal")); err != nil {
		return nil, nil, fmt.Errorf("%s is not a data folder: it has no journal; -data names the folder of the config's data field", dir)
	}
	cfg := &Config{Data: dir}
	if err := cfg.readAbout(); err != nil {
		return nil, nil, err
	}
	cfg.defaults()
	log := slog.New(slog.DiscardHandler)
	o := lakeOptions(cfg, log)
	o.ReadOnly = true
	l, err := lake.Open(ctx, o)
	if err != nil {
		return nil, nil, fmt.Errorf("open the store: %w", err)
	}
	stop := func() { closeLake(l, log) }
	library, err := openLibrary(ctx, cfg)
	if err != nil { // credentials are in the config or the environment; queries need none
		library = &payload.Library{Spool: payload.ReadSpool(cfg.spoolDir()), Store: payload.Away(err), Split: split}
	}
	read := newReader(cfg.Labels, library, nil, log)
	follower, err := sink.NewRunner(sink.Config{Journal: cfg.journalDir(), Orphaned: true, Store: l, Read: read.read, Logger: log})
	if err == nil {
		err = follower.CatchUp(ctx)
	}
	if err != nil {
		stop()
		return nil, nil, fmt.Errorf("read the journal: %w", err)
	}
	service := query.New(engine{l}, cfg.labelColumns())
	return &Folder{service, &bodies{library, service}}, stop, nil
}

// Query runs one query.
func (f *Folder) Query(ctx context.Context, text string) (*term.Table, error) {
	res, err := f.service.Run(ctx, text)
	if err != nil {
		return nil, err
	}
	t := &term.Table{Rows: res.Rows}
	for _, c := range res.Columns {
		t.Columns = append(t.Columns, term.Column{Name: c.Name, Type: c.Type.String()})
	}
	return t, nil
}

// Payload gives one body of an exchange.
func (f *Folder) Payload(ctx context.Context, id, name string) (*term.Payload, error) {
	parsed, err := parseExchange(id)
	if err != nil {
		return nil, err
	}
	c, err := f.bodies.Open(ctx, parsed, name)
	if err != nil {
		return nil, err
	}
	return &term.Payload{ReadCloser: c, Type: c.Type, Coding: c.Coding, SHA256: c.SHA256}, nil
}
