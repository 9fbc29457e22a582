"""Any model behind an OpenAI-compatible chat endpoint as a solver (the extra `llm`).

    LLMSolver("qwen3", "http://localhost:8000/v1").solve(task, problems)[0]
    -> Answer(text="579", written="579", ...), or Answer(None, failed="HTTP 500 after 4 tries", ...)

It uses an event loop rather than threads, as only there a request can be ended at its deadline wherever it is, even where an
endpoint sends its headers byte by byte for ever.
"""

from __future__ import annotations

import asyncio
import json
import random
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeAlias
from urllib.parse import urlsplit

from eval.solver import Answer, MissingExtra
from eval.solvers.prompting import chat_messages, draw_shots
from eval.solvers.replies import read_reply, reread_for_task
from tasks import Problems, Task

if TYPE_CHECKING:
    import httpx

Chat: TypeAlias = list[dict[str, str]]
TOO_MANY_REQUESTS = 429
MAX_SHOWN = 100
"""Characters of an endpoint's error message that are shown."""


@dataclass
class LLMSolver:
    """Asks each problem in a chat of its own, greedily (temperature 0).

    After `give_up_after` failures in a row, over all calls of `solve`, nothing more is sent: all further problems have failed
    too.

    Raises:
        ValueError: a field is out of range; the message names it.
    """

    model: str
    url: str
    """The address of the API, as in http://localhost:8000/v1."""
    key: str = field(default="", repr=False)
    """Sent as a bearer token where it is not empty. No message contains it."""
    shots: int = 4
    """Solved problems shown before the one that is asked."""
    seed: int = 0
    """The seed of the shots."""
    concurrency: int = 8
    """Requests at a time."""
    timeout: float = 60.0
    """Seconds for one try, from connecting to the last byte."""
    retries: int = 3
    """Tries after the first, where there was no connection or no answer in time, and after HTTP 429 and 5xx."""
    backoff: float = 1.0
    """Seconds before the first retry, at most; twice as many before each further one."""
    longest_wait: float = 60.0
    """Seconds before any retry, at most, whatever the endpoint asks for with Retry-After."""
    max_tokens: int = 512
    max_bytes: int = 1_000_000
    """The longest body of a reply; nothing is read beyond."""
    give_up_after: int = 5
    _in_a_row: int = field(default=0, init=False, repr=False)
    _given_up: str | None = field(default=None, init=False, repr=False)

    def __post_init__(self) -> None:
        parts = urlsplit(self.url)
        if parts.scheme not in ("http", "https") or not parts.hostname or parts.username is not None:
            raise ValueError("url: must be like http://localhost:8000/v1, without a user name")
        if not (self.key.isascii() and self.key.isprintable()):
            raise ValueError("key: has characters that cannot be sent")
        for name, least in {
            "shots": 0,
            "concurrency": 1,
            "timeout": 0.001,
            "retries": 0,
            "backoff": 0,
            "longest_wait": 0,
            "max_tokens": 1,
            "max_bytes": 1,
            "give_up_after": 1,
        }.items():
            if not getattr(self, name) >= least:
                raise ValueError(f"{name} = {getattr(self, name)}: must be at least {least}")

    @property
    def name(self) -> str:
        """The name of the model."""
        return self.model

    def solve(self, task: Task, problems: Problems) -> list[Answer]:
        """Answer problems in order.

        Raises:
            MissingExtra: httpx is not installed.
            ValueError: the task has too few problems to show as shots.
            RuntimeError: called within a running event loop, such as a notebook's.
        """
        shots = draw_shots(task, self.shots, self.seed)
        questions = task.questions(problems)
        chats = [chat_messages(shots, task.question_text(question), task.answer_kind) for question in questions]
        answers = asyncio.run(self._solve(chats))
        return [reread_for_task(task, question, answer) for question, answer in zip(questions, answers, strict=True)]

    async def _solve(self, chats: list[Chat]) -> list[Answer]:
        """Ask all chats, `concurrency` at a time."""
        try:
            import httpx
        except ImportError:
            raise MissingExtra("llm") from None
        headers = {"Accept-Encoding": "identity"}  # a few compressed bytes can become very many
        if self.key:
            headers["Authorization"] = f"Bearer {self.key}"
        answers = [Answer(None)] * len(chats)
        waiting = iter(enumerate(chats))
        async with httpx.AsyncClient(headers=headers, timeout=None) as client:  # its timeouts start again at each byte
            workers = [self._work(client, waiting, answers) for _ in range(min(self.concurrency, len(chats)))]
            await asyncio.gather(*workers)
        return answers

    async def _work(self, client: httpx.AsyncClient, waiting: Iterator[tuple[int, Chat]], answers: list[Answer]) -> None:
        """Ask the chats that are still waiting, one after the other."""
        for row, chat in waiting:
            try:
                if self._given_up is not None:
                    raise _Failure(self._given_up)
                answers[row] = await self._ask(client, chat)
                self._in_a_row = 0
            except _Failure as failure:
                answers[row] = Answer(None, failed=failure.reason, page=False)
                self._in_a_row += 1
                if self._in_a_row >= self.give_up_after and self._given_up is None:
                    self._given_up = failure.reason

    async def _ask(self, client: httpx.AsyncClient, chat: Chat) -> Answer:
        """Try until there is an answer; raises _Failure where the last try brings none."""
        tries = 0
        while True:
            try:
                tries += 1
                return await self._try(client, chat)
            except _Failure as failure:
                if not failure.again or tries > self.retries or self._given_up is not None:
                    raise _Failure(failure.reason + (f" after {tries} tries" if tries > 1 else "")) from None
                pause = (
                    self.backoff * 2 ** (tries - 1) * random.uniform(0.5, 1)
                )  # spreads the retries of requests that failed together
                await asyncio.sleep(min(max(pause, failure.wait), self.longest_wait))

    async def _try(self, client: httpx.AsyncClient, chat: Chat) -> Answer:
        """Send one request and read its answer; raises _Failure where there is none."""
        import httpx

        body = {"model": self.model, "messages": chat, "temperature": 0, "max_tokens": self.max_tokens}
        try:
            async with (
                asyncio.timeout(self.timeout),
                client.stream("POST", f"{self.url.rstrip('/')}/chat/completions", json=body) as response,
            ):
                reply = await self._read(response)
        except TimeoutError:
            raise _Failure(f"no answer within {self.timeout:g} s", again=True) from None
        except httpx.ConnectError:
            raise _Failure(f"no connection to {urlsplit(self.url).netloc}", again=True) from None
        except (httpx.NetworkError, httpx.RemoteProtocolError):
            raise _Failure("the connection broke off", again=True) from None
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise _Failure(f"the request was not sent: {type(error).__name__}") from None
        if response.status_code != httpx.codes.OK:
            again = response.status_code == TOO_MANY_REQUESTS or response.is_server_error
            retry_after = response.headers.get("Retry-After", "")  # seconds; dates are ignored
            wait = float(retry_after) if retry_after.isascii() and retry_after.isdigit() else 0.0
            raise _Failure(f"HTTP {response.status_code}{self._error_message(reply)}", again=again, wait=wait)
        return self._answer(reply)

    async def _read(self, response: httpx.Response) -> bytes:
        """Read the body; raises _Failure where it is longer than max_bytes."""
        reply = bytearray()
        async for chunk in response.aiter_raw():
            reply += chunk
            if len(reply) > self.max_bytes:
                raise _Failure(f"the reply is over {self.max_bytes:,} bytes")
        return bytes(reply)

    def _answer(self, reply: bytes) -> Answer:
        """Read the answer from the body of a reply; raises _Failure where it has not the right form."""
        try:
            choice = json.loads(reply)["choices"][0]
            written, end = choice["message"]["content"], choice.get("finish_reason")
        except (ValueError, RecursionError):
            start = reply[:MAX_SHOWN].decode("utf-8", "replace").strip().partition("\n")[0][:20].strip()
            raise _Failure(f"the reply is no JSON: it begins with {self._without_key(start)!r}") from None
        except (LookupError, TypeError, AttributeError):
            raise _Failure("the reply is JSON without a choices[0].message.content") from None
        if not isinstance(written, str | None):
            raise _Failure("the reply's choices[0].message.content is no text")
        written = (written or "").encode("utf-8", "replace").decode()  # JSON can hold lone surrogates, files cannot
        return read_reply(written, finished=end != "length")

    def _error_message(self, reply: bytes) -> str:
        """The error message of an endpoint, as `: 'no such model'`; empty where it is not in the usual place."""
        try:
            message = json.loads(reply)["error"]["message"]
        except (ValueError, RecursionError, LookupError, TypeError):
            return ""
        return f": {self._without_key(str(message))[:MAX_SHOWN]!r}"

    def _without_key(self, text: str) -> str:
        """The text with asterisks in place of the key."""
        return text.replace(self.key, "***") if self.key else text


class _Failure(Exception):
    """Why there is no answer.

    again: whether another try may bring one; wait: the seconds that the endpoint asks to wait before it
    """

    def __init__(self, reason: str, *, again: bool = False, wait: float = 0.0) -> None:
        super().__init__(reason)
        self.reason = reason
        self.again = again
        self.wait = wait
