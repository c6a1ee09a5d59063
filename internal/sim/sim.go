package sim

import (
	"encoding/json"
	"net/http"
	"path"
	"strconv"
	"strings"
	"sync/atomic"
	"time"
)

// Simulator is one simulated service. It is safe for concurrent use.
type Simulator struct {
	opts        Options
	keys        map[string]bool
	deployments deployments
	store       *store
	ledger      *ledger
	arrivals    atomic.Uint64
	started     time.Time
	mux         *http.ServeMux
	media       *media
}

// New makes a simulator; the error names every mistake in the options.
func New(o Options) (*Simulator, error) {
	o = o.withDefaults()
	if err := o.check(); err != nil {
		return nil, err
	}
	s := &Simulator{
		opts:    o,
		keys:    map[string]bool{},
		store:   newStore(o.StoreBytes),
		ledger:  newLedger(o.KeepCalls),
		started: time.Now(),
		mux:     http.NewServeMux(),
		media:   newMedia(),
	}
	for _, k := range o.Keys {
		s.keys[k] = true
	}
	s.deployments.reset(o.Deployments)
	s.routes()
	return s, nil
}

// routes gives each operation its paths.
func (s *Simulator) routes() {
	add := func(op *operation, on surface, pattern string) {
		if pattern == "" || (on == native) != (s.opts.Kind == KindOpenAI) {
			return
		}
		s.mux.HandleFunc(op.method+" "+pattern, func(w http.ResponseWriter, r *http.Request) { s.serve(w, r, op, on) })
	}
	ops := append(operations(), resourceOperations()...)
	for i := range ops {
		op := &ops[i]
		add(op, classic, op.classic)
		add(op, v1, op.v1)
		add(op, native, op.native)
		add(op, inference, op.inference)
	}
	s.mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) { s.serve(w, r, nil, s.surfaceOf(r)) })
	s.mux.HandleFunc("GET /sim/counts", func(w http.ResponseWriter, _ *http.Request) { writeJSON(w, s.Counts()) })
	s.mux.HandleFunc("GET /sim/calls", func(w http.ResponseWriter, r *http.Request) {
		after, err := strconv.ParseUint(either(r.URL.Query().Get("after"), "0"), 10, 64)
		if err != nil {
			http.Error(w, "after: must be the seq of a call", http.StatusBadRequest)
			return
		}
		writeJSON(w, s.Calls(after))
	})
	s.mux.HandleFunc("GET /sim/images/{name}", serveImage)
	s.mux.HandleFunc("GET /sim/files", func(w http.ResponseWriter, _ *http.Request) { writeJSON(w, s.Files()) })
	s.mux.HandleFunc("POST /sim/reset", func(w http.ResponseWriter, _ *http.Request) {
		s.Reset()
		w.WriteHeader(http.StatusNoContent)
	})
}

// surfaceOf is the surface whose error shape suits a path that is on none.
func (s *Simulator) surfaceOf(r *http.Request) surface {
	switch {
	case s.opts.Kind == KindOpenAI:
		return native
	case len(r.URL.Path) >= len(v1Prefix) && r.URL.Path[:len(v1Prefix)] == v1Prefix:
		return v1
	case strings.HasPrefix(r.URL.Path, "/models/"):
		return inference
	}
	return classic
}

const v1Prefix = "/openai/v1/"

func writeJSON(w http.ResponseWriter, v any) {
	w.Header().Set("Content-Type", "application/json")
	// What fails here is the connection, and with it who would be told.
	_ = json.NewEncoder(w).Encode(v)
}

// Handler answers the API's calls and those under /sim/.
func (s *Simulator) Handler() http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if path.Clean(r.URL.Path) != r.URL.Path {
			// The mux would redirect, which the service never does.
			s.serve(w, r, nil, s.surfaceOf(r))
			return
		}
		s.mux.ServeHTTP(w, r)
	})
}

// Counts sums the calls by deployment and operation, sorted by both.
func (s *Simulator) Counts() []Count { return s.ledger.list() }

// Calls lists the remembered calls with a Seq above after, oldest first.
func (s *Simulator) Calls(after uint64) []Call { return s.ledger.after(after) }

// Reset forgets counts, calls, what the rate windows hold, and every stateful
// object; deployments are again those of the options. Calls that are still being
// answered are not counted when they end. Numbers of calls go on.
func (s *Simulator) Reset() {
	s.ledger.reset()
	s.store.reset()
	s.media.reset()
	s.deployments.reset(s.opts.Deployments)
}
