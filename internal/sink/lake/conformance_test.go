package lake

import (
	"context"
	"path/filepath"
	"testing"

	"weir/internal/record"
	"weir/internal/sink/sinktest"
)

func TestConformance(t *testing.T) {
	sinktest.Run(t, func(t *testing.T, name string) sinktest.Target {
		l := open(t, never(filepath.Join(name, "store")))
		return sinktest.Target{Store: l, IDs: l.ids, Close: l.Close}
	})
}

// ids counts the rows by id.
func (l *Lake) ids(ctx context.Context) (map[record.ID]int, error) {
	rows, err := tryAsk(ctx, l, `SELECT "CorrelationId" FROM "WeirExchanges"`)
	if err != nil {
		return nil, err
	}
	out := map[record.ID]int{}
	for _, r := range rows {
		id, err := record.ParseID(r)
		if err != nil {
			return nil, err
		}
		out[id]++
	}
	return out, nil
}
