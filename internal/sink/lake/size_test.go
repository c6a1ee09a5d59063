package lake

import (
	"context"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"strings"
	"testing"

	"weir/internal/record"
	"weir/internal/sink"
)

// noise is text that no compression makes smaller by more than a quarter.
func noise(n int) string {
	r := rand.New(rand.NewPCG(1, 2))
	var b strings.Builder
	for b.Len() < n {
		fmt.Fprintf(&b, "%016x", r.Uint64())
	}
	return b.String()
}

// TestLargeBodiesStandOnce: a large body takes its size in a sealed file, and in
// a merged one, not a multiple of it.
func TestLargeBodiesStandOnce(t *testing.T) {
	const size = 2 << 20
	l := open(t, never(t.TempDir()))
	for seq := uint64(1); seq <= 3; seq++ {
		r := exchange(seq)
		r.RequestBody = noise(size)
		if err := l.Write(context.Background(), sink.Batch{Rows: []*record.Row{r}, Watermark: pos(seq), From: pos(seq)}); err != nil {
			t.Fatal(err)
		}
		if err := l.Seal(context.Background()); err != nil {
			t.Fatal(err)
		}
	}
	check := func(what string, most int64) {
		t.Helper()
		files, err := filepath.Glob(filepath.Join(l.opt.Dir, "*.parquet"))
		if err != nil || len(files) == 0 {
			t.Fatalf("no files: %v", err)
		}
		if got := l.Stats().FileBytes; got > most {
			t.Errorf("%s: %d bytes in %d files for three bodies of %d", what, got, len(files), size)
		}
	}
	check("sealed", 3*size*5/4)
	l.opt.MergeFiles = 1
	if err := l.Merge(context.Background()); err != nil {
		t.Fatal(err)
	}
	if n := l.Stats().Files; n != 1 {
		t.Fatalf("%d files after the merge", n)
	}
	check("merged", 3*size*5/4)
}
