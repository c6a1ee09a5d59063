package e2e

import (
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// smallDisk mounts a file system of that size over a folder of the gateway's data.
func smallDisk(t *testing.T, dir string, mib int) {
	t.Helper()
	if err := os.MkdirAll(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	unmount, err := mountTmpfs(dir, mib)
	if err != nil {
		t.Skipf("a small file system cannot be mounted here (%v): this test needs Linux and root", err)
	}
	t.Cleanup(func() {
		if err := unmount(); err != nil {
			t.Errorf("unmount %s: %v", dir, err)
		}
	})
}

// fillUp takes all the space that is left below dir; removing the file gives it
// back.
func fillUp(t *testing.T, dir string) (ballast string) {
	t.Helper()
	ballast = filepath.Join(dir, "ballast")
	f, err := os.Create(ballast)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	block := make([]byte, 64<<10)
	n, err := int64(0), error(nil)
	for err == nil && n < 1<<30 {
		_, err = f.Write(block)
		n += int64(len(block))
	}
	if err == nil {
		t.Fatalf("%s took %d bytes and is not full", dir, n)
	}
	return ballast
}

// bulky gives a call whose prompt has so many MiB that do not compress.
func bulky(id string, mib int) *call {
	text := make([]byte, mib<<20*3/4)
	rand.Read(text)
	return &call{id: id, prompt: "unique prompt of " + id + " " + base64.StdEncoding.EncodeToString(text)}
}

// TestJournalDiskFull fills the disk under the journal: new calls are refused
// with 503, what is in flight ends, and when there is space again the gateway
// goes on by itself.
func TestJournalDiskFull(t *testing.T) {
	t.Parallel()
	east, west := startSim(t, "azure", eastKey), startSim(t, "openai", westKey)
	g := twoBackends(t, east, west)
	journal := filepath.Join(g.data, "journal")
	smallDisk(t, journal, 200)
	g.amend(t, "backends:\n", "payload: {inline_limit: 16777216}\nbackends:\n") // all bodies go to the journal
	g.serve(t)
	l := startLoad(g, 3, 2, 50*time.Millisecond)
	time.Sleep(300 * time.Millisecond)
	ballast := fillUp(t, journal)

	client := newClient()
	var bulk []*call
	var refused *call
	for n := 0; refused == nil; n++ {
		if n == 40 {
			t.Fatal("40 calls of 6 MiB passed on a full disk")
		}
		c := bulky(fmt.Sprintf("bulky-%d", n), 6)
		c.do(client, g.url)
		bulk = append(bulk, c)
		if c.status != 200 {
			refused = c
		}
	}
	t.Logf("call %d of 6 MiB was refused: %.300s", len(bulk), refused.body)
	if refused.status != http.StatusServiceUnavailable || refused.header.Get("Retry-After") == "" {
		t.Errorf("status %d with Retry-After %q, want 503 and some", refused.status, refused.header.Get("Retry-After"))
	}
	checkOwnError(t, refused.id, refused.status, refused.body)
	for n := range 5 {
		c := &call{id: fmt.Sprintf("refused-%d", n), prompt: "small"}
		if c.do(client, g.url); c.status != 503 {
			t.Errorf("a small call got %d on a full disk (%v)", c.status, c.err)
		}
	}
	time.Sleep(4 * time.Second) // the slow streams that were in flight end
	if !g.running() {
		t.Fatal("the gateway ended")
	}
	if err := os.Remove(ballast); err != nil {
		t.Fatal(err)
	}
	took := waitFor(t, 30*time.Second, "the gateway to take calls again", func() (bool, string) {
		c := &call{id: fmt.Sprintf("again-%d", time.Now().UnixNano()), prompt: "unique prompt of again"}
		c.do(client, g.url)
		return c.status == 200 && c.complete, fmt.Sprint(c.status, c.err)
	})
	t.Logf("new calls passed %v after there was space", took)
	time.Sleep(500 * time.Millisecond)
	calls := append(l.end(), bulk...)
	full := refused.sentAt // the first refusal's time
	for _, c := range calls {
		if c.status == 503 && c.sentAt.Before(full) {
			full = c.sentAt
		}
	}
	counted, across := map[int]int{}, 0
	for _, c := range calls {
		counted[c.status]++
		if c.status == 200 && c.sentAt.Before(full) && c.endedAt.After(full) {
			across++
		}
		switch {
		case c.status == 200 && !c.complete:
			t.Errorf("%s was admitted and broke off: %v", c.id, c.err)
		case c.status != 200 && c.status != 503:
			t.Errorf("%s: status %d, %v", c.id, c.status, c.err)
		}
	}
	t.Logf("calls by status: %v; %d streams were in flight when the disk was full, and ended", counted, across)
	if across == 0 {
		t.Error("no stream was in flight when the disk was full: the test shows less than it should")
	}
	account(t, g, calls, nil, east, west)
	g.catchUp(t)
	g.noDoubles(t)
}

// TestStoreDiskFull fills the disk under the store: calls are not touched by it,
// and once there is space everything is in the store, once.
func TestStoreDiskFull(t *testing.T) {
	t.Parallel()
	east, west := startSim(t, "azure", eastKey), startSim(t, "openai", westKey)
	g := twoBackends(t, east, west)
	store := filepath.Join(g.data, "store")
	smallDisk(t, store, 160)
	g.serve(t)
	client := newClient()
	var calls []*call
	do := func(c *call) {
		t.Helper()
		if c.do(client, g.url); c.status != 200 || !c.complete {
			t.Errorf("%s: status %d, %v", c.id, c.status, c.err)
		}
		calls = append(calls, c)
	}
	for n := range 5 {
		do(&call{id: fmt.Sprintf("before-%d", n), prompt: fmt.Sprintf("unique prompt of before-%d", n)})
	}
	g.catchUp(t)
	ballast := fillUp(t, store)
	// More than the store keeps in memory before it writes a file.
	for n := range 12 {
		do(bulky(fmt.Sprintf("bulky-%d", n), 6))
		do(&call{id: fmt.Sprintf("small-%d", n), prompt: fmt.Sprintf("unique prompt of small-%d", n), stream: n%2 == 0})
	}
	waitFor(t, 30*time.Second, "the store to meet the full disk", func() (bool, string) {
		return strings.Contains(g.output(1000), "no space left"), g.output(5)
	})
	if files := sealedFiles(t, g); files != 0 {
		t.Errorf("the store has %d sealed files on a full disk", files)
	}
	for n := range 5 {
		do(&call{id: fmt.Sprintf("during-%d", n), prompt: fmt.Sprintf("unique prompt of during-%d", n)})
	}
	if err := os.Remove(ballast); err != nil {
		t.Fatal(err)
	}
	took := waitFor(t, 60*time.Second, "the store to seal what it holds", func() (bool, string) {
		n, err := g.sealed()
		return err == nil && n > 0, fmt.Sprintf("%d files, %v", n, err)
	})
	t.Logf("the store had sealed %v after there was space", took)
	for n := range 5 {
		do(&call{id: fmt.Sprintf("after-%d", n), prompt: fmt.Sprintf("unique prompt of after-%d", n)})
	}
	g.catchUp(t)
	account(t, g, calls, nil, east, west)
	g.noDoubles(t)
	g.kill()
	g.serve(t)
	g.catchUp(t)
	account(t, g, calls, nil, east, west)
	g.noDoubles(t)
}

// sealed says how many files the store has.
func (g *gateway) sealed() (int, error) {
	resp, err := http.Get(g.api + "/v1/status")
	if err != nil {
		return 0, err
	}
	defer resp.Body.Close()
	var s struct{ SealedFiles int }
	return s.SealedFiles, json.NewDecoder(resp.Body).Decode(&s)
}

func sealedFiles(t *testing.T, g *gateway) int {
	t.Helper()
	n, err := g.sealed()
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// checkOwnError checks that an answer has both shapes of a gateway's own error:
// API Management's and the model service's.
func checkOwnError(t *testing.T, what string, status int, body []byte) (code, message string) {
	t.Helper()
	var e struct {
		StatusCode int    `json:"statusCode"`
		Message    string `json:"message"`
		Error      struct{ Code, Message string }
	}
	if err := json.Unmarshal(body, &e); err != nil {
		t.Errorf("%s: the error is no JSON (%v): %.300s", what, err, body)
		return "", ""
	}
	if e.StatusCode != status || e.Message == "" || e.Error.Code == "" || e.Error.Message != e.Message {
		t.Errorf("%s: the error lacks one of its shapes: %.500s", what, body)
	}
	return e.Error.Code, e.Message
}
