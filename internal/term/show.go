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
	line("object", with(s("ResourceType"), "ResourceId"))
	line("answer", s("ResponseCode"), with("backend", "BackendId"), with("finish", "FinishReason"), wayWord(get))
	usage := fmt.Sprintf("%s prompt + %s answer = %s", s("PromptTokens"), s("CompletionTokens"), s("TotalTokens"))
	if src := s("UsageSource"); src != "" {
		if text(get("IsModelCall")) == "false" {
			usage = dynamicText(get("Usage")) // which another call caused
		}
		line("tokens", usage, src)
	}
	line("also used", some(s("AudioTokens"), "audio tokens"), some(s("ImageTokens"), "image tokens"), some(s("Images"), "images"),
		some(s("AudioSeconds"), "seconds of audio"), some(s("Characters"), "characters"))
	line("time", s("TotalTime")+" ms in all", s("BackendTime")+" ms backend", firstToken(s("TimeToFirstToken")))
	line("attempts", attempts(get("Attempts")))
	line("metadata", dynamicText(get("Metadata")))
	line("labels", dynamicText(get("Labels")))
	line("trace", s("TraceParent"))
	for _, f := range files(get("Files")) {
		line("file", f)
	}
	line("request", payload(get("RequestPayload")))
	line("answer", payload(get("ResponsePayload")))
}

// wayWord says how the answer came, when it was not at once.
func wayWord(get func(string) any) string {
	switch {
	case text(get("IsWebSocket")) == "true":
		return "WebSocket"
	case text(get("IsStream")) == "true":
		return "streamed"
	}
	return ""
}

// some is a number with its unit, "" when there is none of it.
func some(number, unit string) string {
	if number == "" || number == "0" {
		return ""
	}
	return number + " " + unit
}

func files(v any) []string {
	var fs []struct {
		Field, Filename, ContentType, SHA256 string
		Length                               int64
	}
	decode(v, &fs)
	var out []string
	for _, f := range fs {
		out = append(out, safe(fmt.Sprintf("%s %s · %s · %d bytes · sha256 %s", f.Field, f.Filename, f.ContentType, f.Length, f.SHA256)))
	}
	return out
}

// payload says where a body is that is not in the row.
func payload(v any) string {
	var p struct {
		Length int64
		SHA256 string
	}
	if !decode(v, &p) || p.Length == 0 && p.SHA256 == "" {
		return ""
	}
	return safe(fmt.Sprintf("in the payload store · %d bytes · sha256 %s", p.Length, p.SHA256))
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
	Reasoning  string `json:"reasoning"`
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
	// What is no conversation shows its bodies; where only the answer lacks, the
	// answer's, unless it is what a model made that no one reads.
	failed := len(text(get("ResponseCode"))) == 3 && text(get("ResponseCode")) >= "400"
	if len(asked)+len(answered) == 0 {
		section(b, "request body", get("RequestBody"))
	}
	if len(answered) == 0 && (len(asked) == 0 || failed || text(get("IsModelCall")) == "false") {
		section(b, "response body", get("ResponseBody"))
	}
}

// section writes a body; of one that is no text, how large it is.
func section(b *strings.Builder, name string, body any) {
	t := text(body)
	if t == "" {
		return
	}
	if coded, is := strings.CutPrefix(t, "data:application/octet-stream;base64,"); is {
		t = fmt.Sprintf("[%d bytes that are no text]", len(coded)/4*3-strings.Count(coded, "="))
	}
	fmt.Fprintf(b, "\n── %s ──\n%s\n", name, safeLines(t))
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
	if m.Reasoning != "" {
		fmt.Fprintln(b, "[reasons] "+safeLines(m.Reasoning))
	}
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
