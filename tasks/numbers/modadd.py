"""Add two numbers modulo p, the table of grokking: training has a share of all pairs, tests ask the others.

    question    modadd 45 77
    page        54+77=52$           25: least significant digit first, without a scratchpad; p = 97

Problems have no lengths. A hash of the pair decides on which side it is; a+b and b+a are two pairs.

Source: arXiv 2201.02177
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
from tasks.core.named_task import ScratchpadLine
from tasks.core.question import Reader
from tasks.core.ragged import Ints, Ragged, join
from tasks.numbers.pair import NumberPairTask
from tasks.page_grammar import DIGITS, EQUALS, STOP
from tasks.sizes import NO_SIZE, ProblemSize, SizeRange, Span
from tasks.task import Pages, Problems

MAX_P = 9999


@dataclass(frozen=True)
class ModAdd(NumberPairTask):
    """Options of `modadd`. ValueError names a field that is out of range."""

    p: int = 97
    """The modulus of sums; operands are from 0 to p - 1."""
    train_share: float = 0.5
    """The share of all pairs that training may meet."""

    name: ClassVar[str] = "modadd"
    summary: ClassVar[str] = "addition modulo p, a share of all pairs held out"
    example: ClassVar[str] = "modadd 45 77"
    answer_format: ClassVar[str] = "a number below p"
    suites: ClassVar[tuple[str, ...]] = ("random", "edges")

    def __post_init__(self) -> None:
        if not 2 <= self.p <= MAX_P:
            raise ValueError(f"p = {self.p}: must be from 2 to {MAX_P:,}")
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
        return DIGITS + "+" + EQUALS + STOP

    def sample(self, rng: np.random.Generator, n: int) -> Problems:
        return _problems_of(rng.integers(0, self.p, (2, n)))

    def sample_suite(self, rng: np.random.Generator, n: int, size: ProblemSize, suite: str) -> Problems:
        """Sample test problems; `edges`: sums of p - 1, p or p + 1, equal numbers, and zeros."""
        if size != NO_SIZE:
            raise ValueError(f"digits {sizes.format_size(size)}: task {self.name} has no lengths, only p = {self.p}")
        a, b = rng.integers(0, self.p, (2, n))
        if suite == "edges":
            near_p = (self.p - a + rng.integers(-1, 2, n)) % self.p
            kind = rng.integers(0, 4, n)
            b = np.where(kind < 2, near_p, np.where(kind == 2, a, 0))
        return _problems_of(np.stack([a, b]))

    def pages(self, problems: Problems) -> Pages:
        a, b = (dg.to_array(number) for number in problems.fields)
        prompt = self.prompts(problems)
        return Pages.join(prompt, [dg.characters(dg.from_array((a + b) % self.p)), STOP])

    def prompts(self, problems: Problems) -> Ragged:
        a, b = (dg.characters(number) for number in problems.fields)
        return join([a, "+", b, EQUALS], len(problems))

    def parse_argument(self, reader: Reader) -> str:
        start = reader.place
        pair = super().parse_argument(reader)
        if max(int(number) for number in pair.split(" ")) >= self.p:
            raise reader.fault(f"numbers must be below p = {self.p}", start + 1)
        return pair

    def extract(self, completion: str, question: str) -> str | None:
        return completion[::-1] if re.fullmatch("[0-9]+", completion) else None

    def answer(self, question: str) -> str:
        return str(sum(self.operands(question)) % self.p)

    def expected_lines(self, question: str) -> list[ScratchpadLine]:
        a, b = self.operands(question)
        return [ScratchpadLine(self.answer(question)[::-1], f"{a} + {b} modulo {self.p}")]

    def line_text(self, line: str) -> str:
        return line[::-1]

    def sizes_of(self, problems: Problems) -> tuple[Ints, Ints]:
        none = np.zeros(len(problems), np.int64)
        return none, none

    def can_hold_out(self, problems: Problems) -> NDArray[np.bool_]:
        return np.ones(len(problems), bool)

    def held_out(self, problems: Problems) -> NDArray[np.bool_]:
        uniform = (self.split_keys(problems) >> np.uint64(11)) * 2.0**-53  # from 0 to 1
        held_out: NDArray[np.bool_] = uniform >= self.train_share
        return held_out


def _problems_of(pairs: Ints) -> Problems:
    """Return the problems of int64 (2, n)."""
    return Problems((dg.from_array(pairs[0]), dg.from_array(pairs[1])))
