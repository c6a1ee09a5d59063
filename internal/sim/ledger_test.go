package sim

import (
	"encoding/json"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestCounts(t *testing.T) {
	s, url := start(t, testOptions())
	var want Count
	for _, body := range []string{hello, `{"n":3,"messages":[{"role":"user","content":"Hi"}]}`} {
		_, got := post(t, url+classicChat, body)
		u := parse(t, got).Usage
		want.PromptTokens += u.PromptTokens
		want.CompletionTokens += u.CompletionTokens
		want.TotalTokens += u.TotalTokens
	}
	_, stream := post(t, url+"/openai/v1/chat/completions", `{"model":"gpt-4o","stream":true,"stream_options":{"include_usage":true},"messages":[{"role":"user","content":"Hi"}]}`)
	_, _, last := gather(t, stream)
	want.PromptTokens += last.Usage.PromptTokens
	want.CompletionTokens += last.Usage.CompletionTokens
	want.TotalTokens += last.Usage.TotalTokens
	post(t, url+classicChat, hello, "X-Sim-Status", "500")
	readAll(t, url+classicChat, helloStream, "X-Sim-Die-After", "4")
	want.Deployment, want.Operation = "gpt-4o", "chatcompletions_create"
	want.Calls, want.Done, want.Refused, want.Cut = 5, 3, 1, 1
	want.BrokenPromptTokens, want.BrokenCompletionTokens = 14, 2
	if diff := cmp.Diff([]Count{want}, s.Counts()); diff != "" {
		t.Error(diff)
	}
}

// TestCountedBeforeTheEnd: who has the last byte of an answer finds it counted.
func TestCountedBeforeTheEnd(t *testing.T) {
	s, url := start(t, testOptions())
	for i := range 50 {
		body := []string{hello, helloStream}[i%2]
		post(t, url+classicChat, body, "X-Sim-Tokens", "3000")
		if c := s.Counts()[0]; c.Done != int64(i+1) {
			t.Fatalf("after %d calls %d are counted", i+1, c.Done)
		}
	}
}

func TestCallsKeepIDsAndNoSecrets(t *testing.T) {
	o := testOptions()
	o.CallHeaders = []string{"x-attempt", "authorization", "API-KEY"}
	s, url := start(t, o)
	resp, _ := post(t, url+classicChat, helloStream, "x-ms-client-request-id", "client-1",
		"traceparent", "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01", "X-Attempt", "2", "Api-Key", testKey)
	call := s.Calls(0)[0]
	want := map[string]string{
		"x-ms-client-request-id": "client-1", "x-attempt": "2",
		"traceparent": "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
	}
	if diff := cmp.Diff(want, call.Headers); diff != "" {
		t.Error(diff)
	}
	if call.RequestID != resp.Header.Get("Apim-Request-Id") || !call.Stream || call.State != StateDone || call.APIVersion != "2024-10-21" {
		t.Errorf("recorded as %+v", call)
	}
	_, all := get(t, url+"/sim/calls")
	if strings.Contains(all, testKey) || strings.Contains(all, "rivers") {
		t.Errorf("the record holds a secret: %s", all)
	}
}

// get is a GET without a key.
func get(t *testing.T, url string) (int, string) {
	t.Helper()
	resp, err := send(t, "GET", url, "", "Authorization", "")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	var out json.RawMessage
	if err := json.NewDecoder(resp.Body).Decode(&out); err != nil {
		return resp.StatusCode, ""
	}
	return resp.StatusCode, string(out)
}

func TestAdministration(t *testing.T) {
	s, url := start(t, testOptions())
	for range 3 {
		post(t, url+classicChat, hello)
	}
	var calls []Call
	_, body := get(t, url+"/sim/calls?after=1")
	if err := json.Unmarshal([]byte(body), &calls); err != nil || len(calls) != 2 || calls[0].Seq != 2 {
		t.Errorf("calls after the first: %v, %v", calls, err)
	}
	var counts []Count
	_, body = get(t, url+"/sim/counts")
	if err := json.Unmarshal([]byte(body), &counts); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(s.Counts(), counts); diff != "" {
		t.Error(diff)
	}
	if status, _ := get(t, url+"/sim/calls?after=yesterday"); status != http.StatusBadRequest {
		t.Errorf("a bad seq is answered by %d", status)
	}
	if resp, _ := post(t, url+"/sim/reset", ""); resp.StatusCode != http.StatusNoContent {
		t.Errorf("reset: %d", resp.StatusCode)
	}
	if len(s.Counts()) != 0 || len(s.Calls(0)) != 0 {
		t.Error("the reset left something")
	}
	post(t, url+classicChat, hello)
	if c := s.Calls(0); len(c) != 1 || c[0].Seq != 4 {
		t.Errorf("after the reset: %+v", c)
	}
}

// TestRefusalsAreOnTheRecord: nothing that arrives goes missing.
func TestRefusalsAreOnTheRecord(t *testing.T) {
	s, url := start(t, testOptions())
	post(t, url+"/nowhere", hello)
	post(t, url+classicChat, hello, "Authorization", "")
	post(t, url+"/openai/deployments/gpt-9/chat/completions?api-version=2024-10-21", hello)
	post(t, url+classicChat, `{`)
	var got []string
	for _, c := range s.Calls(0) {
		if c.State != StateRefused {
			t.Errorf("recorded as %+v", c)
		}
		got = append(got, c.Operation+" "+c.Deployment+" "+http.StatusText(c.Status))
	}
	want := []string{"  Not Found", "chatcompletions_create  Unauthorized", "chatcompletions_create  Not Found", "chatcompletions_create gpt-4o Bad Request"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestLedgerForgetsTheOldest(t *testing.T) {
	l := newLedger(3)
	for range 8 {
		l.end(l.begin(Call{Operation: "op"}), StateDone)
	}
	open := l.begin(Call{Operation: "op"})
	var seqs []uint64
	for _, c := range l.after(0) {
		seqs = append(seqs, c.Seq)
	}
	if diff := cmp.Diff([]uint64{7, 8, 9}, seqs); diff != "" {
		t.Error(diff)
	}
	if c := l.list()[0]; c.Calls != 9 || c.Done != 8 {
		t.Errorf("counted %+v", c)
	}
	l.reset()
	l.end(open, StateDone)
	if c := l.list(); len(c) != 0 {
		t.Errorf("a call from before the reset is counted: %+v", c)
	}
}

// TestAmendment: an answer that was counted and then did not get through moves
// from one sum to the other, with the tokens it had when it was counted.
func TestAmendment(t *testing.T) {
	l := newLedger(3)
	e := l.begin(Call{Operation: "op"})
	e.prompt.Store(5)
	e.completion.Store(7)
	l.end(e, StateDone)
	e.completion.Store(3)
	l.end(e, StateCancelled)
	want := []Count{{Operation: "op", Calls: 1, Cancelled: 1, BrokenPromptTokens: 5, BrokenCompletionTokens: 3}}
	if diff := cmp.Diff(want, l.list()); diff != "" {
		t.Error(diff)
	}
}

// TestDeterminism: concurrent calls in any order, plain and streamed, get what
// each got alone; another seed says something else.
func TestDeterminism(t *testing.T) {
	prompts := []string{"rivers", "mountains", "the sea", "a small town", "the letter ß", "emoji 🦦 and \"quotes\""}
	ask := func(url, prompt string, stream bool) string {
		quoted, _ := json.Marshal(prompt)
		body := `{"n":2,"messages":[{"role":"user","content":` + string(quoted) + `}]}`
		if !stream {
			_, got := post(t, url+classicChat, body)
			a := parse(t, got)
			return a.Choices[0].Message.Content + "|" + a.Choices[1].Message.Content
		}
		_, got := post(t, url+classicChat, `{"stream":true,`+body[1:])
		texts, _, _ := gather(t, got)
		return texts[0] + "|" + texts[1]
	}
	_, url := start(t, testOptions())
	alone := map[string]string{}
	for _, p := range prompts {
		alone[p] = ask(url, p, false)
		if !strings.Contains(alone[p], "imulat") || !strings.Contains(alone[p], p) {
			t.Errorf("the answer names neither simulator nor prompt: %s", alone[p])
		}
	}
	_, again := start(t, testOptions())
	var calls sync.WaitGroup
	for i := range 60 {
		calls.Go(func() {
			p := prompts[i%len(prompts)]
			if got := ask(again, p, i%4 < 2); got != alone[p] {
				t.Errorf("%q got %q, alone it got %q", p, got, alone[p])
			}
		})
	}
	calls.Wait()
	other := testOptions()
	other.Seed++
	_, url = start(t, other)
	if ask(url, prompts[0], false) == alone[prompts[0]] {
		t.Error("another seed says the same")
	}
}
