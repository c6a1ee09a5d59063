package app

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"time"
)

// person is one of the demo's callers.
type person struct {
	key, user, team string
	local           net.IP // where their calls come from
}

// call is one kind of call that the demo makes.
type call struct {
	share int // of the traffic
	make  func(r *rand.Rand) (method, path string, body any)
	// hangUp ends the call after the first bytes of the answer.
	hangUp bool
	// wrongKey shows a key that no subscription has.
	wrongKey bool
	// nameless calls have no place for the end user's name.
	nameless bool
}

var questions = []string{
	"Summarise the attached incident report in three sentences for the board.",
	"Write a Go function that reverses a slice of runes without allocating.",
	"Which clauses of this supplier contract limit our liability?",
	"Translate to French: the invoice is due within thirty days.",
	"Explain to a new colleague what a circuit breaker in front of an API does.",
	"Draft a polite reply to a customer whose parcel is nine days late.",
	"List five risks of moving the payroll system in December.",
	"What is the difference between a mutex and a semaphore?",
	"Suggest names for an internal tool that keeps audit logs.",
	"Turn these meeting notes into action items with owners.",
}

type object = map[string]any

func chat(model string, r *rand.Rand, more object) object {
	body := object{"messages": []object{
		{"role": "system", "content": "You are a careful assistant of the company."},
		{"role": "user", "content": questions[r.IntN(len(questions))]},
	}, "max_tokens": 40 + r.IntN(120), "temperature": 0.2}
	if model != "" {
		body["model"] = model
	}
	for k, v := range more {
		body[k] = v
	}
	return body
}

const classic = "/openai/deployments/%s/%s?api-version=2024-10-21"

var tools = []object{{"type": "function", "function": object{"name": "get_weather", "description": "The weather in a city",
	"parameters": object{"type": "object", "properties": object{"city": object{"type": "string"}}, "required": []string{"city"}}}}}

// calls is what the demo's people do, by how often.
func calls() []call {
	chatModels := []string{"gpt-4o", "gpt-4o-mini", "gpt-35-turbo"}
	pick := func(r *rand.Rand) string { return chatModels[r.IntN(len(chatModels))] }
	return []call{
		{share: 30, make: func(r *rand.Rand) (string, string, any) {
			return "POST", fmt.Sprintf(classic, pick(r), "chat/completions"), chat("", r, nil)
		}},
		{share: 25, make: func(r *rand.Rand) (string, string, any) {
			return "POST", fmt.Sprintf(classic, pick(r), "chat/completions"), chat("", r, object{"stream": true})
		}},
		{share: 12, make: func(r *rand.Rand) (string, string, any) {
			return "POST", "/v1/chat/completions", chat(pick(r), r, nil)
		}},
		{share: 8, make: func(r *rand.Rand) (string, string, any) {
			return "POST", "/openai/v1/chat/completions", chat(pick(r), r, object{"stream": true, "stream_options": object{"include_usage": true}})
		}},
		{share: 6, make: func(r *rand.Rand) (string, string, any) {
			return "POST", fmt.Sprintf(classic, "gpt-4o", "chat/completions"), chat("", r, object{"tools": tools})
		}},
		{share: 8, make: func(r *rand.Rand) (string, string, any) {
			return "POST", fmt.Sprintf(classic, "text-embedding-3-small", "embeddings"), object{"input": questions[r.IntN(len(questions))]}
		}},
		{share: 4, make: func(r *rand.Rand) (string, string, any) {
			return "POST", fmt.Sprintf(classic, "gpt-35-turbo", "completions"), object{"prompt": questions[r.IntN(len(questions))], "max_tokens": 30}
		}},
		{share: 5, make: func(r *rand.Rand) (string, string, any) {
			return "POST", "/v1/responses", object{"model": pick(r), "instructions": "You are a careful assistant of the company.", "input": questions[r.IntN(len(questions))], "max_output_tokens": 60}
		}},
		{share: 2, make: func(r *rand.Rand) (string, string, any) {
			return "POST", fmt.Sprintf(classic, "dall-e-3", "images/generations"), object{"prompt": "A weir in autumn, as a woodcut", "size": "1024x1024", "response_format": "url"}
		}},
		{share: 2, nameless: true, make: func(r *rand.Rand) (string, string, any) {
			return "POST", "/v1/assistants", object{"model": "gpt-4o", "name": "clerk", "instructions": "Answer from the files of the department only."}
		}},
		{share: 2, make: func(*rand.Rand) (string, string, any) { return "GET", "/v1/models", nil }},
		{share: 2, make: func(r *rand.Rand) (string, string, any) {
			return "POST", fmt.Sprintf(classic, "gpt-5-not-here", "chat/completions"), chat("", r, nil)
		}},
		{share: 2, wrongKey: true, make: func(r *rand.Rand) (string, string, any) {
			return "POST", "/v1/chat/completions", chat("gpt-4o", r, nil)
		}},
		{share: 1, hangUp: true, make: func(r *rand.Rand) (string, string, any) {
			return "POST", fmt.Sprintf(classic, "gpt-4o", "chat/completions"), chat("", r, object{"stream": true, "max_tokens": 400,
				"metadata": object{"sim": "chunk_delay=20ms"}})
		}},
	}
}

