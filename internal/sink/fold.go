package sink

import (
	"log/slog"
	"maps"
	"slices"
	"time"

	"weir/internal/journal"
	"weir/internal/record"
)

// deliveredWait is how long after its end frame an exchange waits for its
// delivered frame. Where that comes late the machine is busy; where it never
// comes the gateway was killed or dropped it.
const deliveredWait = 5 * time.Second

// Fold puts frames together to exchanges. It is for one goroutine.
type Fold struct {
	done  Pos // exchanges that commit at or before it are not emitted
	log   *slog.Logger
	known map[record.ID]*folding
	// ended are the exchanges that have ended, from the oldest that was not
	// emitted on, in the order of their commit positions. Emitted ones among
	// them are kept: the journal must be read from their begin again until the
	// watermark has passed them.
	ended     []*folding
	last      Pos // of the frame that was read last
	watermark Pos // when nothing that has ended is awaited
	out       []*record.Exchange
	counts    Counts
}

// Counts is what a Fold has come across.
type Counts struct {
	Frames     int64
	Emitted    int64 // exchanges
	Repeated   int64 // exchanges that the store had already
	Unreadable int64 // frames whose metadata or content could not be read
	Orphans    int64 // ends without their begin
	Gaps       int64 // places where the journal has lost frames
	Lost       int64 // frames lost there
	Open       int   // exchanges that have not ended, now
	OpenBytes  int64 // their content in memory, now
}

// folding is an exchange that is not complete.
type folding struct {
	ex      *record.Exchange
	begin   Pos
	commit  Pos   // zero until it has ended
	endTime int64 // Unix nanoseconds
	emitted bool
}

// NewFold makes a Fold that continues behind the exchanges of cursor c.
func NewFold(c Cursor, log *slog.Logger) *Fold {
	return &Fold{done: c.Done, last: c.From, watermark: c.Done, log: log, known: map[record.ID]*folding{}}
}

// Add takes the next frame. The frame's bytes are copied.
func (f *Fold) Add(fr *journal.Frame) {
	switch fr.Kind {
	case journal.Missing:
		f.missing(fr)
		return
	case journal.EpochEnd:
		f.closeEpoch(fr.Pos)
		return
	}
	if fr.Pos.Compare(f.last) <= 0 {
		return // a frame that was written twice, after a disk failed
	}
	f.counts.Frames++
	f.last = fr.Pos
	f.expire(fr.Time)
	switch fr.Kind {
	case journal.Begin:
		f.begin(fr)
	case journal.Part:
		if x := f.known[record.ID(fr.ID)]; x != nil && x.ex.End == nil {
			f.content(x, &x.ex.ResponseBody, fr)
			x.ex.LastFrame = at(fr.Time)
		}
	case journal.End:
		f.end(fr)
	case journal.Delivered:
		f.delivered(fr)
	}
}

func at(unixNano int64) time.Time { return time.Unix(0, unixNano).UTC() }

func (f *Fold) begin(fr *journal.Frame) {
	b, err := record.ParseBegin(fr.Meta)
	if err != nil {
		f.unreadable(fr, err)
	}
	if b.Time.IsZero() {
		b.Time = at(fr.Time)
	}
	x := &folding{begin: fr.Pos, ex: &record.Exchange{ID: fr.ID, Begin: b, LastFrame: at(fr.Time)}}
	f.content(x, &x.ex.RequestBody, fr)
	f.known[x.ex.ID] = x
	f.counts.Open++
}

func (f *Fold) end(fr *journal.Frame) {
	x := f.known[record.ID(fr.ID)]
	if x == nil || x.ex.End != nil {
		if fr.Pos.Compare(f.done) <= 0 || x != nil {
			return
		}
		// Its begin was lost: what is left of it goes on the record.
		f.counts.Orphans++
		f.counts.Open++
		f.log.Warn("an exchange ends in the journal that does not begin there", "position", fr.Pos.String())
		x = &folding{begin: fr.Pos, ex: &record.Exchange{ID: fr.ID, Begin: record.Begin{Time: at(fr.Time)}}}
		f.known[x.ex.ID] = x
	}
	n, err := record.ParseEnd(fr.Meta)
	if err != nil {
		f.unreadable(fr, err)
	}
	if n == nil {
		n = &record.End{}
	}
	if n.Time.IsZero() {
		n.Time = at(fr.Time)
	}
	f.content(x, &x.ex.ResponseBody, fr)
	x.ex.End, x.ex.LastFrame = n, at(fr.Time)
	x.commit, x.endTime = fr.Pos, fr.Time
	f.ended = append(f.ended, x)
	f.closed(x)
}

// closed takes x out of what is counted as open.
func (f *Fold) closed(x *folding) {
	f.counts.Open--
	f.counts.OpenBytes -= int64(len(x.ex.RequestBody) + len(x.ex.ResponseBody))
}

