"""Calls the gateway with openai-python as its users do, and prints one JSON
line a case: {"client", "case", "ok", "detail", "usage", "id"}.

Env: WEIR_URL (the gateway, no path), WEIR_KEY (a subscription's key).
The deployments that it calls are described in e2e/sdk_test.go.
"""

import json
import os
import time
import traceback

import openai
from openai import AzureOpenAI, OpenAI

URL, KEY = os.environ["WEIR_URL"], os.environ["WEIR_KEY"]

TOOLS = [
    {
        "type": "function",
        "function": {
            "name": "get_weather",
            "description": "The weather in a city",
            "parameters": {
                "type": "object",
                "properties": {"city": {"type": "string"}},
                "required": ["city"],
            },
        },
    }
]


def clients(**more):
    more = {"max_retries": 0, "timeout": 30, **more}
    key = more.pop("key", KEY)
    return {
        "openai": OpenAI(base_url=URL + "/v1", api_key=key, **more),
        "azure-v1": OpenAI(base_url=URL + "/openai/v1/", api_key=key, **more),
        "azure": AzureOpenAI(azure_endpoint=URL, api_key=key, api_version="2024-10-21", **more),
    }


class Case:
    """One case of one client: its id travels as x-ms-client-request-id and user."""

    def __init__(self, client, name):
        self.client, self.name = client, name
        self.id = f"python/{client}/{name}"
        self.usage = None

    def args(self, model, text, **more):
        return {
            "model": model,
            "messages": [{"role": "user", "content": f"{text} ({self.id})"}],
            "user": self.id,
            **self.head(),
            **more,
        }

    def head(self):
        return {"extra_headers": {"x-ms-client-request-id": self.id, "x-team": "snakes"}}

    def saw(self, usage):
        assert usage is not None, "no usage"
        assert usage.total_tokens > 0, usage
        self.usage = {
            "prompt": usage.prompt_tokens,
            "completion": getattr(usage, "completion_tokens", 0) or 0,
            "total": usage.total_tokens,
        }


def chat(c, case):
    answer = c.chat.completions.create(**case.args("gpt-4o", "Good morning"))
    assert answer.object == "chat.completion", answer.object
    assert answer.choices[0].message.role == "assistant"
    assert answer.choices[0].message.content
    assert answer.choices[0].finish_reason == "stop", answer.choices[0].finish_reason
    assert answer.model.startswith("gpt-4o"), answer.model
    case.saw(answer.usage)


def chat_tools(c, case):
    answer = c.chat.completions.create(**case.args("gpt-4o", "How is the weather in Oslo?", tools=TOOLS))
    call = answer.choices[0].message.tool_calls[0]
    assert answer.choices[0].finish_reason == "tool_calls"
    assert call.function.name == "get_weather"
    assert "city" in json.loads(call.function.arguments)
    case.saw(answer.usage)


def chat_stream(c, case):
    text, finish, chunks = "", None, 0
    for chunk in c.chat.completions.create(**case.args("gpt-4o", "Tell a story", stream=True)):
        chunks += 1
        # The usage event that the gateway asked for is not the client's.
        assert chunk.usage is None, "usage that nobody asked for"
        for choice in chunk.choices:
            text += choice.delta.content or ""
            finish = choice.finish_reason or finish
    assert text and chunks > 2, (chunks, text)
    assert finish == "stop", finish


def chat_stream_usage(c, case):
    text, last = "", None
    options = {"include_usage": True}
    for chunk in c.chat.completions.create(**case.args("gpt-4o", "Tell a story", stream=True, stream_options=options)):
        last = chunk
        for choice in chunk.choices:
            text += choice.delta.content or ""
    assert text
    assert last.choices == [], last
    case.saw(last.usage)


def chat_stream_tools(c, case):
    name, arguments, finish = "", "", None
    for chunk in c.chat.completions.create(**case.args("gpt-4o", "How is the weather?", stream=True, tools=TOOLS)):
        for choice in chunk.choices:
            for call in choice.delta.tool_calls or []:
                assert call.index == 0, call
                name += call.function.name or ""
                arguments += call.function.arguments or ""
            finish = choice.finish_reason or finish
    assert name == "get_weather", name
    assert "city" in json.loads(arguments), arguments
    assert finish == "tool_calls", finish


