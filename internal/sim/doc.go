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
// A simulator of kind "azure" answers on two, one of kind "openai" on one:
//
//	classic  /openai/deployments/{deployment}/…?api-version=2024-10-21, /openai/models
//	v1       /openai/v1/…     the deployment is the body's model
//	native   /v1/…            OpenAI's own
//
// Operations are rows of one table (operations.go). An unknown path, method or
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
//	no_done=1             the stream ends without data: [DONE]
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
//	POST /sim/reset    forget both, and the rate windows
//
// These ask for no key. A call is counted before the last byte of its answer
// leaves, so that whoever has read an answer whole finds it counted.
//
// What always holds: delays are zero unless asked for; no key, prompt or answer is
// kept after its call; memory does not grow with an answer's length nor, beyond
// [Options].KeepCalls, with the number of calls.
package sim
