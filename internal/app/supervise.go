package app

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"time"
)

// leashFD is the descriptor on which a store child holds its parent's pipe: the
// first after the three standard ones.
const leashFD = 3

// The pauses between restarts of a store that dies: short, since queries wait
// for it, and growing, since a store that cannot start must not burn the
// machine that carries the traffic.
const (
	restartFirst = 100 * time.Millisecond
	restartMost  = 10 * time.Second
	restartCalm  = 30 * time.Second // a run this long starts over with the first pause
)

// child is a run of the same program.
type child struct {
	args []string
	// input gives what each run finds on its standard input.
	input  func() ([]byte, error)
	stderr io.Writer
}

// supervise keeps a child running until ctx ends, restarting it when it dies. The
// child holds the read end of a pipe whose write end is ours: however this process
// ends, the pipe closes and the child goes too.
func supervise(ctx context.Context, c child, log *slog.Logger) error {
	self, err := os.Executable()
	if err != nil {
		return fmt.Errorf("find this program to start the store with: %w", err)
	}
	pause := restartFirst
	for {
		started := time.Now()
		err := c.run(ctx, self, log)
		if ctx.Err() != nil {
			return nil
		}
		if time.Since(started) > restartCalm {
			pause = restartFirst
		}
		log.Error("the store ended; it is started again", "error", err, "pause", pause)
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(pause):
		}
		pause = min(2*pause, restartMost)
	}
}

// run runs the child once until it ends, or until ctx does: then the leash is let
// go, and a child that does not follow in ten seconds is killed.
func (c child) run(ctx context.Context, self string, log *slog.Logger) error {
	input, err := c.input()
	if err != nil {
		return err
	}
	leash, hold, err := os.Pipe()
	if err != nil {
		return fmt.Errorf("make the pipe that ties the store to its gateway: %w", err)
	}
	defer hold.Close()
	cmd := exec.Command(self, c.args...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = bytes.NewReader(input), c.stderr, c.stderr
	cmd.ExtraFiles = []*os.File{leash}
	err = cmd.Start()
	leash.Close()
	if err != nil {
		return fmt.Errorf("start the store: %w", err)
	}
	log.Info("the store runs", "pid", cmd.Process.Pid)
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	select {
	case err := <-ended:
		if err == nil {
			err = errors.New("it ended by itself")
		}
		return err
	case <-ctx.Done():
	}
	hold.Close()
	select {
	case err := <-ended:
		return err
	case <-time.After(10 * time.Second):
		cmd.Process.Kill()
		return <-ended
	}
}

// withLeash gives a context that ends when the parent's pipe does: when the
// parent let go, or died in any way.
func withLeash(ctx context.Context) (context.Context, error) {
	f := os.NewFile(leashFD, "leash")
	if f == nil {
		return nil, errors.New("there is no parent's pipe: the leash is for a store that `weir serve` starts")
	}
	if st, err := f.Stat(); err != nil || st.Mode()&os.ModeNamedPipe == 0 {
		return nil, errors.New("there is no parent's pipe: the leash is for a store that `weir serve` starts")
	}
	ctx, cancel := context.WithCancel(ctx)
	go func() { // ends with the process: the pipe says nothing until then
		io.Copy(io.Discard, f)
		cancel()
	}()
	return ctx, nil
}
