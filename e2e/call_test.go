package e2e

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strings"
	"time"
)

// call is a chat call over raw HTTP, and what the client saw of it.
type call struct {
	id     string // x-ms-client-request-id
	prompt string
	stream bool
	sim    string // controls for the simulator
	model  string // default gpt-4o
	tokens int    // max_tokens, 0 for none

	// stopAfter ends the call from the client's side after so many pieces of
	// text of a stream; 0 never.
	stopAfter int

	sentAt   time.Time
	endedAt  time.Time
	status   int
	header   http.Header
	text     string // of the answer's first choice, as far as it came
	pieces   []piece
	complete bool // the answer came whole
	err      error
	body     []byte // of a plain answer
}

// piece is some text of a stream and when it came.
type piece struct {
	at   time.Time
	text string
}

// before gives the text that had come at that time.
func (c *call) before(t time.Time) string {
	var b strings.Builder
	for _, p := range c.pieces {
		if p.at.After(t) {
			break
		}
		b.WriteString(p.text)
	}
	return b.String()
}

func (c *call) request(ctx context.Context, base string) *http.Request {
	model := c.model
	if model == "" {
		model = "gpt-4o"
	}
	body := map[string]any{
		"model": model, "user": "user-" + c.id,
		"messages": []map[string]string{{"role": "user", "content": c.prompt}},
	}
	if c.stream {
		body["stream"] = true
	}
	if c.tokens > 0 {
		body["max_tokens"] = c.tokens
	}
	if c.sim != "" {
		body["metadata"] = map[string]string{"sim": c.sim}
	}
	text, _ := json.Marshal(body)
	req, _ := http.NewRequestWithContext(ctx, "POST", base+"/v1/chat/completions", bytes.NewReader(text))
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Authorization", "Bearer "+callerKey)
	req.Header.Set("x-ms-client-request-id", c.id)
	return req
}

// answer is what both a plain answer and an event of a stream look like.
type answer struct {
	Choices []struct {
		Index   int
		Message struct{ Content string }
		Delta   struct{ Content string }
	}
}

// do makes the call and reads its answer until it ends or breaks.
func (c *call) do(client *http.Client, base string) {
	ctx, cancel := context.WithTimeout(context.Background(), 60*time.Second)
	defer cancel()
	c.sentAt = time.Now()
	defer func() { c.endedAt = time.Now() }()
	resp, err := client.Do(c.request(ctx, base))
	if err != nil {
		c.err = err
		return
	}
	defer resp.Body.Close()
	c.status, c.header = resp.StatusCode, resp.Header
	if c.stream && resp.StatusCode == 200 {
		c.readStream(resp.Body)
		return
	}
	c.body, c.err = io.ReadAll(resp.Body)
	var a answer
	if c.err == nil && json.Unmarshal(c.body, &a) == nil {
		c.complete = true
		if len(a.Choices) > 0 {
			c.text = a.Choices[0].Message.Content
		}
	}
}

func (c *call) readStream(body io.Reader) {
	lines := bufio.NewScanner(body)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		data, ok := strings.CutPrefix(lines.Text(), "data: ")
		if !ok {
			continue
		}
		if data == "[DONE]" {
			c.complete = true
			continue
		}
		var a answer
		if err := json.Unmarshal([]byte(data), &a); err != nil {
			continue // a broken event is the record's affair
		}
		for _, choice := range a.Choices {
			if choice.Index == 0 && choice.Delta.Content != "" {
				c.text += choice.Delta.Content
				c.pieces = append(c.pieces, piece{time.Now(), choice.Delta.Content})
			}
		}
		if c.stopAfter > 0 && len(c.pieces) >= c.stopAfter {
			c.err = errors.New("the client hung up")
			return
		}
	}
	c.err = lines.Err()
}

// alone asks a simulator itself what it answers to this call, controls of time
// and faults apart.
func (c *call) alone(s *simulator, key, controls string) (string, error) {
	twin := call{id: "alone-" + c.id, prompt: c.prompt, sim: controls, model: c.model, tokens: c.tokens}
	req := twin.request(context.Background(), s.url+"/openai")
	req.Header.Set("Authorization", "Bearer "+key)
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return "", err
	}
	defer resp.Body.Close()
	var a answer
	if err := json.NewDecoder(resp.Body).Decode(&a); err != nil {
		return "", err
	}
	if len(a.Choices) == 0 {
		return "", errors.New("the simulator gave no choices")
	}
	return a.Choices[0].Message.Content, nil
}

// newClient gives a client with connections of its own.
func newClient() *http.Client {
	return &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 64}}
}
