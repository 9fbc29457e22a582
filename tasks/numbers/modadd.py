"""Addition modulo a number, the table of grokking (arXiv 2201.02177): a share of all pairs is trained on, the others are asked.

    question    modadd 45 77
    page        54+77=52$           25: least significant digit first, and no working; p = 97

There are no lengths. A hash of the pair says on which side it is; a+b and b+a are two pairs.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from tasks import sizes
from tasks.core import digits as dg
from tasks.core.named_task import Line
from tasks.core.question import Reader
from tasks.core.ragged import Ints, Ragged, join
from tasks.numbers.pair import TwoNumbers
from tasks.sizes import NO_SIZE, ProblemSize, SizeRange, Span
from tasks.task import STOP, Pages, Problems

MOST = 9999
"""The largest p."""


@dataclass(frozen=True)
class ModAdd(TwoNumbers):
    """Options of `modadd`. ValueError names a field that is out of range."""

    p: int = 97
    """What sums are taken modulo; operands are from 0 to p - 1."""
    train_share: float = 0.5
    """The share of all pairs that training may meet."""

    name: ClassVar[str] = "modadd"
    summary: ClassVar[str] = "addition modulo p, a share of all pairs held out"
    example: ClassVar[str] = "modadd 45 77"
    answer_format: ClassVar[str] = "a number below p"
    suites: ClassVar[tuple[str, ...]] = ("random", "edges")

    def __post_init__(self) -> None:
        if not 2 <= self.p <= MOST:
            raise ValueError(f"p = {self.p}: must be from 2 to {MOST:,}")
        if not 0 < self.train_share < 1:
            raise ValueError(f"train_share = {self.train_share}: must be above 0 and below 1")

    @cached_property
    def size_ranges(self) -> tuple[SizeRange, ...]:
        return (SizeRange(Span(0, 0), Span(0, 0)),)

    @property
    def long_sizes(self) -> list[ProblemSize]:
        return []

    @property
    def split_rule(self) -> str:
        return f"A stable 64-bit hash of a pair decides: {self.train_share:.0%} of them are `train`, the others `held-out`."

    @property
    def alphabet(self) -> str:
        return "0123456789+=" + STOP

    def sample(self, rng: np.random.Generator, n: int) -> Problems:
        return _pairs(rng.integers(0, self.p, (2, n)))

    def sample_suite(self, rng: np.random.Generator, n: int, cell: ProblemSize, suite: str) -> Problems:
        """`edges`: pairs that come to p - 1, p or p + 1, and such with a zero or two equal numbers."""
        if cell != NO_SIZE:
            raise ValueError(f"digits {sizes.format_size(cell)}: task {self.name} has no lengths, only p = {self.p}")
        a, b = rng.integers(0, self.p, (2, n))
        if suite == "edges":
            near = (self.p - a + rng.integers(-1, 2, n)) % self.p
            kind = rng.integers(0, 4, n)
            b = np.where(kind < 2, near, np.where(kind == 2, a, 0))
        return _pairs(np.stack([a, b]))

    def pages(self, problems: Problems) -> Pages:
        a, b = (dg.as_array(number) for number in problems.fields)
        prompt = self.prompts(problems)
        page = join([prompt, dg.characters(dg.of_array((a + b) % self.p)), STOP], len(problems))
        return Pages(page.values, prompt.lengths, page.lengths)

    def prompts(self, problems: Problems) -> Ragged:
        a, b = (dg.characters(number) for number in problems.fields)
        return join([a, "+", b, "="], len(problems))

    def what(self, reader: Reader) -> str:
        start = reader.place
        pair = super().what(reader)
        if max(int(number) for number in pair.split(" ")) >= self.p:
            raise reader.fault(f"numbers must be below p = {self.p}", start + 1)
        return pair

    def extract(self, written: str, question: str) -> str | None:
        return written[::-1] if re.fullmatch("[0-9]+", written) else None

    def answer(self, question: str) -> str:
        return str(sum(self.operands(question)) % self.p)

    def lines(self, question: str) -> list[Line]:
        a, b = self.operands(question)
        return [Line(self.answer(question)[::-1], f"{a} + {b} modulo {self.p}")]

    def shown(self, line: str) -> str:
        return line[::-1]

    def sizes_of(self, problems: Problems) -> tuple[Ints, Ints]:
        none = np.zeros(len(problems), np.int64)
        return none, none

    def can_hold_out(self, problems: Problems) -> NDArray[np.bool_]:
        return np.ones(len(problems), bool)

    def held_out(self, problems: Problems) -> NDArray[np.bool_]:
        return (self.split_keys(problems) >> np.uint64(11)) * 2.0**-53 >= self.train_share


def _pairs(pairs: Ints) -> Problems:
    return Problems((dg.of_array(pairs[0]), dg.of_array(pairs[1])))
