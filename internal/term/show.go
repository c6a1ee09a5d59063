package term

import (
	"context"
	"fmt"
	"io"
	"strings"

	"weir/internal/record"
)

// NotFoundError says that no record has the id.
type NotFoundError struct{ ID string }

func (e *NotFoundError) Error() string {
	return "no exchange " + e.ID + " is on the record; `weir tail` and `weir query 'WeirExchanges | top 10 by TimeGenerated'` show ids"
}

// Show writes one exchange whole, as a person would read a conversation.
func Show(ctx context.Context, q Querier, w io.Writer, id string) error {
	parsed, err := record.ParseID(strings.ToLower(strings.TrimSpace(id)))
	if err != nil {
		return err
	}
	res, err := q.Query(ctx, "WeirExchanges | where CorrelationId == '"+parsed.String()+"'")
	if err != nil {
		return err
	}
	if len(res.Rows) == 0 {
		return &NotFoundError{parsed.String()}
	}
	get := func(name string) any {
		if i := res.Index(name); i >= 0 {
			return res.Rows[0][i]
		}
		return nil
	}
	var b strings.Builder
	heading(&b, get)
	conversation(&b, get)
	trouble(&b, get)
	_, err = io.WriteString(w, b.String())
	return err
}

func heading(b *strings.Builder, get func(string) any) {
	s := func(name string) string { return safe(text(get(name))) }
	fmt.Fprintf(b, "%s  %s  %s\n", s("CorrelationId"), s("TimeGenerated"), s("Outcome"))
	line := func(label string, parts ...string) {
		var kept []string
		for _, p := range parts {
			if strings.TrimSpace(p) != "" {
				kept = append(kept, p)
			}
		}
		if len(kept) > 0 {
			fmt.Fprintf(b, "  %-12s %s\n", label, strings.Join(kept, " · "))
		}
	}
	with := func(label, name string) string {
		if v := s(name); v != "" {
			return label + " " + v
		}
		return ""
	}
	line("caller", s("CallerIpAddress"), with("subscription", "ApimSubscriptionId"), with("product", "ProductId"), with("user", "EndUser"))
	line("request", s("Method")+" "+s("Url"))
	line("operation", s("OperationId"), with("deployment", "DeploymentName"), with("model", "ModelName"))
	line("answer", s("ResponseCode"), with("backend", "BackendId"), with("finish", "FinishReason"), streamWord(get("IsStream")))
	usage := fmt.Sprintf("%s prompt + %s answer = %s", s("PromptTokens"), s("CompletionTokens"), s("TotalTokens"))
	if src := s("UsageSource"); src != "" {
		line("tokens", usage, src)
	}
	line("time", s("TotalTime")+" ms in all", s("BackendTime")+" ms backend", firstToken(s("TimeToFirstToken")))
	line("attempts", attempts(get("Attempts")))
	line("metadata", dynamicText(get("Metadata")))
	line("labels", dynamicText(get("Labels")))
	line("trace", s("TraceParent"))
}

func streamWord(v any) string {
	if text(v) == "true" {
		return "streamed"
	}
	return ""
}

func firstToken(ms string) string {
	if ms == "" || ms == "0" {
		return ""
	}
	return ms + " ms to the first token"
}

func dynamicText(v any) string {
	t := text(v)
	if t == "null" || t == "{}" || t == "[]" {
		return ""
	}
	return safe(t)
}

func attempts(v any) string {
	var as []struct {
		Backend, Reason, RetryAfter string
		Status                      int
	}
	if !decode(v, &as) || len(as) < 2 {
		return ""
	}
	var parts []string
	for _, a := range as {
		p := a.Backend
		if a.Status != 0 {
			p += fmt.Sprintf(" %d", a.Status)
		}
		if a.Reason != "" && a.Reason != fmt.Sprint(a.Status) {
			p += " " + a.Reason
		}
		parts = append(parts, safe(p))
	}
	return strings.Join(parts, " → ")
}

type message struct {
	Role       string `json:"role"`
	Name       string `json:"name"`
	Content    any    `json:"content"`
	Refusal    string `json:"refusal"`
	ToolCallID string `json:"tool_call_id"`
	ToolCalls  []struct {
		ID       string `json:"id"`
		Function struct{ Name, Arguments string }
	} `json:"tool_calls"`
}

func conversation(b *strings.Builder, get func(string) any) {
	var asked, answered []message
	if !decode(get("RequestMessages"), &asked) && text(get("Prompt")) != "" {
		asked = []message{{Role: "prompt", Content: text(get("Prompt"))}}
	}
	if !decode(get("ResponseMessages"), &answered) && text(get("Completion")) != "" {
		answered = []message{{Role: "assistant", Content: text(get("Completion"))}}
	}
	for _, m := range asked {
		say(b, "", m)
	}
	for i, m := range answered {
		mark := "answer "
		if len(answered) > 1 {
			mark = fmt.Sprintf("answer %d ", i+1)
		}
		say(b, mark, m)
	}
	if len(asked)+len(answered) == 0 {
		for _, part := range [][2]string{{"request body", "RequestBody"}, {"response body", "ResponseBody"}} {
			if t := text(get(part[1])); t != "" {
				fmt.Fprintf(b, "\n── %s ──\n%s\n", part[0], safeLines(t))
			}
		}
	}
}

func say(b *strings.Builder, mark string, m message) {
	who := m.Role
	if m.Name != "" {
		who += " " + m.Name
	}
	if m.ToolCallID != "" {
		who += " " + m.ToolCallID
	}
	fmt.Fprintf(b, "\n── %s%s ──\n", mark, safe(who))
	if t := contentText(m.Content); t != "" {
		fmt.Fprintln(b, safeLines(t))
	}
	if m.Refusal != "" {
		fmt.Fprintln(b, "[refused] "+safeLines(m.Refusal))
	}
	for _, c := range m.ToolCalls {
		fmt.Fprintf(b, "[calls %s(%s)  %s]\n", safe(c.Function.Name), safe(c.Function.Arguments), safe(c.ID))
	}
}

// contentText reads a message's content: text, or parts of which only the text
// can be shown.
func contentText(v any) string {
	switch v := v.(type) {
	case nil:
		return ""
	case string:
		return v
	case []any:
		var parts []string
		for _, p := range v {
			m, _ := p.(map[string]any)
			if t, ok := m["text"].(string); ok {
				parts = append(parts, t)
			} else if t, ok := m["type"].(string); ok {
				parts = append(parts, "["+t+"]")
			} else {
				parts = append(parts, text(p))
			}
		}
		return strings.Join(parts, "\n")
	}
	return text(v)
}

func trouble(b *strings.Builder, get func(string) any) {
	if m := text(get("LastErrorMessage")); m != "" {
		fmt.Fprintf(b, "\n── error ──\n%s (%s, %s)\n", safeLines(m), safe(text(get("LastErrorReason"))), safe(text(get("LastErrorSection"))))
	}
	if m := text(get("StreamError")); m != "" {
		fmt.Fprintf(b, "\n── stream ──\n%s\n", safeLines(m))
	}
	if text(get("ContentFiltered")) == "true" {
		fmt.Fprintf(b, "\n── content filter ──\n%s\n", dynamicText(get("ContentFilter")))
	}
}
