"""Models behind an endpoint: a local one that misbehaves in every way."""

import json
import logging
import socket
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from helpers.evaluation import ask

from eval.solver import MissingExtra
from eval.solvers.openai_api import LLMSolver
from tasks import Problems
from tasks.arithmetic.addition import Addition

TASK = Addition(digits="1-3")
KEY = "sk-secret-0123456789"

Behave = Callable[["Handler", str], None]


class Handler(BaseHTTPRequestHandler):
    """One request to the endpoint."""

    def do_POST(self) -> None:
        asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.server.requests.append(asked | {"path": self.path, "authorization": self.headers["Authorization"]})
        with suppress(ConnectionError):  # the solver had enough
            self.server.behave(self, asked["messages"][-1]["content"])

    def reply(self, status: int, body: bytes, **headers: str) -> None:
        self.send_response(status)
        for name, value in {"Content-Length": str(len(body)), **headers}.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        self.wfile.write(body)

    def say(self, content: object, finish_reason: str = "stop") -> None:
        self.reply(200, json.dumps({"choices": [{"message": {"content": content}, "finish_reason": finish_reason}]}).encode())

    def log_message(self, *_: object) -> None: ...


class Endpoint(ThreadingHTTPServer):
    """Behaves as a test wants it to, and remembers what it was asked."""

    daemon_threads = True
    block_on_close = False
    request_queue_size = 64

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server_port}/v1"
        self.requests: list[dict] = []
        self.behave: Behave = lambda handler, question: handler.say(TASK.answer(question))
        self.over = threading.Event()

    def solve(self, behave: Behave | None = None, n: int = 1, **options: object) -> list:
        """The answers to n problems where the endpoint behaves so. By default it is asked one by one and hardly waited for."""
        self.behave = behave or self.behave
        options = {"key": KEY, "concurrency": 1, "timeout": 5.0, "retries": 2, "backoff": 0.01} | options
        return LLMSolver("model", self.url, **options).solve(TASK, problems(n))


@pytest.fixture
def endpoint(monkeypatch: pytest.MonkeyPatch) -> Iterator[Endpoint]:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    with Endpoint() as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        yield server
        server.over.set()
        server.shutdown()
        thread.join()


def problems(n: int) -> Problems:
    return TASK.test(n, (3, 2), seed=0)


def test_every_problem_is_asked_once_and_answered_in_order(endpoint: Endpoint) -> None:
    answers = endpoint.solve(n=30, concurrency=4)
    questions = TASK.questions(problems(30))
    assert [answer.text for answer in answers] == [TASK.answer(question) for question in questions]
    assert sorted(asked["messages"][-1]["content"] for asked in endpoint.requests) == sorted(questions)
    first = endpoint.requests[0]
    assert first["path"] == "/v1/chat/completions"
    assert first["authorization"] == f"Bearer {KEY}"
    assert (first["model"], first["temperature"], first["max_tokens"]) == ("model", 0, 512)
    assert len(first["messages"]) == 1 + 2 * 4 + 1


def test_requests_are_made_at_the_same_time_but_not_too_many(endpoint: Endpoint) -> None:
    together, lock, now, peak = threading.Barrier(4), threading.Lock(), 0, 0

    def behave(handler: Handler, question: str) -> None:
        nonlocal now, peak
        with lock:
            now += 1
            peak = max(peak, now)
        together.wait(timeout=4)
        with lock:
            now -= 1
        handler.say("1")

    answers = endpoint.solve(behave, n=12, concurrency=4)
    assert [answer.text for answer in answers] == ["1"] * 12
    assert peak == 4


