package lake

import "testing"

// TestRewind: a follower that begins anew at the cursor doubles no row, also one
// that stood behind the watermark.
func TestRewind(t *testing.T) {
	l := open(t, never(t.TempDir()))
	b := part(t, l, "b")
	ahead := batchOf("b", 1, 5)
	ahead.Watermark, ahead.From = pos(3), pos(3)
	if err := b.Write(t.Context(), ahead); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := b.Rewind(t.Context()); err != nil {
			t.Fatal(err)
		}
		sees(t, l, "b|3|3")
		if got := b.Cursor().Done; got != pos(3) {
			t.Errorf("the cursor is %v", got)
		}
	}
	feed(t, b, 4, 6)
	sees(t, l, "b|6|6")
}
