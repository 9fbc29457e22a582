"""The greatest common divisor of two numbers, worked out by Euclid's steps.

    question    gcd 48 18
    page        84,_81=2_21,1_6,2_0~6$          reads 6

A line a step: the quotient of the two numbers before it, and the remainder, least significant digit first: 48 is 2 * 18 + 12,
18 is 1 * 12 + 6, 12 is 2 * 6 and no remainder. `~` says so, and the divisor of that step is the answer. In the prompt an empty
number stands between the two, so that dividends and divisors are always four and two numbers back from a remainder. Each
quotient and remainder is written in one go, so longer numbers than those of training are not to be expected.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from tasks import digits as dg
from tasks.base import STOP, Pages, Problems, register
from tasks.lengths import Cell
from tasks.numbers import TwoNumbers
from tasks.ragged import Ragged, join, marks, only
from tasks.worded import EDGES_SHARE, Line

_RIGHT_FORM = re.compile("(?:[0-9]+_[0-9]+,)*(?:[0-9]+_0)?~([0-9]+)")


@register
@dataclass(frozen=True)
class GCD(TwoNumbers):
    """Options of `gcd`. ValueError names a field that is out of range."""

    digits: str = "1-3"
    """The digits of the numbers in training (tasks/lengths.py)."""
    common_share: float = 0.5
    """The share of training problems made to have a common divisor; most random numbers have none."""

    name: ClassVar[str] = "gcd"
    summary: ClassVar[str] = "the greatest common divisor of two numbers by Euclid's steps"
    sample: ClassVar[str] = "gcd 48 18"
    answers: ClassVar[str] = "a natural number; that of 0 and 0 is 0"
    longest: ClassVar[int] = 18  # what fits into 64 bits
    piece: ClassVar[str] = "[^,~]*[,~]|[^,~]+"

    @property
    def alphabet(self) -> str:
        return "0123456789=,_~" + STOP

    def draw(self, rng: np.random.Generator, n: int) -> Problems:
        return _with_divisors(rng, super().draw(rng, n), self.common_share)

    def draw_suite(self, rng: np.random.Generator, n: int, cell: Cell, suite: str) -> Problems:
        """`edges`: numbers with a pattern or a common divisor, and equal ones."""
        problems = super().draw_suite(rng, n, cell, suite)
        return _with_divisors(rng, problems, EDGES_SHARE) if suite == "edges" else problems

    def pages(self, problems: Problems) -> Pages:
        a, b = (dg.as_array(number) for number in problems.fields)
        prompt = self.prompts(problems)
        parts, here = [prompt, marks("~", b == 0)], b > 0
        while here.any():
            quotient, rest = np.divmod(a, np.maximum(b, 1))
            parts += [only(dg.characters(dg.of_array(quotient * here)), here), marks("_", here)]
            parts += [only(dg.characters(dg.of_array(rest * here)), here), marks(",~", here, rest == 0)]
            a, b = np.where(here, b, a), np.where(here, rest, b)
            here = b > 0
        page = join([*parts, dg.characters(dg.of_array(a)), STOP], len(problems))
        return Pages(page.values, prompt.lengths, page.lengths)

    def prompts(self, problems: Problems) -> Ragged:
        a, b = (dg.characters(number) for number in problems.fields)
        return join([a, ",_", b, "="], len(problems))

    def read(self, written: str, question: str) -> str | None:
        match = _RIGHT_FORM.fullmatch(written)
        return match[1][::-1] if match else None

    def truth(self, question: str) -> str:
        return str(self._steps(question)[-1])

    def lines(self, question: str) -> list[Line]:
        *steps, divisor = self._steps(question)
        found = [Line("~", "nothing to divide by")] if not steps else []
        for a, b in steps:
            quotient, rest = str(a // b)[::-1], str(a % b)[::-1]
            found.append(Line(f"{quotient}_{rest}{',' if a % b else '~'}", f"{a} is {a // b} * {b} + {a % b}"))
        return [*found, Line(str(divisor)[::-1], "the last divisor")]

    def _steps(self, question: str) -> list:
        """Each dividend with its divisor, and the last divisor."""
        a, b = self.operands(question)
        steps = []
        while b:
            steps.append((a, b))
            a, b = b, a - a // b * b
        return [*steps, a]

    def shown(self, line: str) -> str:
        quotient, _, rest = line.rstrip(",~").partition("_")
        return f"{quotient[::-1]} remainder {rest[::-1]}" if rest else quotient[::-1]


def _with_divisors(rng: np.random.Generator, problems: Problems, share: float) -> Problems:
    """The same, a share of them made a little smaller, to multiples of a random number, where they keep their lengths."""
    numbers = [dg.as_array(number) for number in problems.fields]
    shortest = np.minimum(*(number.lengths for number in problems.fields))
    divisor = rng.integers(1, 10 ** np.minimum(rng.integers(1, shortest + 1), 9))
    made = [dg.of_array(number - number % divisor) for number in numbers]
    fits = rng.random(len(problems)) < share
    for number, other in zip(problems.fields, made, strict=True):
        fits &= number.lengths == other.lengths
    chosen = np.flatnonzero(fits)
    pairs = zip(problems.fields, made, strict=True)
    return Problems(tuple(number.replaced(chosen, other[chosen]) for number, other in pairs)) if len(chosen) else problems
