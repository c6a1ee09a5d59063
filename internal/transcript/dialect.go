package transcript

import (
	"slices"
	"strings"

	"weir/internal/record"
)

// The dialects that Read knows. "" stands for bodies of which nothing is known.
const (
	Chat             = "chat"        // chat completions
	Completions      = "completions" // text completions
	Embeddings       = "embeddings"
	Models           = "models" // lists and descriptions of models
	Responses        = "responses"
	Images           = "images"
	Transcriptions   = "transcriptions" // and translations
	Speech           = "speech"
	Moderations      = "moderations"
	Files            = "files"
	Uploads          = "uploads"
	FineTuning       = "fine_tuning"
	Batches          = "batches"
	Assistants       = "assistants"
	Threads          = "threads"
	Messages         = "messages"
	Runs             = "runs"
	RunSteps         = "run_steps"
	VectorStores     = "vector_stores"
	Conversations    = "conversations"
	Containers       = "containers"
	Evals            = "evals"
	StoredChat       = "stored_chat" // chat completions that were kept
	Realtime         = "realtime"    // the WebSocket
	RealtimeSessions = "realtime_sessions"
	Deployments      = "deployments"
	Resource         = "resource" // any other object in JSON
)

// dialect is the form that an operation's bodies have. One serves all that is
// done with a kind of object: create, get, list, change, delete.
type dialect struct {
	name string
	// model says that a model is asked: by each POST, or where asks has any, by
	// those whose path ends in one of them.
	model bool
	asks  []string
	// socket says that it is spoken over a WebSocket.
	socket bool
	// kind is what the API calls the objects that stay on the backend; "" where
	// nothing stays.
	kind string

	// content names the members of a request that hold what is said, not how.
	content []string
	// named names the members of a request that are lists of definitions; of
	// these the parameters keep the names.
	named []string
	// input reads the request; nil where nothing is said.
	input func(req string) input

	// output reads the answer's choices; nil for answers that say nothing.
	output func(ans string) []choice
	// finish tells of an answer why it ended; nil: the first choice does.
	finish func(ans string) string
	// later is the finish of an answer whose usage comes with a later call's.
	later string
	// plain makes an object of an answer that is none; nil where all are.
	plain func(body string) string
	// secret says that answers hold keys.
	secret bool
	// unnamed says that answers, or some of them, do not name the model that served.
	unnamed bool

	// cost estimates the tokens of a request; nil where only a backend's count.
	cost func(req string, c *counter) int
	// inOut says that usage has input_tokens and output_tokens.
	inOut bool
	// used names the member of an answer that is its usage, where "usage" is not.
	used string
	// measure fills the columns of what else was used; nil where there is nothing.
	measure func(r *record.Row, req, ans string)

	// events folds a stream whose events have one form; typed one whose events
	// have types. Both nil: nothing streams.
	events *rule
	typed  *typed
}

// input is what a request says.
type input struct {
	messages string // JSON array
	prompt   string
}

// choice is one of an answer's alternatives, or of its items.
type choice struct {
	message string   // raw JSON object
	text    string   // what a reader of the answer is shown
	counted []string // every text that cost tokens
	calls   int      // of tools
	finish  string
	index   string // raw
	filter  string // raw content-filter results, "" when there are none
	offsets string // raw, of asynchronous filters
	prompt  string // raw content-filter results of what was asked, where they stand here
}

