package sim

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"
)

// readAll makes a call that may break, and gives what arrived.
func readAll(t *testing.T, url, body string, header ...string) (*http.Response, string, error) {
	t.Helper()
	resp, err := send(t, "POST", url, body, header...)
	if err != nil {
		return nil, "", err
	}
	defer resp.Body.Close()
	data, err := io.ReadAll(resp.Body)
	return resp, string(data), err
}

func TestControlsAreDocumented(t *testing.T) {
	doc, err := os.ReadFile("doc.go")
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range controlTable {
		if !strings.Contains(string(doc), "//\t"+c.name+"=") {
			t.Errorf("the package comment does not show %s", c.name)
		}
	}
}

func TestDieAfterEvents(t *testing.T) {
	for cut, want := range map[string]error{"reset": syscall.ECONNRESET, "close": io.ErrUnexpectedEOF} {
		s, url := start(t, testOptions())
		_, stream, err := readAll(t, url+classicChat, helloStream, "X-Sim-Die-After", "5", "X-Sim-Cut", cut)
		if !errors.Is(err, want) {
			t.Errorf("%s: got error %v, want %v", cut, err, want)
		}
		data, _ := eventsOf(t, stream)
		if len(data) != 5 {
			t.Errorf("%s: %d events arrived, want 5", cut, len(data))
		}
		call := s.Calls(0)[0]
		if call.State != StateCut || call.Events != 5 || call.CompletionTokens != 3 || call.Status != 200 {
			t.Errorf("%s: the call is recorded as %+v", cut, call)
		}
	}
}

func TestDieBeforeTheFirstByte(t *testing.T) {
	_, url := start(t, testOptions())
	for _, body := range []string{hello, helloStream} {
		if _, _, err := readAll(t, url+classicChat, body, "X-Sim-Die-After", "0"); err == nil {
			t.Errorf("%s: was answered", body)
		}
	}
}

func TestPlainBodiesBreak(t *testing.T) {
	s, url := start(t, testOptions())
	for _, header := range [][]string{{"X-Sim-Truncate", "100"}, {"X-Sim-Die-After", "100"}} {
		resp, got, err := readAll(t, url+classicChat, hello, header...)
		if err == nil || len(got) != 100 {
			t.Errorf("%v: %d bytes arrived with error %v, want 100 and an error", header, len(got), err)
		}
		if resp.ContentLength <= 100 {
			t.Errorf("%v: Content-Length is %d", header, resp.ContentLength)
		}
	}
	for _, call := range s.Calls(0) {
		if call.State != StateCut {
			t.Errorf("recorded as %+v", call)
		}
	}
}

func TestNoDone(t *testing.T) {
	_, url := start(t, testOptions())
	_, stream := post(t, url+classicChat, helloStream, "X-Sim-No-Done", "1")
	if data, _ := eventsOf(t, stream); !strings.Contains(data[len(data)-1], `"finish_reason":"stop"`) {
		t.Errorf("the last event is %s", data[len(data)-1])
	}
}

func TestMalformed(t *testing.T) {
	_, url := start(t, testOptions())
	_, stream := post(t, url+classicChat, helloStream, "X-Sim-Malformed", "2")
	blocks := strings.Split(stream, "\n\n")
	if !strings.HasPrefix(blocks[2], `data: {"choices":[{`) || strings.HasSuffix(blocks[2], "}") {
		t.Errorf("the third event is whole: %s", blocks[2])
	}
	if strings.Contains(blocks[3], ": ") || blocks[3] == "" {
		t.Errorf("what follows is a field: %q", blocks[3])
	}
}

func TestKeepAlive(t *testing.T) {
	_, url := start(t, testOptions())
	_, stream := post(t, url+classicChat, helloStream, "X-Sim-Keepalive", "3", "X-Sim-Tokens", "9")
	data, comments := eventsOf(t, stream)
	// Nine tokens, and four events more: filter, role, finish, [DONE].
	if len(data) != 13 || len(comments) != 4 {
		t.Errorf("%d events and %d comments, want 13 and 4", len(data), len(comments))
	}
}

func TestLengths(t *testing.T) {
	_, url := start(t, testOptions())
	for _, tokens := range []int{1, 2, 64, 100, 5000} {
		want := strconv.Itoa(tokens)
		_, got := post(t, url+classicChat, hello, "X-Sim-Tokens", want)
		a := parse(t, got)
		if a.Usage.CompletionTokens != int64(tokens) || countTokens(a.Choices[0].Message.Content) != tokens || a.Choices[0].FinishReason != "stop" {
			t.Errorf("tokens=%s: usage %+v, finish %s", want, a.Usage, a.Choices[0].FinishReason)
		}
		_, stream := post(t, url+classicChat, helloStream, "X-Sim-Tokens", want, "X-Sim-Chunks", "7")
		texts, _, _ := gather(t, stream)
		data, _ := eventsOf(t, stream)
		if texts[0] != a.Choices[0].Message.Content {
			t.Errorf("tokens=%s: the stream says something else than the plain answer", want)
		}
		if n := min(7, tokens); len(data) != n+4 {
			t.Errorf("tokens=%s, chunks=7: %d events, want %d", want, len(data), n+4)
		}
	}
}

