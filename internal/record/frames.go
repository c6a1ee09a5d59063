package record

// Tags of the begin frame's metadata. A tag is never given a second meaning.
const (
	tagTime uint64 = iota + 1
	tagGateway
	tagRegion
	tagCallerIP
	tagClientProtocol
	tagTLSVersion
	tagMethod
	tagURL
	tagHeader
	tagRequestSize
	tagSurface
	tagOperation
	tagSurfaceOperation
	tagAPIVersion
	tagDeployment
	tagSubscription
	tagProduct
	tagStream
	tagTraceParent
	tagClientRequestID
	tagSpooled
	tagResource
	tagClientCertificate
)

// Append appends b's metadata to buf.
func (b *Begin) Append(buf []byte) []byte {
	e := encoder{buf}
	e.time(tagTime, b.Time)
	e.text(tagGateway, b.Gateway)
	e.text(tagRegion, b.Region)
	e.text(tagCallerIP, b.CallerIP)
	e.text(tagClientProtocol, b.ClientProtocol)
	e.text(tagTLSVersion, b.TLSVersion)
	e.text(tagClientCertificate, b.ClientCertificate)
	e.text(tagMethod, b.Method)
	e.text(tagURL, b.URL)
	e.headers(tagHeader, b.Headers)
	e.num(tagRequestSize, b.RequestSize)
	e.text(tagSurface, b.Surface)
	e.text(tagOperation, b.Operation)
	e.text(tagSurfaceOperation, b.SurfaceOperation)
	e.text(tagAPIVersion, b.APIVersion)
	e.text(tagDeployment, b.Deployment)
	e.text(tagSubscription, b.Subscription)
	e.text(tagProduct, b.Product)
	e.flag(tagStream, b.Stream)
	e.text(tagTraceParent, b.TraceParent)
	e.text(tagClientRequestID, b.ClientRequestID)
	e.flag(tagSpooled, b.Spooled)
	e.text(tagResource, b.Resource)
	return e.b
}

// ParseBegin reads the metadata of a begin frame.
func ParseBegin(meta []byte) (Begin, error) {
	var b Begin
	texts := map[uint64]*string{
		tagGateway: &b.Gateway, tagRegion: &b.Region, tagCallerIP: &b.CallerIP,
		tagClientProtocol: &b.ClientProtocol, tagTLSVersion: &b.TLSVersion, tagClientCertificate: &b.ClientCertificate,
		tagMethod: &b.Method, tagURL: &b.URL, tagSurface: &b.Surface,
		tagOperation: &b.Operation, tagSurfaceOperation: &b.SurfaceOperation,
		tagAPIVersion: &b.APIVersion, tagDeployment: &b.Deployment,
		tagSubscription: &b.Subscription, tagProduct: &b.Product,
		tagTraceParent: &b.TraceParent, tagClientRequestID: &b.ClientRequestID,
		tagResource: &b.Resource,
	}
	err := fields(meta, func(tag uint64, v []byte) error {
		switch tag {
		case tagTime:
			b.Time = at(v)
		case tagRequestSize:
			b.RequestSize = num(v)
		case tagStream:
			b.Stream = num(v) != 0
		case tagSpooled:
			b.Spooled = num(v) != 0
		case tagHeader:
			h, err := header(v)
			b.Headers = append(b.Headers, h)
			return err
		default:
			if p := texts[tag]; p != nil {
				*p = string(v)
			}
		}
		return nil
	})
	return b, err
}

// Tags of the end frame's metadata.
const (
	tagEndTime uint64 = iota + 1
	tagOutcome
	tagStatus
	tagResponseHeader
	tagStreamed
	tagBackend
	tagBackendURL
	tagBackendMethod
	tagBackendProtocol
	tagBackendStatus
	tagBackendRequestHeader
	tagBackendResponseHeader
	tagEdit
	tagAttempt
	tagBackendTime
	tagFirstByte
	tagFirstToken
	tagEvents
	tagResponseBytes
	tagUsageAdded
	tagLastError
	tagOwnAnswer
	tagSocket
	tagRequestPayload
	tagAnswerPayload
	tagRequestTrailer
	tagReceived
	tagResponseTrailer
)

// Append appends n's metadata to buf.
func (n *End) Append(buf []byte) []byte {
	e := encoder{buf}
	e.time(tagEndTime, n.Time)
	e.text(tagOutcome, string(n.Outcome))
	e.num(tagStatus, int64(n.Status))
	e.headers(tagResponseHeader, n.ResponseHeaders)
	e.flag(tagStreamed, n.Streamed)
	e.text(tagBackend, n.Backend)
	e.text(tagBackendURL, n.BackendURL)
	e.text(tagBackendMethod, n.BackendMethod)
	e.text(tagBackendProtocol, n.BackendProtocol)
	e.num(tagBackendStatus, int64(n.BackendStatus))
	e.headers(tagBackendRequestHeader, n.BackendRequestHeaders)
	e.headers(tagBackendResponseHeader, n.BackendResponseHeaders)
	for _, d := range n.Edits {
		e.item(tagEdit, func(in *encoder) {
			in.num(1, int64(d.Offset))
			in.num(2, int64(d.Old))
			in.text(3, d.New)
		})
	}
	for _, a := range n.Attempts {
		e.item(tagAttempt, func(in *encoder) {
			in.text(1, a.Backend)
			in.num(2, int64(a.Status))
			in.num(3, int64(a.Start))
			in.num(4, int64(a.Time))
			in.text(5, a.Reason)
			in.text(6, a.RetryAfter)
		})
	}
	e.num(tagBackendTime, int64(n.BackendTime))
	e.num(tagFirstByte, int64(n.FirstByte))
	e.num(tagFirstToken, int64(n.FirstToken))
	e.num(tagEvents, int64(n.Events))
	e.num(tagResponseBytes, n.ResponseBytes)
	e.flag(tagUsageAdded, n.UsageAdded)
	e.flag(tagOwnAnswer, n.OwnAnswer)
	e.flag(tagSocket, n.Socket)
	e.payload(tagRequestPayload, n.Request)
	e.payload(tagAnswerPayload, n.Answer)
	e.headers(tagRequestTrailer, n.RequestTrailers)
	e.num(tagReceived, n.Received)
	e.headers(tagResponseTrailer, n.ResponseTrailers)
	if l := n.LastError; l != nil {
		e.item(tagLastError, func(in *encoder) {
			in.num(1, int64(l.Elapsed))
			in.text(2, l.Message)
			in.text(3, l.Reason)
			in.text(4, l.Scope)
			in.text(5, l.Section)
			in.text(6, l.Source)
		})
	}
	return e.b
}

