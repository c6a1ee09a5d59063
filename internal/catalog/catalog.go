// Package catalog holds the API's operations as data: one row for each, with
// the surfaces and paths it is reached by, how it streams, which event ends it,
// and where the deployment stands in it. Routing, capture, usage and the
// readers of bodies take what they need from the row; no other package spells
// an operation out. A new operation is a new row in [Operations].
//
// It also reads what the gateway must know of a request's body, in one pass
// ([ReadBody]).
//
// What always holds: matching allocates nothing for an unescaped path, never
// follows a dot segment, and gives no parameter that holds a slash, so that no
// path of a client's can reach outside its operation.
package catalog

// Surface is one of the ways in which the API is reached.
type Surface uint8

// The surfaces.
const (
	None    Surface = iota
	Azure           // /openai/deployments/{deployment}/…?api-version=DATE
	AzureV1         // /openai/v1/…
	OpenAI          // /v1/…
	Surfaces
)

// String is the surface's name in the log: "azure", "azure-v1", "openai", or "".
func (s Surface) String() string {
	return [...]string{"", "azure", "azure-v1", "openai", ""}[min(s, Surfaces)]
}

// Route is how one surface reaches an operation.
type Route struct {
	Surface Surface
	// Pattern is the path; {deployment} or {model} stands for one segment. A
	// pattern without {deployment} has the deployment's name in the body's model.
	Pattern string
	// OperationID is the operation's id on this surface, as its specification
	// spells it.
	OperationID string
}

// Operation is one row of the catalog.
type Operation struct {
	// ID is the one id whatever the surface, as the log has it: Azure's classic
	// operationId in lower case with underscores.
	ID     string
	Method string
	// Dialect names the reader of its bodies and events: "chat", "completions",
	// "embeddings" or "models".
	Dialect string
	// Streams says that "stream": true in the body asks for server-sent events,
	// of which the one whose data is Terminal is the last.
	Streams  bool
	Terminal string
	// Usage says that stream_options.include_usage makes a stream end with an
	// event that carries its usage.
	Usage bool
	// Own operations are answered by the gateway itself.
	Own    bool
	Routes []Route
}

// Operations lists every operation. The ids of the surfaces are those of
// Azure's inference specification (GA 2024-10-21), its v1 one and OpenAI's.
func Operations() []Operation {
	return []Operation{
		{ID: "chatcompletions_create", Method: "POST", Dialect: "chat", Streams: true, Terminal: "[DONE]", Usage: true, Routes: []Route{
			{Azure, "/openai/deployments/{deployment}/chat/completions", "ChatCompletions_Create"},
			{AzureV1, "/openai/v1/chat/completions", "createChatCompletion"},
			{OpenAI, "/v1/chat/completions", "createChatCompletion"},
		}},
		{ID: "completions_create", Method: "POST", Dialect: "completions", Streams: true, Terminal: "[DONE]", Usage: true, Routes: []Route{
			{Azure, "/openai/deployments/{deployment}/completions", "Completions_Create"},
			{AzureV1, "/openai/v1/completions", "createCompletion"},
			{OpenAI, "/v1/completions", "createCompletion"},
		}},
		{ID: "embeddings_create", Method: "POST", Dialect: "embeddings", Routes: []Route{
			{Azure, "/openai/deployments/{deployment}/embeddings", "Embeddings_Create"},
			{AzureV1, "/openai/v1/embeddings", "createEmbedding"},
			{OpenAI, "/v1/embeddings", "createEmbedding"},
		}},
		{ID: "models_list", Method: "GET", Dialect: "models", Own: true, Routes: []Route{
			{Azure, "/openai/models", "Models_List"},
			{AzureV1, "/openai/v1/models", "listModels"},
			{OpenAI, "/v1/models", "listModels"},
		}},
		{ID: "models_get", Method: "GET", Dialect: "models", Own: true, Routes: []Route{
			{Azure, "/openai/models/{model}", "Models_Get"},
			{AzureV1, "/openai/v1/models/{model}", "retrieveModel"},
			{OpenAI, "/v1/models/{model}", "retrieveModel"},
		}},
	}
}
