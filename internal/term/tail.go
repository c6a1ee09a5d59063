package term

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"
)

// tailColumns are what one line of a tail is made of.
const tailColumns = `project TimeGenerated, CorrelationId, Epoch, Sequence, ResponseCode, Outcome, OperationId, DeploymentName, ApimSubscriptionId, PromptTokens, CompletionTokens, UsageSource, TotalTime, Prompt`

// lookBack is how many frames before the newest one a tail looks again, since
// records are stored in the order in which they ended, give or take the second
// in which their delivery is awaited.
const lookBack = 20_000

// Tail writes a line for each exchange as it ends, until ctx does; it starts
// with the last n. It asks every poll.
func Tail(ctx context.Context, q Querier, w io.Writer, n int, filter string, poll time.Duration) error {
	where := ""
	if filter != "" {
		where = "| where " + filter + " "
	}
	t := tail{w: w, seen: map[string]position{}}
	newest := func(n int, columns string) (*Table, error) {
		return q.Query(ctx, fmt.Sprintf("WeirExchanges %s| top %d by Epoch desc, Sequence desc | %s | sort by Epoch asc, Sequence asc", where, n, columns))
	}
	// What stands already within the reach of later looks is seen, whether or
	// not it is shown.
	old, err := newest(lookBack, "project CorrelationId, Epoch, Sequence")
	if err != nil {
		return err
	}
	first := &Table{}
	if n > 0 {
		if first, err = newest(n, tailColumns); err != nil {
			return err
		}
	}
	fmt.Fprintf(w, "%-12s  %-36s  %4s  %-24s  %-22s  %-14s  %7s  %7s  %8s  %s\n", "TIME", "ID", "CODE", "OPERATION", "DEPLOYMENT", "SUBSCRIPTION", "PROMPT", "ANSWER", "MS", "TEXT")
	t.lines(first)
	for _, row := range old.Rows {
		t.mark(old, row)
	}
	waiting := false
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(poll):
		}
		from := position{t.last.epoch, max(0, t.last.seq-lookBack)}
		next, err := q.Query(ctx, fmt.Sprintf("WeirExchanges %s| where Epoch > %d or (Epoch == %d and Sequence > %d) | %s | sort by Epoch asc, Sequence asc", where, from.epoch, from.epoch, from.seq, tailColumns))
		if ctx.Err() != nil {
			return nil
		}
		var refused *QueryError
		if errors.As(err, &refused) {
			return err
		}
		if err != nil {
			if !waiting {
				fmt.Fprintln(w, "… the server does not answer; waiting for it")
			}
			waiting = true
			continue
		}
		waiting = false
		t.lines(next)
		t.forget()
	}
}

type position struct{ epoch, seq int64 }

type tail struct {
	w    io.Writer
	seen map[string]position
	last position
}

// mark notes that an exchange was seen, and reports whether it is new.
func (t *tail) mark(res *Table, row []any) bool {
	id := text(row[res.Index("CorrelationId")])
	if _, old := t.seen[id]; old {
		return false
	}
	at := position{number(text(row[res.Index("Epoch")])), number(text(row[res.Index("Sequence")]))}
	t.seen[id] = at
	if at.epoch > t.last.epoch || at.epoch == t.last.epoch && at.seq > t.last.seq {
		t.last = at
	}
	return true
}

func (t *tail) lines(res *Table) {
	for _, row := range res.Rows {
		if !t.mark(res, row) {
			continue
		}
		get := func(name string) string { return text(row[res.Index(name)]) }
		when := get("TimeGenerated")
		if p, err := time.Parse(time.RFC3339Nano, when); err == nil {
			when = p.Local().Format("15:04:05.000")
		}
		answer := get("CompletionTokens")
		if get("UsageSource") == "estimated" {
			answer = "~" + answer
		}
		code := get("ResponseCode")
		if o := get("Outcome"); o == "interrupted" || o == "cancelled" {
			code += "!"
		}
		fmt.Fprintf(t.w, "%-12s  %-36s  %4s  %-24s  %-22s  %-14s  %7s  %7s  %8s  %s\n", when, get("CorrelationId"), code, cut(safe(get("OperationId")), 24),
			cut(safe(get("DeploymentName")), 22), cut(safe(get("ApimSubscriptionId")), 14), get("PromptTokens"), answer, get("TotalTime"), cut(safe(question(get("Prompt"))), 60))
	}
}

// question is the last thing that a person said in a prompt.
func question(prompt string) string {
	if i := strings.LastIndex("\n\n"+prompt, "\n\nuser: "); i >= 0 {
		return prompt[i+len("user: "):]
	}
	return prompt
}

// forget drops what lies too far back to be seen again, so that a long tail
// does not grow.
func (t *tail) forget() {
	for id, at := range t.seen {
		if at.epoch < t.last.epoch || at.seq < t.last.seq-2*lookBack {
			delete(t.seen, id)
		}
	}
}

func number(s string) int64 {
	n, _ := strconv.ParseInt(s, 10, 64)
	return n
}

// decode reads a dynamic's value into v, whichever way it was encoded: as JSON
// or as text that holds JSON.
func decode(val, v any) bool {
	switch x := val.(type) {
	case nil:
		return false
	case string:
		return json.Unmarshal([]byte(x), v) == nil
	}
	b, err := json.Marshal(val)
	return err == nil && json.Unmarshal(b, v) == nil
}
