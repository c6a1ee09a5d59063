// Calls every resource of openai-node through the gateway as its users do, and
// prints one JSON line a case, as python/resources.py does, whose calls these are:
// {client, case, ok, detail, id, skipped, calls, facts}.
//
// Env: WEIR_URL (the gateway, no path), WEIR_KEYS (the keys of four subscriptions, by
// comma), NODE_PATH (where the SDK is).
"use strict";

const assert = require("node:assert/strict");
const OpenAI = require("openai");
const { OpenAIRealtimeWS } = require("openai/realtime/ws");
const { OpenAIRealtimeWS: BetaRealtimeWS } = require("openai/beta/realtime/ws");
const { clients, connect, run } = require("./harness.cjs");
const { toFile } = OpenAI;

const training = `${JSON.stringify({
  messages: [
    { role: "user", content: "What is a weir?" },
    { role: "assistant", content: "A low dam." },
  ],
})}\n`.repeat(10);

const poll = { pollIntervalMs: 10 };

const weather = {
  type: "function",
  function: {
    name: "get_weather",
    description: "The weather in a city",
    parameters: { type: "object", properties: { city: { type: "string" } }, required: ["city"] },
  },
};

// A file of that name, as the SDK takes it.
const named = (name, text, type) => toFile(Buffer.from(text), name, type && { type });

// A sound: a header as RIFF has it, and silence.
function wav(seconds) {
  const size = seconds * 32000;
  const head = Buffer.alloc(44);
  head.write("RIFF", 0);
  head.writeUInt32LE(36 + size, 4);
  head.write("WAVEfmt ", 8);
  head.writeUInt32LE(16, 16);
  head.writeUInt16LE(1, 20);
  head.writeUInt16LE(1, 22);
  head.writeUInt32LE(16000, 24);
  head.writeUInt32LE(32000, 28);
  head.writeUInt16LE(2, 32);
  head.writeUInt16LE(16, 34);
  head.write("data", 36);
  head.writeUInt32LE(size, 40);
  return Buffer.concat([head, Buffer.alloc(size)]);
}

// The smallest picture that is one.
const png = Buffer.from(
  "89504e470d0a1a0a0000000d49484452000000010000000108060000001f15c4890000000d49444154789c6360f8cf" +
    "c000000301010018dd8db00000000049454e44ae426082",
  "hex",
);

// Sees that an object is not there any more.
async function gone(call) {
  const e = await call().then(
    () => assert.fail("it is still there"),
    (e) => e,
  );
  assert.ok(e instanceof OpenAI.NotFoundError, String(e));
  assert.ok(e.headers.get("apim-request-id"), "no apim-request-id");
}

// All objects of a list, its pages read one after the other.
async function every(list) {
  const all = [];
  for await (const x of list) all.push(x);
  return all;
}

const ids = async (list) => (await every(list)).map((x) => x.id);
const same = (a, b) => assert.deepEqual([...a].sort(), [...b].sort());
const user = (content) => ({ role: "user", content });

// Says words and reads the answer.
async function talk(rt, words) {
  const item = { type: "message", role: "user", content: [{ type: "input_text", text: words }] };
  let text = "";
  const answer = new Promise((done, failed) => {
    const hear = (event) => {
      if (event.type === "response.text.delta" || event.type === "response.output_text.delta") text += event.delta;
      if (event.type === "error") failed(new Error(JSON.stringify(event)));
      if (event.type === "response.done") {
        rt.off("event", hear);
        done({ text, usage: event.response.usage, status: event.response.status });
      }
    };
    rt.on("event", hear);
    rt.on("error", failed);
  });
  rt.send({ type: "conversation.item.create", item });
  rt.send({ type: "response.create" });
  const said = await answer;
  assert.equal(said.status, "completed");
  return said;
}

async function hangUp(rt) {
  const closed = new Promise((done) => rt.socket.once("close", done));
  rt.close();
  await closed;
}

