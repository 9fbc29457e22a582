"""Any model behind an OpenAI-compatible chat endpoint as a solver (the extra `llm`).

    LLMSolver("qwen3", "http://localhost:8000/v1").solve(task, problems)[0]
    -> Answer(text="579", written="579", ...), or Answer(None, failed="HTTP 500 after 4 tries", ...)

One event loop rather than threads: only there can a request be ended at its deadline wherever it is, even where an endpoint
drips the bytes of its headers for ever.
"""

from __future__ import annotations

import asyncio
import json
import random
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from eval.solver import Answer, MissingExtra
from eval.solvers import prompting as fewshot
from tasks import Problems, Task

if TYPE_CHECKING:
    import httpx

TOO_MANY_REQUESTS = 429
SHOWN = 100  # characters of what an endpoint says about its error


@dataclass
class LLMSolver:
    """Asks each problem in a chat of its own, greedily (temperature 0). ValueError names a field that is out of range.

    After `give_up_after` failures in a row, over all calls of `solve`, nothing more is sent: all that follow have failed too.
    """

    model: str
    url: str
    """Of the API: http://localhost:8000/v1"""
    key: str = field(default="", repr=False)
    """Sent as a bearer token where it is not empty. It stands in no message."""
    shots: int = 4
    """Solved problems shown before the one that is asked."""
    seed: int = 0
    """Of the shots."""
    concurrency: int = 8
    """Requests at a time."""
    timeout: float = 60.0
    """Seconds for one try, from connecting to the last byte."""
    retries: int = 3
    """Tries after the first: where there was no connection or no answer in time, and after HTTP 429 and 5xx."""
    backoff: float = 1.0
    """Seconds before the first retry, at most; twice as many before each further one."""
    longest_wait: float = 60.0
    """Seconds before any retry, at most, whatever the endpoint asks for with Retry-After."""
    max_tokens: int = 512
    max_bytes: int = 1_000_000
    """Of a reply's body; nothing is read beyond."""
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
        return self.model

    def solve(self, task: Task, problems: Problems) -> list[Answer]:
        """Answers in order. MissingExtra without httpx; ValueError where the task has not so many shots.

        RuntimeError within a running event loop, such as a notebook's.
        """
        given = fewshot.shots(task, self.shots, self.seed)
        questions = task.questions(problems)
        chats = [
            fewshot.messages(given, task.asked(question), free_text=task.free_text, decimals=task.decimals)
            for question in questions
        ]
        answers = asyncio.run(self._solve(chats))
        return [fewshot.resolve(task, question, answer) for question, answer in zip(questions, answers, strict=True)]

    async def _solve(self, chats: list[list[dict[str, str]]]) -> list[Answer]:
        try:
            import httpx
        except ImportError:
            raise MissingExtra("llm") from None
        headers = {"Accept-Encoding": "identity"}  # few compressed bytes can become very many
        if self.key:
            headers["Authorization"] = f"Bearer {self.key}"
        answers = [Answer(None)] * len(chats)
        waiting = iter(enumerate(chats))
        async with httpx.AsyncClient(headers=headers, timeout=None) as client:  # its time-outs start anew at each byte
            workers = [self._work(client, waiting, answers) for _ in range(min(self.concurrency, len(chats)))]
            await asyncio.gather(*workers)
        return answers

    async def _work(
        self, client: httpx.AsyncClient, waiting: Iterator[tuple[int, list[dict[str, str]]]], answers: list[Answer]
    ) -> None:
        """Ask whatever is still waiting, one after the other."""
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

    async def _ask(self, client: httpx.AsyncClient, chat: list[dict[str, str]]) -> Answer:
        """Try until there is an answer. _Failure where there is none in the end."""
        tries = 0
        while True:
            try:
                tries += 1
                return await self._try(client, chat)
            except _Failure as failure:
                if not failure.again or tries > self.retries or self._given_up is not None:
                    raise _Failure(failure.reason + (f" after {tries} tries" if tries > 1 else "")) from None
                pause = self.backoff * 2 ** (tries - 1) * random.uniform(0.5, 1)  # many that failed together come back apart
                await asyncio.sleep(min(max(pause, failure.wait), self.longest_wait))

    async def _try(self, client: httpx.AsyncClient, chat: list[dict[str, str]]) -> Answer:
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
            asked = response.headers.get("Retry-After", "")
            wait = float(asked) if asked.isascii() and asked.isdigit() else 0.0  # or a date, which nobody sends
            raise _Failure(f"HTTP {response.status_code}{self._said(reply)}", again=again, wait=wait)
        return self._answer(reply)

    async def _read(self, response: httpx.Response) -> bytes:
        """The body, as far as it may go. _Failure beyond."""
        reply = bytearray()
        async for piece in response.aiter_raw():
            reply += piece
            if len(reply) > self.max_bytes:
                raise _Failure(f"the reply is over {self.max_bytes:,} bytes")
        return bytes(reply)

    def _answer(self, reply: bytes) -> Answer:
        try:
            choice = json.loads(reply)["choices"][0]
            written, end = choice["message"]["content"], choice.get("finish_reason")
        except (ValueError, RecursionError):
            start = reply[:SHOWN].decode("utf-8", "replace").strip().partition("\n")[0][:20].strip()
            raise _Failure(f"the reply is no JSON: it begins with {self._without_key(start)!r}") from None
        except (LookupError, TypeError, AttributeError):
            raise _Failure("the reply is JSON without a choices[0].message.content") from None
        if not isinstance(written, str | None):
            raise _Failure("the reply's choices[0].message.content is no text")
        written = (written or "").encode("utf-8", "replace").decode()  # JSON can hold halves of characters, files cannot
        return fewshot.answered(written, finished=end != "length")

    def _said(self, reply: bytes) -> str:
        """What an endpoint says about its error, where it is in the usual place: `: 'no such model'`."""
        try:
            said = json.loads(reply)["error"]["message"]
        except (ValueError, RecursionError, LookupError, TypeError):
            return ""
        return f": {self._without_key(str(said))[:SHOWN]!r}"

    def _without_key(self, text: str) -> str:
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
