package e2e

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"time"
)

// TestHangUp has clients leave in the middle of streams: the backend's call must
// be cancelled, and the record have what was sent, its tokens counted and marked.
func TestHangUp(t *testing.T) {
	east, west := startSim(t, "azure", eastKey), startSim(t, "openai", westKey)
	g := twoBackends(t, east, west)
	g.serve(t)
	const clients = 12
	calls := make([]*call, clients)
	var ids []string
	var wg sync.WaitGroup
	for i := range calls {
		id := fmt.Sprintf("hangup-%d", i)
		ids = append(ids, id)
		calls[i] = &call{id: id, prompt: "unique prompt of " + id, stream: true, tokens: 400,
			sim: "tokens=400,chunk_delay=20ms", stopAfter: 1 + rand.IntN(60)}
		wg.Go(func() {
			// A connection of its own: closing the body closes it.
			http := newClient()
			defer http.CloseIdleConnections()
			calls[i].do(http, g.url)
		})
	}
	wg.Wait()
	took := waitFor(t, 5*time.Second, "the simulators to see their callers gone", func() (bool, string) {
		open, cancelled := 0, 0
		for _, s := range []*simulator{east, west} {
			for _, c := range s.calls(t) {
				switch c.State {
				case "open":
					open++
				case "cancelled":
					cancelled++
				}
			}
		}
		return cancelled == clients, fmt.Sprintf("%d calls are open, %d cancelled", open, cancelled)
	})
	t.Logf("the last backend call was cancelled %v after the last client had left", took)

	records := g.settle(t, "Outcome, Completion, PromptTokens, CompletionTokens, UsageSource, ResponseCode, BackendResponseBody", ids)
	for _, c := range calls {
		if c.complete || c.text == "" {
			t.Errorf("%s did not hang up in the middle: complete %v, %q", c.id, c.complete, c.text)
			continue
		}
		if n := len(records[c.id]); n != 1 {
			t.Errorf("%s: %d records", c.id, n)
			continue
		}
		r := records[c.id][0]
		if r.text("Outcome") != "cancelled" || r.number("ResponseCode") != 200 {
			t.Errorf("%s: outcome %q, status %v", c.id, r.text("Outcome"), r["ResponseCode"])
		}
		got := r.text("Completion")
		if !strings.HasPrefix(got, c.text) {
			t.Errorf("%s: the client read %q, the record has %q", c.id, c.text, got)
		}
		whole, err := c.alone(east, eastKey, "tokens=400")
		if err != nil || !strings.HasPrefix(whole, got) || got == whole {
			t.Errorf("%s: the record has %q, which is no beginning of %.60q… (%v)", c.id, got, whole, err)
		}
		if r.text("UsageSource") != "estimated" || r.number("CompletionTokens") <= 0 || r.number("PromptTokens") <= 0 {
			t.Errorf("%s: %v + %v tokens by %q, want an estimate", c.id, r["PromptTokens"], r["CompletionTokens"], r.text("UsageSource"))
		}
	}
}

// TestOldVersion streams from a backend whose api-version does not know
// stream_options: the call passes, and its tokens are counted and marked.
func TestOldVersion(t *testing.T) {
	old := startSim(t, "azure", eastKey)
	g := newGateway(t, []backend{{"old", "azure", old.url, "2024-06-01", "${env:EAST_KEY}"}}, []route{{"gpt-4o", []string{"old"}}})
	g.serve(t)
	c := &call{id: "old-version", prompt: "unique prompt of old-version", stream: true, tokens: 40, sim: "tokens=40"}
	if c.do(newClient(), g.url); c.status != 200 || !c.complete {
		t.Fatalf("status %d, complete %v, %v: %s", c.status, c.complete, c.err, c.body)
	}
	r := g.settle(t, "Outcome, Completion, PromptTokens, CompletionTokens, TotalTokens, UsageSource", []string{c.id})[c.id][0]
	if r.text("Outcome") != "completed" || r.text("Completion") != c.text {
		t.Errorf("the record is %v, the client read %q", r, c.text)
	}
	if r.text("UsageSource") != "estimated" || r.number("PromptTokens") <= 0 || r.number("CompletionTokens") <= 0 ||
		r.number("TotalTokens") != r.number("PromptTokens")+r.number("CompletionTokens") {
		t.Errorf("tokens: %v, want an estimate", r)
	}
}
