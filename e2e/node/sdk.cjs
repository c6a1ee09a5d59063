// Calls the gateway with openai-node as its users do, and prints one JSON line a
// case: {client, case, ok, detail, usage, id}.
//
// Env: WEIR_URL (the gateway, no path), WEIR_KEY (a subscription's key),
// NODE_PATH (where the SDK is). The deployments that it calls are described in
// e2e/sdk_test.go.
"use strict";

const assert = require("node:assert/strict");
const OpenAI = require("openai");
const { AzureOpenAI } = OpenAI;

const { WEIR_URL: url, WEIR_KEY: key } = process.env;

const tools = [
  {
    type: "function",
    function: {
      name: "get_weather",
      description: "The weather in a city",
      parameters: { type: "object", properties: { city: { type: "string" } }, required: ["city"] },
    },
  },
];

function clients(more = {}) {
  const options = { apiKey: key, maxRetries: 0, timeout: 30_000, ...more };
  return {
    openai: new OpenAI({ baseURL: `${url}/v1`, ...options }),
    "azure-v1": new OpenAI({ baseURL: `${url}/openai/v1/`, ...options }),
    azure: new AzureOpenAI({ endpoint: url, apiVersion: "2024-10-21", ...options }),
  };
}

// One case of one client: its id travels as x-ms-client-request-id and user.
class Case {
  constructor(client, name) {
    this.client = client;
    this.name = name;
    this.id = `node/${client}/${name}`;
    this.usage = null;
  }
  body(model, text, more = {}) {
    return { model, messages: [{ role: "user", content: `${text} (${this.id})` }], user: this.id, ...more };
  }
  get head() {
    return { headers: { "x-ms-client-request-id": this.id, "x-team": "nodes" } };
  }
  saw(usage) {
    assert.ok(usage?.total_tokens > 0, "no usage");
    this.usage = { prompt: usage.prompt_tokens, completion: usage.completion_tokens ?? 0, total: usage.total_tokens };
  }
}

async function raises(kind, status, call) {
  const e = await call().then(
    () => assert.fail("no exception"),
    (e) => e,
  );
  assert.equal(e.constructor, kind, `${e.constructor.name}: ${e.message}`);
  assert.equal(e.status, status);
  assert.ok(e.headers.get("apim-request-id"), "no apim-request-id");
  return e;
}