// dialects is the table of all that is known of bodies. A further dialect is a
// row here, and a file for what its functions read.
var dialects = []dialect{
	{
		name: Chat, model: true,
		content: []string{"messages", "prediction"}, named: []string{"tools", "functions"},
		input: chatInput, output: chatOutput, cost: chatCost, events: &chatEvents,
	},
	{
		name: Completions, model: true, content: []string{"prompt", "suffix"},
		input: promptInput("prompt"), output: completionsOutput, cost: promptCost("prompt", "suffix"), events: &completionsEvents,
	},
	{name: Embeddings, model: true, content: []string{"input"}, input: embeddingInput, cost: promptCost("input")},
	{name: Models},
	{
		name: Responses, model: true, asks: []string{"responses", "compact"}, kind: "response",
		content: []string{"input", "instructions"}, named: []string{"tools"},
		input: responsesInput, output: responsesOutput, finish: statusFinish, cost: responsesCost, inOut: true,
		unnamed: true, // of compactions
		measure: responseMeasure, typed: &responseEvents,
	},
	{
		name: Images, model: true, kind: "image_operation", content: []string{"prompt", "image", "mask"}, unnamed: true,
		input: promptInput("prompt"), output: imagesOutput, measure: imagesMeasure, typed: &imageEvents,
	},
	{
		name: Transcriptions, model: true, content: []string{"prompt", "file"}, unnamed: true,
		input: promptInput("prompt"), output: transcriptOutput, plain: transcriptPlain, measure: transcriptMeasure, typed: &transcriptEvents,
	},
	{
		name: Speech, model: true, content: []string{"input", "instructions"}, unnamed: true,
		input: speechInput, measure: speechMeasure, typed: &speechEvents,
	},
	{name: Moderations, model: true, content: []string{"input"}, input: moderationInput},
	{name: Realtime, model: true, socket: true, kind: "realtime.session"},
	{name: RealtimeSessions, kind: "realtime.session", content: []string{"instructions"}, named: []string{"tools"}, input: sessionInput, secret: true},

	{
		name: Assistants, kind: "assistant", content: []string{"instructions", "description"}, named: []string{"tools"},
		input: assistantsInput,
	},
	{name: Threads, kind: "thread", content: []string{"messages"}, input: chatInput},
	{name: Messages, kind: "thread.message", content: []string{"content"}, input: messageInput, output: messagesOutput},
	{
		name: Runs, model: true, asks: []string{"runs", "submit_tool_outputs"}, kind: "thread.run",
		content: []string{"instructions", "additional_instructions", "additional_messages", "thread", "tool_outputs"}, named: []string{"tools"},
		input: runsInput, output: runsOutput, finish: statusFinish, later: "requires_action", cost: runsCost, typed: &runEvents,
	},
	{name: RunSteps, kind: "thread.run.step"},
	{name: Conversations, kind: "conversation", content: []string{"items"}, input: itemsInput("items"), output: itemsOutput},
	{name: StoredChat, kind: "chat.completion", output: storedOutput},

	{name: Files, kind: "file", content: []string{"file"}, input: factsInput("purpose", "file.filename")},
	{name: Uploads, kind: "upload", content: []string{"data"}, input: factsInput("purpose", "filename", "data.filename")},
	{name: VectorStores, kind: "vector_store", content: []string{"query"}, input: factsInput("name", "query")},
	{name: Containers, kind: "container", content: []string{"file"}, input: factsInput("name", "file.filename")},
	{name: FineTuning, kind: "fine_tuning.job", used: "trained_tokens"},
	{name: Batches, kind: "batch"},
	{name: Evals, kind: "eval"},
	{name: Deployments, kind: "deployment"},
	{name: Resource},
}

// dialectOf gives the row of that name; an empty one for a name that has none.
func dialectOf(name string) *dialect {
	for i := range dialects {
		if dialects[i].name == name {
			return &dialects[i]
		}
	}
	return &dialect{}
}

// asked reports whether a request asks a model.
func (d *dialect) asked(b *record.Begin) bool {
	if !d.model || d.socket {
		return d.model
	}
	if b.Method != "POST" && b.Method != "" {
		return false
	}
	path, _, _ := strings.Cut(b.URL, "?")
	return d.asks == nil || slices.Contains(d.asks, path[strings.LastIndexByte(path, '/')+1:])
}

func (d *dialect) streams() bool { return d.events != nil || d.typed != nil }
