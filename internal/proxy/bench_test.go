package proxy

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httputil"
	_ "net/http/pprof"
	"net/url"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"weir/internal/catalog"
	"weir/internal/front"
	"weir/internal/identity"
	"weir/internal/journal"
	"weir/internal/upstream"
)

// The benchmarks measure the CPU time of a process of its own, with
// GOMAXPROCS=1, for each request or streamed chunk: the gateway with a real
// journal, and beside it a bare httputil.ReverseProxy before the same upstream.
// The load and the upstream are in this process and speak raw HTTP/1.1, so that
// they cost little.
//
//	go test ./internal/proxy -run NONE -bench . -benchtime 20000x
//
// WEIR_BENCH_PROFILE=FILE writes a CPU profile of the gateway's process.

const roleVariable = "WEIR_BENCH_ROLE"

func TestMain(m *testing.M) {
	if role := os.Getenv(roleVariable); role != "" {
		serveRole(role, os.Getenv("WEIR_BENCH_UPSTREAM"))
		return
	}
	os.Exit(m.Run())
}

// serveRole is the measured process. It says its address and serves until its
// standard input ends.
func serveRole(role, up string) {
	var h http.Handler
	switch role {
	case "gateway":
		dir, err := os.MkdirTemp("", "weir-bench")
		if err != nil {
			panic(err)
		}
		defer os.RemoveAll(dir)
		j, err := journal.Open(journal.Options{Dir: dir, Gateway: "bench"})
		if err != nil {
			panic(err)
		}
		defer j.Close()
		cat := catalog.New()
		callers, _ := identity.New(identity.Config{Subscriptions: []identity.Subscription{{Name: "team", Keys: []string{identity.Hash(testKey)}}}})
		logger := slog.New(slog.NewTextHandler(os.Stderr, nil))
		backends, err := upstream.New(upstream.Config{
			Backends:    []upstream.Backend{{Name: "a", Kind: upstream.KindAzure, URL: up, Key: "k"}},
			Deployments: []upstream.Deployment{{Name: "gpt", Backends: []upstream.Target{{Backend: "a"}}}},
		}, Paths(cat), nil, logger)
		if err != nil {
			panic(err)
		}
		p := New(Setup{Callers: callers, Upstream: backends, Clients: front.NewClients(front.Config{})}, Parts{
			Catalog: cat, Log: Journal(j), Inline: 1 << 40, Metrics: prometheus.NewRegistry(), Logger: logger,
		})
		ctx, cancel := context.WithCancel(context.Background())
		defer cancel()
		go p.Run(ctx)
		h = p
	case "reverse":
		u, err := url.Parse(up)
		if err != nil {
			panic(err)
		}
		h = &httputil.ReverseProxy{
			Rewrite:       func(r *httputil.ProxyRequest) { r.SetURL(u) },
			Transport:     &http.Transport{MaxIdleConnsPerHost: 1024, DisableCompression: true},
			FlushInterval: -1,
		}
	}
	srv, err := front.Listen(context.Background(), front.Config{Listen: "127.0.0.1:0"}, h, slog.New(slog.DiscardHandler))
	if err != nil {
		panic(err)
	}
	if role == "gateway" {
		go srv.Serve(context.Background(), front.Stop{})
	}
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		panic(err)
	}
	go http.Serve(ln, h)
	at := ln.Addr()
	if role == "gateway" {
		at = srv.Addr()
	}
	side, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		panic(err)
	}
	http.HandleFunc("/cpu", func(w http.ResponseWriter, _ *http.Request) {
		var u syscall.Rusage
		syscall.Getrusage(syscall.RUSAGE_SELF, &u)
		fmt.Fprint(w, time.Duration(u.Utime.Nano()+u.Stime.Nano()).Microseconds())
	})
	http.HandleFunc("/rss", func(w http.ResponseWriter, _ *http.Request) {
		statm, _ := os.ReadFile("/proc/self/statm")
		pages, _ := strconv.Atoi(strings.Fields(string(statm) + " 0 0")[1])
		fmt.Fprint(w, pages*os.Getpagesize())
	})
	go http.Serve(side, nil)
	fmt.Println(at, side.Addr())
	io.Copy(io.Discard, os.Stdin)
}

