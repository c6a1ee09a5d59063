package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// gateway is `weir serve` with everything on, over the mock upstream.
type gateway struct {
	cmd      *exec.Cmd
	url, api string
	dir      string
}

func (b *bench) startGateway(env []string) (*gateway, error) {
	dir, err := os.MkdirTemp(b.dir, "data")
	if err != nil {
		return nil, err
	}
	ports, err := freePorts(3)
	if err != nil {
		return nil, err
	}
	sum := sha256.Sum256([]byte(benchKey))
	config := fmt.Sprintf(`data: %s
gateway: {name: bench, listen: 127.0.0.1:%d}
api: {listen: 127.0.0.1:%d}
telemetry: {listen: 127.0.0.1:%d}
backends:
  - {name: mock, kind: openai, url: "http://%s/v1", key: upstream-key}
deployments:
  - {name: gpt-4o, backends: [{backend: mock, deployment: gpt-4o}]}
subscriptions:
  - {name: bench, product: bench, keys: ["sha256:%s"]}
`, filepath.Join(dir, "data"), ports[0], ports[1], ports[2], b.upstream.addr, hex.EncodeToString(sum[:]))
	file := filepath.Join(dir, "weir.yaml")
	if err := os.WriteFile(file, []byte(config), 0o600); err != nil {
		return nil, err
	}
	g := &gateway{cmd: exec.Command(b.weir, "serve", "--config", file), dir: dir,
		url: fmt.Sprintf("http://127.0.0.1:%d", ports[0]), api: fmt.Sprintf("http://127.0.0.1:%d", ports[1])}
	g.cmd.Env = append(os.Environ(), env...)
	var said bytes.Buffer
	g.cmd.Stderr = &said
	if err := g.cmd.Start(); err != nil {
		return nil, err
	}
	for range 200 {
		if g.ready() {
			return g, nil
		}
		time.Sleep(50 * time.Millisecond)
	}
	g.stop()
	return nil, fmt.Errorf("the gateway did not start: %s", said.String())
}

func (g *gateway) ready() bool {
	for _, u := range []string{g.api + "/healthz", g.url + "/v1/models"} {
		resp, err := http.Get(u)
		if err != nil {
			return false
		}
		resp.Body.Close()
	}
	return true
}

func (g *gateway) pid() int { return g.cmd.Process.Pid }

func (g *gateway) stop() {
	g.cmd.Process.Signal(os.Interrupt)
	done := make(chan struct{})
	go func() {
		g.cmd.Wait() // its end is what was asked for
		close(done)
	}()
	select {
	case <-done:
	case <-time.After(15 * time.Second):
		g.cmd.Process.Kill()
		<-done
	}
}

// settle waits until every one of the calls is in the log, fails if one is lost
// or doubled, and gives the CPU time of the store process and the count.
func (b *bench) settle(ctx context.Context, g *gateway, calls int64) (time.Duration, error) {
	child, err := childOf(g.pid())
	if err != nil {
		return 0, err
	}
	var stored int64
	for range 600 {
		if stored, err = g.count(ctx); err == nil && stored >= calls {
			break
		}
		time.Sleep(100 * time.Millisecond)
	}
	if err != nil {
		return 0, err
	}
	if stored != calls {
		return 0, fmt.Errorf("%d calls were made and %d are on the record", calls, stored)
	}
	b.made += calls
	b.recorded += stored
	return cpuTime(child)
}

func (g *gateway) count(ctx context.Context) (int64, error) {
	body, _ := json.Marshal(map[string]string{"db": "weir", "csl": "WeirExchanges | where OperationId == 'chatcompletions_create' | summarize n = count(), d = dcount(CorrelationId)"})
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, g.api+"/v1/rest/query", bytes.NewReader(body))
	if err != nil {
		return 0, err
	}
	req.Header.Set("Content-Type", "application/json")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return 0, err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return 0, errors.New("the query was answered with " + resp.Status)
	}
	var out struct{ Tables []struct{ Rows [][]any } }
	if err := json.NewDecoder(resp.Body).Decode(&out); err != nil {
		return 0, err
	}
	if len(out.Tables) == 0 || len(out.Tables[0].Rows) == 0 {
		return 0, errors.New("the count has no row")
	}
	row := out.Tables[0].Rows[0]
	count, ok1 := row[0].(float64)
	ids, ok2 := row[1].(float64)
	if !ok1 || !ok2 {
		return 0, errors.New("the count is no number")
	}
	if count != ids {
		return 0, fmt.Errorf("%.0f records have %.0f ids: some are doubled", count, ids)
	}
	return int64(count), nil
}

func freePorts(n int) ([]int, error) {
	var out []int
	for range n {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			return nil, err
		}
		defer l.Close()
		out = append(out, l.Addr().(*net.TCPAddr).Port)
	}
	return out, nil
}

// childOf finds the one child of a process.
func childOf(pid int) (int, error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/task/%d/children", pid, pid))
	if err == nil && len(strings.Fields(string(text))) > 0 {
		return strconv.Atoi(strings.Fields(string(text))[0])
	}
	dirs, err := filepath.Glob("/proc/[0-9]*/stat")
	if err != nil {
		return 0, err
	}
	for _, d := range dirs {
		text, err := os.ReadFile(d)
		if err != nil {
			continue
		}
		f := strings.Fields(string(text[strings.LastIndexByte(string(text), ')')+1:]))
		if len(f) > 1 && f[1] == strconv.Itoa(pid) {
			return strconv.Atoi(filepath.Base(filepath.Dir(d)))
		}
	}
	return 0, errors.New("the gateway has no store process")
}
