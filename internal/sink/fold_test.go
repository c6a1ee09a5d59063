package sink

import (
	"fmt"
	"io"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"weir/internal/journal"
	"weir/internal/record"
)

var quiet = slog.New(slog.NewTextHandler(io.Discard, nil))

// script builds frames from words such as "1 begin a", "2 part a x", "3 end a
// y +200" (milliseconds after the frame before), "close 3", "gap 4 6".
type script struct {
	t     *testing.T
	epoch uint64
	now   time.Time
}

func idOf(name string) record.ID {
	var id record.ID
	copy(id[:], name)
	return id
}

func (s *script) frame(line string) *journal.Frame {
	s.t.Helper()
	var after int
	words := strings.Fields(line)
	if last := words[len(words)-1]; strings.HasPrefix(last, "+") {
		fmt.Sscanf(last, "+%d", &after)
		words = words[:len(words)-1]
	}
	s.now = s.now.Add(time.Duration(after) * time.Millisecond)
	var seq, to uint64
	if words[0] == "close" {
		fmt.Sscan(words[1], &seq)
		f := &journal.Frame{Kind: journal.EpochEnd, Pos: Pos{Epoch: s.epoch, Seq: seq}}
		s.epoch++
		return f
	}
	if words[0] == "gap" {
		fmt.Sscan(words[1], &seq)
		fmt.Sscan(words[2], &to)
		g := &journal.Gap{From: Pos{Epoch: s.epoch, Seq: seq}, To: Pos{Epoch: s.epoch, Seq: to}}
		return &journal.Frame{Kind: journal.Missing, Pos: g.To, Gap: g}
	}
	fmt.Sscan(words[0], &seq)
	f := &journal.Frame{Pos: Pos{Epoch: s.epoch, Seq: seq}, Time: s.now.UnixNano(), ID: idOf(words[2])}
	switch words[1] {
	case "begin":
		f.Kind = journal.Begin
		f.Meta = (&record.Begin{Time: s.now, Deployment: "d"}).Append(nil)
	case "part":
		f.Kind = journal.Part
	case "end":
		f.Kind = journal.End
		f.Meta = (&record.End{Time: s.now, Outcome: record.Completed, Status: 200}).Append(nil)
	case "delivered":
		f.Kind = journal.Delivered
		f.Meta = (&record.Delivered{Time: s.now, ResponseSize: 7}).Append(nil)
	default:
		s.t.Fatalf("what is %q", line)
	}
	if len(words) > 3 && words[3] == "torn" {
		f.Meta = []byte{1, 200}
	} else if len(words) > 3 {
		f.Blocks = []journal.Block{{Data: []byte(words[3])}}
	}
	return f
}

func shown(x *record.Exchange) string {
	name := strings.TrimRight(string(x.ID[:]), "\x00")
	s := fmt.Sprintf("%s@%d/%d %s>%s", name, x.Epoch, x.Seq, x.RequestBody, x.ResponseBody)
	if x.End == nil {
		s += " open"
	}
	if x.Delivered != nil {
		s += " delivered"
	}
	return s
}

