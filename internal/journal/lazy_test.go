package journal

import (
	"testing"
	"testing/synctest"
	"time"
)

// A delivery note that nothing follows is durable, and so seen by readers, well
// within the second for which they wait for it.
func TestLazyIsSyncedAlone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newMemFS()
		j := mustOpen(t, Options{Dir: memDir, FS: m})
		if _, err := j.Commit(testFrame(1, End)); err != nil {
			t.Fatal(err)
		}
		j.Lazy(testFrame(2, Delivered))
		time.Sleep(400 * time.Millisecond)
		if s := j.Stats(); s.Durable != 2 {
			t.Errorf("after 0.4 s the journal is durable up to %d of %d", s.Durable, s.Seq)
		}
		mustClose(t, j)
	})
}
