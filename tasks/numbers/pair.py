"""What tasks share whose questions are their name and two natural numbers: `gcd 48 18`."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from tasks import sizes
from tasks.core import digits as dg
from tasks.core import sampling
from tasks.core.named_task import EDGES_SHARE, Worded
from tasks.core.question import Reader
from tasks.core.ragged import Ints
from tasks.sizes import ProblemSize
from tasks.task import Problems

EQUAL_SHARE = 0.1
"""Of the suite `edges`: problems with equal numbers."""


class TwoNumbers(Worded):
    """`NAME 48 18`; fields are the digits of both numbers, least significant first."""

    def sample(self, rng: np.random.Generator, n: int) -> Problems:
        return Problems(tuple(sampling.numbers(rng, side) for side in sizes.sample(self.size_ranges, rng, n)))

    def sample_suite(self, rng: np.random.Generator, n: int, cell: ProblemSize, suite: str) -> Problems:
        """`edges`: numbers with a pattern (sampling.PATTERNS), some of them equal."""
        if max(cell) > self.longest or min(cell) < 1:
            raise ValueError(f"{sizes.format_size(cell)}: task {self.name} asks numbers of 1 to {self.longest} digits")
        share = EDGES_SHARE if suite == "edges" else 0.0
        a, b = (sampling.mixed(rng, np.full(n, digits), share) for digits in cell)
        if suite == "edges" and cell[0] == cell[1]:
            equal = np.flatnonzero(rng.random(n) < EQUAL_SHARE)
            b = b.replaced(equal, a[equal])
        return Problems((a, b))

    def what(self, reader: Reader) -> str:
        numbers = []
        for _ in range(2):
            numbers.append(reader.number())
            if len(numbers[-1]) > self.longest:
                raise reader.fault(f"a number of {len(numbers[-1])} digits: at most {self.longest} are taken")
        return " ".join(numbers)

    def questions(self, problems: Problems) -> list[str]:
        pairs = zip(*(dg.to_strings(number) for number in problems.fields), strict=True)
        return [f"{self.name} {a} {b}" for a, b in pairs]

    def problems(self, questions: Sequence[str]) -> Problems:
        pairs = zip(*(self.asks(question).split(" ") for question in questions), strict=True)
        return Problems(tuple(dg.from_strings(column) for column in pairs))

    def operands(self, question: str) -> tuple[int, int]:
        """The two numbers of a plain question."""
        a, b = self.asks(question).split(" ")
        return int(a), int(b)

    def sizes_of(self, problems: Problems) -> tuple[Ints, Ints]:
        a, b = problems.fields
        return a.lengths, b.lengths