def chat_stream_choices(c, case):
    texts = {}
    for chunk in c.chat.completions.create(**case.args("gpt-4o", "Name a colour", stream=True, n=3)):
        for choice in chunk.choices:
            texts[choice.index] = texts.get(choice.index, "") + (choice.delta.content or "")
    assert sorted(texts) == [0, 1, 2], sorted(texts)
    assert all(texts.values()), texts


def completion(c, case):
    answer = c.completions.create(model="gpt-35-turbo", prompt=f"Once upon a time {case.id}", user=case.id, **case.head())
    assert answer.object == "text_completion", answer.object
    assert answer.choices[0].text
    case.saw(answer.usage)


def completion_stream(c, case):
    text = ""
    for chunk in c.completions.create(
        model="gpt-35-turbo", prompt=f"Once upon a time {case.id}", user=case.id, stream=True, **case.head()
    ):
        for choice in chunk.choices:
            text += choice.text
    assert text


def embedding(c, case):
    answer = c.embeddings.create(
        model="text-embedding-3-small", input=["a gull", "a weir " + case.id], user=case.id, **case.head()
    )
    assert len(answer.data) == 2
    assert len(answer.data[0].embedding) == 1536
    assert isinstance(answer.data[0].embedding[0], float)
    case.saw(answer.usage)


def models_list(c, case):
    names = [m.id for m in c.models.list(**case.head())]
    assert "gpt-4o" in names and "text-embedding-3-small" in names, names


def models_get(c, case):
    model = c.models.retrieve("gpt-4o", **case.head())
    assert model.id == "gpt-4o", model.id
    assert model.object == "model", model.object


def raises(kind, status, call):
    try:
        call()
    except openai.APIStatusError as e:
        assert type(e) is kind, f"{type(e).__name__}: {e}"
        assert e.status_code == status, e.status_code
        assert e.response.headers.get("apim-request-id"), "no apim-request-id"
        return e
    raise AssertionError("no exception")


def error_401(c, case):
    wrong = clients(key="not-a-key")[case.client]
    e = raises(openai.AuthenticationError, 401, lambda: wrong.chat.completions.create(**case.args("gpt-4o", "Hello")))
    assert "subscription key" in e.message, e.message


def error_404(c, case):
    e = raises(openai.NotFoundError, 404, lambda: c.chat.completions.create(**case.args("no-such-deployment", "Hello")))
    assert e.code == "DeploymentNotFound", e.code


def error_429(c, case):
    e = raises(openai.RateLimitError, 429, lambda: c.chat.completions.create(**case.args("limited", "always say 429")))
    assert e.response.headers["retry-after"] == "1", dict(e.response.headers)
    assert e.code == "429", e.code


def retry_429(c, case):
    patient = clients(max_retries=2)[case.client]
    start = time.monotonic()
    answer = patient.chat.completions.create(**case.args("limited", "say 429 once"))
    took = time.monotonic() - start
    assert took >= 0.9, f"Retry-After of 1 s, yet answered after {took:.2f} s"
    case.saw(answer.usage)


def failover_429(c, case):
    for _ in range(4):
        answer = c.chat.completions.create(**case.args("shared", "always say 429"))
        assert answer.choices[0].message.content
    case.saw(answer.usage)


def error_400_filter(c, case):
    e = raises(
        openai.BadRequestError,
        400,
        lambda: c.chat.completions.create(**case.args("gpt-4o-mini", "please trigger the content filter")),
    )
    assert e.code == "content_filter", e.code
    inner = e.body.get("innererror") or e.body.get("inner_error")
    assert inner["code"] == "ResponsibleAIPolicyViolation", inner
    assert inner.get("content_filter_result") or inner.get("content_filter_results"), inner


CASES = [
    chat,
    chat_tools,
    chat_stream,
    chat_stream_usage,
    chat_stream_tools,
    chat_stream_choices,
    completion,
    completion_stream,
    embedding,
    models_list,
    models_get,
    error_401,
    error_404,
    error_429,
    retry_429,
    failover_429,
    error_400_filter,
]

for name, client in clients().items():
    for run in CASES:
        case = Case(name, run.__name__)
        ok, detail = True, ""
        try:
            run(client, case)
        except Exception:
            ok, detail = False, traceback.format_exc(limit=-2)
        line = {"client": name, "case": case.name, "ok": ok, "detail": detail, "usage": case.usage, "id": case.id}
        print(json.dumps(line), flush=True)
