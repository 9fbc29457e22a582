"""Tell which of two natural numbers is larger, worked out from the least significant digit.

    question    compare 123 45
    page        321?54=112$         reads >: the last digit is 0 for =, 1 for <, 2 for >

Numbers are written least significant digit first. Each written digit says how the numbers compare up to its place: as the two
digits there do, or, if these are the same, as up to the place before.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from tasks.core import digits as dg
from tasks.core.named_task import EDGES_SHARE, ScratchpadLine
from tasks.core.ragged import Ragged, join
from tasks.core.scratchpad import Row
from tasks.numbers.pair import NumberPairTask
from tasks.page_grammar import DIGITS, EQUALS, STOP
from tasks.sizes import ProblemSize
from tasks.task import AnswerKind, Pages, Problems

SIGNS = "=<>"
"""The answers that the digits 0, 1 and 2 stand for."""


@dataclass(frozen=True)
class Compare(NumberPairTask):
    """Options of `compare`. ValueError names a field that is out of range."""

    digits: str = "1-8"
    """The digits of the numbers in training, as in 1-8 or 1-6x1-3."""
    near_share: float = 0.5
    """The share of training problems whose numbers are equally long and differ in one digit or not at all."""

    name: ClassVar[str] = "compare"
    summary: ClassVar[str] = "which of two numbers is larger, worked out"
    example: ClassVar[str] = "compare 123 45"
    answer_format: ClassVar[str] = "`<`, `=` or `>`"
    answer_kind: ClassVar[AnswerKind] = "text"
    line_pattern: ClassVar[str] = "."

    @property
    def alphabet(self) -> str:
        return DIGITS + "?" + EQUALS + STOP

    def sample(self, rng: np.random.Generator, n: int) -> Problems:
        return _with_near_numbers(rng, super().sample(rng, n), self.near_share)

    def sample_suite(self, rng: np.random.Generator, n: int, size: ProblemSize, suite: str) -> Problems:
        """Sample test problems of one size; `edges`: numbers with a pattern, most of equal length near each other."""
        problems = super().sample_suite(rng, n, size, suite)
        return _with_near_numbers(rng, problems, EDGES_SHARE) if suite == "edges" else problems

    def pages(self, problems: Problems) -> Pages:
        prompt = self.prompts(problems)
        return Pages.join(prompt, [dg.characters(dg.running_comparison(*problems.fields)), STOP])

    def prompts(self, problems: Problems) -> Ragged:
        a, b = (dg.characters(number) for number in problems.fields)
        return join([a, "?", b, EQUALS], len(problems))

    def extract(self, completion: str, question: str) -> str | None:
        return SIGNS[int(completion[-1])] if re.fullmatch("[0-2]+", completion) else None

    def answer(self, question: str) -> str:
        a, b = self.operands(question)
        return "<" if a < b else ">" if a > b else "="

    def expected_lines(self, question: str) -> list[ScratchpadLine]:
        a, b = self.argument(question).split(" ")
        lines = []
        for k in range(1, max(len(a), len(b)) + 1):
            x, y = int(a[-k:]), int(b[-k:])
            lines.append(ScratchpadLine(str((x < y) + 2 * (x > y)), f"of the last {k} digit{'s' * (k > 1)}"))
        return lines

    def render_lines(self, question: str, completion: str) -> list[Row]:
        a, b = self.argument(question).split(" ")
        width = max(len(a), len(b), len(completion))
        given = [Row(f"{number:>{width}}", "given") for number in (a, b)]
        if not completion:
            return given
        signs = "".join(SIGNS[int(digit)] if digit in "012" else digit for digit in reversed(completion))
        return [*given, Row(f"{signs:>{width}}", "working", "up to here from the right")]


def _with_near_numbers(rng: np.random.Generator, problems: Problems, share: float) -> Problems:
    """Make the second number of a share of the problems the first again, with one digit changed in some of these."""
    a, b = problems.fields
    chosen = np.flatnonzero((rng.random(len(a)) < share) & (a.lengths == b.lengths))
    if len(chosen) == 0:
        return problems
    copies = a[chosen]
    values, rows = copies.values.copy(), np.arange(len(chosen))
    place = rng.integers(0, copies.lengths)
    digit = rng.integers(0, 10, len(chosen))
    is_leading = (place == copies.lengths - 1) & (copies.lengths > 1)
    digit = np.where(is_leading, np.maximum(digit, 1), digit)
    values[rows, place] = np.where(rng.random(len(chosen)) < 0.75, digit, values[rows, place])
    return Problems((a, b.replaced(chosen, Ragged(values, copies.lengths))))