// measured is a process that serves a role.
type measured struct{ addr, side string }

func start(b *testing.B, role, up string) measured {
	b.Helper()
	exe, err := os.Executable()
	if err != nil {
		b.Fatal(err)
	}
	cmd := exec.Command(exe)
	cmd.Env = append(os.Environ(), roleVariable+"="+role, "WEIR_BENCH_UPSTREAM="+up, "GOMAXPROCS=1")
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		b.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		b.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { in.Close(); cmd.Wait() })
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		b.Fatal(err)
	}
	addr, side, _ := strings.Cut(strings.TrimSpace(line), " ")
	return measured{addr, side}
}

// cpu is the process's CPU time so far, in microseconds.
func (m measured) cpu(b *testing.B) float64 { return m.ask(b, "/cpu") }

func (m measured) ask(b *testing.B, path string) float64 {
	resp, err := http.Get("http://" + m.side + path)
	if err != nil {
		b.Fatal(err)
	}
	defer resp.Body.Close()
	text, _ := io.ReadAll(resp.Body)
	v, err := strconv.ParseFloat(string(text), 64)
	if err != nil {
		b.Fatal(err)
	}
	return v
}

// rawUpstream answers every request on a connection with what answer writes.
func rawUpstream(b *testing.B, answer func(net.Conn) error) string {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { ln.Close() })
	go func() {
		for {
			c, err := ln.Accept()
			if err != nil {
				return
			}
			go func() {
				defer c.Close()
				r := bufio.NewReader(c)
				for readMessage(r, nil) == nil && answer(c) == nil {
				}
			}()
		}
	}()
	return "http://" + ln.Addr().String()
}

// readMessage reads one request or answer, by its Content-Length or its chunks.
func readMessage(r *bufio.Reader, head *[]byte) error {
	length, chunked := 0, false
	for first := true; ; first = false {
		line, err := r.ReadSlice('\n')
		if err != nil {
			return err
		}
		if first && head != nil {
			*head = append((*head)[:0], line...)
		}
		if len(line) <= 2 {
			break
		}
		if len(line) > 16 && bytes.EqualFold(line[:15], []byte("content-length:")) {
			length, _ = strconv.Atoi(strings.TrimSpace(string(line[15:])))
		}
		chunked = chunked || bytes.EqualFold(bytes.TrimSpace(line), []byte("transfer-encoding: chunked"))
	}
	if !chunked {
		_, err := r.Discard(length)
		return err
	}
	for {
		line, err := r.ReadSlice('\n')
		if err != nil {
			return err
		}
		n, err := strconv.ParseInt(strings.TrimSpace(string(line)), 16, 64)
		if err != nil {
			return err
		}
		if _, err := r.Discard(int(n) + 2); err != nil || n == 0 {
			return err
		}
	}
}

// load sends n requests over conns connections. A connection that ends early is
// made anew: under load a reverse proxy cuts one now and then.
func load(b *testing.B, addr, body string, conns, n int) {
	request := []byte("POST " + chatPath + " HTTP/1.1\r\nHost: gateway\r\nContent-Type: application/json\r\nAccept: application/json\r\n" +
		"api-key: " + testKey + "\r\nUser-Agent: AzureOpenAI/Python 1.99.0\r\nX-Stainless-Lang: python\r\nX-Stainless-Os: Linux\r\nX-Stainless-Retry-Count: 0\r\n" +
		"X-Stainless-Runtime: CPython\r\nX-Stainless-Arch: x64\r\nAccept-Encoding: gzip, deflate\r\nContent-Length: " + strconv.Itoa(len(body)) + "\r\n\r\n" + body)
	var left, cuts atomic.Int64
	left.Store(int64(n))
	var wg sync.WaitGroup
	for range conns {
		wg.Go(func() {
			for left.Load() > 0 {
				if err := loadConn(addr, request, &left); err != nil && cuts.Add(1) > int64(n/20+5) {
					b.Error(err)
					return
				}
			}
		})
	}
	wg.Wait()
}

