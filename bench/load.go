package main

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// benchKey is the subscription key of the gateway under test.
const benchKey = "bench-key"

// load says how a server is called: as fast as conns connections can, or at a
// fixed rate of calls a second over them.
type load struct {
	conns  int
	rate   int
	stream bool
	delay  time.Duration // between a stream's chunks
}

// result is what one round gave.
type result struct {
	calls      int64
	cpu, store time.Duration
	p50, p99   time.Duration
}

func client(conns int) *http.Client {
	return &http.Client{Transport: &http.Transport{MaxIdleConns: conns, MaxIdleConnsPerHost: conns, DisableCompression: true}}
}

// call makes one chat call and reads the answer to its end.
func call(c *http.Client, base string, l load, body string) error {
	req, err := http.NewRequest(http.MethodPost, base+"/v1/chat/completions", strings.NewReader(body))
	if err != nil {
		return err
	}
	req.Header.Set("Authorization", "Bearer "+benchKey)
	req.Header.Set("Content-Type", "application/json")
	if l.delay > 0 {
		req.Header.Set("x-delay", l.delay.String())
	}
	resp, err := c.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if _, err := io.Copy(io.Discard, resp.Body); err != nil {
		return err
	}
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("the answer was %s", resp.Status)
	}
	return nil
}

// measure loads base for the length of a round, after a short warm-up, and
// gives the CPU time that process pid took for it.
func measure(base string, pid int, l load, length time.Duration) (result, error) {
	c := client(l.conns)
	defer c.CloseIdleConnections()
	warm, err := drive(c, base, l, length/8)
	if err != nil {
		return result{}, err
	}
	before, err := cpuTime(pid)
	if err != nil {
		return result{}, err
	}
	times, err := drive(c, base, l, length)
	if err != nil {
		return result{}, err
	}
	after, err := cpuTime(pid)
	if err != nil {
		return result{}, err
	}
	slices.Sort(times)
	n := len(times)
	// The warm-up's calls are in the log too, so they count as calls made; its
	// CPU is left out by scaling.
	scale := float64(n+len(warm)) / float64(n)
	return result{calls: int64(n + len(warm)), cpu: time.Duration(float64(after-before) * scale),
		p50: times[n/2], p99: times[n*99/100]}, nil
}

func drive(c *http.Client, base string, l load, length time.Duration) ([]time.Duration, error) {
	body := requestBody(l.stream)
	start := time.Now()
	end := start.Add(length)
	var mu sync.Mutex
	var all []time.Duration
	var failed error
	var ticket atomic.Int64
	var wg sync.WaitGroup
	for range l.conns {
		wg.Go(func() {
			var mine []time.Duration
			var err error
			for err == nil {
				due := time.Now()
				if l.rate > 0 {
					due = start.Add(time.Duration(ticket.Add(1)-1) * time.Second / time.Duration(l.rate))
					time.Sleep(time.Until(due))
				}
				if due.After(end) {
					break
				}
				if err = call(c, base, l, body); err == nil {
					mine = append(mine, time.Since(due))
				}
			}
			mu.Lock()
			defer mu.Unlock()
			all = append(all, mine...)
			failed = errors.Join(failed, err)
		})
	}
	wg.Wait()
	if failed == nil && len(all) == 0 {
		failed = errors.New("no call ended within the round")
	}
	return all, failed
}

// ticksPerSecond is the unit of /proc's CPU times: 100 on every Linux that Go
// runs on.
const ticksPerSecond = 100

// cpuTime is the user and system time of a process so far.
func cpuTime(pid int) (time.Duration, error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0, fmt.Errorf("read a process's CPU time (this needs Linux): %w", err)
	}
	f := strings.Fields(string(text[strings.LastIndexByte(string(text), ')')+1:]))
	if len(f) < 13 {
		return 0, errors.New("the system's account of a process has too few fields")
	}
	user, err1 := strconv.ParseInt(f[11], 10, 64)
	system, err2 := strconv.ParseInt(f[12], 10, 64)
	return time.Duration(user+system) * time.Second / ticksPerSecond, errors.Join(err1, err2)
}

// resident is a process's resident memory in MiB.
func resident(pid int) (float64, error) { return memory(pid, "VmRSS:") }

// memory is a line of the system's account of a process's memory, in MiB.
func memory(pid int, name string) (float64, error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0, err
	}
	for line := range strings.Lines(string(text)) {
		if v, ok := strings.CutPrefix(line, name); ok {
			kb, err := strconv.ParseFloat(strings.Fields(v)[0], 64)
			return kb / 1024, err
		}
	}
	return 0, errors.New("the system does not say a process's memory")
}
