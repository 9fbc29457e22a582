r"""Any dataset of reasoning-gym as a task of characters: `rg:NAME` (the extra `rg`).

    question    #549755813889 Calculate -5 * -6.        the problem's number, and its text
    page        Calculate -5 * -6.\=30$                 prompt up to `\=`, then the answer

A problem is an entry of `reasoning_gym.create_dataset(NAME, size=CHUNK, seed=number // CHUNK)`. Its number is enough to make it
again, if the dataset itself gives the same entries for the same seed. A few datasets, such as list_functions, depend on the
hashes of strings. They give the same entries only within one process, or with PYTHONHASHSEED set.

Text is escaped on a page as in a Python string: a line break is `\n`, a backslash `\\`, a character outside ASCII `\xe9`,
`\u2019` or `\U0001f600`, and the stop character `\x24`. Nothing is lost, and `\=` is none of these.

An answer is right where the dataset's own `score_answer` gives it 1; `extract` then returns the dataset's own answer, such as
"30" for "030". It returns any other answer as it was written. Problems have no operands to count the digits of, so all have
the size NO_SIZE.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, fields
from functools import cache, cached_property, lru_cache
from importlib import import_module
from types import ModuleType
from typing import Any, ClassVar, NamedTuple

import numpy as np
from numpy.typing import NDArray

from tasks import sizes, splits
from tasks.core.near import near_names
from tasks.core.question import QuestionError
from tasks.core.ragged import Ints, Ragged, join
from tasks.core.scratchpad import Row, rule
from tasks.registration import GYM_PREFIX
from tasks.sizes import NO_SIZE, ProblemSize
from tasks.task import STOP, AnswerKind, Pages, Problems, Task

ANSWER = r"\="
"""Stands between a problem's text and its answer."""
CHUNK = 256
"""The entries of one seed; some datasets make all of them at once."""
SEEDS = 2**32
_CACHED_DATASETS, _CACHED_ENTRIES = 64, 4096
_SLACK = 32

_ESCAPED = re.compile(
    r"(?:[ -#%-\[\]-~]|\\[\\nrt]|\\x[0-9a-f]{2}|\\u(?!d[89a-f])[0-9a-f]{4}|\\U00(?:0[1-9a-f]|10)[0-9a-f]{4})*"
)
_QUESTION = re.compile(r"\s*#?([0-9]{1,18})(?:\s+(.*?))?\s*", re.DOTALL)


class Entry(NamedTuple):
    """One problem of a dataset."""

    text: str
    """The question, escaped as it stands on a page."""
    answer: str
    """The answer as the dataset gives it."""
    score: Callable[[str], float]


def escape(text: str) -> str:
    """Write any text in printable ASCII without the stop character."""
    return text.encode("unicode_escape").decode("ascii").replace(STOP, rf"\x{ord(STOP):02x}")


def unescape(text: str) -> str:
    """The inverse of `escape`."""
    return text.encode("ascii").decode("unicode_escape")