// loadConn sends requests over one connection while some are left.
func loadConn(addr string, request []byte, left *atomic.Int64) error {
	c, err := net.Dial("tcp", addr)
	if err != nil {
		return err
	}
	defer c.Close()
	r := bufio.NewReader(c)
	var head []byte
	for left.Add(-1) >= 0 {
		if _, err := c.Write(request); err != nil {
			return err
		}
		if err := readMessage(r, &head); err != nil {
			return err
		}
		if !bytes.Contains(head, []byte(" 200 ")) {
			return fmt.Errorf("answered %s", head)
		}
	}
	return nil
}

func compare(b *testing.B, body string, conns, units int, answer func(net.Conn) error) {
	up := rawUpstream(b, answer)
	for _, role := range []string{"reverse", "gateway"} {
		b.Run(role, func(b *testing.B) {
			m := start(b, role, up)
			load(b, m.addr, body, conns, 20*conns)
			if file := os.Getenv("WEIR_BENCH_PROFILE"); file != "" && role == "gateway" && b.N > 1 {
				go func() {
					if resp, err := http.Get("http://" + m.side + "/debug/pprof/profile?seconds=3"); err == nil {
						data, _ := io.ReadAll(resp.Body)
						os.WriteFile(file, data, 0o600)
					}
				}()
			}
			before := m.cpu(b)
			b.ResetTimer()
			load(b, m.addr, body, conns, b.N)
			b.StopTimer()
			b.ReportMetric((m.cpu(b)-before)/float64(b.N*units), "cpu-µs/unit")
		})
	}
}

var prompt = strings.Repeat("the quick brown fox jumps over the lazy dog, ", 33)

// BenchmarkPlain: a prompt of 1.5 KB, an answer of 64 tokens.
func BenchmarkPlain(b *testing.B) {
	text := `{"id":"chatcmpl-1","object":"chat.completion","created":1,"model":"gpt-4o-2024-08-06","choices":[{"index":0,"finish_reason":"stop","message":{"role":"assistant","content":"` +
		strings.Repeat("word ", 64) + `"}}],"usage":{"prompt_tokens":300,"completion_tokens":64,"total_tokens":364}}`
	answer := []byte("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nx-request-id: 00000000-0000-0000-0000-000000000000\r\napim-request-id: 00000000-0000-0000-0000-000000000000\r\n" +
		"x-ratelimit-remaining-requests: 1\r\nx-ratelimit-remaining-tokens: 2\r\nx-ms-region: East US\r\nContent-Length: " + strconv.Itoa(len(text)) + "\r\n\r\n" + text)
	compare(b, `{"messages":[{"role":"user","content":"`+prompt+`"}]}`, 64, 1, func(c net.Conn) error {
		_, err := c.Write(answer)
		return err
	})
}

// BenchmarkStream: 100 chunks a call, 5 ms apart; a unit is a chunk.
func BenchmarkStream(b *testing.B) {
	head := []byte("HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n")
	event := `data: {"id":"chatcmpl-1","object":"chat.completion.chunk","created":1,"model":"gpt-4o-2024-08-06","choices":[{"index":0,"delta":{"content":"word "},"finish_reason":null}],"usage":null}` + "\n\n"
	chunk := []byte(fmt.Sprintf("%x\r\n%s\r\n", len(event), event))
	done := []byte("e\r\ndata: [DONE]\n\n\r\n0\r\n\r\n")
	compare(b, `{"stream":true,"messages":[{"role":"user","content":"`+prompt+`"}]}`, 32, 100, func(c net.Conn) error {
		if _, err := c.Write(head); err != nil {
			return err
		}
		for range 100 {
			time.Sleep(5 * time.Millisecond)
			if _, err := c.Write(chunk); err != nil {
				return err
			}
		}
		_, err := c.Write(done)
		return err
	})
}
