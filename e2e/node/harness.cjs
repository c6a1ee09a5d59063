// What the script of resources is built on: the three clients of openai-node, a
// note of every call that they make, and cases.
//
// Env: WEIR_URL (the gateway, no path), WEIR_KEYS (the keys of the subscriptions, by
// comma), NODE_PATH (where the SDK is).
"use strict";

const assert = require("node:assert/strict");
const net = require("node:net");
const OpenAI = require("openai");
const { AzureOpenAI } = OpenAI;

const url = process.env.WEIR_URL;
const keys = process.env.WEIR_KEYS.split(",");
const apiVersion = "2025-04-01-preview";

// log is what was called since the last case ended.
const log = [];

// The fetch of a team's clients, which notes what it calls.
function noted(team) {
  return async (target, init) => {
    const { body, headers } = await whole(target, init);
    const began = performance.now();
    const response = await fetch(target, { ...init, headers, body });
    const call = {
      id: response.headers.get("apim-request-id"),
      team,
      status: response.status,
      sent: body?.length ?? 0,
      received: 0,
      ms: performance.now() - began,
    };
    log.push(call);
    if (!response.body) return response;
    const count = new TransformStream({
      transform(chunk, out) {
        call.received += chunk.length;
        call.ms = performance.now() - began;
        out.enqueue(chunk);
      },
    });
    const { status, statusText } = response;
    return new Response(response.body.pipeThrough(count), { status, statusText, headers: response.headers });
  };
}

// The body of a request as bytes, with the headers that belong to it.
async function whole(target, init) {
  if (init.body === undefined || init.body === null) return { headers: init.headers };
  const request = new Request(target, { ...init, duplex: "half" });
  return { headers: request.headers, body: Buffer.from(await request.arrayBuffer()) };
}

// The three clients, with the keys of these teams.
function clients(teams) {
  const [a, b, c] = teams.map((team) => ({ apiKey: keys[team], fetch: noted(team), maxRetries: 0, timeout: 30_000 }));
  return {
    openai: new OpenAI({ baseURL: `${url}/v1`, ...a }),
    "azure-v1": new OpenAI({ baseURL: `${url}/openai/v1/`, ...b }),
    azure: new AzureOpenAI({ endpoint: url, apiVersion, ...c }),
  };
}

// One case of one client: its id travels with each of its calls.
class Case {
  constructor(client, name, team) {
    this.client = client;
    this.name = name;
    this.team = team;
    this.id = `node/${client}/${name}`;
    this.facts = [];
  }
  // What goes with the calls of a team.
  headers(team) {
    return { "x-ms-client-request-id": this.id, "x-team": "nodes", "x-forwarded-for": `203.0.113.${team + 1}` };
  }
  text(words) {
    return `${words} (${this.id})`;
  }
  // Notes what a call sent and was answered.
  saw(operation, { nth, usage, ...facts } = {}) {
    const fact = { operation, nth: nth ?? this.facts.filter((f) => f.operation === operation).length, ...facts };
    if (usage) {
      const prompt = usage.input_tokens ?? usage.prompt_tokens;
      const completion = usage.output_tokens ?? usage.completion_tokens ?? 0;
      assert.equal(usage.total_tokens, prompt + completion);
      assert.ok(usage.total_tokens > 0, "no usage");
      fact.usage = { prompt, completion, total: usage.total_tokens };
    }
    this.facts.push(fact);
  }
}

// A realtime connection that counts what passes. The SDK insists on wss, and the
// gateway under test has no certificate, so that the socket is a plain one.
async function connect(Socket, c, k, model) {
  const { hostname: host, port } = new URL(url);
  const options = { headers: k.headers(k.team), createConnection: () => net.connect({ host, port: Number(port) }) };
  const azure = c instanceof AzureOpenAI;
  const rt = azure ? await Socket.azure(c, { deploymentName: model, options }) : new Socket({ model, options }, c);
  const call = { team: k.team, status: 101, sent: 0, received: 0, ms: 0 };
  // The stable API's connections of Azure are those of /openai/v1.
  if (rt.url.pathname.startsWith("/openai/v1/")) call.surface = "azure-v1";
  log.push(call);
  rt.socket.on("upgrade", (response) => (call.id = response.headers["apim-request-id"]));
  rt.socket.on("message", (data) => (call.received += data.length));
  // The close, which the server answers with the same one, has a code of two bytes.
  rt.socket.on("close", (code, reason) => (call.received += 2 + reason.length));
  const close = rt.socket.close.bind(rt.socket);
  let closed = false; // ws calls it again when the other side's close has come
  rt.socket.close = (code, reason = "") => {
    if (!closed) call.sent += (code === undefined ? 0 : 2) + Buffer.byteLength(reason);
    closed = true;
    close(code, reason);
  };
  const send = rt.socket.send.bind(rt.socket);
  rt.socket.send = (data, ...more) => {
    call.sent += Buffer.byteLength(data);
    return send(data, ...more);
  };
  await new Promise((done, failed) => {
    rt.socket.once("open", done);
    rt.socket.once("error", failed);
  });
  return rt;
}

// Runs one case, and gives its line.
async function run(own, theirs, team, client, name, todo, skipped = "") {
  const k = new Case(client, name, team);
  k.colleague = theirs.withOptions({ defaultHeaders: k.headers((team + 1) % keys.length) });
  let ok = true;
  let detail = "";
  try {
    if (!skipped) await todo(own.withOptions({ defaultHeaders: k.headers(team) }), k);
  } catch (e) {
    ok = false;
    detail = String(e.stack).split("\n").slice(0, 12).join("\n");
  }
  return { client, case: name, ok, detail, id: k.id, skipped, calls: log.splice(0), facts: k.facts };
}

module.exports = { clients, connect, run };