func TestFold(t *testing.T) {
	tests := []struct {
		name   string
		cursor Cursor
		frames []string
		want   []string // after all frames
		mark   string   // "watermark from"
		counts Counts
	}{{
		name:   "delivered completes it",
		frames: []string{"1 begin a q", "2 part a x", "3 part a y", "4 end a z", "5 delivered a"},
		want:   []string{"a@1/4 q>xyz delivered"}, mark: "1/5 1/5",
		counts: Counts{Frames: 5, Emitted: 1},
	}, {
		name:   "it waits for delivered, and holds the watermark back",
		frames: []string{"1 begin a q", "2 end a z", "3 begin b +5000"},
		mark:   "1/1 1/0", counts: Counts{Frames: 3, Open: 1},
	}, {
		name:   "five seconds are enough",
		frames: []string{"1 begin a q", "2 end a z", "3 begin b +5001", "4 delivered a"},
		want:   []string{"a@1/2 q>z"}, mark: "1/4 1/2",
		counts: Counts{Frames: 4, Emitted: 1, Open: 1},
	}, {
		name:   "a refusal is begin and end",
		frames: []string{"1 begin a", "2 end a no +1", "3 delivered a"},
		want:   []string{"a@1/2 >no delivered"}, mark: "1/3 1/3",
		counts: Counts{Frames: 3, Emitted: 1},
	}, {
		name:   "one that is emitted early does not move the watermark past one that waits",
		frames: []string{"1 begin a", "2 begin b", "3 end a", "4 end b", "5 delivered b"},
		want:   []string{"b@1/4 > delivered"}, mark: "1/2 1/0",
		counts: Counts{Frames: 5, Emitted: 1},
	}, {
		name:   "what is emitted stays needed until the watermark has passed it",
		frames: []string{"1 begin b", "2 begin a", "3 end a", "4 end b", "5 delivered b"},
		want:   []string{"b@1/4 > delivered"}, mark: "1/2 1/0",
		counts: Counts{Frames: 5, Emitted: 1},
	}, {
		name:   "an open one is needed from its begin, and does not hold the watermark",
		frames: []string{"1 begin a", "2 end a", "3 begin b q", "4 delivered a", "5 part b xy"},
		want:   []string{"a@1/2 > delivered"}, mark: "1/5 1/2",
		counts: Counts{Frames: 5, Emitted: 1, Open: 1, OpenBytes: 3},
	}, {
		name:   "an epoch's end interrupts",
		frames: []string{"1 begin a q", "2 part a half", "3 begin b", "4 begin c", "5 end c", "close 5"},
		want:   []string{"c@1/5 >", "a@1/6 q>half open", "b@1/6 > open"}, mark: "1/6 1/5",
		counts: Counts{Frames: 5, Emitted: 3},
	}, {
		name:   "the next epoch goes on",
		frames: []string{"1 begin a", "close 1", "1 begin b", "2 end b", "3 delivered b"},
		want:   []string{"a@1/2 > open", "b@2/2 > delivered"}, mark: "2/3 2/3",
		counts: Counts{Frames: 4, Emitted: 2},
	}, {
		name:   "what the store has is not emitted again",
		cursor: Cursor{Done: Pos{Epoch: 1, Seq: 4}, From: Pos{Epoch: 1, Seq: 1}},
		frames: []string{"2 begin b", "3 end x", "4 end b", "5 delivered b", "6 part x", "7 begin c", "8 end c", "9 delivered c"},
		want:   []string{"c@1/8 > delivered"}, mark: "1/9 1/9",
		counts: Counts{Frames: 8, Emitted: 1, Repeated: 1},
	}, {
		name:   "interrupted ones that the store has",
		cursor: Cursor{Done: Pos{Epoch: 1, Seq: 3}, From: Pos{Epoch: 1, Seq: 0}},
		frames: []string{"1 begin a", "2 begin b", "close 2", "1 begin c", "2 end c", "3 delivered c"},
		want:   []string{"c@2/2 > delivered"}, mark: "2/3 2/3",
		counts: Counts{Frames: 5, Emitted: 1, Repeated: 2},
	}, {
		name:   "frames that come twice count once",
		frames: []string{"1 begin a q", "2 part a x", "1 begin a q", "2 part a x", "3 end a", "3 end a", "4 delivered a"},
		want:   []string{"a@1/3 q>x delivered"}, mark: "1/4 1/4",
		counts: Counts{Frames: 4, Emitted: 1},
	}, {
		name:   "torn metadata costs the metadata only",
		frames: []string{"1 begin a torn", "2 part a x", "3 end a torn", "4 delivered a torn"},
		want:   []string{"a@1/3 >x"}, mark: "1/4 1/4",
		counts: Counts{Frames: 4, Emitted: 1, Unreadable: 3},
	}, {
		name:   "a gap costs what was in it only",
		frames: []string{"1 begin a q", "gap 2 4", "5 end b z", "6 delivered b", "close 6"},
		want:   []string{"b@1/5 >z delivered", "a@1/7 q> open"}, mark: "1/7 1/6",
		counts: Counts{Frames: 3, Emitted: 2, Orphans: 1, Gaps: 1, Lost: 3},
	}}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := &script{t: t, epoch: 1, now: time.Unix(1_790_000_000, 0)}
			f := NewFold(tt.cursor, quiet)
			var got []string
			var mark string
			for _, line := range tt.frames {
				f.Add(s.frame(line))
				out, w := f.Take()
				for _, x := range out {
					if p := (Pos{Epoch: x.Epoch, Seq: x.Seq}); p.Compare(tt.cursor.Done) <= 0 {
						t.Errorf("%s was emitted, which the store has", shown(x))
					}
					got = append(got, shown(x))
				}
				mark = w.String() + " " + f.From().String()
			}
			if d := cmp.Diff(tt.want, got); d != "" {
				t.Error(d)
			}
			if mark != tt.mark {
				t.Errorf("watermark and from are %s, want %s", mark, tt.mark)
			}
			if d := cmp.Diff(tt.counts, f.Counts()); d != "" {
				t.Error(d)
			}
		})
	}
}

// TestFoldKeepsNoFrame: frames are the reader's and change under the Fold.
func TestFoldKeepsNoFrame(t *testing.T) {
	s := &script{t: t, epoch: 1, now: time.Unix(1_790_000_000, 0)}
	f := NewFold(Cursor{}, quiet)
	for _, line := range []string{"1 begin a ask", "2 part a one", "3 end a two", "4 delivered a"} {
		fr := s.frame(line)
		f.Add(fr)
		for _, b := range fr.Blocks {
			clear(b.Data)
		}
		clear(fr.Meta)
	}
	out, _ := f.Take()
	if len(out) != 1 || shown(out[0]) != "a@1/3 ask>onetwo delivered" || out[0].Begin.Deployment != "d" {
		t.Errorf("got %v", shown(out[0]))
	}
}

func TestExpire(t *testing.T) {
	s := &script{t: t, epoch: 1, now: time.Unix(1_790_000_000, 0)}
	f := NewFold(Cursor{}, quiet)
	f.Add(s.frame("1 begin a"))
	f.Add(s.frame("2 end a"))
	f.Expire(s.now.Add(deliveredWait))
	if out, w := f.Take(); len(out) != 0 || w != (Pos{Epoch: 1, Seq: 1}) {
		t.Fatalf("it did not wait: %d emitted, watermark %v", len(out), w)
	}
	f.Expire(s.now.Add(deliveredWait + time.Millisecond))
	if out, w := f.Take(); len(out) != 1 || w != (Pos{Epoch: 1, Seq: 2}) {
		t.Fatalf("it waited too long: %d emitted, watermark %v", len(out), w)
	}
}
