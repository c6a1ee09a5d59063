package sim

import (
	"cmp"
	"context"
	"errors"
	"io"
	"net/http"
	"slices"
	"strings"
	"time"
)

// maxRequest is the largest body that is read.
const maxRequest = 128 << 20

// call is one call while it is answered.
type call struct {
	sim        *Simulator
	op         *operation // nil when the path is on no surface
	surface    surface
	version    string
	w          http.ResponseWriter
	r          *http.Request
	deployment *deployment // nil for operations without
	args       []field
	files      []upload
	form       bool // args came as parts of a form
	controls   controls
	entry      *entry
	requestID  string
	arrival    uint64
	verdict    verdict  // the zero value for a deployment without limit
	unlimited  bool     // a line of a batch, which counts against no limit
	session    *session // what an ephemeral key was made for; nil for other keys
}

// reply is an answer that is ready to be written: one body, a stream, or a
// WebSocket that is about to be opened.
type reply struct {
	plain  *body
	stream func(*events) error
	socket func() error
	// status is the plain body's; 0 is 200. contentType is application/json
	// when empty; header is added, pairs of name and value.
	status      int
	contentType string
	header      [][2]string
	// chunked sends the body's runs one by one, without Content-Length.
	chunked bool
	// undone is a stream without data: [DONE] at its end; last, when set,
	// writes what ends it in place of that.
	undone bool
	last   func(*events) error
	// tokens are the answer's; how long it takes follows from them.
	prompt, completion int
}

// errBroken ends an answer that was asked to break; the connection goes with it.
var errBroken = errors.New("the answer is broken off, as asked")

// serve answers one call.
func (s *Simulator) serve(w http.ResponseWriter, r *http.Request, op *operation, on surface) {
	c := &call{
		sim: s, op: op, surface: on, w: w, r: r, version: r.URL.Query().Get("api-version"),
		controls: noControls(), requestID: newRequestID(on), arrival: s.arrivals.Add(1),
	}
	c.entry = s.ledger.begin(Call{
		At: time.Now(), Method: r.Method, Path: r.URL.Path, APIVersion: c.version,
		RequestID: c.requestID, Headers: c.keptHeaders(),
	})
	answer, err := c.prepare()
	switch {
	case err != nil:
	case answer.socket != nil:
		err = answer.socket()
	case answer.stream != nil:
		err = c.writeStream(answer)
	default:
		err = c.writePlain(cmp.Or(answer.status, http.StatusOK), answer)
	}
	if e := (*apiError)(nil); errors.As(err, &e) {
		err = c.writeError(e)
	}
	switch {
	case err == nil:
		return
	case r.Context().Err() != nil || !errors.Is(err, errBroken):
		// No error but these two comes up here: the caller is gone, or what
		// was written did not get through to it.
		s.ledger.end(c.entry, StateCancelled)
	default:
		s.ledger.end(c.entry, StateCut)
	}
	c.cut()
}

// prepare goes through all that can be said about a call before its answer
// starts.
func (c *call) prepare() (*reply, error) {
	if c.op == nil || !c.versionKnown() {
		return nil, errNoRoute(c.surface, c.r.Method, c.r.URL.Path)
	}
	c.sim.ledger.identify(c.entry, c.op.id(), "", false)
	if ok, given := c.keyValid(); !ok {
		return nil, errKey(c.surface, given)
	}
	isObject := true
	switch {
	case len(c.op.arguments) == 0 || c.op.socket:
	case c.isForm():
		if err := c.readForm(); err != nil {
			return nil, err
		}
	default:
		data, err := readBody(c.w, c.r)
		if err != nil {
			return nil, err
		}
		c.args, isObject = fields(data)
	}
	if err := c.setControls(); err != nil {
		return nil, errControl(err)
	}
	if err := c.findDeployment(isObject); err != nil {
		return nil, err
	}
	if err := c.injected(); err != nil {
		return nil, err
	}
	if !isObject {
		return nil, errNotJSON()
	}
	if err := c.checkArguments(); err != nil {
		return nil, err
	}
	return c.op.answer(c)
}

// injected is the error that a control asks for.
func (c *call) injected() error {
	if c.controls.status == 0 {
		return nil
	}
	if err := c.wait(max(c.controls.delay, 0)); err != nil {
		return err
	}
	return errInjected(c, c.controls.status)
}

// checkArguments refuses what the operation does not take. The inference surface
// lets a caller say that it is to be passed on.
func (c *call) checkArguments() error {
	extra := c.r.Header.Get("Extra-Parameters")
	if c.surface == inference && (extra == "pass-through" || extra == "drop") {
		return nil
	}
	for _, a := range c.args {
		if !c.op.takes(a.name, c.surface, c.version) && (!c.form || a.name != formControls) {
			return errUnknownArgument(c.surface, a.name)
		}
	}
	return nil
}