func TestHugeAnswers(t *testing.T) {
	s, url := start(t, testOptions())
	for _, size := range []int{1, 100, 4096, 1 << 20, 3<<20 + 17} {
		want := strconv.Itoa(size)
		resp, got := post(t, url+classicChat, hello, "X-Sim-Bytes", want)
		a := parse(t, got)
		if len(a.Choices[0].Message.Content) != size || resp.ContentLength != int64(len(got)) {
			t.Errorf("bytes=%s: %d bytes of text, Content-Length %d for %d bytes", want, len(a.Choices[0].Message.Content), resp.ContentLength, len(got))
		}
		if n := int64(countTokens(a.Choices[0].Message.Content)); a.Usage.CompletionTokens != n {
			t.Errorf("bytes=%s: usage says %d tokens, the text has %d", want, a.Usage.CompletionTokens, n)
		}
		_, stream := post(t, url+classicChat, `{"stream":true,"stream_options":{"include_usage":true},"messages":[{"role":"user","content":"Hello, tell me about rivers."}]}`, "X-Sim-Bytes", want)
		texts, _, last := gather(t, stream)
		if texts[0] != a.Choices[0].Message.Content || *last.Usage != *a.Usage {
			t.Errorf("bytes=%s: the stream differs from the plain answer", want)
		}
	}
	if c := s.Counts()[0]; c.Done != 10 {
		t.Errorf("counted %+v", c)
	}
}

func TestGzip(t *testing.T) {
	_, url := start(t, testOptions())
	for _, body := range []string{hello, helloStream} {
		_, plain := post(t, url+classicChat, body)
		resp, packed := post(t, url+classicChat, body, "X-Sim-Gzip", "1")
		if resp.Header.Get("Content-Encoding") != "gzip" {
			t.Fatalf("headers %v", resp.Header)
		}
		z, err := gzip.NewReader(strings.NewReader(packed))
		if err != nil {
			t.Fatal(err)
		}
		got, err := io.ReadAll(z)
		if err != nil || len(got) != len(plain) {
			t.Errorf("%d bytes unpacked with error %v, want %d", len(got), err, len(plain))
		}
	}
}

func TestRetryAfterDate(t *testing.T) {
	_, url := start(t, testOptions())
	before := time.Now()
	resp, _ := post(t, url+classicChat, hello, "X-Sim-Status", "429", "X-Sim-Retry-After-Date", "30")
	at, err := http.ParseTime(resp.Header.Get("Retry-After"))
	if err != nil || at.Before(before.Add(28*time.Second)) || at.After(time.Now().Add(31*time.Second)) {
		t.Errorf("Retry-After is %q: %v", resp.Header.Get("Retry-After"), err)
	}
}

func TestControlsInMetadata(t *testing.T) {
	_, url := start(t, testOptions())
	bodies := map[string]string{
		classicChat: `{"metadata":{"sim":"status=418, delay=0s","case":"a"},"messages":[]}`,
		"/openai/deployments/turbo/completions?api-version=2024-10-21":                 `{"metadata":{"sim":"status=418"},"prompt":"x"}`,
		"/openai/deployments/text-embedding-3-small/embeddings?api-version=2024-10-21": `{"metadata":{"sim":"status=418"},"input":"x"}`,
	}
	for path, body := range bodies {
		if resp, got := post(t, url+path, body); resp.StatusCode != 418 {
			t.Errorf("%s: %d %s", path, resp.StatusCode, got)
		}
	}
	// Metadata of other shapes is the caller's own.
	for _, metadata := range []string{`null`, `{}`, `{"sim":3}`, `"sim"`, `{"a":"b"}`} {
		body := `{"metadata":` + metadata + `,"messages":[{"role":"user","content":"Hi"}]}`
		if resp, got := post(t, url+classicChat, body); resp.StatusCode != 200 {
			t.Errorf("%s: %d %s", metadata, resp.StatusCode, got)
		}
	}
}

// TestHang goes away from a call that has fallen silent, and from one that is
// slow, and looks for it among the cancelled.
func TestHang(t *testing.T) {
	for _, controls := range []string{"hang=4", "chunk_delay=1h,delay=0s", "delay=1h", "hang=0"} {
		s, url := start(t, testOptions())
		ctx, cancel := context.WithCancel(t.Context())
		r, err := http.NewRequestWithContext(ctx, "POST", url+classicChat, strings.NewReader(`{"stream":true,"metadata":{"sim":"`+controls+`"},"messages":[{"role":"user","content":"Hi"}]}`))
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Api-Key", testKey)
		if strings.Contains(controls, "=0") && strings.HasPrefix(controls, "hang") || strings.HasPrefix(controls, "delay=1h") {
			// Nothing arrives before the caller goes.
			go func() {
				for len(s.Calls(0)) == 0 {
					time.Sleep(time.Millisecond)
				}
				cancel()
			}()
			if _, err := http.DefaultTransport.RoundTrip(r); !errors.Is(err, context.Canceled) {
				t.Errorf("%s: %v", controls, err)
			}
		} else {
			resp, err := http.DefaultTransport.RoundTrip(r)
			if err != nil {
				t.Fatal(err)
			}
			// The first event has come before the silence.
			if _, err := resp.Body.Read(make([]byte, 1)); err != nil {
				t.Fatal(err)
			}
			cancel()
			resp.Body.Close()
		}
		waitFor(t, func() bool { return s.Calls(0)[0].State == StateCancelled })
		cancel()
	}
}

