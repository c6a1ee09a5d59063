package sink

import (
	"context"

	"weir/internal/journal"
	"weir/internal/record"
)

// Pos is a position in one gateway's journal.
type Pos = journal.Pos

// Batch is rows that became final, and how far that makes the record complete.
type Batch struct {
	// Rows are in the order in which they were emitted, which is nearly but not
	// exactly the order of their commit positions (Row.Epoch, Row.Seq); some
	// may stand after Watermark.
	Rows []*record.Row
	// Watermark: every exchange with a commit position at or before it is in
	// this batch or in an earlier one.
	Watermark Pos
	// From is the position behind which the journal must be read to find again
	// every exchange that commits after Watermark. It never goes back.
	From Pos
}

// Cursor is what a store has for good.
type Cursor struct {
	Done Pos // every exchange that commits at or before Done is in the store
	From Pos // the journal must be read on behind From; zero: from its start
}

// Store keeps rows. One goroutine calls Write; Seal may be called beside it.
type Store interface {
	// Cursor says where to go on, after a restart too.
	Cursor() Cursor
	// Write takes a batch: wholly, or not at all when it gives an error, after
	// which the same batch is written again. It may block until there is room.
	// Rows at or before the cursor are passed over. Rows are the store's from
	// then on.
	Write(ctx context.Context, b Batch) error
	// Seal moves the cursor to the last batch's watermark, as far as there is
	// something to keep, and returns when that is on stable storage.
	Seal(ctx context.Context) error
}

// rowOverhead is what a row takes apart from its long texts.
const rowOverhead = 4 << 10

// Size is about how many bytes of memory r takes.
func Size(r *record.Row) int {
	return rowOverhead + len(r.RequestHeaders) + len(r.ResponseHeaders) + len(r.BackendRequestHeaders) +
		len(r.BackendResponseHeaders) + len(r.Labels) + len(r.RequestBody) + len(r.ResponseBody) +
		len(r.BackendRequestBody) + len(r.BackendResponseBody) + len(r.Attempts) + len(r.Prompt) +
		len(r.Completion) + len(r.RequestMessages) + len(r.ResponseMessages) + len(r.Parameters) +
		len(r.Metadata) + len(r.Usage) + len(r.ContentFilter) + len(r.Errors) + len(r.Files) + len(r.Begin.URL)
}
