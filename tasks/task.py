"""What a task is: the one contract between the problems and everything that trains on them or asks them.

A problem has three texts. For `add`:

    question    123+456         what a person types, and what an outside model is asked
    page        321+654=975$    what stands before the GPT: prompt `321+654=`, then what it must write, up to the stop `$`
    drawing     schoolbook columns, most significant digit first, for a person to read

A batch of training pages is a pure function of (seed, split, rank, step): nothing needs storing to resume a run and nothing
is shared between processes.
"""

from __future__ import annotations

import dataclasses
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar, Literal, TypeAlias, TypeVar

import numpy as np
from numpy.typing import NDArray

from tasks import sizes
from tasks.core.ragged import Bytes, Ints, Ragged, stack
from tasks.core.sampling import HELD_OUT_ONE_IN
from tasks.core.scratchpad import Fault, Row
from tasks.page_grammar import STOP as STOP
from tasks.sizes import ProblemSize, SizeRange

Split: TypeAlias = Literal["train", "held-out"]
MAX_IDLE_DRAWS = 20
"""After this many draws in a row that bring nothing new, there is nothing more to be had."""


@dataclass(frozen=True)
class Problems:
    """A batch of n problems by columns: `fields[k]` holds the k-th operand of each."""

    fields: tuple[Ragged, ...]

    def __len__(self) -> int:
        return len(self.fields[0])

    def __getitem__(self, rows: slice | NDArray[np.bool_] | Ints) -> Problems:
        return Problems(tuple(field[rows] for field in self.fields))

    @staticmethod
    def concatenate(batches: Sequence[Problems]) -> Problems:
        """All problems of `batches` (at least one), in order."""
        return Problems(tuple(stack(fields) for fields in zip(*(batch.fields for batch in batches), strict=True)))


@dataclass(frozen=True)
class Pages:
    """A batch of n pages.

    chars: uint8 (n, t), ASCII; 0 beyond a page's end
    prompt: int64 (n,), how many characters are given
    total: int64 (n,), how many there are in all, the stop character included
    """

    chars: Bytes
    prompt: Ints
    total: Ints

    def __len__(self) -> int:
        return len(self.total)

    def __getitem__(self, rows: Ints) -> Pages:
        """The chosen pages, trimmed to the width they need."""
        total = self.total[rows]
        return Pages(self.chars[rows, : int(total.max(initial=0))], self.prompt[rows], total)

    def texts(self) -> list[str]:
        return Ragged(self.chars, self.total).to_strings()


class QuestionError(ValueError):
    """A question that cannot be understood.

    text: what was typed; place: index of the character at fault (len(text) where something is missing at the end)
    """

    def __init__(self, message: str, text: str, place: int) -> None:
        super().__init__(message)
        self.text = text
        self.place = place


