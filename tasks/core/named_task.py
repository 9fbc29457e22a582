"""What tasks share whose questions begin with their name, and whose workings are told by Python line by line.

    reverse 31415       gcd 48 18       path ab,bc:a>c

A subclass says how its questions are read and its pages written, and gives the right working of a question, line by line, by
Python's own means: whatever a model wrote is held against that.
"""

from __future__ import annotations

import re
from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from tasks import sizes, splits
from tasks.core.options import check_probabilities, parse_length_option, parse_size_option
from tasks.core.question import QuestionError, Reader
from tasks.core.ragged import Ints, Ragged, join
from tasks.core.scratchpad import RUNS_ON, Fault, Row, rule, runs_on
from tasks.sizes import ProblemSize, SizeRange, Span
from tasks.task import STOP, AnswerKind, Pages, Problems, Task

ROOM = 16
"""Characters that a completion may be longer than twice the right one."""
SHOWN = 60
"""Characters of a wrong line in a message."""
EDGES_SHARE = 0.8
"""Of the suite `edges`: problems with a pattern."""


@dataclass(frozen=True)
class Line:
    """A line of the right working."""

    text: str
    """As it stands on the page, with the mark that ends it."""
    why: str
    """As in "4 put before 13 is 413"."""


class Worded(Task):
    """`NAME what`; a subclass adds its problems and its page."""

    piece: ClassVar[str] = "[^;]*;|[^;]+"
    """A line of a working, as a regular expression."""
    suites: ClassVar[tuple[str, ...]] = ("random", "edges", "long")
    least_held_out: ClassVar[int] = splits.HELD_OUT_MIN_DIGITS
    """Problems with fewer digits or characters in all are too few to keep any from training."""
    longest: ClassVar[int] = sizes.MAX_DIGITS
    """The longest operand."""
    digits: str
    """The lengths of the operands in training, as tasks/lengths.py reads them."""

    def __post_init__(self) -> None:
        check_probabilities(self)
        assert self.size_ranges  # parsed now, so that a fault in `digits` is found at once

    @cached_property
    def size_ranges(self) -> tuple[SizeRange, ...]:
        return parse_size_option(self, "digits", self.longest)

    @property
    def split_rule(self) -> str:
        return (
            f"A stable 64-bit hash of what a question asks decides: one in {splits.HELD_OUT_ONE_IN} is `held-out`\nand never "
            "trained on, whatever the seed; the others are `train`.\nProblems with fewer than "
            f"{self.least_held_out} characters in all are too few to hold any out: they are `seen`."
        )

    @property
    def long_sizes(self) -> list[ProblemSize]:
        return [cell for cell in sizes.longer(self.size_ranges) if max(cell) <= self.longest]

    @abstractmethod
    def what(self, reader: Reader) -> str:
        """What stands after the name, in its plain form. QuestionError where it is none."""

    @abstractmethod
    def lines(self, question: str) -> list[Line]:
        """The right working of a plain question, by Python's own means: shares nothing with `pages`."""

    def shown(self, line: str) -> str:
        """A line of a working, for a person to read."""
        return line.rstrip(";")

    def asks(self, question: str) -> str:
        """A plain question without the name."""
        return question.partition(" ")[2]

    def parse(self, typed: str) -> str:
        if not typed.strip():
            raise QuestionError(f"empty: expected a question like {self.example}", typed, 0)
        reader = Reader(typed)
        reader.take(rf"{self.name}(?![A-Za-z0-9])", f"a question like {self.example}")
        what = self.what(reader)
        reader.end()
        return f"{self.name} {what}"

    def in_range(self, problems: Problems) -> NDArray[np.bool_]:
        return sizes.contains(self.size_ranges, *self.sizes_of(problems))

    def max_new_tokens(self, problems: Problems) -> Ints:
        pages = self.pages(problems)
        return 2 * (pages.total - pages.prompt) + ROOM

    def verify(self, question: str, written: str) -> Fault | None:
        if runs_on(written):
            return Fault(1, written, RUNS_ON)
        found, right = self._pieces(written), self.lines(question)
        for k, line in enumerate(right):
            text = found[k] if k < len(found) else ""
            if text != line.text:
                return Fault(k + 1, text, f"{line.why}: {line.text[:SHOWN]!r} is right, not {text[:SHOWN]!r}")
        return Fault(len(right) + 1, found[len(right)], "more lines follow") if len(found) > len(right) else None

    def render(self, question: str, written: str) -> list[Row]:
        answer = None if runs_on(written) else self.extract(written, question)
        shown = self.rows(question, "" if runs_on(written) else written)
        width = max(len(row.text) for row in [Row(question, "given"), *shown, Row(answer or "", "answer")])
        rows = [Row(question, "given"), rule(width), *shown]
        if answer is not None:
            rows += [rule(width)] * bool(shown) + [Row(answer, "answer")]
        return rows

    def rows(self, question: str, written: str) -> list[Row]:
        """The rows of a working for a person to read."""
        return [Row(self.shown(line), "working") for line in self._pieces(written)]

    def _pieces(self, written: str) -> list[str]:
        return re.findall(self.piece, written)

    def split_keys(self, problems: Problems) -> NDArray[np.uint64]:
        state = np.zeros(len(problems), np.uint64)
        for field in problems.fields:
            state = splits.mix(state + splits.fingerprint(field))
        return state

    def can_hold_out(self, problems: Problems) -> NDArray[np.bool_]:
        return sum(field.lengths for field in problems.fields) >= self.least_held_out


