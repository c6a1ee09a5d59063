// Package catalog holds the API's operations as data: one row for each, with
// the surfaces and paths it is reached by, how it streams, which event ends it,
// where the deployment stands in it, and which stateful objects it creates or
// names. Routing, capture, usage and the readers of bodies take what they need
// from the row; no other package spells an operation out. A new operation is a
// new row in [Operations].
//
// It also reads what the gateway must know of a request's body, in one pass
// ([ReadBody], [Form]), and of the ids in it and in an answer ([References],
// [Learned]).
//
// What always holds: matching allocates nothing for an unescaped path, never
// follows a dot segment, and gives no parameter that holds a slash, so that no
// path of a client's can reach outside its operation.
package catalog

// Surface is one of the ways in which the API is reached.
type Surface uint8

// The surfaces.
const (
	None      Surface = iota
	Azure             // /openai/…?api-version=DATE
	AzureV1           // /openai/v1/…
	OpenAI            // /v1/…
	Inference         // /models/…?api-version=DATE, Azure AI Model Inference
	ARM               // /subscriptions/…/providers/Microsoft.CognitiveServices/…
	Surfaces
)

// String is the surface's name in the log: "azure", "azure-v1", "openai",
// "inference", "arm", or "".
func (s Surface) String() string {
	return [...]string{"", "azure", "azure-v1", "openai", "inference", "arm", ""}[min(s, Surfaces)]
}

// Dated says whether the surface is called with a dated api-version that goes on
// to a backend's same surface.
func (s Surface) Dated() bool { return s == Azure || s == Inference || s == ARM }

// Route is how one surface reaches an operation.
type Route struct {
	Surface Surface
	// Pattern is the path; a name in braces stands for one segment. {deployment}
	// names the deployment; the first of the others whose name is a [Kind] is the
	// object that the call is about. All routes of an operation have the same
	// parameters in the same order, {deployment} apart.
	Pattern string
	// OperationID is the operation's id on this surface, as its specification
	// spells it.
	OperationID string
}

// Form is what a request's body is.
type Form uint8

// The forms.
const (
	NoBody     Form = iota // none; one that comes is passed as it is
	JSON                   // a JSON object
	Multipart              // multipart/form-data (RFC 7578)
	FormOrJSON             // what its Content-Type says
	Opaque                 // anything, passed as it is
)

// Target is where an operation's deployment is named. On a route with
// {deployment} that is the path, whatever the row says.
type Target uint8

// The targets.
const (
	NoTarget     Target = iota
	Model               // the body's model must name one
	ModelIfGiven        // the body's model names one, where it is there
	InQuery             // the query's deployment, or model
)

// Operation is one row of the catalog.
type Operation struct {
	// ID is the one id whatever the surface, as the log has it: the classic
	// surface's operationId (else the v1 surface's, else OpenAI's) in lower case
	// with underscores.
	ID     string
	Method string
	// Dialect names the reader of its bodies and events, see package transcript.
	Dialect string
	Body    Form
	Target  Target
	// Streams says that "stream": true asks for server-sent events, of which the
	// one whose data, or whose type, is in Terminal is the last; without one the
	// end of the body is (of pictures, several may be asked for). For a WebSocket
	// Terminal is the type of the message that ends an answer.
	Streams  bool
	Terminal []string
	// Usage says that stream_options.include_usage makes a stream end with an
	// event that carries its usage.
	Usage bool
	// NotAzureV1 operations are none of Azure's v1 surface (its specification, v1),
	// though clients of that may ask for them: an Azure backend has them on its
	// classic surface only.
	NotAzureV1 bool
	// Own operations are answered by the gateway itself.
	Own bool
	// Tickets says that the answer has a short-lived key for a WebSocket.
	Tickets bool
	// LearnsNames says that what Learns names are callable names, not ids.
	LearnsNames bool
	// ModelIn names the object in the body that has the model; "" is the body.
	ModelIn string
	// Socket operations are WebSocket handshakes.
	Socket bool
	// Learns lists the members of the answer that name objects which the backend
	// now holds, as dotted paths; of an array all elements. A stream's events are
	// looked at likewise.
	Learns []string
	// LearnsStored says that an answer is looked at for them only where the
	// request's store is true.
	LearnsStored bool
	// Names lists the members of the body, at any depth, that name objects.
	Names []string
	// Lists names the kind of object of which the answer is a list, where that
	// merges over the backends; Page says how it is paged.
	Lists string
	Page  Page
	// Stateful operations that name no object are sent to the caller's home among
	// the backends, so that what a caller makes lies together.
	Stateful bool
	Routes   []Route
}

