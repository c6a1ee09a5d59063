package sim

import (
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
	controls   controls
	entry      *entry
	requestID  string
	arrival    uint64
	verdict    verdict // the zero value for a deployment without limit
}

// reply is an answer that is ready to be written: one body, or a stream.
type reply struct {
	plain  *body
	stream func(*events) error
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
	if err == nil && answer.stream != nil {
		err = c.writeStream(answer)
	} else if err == nil {
		err = c.writePlain(http.StatusOK, answer)
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
	if len(c.op.arguments) > 0 {
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
	if c.controls.status != 0 {
		if err := c.wait(max(c.controls.delay, 0)); err != nil {
			return nil, err
		}
		return nil, errInjected(c, c.controls.status)
	}
	if !isObject {
		return nil, errNotJSON()
	}
	for _, a := range c.args {
		if !c.op.takes(a.name, c.surface, c.version) {
			return nil, errUnknownArgument(c.surface, a.name)
		}
	}
	return c.op.answer(c)
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
	switch c.surface {
	case classic:
		return slices.Contains(apiVersions, c.version) && c.op.since <= dateOf(c.version)
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
	return c.controls.setBody(c.args)
}

// findDeployment finds what the path or, on other surfaces than the classic one,
// the body's model names.
func (c *call) findDeployment(isObject bool) error {
	if c.op.needs == noAbility {
		return nil
	}
	name := c.r.PathValue("deployment")
	if c.surface != classic {
		if !isObject {
			return errNotJSON()
		}
		if found, err := c.get("model", &name); err != nil {
			return err
		} else if !found || name == "" {
			return errNoModelGiven()
		}
	}
	c.deployment = c.sim.deployments[name]
	if c.deployment == nil {
		return errNoDeployment(c.surface, name)
	}
	c.sim.ledger.identify(c.entry, c.op.id(), name, false)
	if !slices.Contains(c.deployment.model.can, c.op.needs) {
		return errNotSupported(c.surface, c.op, c.deployment.Model)
	}
	return nil
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
	if c.deployment.limit != nil {
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