const cases = {
  async files(c, k) {
    const note = k.text("a note");
    const mine = [];
    for (let i = 0; i < 2; i++) mine.push(await c.files.create({ file: await named(`${i}.txt`, note), purpose: "vision" }));
    const other = await k.colleague.files.create({ file: await named("other.txt", "theirs"), purpose: "vision" });
    assert.equal(mine[0].object, "file");
    assert.equal(mine[0].bytes, note.length);
    const done = await c.files.waitForProcessing(mine[0].id, { pollInterval: 10 });
    assert.equal(done.status, "processed");
    // Both backends' files, on pages of two.
    same(await ids(c.files.list({ purpose: "vision", limit: 2, order: "asc" })), [mine[0].id, mine[1].id, other.id]);
    assert.equal(await (await c.files.content(other.id)).text(), "theirs");
    for (const f of [...mine, other]) assert.ok((await c.files.delete(f.id)).deleted);
    await gone(() => c.files.retrieve(other.id));
  },

  async uploads(c) {
    const about = { filename: "big.txt", mime_type: "text/plain", purpose: "assistants" };
    const made = async (one, two) => {
      const up = await c.uploads.create({ bytes: one.length + two.length, ...about });
      assert.equal(up.status, "pending");
      const a = await c.uploads.parts.create(up.id, { data: await named("a", one) });
      const b = await c.uploads.parts.create(up.id, { data: await named("b", two) });
      const whole = await c.uploads.complete(up.id, { part_ids: [a.id, b.id] });
      assert.equal(whole.status, "completed");
      return whole.file.id;
    };
    assert.equal(await (await c.files.content(await made("part", "next"))).text(), "partnext");
    const up = await c.uploads.create({ bytes: 8, ...about });
    assert.equal((await c.uploads.cancel(up.id)).status, "cancelled");
    assert.ok((await c.files.delete(await made("in two c", "hunks"))).deleted);
  },

  async fine_tuning(c, k) {
    const jobs = c.fineTuning.jobs;
    const train = await c.files.create({ file: await named("train.jsonl", training), purpose: "fine-tune" });
    let job = await jobs.create({ model: "gpt-4o", training_file: train.id, suffix: "weir", seed: 7 });
    k.saw("finetuning_create", { parameters: { suffix: "weir", seed: 7 }, resource: job.id });
    const other = await jobs.create({ model: "gpt-4o", training_file: train.id });
    for (let i = 0; i < 3; i++) job = await jobs.retrieve(job.id);
    assert.equal(job.status, "succeeded");
    assert.ok(job.fine_tuned_model && job.trained_tokens > 0);
    assert.ok((await ids(jobs.list({ limit: 100 }))).includes(other.id));
    const events = await every(jobs.listEvents(job.id, { limit: 3 }));
    assert.ok(events.some((e) => e.message.includes(job.fine_tuned_model)));
    const points = await every(jobs.checkpoints.list(job.id));
    assert.deepEqual(
      points.map((p) => p.step_number),
      [90, 60, 30],
    );
    assert.equal((await jobs.cancel(other.id)).status, "cancelled");
    assert.match(await (await c.files.content(job.result_files[0])).text(), /step,train_loss/);
    for (const f of [train.id, ...job.result_files]) assert.ok((await c.files.delete(f)).deleted);
  },

  async fine_tuning_pause(c) {
    const train = await c.files.create({ file: await named("train.jsonl", training), purpose: "fine-tune" });
    const job = await c.fineTuning.jobs.create({ model: "gpt-4o", training_file: train.id });
    assert.equal((await c.fineTuning.jobs.pause(job.id)).status, "paused");
    assert.equal((await c.fineTuning.jobs.resume(job.id)).status, "queued");
    assert.equal((await c.fineTuning.jobs.cancel(job.id)).status, "cancelled");
    await c.files.delete(train.id);
  },

  async graders(c) {
    const grader = { type: "string_check", name: "same", input: "{{sample.output_text}}", reference: "weir", operation: "eq" };
    assert.equal((await c.fineTuning.alpha.graders.validate({ grader })).grader.name, "same");
    const { reward } = await c.fineTuning.alpha.graders.run({ grader, model_sample: "weir" });
    assert.ok(reward >= 0 && reward <= 1);
  },

  async batches(c, k) {
    const lines = [0, 1, 2].map((i) =>
      JSON.stringify({
        custom_id: `line-${i}`,
        method: "POST",
        url: "/v1/chat/completions",
        body: { model: "gpt-4o", messages: [user(k.text(`line ${i}`))] },
      }),
    );
    const source = await c.files.create({ file: await named("lines.jsonl", lines.join("\n")), purpose: "batch" });
    const about = { input_file_id: source.id, endpoint: "/v1/chat/completions", completion_window: "24h" };
    let batch = await c.batches.create({ ...about, metadata: { case: k.id } });
    assert.equal(batch.status, "validating");
    const other = await c.batches.create(about);
    for (let i = 0; i < 3; i++) batch = await c.batches.retrieve(batch.id);
    assert.equal(batch.status, "completed");
    assert.equal(batch.request_counts.completed, 3);
    const out = (await (await c.files.content(batch.output_file_id)).text()).trim().split("\n").map(JSON.parse);
    same(
      out.map((o) => o.custom_id),
      ["line-0", "line-1", "line-2"],
    );
    const listed = await ids(c.batches.list({ limit: 100 }));
    assert.ok(listed.includes(batch.id) && listed.includes(other.id));
    assert.equal((await c.batches.cancel(other.id)).status, "cancelling");
    assert.equal((await c.batches.retrieve(other.id)).status, "cancelled");
    for (const f of [source.id, batch.output_file_id]) assert.ok((await c.files.delete(f)).deleted);
  },

  async assistants(c, k) {
    const all = c.beta.assistants;
    const instructions = k.text("Be brief.");
    const mine = await all.create({ model: "gpt-4o", name: "Ann", instructions, temperature: 0.5 });
    k.saw("create_assistant", { prompt: instructions, parameters: { temperature: 0.5 }, resource: mine.id });
    const other = await k.colleague.beta.assistants.create({ model: "gpt-4o-mini", name: "Otto" });
    assert.equal((await all.update(mine.id, { name: "Anna" })).name, "Anna");
    assert.equal((await all.retrieve(other.id)).model, "gpt-4o-mini");
    same(await ids(all.list({ limit: 1, order: "desc" })), [mine.id, other.id]);
    for (const a of [mine, other]) assert.ok((await all.delete(a.id)).deleted);
    await gone(() => all.retrieve(mine.id));
  },

  async threads(c, k) {
    const { threads } = c.beta;
    const t = await threads.create({ messages: [user(k.text("first"))], metadata: { case: k.id } });
    k.saw("create_thread", { prompt: k.text("first"), resource: t.id });
    assert.deepEqual((await threads.update(t.id, { metadata: { case: "other" } })).metadata, { case: "other" });
    assert.deepEqual((await threads.retrieve(t.id)).metadata, { case: "other" });
    const m = await threads.messages.create(t.id, user(k.text("second")));
    k.saw("create_message", { prompt: k.text("second") });
    const of = { thread_id: t.id };
    assert.deepEqual((await threads.messages.update(m.id, { ...of, metadata: { n: "2" } })).metadata, { n: "2" });
    assert.equal((await threads.messages.retrieve(m.id, of)).content[0].text.value, k.text("second"));
    const texts = (await every(threads.messages.list(t.id, { limit: 1, order: "asc" }))).map((x) => x.content[0].text.value);
    assert.deepEqual(texts, [k.text("first"), k.text("second")]);
    assert.ok((await threads.messages.delete(m.id, of)).deleted);
    assert.ok((await threads.delete(t.id)).deleted);
    await gone(() => threads.messages.list(t.id));
  },

  async runs(c, k) {
    const { assistants, threads } = c.beta;
    const a = await assistants.create({ model: "gpt-4o", instructions: "Be brief." });
    k.saw("create_assistant", { prompt: "Be brief." });
    const t = await threads.create();
    const of = { thread_id: t.id };
    await threads.messages.create(t.id, user(k.text("Tell me of rivers")));
    k.saw("create_message", { prompt: k.text("Tell me of rivers") });
    const body = { assistant_id: a.id, instructions: k.text("Be kind"), temperature: 0.25 };
    let run = await threads.runs.createAndPoll(t.id, body, poll);
    assert.equal(run.status, "completed");
    assert.ok(run.usage.total_tokens > 0);
    k.saw("create_run", { prompt: k.text("Be kind"), parameters: { temperature: 0.25 } });
    assert.deepEqual((await threads.runs.update(run.id, { ...of, metadata: { a: "b" } })).metadata, { a: "b" });
    assert.deepEqual(await ids(threads.runs.list(t.id)), [run.id]);
    const steps = await every(threads.runs.steps.list(run.id, of));
    assert.deepEqual(
      steps.map((s) => s.type),
      ["message_creation"],
    );
    assert.equal((await threads.runs.steps.retrieve(steps[0].id, { ...of, run_id: run.id })).status, "completed");
    const said = (await threads.messages.list(t.id, { run_id: run.id })).data;
    assert.equal(said.length, 1);
    k.saw("list_messages", { completion: said[0].content[0].text.value });
    run = await threads.runs.create(t.id, { assistant_id: a.id });
    assert.equal((await threads.runs.cancel(run.id, of)).status, "cancelling");
    assert.equal((await threads.runs.poll(run.id, of, poll)).status, "cancelled");
    await threads.delete(t.id);
    await assistants.delete(a.id);
  },

  async runs_stream(c, k) {
    const { assistants, threads } = c.beta;
    const a = await assistants.create({ model: "gpt-4o" });
    const t = await threads.create({ messages: [user(k.text("Stream to me"))] });
    k.saw("create_thread", { prompt: k.text("Stream to me") });
    const { text, run } = await heard(threads.runs.stream(t.id, { assistant_id: a.id }));
    assert.equal(run.status, "completed");
    k.saw("create_run", { usage: run.usage, completion: text });
    const kinds = [];
    let last;
    const about = { assistant_id: a.id, stream: true, max_completion_tokens: 9 };
    for await (const event of await threads.runs.create(t.id, about)) {
      kinds.push(event.event);
      if (event.event === "thread.run.incomplete") last = event.data;
    }
    assert.equal(kinds[0], "thread.run.created");
    assert.equal(last.usage.completion_tokens, 9);
    k.saw("create_run", { usage: last.usage, parameters: { max_completion_tokens: 9 } });
    await threads.delete(t.id);
    await assistants.delete(a.id);
  },

  async runs_tools(c, k) {
    const { assistants, threads } = c.beta;
    const a = await assistants.create({ model: "gpt-4o", tools: [weather] });
    const t = await threads.create({ messages: [user(k.text("Will it rain?"))] });
    k.saw("create_thread", { prompt: k.text("Will it rain?") });
    const outputs = (run, output) => ({
      thread_id: t.id,
      tool_outputs: run.required_action.submit_tool_outputs.tool_calls.map((x) => ({ tool_call_id: x.id, output })),
    });
    let run = await threads.runs.createAndPoll(t.id, { assistant_id: a.id }, poll);
    assert.equal(run.status, "requires_action");
    run = await threads.runs.submitToolOutputsAndPoll(run.id, outputs(run, k.text("rain")), poll);
    assert.equal(run.status, "completed");
    k.saw("submit_tool_outputs_to_run", { prompt: k.text("rain") });
    const stream = threads.runs.stream(t.id, { assistant_id: a.id });
    await stream.done();
    run = stream.currentRun();
    // What it cost to ask for the tool is told with the end of the run.
    assert.equal(run.status, "requires_action");
    assert.equal(run.usage, null);
    k.saw("create_run", { nth: 1 });
    const said = await heard(threads.runs.submitToolOutputsStream(run.id, outputs(run, "sun")));
    assert.equal(said.run.status, "completed");
    k.saw("submit_tool_outputs_to_run", { usage: said.run.usage, completion: said.text, prompt: "sun" });
    await threads.delete(t.id);
    await assistants.delete(a.id);
  },

  async thread_and_run(c, k) {
    const { assistants, threads } = c.beta;
    const a = await assistants.create({ model: "gpt-4o" });
    const about = { assistant_id: a.id, thread: { messages: [user(k.text("Hello"))] } };
    const run = await threads.createAndRunPoll({ ...about, top_p: 0.5 }, poll);
    assert.equal(run.status, "completed");
    k.saw("create_thread_and_run", { prompt: k.text("Hello"), parameters: { top_p: 0.5 } });
    const said = await heard(threads.createAndRunStream(about));
    k.saw("create_thread_and_run", { prompt: k.text("Hello"), completion: said.text, usage: said.run.usage });
    for (const r of [run, said.run]) assert.ok((await threads.delete(r.thread_id)).deleted);
    await assistants.delete(a.id);
  },

  async vector_stores(c, k) {
    const all = c.vectorStores;
    const file = async (name, text) => c.files.create({ file: await named(name, text), purpose: "assistants" });
    const sea = await file("sea.txt", "The lighthouse keeper counts lanterns by the sea.");
    const land = await file("land.txt", "In the orchard the bees count apples.");
    const vs = await all.create({ name: "shelf", file_ids: [sea.id] });
    const other = await k.colleague.vectorStores.create({ name: "theirs" });
    const of = { vector_store_id: vs.id };
    assert.deepEqual((await all.update(vs.id, { metadata: { a: "b" } })).metadata, { a: "b" });
    assert.equal((await all.retrieve(vs.id)).file_counts.completed, 1);
    same(await ids(all.list({ limit: 1, order: "asc" })), [vs.id, other.id]);
    let f = await all.files.createAndPoll(vs.id, { file_id: land.id, attributes: { year: 2026 } }, poll);
    assert.equal(f.status, "completed");
    f = await all.files.update(land.id, { ...of, attributes: { year: 2027 } });
    assert.deepEqual(f.attributes, { year: 2027 });
    assert.deepEqual(await ids(all.files.list(vs.id, { limit: 1, order: "asc" })), [sea.id, land.id]);
    assert.match((await every(all.files.content(land.id, of)))[0].text, /bees/);
    const hits = await every(all.search(vs.id, { query: "bees in the orchard", max_num_results: 1 }));
    assert.equal(hits[0].file_id, land.id);
    k.saw("search_vector_store", { prompt: "bees in the orchard", parameters: { max_num_results: 1 } });
    assert.ok((await all.files.delete(land.id, of)).deleted);
    f = await all.files.uploadAndPoll(vs.id, await named("sky.txt", "Clouds."), poll);
    for (const store of [vs, other]) assert.ok((await all.delete(store.id)).deleted);
    for (const id of [sea.id, land.id, f.id]) assert.ok((await c.files.delete(id)).deleted);
  },

  async file_batches(c) {
    const all = c.vectorStores.fileBatches;
    const one = await c.files.create({ file: await named("one.txt", "one"), purpose: "assistants" });
    const vs = await c.vectorStores.create({ name: "batched" });
    const of = { vector_store_id: vs.id };
    let b = await all.createAndPoll(vs.id, { file_ids: [one.id] }, poll);
    assert.equal(b.file_counts.completed, 1);
    assert.deepEqual(await ids(all.listFiles(b.id, of)), [one.id]);
    b = await all.uploadAndPoll(vs.id, { files: [await named("two.txt", "two")] }, poll);
    assert.equal(b.status, "completed");
    const two = await ids(all.listFiles(b.id, of));
    b = await all.create(vs.id, { file_ids: [one.id] });
    assert.equal((await all.cancel(b.id, of)).status, "cancelled");
    assert.equal((await all.retrieve(b.id, of)).status, "cancelled");
    await c.vectorStores.delete(vs.id);
    for (const id of [one.id, ...two]) assert.ok((await c.files.delete(id)).deleted);
  },

  async responses(c, k) {
    const about = { model: "gpt-4o", input: k.text("Rivers?"), instructions: "Be brief.", temperature: 0.5 };
    const first = await c.responses.create(about);
    assert.equal(first.status, "completed");
    k.saw("create_response", {
      prompt: k.text("Rivers?"),
      completion: first.output_text,
      usage: first.usage,
      model: first.model,
      parameters: { temperature: 0.5 },
      resource: first.id,
    });
    const second = await c.responses.create({ model: "gpt-4o", input: k.text("Hills?"), previous_response_id: first.id });
    assert.equal(second.previous_response_id, first.id);
    k.saw("create_response", { prompt: k.text("Hills?"), completion: second.output_text, usage: second.usage });
    assert.equal((await c.responses.retrieve(first.id)).output_text, first.output_text);
    const items = await every(c.responses.inputItems.list(second.id, { limit: 1 }));
    assert.equal(items.at(-1).content[0].text, k.text("Hills?"));
    for (const r of [first, second]) await c.responses.delete(r.id);
    await gone(() => c.responses.retrieve(first.id));
  },

  async responses_stream(c, k) {
    let text = "";
    let last = { sequence_number: -1 };
    for await (const event of await c.responses.create({ model: "gpt-4o", input: k.text("Stream."), stream: true })) {
      assert.ok(event.sequence_number > last.sequence_number);
      if (event.type === "response.output_text.delta") text += event.delta;
      last = event;
    }
    assert.equal(last.type, "response.completed");
    const { response } = last;
    k.saw("create_response", { prompt: k.text("Stream."), completion: text, usage: response.usage, model: response.model });
    const again = { model: "gpt-4o", input: k.text("Again."), temperature: 0.1 };
    const final = await c.responses.stream(again).finalResponse();
    k.saw("create_response", {
      prompt: k.text("Again."),
      completion: final.output_text,
      usage: final.usage,
      parameters: { temperature: 0.1 },
    });
    for await (const event of await c.responses.retrieve(response.id, { stream: true, starting_after: 2 })) {
      assert.ok(event.sequence_number > 2);
      last = event;
    }
    assert.equal(last.type, "response.completed");
    for (const r of [response, final]) await c.responses.delete(r.id);
  },

  async responses_tools(c, k) {
    const tool = { type: "function", strict: false, ...weather.function };
    const first = await c.responses.create({ model: "gpt-4o", input: k.text("Will it rain?"), tools: [tool] });
    const call = first.output.find((x) => x.type === "function_call");
    assert.equal(call.name, "get_weather");
    assert.ok("city" in JSON.parse(call.arguments));
    k.saw("create_response", { prompt: k.text("Will it rain?"), usage: first.usage, tools: 1 });
    const input = [{ type: "function_call_output", call_id: call.call_id, output: k.text("rain") }];
    const second = await c.responses.create({ model: "gpt-4o", previous_response_id: first.id, input });
    k.saw("create_response", { completion: second.output_text, usage: second.usage });
    const f = await c.files.create({ file: await named("weirs.txt", "A weir is a low dam across a river."), purpose: "assistants" });
    const vs = await c.vectorStores.create({ name: "weirs", file_ids: [f.id] });
    const found = await c.responses.create({
      model: "gpt-4o",
      input: k.text("What is a weir?"),
      tools: [{ type: "file_search", vector_store_ids: [vs.id] }],
      include: ["file_search_call.results"],
    });
    assert.equal(found.status, "completed");
    k.saw("create_response", { prompt: k.text("What is a weir?"), usage: found.usage });
    await c.vectorStores.delete(vs.id);
    await c.files.delete(f.id);
    for (const r of [first, second, found]) await c.responses.delete(r.id);
  },

  async responses_background(c, k) {
    let slow = await c.responses.create({ model: "gpt-4o", input: k.text("Slowly."), background: true });
    assert.equal(slow.status, "queued");
    k.saw("create_response", { prompt: k.text("Slowly."), parameters: { background: true }, resource: slow.id });
    while (["queued", "in_progress"].includes(slow.status)) slow = await c.responses.retrieve(slow.id);
    assert.equal(slow.status, "completed");
    k.saw("get_response", { nth: 1, completion: slow.output_text });
    const other = await c.responses.create({ model: "gpt-4o", input: "Never mind.", background: true });
    assert.equal((await c.responses.cancel(other.id)).status, "cancelled");
    for (const r of [slow, other]) await c.responses.delete(r.id);
  },

  async responses_tokens(c, k) {
    const counted = await c.responses.inputTokens.count({ model: "gpt-4o", input: k.text("How long is this?") });
    assert.ok(counted.input_tokens > 0);
    const short = await c.responses.compact({ model: "gpt-4o", input: k.text("Make this short.") });
    assert.equal(short.output.at(-1).type, "compaction");
    k.saw("compact_conversation", { prompt: k.text("Make this short."), usage: short.usage });
  },

  async conversations(c, k) {
    const said = (words) => ({ type: "message", role: "user", content: k.text(words) });
    const talk = await c.conversations.create({ items: [said("Remember the harbour.")], metadata: { a: "b" } });
    k.saw("create_conversation", { prompt: k.text("Remember the harbour."), resource: talk.id });
    assert.deepEqual((await c.conversations.update(talk.id, { metadata: { a: "c" } })).metadata, { a: "c" });
    assert.deepEqual((await c.conversations.retrieve(talk.id)).metadata, { a: "c" });
    const item = (await c.conversations.items.create(talk.id, { items: [said("And the mill.")] })).data[0];
    k.saw("create_conversation_items", { prompt: k.text("And the mill.") });
    const answer = await c.responses.create({ model: "gpt-4o", conversation: talk.id, input: k.text("What did I say?") });
    assert.equal(answer.conversation.id, talk.id);
    k.saw("create_response", { prompt: k.text("What did I say?"), completion: answer.output_text, usage: answer.usage });
    const of = { conversation_id: talk.id };
    assert.equal((await c.conversations.items.retrieve(item.id, of)).content[0].text, k.text("And the mill."));
    const roles = (await every(c.conversations.items.list(talk.id, { limit: 3, order: "asc" }))).map((x) => x.role);
    assert.deepEqual(roles, ["user", "user", "user", "assistant"]);
    assert.equal((await c.conversations.items.delete(item.id, of)).id, talk.id);
    await c.responses.delete(answer.id);
    assert.ok((await c.conversations.delete(talk.id)).deleted);
    await gone(() => c.conversations.retrieve(talk.id));
  },

  async containers(c, k) {
    const f = await c.files.create({ file: await named("data.csv", "a,b\n1,2\n"), purpose: "assistants" });
    const box = await c.containers.create({ name: k.id, file_ids: [f.id] });
    const other = await k.colleague.containers.create({ name: "theirs" });
    assert.equal((await c.containers.retrieve(other.id)).name, "theirs");
    same(await ids(c.containers.list({ limit: 1, order: "asc" })), [box.id, other.id]);
    const note = await c.containers.files.create(box.id, { file: await named("note.txt", k.text("a note")) });
    const copy = await c.containers.files.create(box.id, { file_id: f.id });
    const of = { container_id: box.id };
    assert.match((await c.containers.files.retrieve(note.id, of)).path, /note\.txt$/);
    assert.equal(await (await c.containers.files.content.retrieve(note.id, of)).text(), k.text("a note"));
    const inside = await ids(c.containers.files.list(box.id, { limit: 2, order: "asc" }));
    assert.deepEqual(inside.slice(1), [note.id, copy.id]);
    await c.containers.files.delete(copy.id, of);
    for (const b of [box, other]) await c.containers.delete(b.id);
    assert.ok((await c.files.delete(f.id)).deleted);
  },

  async evals(c, k) {
    const schema = { type: "object", properties: { q: { type: "string" } } };
    const check = { type: "string_check", name: "same", input: "{{item.q}}", reference: "a", operation: "eq" };
    const e = await c.evals.create({
      name: "rain",
      data_source_config: { type: "custom", item_schema: schema },
      testing_criteria: [check],
    });
    assert.equal((await c.evals.update(e.id, { name: "snow" })).name, "snow");
    assert.equal((await c.evals.retrieve(e.id)).name, "snow");
    assert.ok((await ids(c.evals.list({ limit: 100 }))).includes(e.id));
    const content = [{ item: { q: "a" } }, { item: { q: "b" } }];
    const source = { type: "completions", model: "gpt-4o", source: { type: "file_content", content } };
    const of = { eval_id: e.id };
    let run = await c.evals.runs.create(e.id, { name: k.id, data_source: source });
    while (["queued", "in_progress"].includes(run.status)) run = await c.evals.runs.retrieve(run.id, of);
    assert.equal(run.status, "completed");
    assert.equal(run.result_counts.total, 2);
    const items = await ids(c.evals.runs.outputItems.list(run.id, { ...of, limit: 1 }));
    assert.equal(items.length, 2);
    assert.equal((await c.evals.runs.outputItems.retrieve(items[0], { ...of, run_id: run.id })).id, items[0]);
    const other = await c.evals.runs.create(e.id, { data_source: source });
    assert.equal((await c.evals.runs.cancel(other.id, of)).status, "canceled");
    same(await ids(c.evals.runs.list(e.id)), [run.id, other.id]);
    assert.ok((await c.evals.runs.delete(other.id, of)).deleted);
    assert.ok((await c.evals.delete(e.id)).deleted);
  },

  async moderations(c, k) {
    const answer = await c.moderations.create({ model: "omni-moderation-latest", input: k.text("Is this harmless?") });
    assert.equal(answer.results[0].flagged, false);
    k.saw("create_moderation", { prompt: k.text("Is this harmless?"), model: answer.model });
  },

  async stored_chats(c, k) {
    const all = c.chat.completions;
    const about = { model: "gpt-4o", store: true, metadata: { case: k.id } };
    const kept = [];
    for (let i = 0; i < 3; i++) {
      const x = await all.create({ messages: [user(k.text(`Keep ${i}`))], ...about });
      const completion = x.choices[0].message.content;
      k.saw("chatcompletions_create", { prompt: k.text(`Keep ${i}`), completion, usage: x.usage, parameters: about });
      kept.push(x);
    }
    same(
      await ids(all.list({ metadata: { case: k.id }, limit: 2 })),
      kept.map((x) => x.id),
    );
    assert.equal((await all.retrieve(kept[0].id)).choices[0].message.content, kept[0].choices[0].message.content);
    assert.deepEqual((await all.update(kept[0].id, { metadata: { n: "0" } })).metadata, { n: "0" });
    assert.equal((await every(all.messages.list(kept[1].id)))[0].content, k.text("Keep 1"));
    for (const x of kept) assert.ok((await all.delete(x.id)).deleted);
    await gone(() => all.retrieve(kept[2].id));
  },

  async chats(c, k) {
    const sent = { model: "gpt-4o-mini", temperature: 0.3, max_tokens: 20, seed: 11, user: k.id };
    const messages = [user(k.text("Good morning"))];
    const saw = (answer, parameters) =>
      k.saw("chatcompletions_create", {
        prompt: k.text("Good morning"),
        completion: answer.choices[0].message.content,
        usage: answer.usage,
        model: answer.model,
        parameters,
      });
    saw(await c.chat.completions.create({ messages, ...sent }), sent);
    const options = { model: "gpt-4o-mini", stream_options: { include_usage: true } };
    const stream = c.chat.completions.stream({ messages, ...options });
    saw(await stream.finalChatCompletion(), { ...options, stream: true });
    const text = await c.completions.create({ model: "gpt-35-turbo", prompt: k.text("Once"), max_tokens: 9 });
    const completion = text.choices[0].text;
    k.saw("completions_create", { prompt: k.text("Once"), completion, usage: text.usage, parameters: { max_tokens: 9 } });
  },

  async embeddings(c, k) {
    for (const input of [k.text("a gull"), ["a weir", k.text("a mill")]]) {
      const answer = await c.embeddings.create({ model: "text-embedding-3-small", input, dimensions: 256 });
      assert.equal(answer.data[0].embedding.length, 256);
      const { usage, model } = answer;
      k.saw("embeddings_create", { usage, model, texts: [input].flat(), parameters: { dimensions: 256 } });
    }
  },

  async images(c, k) {
    const link = { size: "1792x1024", style: "natural" };
    const one = await c.images.generate({ model: "dall-e-3", prompt: k.text("a weir at dawn"), ...link });
    assert.match(one.data[0].url, /^http/);
    const dalle = { deployment: "dall-e-3", parameters: link };
    k.saw("imagegenerations_create", { prompt: k.text("a weir at dawn"), images: 1, ...dalle });
    const low = { model: "gpt-image-1", quality: "low" };
    const about = { deployment: "gpt-image-1", parameters: { quality: "low" } };
    const two = await c.images.generate({ prompt: k.text("a mill"), n: 2, ...low });
    assert.equal(two.data.length, 2);
    k.saw("imagegenerations_create", { prompt: k.text("a mill"), images: 2, usage: two.usage, ...about });
    let last;
    const parts = { prompt: k.text("a gull"), stream: true, partial_images: 1, ...low };
    for await (const event of await c.images.generate(parts)) last = event;
    assert.equal(last.type, "image_generation.completed");
    k.saw("imagegenerations_create", { prompt: k.text("a gull"), images: 1, usage: last.usage, ...about });
    const image = await named("a.png", png, "image/png");
    const edited = await c.images.edit({ image, prompt: k.text("add a boat"), ...low });
    k.saw("imageedits_create", { prompt: k.text("add a boat"), images: 1, usage: edited.usage, ...about });
  },

  async image_variations(c, k) {
    const image = await named("a.png", png, "image/png");
    const answer = await c.images.createVariation({ model: "dall-e-2", image, n: 2, size: "256x256" });
    assert.equal(answer.data.length, 2);
    k.saw("create_image_variation", { deployment: "dall-e-2", images: 2, parameters: { size: "256x256" } });
  },

  async audio(c, k) {
    const sound = () => named("speech.wav", wav(2));
    const byTokens = { deployment: "gpt-4o-transcribe" };
    const byTime = { deployment: "whisper-1", seconds: 2 };
    const { transcriptions, translations, speech } = c.audio;
    const heard = await transcriptions.create({ model: "gpt-4o-transcribe", file: await sound(), prompt: k.text("weir") });
    k.saw("transcriptions_create", { prompt: k.text("weir"), completion: heard.text, usage: heard.usage, ...byTokens });
    const verbose = { language: "en", response_format: "verbose_json" };
    const told = await transcriptions.create({ model: "whisper-1", file: await sound(), ...verbose });
    assert.equal(Number(told.duration), 2);
    k.saw("transcriptions_create", { completion: told.text, parameters: verbose, ...byTime });
    let text = "";
    let last;
    for await (const event of await transcriptions.create({ model: "gpt-4o-transcribe", file: await sound(), stream: true })) {
      if (event.type === "transcript.text.delta") text += event.delta;
      last = event;
    }
    assert.equal(last.text, text);
    k.saw("transcriptions_create", { completion: text, usage: last.usage, ...byTokens });
    const english = await translations.create({ model: "whisper-1", file: await sound() });
    k.saw("translations_create", { completion: english.text, ...byTime });
    const sent = { voice: "alloy", response_format: "wav", speed: 1.5 };
    const spoken = await speech.create({ model: "tts-1", input: k.text("Good morning"), ...sent });
    assert.equal(Buffer.from(await spoken.arrayBuffer()).toString("latin1", 0, 4), "RIFF");
    k.saw("speech_create", { prompt: k.text("Good morning"), parameters: sent });
    const about = { model: "gpt-4o-mini-tts", voice: "alloy", input: k.text("In events"), stream_format: "sse" };
    assert.match(await (await speech.create(about)).text(), /speech\.audio\.done/);
    k.saw("speech_create", { prompt: k.text("In events") });
  },

  async realtime(c, k) {
    const rt = await connect(OpenAIRealtimeWS, c, k, "gpt-realtime");
    const session = { type: "realtime", output_modalities: ["text"], instructions: k.text("Be brief.") };
    rt.send({ type: "session.update", session });
    const first = await talk(rt, k.text("Good morning"));
    const then = await talk(rt, "And then?");
    await hangUp(rt);
    const usage = {};
    for (const name of ["input_tokens", "output_tokens", "total_tokens"]) usage[name] = first.usage[name] + then.usage[name];
    k.saw("realtime_connect", { prompt: k.text("Good morning"), completion: first.text, usage });
  },

  async realtime_beta(c, k) {
    const rt = await connect(BetaRealtimeWS, c, k, "gpt-4o-realtime-preview");
    rt.send({ type: "session.update", session: { modalities: ["text"] } });
    const { text, usage } = await talk(rt, k.text("Good evening"));
    await hangUp(rt);
    k.saw("realtime_connect", { prompt: k.text("Good evening"), completion: text, usage });
    const session = await c.beta.realtime.sessions.create({ model: "gpt-4o-realtime-preview", voice: "alloy" });
    assert.ok(session.client_secret.value);
    const about = { input_audio_transcription: { model: "gpt-4o-transcribe" } };
    assert.ok((await c.beta.realtime.transcriptionSessions.create(about)).client_secret.value);
  },

  async realtime_secrets(c, k) {
    const secret = await c.realtime.clientSecrets.create({ session: { type: "realtime", model: "gpt-realtime" } });
    assert.equal(secret.session.type, "realtime");
    // As a browser does: the short-lived key in place of the caller's.
    const rt = await connect(OpenAIRealtimeWS, c.withOptions({ apiKey: secret.value }), k, "gpt-realtime");
    rt.send({ type: "session.update", session: { type: "realtime", output_modalities: ["text"] } });
    const { text, usage } = await talk(rt, k.text("Good night"));
    await hangUp(rt);
    k.saw("realtime_connect", { prompt: k.text("Good night"), completion: text, usage });
  },

  async models(c) {
    const names = await ids(c.models.list());
    assert.ok(names.includes("gpt-4o") && names.includes("tts-1"), names.join());
    assert.equal((await c.models.retrieve("gpt-4o")).id, "gpt-4o");
  },
};

