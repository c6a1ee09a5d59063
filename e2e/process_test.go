package e2e

import (
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// weirBin is the program under test, which TestMain built.
var weirBin string

func TestMain(m *testing.M) {
	code, err := buildAndRun(m)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	os.Exit(code)
}

func buildAndRun(m *testing.M) (int, error) {
	if weirBin = os.Getenv("WEIR_BIN"); weirBin != "" {
		return m.Run(), nil
	}
	dir, err := os.MkdirTemp("", "weir-e2e-")
	if err != nil {
		return 1, err
	}
	defer os.RemoveAll(dir)
	weirBin = filepath.Join(dir, "weir")
	args := []string{"build", "-o", weirBin}
	if raceDetector {
		args = append(args, "-race")
	}
	cmd := exec.Command("go", append(args, "../cmd/weir")...)
	if out, err := cmd.CombinedOutput(); err != nil {
		return 1, fmt.Errorf("build the program: %w\n%s", err, out)
	}
	return m.Run(), nil
}

// process is a program that a test started.
type process struct {
	name  string
	cmd   *exec.Cmd
	out   string // the file that it writes to
	ended chan struct{}
	err   error // after ended
}

// start runs weir with args, and env beside the test's own. It is killed when
// the test ends, and its output shown if the test failed.
func start(t testing.TB, name string, env []string, args ...string) *process {
	t.Helper()
	p := &process{name: name, out: filepath.Join(t.TempDir(), "output"), ended: make(chan struct{})}
	// A file and no pipe, so that a child of the process, which has it too,
	// does not hold up the wait for its parent.
	out, err := os.Create(p.out)
	if err != nil {
		t.Fatal(err)
	}
	defer out.Close()
	p.cmd = exec.Command(weirBin, args...)
	p.cmd.Env = append(os.Environ(), env...)
	p.cmd.Stdout, p.cmd.Stderr = out, out
	p.cmd.SysProcAttr = ownGroup()
	if err := p.cmd.Start(); err != nil {
		t.Fatalf("start %s: %v", name, err)
	}
	go func() {
		p.err = p.cmd.Wait()
		close(p.ended)
	}()
	t.Cleanup(func() {
		alive := p.running()
		p.kill()
		killGroup(p.cmd.Process.Pid)
		text := p.output(1 << 20)
		for _, sign := range []string{"WARNING: DATA RACE", "panic:", "fatal error:"} {
			if _, after, found := strings.Cut(text, sign); found {
				t.Errorf("%s wrote %s%.6000s", name, sign, after)
			}
		}
		if t.Failed() {
			state := "ran until the test ended"
			if !alive {
				state = "had ended: " + p.cmd.ProcessState.String()
			}
			t.Logf("%s %s; the end of what it wrote:\n%s", name, state, p.output(60))
		}
	})
	return p
}

// kill ends the process as nothing can prevent, and waits for it. What it had
// started is left to end by itself.
func (p *process) kill() {
	p.cmd.Process.Kill() // an error says that it is gone
	<-p.ended
}

// stop asks the process to end, as Ctrl-C or a supervisor does.
func (p *process) stop(t testing.TB, patience time.Duration) {
	t.Helper()
	p.cmd.Process.Signal(syscall.SIGTERM)
	select {
	case <-p.ended:
	case <-time.After(patience):
		p.kill()
		t.Errorf("%s did not end within %v of SIGTERM", p.name, patience)
		return
	}
	if p.err != nil {
		t.Errorf("%s ended with %v", p.name, p.err)
	}
}

func (p *process) running() bool {
	select {
	case <-p.ended:
		return false
	default:
		return true
	}
}

// output gives the last n lines of what the process wrote.
func (p *process) output(n int) string {
	text, err := os.ReadFile(p.out)
	if err != nil {
		return err.Error()
	}
	lines := strings.SplitAfter(string(text), "\n")
	return strings.Join(lines[max(0, len(lines)-n-1):], "")
}

// freePort gives a port that nobody listens at. It lies below the ports that
// the system hands out itself, so that none of a test's own connections takes it
// while a server restarts.
func freePort(t testing.TB) int {
	t.Helper()
	for range 200 {
		port := 20000 + rand.IntN(10000)
		l, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", port))
		if err == nil {
			l.Close()
			return port
		}
	}
	t.Fatal("found no free port")
	return 0
}

// waitFor polls until ready says so; what it is waiting for, and the last answer
// of ready, stand in the failure.
func waitFor(t testing.TB, patience time.Duration, what string, ready func() (bool, string)) time.Duration {
	t.Helper()
	began := time.Now()
	for {
		ok, state := ready()
		if ok {
			return time.Since(began)
		}
		if time.Since(began) > patience {
			t.Fatalf("waited %v for %s: %s", patience, what, state)
		}
		time.Sleep(20 * time.Millisecond)
	}
}
