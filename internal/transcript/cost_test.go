package transcript

import (
	"strings"
	"testing"

	"weir/internal/record"
	"weir/internal/tokens"
)

// The examples of OpenAI's cookbook, "How to count tokens with tiktoken", where
// the counts are those that the API gave.
const (
	cookbookMessages = `{"messages":[
{"role":"system","content":"You are a helpful, pattern-following assistant that translates corporate jargon into plain English."},
{"role":"system","name":"example_user","content":"New synergies will help drive top-line growth."},
{"role":"system","name":"example_assistant","content":"Things working well together will increase revenue."},
{"role":"system","name":"example_user","content":"Let's circle back when we have more bandwidth to touch base on opportunities for increased leverage."},
{"role":"system","name":"example_assistant","content":"Let's talk later when we're less busy about how to do better."},
{"role":"user","content":"This late pivot means we don't have time to boil the ocean for the client deliverable."}]}`
	cookbookTools = `{"messages":[
{"role":"system","content":"You are a helpful assistant that can answer to questions about the weather."},
{"role":"user","content":"What's the weather like in San Francisco?"}],
"tools":[{"type":"function","function":{"name":"get_current_weather","description":"Get the current weather in a given location",
"parameters":{"type":"object","properties":{
"location":{"type":"string","description":"The city and state, e.g. San Francisco, CA"},
"unit":{"type":"string","description":"The unit of temperature to return","enum":["celsius","fahrenheit"]}},
"required":["location"]}}}]}`
)

func TestChatCost(t *testing.T) {
	count := tokens.New().Count
	image := func(url, detail string) string {
		return `{"messages":[{"content":[{"type":"image_url","image_url":{"url":"` + url + `","detail":"` + detail + `"}}]}]}`
	}
	const blank = perMessage + priming
	for _, tt := range []struct {
		name, model, req string
		want             int
	}{
		{"cookbook messages", "gpt-3.5-turbo", cookbookMessages, 129},
		{"cookbook messages", "gpt-4-0613", cookbookMessages, 129},
		{"cookbook messages", "gpt-4o", cookbookMessages, 124},
		{"cookbook tools", "gpt-3.5-turbo", cookbookTools, 105},
		{"cookbook tools", "gpt-4", cookbookTools, 105},
		{"cookbook tools", "gpt-4o", cookbookTools, 101},
		{"no messages", "gpt-4o", `{}`, priming},
		{"remote image", "gpt-4o", image("https://example.com/a.png", "high"), blank + 765},
		{"low image", "gpt-4o", image("https://example.com/a.png", "low"), blank + 85},
		{"mini image", "gpt-4o-mini", image("https://example.com/a.png", "auto"), blank + 2833 + 4*5667},
		{"patched image", "gpt-4.1-mini", image("https://example.com/a.png", "auto"), blank + 1659},
		{"bad image", "gpt-4o", image("data:image/png;base64,AAAA", "auto"), blank + 765},
		{"odd image", "gpt-4o", image("data:image/webp;base64,AAAA", "auto"), blank + 765},
		{"audio", "gpt-4o", `{"messages":[{"content":[{"type":"input_audio","input_audio":{"format":"wav","data":"` + strings.Repeat("AAAA", 16_000) + `"}}]}]}`, blank + 10},
	} {
		if got := chatCost(tt.req, &counter{model: tt.model, count: count}); got != tt.want {
			t.Errorf("%s, %s: %d tokens, want %d", tt.name, tt.model, got, tt.want)
		}
	}
}

// TestDeepSchema: properties of properties are counted, but not without end.
func TestDeepSchema(t *testing.T) {
	schema := strings.Repeat(`{"properties":{"a":`, 4_000) + "{}" + strings.Repeat("}}", 4_000)
	req := `{"messages":[],"tools":[{"function":{"name":"f","parameters":` + schema + `}}]}`
	if err := check(req); err != nil {
		t.Fatal(err)
	}
	n := chatCost(req, &counter{model: "gpt-4o", count: words})
	if n < 50 || n > 200 {
		t.Errorf("%d tokens", n)
	}
}

// TestEstimatedModel: tokens are counted for the model of the answer, else of
// the request, else for the deployment's name.
func TestEstimatedModel(t *testing.T) {
	for _, tt := range []struct{ request, answer, want string }{
		{`{"model":"asked","messages":[]}`, `{"model":"served","choices":[{"message":{"content":"x"}}]}`, "served"},
		{`{"model":"asked","messages":[]}`, `{"choices":[{"message":{"content":"x"}}]}`, "asked"},
		{`{"messages":[]}`, `{"choices":[{"message":{"content":"x"}}]}`, "deployed"},
	} {
		x := &record.Exchange{
			Begin:        record.Begin{Deployment: "deployed"},
			End:          &record.End{Outcome: record.Completed, BackendStatus: 200},
			RequestBody:  []byte(tt.request),
			ResponseBody: []byte(tt.answer),
		}
		asked := map[string]bool{}
		Read(x, Chat, func(model, _ string) int { asked[model] = true; return 1 }, nil)
		if len(asked) != 1 || !asked[tt.want] {
			t.Errorf("%s counted for %v, want %s", tt.answer, asked, tt.want)
		}
	}
}

// TestCounterBounded: of large texts a part is counted and the rest reckoned.
func TestCounterBounded(t *testing.T) {
	counted := 0
	c := &counter{count: func(_, text string) int {
		counted += len(text)
		return len(text) / 4
	}}
	n := 0
	for range 100 {
		n += c.text(strings.Repeat("x", 100_000))
	}
	if n != 2_500_000 || counted > maxCounted {
		t.Errorf("%d tokens, having counted %d bytes", n, counted)
	}
}
