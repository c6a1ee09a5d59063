package sim

import (
	"slices"
	"strings"
)

// operation is one operation of the API. A further one is a further row.
type operation struct {
	// name is Azure's classic operationId, as its 429s say it; verb is the
	// word of OperationNotSupported.
	name, verb string
	method     string
	// classic, v1, native and inference are the paths on each surface, empty
	// where there is none. {deployment} names the deployment, {id} an object.
	classic, v1, native, inference string
	// since and until are the first and the last api-version, by date, that
	// have the operation on the classic surface; no until: all that follow.
	since, until string
	// versions, when there are any, are the only api-versions that have it.
	versions []string
	// needs is what a model must be able to do; empty for operations that have
	// no deployment.
	needs ability
	// modelless says that a body without model means the first deployment, by
	// name, that is able.
	modelless bool
	// arguments are the members that a body may have. Empty: no body is read.
	arguments []argument
	// form says whether the body may be, or must be, multipart/form-data, and
	// files which of its parts are files.
	form  formUse
	files []filePart
	// socket says that the operation opens a WebSocket.
	socket bool
	answer func(c *call) (*reply, error)
}

// argument is a member of a request's body; since is the first classic
// api-version, by date, that takes it, empty for all.
type argument struct{ name, since string }

// id is how calls and counts name the operation.
func (op *operation) id() string { return strings.ToLower(op.name) }

// ability is what a model can do, as Azure's list of models puts it.
type ability string

const (
	chats       ability = "chat_completion"
	completes   ability = "completion"
	embeds      ability = "embeddings"
	draws       ability = "image_generation"
	edits       ability = "image_edit"
	varies      ability = "image_variation"
	transcribes ability = "audio_transcription"
	translates  ability = "audio_translation"
	speaks      ability = "audio_speech"
	moderates   ability = "moderation"
	realtimes   ability = "realtime"
	noAbility   ability = ""
)

// The api-versions, by date, that brought chat completions and all else.
const (
	allSince  = "2022-12-01"
	chatSince = "2023-03-15"
)

const chatArguments = `audio data_sources frequency_penalty function_call functions logit_bias
	logprobs max_completion_tokens max_tokens messages metadata modalities model n
	parallel_tool_calls prediction presence_penalty prompt_cache_key reasoning_effort
	response_format safety_identifier seed service_tier stop store stream
	stream_options:2024-09-01 temperature tool_choice tools top_logprobs top_p user
	user_security_context verbosity web_search_options`

// operations is the table.
func operations() []operation {
	return slices.Concat(textOperations(), imageOperations(), audioOperations(), inferenceOperations(), realtimeOperations())
}

// textOperations are those on text and models. That stream_options came with 2024-09-01-preview is
// from the page api-version-lifecycle; what no source dates is taken by all.
func textOperations() []operation {
	return []operation{
		{
			name: "ChatCompletions_Create", verb: "chatCompletion", method: "POST",
			classic: "/openai/deployments/{deployment}/chat/completions",
			v1:      "/openai/v1/chat/completions",
			native:  "/v1/chat/completions", inference: "/models/chat/completions",
			since: chatSince, needs: chats, answer: answerChat,
			arguments: arguments(chatArguments),
		},
		{
			name: "ExtensionsChatCompletions_Create", verb: "chatCompletion", method: "POST",
			classic: "/openai/deployments/{deployment}/extensions/chat/completions",
			since:   "2023-06-01", until: "2023-12-01", needs: chats, answer: answerChat,
			arguments: arguments("dataSources " + chatArguments),
		},
		{
			name: "Completions_Create", verb: "completion", method: "POST",
			classic: "/openai/deployments/{deployment}/completions",
			v1:      "/openai/v1/completions",
			native:  "/v1/completions",
			since:   allSince, needs: completes, answer: answerCompletion,
			arguments: arguments(`best_of echo frequency_penalty logit_bias logprobs max_tokens metadata model n
				presence_penalty prompt seed stop stream stream_options:2024-09-01 suffix temperature
				top_p user`),
		},
		{
			name: "Embeddings_Create", verb: "embeddings", method: "POST",
			classic: "/openai/deployments/{deployment}/embeddings",
			v1:      "/openai/v1/embeddings",
			native:  "/v1/embeddings", inference: "/models/embeddings",
			since: allSince, needs: embeds, answer: answerEmbedding,
			arguments: arguments(`dimensions encoding_format input input_type metadata model user`),
		},
		{
			name: "Models_List", method: "GET",
			classic: "/openai/models", v1: "/openai/v1/models", native: "/v1/models",
			since: allSince, answer: answerModels,
		},
		{
			name: "Models_Get", method: "GET",
			classic: "/openai/models/{id}", v1: "/openai/v1/models/{id}", native: "/v1/models/{id}",
			since: allSince, answer: answerModel,
		},
	}
}

// arguments reads a list of names, each with ":" and its first api-version where
// that matters.
func arguments(list string) []argument {
	var out []argument
	for word := range strings.FieldsSeq(list) {
		name, since, _ := strings.Cut(word, ":")
		out = append(out, argument{name, since})
	}
	return out
}

// takes says whether the operation has an argument of that name. On the classic
// surface the api-version, compared by its date, has a say.
func (op *operation) takes(name string, on surface, version string) bool {
	for _, a := range op.arguments {
		if a.name == name {
			return on != classic || a.since <= dateOf(version)
		}
	}
	return false
}

// dateOf is the date of an api-version such as 2024-10-01-preview.
func dateOf(version string) string { return version[:min(len(version), len("2006-01-02"))] }

// apiVersions are those of the classic surface, from the file lists of
// azure-rest-api-specs and the page api-version-lifecycle.
var apiVersions = []string{
	"2022-03-01-preview", "2022-06-01-preview", "2022-12-01",
	"2023-03-15-preview", "2023-05-15", "2023-06-01-preview", "2023-07-01-preview", "2023-08-01-preview",
	"2023-09-01-preview", "2023-10-01-preview", "2023-12-01-preview",
	"2024-02-01", "2024-02-15-preview", "2024-03-01-preview", "2024-04-01-preview", "2024-05-01-preview",
	"2024-06-01", "2024-07-01-preview", "2024-08-01-preview", "2024-09-01-preview", "2024-10-01-preview",
	"2024-10-21", "2024-12-01-preview", "2024-12-17",
	"2025-01-01-preview", "2025-02-01-preview", "2025-03-01-preview", "2025-04-01-preview",
}

// inferenceVersions are those of the model inference surface.
var inferenceVersions = []string{
	"2024-05-01-preview", "2024-08-01-preview", "2024-12-01-preview", "2025-01-01-preview", "2025-04-01",
	"2025-05-01", "2025-05-15-preview",
}

// v1Versions are those of the v1 surface, where none need be given.
var v1Versions = []string{"", "v1", "preview", "latest"}
