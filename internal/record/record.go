// Package record is the vocabulary of what is kept: the exchange (one call of a
// client and its answer, with all attempts at backends), the frames by which it
// reaches the journal, and the columns and tables in which it can be asked for.
//
// Everything that needs to know a column reads it here: the Parquet and SQL
// schema, the KQL schema, JSON and the reference page derive from [Columns] and
// [Tables].
//
// # Frames
//
// An exchange is up to four kinds of frame in the journal, tied by its ID:
//
//	begin      metadata: Begin · content: the request body
//	part       content: the answer so far, in order, none twice
//	end        metadata: End · content: the rest of the answer
//	delivered  metadata: Delivered
//
// Metadata is a sequence of fields, each
//
//	tag uvarint · length uvarint · value
//
// where a number is a zigzag varint, text is UTF-8, a list is its items one
// after the other under the same tag, and an item with fields of its own nests
// the same form. Readers pass over tags they do not know; a tag is never given
// a second meaning. A field with its zero value is not written.
//
// What always holds: headers and URLs in a frame carry no credentials (they are
// masked before they get here), and content stands in blocks of its own, apart
// from metadata, so that it can be sealed and erased alone.
package record

import (
	"crypto/rand"
	"encoding/hex"
	"errors"
	"time"
)

// ID names an exchange: a UUID version 7 (RFC 9562), so that ids sort by time.
// Its text form is what the client got as apim-request-id and what the log
// calls CorrelationId.
type ID [16]byte

// NewID makes an ID for an exchange that starts at t.
func NewID(t time.Time) ID {
	var id ID
	rand.Read(id[6:]) // never fails, by crypto/rand's contract
	ms := uint64(t.UnixMilli())
	for i := range 6 {
		id[i] = byte(ms >> (40 - 8*i))
	}
	id[6] = id[6]&0x0f | 0x70
	id[8] = id[8]&0x3f | 0x80
	return id
}

// String gives the canonical form of 36 characters.
func (id ID) String() string {
	var b [36]byte
	hex.Encode(b[0:8], id[0:4])
	hex.Encode(b[9:13], id[4:6])
	hex.Encode(b[14:18], id[6:8])
	hex.Encode(b[19:23], id[8:10])
	hex.Encode(b[24:36], id[10:16])
	b[8], b[13], b[18], b[23] = '-', '-', '-', '-'
	return string(b[:])
}

// ParseID reads the canonical form.
func ParseID(s string) (ID, error) {
	var id ID
	if len(s) != 36 || s[8] != '-' || s[13] != '-' || s[18] != '-' || s[23] != '-' {
		return ID{}, errors.New("an exchange id has the form xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx")
	}
	if _, err := hex.Decode(id[:], []byte(s[0:8]+s[9:13]+s[14:18]+s[19:23]+s[24:36])); err != nil {
		return ID{}, errors.New("an exchange id has hexadecimal digits only")
	}
	return id, nil
}

// Header is one field of a request or answer, credentials masked.
type Header struct{ Name, Value string }

// Edit is a replacement of bytes in the request body on its way to a backend:
// Old bytes at Offset of the client's body became New. Edits are in ascending
// order and do not overlap.
type Edit struct {
	Offset, Old int
	New         string
}

// Attempt is one try at one backend.
type Attempt struct {
	Backend string        `json:"backend"`
	Status  int           `json:"status,omitempty"` // 0 when no answer came
	Start   time.Duration `json:"-"`                // since the exchange began
	Time    time.Duration `json:"-"`                // until headers, or until it failed
	// Reason is empty for the attempt whose answer was passed on, else why the
	// next backend was tried, e.g. "BackendConnectionFailure", "429".
	Reason string `json:"reason,omitempty"`
	// RetryAfter is the backend's, as it sent it.
	RetryAfter string `json:"retryAfter,omitempty"`
}

