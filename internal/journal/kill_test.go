package journal

import (
	"bufio"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"strconv"
	"sync"
	"testing"
)

const (
	childDir  = "WEIR_JOURNAL_TEST_DIR"
	childBase = "WEIR_JOURNAL_TEST_BASE"
)

func TestMain(m *testing.M) {
	if dir := os.Getenv(childDir); dir != "" {
		if err := writeUntilKilled(dir); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	os.Exit(m.Run())
}

// writeUntilKilled is the child of TestKill: it says on stdout what was
// acknowledged, a line each: number, way, epoch, sequence number.
func writeUntilKilled(dir string) error {
	base, err := strconv.ParseUint(os.Getenv(childBase), 10, 64)
	if err != nil {
		return err
	}
	j, err := Open(Options{Dir: dir, SegmentBytes: 128 << 10})
	if err != nil {
		return err
	}
	var mu sync.Mutex
	var wg sync.WaitGroup
	for w := range uint64(8) {
		wg.Go(func() {
			for i := uint64(0); ; i++ {
				n, kind, write := base+i*8+w, "commit", j.Commit
				if i%3 == 0 {
					kind, write = "append", j.Append
				}
				pos, err := write(testFrame(n, End))
				mu.Lock()
				if err != nil {
					fmt.Fprintln(os.Stderr, err)
					os.Exit(1)
				}
				fmt.Printf("%d %s %d %d\n", n, kind, pos.Epoch, pos.Seq)
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	return nil
}

// A writer killed with SIGKILL at any moment loses nothing that it was told is
// written, and the next one goes on.
func TestKill(t *testing.T) {
	dir := t.TempDir()
	m := newModel()
	rounds := 6
	if testing.Short() {
		rounds = 2
	}
	for round := range uint64(rounds) {
		base := round * 1_000_000
		cmd := exec.Command(os.Args[0])
		cmd.Env = append(os.Environ(), childDir+"="+dir, fmt.Sprintf("%s=%d", childBase, base))
		cmd.Stderr = os.Stderr
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		kill := 200 + rand.IntN(2000)
		lines := bufio.NewScanner(out)
		highest := base
		for n := 0; lines.Scan(); n++ {
			var number uint64
			p := promise{acked: true}
			if _, err := fmt.Sscan(lines.Text(), &number, &p.kind, &p.pos.Epoch, &p.pos.Seq); err != nil {
				continue // cut off by the kill
			}
			m.told[number] = p
			highest = max(highest, number)
			if n == kill {
				if err := cmd.Process.Kill(); err != nil {
					t.Fatal(err)
				}
			}
		}
		cmd.Wait() // killed
		for n := base; n < highest+1000; n++ {
			if _, ok := m.told[n]; !ok {
				m.told[n] = promise{} // may be there, or not
			}
		}
		r, err := Follow(ReaderOptions{Dir: dir, Orphaned: true})
		if err != nil {
			t.Fatal(err)
		}
		got := readAll(t, r)
		r.Close()
		if err := m.check(got, false); err != nil {
			t.Fatalf("round %d: %v", round, err)
		}
	}
	j := mustOpen(t, Options{Dir: dir})
	mustClose(t, j)
	r, err := Follow(ReaderOptions{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	got := readAll(t, r)
	if err := m.check(got, false); err != nil {
		t.Fatal(err)
	}
	t.Logf("%d kills, %d frames", rounds, len(got))
}