const cases = {
  async chat(c, k) {
    const answer = await c.chat.completions.create(k.body("gpt-4o", "Good morning"), k.head);
    assert.equal(answer.object, "chat.completion");
    assert.equal(answer.choices[0].message.role, "assistant");
    assert.ok(answer.choices[0].message.content);
    assert.equal(answer.choices[0].finish_reason, "stop");
    assert.match(answer.model, /^gpt-4o/);
    k.saw(answer.usage);
  },

  async chat_tools(c, k) {
    const answer = await c.chat.completions.create(k.body("gpt-4o", "How is the weather in Oslo?", { tools }), k.head);
    const call = answer.choices[0].message.tool_calls[0];
    assert.equal(answer.choices[0].finish_reason, "tool_calls");
    assert.equal(call.function.name, "get_weather");
    assert.ok("city" in JSON.parse(call.function.arguments));
    k.saw(answer.usage);
  },

  async chat_stream(c, k) {
    let text = "";
    let chunks = 0;
    let finish;
    for await (const chunk of await c.chat.completions.create(k.body("gpt-4o", "Tell a story", { stream: true }), k.head)) {
      chunks++;
      // The usage event that the gateway asked for is not the client's.
      assert.ok(!chunk.usage, "usage that nobody asked for");
      for (const choice of chunk.choices) {
        text += choice.delta.content ?? "";
        finish = choice.finish_reason ?? finish;
      }
    }
    assert.ok(text && chunks > 2, `${chunks} chunks: ${text}`);
    assert.equal(finish, "stop");
  },

  async chat_stream_usage(c, k) {
    const body = k.body("gpt-4o", "Tell a story", { stream: true, stream_options: { include_usage: true } });
    let text = "";
    let last;
    for await (const chunk of await c.chat.completions.create(body, k.head)) {
      last = chunk;
      for (const choice of chunk.choices) text += choice.delta.content ?? "";
    }
    assert.ok(text);
    assert.deepEqual(last.choices, []);
    k.saw(last.usage);
  },

  async chat_stream_tools(c, k) {
    const body = k.body("gpt-4o", "How is the weather?", { stream: true, tools });
    let name = "";
    let args = "";
    let finish;
    for await (const chunk of await c.chat.completions.create(body, k.head)) {
      for (const choice of chunk.choices) {
        for (const call of choice.delta.tool_calls ?? []) {
          assert.equal(call.index, 0);
          name += call.function?.name ?? "";
          args += call.function?.arguments ?? "";
        }
        finish = choice.finish_reason ?? finish;
      }
    }
    assert.equal(name, "get_weather");
    assert.ok("city" in JSON.parse(args), args);
    assert.equal(finish, "tool_calls");
  },

  async chat_stream_choices(c, k) {
    const texts = {};
    for await (const chunk of await c.chat.completions.create(k.body("gpt-4o", "Name a colour", { stream: true, n: 3 }), k.head)) {
      for (const choice of chunk.choices) texts[choice.index] = (texts[choice.index] ?? "") + (choice.delta.content ?? "");
    }
    assert.deepEqual(Object.keys(texts).sort(), ["0", "1", "2"]);
    assert.ok(Object.values(texts).every(Boolean), JSON.stringify(texts));
  },

  async completion(c, k) {
    const answer = await c.completions.create({ model: "gpt-35-turbo", prompt: `Once upon a time ${k.id}`, user: k.id }, k.head);
    assert.equal(answer.object, "text_completion");
    assert.ok(answer.choices[0].text);
    k.saw(answer.usage);
  },

  async completion_stream(c, k) {
    const body = { model: "gpt-35-turbo", prompt: `Once upon a time ${k.id}`, user: k.id, stream: true };
    let text = "";
    for await (const chunk of await c.completions.create(body, k.head)) {
      for (const choice of chunk.choices) text += choice.text;
    }
    assert.ok(text);
  },

  async embedding(c, k) {
    const body = { model: "text-embedding-3-small", input: ["a gull", `a weir ${k.id}`], user: k.id };
    const answer = await c.embeddings.create(body, k.head);
    assert.equal(answer.data.length, 2);
    assert.equal(answer.data[0].embedding.length, 1536);
    assert.equal(typeof answer.data[0].embedding[0], "number");
    k.saw(answer.usage);
  },

  async models_list(c, k) {
    const names = [];
    for await (const model of c.models.list(k.head)) names.push(model.id);
    assert.ok(names.includes("gpt-4o") && names.includes("text-embedding-3-small"), names.join());
  },

  async models_get(c, k) {
    const model = await c.models.retrieve("gpt-4o", k.head);
    assert.equal(model.id, "gpt-4o");
    assert.equal(model.object, "model");
  },

  async error_401(c, k) {
    const wrong = clients({ apiKey: "not-a-key" })[k.client];
    const e = await raises(OpenAI.AuthenticationError, 401, () => wrong.chat.completions.create(k.body("gpt-4o", "Hello"), k.head));
    assert.match(e.message, /subscription key/);
  },

  async error_404(c, k) {
    const body = k.body("no-such-deployment", "Hello");
    const e = await raises(OpenAI.NotFoundError, 404, () => c.chat.completions.create(body, k.head));
    assert.equal(e.code, "DeploymentNotFound");
  },

  async error_429(c, k) {
    const body = k.body("limited", "always say 429");
    const e = await raises(OpenAI.RateLimitError, 429, () => c.chat.completions.create(body, k.head));
    assert.equal(e.headers.get("retry-after"), "1");
    assert.equal(e.code, "429");
  },

  async retry_429(c, k) {
    const patient = clients({ maxRetries: 2 })[k.client];
    const start = performance.now();
    const answer = await patient.chat.completions.create(k.body("limited", "say 429 once"), k.head);
    const took = performance.now() - start;
    assert.ok(took >= 900, `Retry-After of 1 s, yet answered after ${took} ms`);
    k.saw(answer.usage);
  },

  async failover_429(c, k) {
    for (let i = 0; i < 4; i++) {
      const answer = await c.chat.completions.create(k.body("shared", "always say 429"), k.head);
      assert.ok(answer.choices[0].message.content);
      k.saw(answer.usage);
    }
  },

  async error_400_filter(c, k) {
    const body = k.body("gpt-4o-mini", "please trigger the content filter");
    const e = await raises(OpenAI.BadRequestError, 400, () => c.chat.completions.create(body, k.head));
    assert.equal(e.code, "content_filter");
    const inner = e.error.innererror ?? e.error.inner_error;
    assert.equal(inner.code, "ResponsibleAIPolicyViolation");
    assert.ok(inner.content_filter_result ?? inner.content_filter_results, JSON.stringify(inner));
  },
};

async function main() {
  for (const [client, c] of Object.entries(clients())) {
    for (const [name, run] of Object.entries(cases)) {
      const k = new Case(client, name);
      let ok = true;
      let detail = "";
      try {
        await run(c, k);
      } catch (e) {
        ok = false;
        detail = String(e.stack).split("\n").slice(0, 12).join("\n");
      }
      console.log(JSON.stringify({ client, case: name, ok, detail, usage: k.usage, id: k.id }));
    }
  }
}

main();
