"""Solvers from outside: prompts and replies, a local endpoint that behaves in every way but well, and a tiny local model."""

import json
import logging
import socket
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eval.evaluate import evaluate
from eval.solver import MissingExtra
from eval.solvers import prompting as fewshot
from eval.solvers.huggingface import HFSolver
from eval.solvers.openai_api import LLMSolver
from tasks import TASKS, Problems
from tasks.arithmetic.addition import Addition
from tasks.arithmetic.division import BY_ZERO, Division

TASK = Addition(digits="1-3")
KEY = "sk-secret-0123456789"

# fewshot


@pytest.mark.parametrize("task", [task() for task in TASKS.values()], ids=lambda task: task.name)
def test_shots_are_training_problems_with_their_answers(task) -> None:
    shown = fewshot.shots(task, 100, seed=0)
    questions = [question for question, _ in shown]
    assert len(set(questions)) == 100
    assert not task.held_out(task.problems([task.parse(question) for question in questions])).any()
    assert all(answer == task.answer(task.parse(question)) for question, answer in shown)
    assert fewshot.shots(task, 5, seed=0) == shown[:5] != fewshot.shots(task, 5, seed=1)
    assert fewshot.shots(task, 0, seed=0) == []


def test_more_shots_than_there_are_is_said() -> None:
    with pytest.raises(ValueError, match="k = 101: task add has only 100 different problems"):
        fewshot.shots(Addition(digits="1-1"), 101, seed=0)


def test_prompts_show_every_shot_but_the_question_itself() -> None:
    shown = [("12+34", "46"), ("1+2", "3")]
    assert fewshot.prompt(shown, "3+4") == "12+34=46\n1+2=3\n3+4="
    assert fewshot.prompt(shown, "1+2") == "12+34=46\n1+2="
    chat = fewshot.messages(shown, "1+2")
    assert [turn["role"] for turn in chat] == ["system", "user", "assistant", "user"]
    assert [turn["content"] for turn in chat[1:]] == ["12+34", "46", "1+2"]
    assert "142 r 7" in chat[0]["content"]
    assert BY_ZERO in chat[0]["content"]


@pytest.mark.parametrize("reply", ["0", "579", "-7", " 579\n", "142 r 7", "0 r 7", "-3 r -1", BY_ZERO, "9" * 5000])
def test_strict_takes_the_canonical_form(reply: str) -> None:
    assert fewshot.strict(reply) == reply.strip()


@pytest.mark.parametrize("reply", ["", "-0", "+7", "007", "1,234", "5.0", "579.", "142 r 0", "142 r 07", "142r7", "٣", "1 2"])
def test_strict_takes_nothing_else(reply: str) -> None:
    assert fewshot.strict(reply) is None


@pytest.mark.parametrize(
    ("reply", "answer"),
    [
        ("The answer is 579.", "579"),
        ("**1,234,567**", "1234567"),
        ("12 + 34 = `46`", "46"),
        ("46, since 12+34 and 34 + 12 are the same", "46"),
        ("1. Carry the one.\n2. So it is\n\n579", "579"),
        ("12−19 = −7", "-7"),
        ("- 007", "7"),
        ("1\u202f234\u202f567", "1234567"),
        (r"$\boxed{1{,}234}$, in 2 steps", "1234"),
        (r"\(1\,234\)", "1234"),
        (r"\boxed{142 \text{ r } 7}", "142 r 7"),
        ("142 remainder 7", "142 r 7"),
        ("142 R7", "142 r 7"),
        ("142r7.", "142 r 7"),
        ("142 r 0", "142"),
        ("142, with a remainder of 7", "142 r 7"),
        ("The quotient is **142** and the remainder is **7**.", "142 r 7"),
        ("Quotient: 1,142\nRemainder: 7", "1142 r 7"),
        ("2704/52 = 52.0", "52"),
        ("7391/52 = 142.13", None),
        ("You cannot divide by zero.", BY_ZERO),
        ("5/0 is undefined", BY_ZERO),
        ("x86 and R2D2", None),
        ("I do not know.", None),
        ("", None),
    ],
)
def test_lenient_reads_as_a_tolerant_person_does(reply: str, answer: str | None) -> None:
    assert fewshot.lenient(reply) == answer


@pytest.mark.parametrize(
    ("reply", "strict", "lenient"),
    [
        ("0.125", "0.125", "0.125"),
        ("-7", "-7", "-7"),
        ("3.50", None, "3.5"),
        ("-0.0", None, "0"),
        ("142 r 7", None, "142 r 7"),
        ("The answer is **1,234.5**.", None, "1234.5"),
        ("1/8 = 0.125", None, "0.125"),
        ("about -.5", None, "-0.5"),
        (BY_ZERO, BY_ZERO, BY_ZERO),
    ],
)
def test_decimals_are_read_where_a_task_has_them(reply: str, strict: str | None, lenient: str | None) -> None:
    given = fewshot.answered(reply, finished=True)
    read = fewshot.resolve(TASKS["expr"](), "1/8", given)
    assert (read.text, read.lenient) == (strict, lenient)
    assert fewshot.resolve(TASK, "1+8", given) == given
    assert "0.125" in fewshot.messages([], "1/8", decimals=True)[0]["content"]


integers = st.integers().map(str)
canonical = st.one_of(integers, st.builds("{} r {}".format, integers, integers), st.just(BY_ZERO))
characters = st.text("0123456789-r divsonbyze.,*\n\u00a0", max_size=12)


@given(st.one_of(st.builds("{1}{0}{1}".format, canonical, st.text(" \n\t", max_size=2)), characters, st.text(max_size=8)))
def test_lenient_agrees_with_strict(reply: str) -> None:
    if fewshot.strict(reply) is not None:
        assert fewshot.lenient(reply) == fewshot.strict(reply)


