"""What the scripts of resources and of affinity share: the three clients of
openai-python, and a note of every call that they make.

Env: WEIR_URL (the gateway, no path), WEIR_KEYS (the keys of the subscriptions, by
comma).
"""

import os

import openai
from openai import AzureOpenAI, OpenAI

URL, KEYS = os.environ["WEIR_URL"], os.environ["WEIR_KEYS"].split(",")
SOCKET = URL.replace("http", "ws", 1)
VERSION = "2025-04-01-preview"

# LOG is what was called since the last case ended: (team, response or Socket).
LOG = []


def http(team):
    """An HTTP client that notes what it calls."""
    return openai.DefaultHttpxClient(event_hooks={"response": [lambda response: LOG.append((team, response))]})


def called(team, call):
    """One call, as a line has it."""
    if isinstance(call, Socket):
        # The close, which the server answers with the same one, has a code of two bytes.
        answer, status, sent, ms = call.socket.response, 101, call.sent, 0
        received = call.received + 2 + len(call.socket.close_reason or "")
    else:
        answer, status, ms = call, call.status_code, call.elapsed.total_seconds() * 1000
        sent, received = int(call.request.headers.get("content-length", 0)), call.num_bytes_downloaded
    id = answer.headers.get("apim-request-id")
    return {"id": id, "team": team, "status": status, "sent": sent, "received": received, "ms": ms}


class Socket:
    """A WebSocket that counts what passes."""

    def __init__(self, team, connection):
        self.socket, connection._connection = connection._connection, self
        self.sent = self.received = 0
        LOG.append((team, self))

    def send(self, data):
        self.sent += len(data.encode() if isinstance(data, str) else data)
        self.socket.send(data)

    def recv(self, *args, **more):
        data = self.socket.recv(*args, **more)
        self.received += len(data)
        return data

    def close(self, code=1000, reason=""):
        self.sent += 2 + len(reason)
        self.socket.close(code, reason)


def clients(teams, **more):
    """The three clients, with the keys of these teams."""
    a, b, c = ({"api_key": KEYS[t], "http_client": http(t), "max_retries": 0, "timeout": 30, **more} for t in teams)
    return {
        "openai": OpenAI(base_url=URL + "/v1", websocket_base_url=SOCKET + "/v1", **a),
        "azure-v1": OpenAI(base_url=URL + "/openai/v1/", websocket_base_url=SOCKET + "/openai/v1", **b),
        "azure": AzureOpenAI(azure_endpoint=URL, websocket_base_url=SOCKET + "/openai", api_version=VERSION, **c),
    }


class Case:
    """One case of one client: its id travels with each of its calls."""

    def __init__(self, client, name, team):
        self.client, self.name, self.team = client, name, team
        self.id = f"python/{client}/{name}"
        self.facts = []
        self.colleague = None

    def headers(self, team):
        """What goes with the calls of a team."""
        return {"x-ms-client-request-id": self.id, "x-team": "snakes", "x-forwarded-for": f"203.0.113.{team + 1}"}

    def text(self, words):
        return f"{words} ({self.id})"

    def saw(self, operation, usage=None, nth=None, **facts):
        """Notes what a call sent and was answered."""
        if nth is None:
            nth = sum(f["operation"] == operation for f in self.facts)
        if usage is not None and not isinstance(usage, dict):
            first = getattr(usage, "input_tokens", None) or getattr(usage, "prompt_tokens", 0)
            then = getattr(usage, "output_tokens", None) or getattr(usage, "completion_tokens", 0)
            usage = {"prompt": first, "completion": then, "total": usage.total_tokens}
        if usage is not None:
            assert usage["total"] == usage["prompt"] + usage["completion"] > 0, usage
            facts["usage"] = usage
        self.facts.append({"operation": operation, "nth": nth, **facts})
