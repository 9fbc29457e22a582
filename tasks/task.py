"""The contract of a task: what problems are asked, how the model writes them, and what is right.

Each problem has three texts. For `add`:

    question    123+456         what a person types, and what an outside model is asked
    page        321+654=975$    what the GPT reads and writes: the prompt `321+654=`, then the completion up to the stop `$`
    drawing     schoolbook columns, most significant digit first, for a person to read

The author of a task writes `name`, `summary` and four methods: `sample`, `pages`, `extract` and `answer`. Everything else has a
default that fits problems whose question says everything about them. tests/examples/maximum_task.py is a whole task.

A batch of training pages is a pure function of (seed, split, rank, step). So a run needs no stored data to be resumed, and
processes share nothing.
"""

from __future__ import annotations

import dataclasses
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from typing import ClassVar, Final, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from tasks import sizes, splits
from tasks.core.question import QuestionError
from tasks.core.ragged import Bools, Ints, Ragged
from tasks.core.ragged import Pages as Pages
from tasks.core.ragged import Problems as Problems
from tasks.core.sampling import unseen
from tasks.core.scratchpad import Fault, Row, rule, wrong_answer
from tasks.page_grammar import STOP as STOP
from tasks.sizes import ProblemSize, SizeRange, Span

Split: TypeAlias = Literal["train", "held-out"]
AnswerKind: TypeAlias = Literal["number", "decimal", "text"]
"""number: an integer, perhaps with a remainder. decimal: may have digits after the point. text: any other text."""

MAX_IDLE_DRAWS: Final = 20
"""Sampling ends after this many rounds in a row that bring nothing new."""

PRINTABLE_ASCII: Final = "".join(map(chr, range(ord(" "), ord("~") + 1)))

_COMPLETION_SLACK: Final = 16
_STREAMS: Final = {"train": 0, "held-out": 1, "test": 2}