// Reads a stream of a run to its end.
async function heard(stream) {
  let text = "";
  stream.on("textDelta", (delta) => (text += delta.value));
  const run = await stream.finalRun();
  assert.ok(text);
  return { text, run };
}

// What the client AzureOpenAI cannot do, since the dated surface does not have it.
const notDated = (what) => `the dated surface (/openai, 2025-04-01-preview) has no ${what}`;
const skipped = {
  fine_tuning_pause: notDated("pause and resume"),
  graders: notDated("graders"),
  responses_tokens: notDated("/responses/input_tokens and /responses/compact"),
  conversations: notDated("/conversations"),
  containers: notDated("/containers"),
  moderations: notDated("/moderations"),
  image_variations: notDated("/images/variations"),
  realtime_secrets: notDated("/realtime/client_secrets"),
};

async function main() {
  const own = clients([0, 1, 2]);
  const ring = clients([1, 2, 3]);
  const only = process.argv.slice(2);
  for (const [team, client] of Object.keys(own).entries()) {
    for (const [name, todo] of Object.entries(cases)) {
      if (only.length > 0 && !only.includes(name)) continue;
      const why = client === "azure" ? skipped[name] : "";
      console.log(JSON.stringify(await run(own[client], ring[client], team, client, name, todo, why)));
    }
  }
}

main();