// Page says how a list is paged (OpenAI's API reference, the query parameters of
// each list). The zero Page is none: all objects are given at once.
type Page struct {
	Size, Max int
	// Ordered lists take order and before.
	Ordered bool
}

// Kind is a kind of object that stays on the backend where it was created.
type Kind struct {
	// Name stands in the patterns of routes.
	Name string
	// Get is the id of the operation that finds such an object by its id.
	Get string
}

// Kinds lists the kinds.
func Kinds() []Kind {
	return []Kind{
		{"file", "files_get"}, {"upload", ""}, {"fine_tuning_job", "finetuning_get"}, {"batch", "batch_get"},
		{"assistant", "get_assistant"}, {"thread", "get_thread"}, {"vector_store", "get_vector_store"},
		{"response", "get_response"}, {"conversation", "get_conversation"}, {"container", "retrieve_container"},
		{"eval", "get_eval"}, {"completion", "get_chat_completion"}, {"image_operation", "get_image_operation"},
		{"model", "models_get"}, {"named_deployment", "deployments_get"},
	}
}

// The members of bodies that name objects, by what they can be in.
var (
	fileNames = []string{"file_id"}
	allNames  = []string{
		"file_id", "file_ids", "training_file", "validation_file", "input_file_id",
		"previous_response_id", "conversation", "assistant_id", "thread_id",
		"vector_store_id", "vector_store_ids", "container", "source", itemReference,
	}
	// kindOfName says what kind of object a member names.
	kindOfName = map[string]string{
		"file_id": "file", "file_ids": "file", "training_file": "file", "validation_file": "file", "input_file_id": "file",
		"previous_response_id": "response", "conversation": "conversation", "assistant_id": "assistant", "thread_id": "thread",
		"vector_store_id": "vector_store", "vector_store_ids": "vector_store", "container": "container", "source": "file",
	}
)

// itemReference is the type of an input item that names what a response put out.
const itemReference = "item_reference"

// Operations lists every operation. The ids of the surfaces are those of Azure's
// inference and authoring specifications (GA 2024-10-21 and the previews up to
// 2025-04-01), its v1 one and OpenAI's 2.3.0.
func Operations() []Operation {
	var all []Operation
	for _, rows := range [][]Operation{
		inference(), media(), realtime(), files(), training(), assistants(), responses(), vectorStores(),
		containers(), evals(), management(),
	} {
		all = append(all, rows...)
	}
	return all
}

// The ways in which lists are paged.
var (
	plainPage   = Page{Size: 20, Max: 100}
	orderedPage = Page{Size: 20, Max: 100, Ordered: true}
	filePage    = Page{Size: 10_000, Max: 10_000, Ordered: true}
)

// Unknown is the row of a call that no row matches, where such calls pass.
func Unknown() Operation {
	return Operation{ID: "unknown", Dialect: "resource", Body: Opaque, Streams: true, Stateful: true}
}

// at lists the routes of an operation that is at the same path behind each
// surface's prefix; an empty id leaves its surface out.
func at(path, classic, v1, native string) []Route {
	var routes []Route
	for _, r := range []Route{
		{Azure, "/openai" + path, classic}, {AzureV1, "/openai/v1" + path, v1}, {OpenAI, "/v1" + path, native},
	} {
		if r.OperationID != "" {
			routes = append(routes, r)
		}
	}
	return routes
}

// of is at for an operation of a model, which the classic surface has below its
// deployment, and model inference, where it has it, at inference.
func of(path, classic, v1, native, inferencePath, inferenceID string) []Route {
	routes := at(path, "", v1, native)
	if classic != "" {
		routes = append([]Route{{Azure, "/openai/deployments/{deployment}" + path, classic}}, routes...)
	}
	if inferenceID != "" {
		routes = append(routes, Route{Inference, "/models" + inferencePath, inferenceID})
	}
	return routes
}
