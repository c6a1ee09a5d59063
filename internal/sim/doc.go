// Package sim is a simulator of Azure OpenAI, and of servers that speak OpenAI's
// own API, for demos and tests. It is not a model: it strings together sentences
// of its own, says so in each answer's text and in the header
// x-weir-simulator: not-a-model, and shares no code with the gateway.
//
// What it stands in for is everything around the model: paths and api-versions,
// keys, bodies, headers, errors, content-filter annotations, rate limits,
// streams, and the many ways in which an answer can go wrong.
//
// # Surfaces
//
// A simulator of kind "azure" answers on three, one of kind "openai" on one:
//
//	classic    /openai/deployments/{deployment}/…?api-version=2024-10-21, /openai/models
//	v1         /openai/v1/…     the deployment is the body's model
//	inference  /models/…?api-version=2024-05-01-preview, of Azure AI model inference
//	native     /v1/…            OpenAI's own
//
// Operations are rows of one table (operations.go), those on stateful objects of
// another (resource_routes.go). An unknown path, method or
// api-version is 404 "Resource not found", as at Azure. Keys are taken from
// api-key (azure) and Authorization: Bearer (both kinds); there is no Entra ID
// here, so that a key also stands for a token.
//
// # Determinism
//
// Text, tool arguments and token counts depend on the simulator's seed, the
// prompt, the choice's index and the parameters that shape an answer; neither on
// order and concurrency nor on whether the answer is streamed. Embeddings depend
// on model and input only, and texts that share words lie close to each other.
// Faults drawn by rate depend on the seed and the number of calls that came
// before. Ids, times and latency jitter are all that is left to chance.
//
// # Tokens
//
// The simulator's counts are its own truth. A token is a run of up to eight
// letters or digits with one space before it, or one other character with one
// space before it. A chat prompt costs its text, 4 for each message, 85 for each
// image, the tools' JSON, and 3. A stream carries one token in each event unless
// told otherwise. Reasoning models (o1, o3, o4, gpt-5) add reasoning tokens; a
// prompt of 1,024 tokens or more has 1,024 of them cached.
//
// # Pictures and sound
//
// Pictures are a sixteenth of the size asked for, two colours that follow from
// the prompt. A link names this server (/sim/images/…), which draws it anew. Models
// named gpt-image count tokens: the prompt's text, 194 for each picture to edit, and
// by quality and size for each one drawn. An asynchronous request of 2023 is one
// state further with each look at it.
//
// A transcript follows from the file's bytes alone; its length from how long the
// sound lasts, which is what a WAV header says, else 128 kbit/s. Models named
// whisper tell seconds; others count 10 tokens for a second heard. Speech lasts 50
// ms for each of four tokens a token of its input; only wav, pcm and mp3 can be
// played. It comes in chunks without Content-Length, and chunk_delay is between
// them. Its tokens are counted whether or not an answer has room to tell them.
//
// A body of multipart/form-data is read as it comes and its files are not held;
// a file of more than 32 MiB is 413. Its controls stand in a part named sim.
//
// # Realtime
//
// A connection speaks the preview's events on the classic surface and where the
// handshake says OpenAI-Beta: realtime=v1, else those of the general availability;
// a session.update whose session has a type changes from the first to the second.
// A key may come as api-key in the query (azure), in the subprotocol
// openai-insecure-api-key.…, or be one of those that the session calls issue, which
// last 60 s. Turns are detected by the level of 16-bit sound; they do not interrupt
// an answer. What arrives while an answer is given waits, a cancellation apart.
// Each token of speech comes as a piece of its transcript and 50 ms of sound. The
// connection is one call, and each response.done adds to its tokens; transcripts of
// what was heard do not. Of the controls, delay is before the handshake, and
// die_after, hang and malformed count the events that the server sends.
//
// # Stateful objects
//
// Files, uploads, fine-tuning jobs, batches, assistants, threads, messages, runs,
// vector stores, responses, conversations, containers, evaluations and stored chats
// live in memory until they are deleted or /sim/reset. What they are and which
// operations they have are two tables, of kinds (resource_kinds.go) and of routes
// (resource_routes.go); a further operation is a further row, with a word of its own
// only where it does what no other does. Ids are left to chance, so that no two
// simulators share one, and an id of another simulator, in a path or in a body, is
// answered as the service answers an id that it does not know.
//
// A job, batch, run, file batch, evaluation run or background response is one
// status further with each GET of it, and with nothing else:
//
//	fine-tuning job   validating_files (classic: pending), queued, running, succeeded
//	batch             validating, in_progress, finalizing, completed; its lines are
//	                  answered as calls would be, without rate limits
//	run               queued, in_progress, then completed, or requires_action when it
//	                  calls functions; submit_tool_outputs starts anew
//	response          queued, in_progress, completed, when background is true
//
// A streamed run or response is stored whole before its first event; who breaks
// the stream off finds it completed. Tokens are counted with the call that carries
// new usage: a response, a compaction, the stream in which a run ends, with all
// that the run used. Runs that are polled, background responses and batches show
// usage in a GET, which counts nothing.
//
// A fine-tuned model is called by its name on v1 and native, and on the classic
// surface through a deployment made of it. Deployments are made with the early
// previews' /openai/deployments or with Azure Resource Manager's path, under
// /subscriptions, and can be called at once; there, capacity 1 is 1,000 tokens a
// minute.
//
// Contents are kept up to [Options].StoreBytes together, one alone up to a quarter of
// that. Of a file beyond, of whatever size, length and SHA-256 are all that is kept,
// and asking for its content is 404 content_not_kept. An object that is kept has a text of at most 16 MiB: with
// bytes above that a response or run is refused.
//
// # Phrases
//
// A prompt that contains one of these, in any case, gets what it asks for:
//
//	trigger the content filter    400 content_filter
//	trigger an invalid prompt     400 invalid_prompt
//	trigger a filtered answer     the answer is cut short, finish_reason content_filter
//	trigger a refusal             message.refusal in place of content
//	trigger a tool call           calls the first tool even after a tool's result
//	trigger every tool            calls all tools given, in parallel
//	trigger plain text            calls no tool
//
// Without a phrase, a request with tools is answered by a call of the first one
// (or of the one that tool_choice names) unless tool_choice is "none" or the last
// message is a tool's result.
//
// # Controls
//
// A call can ask for a fate, by header or in the body's metadata, for callers
// behind a gateway that forwards no unknown headers:
//
//	X-Sim-Die-After: 5
//	{"metadata":{"sim":"die_after=5,chunk_delay=20ms"}}
//
//	status=503            answer this status, 400 to 599, with the service's body for it
//	retry_after=7         with it: Retry-After in seconds, as given
//	retry_after_ms=1500   with it: retry-after-ms
//	retry_after_date=30   with it: Retry-After as the HTTP date that many seconds ahead
//	delay=200ms           wait before the first byte
//	chunk_delay=20ms      wait before each further event; a plain answer takes as
//	                      long as its stream would
//	tokens=64             the answer's length in tokens, up to 1,000,000; exactly, where
//	                      max_tokens and stop sequences allow
//	chunks=100            content events of each choice, in place of one for each token
//	bytes=1048576         an answer text of so many bytes, whatever max_tokens says;
//	                      streamed in events of about 4 KiB
//	die_after=5           cut the connection after so many events, or bytes of a plain body
//	cut=close             how die_after cuts: reset (TCP RST, default) or close
//	hang=5                fall silent after so many events (or bytes) until the caller goes
//	truncate=100          a plain body with its whole Content-Length ends after so many bytes
//	malformed=5           the event after so many is broken: half a JSON object, then a
//	                      line that is no field
//	no_done=1             the stream ends without data: [DONE], or without what
//	                      stands for it: response.completed, event: done
//	keepalive=3           an SSE comment before every third event
//	gzip=1                the body is compressed, asked for or not
//	async_filter=1        annotations come in events of their own, as with Azure's
//	                      asynchronous filter
//
// A control that does not exist, or with a value it cannot take, is answered by
// 400 with code SimulatorControl. [Options].Faults draws the same controls by
// rate; what a call asks for itself comes first.
//
// # Rate limits
//
// A deployment with N tokens a minute admits N tokens in any 60 seconds and
// ceil(N/1000) requests in any 10 seconds; a call counts at arrival with its
// prompt and, for every choice, max_tokens (16 when not given), and is never
// corrected later. Refusals are 429 with Retry-After and retry-after-ms.
//
// # What it saw
//
//	GET  /sim/counts   calls and tokens by deployment and operation, see [Count]
//	GET  /sim/calls    each call and what became of it, see [Call]; ?after=SEQ
//	GET  /sim/files    length and SHA-256 of each file, upload part and container
//	                   file, kept or not, see [File]
//	POST /sim/reset    forget calls and counts, the rate windows, keys and objects
//
// These ask for no key. A call is counted before the last byte of its answer
// leaves, so that whoever has read an answer whole finds it counted.
//
// What always holds: delays are zero unless asked for; no key is kept after its
// call, and of prompts and answers only those that are stateful objects, until they
// are deleted or /sim/reset; memory does not grow with the length of an answer or a
// file beyond what is kept of objects nor, beyond [Options].KeepCalls, with the
// number of calls that make none.
package sim