class Task(ABC):
    """One kind of problem. Subclasses are frozen dataclasses: their fields are the options a recipe can set."""

    name: ClassVar[str]
    summary: ClassVar[str]
    operator: ClassVar[str] = ""
    """The one operator of its questions; empty where they have several."""
    free_text: ClassVar[bool] = False
    """Whether its questions and answers are any text, and not numbers."""
    decimals: ClassVar[bool] = False
    """Whether an answer may have digits after the point, and no remainder."""
    counts: ClassVar[tuple[str, str]] = ("left digits", "right digits")
    """What the two numbers of a cell count."""
    sample: ClassVar[str] = ""
    """A question, for messages; empty where its questions are two numbers and an operator, or another's."""
    answers: ClassVar[str] = ""
    """What its answers look like, for data cards, where they are no numbers of the usual form."""
    version: ClassVar[int] = 1
    """Raised when the problems or pages drawn from one seed change, so that results name what they measured."""

    answer_mark: ClassVar[str] = ""
    """The mark before the answer on a page with its working, where the answer there is not just as it is without."""

    suites: ClassVar[tuple[str, ...]] = ("random",)
    """The kinds of test problems it has; `random` is always one, but a mixture has none: its parts do."""
    fixed_suites: ClassVar[tuple[str, ...]] = ()
    """Those that come as a whole for each length, whatever number is asked for; some may have been trained on."""
    on_request: ClassVar[tuple[str, ...]] = ("exhaustive", "long")
    """Those that are only asked by name: they take long."""

    @property
    def length_names(self) -> tuple[str, str]:
        """`counts` as the names of fields: left_digits and right_digits, if the task does not say else."""
        left, right = (name.replace(" ", "_") for name in self.counts)
        return left, right

    def check_shares(self) -> None:
        """ValueError where an option that is a share is none."""
        for name, value in vars(self).items():
            if name.endswith("_share") and not 0 <= value <= 1:
                raise ValueError(f"{name} = {value}: must be from 0 to 1")

    def size_ranges_of(self, option: str, longest: int | None = None) -> tuple[SizeRange, ...]:
        """The lengths that an option such as `digits` names. ValueError where it names none, or any over `longest`."""
        text = getattr(self, option)
        try:
            size_ranges = sizes.parse(text)
        except ValueError as error:
            raise ValueError(f"{option} = {text!r}: {error}") from None
        if longest is not None and max(side[1] for box in size_ranges for side in (box.left, box.right)) > longest:
            raise ValueError(f"{option} = {text!r}: task {self.name} takes at most {longest}")
        return size_ranges

    def ranges_of(self, option: str, example: str, longest: int | None = None, why: str = "") -> tuple[SizeRange, ...]:
        """The same of an option that counts one thing, so that it has no `x`; the example and why are for the message."""
        size_ranges = self.size_ranges_of(option, longest)
        if any(box.left != box.right for box in size_ranges):
            raise ValueError(f"{option} = {getattr(self, option)!r}: must be one range such as {example}, without x{why}")
        return size_ranges

    @property
    def split_rule(self) -> str:
        """How problems are held out, for data cards; empty where it is as for sums, expressions or free text."""
        return ""

    @property
    def idle(self) -> frozenset[str]:
        """Options that have no say as the others are; a recipe does not list them."""
        return frozenset()

    @property
    def worked(self) -> Task | None:
        """The same task with its working written out; None where it has none that can be left out, or writes it already."""
        return dataclasses.replace(self, scratchpad=True) if getattr(self, "scratchpad", True) is False else None  # type: ignore[type-var]

    @property
    @abstractmethod
    def alphabet(self) -> str:
        """Every character a page can hold, each once, in the order of the vocabulary."""

    @abstractmethod
    def draw(self, rng: np.random.Generator, n: int) -> Problems:
        """n problems as in training, of either split."""

    @property
    def subtasks(self) -> Mapping[str, Task]:
        """The tasks that a model of this one can be asked, by name: itself, or what it is a mixture of."""
        return {self.name: self}

    @property
    def size_ranges(self) -> tuple[SizeRange, ...]:
        """The operand lengths of training. A mixture has none of its own: its parts do."""
        raise NotImplementedError(f"task {self.name} has no lengths of its own")

    @property
    def span(self) -> tuple[int, int]:
        """The fewest and the most digits that any operand has in training."""
        sides = [side for part in self.subtasks.values() for box in part.size_ranges for side in (box.left, box.right)]
        return min(low for low, _ in sides), max(high for _, high in sides)

    @property
    def beyond(self) -> list[ProblemSize]:
        """The lengths that the suite `long` asks where none are named."""
        return sizes.beyond(self.size_ranges)

    def draw_suite(self, rng: np.random.Generator, n: int, cell: ProblemSize, suite: str) -> Problems:
        """n test problems whose operands have the digits of `cell`, of either split; fewer where a suite has fewer."""
        raise NotImplementedError(f"task {self.name} has no suites of its own")

    @abstractmethod
    def pages(self, problems: Problems) -> Pages:
        """The problems with their answers worked out, as the GPT should write them."""

    @abstractmethod
    def prompts(self, problems: Problems) -> Ragged:
        """Only what the GPT is given, as ASCII rows: the pages up to their `prompt`."""

    @abstractmethod
    def extract(self, written: str, question: str) -> str | None:
        """The answer that a completion gives, as a person would write it; None where it cannot be read.

        written: what follows the prompt, without the stop character
        """

    @abstractmethod
    def max_new_tokens(self, problems: Problems) -> Ints:
        """int64 (n,): how many characters each completion is allowed, generously; one that needs more is unfinished."""

    @abstractmethod
    def in_range(self, problems: Problems) -> NDArray[np.bool_]:
        """bool (n,): whether a problem is as long as those of training, not shorter or longer."""

    @abstractmethod
    def questions(self, problems: Problems) -> list[str]:
        """What a person types."""

    def asked(self, question: str) -> str:
        """The text with which a plain question is put to an outside model."""
        return question

    def expression_only(self, question: str) -> str:
        """A plain question without what it says of the form of its answer."""
        return question

    def exact(self, question: str) -> bool:
        """Whether the right answer is the value itself, and not rounded."""
        return True

    def recognised(self, question: str, reply: str) -> str:
        """The right answer where an outside model's reply means the same, else the reply."""
        return reply

    def digits_of(self, problems: Problems) -> tuple[Ints, Ints]:
        """int64 (n,) each: what `counts` says, the digits of left and right operands; zeros where a task has none."""
        left, right, *_ = problems.fields
        return left.lengths, right.lengths

    @abstractmethod
    def parse(self, typed: str) -> str:
        """A typed question in its plain form, as `questions` gives it. QuestionError where it is none of this task."""

    @abstractmethod
    def problems(self, questions: Sequence[str]) -> Problems:
        """The problems that plain questions (at least one) ask; the inverse of `questions`."""

    @abstractmethod
    def answer(self, question: str) -> str:
        """The right answer to a plain question, by Python's own arithmetic: shares nothing with `pages`."""

    @abstractmethod
    def verify(self, question: str, written: str) -> Fault | None:
        """The first line of a finished completion that does not hold, by Python's own arithmetic; None where all do."""

    @abstractmethod
    def render(self, question: str, written: str) -> list[Row]:
        """What has been written so far in schoolbook columns, most significant digit first, for a person to read."""

    @abstractmethod
    def keys(self, problems: Problems) -> NDArray[np.uint64]:
        """A stable 64-bit hash of each problem (n,); where `commutes` says so, a and b share one with b and a."""

    @abstractmethod
    def can_hold_out(self, problems: Problems) -> NDArray[np.bool_]:
        """bool (n,): False where there are too few problems like it to keep any from training."""

    def held_out(self, problems: Problems) -> NDArray[np.bool_]:
        """bool (n,): which of the problems are never trained on."""
        return (self.keys(problems) % np.uint64(HELD_OUT_ONE_IN) == 0) & self.can_hold_out(problems)

    def batch(self, n: int, *, seed: int, split: Split, rank: int, step: int) -> Pages:
        """n pages of one split: the same numbers give the same pages, other numbers give independent ones."""
        return self.pages(self.stream(n, seed=seed, split=split, rank=rank, step=step))

    def stream(self, n: int, *, seed: int, split: Split, rank: int, step: int) -> Problems:
        """The problems of `batch`. ValueError where there are none of this split."""
        rng = np.random.default_rng([seed, _STREAMS[split], rank, step])
        problems = self._collect(n, split == "held-out", lambda size: self.draw(rng, size))
        if len(problems) < n:
            raise ValueError(f"{self!r}: has no problems that are {'' if split == 'held-out' else 'not '}held out")
        return problems

    def test(self, n: int, cell: ProblemSize, *, seed: int, suite: str = "random") -> Problems:
        """At most n test problems whose operands have the digits of `cell`, each once.

        They are never trained on, where there are enough of these lengths to hold out any. A fixed suite gives all it has.

        Raises ValueError where this task has no such suite.
        """
        if suite not in self.suites:
            raise ValueError(f"suite {suite!r}: task {self.name} has {', '.join(self.suites)}")
        rng = np.random.default_rng([seed, _STREAMS["test"], self.suites.index(suite), *cell])

        def draw(size: int) -> Problems:
            return self.draw_suite(rng, size, cell, suite)

        if suite in self.fixed_suites:
            return draw(n)
        hold_out = bool(self.can_hold_out(draw(1)).all())
        asked: set[str] = set()
        batches, idle = [], 0
        while len(asked) < n and idle < MAX_IDLE_DRAWS:
            problems = self._collect(n, True, draw) if hold_out else draw(n)
            if len(problems) == 0:  # a suite can have so few problems of these lengths that none is held out
                hold_out = False
                continue
            new = unseen(self.questions(problems), asked, n)
            batches += [problems[np.array(new)]] if new else []
            idle = 0 if new else idle + 1
        return Problems.concatenate(batches)

    def _collect(self, n: int, held_out: bool, draw: Callable[[int], Problems]) -> Problems:
        """Draw until there are n problems of the wanted split; fewer where draws bring no more of it."""
        share = 1 / HELD_OUT_ONE_IN if held_out else 1 - 1 / HELD_OUT_ONE_IN
        batches, missing, idle = [], n, 0
        while missing > 0 and idle < MAX_IDLE_DRAWS:
            problems = draw(int(missing / share * 1.05) + 8)
            problems = problems[self.held_out(problems) == held_out][:missing]
            batches.append(problems)
            missing -= len(problems)
            idle = idle + 1 if len(problems) == 0 else 0
        return Problems.concatenate(batches) if len(batches) > 1 else batches[0]


Key = TypeVar("Key", str, int)


def unseen(keys: Sequence[Key], known: set[Key], most: int) -> list[int]:
    """The rows whose key is not known yet, each key once; they become known, until `most` are."""
    rows = []
    for row, key in enumerate(keys):
        if key not in known and len(known) < most:
            known.add(key)
            rows.append(row)
    return rows


TASKS: dict[str, type[Task]] = {}
"""Every registered task by name."""


def register(task: type[Task]) -> type[Task]:
    """Class decorator: make a task known by its name. ValueError where the name is taken."""
    if task.name in TASKS:
        raise ValueError(f"task {task.name!r} is registered twice")
    TASKS[task.name] = task
    return task


_STREAMS = {"train": 0, "held-out": 1, "test": 2}
