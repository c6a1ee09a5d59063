"""Runs sequences of calls on stateful objects through a gateway that is killed and
restarted meanwhile, with openai-python; prints one JSON line a sequence, {"sequence",
"team", "client", "ok", "detail"}, and in the end one of {"statuses", "objects"}.

A sequence uploads a file and then makes and uses other objects, several kinds at
once: a vector store, an assistant, a thread and its runs; responses that follow
each other; a conversation; a batch; a fine-tuning job; a container; parts of an
upload. Each id is used again, in its sequence and by later ones. All is drawn from
the seed.

Env: WEIR_URL, WEIR_KEYS as for resources.py. Arguments: seed, sequences, workers.
"""

import collections
import json
import random
import sys
import threading
import time
import traceback
from concurrent.futures import ThreadPoolExecutor

import httpx2
import openai
from harness import KEYS, LOG, clients

CLIENTS = ["openai", "azure-v1", "azure"]
# How long a gateway may be away, in seconds.
PATIENCE = 40
LINE = json.dumps(
    {
        "custom_id": "one",
        "method": "POST",
        "url": "/v1/chat/completions",
        "body": {"model": "gpt-4o", "messages": [{"role": "user", "content": "Hello"}], "max_tokens": 8},
    }
)
TRAINING = '{"messages":[{"role":"user","content":"What is a weir?"},{"role":"assistant","content":"A low dam."}]}\n' * 10

# POOL is what was made so far, as (how it is found again, whether the dated surface
# has it).
POOL = []


def patiently(call):
    """What the SDK's own retries do not outlast, this does: a gateway that restarts."""
    began = time.monotonic()
    while True:
        try:
            return call()
        except (openai.APIConnectionError, httpx2.TransportError):
            if time.monotonic() - began > PATIENCE:
                raise
            time.sleep(0.2)


def keep(find, dated=True):
    POOL.append((find, dated))


def upload(c, text, purpose):
    f = patiently(lambda: c.files.create(file=("a.jsonl", text.encode()), purpose=purpose))
    keep(lambda c: c.files.retrieve(f.id))
    return f


def run(c, rng, thread, assistant):
    """A run, polled or streamed. One whose answer was lost is waited for."""
    about = {"thread_id": thread.id, "assistant_id": assistant.id}

    def stream():
        with c.beta.threads.runs.stream(**about) as events:
            events.until_done()

    try:
        if rng.random() < 0.5:
            patiently(stream)
        else:
            made = patiently(lambda: c.beta.threads.runs.create(**about))
            patiently(lambda: c.beta.threads.runs.poll(made.id, thread_id=thread.id, poll_interval_ms=5))
    except openai.BadRequestError as e:
        if "active run" not in e.message:
            raise
        lost = patiently(lambda: c.beta.threads.runs.list(thread.id)).data[0]
        patiently(lambda: c.beta.threads.runs.poll(lost.id, thread_id=thread.id, poll_interval_ms=5))


def talks(c, rng, f):
    """A vector store, an assistant with it, a thread, runs."""
    store = patiently(lambda: c.vector_stores.create(name="shelf", file_ids=[f.id]))
    keep(lambda c: c.vector_stores.retrieve(store.id))
    yield
    resources = {"file_search": {"vector_store_ids": [store.id]}}
    assistant = patiently(
        lambda: c.beta.assistants.create(model="gpt-4o", tools=[{"type": "file_search"}], tool_resources=resources)
    )
    keep(lambda c: c.beta.assistants.retrieve(assistant.id))
    yield
    attached = [{"file_id": f.id, "tools": [{"type": "file_search"}]}]
    message = {"role": "user", "content": "What is in it?", "attachments": attached}
    thread = patiently(lambda: c.beta.threads.create(messages=[message]))
    keep(lambda c: c.beta.threads.retrieve(thread.id))
    yield
    run(c, rng, thread, assistant)
    yield
    patiently(lambda: c.vector_stores.search(store.id, query="weir"))
    yield
    run(c, rng, thread, assistant)
    assert len(patiently(lambda: c.beta.threads.messages.list(thread.id)).data) >= 3


def responses(c, rng, f):
    """Responses that follow each other; the first of them names nothing."""
    before = None
    for i in range(3):
        more = {"previous_response_id": before.id} if before else {}
        before = patiently(lambda: c.responses.create(model="gpt-4o", input=f"And {i}?", max_output_tokens=16, **more))
        response = before.id
        keep(lambda c: c.responses.retrieve(response))
        yield
    assert patiently(lambda: c.responses.input_items.list(before.id)).data