@given(st.integers(), st.sampled_from(["{:,}", "**{}**", "= {}", "The answer is {}.", r"\boxed{{{}}}", "`{:_}`"]))
def test_lenient_finds_what_is_dressed_up(number: int, dress: str) -> None:
    assert fewshot.lenient(dress.format(number)) == str(number)


@pytest.mark.parametrize("piece", ["1", "1 ", "1+", "1,234", "1 r ", "1 and ", r"\boxed{", r"\text{", "-", "1" + 99 * "."])
def test_a_hostile_reply_is_read_in_linear_time(piece: str) -> None:
    began = time.process_time()
    fewshot.lenient(piece * (1_000_000 // len(piece)) + "5,")
    assert time.process_time() - began < 5


def test_thoughts_are_not_read() -> None:
    for written in ("<think>\nIs it 5?\n</think>\n\n46", "Is it 5?</think>46"):
        answer = fewshot.answered(written, finished=True)
        assert (answer.text, answer.lenient, answer.written) == ("46", "46", written)
    answer = fewshot.answered("<think>It is 5", finished=False)
    assert (answer.text, answer.lenient, answer.finished) == (None, None, False)


# llm

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
    rows = evaluate(LLMSolver("model", endpoint.url, concurrency=1), TASK, [(3, 2)], n=3, seed=0)
    assert rows.outcome.tolist() == ["unreadable", "wrong", "right"]
    assert rows.working.tolist() == ["", "", ""]
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


@pytest.mark.parametrize(("module", "extra"), [("httpx", "llm"), ("transformers", "hf")])
def test_a_missing_extra_is_named(module: str, extra: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setitem(sys.modules, module, None)
    solver = LLMSolver("model", "http://host") if extra == "llm" else HFSolver(tmp_path)
    with pytest.raises(MissingExtra, match=f"the extra {extra} is missing: pip install 'arithgpt\\[{extra}\\]'"):
        solver.solve(TASK, problems(1))


# hf


@pytest.fixture(scope="module", params=["<end>", None], ids=["ends by a token", "ends by a newline only"])
def folder(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A random GPT-2 of characters whose text depends on every one it was given, so that padding shows."""
    transformers, torch = pytest.importorskip("transformers"), pytest.importorskip("torch")
    from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers

    vocab = {token: at for at, token in enumerate(["<end>", *"0123456789+-*/= \nr."])}
    tokens = Tokenizer(models.WordLevel(vocab, unk_token="<end>"))
    tokens.pre_tokenizer, tokens.decoder = pre_tokenizers.Split(Regex(r"[\s\S]"), "isolated"), decoders.Fuse()
    end = None if request.param is None else vocab[request.param]
    config = transformers.GPT2Config(
        vocab_size=len(vocab), n_positions=192, n_embd=32, n_layer=2, n_head=2, initializer_range=1.0, eos_token_id=end
    )
    torch.manual_seed(0)
    model = transformers.GPT2LMHeadModel(config)
    model.generation_config.update(do_sample=True, temperature=5.0, repetition_penalty=2.0)  # to be ignored
    path = tmp_path_factory.mktemp("tiny")
    model.save_pretrained(path)
    transformers.PreTrainedTokenizerFast(tokenizer_object=tokens, eos_token=request.param).save_pretrained(path)
    return path


def test_a_local_model_answers_in_batches_as_one_by_one(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(socket.socket, "connect", lambda *_: pytest.fail("it went to the network"))
    solver = HFSolver(folder, batch_size=7)
    asked = Problems.concatenate([TASK.test(10, cell, seed=0) for cell in ((3, 2), (1, 1), (20, 3))])
    answers = solver.solve(TASK, asked)
    assert answers == [solver.solve(TASK, asked[row : row + 1])[0] for row in range(len(asked))]
    assert solver.name == folder.name
    assert len({answer.written for answer in answers}) > 5
    assert 0 < sum(answer.finished for answer in answers) < len(answers)
    assert not any("\n" in answer.written or answer.page for answer in answers)
    assert any("<end>" in answer.written for answer in answers) == (solver._loaded[0].eos_token is None)


def test_what_a_local_model_has_no_room_for_is_unfinished(folder: Path) -> None:
    solver = HFSolver(folder)
    fits, long = TASK.test(1, (3, 2), seed=0), TASK.test(1, (80, 80), seed=0)
    answers = solver.solve(TASK, Problems.concatenate([fits, long]))
    assert answers[0] == solver.solve(TASK, fits)[0] != answers[1]
    assert (answers[1].finished, answers[1].written) == (False, "")


def test_the_few_shot_line_is_what_a_local_model_continues(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    task, solver = Division(digits="1-2"), HFSolver(folder, shots=2)
    tokenizer, model = solver._loaded
    given = []
    generate = model.generate
    monkeypatch.setattr(model, "generate", lambda ids, **rest: (given.append(ids), generate(ids, **rest))[1])
    solver.solve(task, task.problems(["91/7"]))
    assert tokenizer.decode(given[0][0]) == fewshot.prompt(fewshot.shots(task, 2, 0), "91/7")


def test_a_folder_that_is_no_model_is_named(tmp_path: Path) -> None:
    pytest.importorskip("transformers")
    with pytest.raises(ValueError, match="nowhere: no such folder"):
        HFSolver(tmp_path / "nowhere")
    (tmp_path / "config.json").write_text("{}")
    with pytest.raises(ValueError, match=f"{tmp_path}: no causal language model can be loaded: ") as caught:
        HFSolver(tmp_path).solve(TASK, problems(1))
    assert "\n" not in str(caught.value)
    with pytest.raises(ValueError, match="batch_size = 0"):
        HFSolver(tmp_path, batch_size=0)
