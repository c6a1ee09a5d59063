package proxy

import (
	"compress/gzip"
	"compress/zlib"
	"errors"
	"io"
	"maps"
	"net/http"
	"strconv"
	"strings"
	"time"

	"weir/internal/catalog"
	"weir/internal/fault"
	"weir/internal/front"
	"weir/internal/identity"
	"weir/internal/payload"
	"weir/internal/record"
	"weir/internal/upstream"
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
	denied := x.identifyCaller()
	if !x.match.Found() && !x.passUnknown() {
		return notFound()
	}
	op := x.match.Op
	x.begin.Operation, x.begin.Resource = op.ID, x.match.Object
	if x.match.Route != nil {
		x.begin.SurfaceOperation = x.match.Route.OperationID
		if !catalog.KnownVersion(x.match.Surface, version) {
			return notFound()
		}
	}
	if denied != nil {
		return denied
	}
	if err := x.p.Log.Ready(); err != nil {
		return unavailable(err)
	}
	x.prepareCall(version)
	if op.Own {
		return nil
	}
	if op.Socket {
		if f := x.admitSocket(); f != nil {
			return f
		}
	}
	if f := x.admitBody(); f != nil {
		return f
	}
	return x.aim()
}

// identifyCaller finds who calls: by a subscription's key, or, for a WebSocket, by
// the short-lived key of a realtime session that was made through the gateway.
func (x *exchange) identifyCaller() *fault.Error {
	caller, denied := x.set.Callers.Identify(x.r.Header, x.query.get)
	if denied != nil && caller == nil && x.match.Found() && x.match.Op.Socket {
		if t := x.p.tickets.find(identity.Presented(x.r.Header, x.query.get)); t != nil {
			caller, denied, x.ticket = t.caller, nil, t
		}
	}
	if caller != nil {
		x.begin.Subscription, x.begin.Product = caller.Subscription, caller.Product
	}
	if denied == nil {
		x.caller = caller
	}
	return denied
}

// passUnknown says whether a call that no row matches passes, and gives it a row.
// Resource Manager's never do: they would act with the operator's rights.
func (x *exchange) passUnknown() bool {
	if x.set.Config.UnknownOperations != passUnknown || x.match.Surface == catalog.None || x.match.Surface == catalog.ARM || !catalog.PlainPath(x.r.URL) {
		return false
	}
	x.match.Op, x.match.Index = &x.p.unknown, -1
	return true
}

func (x *exchange) prepareCall(version string) {
	c := &x.call
	c.Operation = x.match.Index
	switch x.match.Surface {
	case catalog.Azure:
		c.Surface = upstream.Classic
	case catalog.Inference:
		c.Surface = upstream.Inference
	case catalog.ARM:
		c.Surface = upstream.ARM
	}
	if x.match.Surface != catalog.OpenAI {
		c.Version = version
	}
	if c.Operation < 0 {
		c.Path = x.r.URL.EscapedPath()
	}
	c.Params = x.match.Params[:x.match.NumParams]
	c.InQuery = x.match.Op.Target == catalog.InQuery
	c.Query = x.query.rest(c.InQuery)
	c.Stream = x.match.Op.Streams && x.query.get("stream") == "true"
	c.Read = len(x.match.Op.Learns) > 0 && !x.match.Op.LearnsStored || x.match.Op.Tickets
	x.begin.Stream = c.Stream
}

// admitSocket takes a WebSocket's handshake (RFC 6455, 4.2.1).
func (x *exchange) admitSocket() *fault.Error {
	if x.r.ProtoMajor != 1 || !headerHas(x.r.Header["Upgrade"], "websocket") || !headerHas(x.r.Header["Connection"], "upgrade") {
		f := badRequest("UpgradeRequired", "This operation is a WebSocket: connect to it with one, over HTTP/1.1.", "")
		f.Kind, f.Code = fault.UpgradeRequired, "426"
		return f
	}
	if x.r.ContentLength != 0 {
		return badRequest("InvalidBody", "A WebSocket's handshake has no body.", "")
	}
	x.call.Socket = true
	return nil
}