def conversation(c, rng, f):
    talk = patiently(lambda: c.conversations.create(metadata={"file": f.id}))
    keep(lambda c: c.conversations.retrieve(talk.id), dated=False)
    yield
    for words in ("Remember me", "Do you?"):
        about = {"conversation": talk.id, "input": words, "max_output_tokens": 16}
        answer = patiently(lambda: c.responses.create(model="gpt-4o", **about))
        assert answer.conversation.id == talk.id
        yield
    assert len(patiently(lambda: c.conversations.items.list(talk.id)).data) >= 4


def batch(c, rng, f):
    source = upload(c, LINE, "batch")
    yield
    b = patiently(
        lambda: c.batches.create(input_file_id=source.id, endpoint="/v1/chat/completions", completion_window="24h")
    )
    keep(lambda c: c.batches.retrieve(b.id))
    while b.status != "completed":
        yield
        b = patiently(lambda: c.batches.retrieve(b.id))
    out = b.output_file_id
    assert patiently(lambda: c.files.content(out)).text
    keep(lambda c: c.files.content(out))


def tuning(c, rng, f):
    source = upload(c, TRAINING, "fine-tune")
    yield
    job = patiently(lambda: c.fine_tuning.jobs.create(model="gpt-4o", training_file=source.id))
    keep(lambda c: c.fine_tuning.jobs.retrieve(job.id))
    while job.status != "succeeded":
        yield
        job = patiently(lambda: c.fine_tuning.jobs.retrieve(job.id))
    assert patiently(lambda: c.fine_tuning.jobs.list_events(job.id)).data
    yield
    assert patiently(lambda: c.fine_tuning.jobs.checkpoints.list(job.id)).data


def container(c, rng, f):
    box = patiently(lambda: c.containers.create(name="box", file_ids=[f.id]))
    keep(lambda c: c.containers.retrieve(box.id), dated=False)
    yield
    note = patiently(lambda: c.containers.files.create(box.id, file=("note.txt", b"a note")))
    yield
    assert patiently(lambda: c.containers.files.content.retrieve(note.id, container_id=box.id)).text == "a note"
    yield
    assert len(patiently(lambda: c.containers.files.list(box.id)).data) >= 2


def parts(c, rng, f):
    up = patiently(lambda: c.uploads.create(bytes=8, filename="b.txt", mime_type="text/plain", purpose="assistants"))
    yield
    one = patiently(lambda: c.uploads.parts.create(up.id, data=b"one "))
    yield
    two = patiently(lambda: c.uploads.parts.create(up.id, data=b"two."))
    yield
    try:
        whole = patiently(lambda: c.uploads.complete(up.id, part_ids=[one.id, two.id])).file.id
    except openai.BadRequestError as e:  # completed, and the answer was lost
        assert "completed" in e.message, e
        return
    yield
    assert patiently(lambda: c.files.content(whole)).text == "one two."


BRANCHES = [talks, responses, batch, tuning, parts, conversation, container]
UNDATED = [conversation, container]


def again(rng, own, client):
    """Uses an object that some sequence made, as another caller."""
    while POOL:
        find, dated = rng.choice(POOL)
        if dated or client != "azure":
            return patiently(lambda: find(own[client]))


def sequence(seed, n):
    rng = random.Random(seed * 1_000_003 + n)
    team, client = rng.randrange(len(KEYS)), rng.choice(CLIENTS)
    c = OWN[team][client]
    ok, detail = True, ""
    try:
        f = upload(c, f"A weir is a low dam. This is sequence {n}.", "assistants")
        able = [b for b in BRANCHES if client != "azure" or b not in UNDATED]
        going = [b(c, rng, f) for b in rng.sample(able, 4)]
        while going:
            one = rng.choice(going)
            try:
                next(one)
            except StopIteration:
                going.remove(one)
        assert "low dam" in patiently(lambda: c.files.content(f.id)).text
        other = rng.randrange(len(KEYS))
        for _ in range(2):
            again(rng, OWN[other], rng.choice(CLIENTS))
    except Exception:
        ok, detail = False, traceback.format_exc(limit=-4)
    return {"sequence": n, "team": team, "client": client, "ok": ok, "detail": detail}


def callers(team):
    """The clients of a team, with the SDK's own retries."""
    return clients([team] * 3, max_retries=openai.DEFAULT_MAX_RETRIES)


OWN = [callers(t) for t in range(len(KEYS))]


def main():
    seed, sequences, workers = map(int, sys.argv[1:])
    lock = threading.Lock()

    def one(n):
        line = sequence(seed, n)
        with lock:
            print(json.dumps(line), flush=True)

    with ThreadPoolExecutor(workers) as pool:
        list(pool.map(one, range(sequences)))
    # What was made before the gateway was killed, before it forgot, and after.
    rng = random.Random(seed)
    for _ in range(sequences):
        again(rng, OWN[rng.randrange(len(KEYS))], rng.choice(CLIENTS))
    statuses = collections.Counter(str(response.status_code) for _, response in LOG)
    print(json.dumps({"statuses": statuses, "objects": len(POOL)}), flush=True)


main()
