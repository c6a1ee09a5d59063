package sim

import (
	"strconv"
	"testing"
	"testing/synctest"
	"time"
)

const limitedChat = "/openai/deployments/limited/chat/completions?api-version=2024-10-21"

func limitedSim(t *testing.T) *Simulator {
	t.Helper()
	s, err := New(testOptions())
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// TestRequestWindow: 3,000 tokens a minute admit three calls in ten seconds.
func TestRequestWindow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := limitedSim(t)
		for i := range 3 {
			w := inBubble(s, limitedChat, hello)
			if w.Code != 200 || w.Header().Get("X-Ratelimit-Remaining-Requests") != strconv.Itoa(2-i) {
				t.Fatalf("call %d: %d %v", i, w.Code, w.Header())
			}
			time.Sleep(2 * time.Second)
		}
		w := inBubble(s, limitedChat, hello) // at 6 s
		if w.Code != 429 || w.Header().Get("Retry-After") != "4" || w.Header().Get("Retry-After-Ms") != "4000" || w.Header().Get("X-Ratelimit-Reset-Requests") != "4" {
			t.Fatalf("%d %v", w.Code, w.Header())
		}
		time.Sleep(3999 * time.Millisecond)
		w = inBubble(s, limitedChat, hello)
		if w.Code != 429 || w.Header().Get("Retry-After") != "1" || w.Header().Get("Retry-After-Ms") != "1" {
			t.Fatalf("%d %v", w.Code, w.Header())
		}
		time.Sleep(time.Millisecond)
		if w := inBubble(s, limitedChat, hello); w.Code != 200 {
			t.Fatalf("after the wait: %d %s", w.Code, w.Body)
		}
		if w := inBubble(s, limitedChat, hello); w.Code != 429 {
			t.Fatalf("only one call left the window, but another was admitted: %d", w.Code)
		}
	})
}

// TestTokenWindow: tokens count at arrival with prompt and max_tokens, for a
// minute that slides.
func TestTokenWindow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := limitedSim(t)
		// The prompt costs 8: "Hi" 1, its message 4, the answer 3.
		const body = `{"max_tokens":1400,"messages":[{"role":"user","content":"Hi"}]}`
		w := inBubble(s, limitedChat, body)
		if w.Code != 200 || w.Header().Get("X-Ratelimit-Remaining-Tokens") != strconv.Itoa(3000-1408) {
			t.Fatalf("%d %v", w.Code, w.Header())
		}
		time.Sleep(20 * time.Second)
		if w := inBubble(s, limitedChat, body); w.Code != 200 {
			t.Fatalf("%d %v", w.Code, w.Header())
		}
		time.Sleep(11 * time.Second)
		w = inBubble(s, limitedChat, body)
		if w.Code != 429 || w.Header().Get("Retry-After") != "29" || w.Header().Get("X-Ratelimit-Reset-Tokens") != "29" {
			t.Fatalf("%d %v", w.Code, w.Header())
		}
		time.Sleep(29 * time.Second)
		if w := inBubble(s, limitedChat, body); w.Code != 200 {
			t.Fatalf("%d %v", w.Code, w.Header())
		}
		if c := s.Counts()[0]; c.Done != 3 || c.Refused != 1 {
			t.Errorf("counted %+v", c)
		}
	})
}

func TestTokensOfAllChoicesCount(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := limitedSim(t)
		w := inBubble(s, limitedChat, `{"n":3,"max_tokens":100,"messages":[{"role":"user","content":"Hi"}]}`)
		if got, want := w.Header().Get("X-Ratelimit-Remaining-Tokens"), strconv.Itoa(3000-308); got != want {
			t.Errorf("%s tokens remain, want %s", got, want)
		}
	})
}

// TestWindowMemory: a window holds no more slots than fit in its span.
func TestWindowMemory(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLimiter(1 << 30)
		for range 200_000 {
			if v := l.admit(time.Now(), 10); v.wait != 0 {
				t.Fatalf("%+v", v)
			}
			time.Sleep(time.Millisecond)
		}
		if n := len(l.tokens.slots); n > int(tokenWindow/slotWidth)+1 {
			t.Errorf("%d slots", n)
		}
		if l.tokens.used < 590_000 || l.tokens.used > 610_000 {
			t.Errorf("a minute of 10 tokens a millisecond counts %d", l.tokens.used)
		}
	})
}

func TestResetEmptiesWindows(t *testing.T) {
	s := limitedSim(t)
	for range 4 {
		inBubble(s, limitedChat, hello)
	}
	if w := inBubble(s, limitedChat, hello); w.Code != 429 {
		t.Fatalf("%d", w.Code)
	}
	s.Reset()
	if w := inBubble(s, limitedChat, hello); w.Code != 200 {
		t.Errorf("after the reset: %d", w.Code)
	}
}
