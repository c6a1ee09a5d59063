package e2e

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"
)

// TestDemo does what the README tells a newcomer: the demo with traffic, the
// commands that it prints as they stand, tail and show, then Ctrl-C, which
// reaches every process of the terminal. What it kept is read from the folder.
func TestDemo(t *testing.T) {
	data := filepath.Join(t.TempDir(), "demo")
	listen, api := fmt.Sprintf("127.0.0.1:%d", freePort(t)), fmt.Sprintf("127.0.0.1:%d", freePort(t))
	p := start(t, "demo", nil, "demo", "-traffic", "40", "-data", data, "-listen", listen, "-api", api)
	waitFor(t, 60*time.Second, "the demo to say what to try", func() (bool, string) {
		text := p.output(1 << 20)
		return strings.Contains(text, "Ctrl-C ends it"), text
	})
	hints := p.output(1 << 20)
	for _, want := range []string{"40 of 40 calls", "http://" + listen, "http://" + api, "weir-demo-key"} {
		if !strings.Contains(hints, want) {
			t.Errorf("the demo does not say %q:\n%s", want, hints)
		}
	}
	for _, hint := range regexp.MustCompile(`(?m)^  (curl -s (?:.*\\\n)*.*|\S*weir\S* query .*)$`).FindAllStringSubmatch(hints, -1) {
		out, err := exec.Command("sh", "-c", hint[1]).CombinedOutput()
		if err != nil || !strings.Contains(string(out), "gpt-4o") {
			t.Errorf("%s\ngave %v and\n%s", hint[1], err, out)
		}
	}
	server := "http://" + api
	waitFor(t, 10*time.Second, "the traffic to be on the record", func() (bool, string) {
		out, errs, _ := runWeir(t, nil, "query", "-server", server, "-format", "csv", "WeirExchanges | count")
		return strings.Contains(out, "41"), out + errs
	})
	out, errs, code := runWeir(t, nil, "query", "-server", server, "-format", "csv", "WeirExchanges | where Prompt has 'weir' | project CorrelationId, Team")
	if code != 0 {
		t.Fatalf("%s", errs)
	}
	id := strings.Split(strings.Split(strings.TrimSpace(out), "\n")[1], ",")[0]
	shown, errs, code := runWeir(t, nil, "show", "-server", server, id)
	if code != 0 || !strings.Contains(shown, "── user ──\nWhat does a weir do?") || !strings.Contains(shown, "── answer assistant ──\n") {
		t.Errorf("weir show gave %s%s", shown, errs)
	}
	tail := start(t, "tail", nil, "tail", "-server", server, "-n", "5")
	waitFor(t, 10*time.Second, "tail to show the last exchange", func() (bool, string) {
		text := tail.output(1 << 20)
		return strings.Contains(text, id), text
	})
	if n := strings.Count(tail.output(1<<20), "\n"); n != 6 {
		t.Errorf("tail -n 5 wrote %d lines", n)
	}
	tail.stop(t, 5*time.Second)

	if err := syscall.Kill(-p.cmd.Process.Pid, syscall.SIGINT); err != nil {
		t.Fatal(err)
	}
	select {
	case <-p.ended:
	case <-time.After(20 * time.Second):
		t.Fatal("the demo did not end after Ctrl-C")
	}
	if p.err != nil || strings.Contains(p.output(1<<20), "level=") {
		t.Errorf("Ctrl-C ended the demo with %v and\n%s", p.err, p.output(1<<20))
	}
	if out, errs, _ := runWeir(t, nil, "query", "-data", data, "-format", "csv", "WeirExchanges | where isnotempty(Team) | count"); !strings.Contains(out, "40") {
		t.Errorf("the folder gives %s%s", out, errs)
	}
	if _, err := os.Stat(filepath.Join(data, "about.json")); err != nil {
		t.Error(err)
	}
}

// TestDemoPortTaken: the demo says which address is taken, once, and starts
// nothing.
func TestDemoPortTaken(t *testing.T) {
	taken := startSim(t, "azure", "k")
	addr := strings.TrimPrefix(taken.url, "http://")
	_, errs, code := runWeir(t, nil, "demo", "-data", filepath.Join(t.TempDir(), "d"), "-listen", fmt.Sprintf("127.0.0.1:%d", freePort(t)), "-api", addr)
	if code != 1 || strings.Count(errs, addr) != 2 || !strings.Contains(errs, "choose others") {
		t.Errorf("exit %d:\n%s", code, errs)
	}
}
