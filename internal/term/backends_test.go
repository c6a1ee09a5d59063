package term

import (
	"strings"
	"testing"
	"time"

	"weir/internal/upstream"
)

func TestBackends(t *testing.T) {
	now := time.Date(2026, 5, 1, 12, 0, 0, 0, time.Local)
	until := now.Add(90 * time.Second)
	east := upstream.Status{Backend: "east", Deployment: "gpt-4o", Circuit: "open", Until: &until, Rule: "throttled", Throttled: true, Trips: 2, Probe: "well", InFlight: 3, Headroom: 0.125}
	east.Attempts[0], east.Attempts[2], east.Attempts[4] = 1, 1200, 7
	var b strings.Builder
	if err := Write(&b, Backends([]upstream.Status{east, {Backend: "w", Deployment: "gpt-4o-mini", Circuit: "closed", Headroom: 1}}, now), "table", Style{}); err != nil {
		t.Fatal(err)
	}
	want := `
backend  deployment   circuit  until             rule       probe  in flight  headroom  attempts               trips
───────  ───────────  ───────  ────────────────  ─────────  ─────  ─────────  ────────  ─────────────────────  ─────
east     gpt-4o       open     12:01:30 (1m30s)  throttled  well           3       13%  none:1 2xx:1200 4xx:7      2
w        gpt-4o-mini  closed                                               0      100%                             0
(2 rows)
`
	if got := "\n" + b.String(); got != want {
		t.Errorf("got %s\nwant %s", got, want)
	}
}