class Task(ABC):
    """One kind of problem. Subclasses are frozen dataclasses: their fields are the options that a recipe can set."""

    name: ClassVar[str]
    summary: ClassVar[str]
    """One line for lists of tasks."""
    version: ClassVar[int] = 1
    """Raised when the problems or pages drawn from one seed change, so that results name what they measured."""
    operator: ClassVar[str] = ""
    """The one operator of its questions; empty where they have none or several."""
    answer_kind: ClassVar[AnswerKind] = "number"
    answer_format: ClassVar[str] = ""
    """What answers look like, for data cards; empty where `answer_kind` says it all."""
    size_names: ClassVar[tuple[str, str]] = ("left digits", "right digits")
    """What the two numbers of a problem size count."""
    suites: ClassVar[tuple[str, ...]] = ("random",)
    """The kinds of test problems. `random` is always one; a mixture has none, but its subtasks have."""
    complete_suites: ClassVar[tuple[str, ...]] = ()
    """Suites that come as a whole for each size, whatever number is asked for; training may have met some of their problems."""
    slow_suites: ClassVar[tuple[str, ...]] = ("exhaustive", "long")
    """Suites that are asked only by name."""
    final_answer_mark: ClassVar[str] = ""
    """The mark before the answer on a page with a scratchpad, where the answer has another form there than without."""

    # What the author writes.

    @abstractmethod
    def sample(self, rng: np.random.Generator, n: int) -> Problems:
        """Draw n problems as in training; held-out ones may be among them."""

    @abstractmethod
    def pages(self, problems: Problems) -> Pages:
        """Write the problems with their answers worked out, as the GPT should write them."""

    @abstractmethod
    def extract(self, completion: str, question: str) -> str | None:
        """Read the answer from a completion.

        Args:
            completion: what was written after the prompt, without the stop.

        Returns:
            The answer as a person would write it; None where none can be read.
        """

    @abstractmethod
    def answer(self, question: str) -> str:
        """The right answer to a question, by Python's own arithmetic; shares no code with `pages`."""

    # Questions and prompts.

    @property
    def alphabet(self) -> str:
        """Every character that a page can hold, each once, in the order of the vocabulary. Default: all of printable ASCII."""
        return PRINTABLE_ASCII

    @property
    def example(self) -> str:
        """A question for help and messages. Default: one that `sample` draws."""
        return self.questions(self.sample(np.random.default_rng(0), 1))[0]

    def questions(self, problems: Problems) -> list[str]:
        """The question of each problem. Default: the text in the first field."""
        return problems.fields[0].to_strings()

    def problems(self, questions: Sequence[str]) -> Problems:
        """The problems that plain questions (at least one) ask; the inverse of `questions`."""
        return Problems.from_questions(questions)

    def parse(self, typed: str) -> str:
        """Bring a typed question into its plain form, as `questions` gives it. Default: without spaces around it.

        Raises:
            QuestionError: it is not a question of this task.
        """
        question = typed.strip()
        expected = f"expected a question like {self.example}"
        if not question:
            raise QuestionError(f"empty: {expected}", typed, 0)
        try:
            self.answer(question)
            [page] = self.pages(self.problems([question])).texts()
        except QuestionError:
            raise
        except (ValueError, LookupError, ArithmeticError):
            raise QuestionError(f"task {self.name} cannot read it: {expected}", typed, typed.index(question)) from None
        if unknown := [char for char in page if char not in self.alphabet]:
            raise QuestionError(f"{unknown[0]!r} is not in the alphabet: {expected}", typed, max(typed.find(unknown[0]), 0))
        return question

    def question_text(self, question: str) -> str:
        """The text with which an outside model is asked a plain question."""
        return question

    def expression_only(self, question: str) -> str:
        """A plain question without what it says about the form of the answer."""
        return question

    def is_exact(self, question: str) -> bool:
        """Whether the right answer is the value itself, and not a rounded one."""
        return True

    def canonical_reply(self, question: str, reply: str) -> str:
        """The right answer where an outside model's reply means the same, else the reply."""
        return reply

    def prompts(self, problems: Problems) -> Ragged:
        """The pages up to the end of their prompts, as ASCII rows."""
        pages = self.pages(problems)
        return Ragged(pages.chars, pages.total).between(0, pages.prompt)

    def max_new_tokens(self, problems: Problems) -> Ints:
        """int64 (n,): the characters that each completion may have; a longer one counts as unfinished."""
        pages = self.pages(problems)
        return 2 * (pages.total - pages.prompt) + _COMPLETION_SLACK

    def verify(self, question: str, completion: str) -> Fault | None:
        """Find the first line of a finished completion that does not hold; None where all do. Default: the answer only."""
        found, right = self.extract(completion, question), self.answer(question)
        return None if found == right else Fault(1, completion, wrong_answer("the answer", right, found))

    def render(self, question: str, completion: str) -> list[Row]:
        """Draw the question and what has been written so far, for a person to read. Default: the question and the answer."""
        answer = self.extract(completion, question)
        rows = [Row(question, "given"), rule(max(len(question), len(answer or "")))]
        return rows if answer is None else [*rows, Row(answer, "answer")]

    def with_scratchpad(self) -> Task | None:
        """The same task with option `scratchpad` on; None where it has no such option, or it is on already."""
        return dataclasses.replace(self, scratchpad=True) if getattr(self, "scratchpad", True) is False else None  # type: ignore[type-var]

    # Sizes and suites.

    @property
    def subtasks(self) -> Mapping[str, Task]:
        """The tasks that a model of this one can be asked, by name: itself, or the parts of a mixture."""
        return {self.name: self}

    def subtask_of(self, question: str) -> Task:
        """The subtask that a plain question asks: itself, or a part of a mixture."""
        return self

    @property
    def size_ranges(self) -> tuple[SizeRange, ...]:
        """The problem sizes of training. Default: NO_SIZE alone."""
        return (SizeRange(Span(0, 0), Span(0, 0)),)

    @property
    def size_span(self) -> Span:
        """The shortest and the longest operand of training; 0 and 0 where problems have no sizes."""
        sides = [side for task in self.subtasks.values() for each in task.size_ranges for side in (each.left, each.right)]
        return Span(min(side.low for side in sides), max(side.high for side in sides))

    @property
    def long_sizes(self) -> list[ProblemSize]:
        """The sizes that the suite `long` asks where none are named."""
        return sizes.longer(self.size_ranges) if "long" in self.suites else []

    def sizes_of(self, problems: Problems) -> tuple[Ints, Ints]:
        """int64 (n,) each: the left and the right size of each problem. Default: zeros."""
        zeros = np.zeros(len(problems), np.int64)
        return zeros, zeros

    def in_range(self, problems: Problems) -> Bools:
        """bool (n,): whether each problem has a size of training."""
        return sizes.contains(self.size_ranges, *self.sizes_of(problems))

    def sample_suite(self, rng: np.random.Generator, n: int, size: ProblemSize, suite: str) -> Problems:
        """Draw n test problems of one size; held-out ones may be among them. Fewer where the suite has fewer.

        Default: problems as in training, those of other sizes left out.

        Raises:
            ValueError: there are none of this size.
        """
        batches: list[Problems] = []
        missing, idle = n, 0
        while missing > 0 and idle < MAX_IDLE_DRAWS:
            problems = self.sample(rng, max(missing, 64))
            left, right = self.sizes_of(problems)
            batches.append(problems[np.flatnonzero((left == size[0]) & (right == size[1]))[:missing]])
            missing -= len(batches[-1])
            idle = 0 if len(batches[-1]) else idle + 1
        if missing == n:
            if self.size_span.high == 0:
                raise ValueError(f"digits {sizes.format_size(size)}: task {self.name} has no operands to count the digits of")
            raise ValueError(f"{sizes.format_size(size)}: task {self.name} samples no problems of this size")
        return Problems.concatenate(batches)

    # What is held out.

    def split_keys(self, problems: Problems) -> NDArray[np.uint64]:
        """uint64 (n,): a stable hash of each problem, which decides whether it is held out. Default: of the question's text."""
        return splits.fingerprint(Ragged.from_strings(self.questions(problems)))

    def can_hold_out(self, problems: Problems) -> Bools:
        """bool (n,): False where there are too few problems of this size to hold any out. Default: all True."""
        return np.ones(len(problems), bool)

    def held_out(self, problems: Problems) -> Bools:
        """bool (n,): which of the problems are never trained on."""
        return splits.is_held_out(self.split_keys(problems)) & self.can_hold_out(problems)

    @property
    def split_rule(self) -> str:
        """How problems are held out, for data cards."""
        return splits.describe_rule("a problem's text")

    # Batches.

    def batch(self, n: int, *, seed: int, split: Split, rank: int, step: int) -> Pages:
        """n pages of one split. The same numbers give the same pages, other numbers give independent ones."""
        return self.pages(self.stream(n, seed=seed, split=split, rank=rank, step=step))

    def stream(self, n: int, *, seed: int, split: Split, rank: int, step: int) -> Problems:
        """The problems of `batch`.

        Raises:
            ValueError: there are too few problems of this split.
        """
        rng = np.random.default_rng([seed, _STREAMS[split], rank, step])
        problems = self._sample_split(n, split == "held-out", lambda size: self.sample(rng, size))
        if len(problems) < n:
            raise ValueError(f"{self!r}: has no problems that are {'' if split == 'held-out' else 'not '}held out")
        return problems

    def test(self, n: int, size: ProblemSize, *, seed: int, suite: str = "random") -> Problems:
        """At most n different test problems of one size. A complete suite gives all it has.

        The problems are held out, where there are enough of this size to hold out any.

        Raises:
            ValueError: this task has no such suite, or the suite has no such size.
        """
        if suite not in self.suites:
            raise ValueError(f"suite {suite!r}: task {self.name} has {', '.join(self.suites)}")
        rng = np.random.default_rng([seed, _STREAMS["test"], self.suites.index(suite), *size])

        def draw(n: int) -> Problems:
            return self.sample_suite(rng, n, size, suite)

        if suite in self.complete_suites:
            return draw(n)
        hold_out = bool(self.can_hold_out(draw(1)).all())
        asked: set[str] = set()
        batches, idle = [], 0
        while len(asked) < n and idle < MAX_IDLE_DRAWS:
            problems = self._sample_split(n, True, draw) if hold_out else draw(n)
            if len(problems) == 0:  # a suite can have so few problems of these lengths that none is held out
                hold_out = False
                continue
            new = unseen(self.questions(problems), asked, n)
            batches += [problems[np.array(new)]] if new else []
            idle = 0 if new else idle + 1
        return Problems.concatenate(batches)

    def _sample_split(self, n: int, held_out: bool, draw: Callable[[int], Problems]) -> Problems:
        """Draw until there are n problems of the wanted split; fewer where draws bring no more of it."""
        share = 1 / splits.HELD_OUT_ONE_IN if held_out else 1 - 1 / splits.HELD_OUT_ONE_IN
        batches, missing, idle = [], n, 0
        while missing > 0 and idle < MAX_IDLE_DRAWS:
            problems = draw(int(missing / share * 1.05) + 8)
            problems = problems[self.held_out(problems) == held_out][:missing]
            batches.append(problems)
            missing -= len(problems)
            idle = idle + 1 if len(problems) == 0 else 0
        return Problems.concatenate(batches) if len(batches) > 1 else batches[0]


def check_probabilities(task: Task) -> None:
    """Check each option whose name ends with `_prob` or `_share`.

    Raises:
        ValueError: one is not from 0 to 1.
    """
    for name, value in vars(task).items():
        if name.endswith(("_prob", "_share")) and not 0 <= value <= 1:
            raise ValueError(f"{name} = {value}: must be from 0 to 1")
