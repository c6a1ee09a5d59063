package state

import (
	"bufio"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"strconv"
	"testing"
	"time"
)

func TestMain(m *testing.M) {
	if dir := os.Getenv("WEIR_STATE_KILL"); dir != "" {
		putUntilKilled(dir)
	}
	os.Exit(m.Run())
}

// putUntilKilled puts an owner a millisecond and says so.
func putUntilKilled(dir string) {
	db, err := Open(dir, slog.Default())
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	for i := 0; ; i++ {
		db.Owners().Put("file-"+strconv.Itoa(i), "east")
		fmt.Println(i)
		time.Sleep(time.Millisecond)
	}
}

// TestKill kills a writing process: what it put is there, but for a tail of
// 50 ms and the time of a transaction, and without holes.
func TestKill(t *testing.T) {
	dir := t.TempDir()
	cmd := exec.Command(os.Args[0], "-test.run=^$")
	cmd.Env = append(os.Environ(), "WEIR_STATE_KILL="+dir)
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	// settled is the last Put that was told half a second before the kill.
	settled, told, begin := -1, -1, time.Now()
	for lines := bufio.NewScanner(out); lines.Scan(); {
		if told, err = strconv.Atoi(lines.Text()); err != nil {
			t.Fatalf("the writer says %q", lines.Text())
		}
		if d := time.Since(begin); d < 300*time.Millisecond {
			settled = told
		} else if d > 800*time.Millisecond {
			break
		}
	}
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait() // killed
	if told < 10 || settled < 0 {
		t.Skipf("this machine is too slow: %d Puts in 800 ms", told)
	}

	db := openTest(t, dir, time.Now)
	defer closeTest(t, db)
	n := rows(t, db)
	for i := range n {
		wantOwner(t, db.Owners(), "file-"+strconv.Itoa(i), "east")
	}
	if n <= settled {
		t.Errorf("%d owners kept; %d were put half a second before the kill", n, settled+1)
	}
	t.Logf("%d of %d kept", n, told+1)
	if kept, _ := os.ReadDir(dir); len(kept) > 3 {
		t.Errorf("moved aside after a kill: %v", kept)
	}
}