func readBody(w http.ResponseWriter, r *http.Request) ([]byte, error) {
	limited := http.MaxBytesReader(w, r.Body, maxRequest)
	var data []byte
	var err error
	if n := r.ContentLength; n >= 0 && n <= maxRequest {
		data = make([]byte, n)
		_, err = io.ReadFull(limited, data)
	} else {
		data, err = io.ReadAll(limited)
	}
	if tooLarge := (*http.MaxBytesError)(nil); errors.As(err, &tooLarge) {
		return nil, errTooLarge()
	}
	return data, err
}

func (c *call) versionKnown() bool {
	if len(c.op.versions) > 0 {
		return slices.Contains(c.op.versions, c.version)
	}
	switch c.surface {
	case classic:
		return slices.Contains(apiVersions, c.version) && c.op.since <= dateOf(c.version) &&
			(c.op.until == "" || dateOf(c.version) <= c.op.until)
	case inference:
		return slices.Contains(inferenceVersions, c.version)
	case v1:
		return slices.Contains(v1Versions, c.version)
	}
	return true
}

// keyValid looks at the caller's key. given says whether there was one.
func (c *call) keyValid() (ok, given bool) {
	key := ""
	if c.surface != native {
		key = c.r.Header.Get("Api-Key")
	}
	if scheme, token, _ := strings.Cut(c.r.Header.Get("Authorization"), " "); key == "" && strings.EqualFold(scheme, "Bearer") {
		key = strings.TrimSpace(token)
	}
	if c.op.socket {
		key = either(key, socketKey(c.r, c.surface))
		if c.session = c.sim.media.secret(key, time.Now()); c.session != nil {
			return true, true
		}
	}
	return len(c.sim.keys) == 0 || c.sim.keys[key], key != ""
}

// setControls gathers drawn faults, then what the call itself asks for.
func (c *call) setControls() error {
	for i, f := range c.sim.opts.Faults {
		if newDigest(c.sim.opts.Seed).text("fault").number(c.arrival).number(uint64(i)).share() < f.Rate {
			if err := c.controls.setAll(f.Controls); err != nil {
				return err
			}
		}
	}
	if err := c.controls.setHeaders(c.r.Header); err != nil {
		return err
	}
	if c.form {
		var list string
		if _, err := c.get(formControls, &list); err != nil {
			return err
		}
		if err := c.controls.setAll(list); err != nil {
			return err
		}
	}
	return c.controls.setBody(c.args)
}

// findDeployment finds what the path or, where that has no room for it, the body's
// model or the query of a socket names.
func (c *call) findDeployment(isObject bool) error {
	if c.op.needs == noAbility {
		return nil
	}
	name, needs := c.r.PathValue("deployment"), c.op.needs
	switch {
	case name != "":
	case c.op.socket:
		if name, needs = c.socketModel(); name == "" {
			return errNoModelGiven()
		}
	case !isObject:
		return errNotJSON()
	default:
		if _, err := c.get("model", &name); err != nil {
			return err
		}
		if name == "" && c.op.modelless {
			name = c.sim.firstThat(c.op.needs)
		}
		if name == "" {
			return errNoModelGiven()
		}
	}
	return c.useDeployment(name, needs)
}

// useDeployment makes the call one on the deployment of that name, which must be
// able to do what is needed.
func (c *call) useDeployment(name string, needs ability) error {
	c.deployment = c.sim.deployment(name, c.surface)
	if c.deployment == nil {
		return errNoDeployment(c.surface, name)
	}
	c.sim.ledger.identify(c.entry, c.op.id(), name, false)
	if !c.deployment.model.does(needs) {
		return errNotSupported(c.surface, c.op, c.deployment.Model)
	}
	return nil
}

// firstThat is the first deployment by name whose model can do that, "" when there
// is none.
func (s *Simulator) firstThat(needs ability) string {
	for _, d := range s.deployments.all() {
		if d.model.does(needs) {
			return d.Name
		}
	}
	return ""
}

func (c *call) deploymentName() string {
	if c.deployment == nil {
		return ""
	}
	return c.deployment.Name
}

// admit asks the deployment's rate limit. tokens is the estimate by which Azure
// counts.
func (c *call) admit(tokens int) error {
	if c.deployment.limit != nil && !c.unlimited {
		c.verdict = c.deployment.limit.admit(time.Now(), tokens)
		if c.verdict.wait > 0 {
			return errRate(c, c.verdict.byTokens, c.verdict.wait)
		}
	}
	return nil
}

// wait passes d, unless the caller goes before.
func (c *call) wait(d time.Duration) error {
	if d <= 0 {
		return c.r.Context().Err()
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-c.r.Context().Done():
		return context.Cause(c.r.Context())
	}
}

// hangUp waits for the caller to go.
func (c *call) hangUp() error {
	<-c.r.Context().Done()
	return context.Cause(c.r.Context())
}
