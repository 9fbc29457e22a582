"""The sum of many numbers, worked out as running sums.

    question    sum 12+5+99
    page        @21+5+99=21,71,611$         reads 116

Numbers are written least significant digit first. The k-th running sum follows from the k-th operand and the sum before it, so
with the coordinates of arithgpt/sheet.py, in which the k-th number of a row knows the k-th of the row above, all that a digit
depends on is at fixed distances, however many operands there are. `@` says that rows follow; without it what comes after the
`=` would be one working, whose numbers know no row above.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from tasks import sizes
from tasks.core import digits as dg
from tasks.core import sampling
from tasks.core.named_task import EDGES_SHARE, Line, Worded
from tasks.core.options import parse_length_option
from tasks.core.question import Reader
from tasks.core.ragged import Ints, Ragged, join, marks, only
from tasks.sizes import ProblemSize, SizeRange
from tasks.task import STOP, Pages, Problems

MOST_OPERANDS = 200
LARGEST = 2000
"""Operands by digits of the longest, in test problems."""


@dataclass(frozen=True)
class Sum(Worded):
    """Options of `sum`. ValueError names a field that is out of range."""

    operands: str = "2-4"
    """How many numbers are added in training."""
    digits: str = "1-4"
    """The digits of the longest of them; the others have as many or fewer."""

    name: ClassVar[str] = "sum"
    summary: ClassVar[str] = "the sum of many numbers, worked out as running sums"
    example: ClassVar[str] = "sum 12+5+99"
    answer_format: ClassVar[str] = "a natural number"
    version: ClassVar[int] = 2
    size_names: ClassVar[tuple[str, str]] = ("operands", "digits")
    piece: ClassVar[str] = "[^,]*,|[^,]+"

    @cached_property
    def size_ranges(self) -> tuple[SizeRange, ...]:
        sides = (
            parse_length_option(self, "operands", "1-4", MOST_OPERANDS),
            parse_length_option(self, "digits", "1-4", self.longest),
        )
        return tuple(SizeRange(many.left, long.left) for many in sides[0] for long in sides[1])

    @property
    def long_sizes(self) -> list[ProblemSize]:
        return [cell for cell in sizes.longer(self.size_ranges) if cell[0] <= MOST_OPERANDS and cell[0] * cell[1] <= LARGEST]

    @property
    def alphabet(self) -> str:
        return "0123456789+=,@" + STOP

    def sample(self, rng: np.random.Generator, n: int) -> Problems:
        return _made(rng, *sizes.sample(self.size_ranges, rng, n), 0.1)

    def sample_suite(self, rng: np.random.Generator, n: int, cell: ProblemSize, suite: str) -> Problems:
        """`edges`: most operands have a pattern (sampling.PATTERNS)."""
        if not (1 <= cell[0] <= MOST_OPERANDS and cell[1] >= 1 and cell[0] * cell[1] <= LARGEST):
            raise ValueError(
                f"{sizes.format_size(cell)}: at most {MOST_OPERANDS} operands, {LARGEST:,} digits in all, are asked"
            )
        return _made(rng, np.full(n, cell[0]), np.full(n, cell[1]), EDGES_SHARE if suite == "edges" else 0.0)

    def pages(self, problems: Problems) -> Pages:
        prompt, n = self.prompts(problems), len(problems)
        total, parts = dg.of_array(np.zeros(n, np.int64)), [prompt]
        for number, here, last in _operands(problems.fields[0]):
            total = dg.add(total, number)
            parts += [only(dg.characters(total), here), marks("," + STOP, here, last)]
        page = join(parts, n)
        return Pages(page.values, prompt.lengths, page.lengths)

    def prompts(self, problems: Problems) -> Ragged:
        parts = ["@"]
        for number, here, last in _operands(problems.fields[0]):
            parts += [only(dg.characters(number), here), marks("+=", here, last)]
        return join(parts, len(problems))

    def what(self, reader: Reader) -> str:
        numbers = [reader.number()]
        while reader.place < len(reader.text.rstrip()):
            reader.take(r"\+", "a + and a number")
            numbers.append(reader.number())
        if len(numbers) > MOST_OPERANDS or sum(map(len, numbers)) > sizes.MAX_DIGITS:
            raise reader.fault(f"at most {MOST_OPERANDS} operands, of {sizes.MAX_DIGITS:,} digits in all, are taken", 0)
        return "+".join(numbers)

    def extract(self, written: str, question: str) -> str | None:
        return written.rpartition(",")[2][::-1] if re.fullmatch("[0-9]+(?:,[0-9]+)*", written) else None

    def answer(self, question: str) -> str:
        return str(sum(int(number) for number in self.asks(question).split("+")))

    def lines(self, question: str) -> list[Line]:
        numbers = [int(number) for number in self.asks(question).split("+")]
        ends = ["," if k < len(numbers) else "" for k in range(1, len(numbers) + 1)]
        return [Line(str(sum(numbers[:k]))[::-1] + end, f"the first {k} in all") for k, end in enumerate(ends, 1)]

    def shown(self, line: str) -> str:
        return line.rstrip(",")[::-1]

    def questions(self, problems: Problems) -> list[str]:
        return [f"{self.name} {text}" for text in problems.fields[0].to_strings()]

    def problems(self, questions: Sequence[str]) -> Problems:
        return Problems((Ragged.from_strings([self.asks(question) for question in questions]),))

    def sizes_of(self, problems: Problems) -> tuple[Ints, Ints]:
        """The operands, and the digits of the longest."""
        text = problems.fields[0]
        longest = np.max([number.lengths * here for number, here, _ in _operands(text)], axis=0, initial=0)
        return (text.values == ord("+")).sum(axis=1) + 1, longest

    def can_hold_out(self, problems: Problems) -> NDArray[np.bool_]:
        operands, longest = self.sizes_of(problems)
        return operands + longest - 1 >= self.least_held_out  # the digits that there are at least


def _made(rng: np.random.Generator, operands: Ints, digits: Ints, patterned: float) -> Problems:
    """Problems of just so many operands, of which one at least has just so many digits; int64 (n,) each."""
    longest = rng.integers(0, operands)
    parts: list[Ragged | str] = []
    for k in range(int(operands.max(initial=1))):
        length = np.where(longest == k, digits, rng.integers(1, digits + 1))
        number = dg.reverse(dg.characters(sampling.mixed(rng, length, patterned)))
        parts += [marks("+", (k > 0) & (k < operands)), only(number, k < operands)]
    return Problems((join(parts, len(operands)),))


def _operands(text: Ragged) -> Iterator[tuple[Ragged, NDArray[np.bool_], NDArray[np.bool_]]]:
    """One after the other of each row: its digits (0 where there is none), whether there is one, and whether it is the last."""
    plus = text.values == ord("+")
    which = np.where(text.filled & ~plus, np.cumsum(plus, axis=1), -1)
    many = which.max(axis=1, initial=0)
    for k in range(int(many.max(initial=0)) + 1):
        inside = which == k
        start, length = inside.argmax(axis=1), inside.sum(axis=1)
        codes = dg.reverse(text.between(start, start + length))
        here = length > 0
        values = np.where(codes.filled, codes.values - dg.ASCII_ZERO, 0).astype(np.uint8)
        yield Ragged(values, np.maximum(length, 1)), here, many == k
