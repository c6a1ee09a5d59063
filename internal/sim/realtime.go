package sim

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"net"
	"net/http"
	"slices"
	"strings"

	"github.com/coder/websocket"
)

// Limits of a realtime connection: of a message, of messages that wait while an
// answer is given, and of a conversation.
const (
	maxMessage   = 24 << 20
	maxWaiting   = 256
	maxItemsKept = 4096
)

// Subprotocols that carry what a browser's WebSocket can send no header for.
const (
	realtimeProtocol = "realtime"
	keyProtocol      = "openai-insecure-api-key."
	betaProtocol     = "openai-beta.realtime-v1"
)

// protocols are the subprotocols that the handshake offers.
func protocols(r *http.Request) []string {
	var out []string
	for _, line := range r.Header.Values("Sec-Websocket-Protocol") {
		for p := range strings.SplitSeq(line, ",") {
			out = append(out, strings.TrimSpace(p))
		}
	}
	return out
}

// socketKey is the key that a handshake carries elsewhere than in the headers of
// all operations.
func socketKey(r *http.Request, on surface) string {
	for _, p := range protocols(r) {
		if key, ok := strings.CutPrefix(p, keyProtocol); ok {
			return key
		}
	}
	if on != native {
		return r.URL.Query().Get("api-key")
	}
	return ""
}

// socketModel is what a handshake names: the deployment or the model in the query,
// else that of the ephemeral key, else for transcription the first model that can.
func (c *call) socketModel() (string, ability) {
	query := c.r.URL.Query()
	name := query.Get("model")
	if c.surface == classic {
		name = either(query.Get("deployment"), name)
	}
	writesDown := query.Get("intent") == "transcription"
	if c.session != nil {
		writesDown = writesDown || c.session.transcription
		told, _ := c.session.doc["model"].(string)
		transcription, _ := c.session.setting("transcription").(jsonDoc)
		heard, _ := transcription["model"].(string)
		name = either(either(name, told), heard)
	}
	if !writesDown {
		return name, realtimes
	}
	name = either(name, c.sim.firstThat(transcribes))
	if d := c.sim.deployment(name, c.surface); d != nil && d.model.does(transcribes) {
		return name, transcribes
	}
	return name, realtimes
}

// answerRealtime opens a realtime connection.
func answerRealtime(c *call) (*reply, error) {
	if c.r.ProtoMajor != 1 || !strings.EqualFold(c.r.Header.Get("Upgrade"), "websocket") {
		return nil, &apiError{status: 400, kind: invalidRequest, code: "upgrade_required", message: "The realtime API is a WebSocket: the request must ask for an upgrade."}
	}
	s := c.session
	if s != nil {
		s = s.copy()
	} else {
		beta := c.surface == classic || strings.Contains(c.r.Header.Get("Openai-Beta"), "realtime=v1") || slices.Contains(protocols(c.r), betaProtocol)
		s = newSession(c.deployment.Name, !beta, c.r.URL.Query().Get("intent") == "transcription")
	}
	return &reply{socket: func() error { return c.openSocket(s) }}, nil
}

// realtime is a realtime connection at work. Only the goroutine that serves the
// call touches it; one more reads messages into in.
type realtime struct {
	c       *call
	conn    *websocket.Conn
	ctx     context.Context
	in      chan []byte
	waiting [][]byte // arrived while an answer was given
	session *session
	items   []*rtItem
	heard   heard
	talk    string // the conversation's id
	// active is the response that is being given, nil when none is.
	active *rtResponse
	sent   int64
}

// grip keeps the connection that a hijack hands out, to break it later.
type grip struct {
	http.ResponseWriter
	conn net.Conn
}

// Hijack is http.Hijacker's.
func (g *grip) Hijack() (conn net.Conn, rw *bufio.ReadWriter, err error) {
	g.conn, rw, err = http.NewResponseController(g.ResponseWriter).Hijack()
	return g.conn, rw, err
}

