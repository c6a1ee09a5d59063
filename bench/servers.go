package main

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"strings"
	"time"
)

const (
	promptBytes  = 1500
	answerTokens = 64
	chunks       = 100
)

// answerBody is a chat.completion of 64 tokens.
var answerBody = `{"id":"chatcmpl-bench","object":"chat.completion","created":1700000000,"model":"gpt-4o-2024-08-06","choices":[{"index":0,"message":{"role":"assistant","content":"` +
	strings.TrimSpace(strings.Repeat("word ", answerTokens)) + `"},"logprobs":null,"finish_reason":"stop"}],"usage":{"prompt_tokens":300,"completion_tokens":64,"total_tokens":364}}`

// requestBody is a chat request with a prompt of 1.5 KB.
func requestBody(stream bool) string {
	more := ""
	if stream {
		more = `,"stream":true`
	}
	return `{"model":"gpt-4o","messages":[{"role":"user","content":"` + strings.Repeat("prompt ", promptBytes/7) + `"}],"max_tokens":64` + more + `}`
}

// serveUpstream answers chat calls at once: plain, or as a stream of 100 chunks;
// the header x-delay puts a pause between chunks. It also takes uploads and
// realtime sockets.
func serveUpstream() error {
	chunk := []byte(`data: {"id":"chatcmpl-bench","object":"chat.completion.chunk","created":1700000000,"model":"gpt-4o-2024-08-06","choices":[{"index":0,"delta":{"content":"word "},"finish_reason":null}],"usage":null}` + "\n\n")
	usage := []byte(`data: {"id":"chatcmpl-bench","object":"chat.completion.chunk","created":1700000000,"model":"gpt-4o-2024-08-06","choices":[],"usage":{"prompt_tokens":300,"completion_tokens":99,"total_tokens":399}}` + "\n\n")
	mux := http.NewServeMux()
	mux.HandleFunc("POST /v1/files", takeUpload)
	mux.HandleFunc("GET /v1/realtime", takeSocket)
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			return
		}
		if !strings.Contains(string(body), `"stream":true`) {
			w.Header().Set("Content-Type", "application/json")
			io.WriteString(w, answerBody)
			return
		}
		pause, _ := time.ParseDuration(r.Header.Get("x-delay"))
		w.Header().Set("Content-Type", "text/event-stream")
		flush := http.NewResponseController(w)
		for range chunks - 1 {
			if _, err := w.Write(chunk); err != nil {
				return
			}
			flush.Flush()
			if pause > 0 {
				time.Sleep(pause)
			}
		}
		// The gateway asks for the usage and holds it back; the bare proxy does
		// not, and does not get it.
		if strings.Contains(string(body), `"include_usage":true`) {
			w.Write(usage)
		}
		io.WriteString(w, "data: [DONE]\n\n")
	})
	return listen(mux)
}

// serveProxy is the baseline: the standard library's proxy and nothing else.
func serveProxy(target string) error {
	u, err := url.Parse("http://" + target)
	if err != nil {
		return err
	}
	p := &httputil.ReverseProxy{FlushInterval: -1, Rewrite: func(r *httputil.ProxyRequest) { r.SetURL(u) },
		Transport: &http.Transport{MaxIdleConns: 1024, MaxIdleConnsPerHost: 1024, DisableCompression: true}}
	return listen(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		// Without this, the server closes the request's body when the answer
		// begins, while the transport still looks for the body's end: about one
		// stream in 200 breaks.
		if err := http.NewResponseController(w).EnableFullDuplex(); err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		p.ServeHTTP(w, r)
	}))
}

func listen(h http.Handler) error {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	fmt.Println(l.Addr())
	return http.Serve(l, h)
}
