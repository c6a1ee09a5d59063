// Package proxy is the life of a request: what a client asks is matched,
// admitted, put on the record, forwarded, captured and passed back.
//
//	match → caller → journal ready? → body → deployment, objects → backends
//	      → begin frame → attempts → answer, teed into parts → end frame → its end
//
// What always holds:
//
//   - The begin frame of an exchange is written before anything is forwarded.
//   - No client receives the end of an answer before the exchange's end frame is
//     on stable storage: the last of a plain body, the terminal event of a
//     stream, or, without one, the end of the connection is held until then.
//     When that fails the answer is cut.
//   - What passes is passed as it is. Three edits are made on the way to a
//     backend: path and query, the model's name, stream_options.include_usage;
//     and one on the way back: the usage event that the client did not ask for
//     is held back.
//   - A WebSocket's bytes pass as they came, in both directions, and its messages
//     are captured before they pass; the one that ends an answer is durable
//     before, and with a close frame, or the connection's end, the exchange is.
//   - A client's credentials are neither forwarded nor recorded, but for the
//     short-lived key of a realtime session, which goes to the backend that made it
//     and is not recorded; no body is kept
//     of a caller who is not known, and little else.
//   - Nothing that a backend says gets into an error or a log line.
//   - While the journal is not ready no exchange begins, not even a refused one;
//     those turned away are counted, and the count is recorded later.
//   - A stream is written as it arrives, and read only as fast as the client
//     takes it: memory does not grow with the answer, nor with a body that is no
//     JSON.
//   - Until the client has a byte, what fails at one backend is tried at another; the
//     answer's header waits for the first of its body. Every attempt is on the
//     record, and one verdict over all is the client's.
//   - A call that names an object goes to the backend that holds it, and to no
//     other.
package proxy

import (
	"context"
	"log/slog"
	"net/http"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"time"

	lru "github.com/hashicorp/golang-lru/v2"
	"github.com/prometheus/client_golang/prometheus"

	"weir/internal/capture"
	"weir/internal/catalog"
	"weir/internal/fault"
	"weir/internal/front"
	"weir/internal/identity"
	"weir/internal/pages"
	"weir/internal/payload"
	"weir/internal/record"
	"weir/internal/upstream"
)

// Config is how the gateway treats exchanges.
type Config struct {
	// Name is this gateway's in the log; default "weir".
	Name string `yaml:"name"`
	// Region stands in the log as Region.
	Region string `yaml:"region"`
	// MaxBody limits a request's body in bytes; default 32 MiB, at most 48 MiB.
	MaxBody int64 `yaml:"max_body"`
	// MaxUpload limits a body that passes in a stream (a multipart form, a file) in
	// bytes; default 16 GiB.
	MaxUpload int64 `yaml:"max_upload"`
	// UnknownOperations says what becomes of a path that no operation has:
	// "refuse" (default) answers 404, "pass" forwards it as it is, and records it
	// as the operation unknown.
	UnknownOperations string `yaml:"unknown_operations"`
	// CORS lets programs in browsers call the gateway.
	CORS CORS `yaml:"cors"`
	// ClientStall is how long a client may take no byte of an answer before it is
	// taken as gone; default 5m.
	ClientStall time.Duration `yaml:"client_stall"`
	// RefusalRate is how many calls of unknown callers are recorded one by one in
	// a second, after a burst of ten times that; those above are counted in one
	// record a second. Default 50.
	RefusalRate int `yaml:"refusal_rate"`
}

// The values of UnknownOperations.
const (
	refuseUnknown = "refuse"
	passUnknown   = "pass"
)

// nowhereLife is how long it is remembered that no backend has an object which a
// body names.
const nowhereLife = 30 * time.Second

// defaultInline is up to how many bytes a body stands in the journal.
const defaultInline = 1 << 20

const mostBody = 48 << 20 // with its metadata it must fit a frame of 64 MiB

func (c *Config) defaults() {
	if c.Name == "" {
		c.Name = "weir"
	}
	if c.MaxBody == 0 {
		c.MaxBody = 32 << 20
	}
	if c.MaxUpload == 0 {
		c.MaxUpload = 16 << 30
	}
	if c.UnknownOperations == "" {
		c.UnknownOperations = refuseUnknown
	}
	if c.ClientStall == 0 {
		c.ClientStall = 5 * time.Minute
	}
	if c.RefusalRate == 0 {
		c.RefusalRate = 50
	}
}

// Check gives the config's problems.
func (c Config) Check() []fault.Problem {
	c.defaults()
	var problems []fault.Problem
	bad := func(path, message, hint string) {
		problems = append(problems, fault.Problem{Path: path, Message: message, Hint: hint})
	}
	if len(c.Name) > 32 {
		bad("name", "the name is longer than 32 bytes", "a short one, unique among your gateways")
	}
	if c.MaxBody < 1024 || c.MaxBody > mostBody {
		bad("max_body", "not between 1024 and 50331648 bytes", "33554432")
	}
	if c.MaxUpload < c.MaxBody {
		bad("max_upload", "less than max_body", "17179869184")
	}
	if c.UnknownOperations != refuseUnknown && c.UnknownOperations != passUnknown {
		bad("unknown_operations", "neither refuse nor pass", "refuse")
	}
	problems = append(problems, c.CORS.check()...)
	if c.ClientStall < 0 {
		bad("client_stall", "a time cannot be negative", "5m")
	}
	if c.RefusalRate < 1 {
		bad("refusal_rate", "at least one refusal a second is recorded", "50")
	}
	return problems
}

