r"""Any dataset of reasoning-gym as a task of characters: `rg:NAME` (the extra `rg`).

    question    #549755813889 Calculate -5 * -6.        the problem's number, and its text
    page        Calculate -5 * -6.\=30$                 prompt up to `\=`, then the answer

A problem is an entry of `reasoning_gym.create_dataset(NAME, size=CHUNK, seed=number // CHUNK)`, and its number is enough to
make it again, wherever the dataset itself gives the same for the same seed. A few, such as list_functions, go by the hashes of
strings and do so only within one process, or with PYTHONHASHSEED set.

Text stands on a page as in a Python string: a line break is `\n`, a backslash `\\`, what is not ASCII `\xe9`, `\u2019` or
`\U0001f600`, and the stop character `\x24`. Nothing is lost, and `\=` is none of these.

An answer is right where the dataset's own `score_answer` gives it 1; it is then read as the dataset's own answer ("030" as
"30"), any other as it was written. Problems have no operands to count the digits of: all are in the one cell NO_SIZE.
"""

from __future__ import annotations

import difflib
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
from tasks.core.question import QuestionError
from tasks.core.ragged import Ints, Ragged, join
from tasks.core.scratchpad import Fault, Row, rule
from tasks.registry import GYM_PREFIX
from tasks.sizes import NO_SIZE, ProblemSize
from tasks.task import STOP, AnswerKind, Pages, Problems, Task

ANSWER = r"\="
"""Stands between a problem's text and its answer."""
CHUNK = 256  # entries of one seed; some datasets make all of them at once
SEEDS = 2**32
KEPT_DATASETS, KEPT_ENTRIES = 64, 4096  # made again where they are not kept

_WRITTEN = re.compile(
    r"(?:[ -#%-\[\]-~]|\\[\\nrt]|\\x[0-9a-f]{2}|\\u(?!d[89a-f])[0-9a-f]{4}|\\U00(?:0[1-9a-f]|10)[0-9a-f]{4})*"
)
_QUESTION = re.compile(r"\s*#?([0-9]{1,18})(?:\s+(.*?))?\s*", re.DOTALL)


class Entry(NamedTuple):
    """One problem as its dataset gives it."""

    text: str
    """As it stands on a page."""
    answer: str
    score: Callable[[str], float]


def written(text: str) -> str:
    """Any text in printable ASCII without the stop character."""
    return text.encode("unicode_escape").decode("ascii").replace(STOP, rf"\x{ord(STOP):02x}")


def _unwritten(text: str) -> str:
    """The inverse of `written`."""
    return text.encode("ascii").decode("unicode_escape")


@dataclass(frozen=True)
class GymTask(Task):
    """What all tasks `rg:NAME` share; `gym_task` makes the one of a name. ValueError where the dataset lacks such options."""

    options: dict[str, Any] = field(default_factory=dict)
    """What the dataset itself can be set to, as in max_terms = 3."""

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

    def sample_suite(self, rng: np.random.Generator, n: int, cell: ProblemSize, suite: str) -> Problems:
        if cell != NO_SIZE:
            raise ValueError(f"digits {sizes.format_size(cell)}: task {self.name} has no operands to count the digits of")
        return self.sample(rng, n)

    def pages(self, problems: Problems) -> Pages:
        text, answer, _ = problems.fields
        page = join([text, ANSWER, answer, STOP], len(problems))
        return Pages(page.values, text.lengths + len(ANSWER), page.lengths)

    def prompts(self, problems: Problems) -> Ragged:
        return join([problems.fields[0], ANSWER], len(problems))

    def extract(self, written: str, question: str) -> str | None:
        if not _WRITTEN.fullmatch(written):
            return None
        return self.canonical_reply(question, _unwritten(written))

    def max_new_tokens(self, problems: Problems) -> Ints:
        return 2 * problems.fields[1].lengths + 32

    def questions(self, problems: Problems) -> list[str]:
        text, _, number = (side.to_strings() for side in problems.fields)
        return [f"#{k} {asked}" for k, asked in zip(number, text, strict=True)]

    def question_text(self, question: str) -> str:
        return _unwritten(self._asked(question).text)

    def canonical_reply(self, question: str, reply: str) -> str:
        entry = self._asked(question)
        return entry.answer if reply == entry.answer or _score(entry, reply) == 1 else reply

    def parse(self, typed: str) -> str:
        """The number of a problem, with its text or without it."""
        match = _QUESTION.fullmatch(typed)
        if match is None or int(match[1]) >= SEEDS * CHUNK:
            raise QuestionError(f"task {self.name} answers its own problems, by number: #0 to #{SEEDS * CHUNK - 1}", typed, 0)
        text = self._entry(int(match[1])).text
        if match[2] is not None and match[2] != text:
            raise QuestionError(f"problem {match[1]} of task {self.name} is another: {text}", typed, match.start(2))
        return f"#{int(match[1])} {text}"

    def problems(self, questions: Sequence[str]) -> Problems:
        for question in questions:
            self._asked(question)
        return self._problems([_number(question) for question in questions])

    def answer(self, question: str) -> str:
        return self._asked(question).answer

    def verify(self, question: str, written: str) -> Fault | None:
        answer, right = self.extract(written, question), self.answer(question)
        return None if answer == right else Fault(1, written, f"the answer is {right}, not {answer}")

    def render(self, question: str, written: str) -> list[Row]:
        entry, answer = self._asked(question), self.extract(written, question)
        lines = _unwritten(entry.text).splitlines()
        rows = [Row(line, "given") for line in lines] + [rule(max(map(len, lines)))]
        return rows + [Row(line, "answer") for line in (answer or "").splitlines()]

    def split_keys(self, problems: Problems) -> NDArray[np.uint64]:
        return splits.fingerprint(problems.fields[0])

    def _problems(self, numbers: Sequence[int]) -> Problems:
        entries = [self._entry(number) for number in numbers]
        columns = [entry.text for entry in entries], [written(entry.answer) for entry in entries], [*map(str, numbers)]
        return Problems(tuple(Ragged.from_strings(column) for column in columns))

    def _asked(self, question: str) -> Entry:
        """The problem that a plain question asks. ValueError where its number and its text are not of one problem."""
        entry = self._entry(_number(question))
        if question.partition(" ")[2] != entry.text:
            raise ValueError(f"question {question!r}: the problem of this number is {entry.text!r}; see PYTHONHASHSEED")
        return entry

    @cached_property
    def _entry(self) -> Callable[[int], Entry]:
        """The problem of a number."""
        make = lru_cache(KEPT_DATASETS)(self._make)

        def entry(number: int) -> Entry:
            seed, index = divmod(number, CHUNK)
            dataset = make(seed)
            found = dataset[index]
            return Entry(written(found["question"]), found["answer"], lambda answer: dataset.score_answer(answer, found))

        return lru_cache(KEPT_ENTRIES)(entry)

    def _make(self, seed: int) -> Any:
        return _reasoning_gym().create_dataset(self.dataset, size=CHUNK, seed=seed, **self.options)


@cache
def gym_task(name: str) -> type[GymTask]:
    """The task `rg:NAME`. ValueError where reasoning-gym is not installed or has no dataset of this name."""
    try:
        known = _reasoning_gym().factory.DATASETS
    except ImportError:
        raise ValueError(f"{name}: the extra rg is missing: pip install 'arithgpt[rg]'") from None
    dataset = name.removeprefix(GYM_PREFIX)
    if dataset not in known:
        near = difflib.get_close_matches(dataset, known, n=1)
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