def test_replies_are_read_strictly_and_leniently(endpoint: Endpoint) -> None:
    replies = iter(["**7**", "It is 7.", "<think>5</think>\n7", "none", "7", None, "7\ud800"])
    answers = endpoint.solve(lambda handler, _: handler.say(next(replies)), n=7)
    assert [answer.text for answer in answers] == [None, None, "7", None, "7", None, None]
    assert [answer.lenient for answer in answers] == ["7", "7", "7", None, "7", None, "7"]
    assert [answer.written for answer in answers] == ["**7**", "It is 7.", "<think>5</think>\n7", "none", "7", "", "7?"]
    assert all(answer.finished and answer.failed is None and not answer.page for answer in answers)


def test_a_reply_that_was_cut_off_is_unfinished(endpoint: Endpoint) -> None:
    (answer,) = endpoint.solve(lambda handler, _: handler.say("57", "length"))
    assert (answer.finished, answer.written) == (False, "57")


def test_the_harness_counts_it_without_looking_for_a_page(endpoint: Endpoint) -> None:
    replies = iter(["It is 7.", "0", "right"])

    def behave(handler: Handler, question: str) -> None:
        reply = next(replies)
        handler.say(TASK.answer(question) if reply == "right" else reply)

    endpoint.behave = behave
    rows = ask(LLMSolver("model", endpoint.url, concurrency=1), TASK, [(3, 2)], samples=3, seed=0)
    assert rows.outcome.tolist() == ["unreadable", "wrong", "right"]
    assert rows.scratchpad.tolist() == ["", "", ""]
    assert rows.lenient.tolist() == [False, False, True]


def test_what_may_pass_is_tried_again(endpoint: Endpoint) -> None:
    def behave(handler: Handler, question: str) -> None:
        tries = len(endpoint.requests)
        if tries == 1:
            handler.close_connection = True  # without a word
        elif tries <= 3:
            handler.reply(429 if tries == 2 else 503, b"{}")
        else:
            handler.say("1")

    (answer,) = endpoint.solve(behave, retries=3)
    assert (answer.text, len(endpoint.requests)) == ("1", 4)


@pytest.mark.parametrize(("asked", "longest_wait", "waited"), [("1", 60, 1), ("86400", 0.3, 0.3), ("soon", 0.3, 0)])
def test_it_waits_as_long_as_the_endpoint_asks_for_within_reason(
    endpoint: Endpoint, asked: str, longest_wait: float, waited: float
) -> None:
    at = []

    def behave(handler: Handler, question: str) -> None:
        at.append(time.monotonic())
        handler.reply(429, b"{}", Retry_After=asked) if len(at) == 1 else handler.say("1")

    (answer,) = endpoint.solve(behave, longest_wait=longest_wait)
    assert answer.text == "1"
    assert waited <= at[1] - at[0] < waited + 3


def said(status: int, message: str) -> Behave:
    return lambda handler, _: handler.reply(status, json.dumps({"error": {"message": message}}).encode())


@pytest.mark.parametrize(
    ("behave", "failed", "tries"),
    [
        (lambda handler, _: handler.reply(500, b"oops"), "HTTP 500 after 3 tries", 3),
        (lambda handler, _: handler.reply(404, b"<html>"), "HTTP 404", 1),
        (lambda handler, _: handler.reply(302, b"", Location="http://127.0.0.1:1/"), "HTTP 302", 1),
        (said(401, f"bad key {KEY}\x1b[1m"), "HTTP 401: 'bad key ***\\x1b[1m'", 1),
        (lambda handler, _: handler.reply(200, b"<html>\n<body>"), "the reply is no JSON: it begins with '<html>'", 1),
        (lambda handler, _: handler.reply(200, KEY.encode()), "the reply is no JSON: it begins with '***'", 1),
        (lambda handler, _: handler.reply(200, b""), "the reply is no JSON: it begins with ''", 1),
        (lambda handler, _: handler.reply(200, b"[" * 500_000), f"the reply is no JSON: it begins with '{'[' * 20}'", 1),
        (lambda handler, _: handler.reply(200, b"[]"), "the reply is JSON without a choices[0].message.content", 1),
        (lambda handler, _: handler.say(5), "the reply's choices[0].message.content is no text", 1),
        (lambda handler, _: handler.reply(200, b" " * 10_000_000), "the reply is over 1,000,000 bytes", 1),
        (lambda handler, _: handler.wfile.write(b"nonsense\r\n\r\n"), "the connection broke off after 3 tries", 3),
    ],
)
def test_why_there_is_no_answer_is_said_in_a_line(endpoint: Endpoint, behave: Behave, failed: str, tries: int) -> None:
    (answer,) = endpoint.solve(behave)
    assert (answer.failed, answer.text, answer.lenient, answer.page) == (failed, None, None, False)
    assert len(endpoint.requests) == tries