// waitFor waits until something that another goroutine brings about is so. It
// is no measure of time: it waits as long as the test may run.
func waitFor(t *testing.T, so func() bool) {
	t.Helper()
	for !so() {
		select {
		case <-t.Context().Done():
			t.Fatal("it did not happen")
		case <-time.After(time.Millisecond):
		}
	}
}

// inBubble calls the simulator without a network, in virtual time.
func inBubble(s *Simulator, path, body string) *httptest.ResponseRecorder {
	r := httptest.NewRequest("POST", path, strings.NewReader(body))
	r.Header.Set("Api-Key", testKey)
	w := httptest.NewRecorder()
	s.Handler().ServeHTTP(w, r)
	return w
}

func TestLatency(t *testing.T) {
	cases := []struct {
		name   string
		change func(*Options)
		sim    string
		stream bool
		want   time.Duration
	}{
		{"none", func(*Options) {}, "tokens=10", true, 0},
		{"plain none", func(*Options) {}, "tokens=10", false, 0},
		// 13 events follow upon each other in 12 steps: filter, role, 10, finish.
		{"controls", func(*Options) {}, "tokens=10,delay=1s,chunk_delay=10ms", true, time.Second + 120*time.Millisecond},
		{"controls plain", func(*Options) {}, "tokens=10,delay=1s,chunk_delay=10ms", false, time.Second + 100*time.Millisecond},
		{"options", func(o *Options) { o.FirstToken, o.PerToken = time.Minute, time.Second }, "tokens=10", true, time.Minute + 12*time.Second},
		{"options plain", func(o *Options) { o.FirstToken, o.PerToken = time.Minute, time.Second }, "tokens=10", false, time.Minute + 10*time.Second},
		{"control before option", func(o *Options) { o.FirstToken = time.Minute }, "delay=1s", true, time.Second},
		{"error", func(o *Options) { o.FirstToken = time.Minute }, "status=500,delay=3s", false, 3 * time.Second},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				o := testOptions()
				c.change(&o)
				s, err := New(o)
				if err != nil {
					t.Fatal(err)
				}
				began := time.Now()
				inBubble(s, classicChat, `{"stream":`+strconv.FormatBool(c.stream)+`,"metadata":{"sim":"`+c.sim+`"},"messages":[{"role":"user","content":"Hi"}]}`)
				if took := time.Since(began); took != c.want {
					t.Errorf("took %v, want %v", took, c.want)
				}
			})
		})
	}
}

func TestJitter(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := testOptions()
		o.FirstToken, o.Jitter = time.Second, 0.5
		s, err := New(o)
		if err != nil {
			t.Fatal(err)
		}
		seen := map[time.Duration]bool{}
		for range 20 {
			began := time.Now()
			inBubble(s, classicChat, hello)
			took := time.Since(began)
			if took < time.Second/2 || took > 3*time.Second/2 {
				t.Errorf("took %v", took)
			}
			seen[took] = true
		}
		if len(seen) < 10 {
			t.Errorf("20 calls took %d different times", len(seen))
		}
	})
}

func TestFaults(t *testing.T) {
	outcome := func(seed uint64) string {
		o := testOptions()
		o.Seed = seed
		o.Faults = []Fault{{0.2, "status=503,retry_after=1"}, {0.1, "status=429"}}
		s, err := New(o)
		if err != nil {
			t.Fatal(err)
		}
		var out bytes.Buffer
		for range 500 {
			out.WriteString(strconv.Itoa(inBubble(s, classicChat, hello).Code) + " ")
		}
		return out.String()
	}
	first := outcome(1)
	if first != outcome(1) {
		t.Error("the same seed gives other faults")
	}
	if first == outcome(2) {
		t.Error("another seed gives the same faults")
	}
	for status, low := range map[string]int{"200 ": 300, "503 ": 50, "429 ": 25} {
		if n := strings.Count(first, status); n < low {
			t.Errorf("%d of 500 calls were answered with %s, want at least %d", n, status, low)
		}
	}
}

func TestCallsOwnControlsComeFirst(t *testing.T) {
	o := testOptions()
	o.Faults = []Fault{{1, "status=503"}}
	_, url := start(t, o)
	if resp, _ := post(t, url+classicChat, hello, "X-Sim-Status", "418"); resp.StatusCode != 418 {
		t.Errorf("got %d", resp.StatusCode)
	}
}