func (f *Fold) delivered(fr *journal.Frame) {
	x := f.known[record.ID(fr.ID)]
	if x == nil || x.ex.End == nil {
		return // it came late, and the exchange is on the record
	}
	d, err := record.ParseDelivered(fr.Meta)
	if err != nil {
		f.unreadable(fr, err)
	} else {
		x.ex.Delivered, x.ex.LastFrame = d, at(fr.Time)
	}
	f.emit(x)
}

// content appends the frame's content to body.
func (f *Fold) content(x *folding, body *[]byte, fr *journal.Frame) {
	before := len(*body)
	for _, b := range fr.Blocks {
		if b.KeyID != 0 || b.Flags != 0 {
			f.counts.Unreadable++
			f.log.Warn("content in the journal is sealed or elsewhere, and left out", "position", fr.Pos.String())
			continue
		}
		*body = append(*body, b.Data...)
	}
	f.counts.OpenBytes += int64(len(*body) - before)
}

// Expire emits what has waited long enough, by the clock: for when no frame
// comes that would say so.
func (f *Fold) Expire(now time.Time) { f.expire(now.UnixNano()) }

func (f *Fold) expire(now int64) {
	f.trim()
	for _, x := range f.ended {
		if now-x.endTime <= int64(deliveredWait) {
			return
		}
		if !x.emitted {
			f.emit(x)
		}
	}
}

func (f *Fold) emit(x *folding) {
	x.emitted = true
	delete(f.known, x.ex.ID)
	x.ex.Epoch, x.ex.Seq = x.commit.Epoch, x.commit.Seq
	if x.commit.Compare(f.done) <= 0 {
		f.counts.Repeated++
	} else {
		f.counts.Emitted++
		f.out = append(f.out, x.ex)
	}
	x.ex = nil // its memory is the taker's
}

// closeEpoch emits all that is left of an epoch; what has no end was
// interrupted, and commits behind the epoch's last frame.
func (f *Fold) closeEpoch(last Pos) {
	commit := Pos{Epoch: last.Epoch, Seq: last.Seq + 1}
	for _, x := range f.ended {
		if !x.emitted {
			f.emit(x)
		}
	}
	f.ended = nil
	for _, x := range sorted(f.known) {
		x.commit = commit
		f.closed(x)
		f.emit(x)
	}
	if last.Compare(f.last) > 0 {
		f.last = last
	}
	f.advance(commit)
}

func (f *Fold) missing(fr *journal.Frame) {
	f.counts.Gaps++
	g := fr.Gap
	if g == nil {
		return
	}
	if n := int64(g.To.Seq) - int64(g.From.Seq) + 1; n > 0 {
		f.counts.Lost += n
	}
	f.log.Error("the journal has lost frames", "gap", g.String())
}

func (f *Fold) unreadable(fr *journal.Frame, err error) {
	f.counts.Unreadable++
	f.log.Error("a frame's metadata cannot be read; its exchange is kept with the rest", "position", fr.Pos.String(), "kind", fr.Kind.String(), "error", err)
}

// Take gives the exchanges that were emitted since the last call, and how far
// the record is complete with them.
func (f *Fold) Take() (out []*record.Exchange, watermark Pos) {
	f.trim()
	out, f.out = f.out, nil
	if len(f.ended) > 0 {
		oldest := f.ended[0].commit
		f.advance(Pos{Epoch: oldest.Epoch, Seq: oldest.Seq - 1})
	} else {
		f.advance(f.last)
	}
	return out, f.watermark
}

// From is the position behind which the journal must be read to find again
// every exchange that commits after the watermark.
func (f *Fold) From() Pos {
	from := f.last
	before := func(x *folding) {
		if p := (Pos{Epoch: x.begin.Epoch, Seq: x.begin.Seq - 1}); p.Compare(from) < 0 {
			from = p
		}
	}
	for _, x := range f.known {
		before(x)
	}
	for _, x := range f.ended {
		before(x)
	}
	return from
}

// trim forgets the emitted ones that no awaited one stands before.
func (f *Fold) trim() {
	for len(f.ended) > 0 && f.ended[0].emitted {
		f.ended = f.ended[1:]
	}
}

// advance moves the watermark; it never goes back.
func (f *Fold) advance(to Pos) {
	if to.Compare(f.watermark) > 0 {
		f.watermark = to
	}
}

// Counts says what was come across so far.
func (f *Fold) Counts() Counts { return f.counts }

// sorted gives the exchanges by where they begin, so that the same journal
// always gives the same order.
func sorted(m map[record.ID]*folding) []*folding {
	return slices.SortedFunc(maps.Values(m), func(a, b *folding) int { return a.begin.Compare(b.begin) })
}
