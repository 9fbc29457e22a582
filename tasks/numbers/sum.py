"""Add many numbers, worked out as running sums.

    question    sum 12+5+99
    page        @21+5+99=21,71,611$         reads 116

Numbers are written least significant digit first. The k-th running sum follows from the k-th operand and the sum before. `@`
says that rows follow, in which the k-th number knows the k-th number of the row above. So all that a digit depends on stands at
fixed distances, however many operands there are. Without `@`, all that follows the `=` would be one scratchpad, whose numbers
know no row above.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from tasks import sizes
from tasks.core import digits as dg
from tasks.core import sampling
from tasks.core.named_task import EDGES_SHARE, NamedTextTask, ScratchpadLine
from tasks.core.question import Reader
from tasks.core.ragged import Ints, Ragged, join, marks, only
from tasks.page_grammar import DIGITS, EQUALS, ROWS_FOLLOW, STOP
from tasks.sizes import ProblemSize, SizeRange, parse_length_option
from tasks.task import Pages, Problems

MAX_OPERANDS = 200
MAX_TOTAL_DIGITS = 2000
"""The most operands times digits of the longest operand, in test problems."""
PATTERN_SHARE = 0.1
"""The share of operands in training that have a pattern."""


@dataclass(frozen=True)
class Sum(NamedTextTask):
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
    line_pattern: ClassVar[str] = "[^,]*,|[^,]+"

    @cached_property
    def size_ranges(self) -> tuple[SizeRange, ...]:
        counts = parse_length_option(self, "operands", "1-4", MAX_OPERANDS)
        lengths = parse_length_option(self, "digits", "1-4", self.max_length)
        return tuple(SizeRange(count.left, length.left) for count in counts for length in lengths)

    @property
    def long_sizes(self) -> list[ProblemSize]:
        return [size for size in sizes.longer(self.size_ranges) if _is_possible(size)]

    @property
    def alphabet(self) -> str:
        return DIGITS + "+" + EQUALS + "," + ROWS_FOLLOW + STOP

    def sample(self, rng: np.random.Generator, n: int) -> Problems:
        return _sample_sums(rng, *sizes.sample(self.size_ranges, rng, n), PATTERN_SHARE)

    def sample_suite(self, rng: np.random.Generator, n: int, size: ProblemSize, suite: str) -> Problems:
        """Sample test problems of one size; `edges`: most operands have a pattern (sampling.PATTERNS)."""
        if min(size) < 1 or not _is_possible(size):
            raise ValueError(
                f"{sizes.format_size(size)}: at most {MAX_OPERANDS} operands, {MAX_TOTAL_DIGITS:,} digits in all, are asked"
            )
        pattern_share = EDGES_SHARE if suite == "edges" else 0.0
        return _sample_sums(rng, np.full(n, size[0]), np.full(n, size[1]), pattern_share)

    def pages(self, problems: Problems) -> Pages:
        total = dg.from_array(np.zeros(len(problems), np.int64))
        parts: list[Ragged | str] = []
        for number, here, last in _operands_of(problems.fields[0]):
            total = dg.add(total, number)
            parts += [only(dg.characters(total), here), marks("," + STOP, here, last)]
        return Pages.join(self.prompts(problems), parts)

    def prompts(self, problems: Problems) -> Ragged:
        parts: list[Ragged | str] = [ROWS_FOLLOW]
        for number, here, last in _operands_of(problems.fields[0]):
            parts += [only(dg.characters(number), here), marks("+" + EQUALS, here, last)]
        return join(parts, len(problems))

    def parse_argument(self, reader: Reader) -> str:
        numbers = [reader.number()]
        while reader.place < len(reader.text.rstrip()):
            reader.take(r"\+", "a + and a number")
            numbers.append(reader.number())
        if len(numbers) > MAX_OPERANDS or sum(map(len, numbers)) > sizes.MAX_DIGITS:
            raise reader.fault(f"at most {MAX_OPERANDS} operands, of {sizes.MAX_DIGITS:,} digits in all, are taken", 0)
        return "+".join(numbers)

    def extract(self, completion: str, question: str) -> str | None:
        return completion.rpartition(",")[2][::-1] if re.fullmatch("[0-9]+(?:,[0-9]+)*", completion) else None

    def answer(self, question: str) -> str:
        return str(sum(self._numbers(question)))

    def expected_lines(self, question: str) -> list[ScratchpadLine]:
        numbers = self._numbers(question)
        lines = []
        for k in range(1, len(numbers) + 1):
            end = "," if k < len(numbers) else ""
            lines.append(ScratchpadLine(str(sum(numbers[:k]))[::-1] + end, f"the first {k} in all"))
        return lines

    def line_text(self, line: str) -> str:
        return line.rstrip(",")[::-1]

    def _numbers(self, question: str) -> list[int]:
        return [int(number) for number in self.argument(question).split("+")]

    def sizes_of(self, problems: Problems) -> tuple[Ints, Ints]:
        """The operands, and the digits of the longest."""
        text = problems.fields[0]
        longest = np.max([number.lengths * here for number, here, _ in _operands_of(text)], axis=0, initial=0)
        return (text.values == ord("+")).sum(axis=1) + 1, longest

    def can_hold_out(self, problems: Problems) -> NDArray[np.bool_]:
        operands, longest = self.sizes_of(problems)
        return operands + longest - 1 >= self.min_held_out_length  # the other operands have a digit at least


def _is_possible(size: ProblemSize) -> bool:
    operands, digits = size
    return operands <= MAX_OPERANDS and operands * digits <= MAX_TOTAL_DIGITS


def _sample_sums(rng: np.random.Generator, operands: Ints, digits: Ints, pattern_share: float) -> Problems:
    """Sample problems of exactly so many operands, at least one of which has exactly so many digits; int64 (n,) each."""
    longest = rng.integers(0, operands)
    parts: list[Ragged | str] = []
    for k in range(int(operands.max(initial=1))):
        lengths = np.where(longest == k, digits, rng.integers(1, digits + 1))
        number = dg.reverse(dg.characters(sampling.mixed(rng, lengths, pattern_share)))
        parts += [marks("+", (k > 0) & (operands > k)), only(number, operands > k)]
    return Problems((join(parts, len(operands)),))


def _operands_of(text: Ragged) -> Iterator[tuple[Ragged, NDArray[np.bool_], NDArray[np.bool_]]]:
    """Yield the k-th operand of all rows: its digits (0 where there is none), whether there is one, whether it is the last."""
    plus = text.values == ord("+")
    index = np.where(text.filled & ~plus, np.cumsum(plus, axis=1), -1)  # which operand a character is part of
    last = index.max(axis=1, initial=0)
    for k in range(int(last.max(initial=0)) + 1):
        inside = index == k
        start, length = inside.argmax(axis=1), inside.sum(axis=1)
        codes = dg.reverse(text.between(start, start + length))
        values = np.where(codes.filled, codes.values - dg.ASCII_ZERO, 0).astype(np.uint8)
        yield Ragged(values, np.maximum(length, 1)), length > 0, last == k
