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
// # Parameters
//
// A request's parameters are its members less its content: of chat messages and
// prediction, of completions prompt and suffix, of embeddings input. Of tools and
// functions the names stay and the definitions go. What has a column of its own
// besides (user, metadata) stays.
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
//     never altered.
//   - A stream cut short at any byte gives a prefix of the text that the whole
//     one gives.
//
// A dialect is the form of an operation's bodies, a row of a table (dialect.go).
package transcript