// sendTraffic makes n calls of the people through the gateway at base, the same
// ones each time, and says how far it is on w.
func sendTraffic(ctx context.Context, base string, people []person, n int, w io.Writer) error {
	r := rand.New(rand.NewPCG(2026, 11))
	kinds := calls()
	all := 0
	for _, c := range kinds {
		all += c.share
	}
	clients := make([]*http.Client, len(people))
	for i, p := range people {
		clients[i] = clientFrom(p.local)
	}
	shown := time.Now()
	for i := range n {
		k := r.IntN(all)
		j := 0
		for k >= kinds[j].share {
			k -= kinds[j].share
			j++
		}
		who := r.IntN(len(people))
		if err := oneCall(ctx, clients[who], base, people[who], kinds[j], r); err != nil {
			return fmt.Errorf("send the demo's traffic: %w", err)
		}
		if time.Since(shown) > time.Second {
			shown = time.Now()
			fmt.Fprintf(w, "\r%d of %d calls", i+1, n)
		}
	}
	fmt.Fprintf(w, "\r%d of %d calls\n", n, n)
	return nil
}

// clientFrom gives a client whose connections come from a loopback address of
// its own, where the system lets any be used, so that callers differ.
func clientFrom(local net.IP) *http.Client {
	plain := &net.Dialer{Timeout: 5 * time.Second}
	own := &net.Dialer{Timeout: 5 * time.Second, LocalAddr: &net.TCPAddr{IP: local}}
	return &http.Client{Transport: &http.Transport{DialContext: func(ctx context.Context, network, addr string) (net.Conn, error) {
		if c, err := own.DialContext(ctx, network, addr); err == nil {
			return c, nil
		}
		return plain.DialContext(ctx, network, addr)
	}}}
}

func oneCall(ctx context.Context, client *http.Client, base string, p person, c call, r *rand.Rand) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	method, path, body := c.make(r)
	var text []byte
	if o, ok := body.(object); ok {
		if !c.nameless {
			o["user"] = p.user
		}
		var err error
		if text, err = json.Marshal(o); err != nil {
			return err
		}
	}
	req, err := http.NewRequestWithContext(ctx, method, base+path, bytes.NewReader(text))
	if err != nil {
		return err
	}
	key := p.key
	if c.wrongKey {
		key = "not-a-key"
	}
	req.Header.Set("api-key", key)
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("x-team", p.team)
	resp, err := client.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if c.hangUp {
		_, err = io.CopyN(io.Discard, resp.Body, 4000)
		return err
	}
	_, err = io.Copy(io.Discard, resp.Body)
	return err
}