// headerHas says whether a list of tokens has one, in any case.
func headerHas(lines []string, token string) bool {
	for _, line := range lines {
		for item := range strings.SplitSeq(line, ",") {
			if strings.EqualFold(strings.TrimSpace(item), token) {
				return true
			}
		}
	}
	return false
}

// admitBody takes the request's body as its operation has it.
func (x *exchange) admitBody() *fault.Error {
	form := x.match.Op.Body
	kind := x.r.Header.Get("Content-Type")
	if form == catalog.FormOrJSON {
		form = catalog.JSON
		if strings.HasPrefix(strings.ToLower(kind), "multipart/") {
			form = catalog.Multipart
		}
	}
	switch form {
	case catalog.JSON:
		return x.admitJSON()
	case catalog.Multipart:
		return x.admitForm(kind)
	}
	if x.r.ContentLength == 0 {
		return nil
	}
	return x.admitStream(x.r.Body, nil)
}

func (x *exchange) admitJSON() *fault.Error {
	if f := x.readBody(); f != nil {
		return f
	}
	if len(x.body) == 0 && x.match.Op.Target != catalog.Model {
		return nil // what acts on an object mostly has none
	}
	var err error
	if x.shape, err = catalog.ReadBody(x.body); err != nil {
		return x.badBody(err)
	}
	x.call.Stream = x.match.Op.Streams && x.shape.Stream
	x.begin.Stream = x.call.Stream
	x.call.Read = x.call.Read || x.match.Op.LearnsStored && x.shape.Store
	if in := x.match.Op.ModelIn; in != "" {
		x.shape.Model = catalog.ModelIn(x.body, in)
	}
	if name, ok := x.shape.ModelName(x.body); ok && x.match.Op.Target != catalog.NoTarget {
		x.begin.Deployment = name
	}
	return nil
}

// admitForm takes a multipart form. It is read so far that the deployment is
// known: a file may stand before the field that names it.
func (x *exchange) admitForm(kind string) *fault.Error {
	boundary, ok := catalog.Boundary(kind)
	if !ok {
		return badRequest("InvalidBody", "The body must be multipart/form-data, and its Content-Type must name the boundary.", "")
	}
	body, f := x.uncoded()
	if f != nil {
		return f
	}
	x.call.Stream = x.match.Op.Streams // it may ask for events
	if x.match.Op.Target == catalog.NoTarget || x.match.Route.DeploymentInPath() {
		return x.admitStream(body, nil)
	}
	scan := catalog.NewFormScanner(boundary)
	if f := x.admitStream(body, scan); f != nil {
		return f
	}
	if scan.Twice {
		return badRequest("AmbiguousBody", "Invalid request: the field model stands there twice. Parsers differ on which counts; send model once.", "model")
	}
	if x.form = scan.Model; x.form != nil {
		x.begin.Deployment = x.form.Value
	}
	x.begin.Stream = scan.Stream != nil && scan.Stream.Value == "true"
	return nil
}

// admitStream takes a body of any size: what is small is read, what is large
// passes through the spool, and is read as far as scan needs it.
func (x *exchange) admitStream(body io.Reader, scan *catalog.FormScanner) *fault.Error {
	if x.r.ContentLength > x.set.Config.MaxUpload {
		return x.tooLarge(x.set.Config.MaxUpload)
	}
	s := &source{body: body, inline: int(x.p.Inline), limit: x.set.Config.MaxUpload, create: func() (*payload.File, error) {
		return x.p.Spool.Create(x.id, record.RequestSide, 0, nil)
	}}
	x.src, x.announced = s, maps.Clone(x.r.Trailer)
	if err := s.prefetch(); err != nil {
		return x.badSource(err)
	}
	if scan != nil {
		if err := scanForm(s, scan); err != nil {
			return x.badSource(err)
		}
	}
	if data, ok := s.whole(); ok {
		x.body, x.src = data, nil
		x.begin.RequestSize = int64(len(data))
		return nil
	}
	// An answer may begin while the body is still on its way.
	_ = http.NewResponseController(x.w).EnableFullDuplex() // HTTP/2 is so anyway
	x.begin.Spooled = true
	x.begin.RequestSize = max(0, x.r.ContentLength)
	return nil
}