// ParseEnd reads the metadata of an end frame.
func ParseEnd(meta []byte) (*End, error) {
	n := &End{}
	err := fields(meta, n.set)
	return n, err
}

func (n *End) set(tag uint64, v []byte) (err error) {
	switch tag {
	case tagEndTime:
		n.Time = at(v)
	case tagOutcome:
		n.Outcome = Outcome(v)
	case tagStatus:
		n.Status = int(num(v))
	case tagResponseHeader:
		n.ResponseHeaders, err = appendHeader(n.ResponseHeaders, v)
	case tagStreamed:
		n.Streamed = num(v) != 0
	case tagBackend:
		n.Backend = string(v)
	case tagBackendURL:
		n.BackendURL = string(v)
	case tagBackendMethod:
		n.BackendMethod = string(v)
	case tagBackendProtocol:
		n.BackendProtocol = string(v)
	case tagBackendStatus:
		n.BackendStatus = int(num(v))
	case tagBackendRequestHeader:
		n.BackendRequestHeaders, err = appendHeader(n.BackendRequestHeaders, v)
	case tagBackendResponseHeader:
		n.BackendResponseHeaders, err = appendHeader(n.BackendResponseHeaders, v)
	case tagEdit:
		var d Edit
		d, err = parseEdit(v)
		n.Edits = append(n.Edits, d)
	case tagAttempt:
		var a Attempt
		a, err = parseAttempt(v)
		n.Attempts = append(n.Attempts, a)
	case tagBackendTime:
		n.BackendTime = span(v)
	case tagFirstByte:
		n.FirstByte = span(v)
	case tagFirstToken:
		n.FirstToken = span(v)
	case tagEvents:
		n.Events = int(num(v))
	case tagResponseBytes:
		n.ResponseBytes = num(v)
	case tagUsageAdded:
		n.UsageAdded = num(v) != 0
	case tagOwnAnswer:
		n.OwnAnswer = num(v) != 0
	case tagSocket:
		n.Socket = num(v) != 0
	case tagRequestPayload:
		n.Request, err = parsePayload(v)
	case tagAnswerPayload:
		n.Answer, err = parsePayload(v)
	case tagResponseTrailer:
		n.ResponseTrailers, err = appendHeader(n.ResponseTrailers, v)
	case tagReceived:
		n.Received = num(v)
	case tagRequestTrailer:
		n.RequestTrailers, err = appendHeader(n.RequestTrailers, v)
	case tagLastError:
		n.LastError, err = parseLastError(v)
	}
	return err
}

func appendHeader(hs []Header, v []byte) ([]Header, error) {
	h, err := header(v)
	return append(hs, h), err
}

func parseEdit(b []byte) (d Edit, err error) {
	err = fields(b, func(tag uint64, v []byte) error {
		switch tag {
		case 1:
			d.Offset = int(num(v))
		case 2:
			d.Old = int(num(v))
		case 3:
			d.New = string(v)
		}
		return nil
	})
	return d, err
}

func parseAttempt(b []byte) (a Attempt, err error) {
	err = fields(b, func(tag uint64, v []byte) error {
		switch tag {
		case 1:
			a.Backend = string(v)
		case 2:
			a.Status = int(num(v))
		case 3:
			a.Start = span(v)
		case 4:
			a.Time = span(v)
		case 5:
			a.Reason = string(v)
		case 6:
			a.RetryAfter = string(v)
		}
		return nil
	})
	return a, err
}

func parseLastError(b []byte) (*LastError, error) {
	l := &LastError{}
	err := fields(b, func(tag uint64, v []byte) error {
		switch tag {
		case 1:
			l.Elapsed = span(v)
		case 2:
			l.Message = string(v)
		case 3:
			l.Reason = string(v)
		case 4:
			l.Scope = string(v)
		case 5:
			l.Section = string(v)
		case 6:
			l.Source = string(v)
		}
		return nil
	})
	return l, err
}

// Append appends d's metadata to buf.
func (d *Delivered) Append(buf []byte) []byte {
	e := encoder{buf}
	e.time(1, d.Time)
	e.num(2, d.ResponseSize)
	e.num(3, int64(d.ClientTime))
	e.flag(4, d.HungUp)
	return e.b
}

// ParseDelivered reads the metadata of a delivered frame.
func ParseDelivered(meta []byte) (*Delivered, error) {
	d := &Delivered{}
	err := fields(meta, func(tag uint64, v []byte) error {
		switch tag {
		case 1:
			d.Time = at(v)
		case 2:
			d.ResponseSize = num(v)
		case 3:
			d.ClientTime = span(v)
		case 4:
			d.HungUp = num(v) != 0
		}
		return nil
	})
	return d, err
}
