package record

import "time"

// Type is a column's type, by its name in KQL.
type Type string

// The types that columns have.
const (
	Bool     Type = "bool"
	Int      Type = "int"
	Long     Type = "long"
	Real     Type = "real"
	String   Type = "string"
	Datetime Type = "datetime"
	Dynamic  Type = "dynamic"
)

// Column is one stored column: its name and type, what it means, and how its
// value is read from a row. Get gives a bool, int32, int64, float64, string
// (text, or JSON for a dynamic; "" is stored as NULL for a dynamic and for a
// hidden column) or time.Time, as Type says.
type Column struct {
	Name string
	Type Type
	Doc  string
	// Hidden columns are stored, and found by rewriting, but are not offered.
	Hidden bool
	// Else names the column whose value holds when this one is empty, so that
	// one body is not stored twice.
	Else string
	Get  func(*Row) any
}

// Path says that the JSON value at Keys inside the text column In also stands
// in the hidden column Column, as compact JSON; NULL when there is none.
type Path struct {
	In     string
	Keys   []string
	Column string
}

// Paths lists what [Column] rows were extracted from bodies.
func Paths() []Path {
	return []Path{
		{"BackendResponseBody", []string{"model"}, "_json_model"},
		{"BackendResponseBody", []string{"id"}, "_json_id"},
		{"BackendResponseBody", []string{"usage"}, "_json_usage"},
		{"BackendResponseBody", []string{"usage", "prompt_tokens"}, "_json_usage_prompt_tokens"},
		{"BackendResponseBody", []string{"usage", "completion_tokens"}, "_json_usage_completion_tokens"},
		{"BackendResponseBody", []string{"usage", "total_tokens"}, "_json_usage_total_tokens"},
	}
}

func ms(d time.Duration) int64 { return d.Milliseconds() }

func (r *Row) lastError() LastError {
	if r.End.LastError == nil {
		return LastError{}
	}
	return *r.End.LastError
}