// Parts are what a proxy works with.
type Parts struct {
	Catalog *catalog.Catalog
	Log     capture.Log
	// Spool takes bodies of more than Inline bytes.
	Spool  *payload.Spool
	Inline int64
	// Owners remembers which backend holds an object.
	Owners  Owners
	Metrics prometheus.Registerer
	Logger  *slog.Logger
}

// Setup is what a reload of the config changes. An exchange keeps to its end the
// one that it began with.
type Setup struct {
	Config   Config
	Callers  *identity.Directory
	Upstream *upstream.Upstream
	Clients  *front.Clients
}

// Proxy handles the gateway's requests.
type Proxy struct {
	Parts
	setup   atomic.Pointer[Setup]
	started time.Time
	log     *slog.Logger
	metrics *metrics
	rec     *capture.Recorder
	flood   flood
	tickets tickets
	unknown catalog.Operation
	merger  *pages.Merger
	nowhere *lru.Cache[string, time.Time] // when no backend knew these keys

	exchanges sync.Pool // *exchange
	buffers   sync.Pool // *[bufferBytes]byte
	splitters capture.Splitters
	sockets   sockets

	inFlight sync.WaitGroup
	stopping atomic.Bool
}

// bufferBytes is the size of an answer's read buffer: a plain answer that fits
// is read whole before it is passed on.
const bufferBytes = 32 << 10

// New makes a proxy of a setup whose config has no problems. [Proxy.Run] must run.
func New(s Setup, parts Parts) *Proxy {
	if parts.Inline == 0 {
		parts.Inline = defaultInline
	}
	p := &Proxy{
		Parts: parts, started: time.Now(),
		log:     parts.Logger.With("component", "proxy"),
		unknown: catalog.Unknown(), merger: pages.New(),
	}
	p.nowhere, _ = lru.New[string, time.Time](10_000) // fails for sizes below one only
	p.rec = capture.NewRecorder(parts.Log, capture.Spool{Inline: parts.Inline, Create: func(id [16]byte, head int64) (*payload.File, error) {
		return parts.Spool.Create(id, record.AnswerSide, head, nil)
	}})
	p.metrics = newMetrics(parts.Metrics, parts.Catalog.Operations())
	p.flood.init()
	p.Use(s)
	p.sockets.init()
	p.exchanges.New = func() any { return new(exchange) }
	p.buffers.New = func() any { return new([bufferBytes]byte) }
	return p
}

// Use has the exchanges that begin from now on work by another setup, whose config
// has no problems.
func (p *Proxy) Use(s Setup) {
	s.Config.defaults()
	p.flood.limit(s.Config.RefusalRate)
	p.setup.Store(&s)
}

// Upstream gives the backends of the present setup.
func (p *Proxy) Upstream() *upstream.Upstream { return p.setup.Load().Upstream }

// Run does what is due by the clock, until ctx ends.
func (p *Proxy) Run(ctx context.Context) {
	var wg sync.WaitGroup
	wg.Go(func() { p.rec.Run(ctx) })
	t := time.NewTicker(time.Second)
	defer t.Stop()
	for {
		select {
		case <-ctx.Done():
			p.recordFlood()
			wg.Wait()
			return
		case <-t.C:
			p.recordFlood()
			p.sockets.sweep(p.setup.Load().Config.ClientStall)
		}
	}
}

// Stopping says that calls which are cut from now on are cut by the gateway,
// not by their clients, and ends the WebSockets, which the server no longer
// knows.
func (p *Proxy) Stopping() {
	p.stopping.Store(true)
	p.sockets.stop()
}

// Wait returns when no exchange is under way; their records are complete then.
func (p *Proxy) Wait() { p.inFlight.Wait() }

// ServeHTTP handles one request.
func (p *Proxy) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	p.inFlight.Add(1)
	defer p.inFlight.Done()
	p.metrics.inFlight.Inc()
	x := p.exchanges.Get().(*exchange)
	x.init(p, w, r)
	defer x.finish()
	x.run()
}

// finish ends an exchange, however run ended. A failure of the gateway's own
// code is recorded and counted, and costs only this exchange.
func (x *exchange) finish() {
	p, cut := x.p, x.cut
	if v := recover(); v != nil {
		p.metrics.panics.Inc()
		p.log.Error("an exchange failed in the gateway's own code", "exchange", x.idText, "stack", string(debug.Stack()))
		cut = x.failed()
	}
	x.deliver()
	x.settle()
	x.closeRequest()
	p.metrics.observe(x)
	p.metrics.inFlight.Dec()
	x.release()
	if cut {
		panic(http.ErrAbortHandler) // the server ends the connection without the answer's end
	}
}

// Paths lists the paths of a catalog's operations as upstream needs them.
func Paths(c *catalog.Catalog) []upstream.Operation {
	var ops []upstream.Operation
	for _, op := range c.Operations() {
		var u upstream.Operation
		for _, r := range op.Routes {
			switch r.Surface {
			case catalog.Azure:
				u.Classic = r.Pattern
			case catalog.AzureV1:
				if !op.NotAzureV1 {
					u.V1 = r.Pattern
				}
			case catalog.OpenAI:
				u.OpenAI = r.Pattern
			case catalog.Inference:
				u.Inference = r.Pattern
			case catalog.ARM:
				u.ARM = r.Pattern
			}
		}
		ops = append(ops, u)
	}
	return ops
}
