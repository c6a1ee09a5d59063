package lake

import (
	"log/slog"
	"runtime"
	"time"
)

// Options say where the store is and how it is run. Only Dir is required.
type Options struct {
	// Dir is the store's folder. It is made when it is missing.
	Dir string
	// Gateway names the journal's owner in file names; "weir" when empty.
	Gateway string
	// Others are further gateways whose files queries see from the start. Files
	// of a gateway that is not named here, and whose [Lake.Part] is not asked for,
	// are not the store's.
	Others []string
	// Labels maps request headers to string columns of WeirExchanges, which are
	// read from the Labels column by the column's name.
	Labels map[string]string
	// ReadOnly opens the folder beside whoever writes it, or nobody: nothing is
	// sealed, written or deleted. Rows that are written stay in memory.
	ReadOnly bool
	// Prelude is SQL that runs when the engine starts (macros).
	Prelude string

	// SealRows, SealBytes (of memory) and SealAge say when fresh rows are sealed,
	// whichever comes first; 20,480, 64 MiB and 10 minutes when zero.
	SealRows  int
	SealBytes int64
	SealAge   time.Duration
	// MaxFreshBytes bounds the fresh rows in memory; 256 MiB when zero.
	MaxFreshBytes int64
	// MergeFiles: more small files than this in a row are merged; 16 when zero.
	MergeFiles int
	// MergeBytes bounds what is merged into one file; 512 MiB when zero.
	MergeBytes int64

	// MemoryLimit of the engine in bytes; 1 GiB when zero. It bounds what DuckDB
	// counts, which is less than the process takes.
	MemoryLimit int64
	// SpillBytes bounds what large queries may put on disk in the folder; 4 GiB
	// when zero. A read-only store never does.
	SpillBytes int64
	// Threads of the engine; the number of processors when zero.
	Threads int
	// Queries that run at once; further ones wait. 8 when zero.
	Queries int

	Logger *slog.Logger     // slog.Default when nil
	FS     FS               // the operating system's when nil
	Now    func() time.Time // time.Now when nil
}

func (o Options) withDefaults() Options {
	orInt(&o.SealRows, 20_480)
	orInt(&o.SealBytes, 64<<20)
	orInt(&o.SealAge, 10*time.Minute)
	orInt(&o.MaxFreshBytes, 256<<20)
	orInt(&o.MergeFiles, 16)
	orInt(&o.MergeBytes, 512<<20)
	orInt(&o.MemoryLimit, 1<<30)
	orInt(&o.SpillBytes, 4<<30)
	orInt(&o.Threads, runtime.NumCPU())
	orInt(&o.Queries, 8)
	if o.Gateway == "" {
		o.Gateway = "weir"
	}
	if o.Logger == nil {
		o.Logger = slog.Default()
	}
	o.Logger = o.Logger.With("component", "store")
	if o.FS == nil {
		o.FS = osFS{}
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	return o
}

func orInt[T ~int | ~int64](v *T, preset T) {
	if *v <= 0 {
		*v = preset
	}
}