class OneText(Worded):
    """What follows the name is kept as it is typed, in one field."""

    def posed(self, texts: Sequence[str]) -> Problems:
        """The problems of what follows the name."""
        return Problems((Ragged.from_strings(texts),))

    def questions(self, problems: Problems) -> list[str]:
        return [f"{self.name} {text}" for text in problems.fields[0].to_strings()]

    def problems(self, questions: Sequence[str]) -> Problems:
        return self.posed([self.asks(question) for question in questions])


class OneByOne(OneText):
    """Pages made problem by problem, as each line of their workings depends on the one before."""

    @abstractmethod
    def prompt(self, text: str) -> str:
        """What is given of the page of a problem."""

    @abstractmethod
    def working(self, text: str) -> str:
        """What follows it, without the stop."""

    @property
    def size_span(self) -> Span:
        return sizes.left_span(self.size_ranges)

    def prompts(self, problems: Problems) -> Ragged:
        return Ragged.from_strings([self.prompt(text) for text in problems.fields[0].to_strings()])

    def pages(self, problems: Problems) -> Pages:
        prompts = self.prompts(problems)
        workings = Ragged.from_strings([self.working(text) + STOP for text in problems.fields[0].to_strings()])
        page = join([prompts, workings], len(problems))
        return Pages(page.values, prompts.lengths, page.lengths)


class OneString(OneText):
    """`NAME 31415`: asked of one string, its characters not numbers."""

    symbols: ClassVar[str] = "0123456789"
    called: ClassVar[str] = "digits"
    """What the symbols are, for messages."""
    size_names: ClassVar[tuple[str, str]] = ("digits", "digits")
    answer_kind: ClassVar[AnswerKind] = "text"

    @cached_property
    def size_ranges(self) -> tuple[SizeRange, ...]:
        size_ranges = parse_length_option(self, "digits", "1-8", self.longest, ": there is one string")
        return tuple(SizeRange(box.left, box.right, equal=True) for box in size_ranges)

    def sample(self, rng: np.random.Generator, n: int) -> Problems:
        return self._made(rng, sizes.sample(self.size_ranges, rng, n)[0], 0.0)

    def sample_suite(self, rng: np.random.Generator, n: int, cell: ProblemSize, suite: str) -> Problems:
        """`edges`: one character over and over, two in turn, or ascending or descending ones."""
        if cell[0] != cell[1] or not 1 <= cell[0] <= self.longest:
            raise ValueError(
                f"{sizes.format_size(cell)}: task {self.name} asks one string of 1 to {self.longest} {self.called}"
            )
        return self._made(rng, np.full(n, cell[0]), EDGES_SHARE if suite == "edges" else 0.0)

    def _made(self, rng: np.random.Generator, lengths_: Ints, patterned: float) -> Problems:
        return Problems((strings(rng, lengths_, self.symbols, patterned),))

    def prompts(self, problems: Problems) -> Ragged:
        return join([problems.fields[0], "="], len(problems))

    def what(self, reader: Reader) -> str:
        return reader.string(f"[{self.symbols}]+", f"{self.called} {self.symbols[0]} to {self.symbols[-1]}", self.longest)

    def sizes_of(self, problems: Problems) -> tuple[Ints, Ints]:
        length = problems.fields[-1].lengths
        return length, length


def strings(rng: np.random.Generator, lengths_: Ints, symbols: str, patterned: float = 0.0) -> Ragged:
    """Strings of exactly `lengths_` (n,) even symbols, as ASCII codes; a share of them has a pattern.

    Patterns: one symbol over and over, two in turn, ascending or descending ones.
    """
    n, width = len(lengths_), int(lengths_.max(initial=1))
    at = np.arange(width)
    chosen = rng.integers(0, len(symbols), (n, width))
    inside = at < lengths_[:, None]
    kind = np.where(rng.random(n) < patterned, rng.integers(1, 5, n), 0)[:, None]
    ascending = np.sort(np.where(inside, chosen, len(symbols)), axis=1)
    descending = -np.sort(np.where(inside, -chosen, 1), axis=1)
    made = np.choose(kind, [chosen, chosen[:, :1], chosen[np.arange(n)[:, None], at % min(2, width)], ascending, descending])
    codes = np.frombuffer(symbols.encode("ascii"), np.uint8)[np.clip(made, 0, len(symbols) - 1)]
    return Ragged(np.where(inside, codes, 0).astype(np.uint8), lengths_)