// Columns lists every stored column of an exchange, in order: the columns of
// the wide table WeirExchanges and the source of all other tables.
func Columns() []Column {
	return []Column{
		{Name: "TimeGenerated", Type: Datetime, Doc: "When the gateway began to process the call.", Get: func(r *Row) any { return r.Begin.Time }},
		{Name: "CorrelationId", Type: String, Doc: "The exchange's id, which the client got as `apim-request-id`.", Get: func(r *Row) any { return r.ID.String() }},
		{Name: "Gateway", Type: String, Doc: "Which gateway handled it.", Get: func(r *Row) any { return r.Begin.Gateway }},
		{Name: "Epoch", Type: Long, Doc: "The gateway's start, counted; with Sequence, where the record stands in its journal.", Get: func(r *Row) any { return int64(r.Epoch) }},
		{Name: "Sequence", Type: Long, Doc: "The number of the frame that completed the record, within its epoch.", Get: func(r *Row) any { return int64(r.Seq) }},
		{Name: "Region", Type: String, Doc: "The gateway's region.", Get: func(r *Row) any { return r.Begin.Region }},
		{Name: "Outcome", Type: String, Doc: "`completed`, `refused` (the gateway answered, nothing was forwarded), `failed` (no backend answered), `interrupted` (the answer broke off) or `cancelled` (the client hung up).", Get: func(r *Row) any { return string(r.Outcome) }},
		{Name: "OperationId", Type: String, Doc: "The operation, one id whatever the surface: `chatcompletions_create`, …", Get: func(r *Row) any { return r.Begin.Operation }},
		{Name: "SurfaceOperationId", Type: String, Doc: "The operation's id on the surface that the client used.", Get: func(r *Row) any { return r.Begin.SurfaceOperation }},
		{Name: "Surface", Type: String, Doc: "`azure` (/openai/…?api-version=), `azure-v1` (/openai/v1), `openai` (/v1), `inference` (/models) or `arm` (/subscriptions/…).", Get: func(r *Row) any { return r.Begin.Surface }},
		{Name: "ApiVersion", Type: String, Doc: "The api-version that the client sent.", Get: func(r *Row) any { return r.Begin.APIVersion }},
		{Name: "DeploymentName", Type: String, Doc: "The public deployment that the client named; of a run without one, the model that its answer names.", Get: func(r *Row) any { return r.Begin.Deployment }},
		{Name: "IsModelCall", Type: Bool, Doc: "Whether this call asked a model, rather than kept, listed or fetched something.", Get: func(r *Row) any { return r.ModelCall }},
		{Name: "IsWebSocket", Type: Bool, Doc: "Whether the call was the handshake of a WebSocket, and the record is of all that passed over it.", Get: func(r *Row) any { return r.Socket }},
		{Name: "ResourceType", Type: String, Doc: "The kind of the object in ResourceId, as the API names it: `response`, `thread`, `file`, `vector_store`, …", Get: func(r *Row) any { return r.ResourceType }},
		{Name: "ResourceId", Type: String, Doc: "The stateful object that the path names, else the one that the call created.", Get: func(r *Row) any { return r.ResourceID }},
		{Name: "ModelName", Type: String, Doc: "The model that served, as its answer says.", Get: func(r *Row) any { return r.Model }},
		{Name: "BackendId", Type: String, Doc: "The backend whose answer was passed on.", Get: func(r *Row) any { return r.End.Backend }},
		{Name: "ApimSubscriptionId", Type: String, Doc: "The subscription whose key the caller showed.", Get: func(r *Row) any { return r.Begin.Subscription }},
		{Name: "ProductId", Type: String, Doc: "The subscription's product.", Get: func(r *Row) any { return r.Begin.Product }},
		{Name: "EndUser", Type: String, Doc: "The `user` (or `safety_identifier`) of the request's body.", Get: func(r *Row) any { return r.EndUser }},
		{Name: "Metadata", Type: Dynamic, Doc: "The `metadata` of the request's body.", Get: func(r *Row) any { return r.Metadata }},
		{Name: "Labels", Type: Dynamic, Doc: "The request headers that the config names, by column.", Get: func(r *Row) any { return r.Labels }},
		{Name: "CallerIpAddress", Type: String, Doc: "The caller's address.", Get: func(r *Row) any { return r.Begin.CallerIP }},
		{Name: "ClientProtocol", Type: String, Doc: "The HTTP version of the client's connection.", Get: func(r *Row) any { return r.Begin.ClientProtocol }},
		{Name: "ClientTlsVersion", Type: String, Doc: "The TLS version of the client's connection; empty without TLS.", Get: func(r *Row) any { return r.Begin.TLSVersion }},
		{Name: "ClientCertificate", Type: String, Doc: "The client's certificate, if it showed one: its subject (RFC 2253) and SHA-256.", Get: func(r *Row) any { return r.Begin.ClientCertificate }},
		{Name: "Method", Type: String, Doc: "The request's method.", Get: func(r *Row) any { return r.Begin.Method }},
		{Name: "Url", Type: String, Doc: "The request's URL, credentials masked.", Get: func(r *Row) any { return r.Begin.URL }},
		{Name: "RequestHeaders", Type: Dynamic, Doc: "The request's headers, credentials masked.", Get: func(r *Row) any { return r.RequestHeaders }},
		{Name: "RequestTrailers", Type: Dynamic, Doc: "The fields behind the request's body, credentials masked.", Get: func(r *Row) any { return r.RequestTrailers }},
		{Name: "RequestBody", Type: String, Doc: "The request's body, whole; of a multipart request its fields as a JSON object, of a WebSocket the client's events as an array. See RequestPayload for large ones.", Get: func(r *Row) any { return r.RequestBody }},
		{Name: "RequestSize", Type: Long, Doc: "Bytes of body, or of a WebSocket's messages, received from the client.", Get: func(r *Row) any { return r.Begin.RequestSize }},
		{Name: "RequestPayload", Type: Dynamic, Doc: "Where the request's body is when it is too large to stand here: id, side, length, sha256. RequestBody then has only this.", Get: func(r *Row) any { return r.RequestPayload }},
		{Name: "Files", Type: Dynamic, Doc: "The files of a multipart request: field, filename, contentType, length, sha256, index.", Get: func(r *Row) any { return r.Files }},
		{Name: "RequestMessages", Type: Dynamic, Doc: "The messages (or input) of the request, `role` and `content` each.", Get: func(r *Row) any { return r.RequestMessages }},
		{Name: "Parameters", Type: Dynamic, Doc: "The request's parameters apart from content.", Get: func(r *Row) any { return r.Parameters }},
		{Name: "Prompt", Type: String, Doc: "The text of the input: one `role: text` paragraph a message.", Get: func(r *Row) any { return r.Prompt }},
		{Name: "ResponseCode", Type: Int, Doc: "The status sent to the client.", Get: func(r *Row) any { return int32(r.End.Status) }},
		{Name: "ResponseHeaders", Type: Dynamic, Doc: "The headers sent to the client.", Get: func(r *Row) any { return r.ResponseHeaders }},
		{Name: "ResponseTrailers", Type: Dynamic, Doc: "The fields behind the answer's body, as far as they came before its end was on the record.", Get: func(r *Row) any { return r.ResponseTrailers }},
		{Name: "ResponseBody", Type: String, Doc: "The gateway's answer.", Else: "BackendResponseBody", Get: func(r *Row) any { return r.ResponseBody }},
		{Name: "ResponseSize", Type: Long, Doc: "Bytes of body sent to the client.", Get: func(r *Row) any { return r.Delivered.ResponseSize }},
		{Name: "ResponsePayload", Type: Dynamic, Doc: "Where the backend's answer is when it is too large to stand here: id, side, length, sha256. BackendResponseBody then has only this, and the answer's id, model, object and usage; of a stream it has the reconstructed object all the same, up to 1 MiB.", Get: func(r *Row) any { return r.ResponsePayload }},
		{Name: "ResponseMessages", Type: Dynamic, Doc: "The messages of the answer, one a choice (or output item).", Get: func(r *Row) any { return r.ResponseMessages }},
		{Name: "Completion", Type: String, Doc: "The text of the output; several choices, or items, are parted by a blank line.", Get: func(r *Row) any { return r.Completion }},
		{Name: "FinishReason", Type: String, Doc: "Why the first choice ended; of a response or run why it is incomplete, or its status.", Get: func(r *Row) any { return r.FinishReason }},
		{Name: "ToolCalls", Type: Int, Doc: "How many tool calls the answer has.", Get: func(r *Row) any { return int32(r.ToolCalls) }},
		{Name: "BackendMethod", Type: String, Doc: "The method of the backend's request.", Get: func(r *Row) any { return r.End.BackendMethod }},
		{Name: "BackendProtocol", Type: String, Doc: "The HTTP version of the backend's connection.", Get: func(r *Row) any { return r.End.BackendProtocol }},
		{Name: "BackendUrl", Type: String, Doc: "The URL that was called.", Get: func(r *Row) any { return r.End.BackendURL }},
		{Name: "BackendRequestHeaders", Type: Dynamic, Doc: "The headers sent to the backend, credentials masked.", Get: func(r *Row) any { return r.BackendRequestHeaders }},
		{Name: "BackendRequestBody", Type: String, Doc: "The body sent to the backend.", Else: "RequestBody", Get: func(r *Row) any { return r.BackendRequestBody }},
		{Name: "BackendResponseCode", Type: Int, Doc: "The status of the backend's answer; 0 when there was none.", Get: func(r *Row) any { return int32(r.End.BackendStatus) }},
		{Name: "BackendResponseHeaders", Type: Dynamic, Doc: "The headers of the backend's answer.", Get: func(r *Row) any { return r.BackendResponseHeaders }},
		{Name: "BackendResponseBody", Type: String, Doc: "The backend's answer, whole; a stream is one JSON object, reconstructed, and so are a WebSocket's events. See ResponsePayload for large ones.", Get: func(r *Row) any { return r.BackendResponseBody }},
		{Name: "Attempts", Type: Dynamic, Doc: "Every try at a backend: backend, status, start and time in ms, reason, retryAfter.", Get: func(r *Row) any { return r.Attempts }},
		{Name: "AttemptCount", Type: Int, Doc: "How many tries there were.", Get: func(r *Row) any { return int32(len(r.End.Attempts)) }},
		{Name: "TotalTime", Type: Long, Doc: "Milliseconds from receipt to the answer sent in full.", Get: func(r *Row) any { return ms(r.TotalTime) }},
		{Name: "BackendTime", Type: Long, Doc: "Milliseconds of backend I/O.", Get: func(r *Row) any { return ms(r.End.BackendTime) }},
		{Name: "ClientTime", Type: Long, Doc: "Milliseconds of client I/O.", Get: func(r *Row) any { return ms(r.Delivered.ClientTime) }},
		{Name: "TimeToFirstByte", Type: Long, Doc: "Milliseconds to the first byte of the answer's body.", Get: func(r *Row) any { return ms(r.End.FirstByte) }},
		{Name: "TimeToFirstToken", Type: Long, Doc: "Milliseconds to the first content of a stream; 0 when there was none.", Get: func(r *Row) any { return ms(r.End.FirstToken) }},
		{Name: "IsStream", Type: Bool, Doc: "Whether the client asked for a stream.", Get: func(r *Row) any { return r.Begin.Stream }},
		{Name: "Events", Type: Int, Doc: "How many events of a stream were passed.", Get: func(r *Row) any { return int32(r.End.Events) }},
		{Name: "StreamError", Type: String, Doc: "Why the stream could not be read whole, if so.", Get: func(r *Row) any { return r.StreamError }},
		{Name: "PromptTokens", Type: Int, Doc: "Tokens of the input. All token columns are 0 unless this call caused them; what a call only reports is in Usage.", Get: func(r *Row) any { return int32(r.PromptTokens) }},
		{Name: "CompletionTokens", Type: Int, Doc: "Tokens of the output.", Get: func(r *Row) any { return int32(r.CompletionTokens) }},
		{Name: "TotalTokens", Type: Int, Doc: "Tokens in all.", Get: func(r *Row) any { return int32(r.TotalTokens) }},
		{Name: "CachedTokens", Type: Int, Doc: "Tokens of the input that came from the model's prompt cache.", Get: func(r *Row) any { return int32(r.CachedTokens) }},
		{Name: "ReasoningTokens", Type: Int, Doc: "Tokens of the output that were reasoning.", Get: func(r *Row) any { return int32(r.ReasoningTokens) }},
		{Name: "AudioTokens", Type: Int, Doc: "Tokens of input and output that were audio.", Get: func(r *Row) any { return int32(r.AudioTokens) }},
		{Name: "ImageTokens", Type: Int, Doc: "Tokens of input and output that were images.", Get: func(r *Row) any { return int32(r.ImageTokens) }},
		{Name: "Images", Type: Int, Doc: "How many images were made.", Get: func(r *Row) any { return int32(r.Images) }},
		{Name: "AudioSeconds", Type: Real, Doc: "Seconds of audio that were transcribed, where the backend says so.", Get: func(r *Row) any { return r.AudioSeconds }},
		{Name: "Characters", Type: Long, Doc: "Characters of text that were spoken.", Get: func(r *Row) any { return r.Characters }},
		{Name: "Usage", Type: Dynamic, Doc: "The usage object; of a WebSocket the sum of its answers'.", Get: func(r *Row) any { return r.Usage }},
		{Name: "UsageSource", Type: String, Doc: "`backend`, `estimated` (counted with the offline tokeniser) or empty.", Get: func(r *Row) any { return r.UsageSource }},
		{Name: "ContentFilter", Type: Dynamic, Doc: "The content-filter results of prompt and choices.", Get: func(r *Row) any { return r.ContentFilter }},
		{Name: "ContentFiltered", Type: Bool, Doc: "Whether a filter stopped the prompt or the answer.", Get: func(r *Row) any { return r.ContentFiltered }},
		{Name: "LastErrorElapsed", Type: Long, Doc: "Milliseconds from receipt to the error that decided the exchange.", Get: func(r *Row) any { return ms(r.lastError().Elapsed) }},
		{Name: "LastErrorMessage", Type: String, Doc: "Its message.", Get: func(r *Row) any { return r.lastError().Message }},
		{Name: "LastErrorReason", Type: String, Doc: "Its reason, in API Management's vocabulary.", Get: func(r *Row) any { return r.lastError().Reason }},
		{Name: "LastErrorScope", Type: String, Doc: "Its scope.", Get: func(r *Row) any { return r.lastError().Scope }},
		{Name: "LastErrorSection", Type: String, Doc: "Its section: inbound, backend, outbound or on-error.", Get: func(r *Row) any { return r.lastError().Section }},
		{Name: "LastErrorSource", Type: String, Doc: "What raised it.", Get: func(r *Row) any { return r.lastError().Source }},
		{Name: "Errors", Type: Dynamic, Doc: "All errors.", Get: func(r *Row) any { return r.Errors }},
		{Name: "TraceParent", Type: String, Doc: "The W3C trace context that was passed on.", Get: func(r *Row) any { return r.Begin.TraceParent }},
		{Name: "RequestId", Type: String, Doc: "The model's id of its answer.", Get: func(r *Row) any { return r.RequestID }},
		{Name: "ClientRequestId", Type: String, Doc: "The client's `x-ms-client-request-id`.", Get: func(r *Row) any { return r.Begin.ClientRequestID }},
		{Name: "_json_model", Type: Dynamic, Hidden: true, Get: func(r *Row) any { return r.JSONModel }},
		{Name: "_json_id", Type: Dynamic, Hidden: true, Get: func(r *Row) any { return r.JSONID }},
		{Name: "_json_usage", Type: Dynamic, Hidden: true, Get: func(r *Row) any { return r.JSONUsage }},
		{Name: "_json_usage_prompt_tokens", Type: Dynamic, Hidden: true, Get: func(r *Row) any { return r.JSONPromptTokens }},
		{Name: "_json_usage_completion_tokens", Type: Dynamic, Hidden: true, Get: func(r *Row) any { return r.JSONCompletionTokens }},
		{Name: "_json_usage_total_tokens", Type: Dynamic, Hidden: true, Get: func(r *Row) any { return r.JSONTotalTokens }},
	}
}