// openSocket upgrades the connection and serves it to its end. What it returns is
// about what came before the upgrade.
func (c *call) openSocket(s *session) error {
	if err := c.wait(max(c.controls.delay, 0)); err != nil {
		return err
	}
	if err := c.breakAt(0); err != nil {
		return err
	}
	c.setHeaders(true)
	w := &grip{ResponseWriter: c.w}
	conn, err := websocket.Accept(w, c.r, &websocket.AcceptOptions{
		Subprotocols: []string{realtimeProtocol}, InsecureSkipVerify: true, CompressionMode: websocket.CompressionDisabled,
	})
	if err != nil {
		// Accept has answered by itself.
		c.entry.status.Store(http.StatusBadRequest)
		c.sim.ledger.end(c.entry, StateRefused)
		return nil
	}
	conn.SetReadLimit(maxMessage)
	c.entry.status.Store(http.StatusSwitchingProtocols)
	c.sim.ledger.identify(c.entry, c.op.id(), c.deployment.Name, true)
	ctx, cancel := context.WithCancel(c.r.Context())
	rt := &realtime{c: c, conn: conn, ctx: ctx, in: make(chan []byte), session: s, talk: randomID("conv_", 21)}
	done := make(chan struct{})
	go func() {
		defer close(done)
		rt.read(cancel)
	}()
	err = rt.serve()
	switch {
	case errors.Is(err, errBroken):
		c.sim.ledger.end(c.entry, StateCut)
		if tcp, ok := bare(w.conn).(*net.TCPConn); ok && !c.controls.cutClose {
			_ = tcp.SetLinger(0) // should it fail, the close still cuts
		}
	case rt.active != nil:
		c.sim.ledger.end(c.entry, StateCancelled)
	default:
		c.sim.ledger.end(c.entry, StateDone)
	}
	// The peer is gone, or is to find that we are.
	_ = conn.CloseNow()
	cancel()
	<-done
	return nil
}

// read passes messages on until the connection ends.
func (rt *realtime) read(gone context.CancelFunc) {
	defer gone()
	for {
		_, data, err := rt.conn.Read(rt.ctx)
		if err != nil {
			return
		}
		select {
		case rt.in <- data:
		case <-rt.ctx.Done():
			return
		}
	}
}

// serve greets and then does what each message asks for.
func (rt *realtime) serve() error {
	greeting := "session.created"
	if rt.session.transcription && !rt.session.ga {
		greeting = "transcription_session.created"
	}
	if err := rt.emit(greeting, jsonDoc{"session": rt.session.doc}, 0); err != nil {
		return err
	}
	for {
		var data []byte
		if len(rt.waiting) > 0 {
			data, rt.waiting = rt.waiting[0], rt.waiting[1:]
		} else {
			select {
			case data = <-rt.in:
			case <-rt.ctx.Done():
				return context.Cause(rt.ctx)
			}
		}
		if err := rt.handle(data); err != nil {
			return err
		}
	}
}

// clientEvent is a message of the client's, with the members of all kinds.
type clientEvent struct {
	Type           string  `json:"type"`
	EventID        string  `json:"event_id"`
	Session        jsonDoc `json:"session"`
	Item           jsonDoc `json:"item"`
	PreviousItemID *string `json:"previous_item_id"`
	ItemID         string  `json:"item_id"`
	ContentIndex   int     `json:"content_index"`
	AudioEndMS     int     `json:"audio_end_ms"`
	Audio          string  `json:"audio"`
	Response       jsonDoc `json:"response"`
	ResponseID     string  `json:"response_id"`
}

// realtimeHandlers is what to do for each kind. An *apiError becomes an error
// event; any other error ends the connection.
func realtimeHandlers() map[string]func(*realtime, *clientEvent) error {
	return map[string]func(*realtime, *clientEvent) error{
		"session.update":               (*realtime).updateSession,
		"transcription_session.update": (*realtime).updateSession,
		"input_audio_buffer.append":    (*realtime).appendAudio,
		"input_audio_buffer.commit":    (*realtime).commitAudio,
		"input_audio_buffer.clear":     (*realtime).clearAudio,
		"conversation.item.create":     (*realtime).createItem,
		"conversation.item.retrieve":   (*realtime).retrieveItem,
		"conversation.item.truncate":   (*realtime).truncateItem,
		"conversation.item.delete":     (*realtime).deleteItem,
		"response.create":              (*realtime).createResponse,
		"response.cancel":              (*realtime).cancelNothing,
	}
}

// handle does what one message asks for.
func (rt *realtime) handle(data []byte) error {
	var ev clientEvent
	var err error
	if jsonErr := json.Unmarshal(data, &ev); jsonErr != nil {
		err = errInvalid("", "invalid_json", "The message is no JSON object of an event, or one of its members has the wrong type.")
	} else if do := realtimeHandlers()[ev.Type]; do != nil {
		err = do(rt, &ev)
	} else {
		var known []string
		for name := range realtimeHandlers() {
			known = append(known, name)
		}
		slices.Sort(known)
		err = errInvalid("type", "invalid_value", "Invalid value for 'type'. Supported values are: '%s'.", strings.Join(known, "', '"))
	}
	if e := (*apiError)(nil); errors.As(err, &e) {
		return rt.emitError(e, ev.EventID)
	}
	return err
}

func (rt *realtime) updateSession(ev *clientEvent) error {
	if ev.Session == nil {
		return errMissing(v1, "session")
	}
	if err := rt.session.update(ev.Session); err != nil {
		return err
	}
	answer := "session.updated"
	if ev.Type == "transcription_session.update" {
		answer = "transcription_session.updated"
	}
	return rt.emit(answer, jsonDoc{"session": rt.session.doc}, 0)
}
