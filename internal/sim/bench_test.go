package sim

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// BenchmarkHandler is the simulator's own cost, with no network.
func BenchmarkHandler(b *testing.B) {
	prompt := strings.Repeat("Some words of a prompt that is not short. ", 36) // 1.5 KB
	for _, c := range []struct{ name, body string }{
		{"plain", `{"messages":[{"role":"user","content":"` + prompt + `"}]}`},
		{"stream", `{"stream":true,"stream_options":{"include_usage":true},"messages":[{"role":"user","content":"` + prompt + `"}]}`},
	} {
		b.Run(c.name, func(b *testing.B) {
			s, err := New(testOptions())
			if err != nil {
				b.Fatal(err)
			}
			b.ReportAllocs()
			for b.Loop() {
				r := httptest.NewRequest("POST", classicChat, strings.NewReader(c.body))
				r.Header["Api-Key"] = []string{testKey}
				r.Header["X-Sim-Tokens"] = []string{"64"}
				w := discard{http.Header{}}
				s.Handler().ServeHTTP(w, r)
			}
		})
	}
}

// BenchmarkServer is a call over a connection that is kept, the client's cost
// included.
func BenchmarkServer(b *testing.B) {
	s, err := New(testOptions())
	if err != nil {
		b.Fatal(err)
	}
	server := httptest.NewServer(s.Handler())
	defer server.Close()
	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 64}}
	for _, c := range []struct{ name, body string }{{"plain", hello}, {"stream", helloStream}} {
		b.Run(c.name, func(b *testing.B) {
			b.SetParallelism(8)
			b.RunParallel(func(pb *testing.PB) {
				for pb.Next() {
					r, err := http.NewRequest("POST", server.URL+classicChat, strings.NewReader(c.body))
					if err != nil {
						b.Error(err)
						return
					}
					r.Header.Set("Api-Key", testKey)
					r.Header.Set("X-Sim-Tokens", "64")
					resp, err := client.Do(r)
					if err != nil {
						b.Error(err)
						return
					}
					io.Copy(io.Discard, resp.Body)
					resp.Body.Close()
				}
			})
		})
	}
}

type discard struct{ h http.Header }

func (d discard) Header() http.Header         { return d.h }
func (d discard) Write(p []byte) (int, error) { return io.Discard.Write(p) }
func (d discard) WriteHeader(int)             {}
func (d discard) Flush()                      {}
