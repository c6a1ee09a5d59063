// Package api is the HTTP surface of the store: queries in the formats that
// Kusto's clients speak, the bodies of exchanges, the store's state, and its
// metrics.
//
// What always holds: until callers have an identity it is reached from this
// machine only. The server is refused any address but a loopback one, and a
// request whose Host is not a loopback name is refused too, so that a web page
// cannot reach it by rebinding a name. Errors have Kusto's OneApi shape.
package api

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"time"

	"weir/internal/fault"
	"weir/internal/query"
)

// Config is where the query API listens.
type Config struct {
	// Listen is the address of the query API. Only loopback addresses are
	// taken, since its callers are not yet known by name.
	Listen string `yaml:"listen"`
}

// DefaultListen is the query API's address when the config names none.
const DefaultListen = "127.0.0.1:8081"

// Check lists what is wrong with the config.
func (c Config) Check() []fault.Problem {
	host, _, err := net.SplitHostPort(c.Listen)
	if err != nil {
		return []fault.Problem{{Path: "listen", Message: fmt.Sprintf("%q is not an address", c.Listen), Hint: "write host:port, such as " + DefaultListen}}
	}
	if !loopback(host) {
		return []fault.Problem{{Path: "listen", Message: fmt.Sprintf("%q is not a loopback address", c.Listen), Hint: "the query API has no callers' identity yet; write " + DefaultListen}}
	}
	return nil
}

// Queries answers queries.
type Queries interface {
	Run(ctx context.Context, text string) (*query.Result, error)
}

// State is what the store says of itself.
type State struct {
	// Durable is the journal's published end, Stored the end of what queries
	// see; Behind is how many frames lie between, -1 when they stand in
	// different epochs.
	Durable, Stored Position
	Behind          int64
	CaughtUp        bool
	FreshRows       int64 // in memory
	SealedFiles     int64
	SealedBytes     int64
	// Gateways are those that the store reads, its own first; Durable, Stored and
	// Behind above are its own's. CaughtUp above is of all, and the rest is what
	// all have together.
	Gateways []GatewayState
}

// GatewayState is how far a gateway's records are in the store.
type GatewayState struct {
	Gateway         string // its name; empty until its journal has told it
	Data            string // its data folder
	Durable, Stored Position
	Behind          int64
	CaughtUp        bool
	Problem         string `json:",omitempty"` // why it cannot be read now
}

// Position is where a frame stands in a journal.
type Position struct{ Epoch, Sequence uint64 }

// Parts is what the API gives access to.
type Parts struct {
	Queries Queries
	Bodies  Bodies
	State   func() State
	Metrics http.Handler
	Logger  *slog.Logger
}

// Server serves the API.
type Server struct {
	Parts
	log *slog.Logger
}

// New makes the API over its parts.
func New(p Parts) *Server { return &Server{p, p.Logger.With("component", "api")} }

// Handler gives the routes behind the Host check.
func (s *Server) Handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("POST /v1/rest/query", s.kustoQuery)
	mux.HandleFunc("GET /v1/status", s.status)
	mux.HandleFunc("GET /v1/exchanges/{id}/request", s.body)
	mux.HandleFunc("GET /v1/exchanges/{id}/answer", s.body)
	mux.HandleFunc("GET /v1/exchanges/{id}/files/{index}", s.body)
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintln(w, "ok") })
	mux.Handle("GET /metrics", s.Metrics)
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		writeError(w, r, "", &apiError{status: http.StatusNotFound, code: "General_NotFound", kind: "KustoNotFoundException",
			message: "There is no " + r.Method + " " + r.URL.Path + "; queries go to POST /v1/rest/query."})
	})
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		host := r.Host
		if h, _, err := net.SplitHostPort(host); err == nil {
			host = h
		}
		if !loopback(strings.Trim(host, "[]")) {
			writeError(w, r, "", &apiError{status: http.StatusForbidden, code: "Forbidden", kind: "KustoRequestDeniedException",
				message: "The query API answers on this machine's own names only: use 127.0.0.1 or localhost."})
			return
		}
		mux.ServeHTTP(w, r)
	})
}

// HTTPServer gives a server with the limits that suit the API.
func (s *Server) HTTPServer() *http.Server {
	return &http.Server{Handler: s.Handler(), ReadHeaderTimeout: 10 * time.Second, ReadTimeout: time.Minute, IdleTimeout: 2 * time.Minute,
		ErrorLog: slog.NewLogLogger(s.log.Handler(), slog.LevelWarn)}
}

func loopback(host string) bool {
	if strings.EqualFold(host, "localhost") {
		return true
	}
	a, err := netip.ParseAddr(host)
	return err == nil && a.IsLoopback()
}

func (s *Server) status(w http.ResponseWriter, _ *http.Request) {
	writeJSON(w, http.StatusOK, s.State())
}

func writeJSON(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.WriteHeader(status)
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	enc.Encode(v) // a client that left is not our error
}
