"""Which of two natural numbers is larger, worked out from the least significant digit.

    question    compare 123 45
    page        321?54=112$         reads >: the last digit is 0 for =, 1 for <, 2 for >

Numbers are written least significant digit first. Each written digit says how the numbers compare up to this place: as the two
digits here do, or where these are the same, as up to the place before.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from tasks.core import digits as dg
from tasks.core.named_task import EDGES_SHARE, Line
from tasks.core.ragged import Ragged, join
from tasks.core.scratchpad import Row
from tasks.numbers.pair import TwoNumbers
from tasks.sizes import ProblemSize
from tasks.task import STOP, AnswerKind, Pages, Problems

SIGNS = "=<>"
"""What the digits 0, 1 and 2 mean."""


@dataclass(frozen=True)
class Compare(TwoNumbers):
    """Options of `compare`. ValueError names a field that is out of range."""

    digits: str = "1-8"
    """The digits of the numbers in training (tasks/lengths.py)."""
    near_share: float = 0.5
    """The share of training problems whose numbers are equally long and differ in one digit or not at all."""

    name: ClassVar[str] = "compare"
    summary: ClassVar[str] = "which of two numbers is larger, worked out"
    example: ClassVar[str] = "compare 123 45"
    answer_format: ClassVar[str] = "`<`, `=` or `>`"
    answer_kind: ClassVar[AnswerKind] = "text"
    piece: ClassVar[str] = "."

    @property
    def alphabet(self) -> str:
        return "0123456789?=" + STOP

    def sample(self, rng: np.random.Generator, n: int) -> Problems:
        return _near(rng, super().sample(rng, n), self.near_share)

    def sample_suite(self, rng: np.random.Generator, n: int, cell: ProblemSize, suite: str) -> Problems:
        """`edges`: numbers with a pattern; of the same length mostly such as differ in one digit, or not at all."""
        problems = super().sample_suite(rng, n, cell, suite)
        return _near(rng, problems, EDGES_SHARE) if suite == "edges" else problems

    def pages(self, problems: Problems) -> Pages:
        prompt = self.prompts(problems)
        page = join([prompt, dg.characters(dg.compared(*problems.fields)), STOP], len(problems))
        return Pages(page.values, prompt.lengths, page.lengths)

    def prompts(self, problems: Problems) -> Ragged:
        a, b = (dg.characters(number) for number in problems.fields)
        return join([a, "?", b, "="], len(problems))

    def extract(self, written: str, question: str) -> str | None:
        return SIGNS[int(written[-1])] if re.fullmatch("[0-2]+", written) else None

    def answer(self, question: str) -> str:
        a, b = self.operands(question)
        return "<" if a < b else ">" if a > b else "="

    def lines(self, question: str) -> list[Line]:
        a, b = (number for number in self.asks(question).split(" "))
        found = []
        for k in range(1, max(len(a), len(b)) + 1):
            x, y = int(a[-k:]), int(b[-k:])
            found.append(Line(str((x < y) + 2 * (x > y)), f"of the last {k} digit{'s' * (k > 1)}"))
        return found

    def rows(self, question: str, written: str) -> list[Row]:
        a, b = self.asks(question).split(" ")
        width = max(len(a), len(b), len(written))
        signs = "".join(SIGNS[int(digit)] if digit in "012" else digit for digit in reversed(written))
        rows = [Row(f"{a:>{width}}", "given"), Row(f"{b:>{width}}", "given")]
        return [*rows, Row(f"{signs:>{width}}", "working", "up to here from the right")] if written else rows


def _near(rng: np.random.Generator, problems: Problems, share: float) -> Problems:
    """The same, a share of them with the first number again as the second, in half of these with one digit changed."""
    a, b = problems.fields
    chosen = np.flatnonzero((rng.random(len(a)) < share) & (a.lengths == b.lengths))
    if len(chosen) == 0:
        return problems
    other = a[chosen]
    values, rows = other.values.copy(), np.arange(len(chosen))
    place = rng.integers(0, other.lengths)
    changed = rng.integers(0, 10, len(chosen))
    changed = np.where((place == other.lengths - 1) & (other.lengths > 1), np.maximum(changed, 1), changed)
    values[rows, place] = np.where(rng.random(len(chosen)) < 0.75, changed, values[rows, place])
    return Problems((a, b.replaced(chosen, Ragged(values, other.lengths))))