// scanForm reads s until scan knows the deployment or the form has ended; one that
// is in memory to its end.
func scanForm(s *source, scan *catalog.FormScanner) error {
	r := &replay{s: s}
	buf := make([]byte, bufferBytes)
	_, small := s.whole()
	for (small || scan.Model == nil) && !scan.Done {
		n, err := r.Read(buf)
		if _, bad := scan.Write(buf[:n]); bad != nil {
			return bad
		}
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// badSource refuses a body that could not be read to where it had to be.
func (x *exchange) badSource(err error) *fault.Error {
	x.begin.RequestSize = max(x.begin.RequestSize, x.src.length())
	var spool spoolError
	switch {
	case errors.As(err, &spool):
		return unavailable(err)
	case errors.Is(err, errTooLarge):
		return x.tooLarge(x.set.Config.MaxUpload)
	case errors.Is(err, catalog.ErrForm):
		return badRequest("InvalidBody", "Invalid request: "+catalog.ErrForm.Error()+".", "")
	}
	return x.unread(err)
}

// unread is the error of a body that the client did not send to its end.
func (x *exchange) unread(err error) *fault.Error {
	if errors.Is(err, front.ErrBodyTimeout) {
		return &fault.Error{
			Kind: fault.RequestTimeout, Code: "408", Message: "The request's body did not arrive in time: nothing more of it came.",
			Source: "gateway", Reason: "RequestBodyTimeout", Section: "inbound",
		}
	}
	broken := errors.Is(err, io.ErrUnexpectedEOF) && (x.coded == nil || !x.coded.whole)
	if x.gone() || broken {
		return clientGone("inbound")
	}
	return badRequest("ClientConnectionFailure", "The request's body could not be read: it does not keep to its Content-Length, its chunks or its Content-Encoding.", "")
}

// uncoded gives the request's body with its content coding undone: backends take
// none, and the gateway must read what they read.
func (x *exchange) uncoded() (io.Reader, *fault.Error) {
	coding := strings.ToLower(strings.TrimSpace(x.r.Header.Get("Content-Encoding")))
	if coding == "" || coding == "identity" {
		return x.r.Body, nil
	}
	x.call.Decoded = true
	x.coded = &counted{Reader: x.r.Body}
	var r io.Reader
	var err error
	switch coding {
	case "gzip", "x-gzip":
		r, err = gzip.NewReader(x.coded)
	case "deflate":
		r, err = zlib.NewReader(x.coded)
	default:
		f := badRequest("ContentEncoding", "The request's body has a Content-Encoding that the gateway does not read. Send it with gzip, deflate or without one.", "")
		f.Kind, f.Code = fault.UnsupportedMedia, "415"
		return nil, f
	}
	if err != nil {
		return nil, x.unread(err)
	}
	return r, nil
}

// counted counts the bytes that are read, and knows whether all were.
type counted struct {
	io.Reader
	n     int64
	whole bool
}

func (c *counted) Read(p []byte) (int, error) {
	n, err := c.Reader.Read(p)
	c.n += int64(n)
	c.whole = c.whole || err == io.EOF
	return n, err
}

func (x *exchange) readBody() *fault.Error {
	body, f := x.uncoded()
	if f != nil {
		return f
	}
	length := x.r.ContentLength
	if x.coded != nil {
		length = -1
	}
	var err error
	x.body, err = readBody(body, length, x.set.Config.MaxBody)
	x.begin.RequestSize = int64(len(x.body))
	if x.coded != nil {
		x.begin.RequestSize = x.coded.n
	}
	switch {
	case err == nil:
		return nil
	case errors.Is(err, errTooLarge):
		return x.tooLarge(x.set.Config.MaxBody)
	}
	return x.unread(err)
}

// tooLarge refuses a body, which is not kept. What the client goes on sending
// is read for a while, because a client that is still writing may not see the
// answer.
func (x *exchange) tooLarge(limit int64) *fault.Error {
	rest, _ := io.CopyN(io.Discard, x.r.Body, x.set.Config.MaxBody)
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
