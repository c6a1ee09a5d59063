// Package transcript reads what an exchange's bodies say: it turns the bytes
// that a client and a backend sent ([record.Exchange]) into the row that is
// stored and asked for ([record.Row]): the text of prompt and completion,
// messages, parameters, tokens, content-filter results and errors.
//
// # Streams
//
// A server-sent event stream becomes the one JSON object that the same call
// would have been answered with had it not asked for a stream. How its events
// fold into one is data: a tree of rules for each dialect (see rule), with one
// rule for each member of an event that needs more than "the last value counts".
//
//	data: {"choices":[{"index":0,"delta":{"role":"assistant","content":"Hel"}}]}
//	data: {"choices":[{"index":0,"delta":{"content":"lo"}}]}
//	data: {"choices":[],"usage":{…}}
//	→ {"choices":[{"index":0,"message":{"role":"assistant","content":"Hello"}}],"usage":{…}}
//
// Where events have types, as those of responses, assistants, images and audio, a
// second table says what each type does to the object: which of its members goes
// to which place (see typed). Such a stream often ends with the object whole; the
// pieces before it make the same, as far as they came. Events of types that are
// not known are kept, too, in the member "events".
//
// # WebSockets
//
// The record of a realtime session is its messages of both directions (see
// [record.Message]). The row has the client's events as an array, and the server's
// in an object that says what the session was (realtime.go).
//
// # Bodies elsewhere
//
// Of a multipart request the row has what [ReadForm] makes of it: the fields, and
// of each file its name, length and digest. Of a body that is in the payload store
// it has a reference, {"payload":{"id","side","length","sha256"}}, before which
// stand the id, model, object and usage of an answer. All else is read out of what
// of the body was loaded; usage that may stand where it was not is left unknown
// rather than estimated.
//
// # Calls and reports
//
// A call that asks a model (IsModelCall) fills the columns of tokens. What a call
// only reports, such as the usage of a response that is fetched again, stands in
// Usage alone, so that sums over rows count each token once.
//
// # Parameters
//
// A request's parameters are its members less its content: of chat messages and
// prediction, of completions prompt and suffix, of embeddings input, and so on:
// dialect.content lists them. Of tools and functions the names stay and the
// definitions go. What has a column of its own besides (user, metadata) stays.
//
// # What always holds
//
//   - Read takes any bytes: it neither panics nor fails; what cannot be read
//     leaves its fields empty, and the body is kept as it came.
//   - Every text in a row is UTF-8. A body that is not is kept as a data URL,
//     from which the very bytes can be had again.
//   - JSON in a row is as its source wrote it, numbers and escapes included,
//     less the space between tokens. Where an object has a name twice, the last
//     one counts.
//   - Tokens are the backend's whenever it gave any. Else they are counted and
//     marked so, in the row and in a reconstructed body alike; a plain body is
//     never altered, save that keys which an answer makes for a client are masked.
//   - A stream cut short at any byte gives a prefix of the text that the whole
//     one gives.
//
// A dialect is the form of an operation's bodies, a row of a table (dialect.go).
package transcript