@dataclass(frozen=True)
class GymTask(Task):
    """The base of all tasks `rg:NAME`; `gym_task` makes the class of one. ValueError where the dataset lacks such options.

    The fields of its problems are the escaped text, the escaped answer and the number.
    """

    options: dict[str, Any] = field(default_factory=dict)
    """Options of the dataset itself, such as max_terms = 3."""

    dataset: ClassVar[str]
    answer_kind: ClassVar[AnswerKind] = "text"

    def __post_init__(self) -> None:
        own = {option.name for option in fields(_reasoning_gym().factory.DATASETS[self.dataset][1])} - {"seed", "size"}
        if unknown := sorted(self.options.keys() - own):
            raise ValueError(f"options.{unknown[0]}: {self.name} has no such option; there are: {', '.join(sorted(own))}")
        try:
            entry = self._make(0)[0]
        except (AssertionError, LookupError, TypeError, ValueError) as error:
            raise ValueError(f"options = {self.options!r}: {str(error).partition(chr(10))[0]}") from None
        if not isinstance(entry["answer"], str):
            raise ValueError(f"{self.name}: its problems come without an answer to learn")

    @property
    def example(self) -> str:
        return "#1"

    def sample(self, rng: np.random.Generator, n: int) -> Problems:
        seeds = rng.integers(0, SEEDS, -(-n // CHUNK))
        return self._problems([seed * CHUNK + index for seed in seeds.tolist() for index in range(CHUNK)][:n])

    def sample_suite(self, rng: np.random.Generator, n: int, size: ProblemSize, suite: str) -> Problems:
        if size != NO_SIZE:
            raise ValueError(f"digits {sizes.format_size(size)}: task {self.name} has no operands to count the digits of")
        return self.sample(rng, n)

    def pages(self, problems: Problems) -> Pages:
        return Pages.join(self.prompts(problems), [problems.fields[1], STOP])

    def prompts(self, problems: Problems) -> Ragged:
        return join([problems.fields[0], ANSWER], len(problems))

    def extract(self, completion: str, question: str) -> str | None:
        if not _ESCAPED.fullmatch(completion):
            return None
        return self.canonical_reply(question, unescape(completion))

    def max_new_tokens(self, problems: Problems) -> Ints:
        return 2 * problems.fields[1].lengths + _SLACK

    def questions(self, problems: Problems) -> list[str]:
        text, _, number = (side.to_strings() for side in problems.fields)
        return [f"#{k} {asked}" for k, asked in zip(number, text, strict=True)]

    def question_text(self, question: str) -> str:
        return unescape(self._entry_of(question).text)

    def canonical_reply(self, question: str, reply: str) -> str:
        entry = self._entry_of(question)
        return entry.answer if reply == entry.answer or _score(entry, reply) == 1 else reply

    def parse(self, typed: str) -> str:
        """Read the number of a problem, with its text or without it."""
        match = _QUESTION.fullmatch(typed)
        if match is None or int(match[1]) >= SEEDS * CHUNK:
            raise QuestionError(f"task {self.name} answers its own problems, by number: #0 to #{SEEDS * CHUNK - 1}", typed, 0)
        text = self._entry(int(match[1])).text
        if match[2] is not None and match[2] != text:
            raise QuestionError(f"problem {match[1]} of task {self.name} is another: {text}", typed, match.start(2))
        return f"#{int(match[1])} {text}"

    def problems(self, questions: Sequence[str]) -> Problems:
        for question in questions:
            self._entry_of(question)
        return self._problems([_number(question) for question in questions])

    def answer(self, question: str) -> str:
        return self._entry_of(question).answer

    def render(self, question: str, completion: str) -> list[Row]:
        entry, answer = self._entry_of(question), self.extract(completion, question)
        lines = unescape(entry.text).splitlines()
        rows = [Row(line, "given") for line in lines] + [rule(max(map(len, lines)))]
        return rows + [Row(line, "answer") for line in (answer or "").splitlines()]

    def split_keys(self, problems: Problems) -> NDArray[np.uint64]:
        return splits.fingerprint(problems.fields[0])

    def _problems(self, numbers: Sequence[int]) -> Problems:
        entries = [self._entry(number) for number in numbers]
        columns = [entry.text for entry in entries], [escape(entry.answer) for entry in entries], [*map(str, numbers)]
        return Problems(tuple(Ragged.from_strings(column) for column in columns))

    def _entry_of(self, question: str) -> Entry:
        """The entry that a plain question asks. ValueError where its number and its text do not belong together."""
        entry = self._entry(_number(question))
        if question.partition(" ")[2] != entry.text:
            raise ValueError(f"question {question!r}: the problem of this number is {entry.text!r}; see PYTHONHASHSEED")
        return entry

    @cached_property
    def _entry(self) -> Callable[[int], Entry]:
        """A cached function that gives the entry of a number."""
        make = lru_cache(_CACHED_DATASETS)(self._make)

        def entry(number: int) -> Entry:
            seed, index = divmod(number, CHUNK)
            dataset = make(seed)
            found = dataset[index]
            return Entry(escape(found["question"]), found["answer"], lambda answer: dataset.score_answer(answer, found))

        return lru_cache(_CACHED_ENTRIES)(entry)

    def _make(self, seed: int) -> Any:
        return _reasoning_gym().create_dataset(self.dataset, size=CHUNK, seed=seed, **self.options)


@cache
def gym_task(name: str) -> type[GymTask]:
    """Make the task class of a name such as `rg:chain_sum`.

    Raises:
        ValueError: reasoning-gym is not installed, or has no dataset of this name.
    """
    try:
        known = _reasoning_gym().factory.DATASETS
    except ImportError:
        raise ValueError(f"{name}: the extra rg is missing: pip install 'arithgpt[rg]'") from None
    dataset = name.removeprefix(GYM_PREFIX)
    if dataset not in known:
        near = near_names(dataset, known)
        hint = f"did you mean {GYM_PREFIX}{near[0]}?" if near else f"there are: {', '.join(sorted(known))}"
        raise ValueError(f"{name}: reasoning-gym has no such dataset; {hint}")
    about = {"name": name, "dataset": dataset, "summary": f"{dataset} of reasoning-gym"}
    return dataclass(frozen=True)(type(dataset.title().replace("_", ""), (GymTask,), about))


def _reasoning_gym() -> ModuleType:
    """The package, imported at first use: it is an extra. ImportError where it is not installed."""
    return import_module("reasoning_gym")


def _number(question: str) -> int:
    return int(question.partition(" ")[0].removeprefix("#"))


def _score(entry: Entry, answer: str) -> float:
    try:
        return entry.score(answer)
    except Exception:
        return 0  # some datasets take for granted that what they score can be parsed