def hang(handler: Handler, question: str) -> None:
    handler.server.over.wait(10)


def drip(start: bytes, drop: bytes) -> Behave:
    def behave(handler: Handler, question: str) -> None:
        handler.wfile.write(start)
        while not handler.server.over.wait(0.02):
            handler.wfile.write(drop)

    return behave


@pytest.mark.parametrize(
    "behave",
    [hang, drip(b"HTTP/1.1 200 OK\r\n\r\n", b" "), drip(b"HTTP/1.1 200 OK\r\n", b"X: 1\r\n")],
    ids=["hangs", "drips its body", "drips its headers"],
)
def test_nobody_waits_beyond_the_deadline(endpoint: Endpoint, behave: Behave) -> None:
    began = time.monotonic()
    (answer,) = endpoint.solve(behave, timeout=0.2, retries=1)
    assert answer.failed == "no answer within 0.2 s after 2 tries"
    assert time.monotonic() - began < 3


def test_no_connection_is_said(endpoint: Endpoint) -> None:
    with socket.socket() as taken:  # bound, but nobody listens
        taken.bind(("127.0.0.1", 0))
        host = f"127.0.0.1:{taken.getsockname()[1]}"
        endpoint.url = f"http://{host}/v1"
        (answer,) = endpoint.solve()
    assert answer.failed == f"no connection to {host} after 3 tries"


def test_it_gives_up_after_some_failures_in_a_row(endpoint: Endpoint) -> None:
    def behave(handler: Handler, question: str) -> None:
        fine = len(endpoint.requests) == 3
        handler.say("1") if fine else handler.reply(403, b"")

    endpoint.behave = behave
    solver = LLMSolver("model", endpoint.url, concurrency=1, give_up_after=4)
    answers = solver.solve(TASK, problems(20)) + solver.solve(TASK, problems(2))
    assert [answer.failed for answer in answers] == ["HTTP 403"] * 2 + [None] + ["HTTP 403"] * 19
    assert len(endpoint.requests) == 7


def test_the_key_is_shown_nowhere(endpoint: Endpoint, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG):
        solver = LLMSolver("model", endpoint.url, key=KEY)
        answers = solver.solve(TASK, problems(1))
    assert caplog.records
    assert KEY not in f"{solver!r} {solver} {answers} {caplog.text}"
    with pytest.raises(ValueError, match="key: has characters that cannot be sent") as caught:
        LLMSolver("model", endpoint.url, key=KEY + "\n")
    assert KEY not in str(caught.value)


@pytest.mark.parametrize("url", ["", "localhost:8000", "ftp://host/v1", "http://", "http://me:secret@host/v1"])
def test_bad_fields_are_named(url: str) -> None:
    with pytest.raises(ValueError, match="url: must be like") as caught:
        LLMSolver("model", url)
    assert "secret" not in str(caught.value)
    with pytest.raises(ValueError, match="concurrency = 0: must be at least 1"):
        LLMSolver("model", "http://host", concurrency=0)
    with pytest.raises(ValueError, match="timeout = nan"):
        LLMSolver("model", "http://host", timeout=float("nan"))


def test_a_missing_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "httpx", None)
    with pytest.raises(MissingExtra, match=r"the extra llm is missing: pip install 'arithgpt\[llm\]'"):
        LLMSolver("model", "http://host").solve(TASK, problems(1))
