package record

import "time"

// Row is an exchange as it is stored and asked for: the exchange itself, and
// what was read out of its bodies. JSON is compact text in source order; the
// empty string means that there is none.
type Row struct {
	ID                     ID
	Epoch, Seq             uint64
	Begin                  Begin
	End                    End
	Delivered              Delivered
	Outcome                Outcome
	EndTime                time.Time
	TotalTime              time.Duration
	RequestHeaders         string // JSON object
	ResponseHeaders        string
	BackendRequestHeaders  string
	BackendResponseHeaders string
	RequestTrailers        string
	ResponseTrailers       string
	Labels                 string // JSON object of the request headers that the config names
	RequestBody            string
	ResponseBody           string // of the gateway's own answer; "" when it is the backend's
	BackendRequestBody     string // "" when it is the client's
	BackendResponseBody    string // a stream is reconstructed to one JSON object
	Attempts               string // JSON array

	Model            string // that served
	RequestID        string // the model's id of the answer
	Prompt           string // text of the input
	Completion       string // text of the output, choices joined by a blank line
	RequestMessages  string // JSON array
	ResponseMessages string // JSON array
	Parameters       string // JSON object: the request without its content
	Metadata         string // JSON object: the client's metadata
	EndUser          string // the client's user (or safety_identifier)
	FinishReason     string // of the first choice
	ToolCalls        int
	Usage            string // JSON object, the backend's or ours
	UsageSource      string // "backend", "estimated" or ""
	PromptTokens     int64
	CompletionTokens int64
	TotalTokens      int64
	CachedTokens     int64
	ReasoningTokens  int64
	AudioTokens      int64   // of input and output
	ImageTokens      int64   // of input and output
	Images           int64   // that the answer has
	AudioSeconds     float64 // of audio that was heard
	Characters       int64   // of text that was spoken
	ContentFilter    string  // JSON object: prompt and choices
	ContentFiltered  bool
	Errors           string // JSON array
	StreamError      string // why the answer's stream could not be read whole

	ModelCall       bool   // a model was asked, by this exchange itself
	Socket          bool   // it is, or asked for, a WebSocket
	ResourceType    string // of the object that was created or addressed
	ResourceID      string
	Files           string // JSON array: the files of a multipart request
	RequestPayload  string // JSON object: where the request's body is, when not here
	ResponsePayload string // likewise the answer's

	// JSON values inside BackendResponseBody that queries reach for most, as
	// compact JSON text, so that they need no parsing of bodies; see Paths.
	JSONModel, JSONID, JSONUsage, JSONPromptTokens, JSONCompletionTokens, JSONTotalTokens string
}
