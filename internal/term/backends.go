package term

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"weir/internal/upstream"
)

// Backends makes a table of how backends stand at a moment.
func Backends(all []upstream.Status, now time.Time) *Table {
	t := &Table{Columns: []Column{
		{"backend", "string"}, {"deployment", "string"}, {"circuit", "string"}, {"until", "string"}, {"rule", "string"}, {"probe", "string"},
		{"in flight", "long"}, {"headroom", "real"}, {"attempts", "string"}, {"trips", "long"},
	}}
	for _, s := range all {
		until := ""
		if s.Until != nil {
			left := max(0, s.Until.Sub(now)).Round(time.Second)
			until = fmt.Sprintf("%s (%s)", s.Until.Local().Format("15:04:05"), left)
		}
		t.Rows = append(t.Rows, []any{s.Backend, s.Deployment, s.Circuit, until, s.Rule, s.Probe,
			s.InFlight, fmt.Sprintf("%d%%", int(math.Round(100*s.Headroom))), attemptClasses(s), s.Trips})
	}
	return t
}

// attemptClasses lists the classes of status that there were.
func attemptClasses(s upstream.Status) string {
	var words []string
	for class, n := range s.Attempts {
		name := strconv.Itoa(class) + "xx"
		if class == 0 {
			name = "none" // without an answer
		}
		if n > 0 {
			words = append(words, fmt.Sprintf("%s:%d", name, n))
		}
	}
	return strings.Join(words, " ")
}
