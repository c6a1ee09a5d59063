package tokens

import (
	"strings"
	"sync"
	"testing"

	"github.com/tiktoken-go/tokenizer"
)

func TestEncodingOf(t *testing.T) {
	for model, want := range map[string]tokenizer.Encoding{
		"gpt-4o":                             tokenizer.O200kBase,
		"GPT-4o-mini-2024-07-18":             tokenizer.O200kBase,
		"chatgpt-4o-latest":                  tokenizer.O200kBase,
		"gpt-4.1-nano-2025-04-14":            tokenizer.O200kBase,
		"gpt-41-mini":                        tokenizer.O200kBase,
		"gpt-5":                              tokenizer.O200kBase,
		"gpt-5.1-codex":                      tokenizer.O200kBase,
		"gpt-oss-120b":                       tokenizer.O200kBase,
		"openai/gpt-oss-20b":                 tokenizer.O200kBase,
		"o1":                                 tokenizer.O200kBase,
		"o3-mini-2025-01-31":                 tokenizer.O200kBase,
		"o4-mini":                            tokenizer.O200kBase,
		"gpt-4":                              tokenizer.Cl100kBase,
		"gpt-4-turbo-2024-04-09":             tokenizer.Cl100kBase,
		"gpt-4-32k":                          tokenizer.Cl100kBase,
		"gpt-35-turbo":                       tokenizer.Cl100kBase,
		"gpt-35-turbo-16k":                   tokenizer.Cl100kBase,
		"gpt-3.5-turbo-0125":                 tokenizer.Cl100kBase,
		"text-embedding-3-small":             tokenizer.Cl100kBase,
		"text-embedding-ada-002":             tokenizer.Cl100kBase,
		"ft:gpt-4o-mini-2024-07-18:a::x":     tokenizer.O200kBase,
		"ft:gpt-3.5-turbo-0125:acme::abc":    tokenizer.Cl100kBase,
		"ft:davinci-002:acme::abc":           tokenizer.Cl100kBase,
		"gpt-35-turbo-0125.ft-0123456789abc": tokenizer.Cl100kBase,
		"text-davinci-003":                   tokenizer.P50kBase,
		"davinci":                            tokenizer.R50kBase,
		"davinci:ft-acme-2023":               tokenizer.R50kBase,
		"text-davinci-edit-001":              tokenizer.P50kEdit,
		"llama-3":                            tokenizer.O200kBase,
		"o1000":                              tokenizer.O200kBase,
		"gpt-400":                            tokenizer.O200kBase,
		"":                                   tokenizer.O200kBase,
		":::":                                tokenizer.O200kBase,
	} {
		if got := encodingOf(model); got != want {
			t.Errorf("encodingOf(%q) = %s, want %s", model, got, want)
		}
	}
}

// TestCount has counts that OpenAI publishes in its cookbook ("How to count
// tokens with tiktoken").
func TestCount(t *testing.T) {
	c := New()
	for _, tt := range []struct {
		model, text string
		want        int
	}{
		{"gpt-4", "tiktoken is great!", 6},
		{"gpt-4o", "antidisestablishmentarianism", 6},
		{"gpt-4", "antidisestablishmentarianism", 6},
		{"davinci", "antidisestablishmentarianism", 5},
		{"text-davinci-003", "2 + 2 = 4", 5},
		{"gpt-4", "2 + 2 = 4", 7},
		{"gpt-4", "お誕生日おめでとう", 9},
		{"gpt-4o", "お誕生日おめでとう", 8},
		{"gpt-4o", "", 0},
	} {
		if got := c.Count(tt.model, tt.text); got != tt.want {
			t.Errorf("Count(%q, %q) = %d, want %d", tt.model, tt.text, got, tt.want)
		}
	}
}

func TestCountOddText(t *testing.T) {
	c := New()
	for _, text := range []string{"\xff\xfe", "a\x00b", "<|endoftext|>", strings.Repeat(" ", 10_000), "\xe2\x82"} {
		if n := c.Count("gpt-4o", text); n <= 0 || n > len(text)*3 {
			t.Errorf("Count of %d odd bytes is %d", len(text), n)
		}
	}
}

func TestCountBounded(t *testing.T) {
	c := New()
	part := strings.Repeat("all work and no play makes ü ", exactBytes/29)
	one, four := c.Count("gpt-4o", part), c.Count("gpt-4o", strings.Repeat(part, 4))
	if low, high := one*4*99/100, one*4*101/100; four < low || four > high {
		t.Errorf("a text four times as long has %d tokens, want between %d and %d", four, low, high)
	}
}

func TestConcurrent(t *testing.T) {
	c := New()
	var wg sync.WaitGroup
	for _, model := range []string{"gpt-4o", "gpt-4", "gpt-4o", "gpt-4"} {
		wg.Go(func() {
			for range 20 {
				if n := c.Count(model, "the quick brown fox"); n != 4 {
					t.Errorf("%s: %d tokens, want 4", model, n)
				}
			}
		})
	}
	wg.Wait()
}

// TestCountWithoutCodec: what cannot be loaded is reckoned by its length.
func TestCountWithoutCodec(t *testing.T) {
	if n := New().count("no_such_encoding", "123456789"); n != 3 {
		t.Errorf("%d tokens, want 3", n)
	}
}

func BenchmarkCount(b *testing.B) {
	c := New()
	text := strings.Repeat("The gateway keeps what was said, by whom, and for how many tokens. ", 15)
	for _, model := range []string{"gpt-4o", "gpt-4", "davinci", "unheard-of"} {
		b.Run(model, func(b *testing.B) {
			c.Count(model, text)
			b.SetBytes(int64(len(text)))
			b.ReportAllocs()
			for b.Loop() {
				c.Count(model, text)
			}
		})
	}
}
