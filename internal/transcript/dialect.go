package transcript

// The dialects that Read knows. "" stands for bodies of which nothing is known.
const (
	Chat        = "chat"        // chat completions
	Completions = "completions" // text completions
	Embeddings  = "embeddings"
	Models      = "models" // lists and descriptions of models
)

// dialect is the form that an operation's bodies have.
type dialect struct {
	name string
	// content names the members of a request that hold what is said, not how.
	content []string
	// named names the members of a request that are lists of definitions; of
	// these the parameters keep the names.
	named []string
	// input reads the request.
	input func(req string) input
	// output reads the answer's choices; nil for answers that say nothing.
	output func(ans string) []choice
	// cost estimates the tokens of a request; nil where none are counted.
	cost func(req string, c *counter) int
	// events folds a stream's events into one answer; nil where nothing streams.
	events *rule
	// done is the data of the event that ends a stream.
	done string
}

// input is what a request says.
type input struct {
	messages string // JSON array
	prompt   string
}

// choice is one of an answer's alternatives.
type choice struct {
	message string   // raw JSON object
	text    string   // what a reader of the answer is shown
	counted []string // every text that cost tokens
	calls   int      // of tools
	finish  string
	index   string // raw
	filter  string // raw content-filter results, "" when there are none
	offsets string // raw, of asynchronous filters
}

// dialects is the table of all that is known of bodies. A further dialect is a
// row here, and a file for what its functions read.
var dialects = []dialect{
	{
		name:    Chat,
		content: []string{"messages", "prediction"},
		named:   []string{"tools", "functions"},
		input:   chatInput,
		output:  chatOutput,
		cost:    chatCost,
		events:  &chatEvents,
		done:    "[DONE]",
	},
	{
		name:    Completions,
		content: []string{"prompt", "suffix"},
		input:   promptInput("prompt"),
		output:  completionsOutput,
		cost:    promptCost("prompt", "suffix"),
		events:  &completionsEvents,
		done:    "[DONE]",
	},
	{
		name:    Embeddings,
		content: []string{"input"},
		input:   promptInput("input"),
		cost:    promptCost("input"),
	},
	{name: Models},
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

// answers reports whether the operation is a call of a model.
func (d *dialect) answers() bool { return d.cost != nil }
