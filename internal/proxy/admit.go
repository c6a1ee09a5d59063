package proxy

import (
	"errors"
	"io"
	"strconv"
	"time"

	"weir/internal/catalog"
	"weir/internal/fault"
)

// text is an error that is nothing but its text.
type text string

func (t text) Error() string { return string(t) }

// notFound is what Azure says of a path, a method or an api-version that it
// does not know; the log has API Management's words.
func notFound() *fault.Error {
	return &fault.Error{
		Kind: fault.NotFound, Code: "404", Message: "Resource not found",
		Source: "configuration", Reason: "OperationNotFound", Section: "inbound",
		Err: text("Unable to match incoming request to an operation."),
	}
}

func deploymentNotFound() *fault.Error {
	return &fault.Error{
		Kind: fault.NotFound, Code: "DeploymentNotFound",
		Message: "The API deployment for this resource does not exist. If you created the deployment within the last 5 minutes, please wait a moment and try again.",
		Source:  "configuration", Reason: "DeploymentNotFound", Section: "inbound",
	}
}

// noRecording is the reason of refusals while the journal takes no records.
const noRecording = "RecordingUnavailable"

func unavailable(err error) *fault.Error {
	return &fault.Error{
		Kind: fault.Unavailable, Code: "503", RetryAfter: 2 * time.Second,
		Message: "The gateway cannot record calls at the moment and so takes none. Please retry after 2 seconds.",
		Source:  "gateway", Reason: noRecording, Section: "inbound", Err: err,
	}
}

func badRequest(reason, message, param string) *fault.Error {
	return &fault.Error{
		Kind: fault.BadRequest, Code: "400", Message: message, Param: param,
		Source: "gateway", Reason: reason, Section: "inbound",
	}
}

// admit decides whether the request goes on. What it learns stands in x, so
// that a refusal's record has it too.
func (x *exchange) admit() *fault.Error {
	x.match = x.p.Catalog.Match(x.r.Method, x.r.URL)
	version := x.query.get("api-version")
	x.begin.Surface = x.match.Surface.String()
	x.begin.APIVersion = version
	caller, denied := x.p.Callers.Identify(x.r.Header, x.query.get)
	if caller != nil {
		x.begin.Subscription, x.begin.Product = caller.Subscription, caller.Product
	}
	if denied == nil {
		x.caller = caller
	}
	if !x.match.Found() {
		return notFound()
	}
	x.begin.Operation, x.begin.SurfaceOperation = x.match.Op.ID, x.match.Route.OperationID
	if !catalog.KnownVersion(x.match.Surface, version) {
		return notFound()
	}
	if denied != nil {
		return denied
	}
	if err := x.p.Log.Ready(); err != nil {
		return unavailable(err)
	}
	x.call.Operation = x.match.Index
	x.call.Classic = x.match.Surface == catalog.Azure
	if x.match.Surface != catalog.OpenAI {
		x.call.Version = version
	}
	x.call.Query = x.query.rest()
	if x.match.Op.Own {
		return nil
	}
	return x.admitBody()
}

func (x *exchange) admitBody() *fault.Error {
	if x.match.Route.DeploymentInPath() {
		x.begin.Deployment = x.match.Param
	}
	if f := x.readBody(); f != nil {
		return f
	}
	var err error
	if x.shape, err = catalog.ReadBody(x.body); err != nil {
		return x.badBody(err)
	}
	x.begin.Stream = x.match.Op.Streams && x.shape.Stream
	x.call.Stream = x.begin.Stream
	if !x.match.Route.DeploymentInPath() {
		name, ok := x.shape.ModelName(x.body)
		if !ok {
			return badRequest("ModelMissing", "The body must name a deployment in model, as a string.", "model")
		}
		x.begin.Deployment = name
	}
	if x.pool = x.p.Upstream.Pool(x.begin.Deployment); x.pool == nil {
		return deploymentNotFound()
	}
	return nil
}

func (x *exchange) readBody() *fault.Error {
	if enc := x.r.Header["Content-Encoding"]; len(enc) > 0 && enc[0] != "identity" {
		return badRequest("ContentEncoding", "The request's body is compressed. Send it without a Content-Encoding.", "")
	}
	var err error
	x.body, err = readBody(x.r, x.p.cfg.MaxBody)
	x.begin.RequestSize = int64(len(x.body))
	switch {
	case err == nil:
		return nil
	case errors.Is(err, errTooLarge):
		return x.tooLarge()
	case x.gone() || errors.Is(err, io.ErrUnexpectedEOF):
		return clientGone("inbound")
	}
	return badRequest("ClientConnectionFailure", "The request's body could not be read.", "")
}

// tooLarge refuses a body, which is not kept. What the client goes on sending
// is read for a while, because a client that is still writing may not see the
// answer.
func (x *exchange) tooLarge() *fault.Error {
	limit := x.p.cfg.MaxBody
	rest, _ := io.CopyN(io.Discard, x.r.Body, limit)
	x.begin.RequestSize = max(x.r.ContentLength, int64(len(x.body))+rest)
	x.body = nil
	return &fault.Error{
		Kind: fault.TooLarge, Code: "413",
		Message: "The request's body is larger than " + strconv.FormatInt(limit, 10) + " bytes, which is the most that this gateway takes.",
		Source:  "gateway", Reason: "RequestBodyTooLarge", Section: "inbound",
	}
}

func (x *exchange) badBody(err error) *fault.Error {
	var b *catalog.BodyError
	if !errors.As(err, &b) {
		return fault.Of(err)
	}
	message := "Invalid request: " + b.Text + "."
	if b.Key != "" {
		message += " Parsers differ on which key counts; send " + b.Key + " once, in lower case."
		return badRequest("AmbiguousBody", message, b.Key)
	}
	return badRequest("InvalidBody", message, "")
}
