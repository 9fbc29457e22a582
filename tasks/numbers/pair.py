"""Base class of tasks with two natural numbers as their argument: `gcd 48 18`."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from tasks import sizes
from tasks.core import digits as dg
from tasks.core import sampling
from tasks.core.named_task import EDGES_SHARE, NamedTask
from tasks.core.question import Reader
from tasks.core.ragged import Ints
from tasks.sizes import ProblemSize
from tasks.task import Problems

EQUAL_SHARE = 0.1
"""The share of the problems of the suite `edges` with two equal numbers."""


class NumberPairTask(NamedTask):
    """The two fields of problems are the digits of both numbers, least significant first."""

    def sample(self, rng: np.random.Generator, n: int) -> Problems:
        return Problems(tuple(sampling.numbers(rng, lengths) for lengths in sizes.sample(self.size_ranges, rng, n)))

    def sample_suite(self, rng: np.random.Generator, n: int, size: ProblemSize, suite: str) -> Problems:
        """Sample test problems of one size; `edges`: numbers with a pattern (sampling.PATTERNS), some of them equal."""
        if max(size) > self.max_length or min(size) < 1:
            raise ValueError(f"{sizes.format_size(size)}: task {self.name} asks numbers of 1 to {self.max_length} digits")
        share = EDGES_SHARE if suite == "edges" else 0.0
        a, b = (sampling.mixed(rng, np.full(n, digits), share) for digits in size)
        if suite == "edges" and size[0] == size[1]:
            equal = np.flatnonzero(rng.random(n) < EQUAL_SHARE)
            b = b.replaced(equal, a[equal])
        return Problems((a, b))

    def parse_argument(self, reader: Reader) -> str:
        numbers = []
        for _ in range(2):
            numbers.append(reader.number())
            if len(numbers[-1]) > self.max_length:
                raise reader.fault(f"a number of {len(numbers[-1])} digits: at most {self.max_length} are taken")
        return " ".join(numbers)

    def questions(self, problems: Problems) -> list[str]:
        pairs = zip(*(dg.to_strings(number) for number in problems.fields), strict=True)
        return [f"{self.name} {a} {b}" for a, b in pairs]

    def problems(self, questions: Sequence[str]) -> Problems:
        columns = zip(*(self.argument(question).split(" ") for question in questions), strict=True)
        return Problems(tuple(dg.from_strings(column) for column in columns))

    def operands(self, question: str) -> tuple[int, int]:
        """Return the two numbers of a plain question."""
        a, b = self.argument(question).split(" ")
        return int(a), int(b)

    def sizes_of(self, problems: Problems) -> tuple[Ints, Ints]:
        a, b = problems.fields
        return a.lengths, b.lengths
