package app

import (
	"context"

	"weir/internal/query"
	"weir/internal/term"
)

// Folder answers queries over a data folder in this process.
type Folder struct{ service *query.Service }

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
