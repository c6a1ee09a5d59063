package app

import (
	"context"
	"errors"
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
	further, err := cfg.readAbout()
	if err != nil {
		return nil, nil, err
	}
	cfg.defaults()
	log := slog.New(slog.DiscardHandler)
	o := lakeOptions(cfg, log, further...)
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
	libraries := []*payload.Library{library}
	err = catchUp(ctx, cfg, l, cfg.Data, library)
	for _, k := range further {
		if err != nil {
			break
		}
		var theirs *payload.Library
		if theirs, err = readFurther(ctx, cfg, l, k, library.Store); theirs != nil {
			libraries = append(libraries, theirs)
		}
	}
	if err != nil {
		stop()
		return nil, nil, fmt.Errorf("read the journal: %w", err)
	}
	service := query.New(engine{l}, cfg.labelColumns())
	return &Folder{service, &bodies{func() []*payload.Library { return libraries }, service}}, stop, nil
}

// catchUp reads the rest of a gateway's journal into memory.
func catchUp(ctx context.Context, cfg *Config, store sink.Store, data string, library *payload.Library) error {
	log := slog.New(slog.DiscardHandler)
	read := newReader(cfg.Labels, library, nil, log)
	follower, err := sink.NewRunner(sink.Config{Journal: journalIn(data), Orphaned: true, Store: store, Read: read.read, Logger: log})
	if err != nil {
		return err
	}
	return follower.CatchUp(ctx)
}

// readFurther reads what is not sealed of a further gateway, if its folder is here:
// the store's folder may have been copied elsewhere.
func readFurther(ctx context.Context, cfg *Config, l *lake.Lake, k known, store payload.Store) (*payload.Library, error) {
	if k.Data == "" {
		return nil, nil
	}
	if err := journalThere(k.Data); errors.Is(err, errMissing) {
		return nil, nil
	} else if err != nil {
		return nil, err
	}
	if name, err := sink.Owner(journalIn(k.Data), true); err != nil || name != k.Name {
		return nil, err
	}
	part, err := l.Part(ctx, k.Name)
	if err != nil {
		return nil, err
	}
	library := &payload.Library{Spool: payload.ReadSpool(spoolIn(k.Data)), Store: store, Split: split}
	return library, catchUp(ctx, cfg, part, k.Data, library)
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