// Begin is what is known when a request has been read and admitted or refused:
// the metadata of the begin frame.
type Begin struct {
	Time            time.Time
	Gateway, Region string
	CallerIP        string
	ClientProtocol  string // "HTTP/1.1", "HTTP/2.0"
	TLSVersion      string // "" without TLS
	// ClientCertificate is the subject and digest of the one that the client showed.
	ClientCertificate string
	Method, URL       string
	Headers           []Header
	RequestSize       int64 // bytes of body received
	Surface           string
	Operation         string // the one id whatever the surface
	SurfaceOperation  string // the surface's own id
	APIVersion        string
	Deployment        string // the public name the client used
	Subscription      string
	Product           string
	Stream            bool // the client asked for a stream
	TraceParent       string
	ClientRequestID   string
	Spooled           bool   // the request's body is in the spool, not in the frame
	Resource          string // the id of the stateful object that the path names
}

// Outcome says how an exchange ended.
type Outcome string

// The outcomes.
const (
	Completed   Outcome = "completed"   // the backend's answer passed whole, whatever its status
	Refused     Outcome = "refused"     // the gateway answered itself; nothing was forwarded
	Failed      Outcome = "failed"      // no backend gave an answer; the gateway answered for them
	Interrupted Outcome = "interrupted" // the answer broke off: the backend, or the gateway, ended
	Cancelled   Outcome = "cancelled"   // the client hung up before the end
)

// LastError is the error that decided an exchange, in API Management's words.
type LastError struct {
	Elapsed                                 time.Duration
	Message, Reason, Scope, Section, Source string
}

// End is what is known when the answer is complete: the metadata of the end frame.
type End struct {
	Time                   time.Time
	Outcome                Outcome
	Status                 int
	ResponseHeaders        []Header // as sent to the client
	Streamed               bool     // the answer was a server-sent event stream
	Backend                string
	BackendURL             string
	BackendMethod          string
	BackendProtocol        string
	BackendStatus          int
	BackendRequestHeaders  []Header
	BackendResponseHeaders []Header
	Edits                  []Edit
	Attempts               []Attempt
	BackendTime            time.Duration
	FirstByte              time.Duration // of the answer's body, since the exchange began
	FirstToken             time.Duration // of a stream: the first event with content
	Events                 int           // events of a stream that were passed
	ResponseBytes          int64         // bytes of body captured from the backend, held-back events included
	OwnAnswer              bool          // the content is the gateway's own answer, not a backend's
	UsageAdded             bool          // stream_options.include_usage was added upstream
	LastError              *LastError
	Socket                 bool     // the exchange became a WebSocket; the content is messages, see Message
	Received               int64    // bytes of messages that a WebSocket's client sent
	Request                *Payload // of a spooled request body
	Answer                 *Payload // of an answer whose later part went to the spool
	RequestTrailers        []Header // fields behind the request's body
	ResponseTrailers       []Header // fields behind the answer's, as far as they had come
}

// Delivered is what is known when the last byte was handed to the client's
// connection, or when that failed: the metadata of the delivered frame.
type Delivered struct {
	Time         time.Time
	ResponseSize int64         // bytes of body sent to the client
	ClientTime   time.Duration // spent in writes to the client
	HungUp       bool
}

// Exchange is an exchange as folded from its frames. End and Delivered are nil
// when the journal has none: the gateway ended first.
type Exchange struct {
	ID           ID
	Epoch, Seq   uint64 // of the frame that completed it
	Begin        Begin
	End          *End
	Delivered    *Delivered
	RequestBody  []byte // as the client sent it, content coding undone; of a spooled one what its reader loaded
	ResponseBody []byte // the bytes of the answer as the backend sent them; of a spooled one likewise
	LastFrame    time.Time

	// What the loader of spooled and multipart bodies adds. A multipart request's
	// RequestBody is then Form.JSON.
	Form *Form // of a multipart request; nil for any other
	// Of spooled bodies what the loader found, where the end does not say it: the
	// gateway was killed.
	Request, Answer *Payload
	// ResponseTail is the last bytes of an answer of which ResponseBody is only
	// the beginning: usage tends to stand there.
	ResponseTail []byte
	// Condensed says that ResponseBody is what transcript.Condense made of a
	// WebSocket's messages.
	Condensed bool
}
