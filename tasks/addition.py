"""Addition of two natural numbers.

    question    123+4567
    page        321+7654=0964$      order "reversed": least significant digit first, as a person works from the right
                123+4567=4690$      order "plain"
                123+4567=0964$      order "reversed-answer", as in minGPT's adder (arXiv 2307.03381 measures all three)
    padded      3210+7654=09640$    every operand zero-padded to `digits[1]`, the answer to one more
    no signs    3210765409640       fixed columns without + = $, minGPT's adder; needs padding

Reversed order makes each written digit depend on one column and the carry out of the column just written.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

from tasks import digits as dg
from tasks import sampling
from tasks.base import MAX_DIGITS, STOP, Pages, Problems, QuestionError, Task, register
from tasks.question import OPERATORS, binary_question
from tasks.ragged import Ints, Ragged, join, stack


@register
@dataclass(frozen=True)
class Addition(Task):
    """Options of `add`. ValueError names a field that is out of range."""

    digits: tuple[int, int] = (1, 8)
    """The fewest and the most digits of an operand in training, drawn evenly."""
    order: Literal["reversed", "plain", "reversed-answer"] = "reversed"
    """Which numbers are written least significant digit first: all, none, or only the answer."""
    pad: bool = False
    """Write leading zeros, so that all operands have `digits[1]` places and the answer one more."""
    signs: bool = True
    """Write + = and the stop; without them every page is fixed columns of digits, which needs `pad`."""
    chain_share: float = 0.2
    """The share of training problems in which a carry is made to run through neighbouring columns."""

    name: ClassVar[str] = "add"
    summary: ClassVar[str] = "addition of two natural numbers"
    suites: ClassVar[tuple[str, ...]] = ("random", "chains", "nines")
    fixed_suites: ClassVar[tuple[str, ...]] = ("nines",)

    def __post_init__(self) -> None:
        low, high = self.digits
        if not 1 <= low <= high <= MAX_DIGITS:
            raise ValueError(f"digits = {list(self.digits)}: must be two numbers, 1 <= fewest <= most <= {MAX_DIGITS}")
        if not 0 <= self.chain_share <= 1:
            raise ValueError(f"chain_share = {self.chain_share}: must be from 0 to 1")
        if not self.signs and not self.pad:
            raise ValueError("signs = false: needs pad = true, or nothing tells where a number ends")

    @property
    def alphabet(self) -> str:
        return "0123456789" + ("+=" if self.signs else "") + STOP

    @property
    def trained_lengths(self) -> tuple[int, int]:
        return self.digits

    def draw(self, rng: np.random.Generator, n: int) -> Problems:
        low, high = self.digits
        a, b = (sampling.numbers(rng, rng.integers(low, high + 1, n)) for _ in range(2))
        chosen = np.flatnonzero(rng.random(n) < self.chain_share)
        if len(chosen):
            chained_a, chained_b = sampling.carry_chains(rng, a[chosen], b[chosen])
            a, b = a.replaced(chosen, chained_a), b.replaced(chosen, chained_b)
        return Problems((a, b))

    def draw_suite(self, rng: np.random.Generator, n: int, digits: int, suite: str) -> Problems:
        if suite == "nines":
            nines, one = dg.from_strings(["9" * digits]), dg.from_strings(["1"])
            return Problems((stack([nines, one]), stack([one, nines])))
        a, b = (sampling.numbers(rng, np.full(n, digits)) for _ in range(2))
        if suite == "chains":
            a, b = sampling.carry_chains(rng, a, b, full=True)
        return Problems((a, b))

    def pages(self, problems: Problems) -> Pages:
        a, b = problems.fields
        total = dg.add(a, b)
        if self.pad:
            total = dg.pad(total, self._widths(a, b) + 1)
        prompt = self._prompt_parts(problems)
        answer = self._written(total, reverse=self.order != "plain")
        page = join([*prompt, answer, STOP], len(problems))
        return Pages(page.values, page.lengths - total.lengths - len(STOP), page.lengths)

    def prompts(self, problems: Problems) -> Ragged:
        return join(self._prompt_parts(problems), len(problems))

    def read(self, written: str, question: str) -> str | None:
        if not re.fullmatch("[0-9]+", written):
            return None
        answer = written if self.order == "plain" else written[::-1]
        return (answer.lstrip("0") or "0") if self.pad else answer

    def budgets(self, problems: Problems) -> Ints:
        a, b = problems.fields
        width = self._widths(a, b) if self.pad else np.maximum(a.lengths, b.lengths)
        return width + 1 + len(STOP) + 8

    def in_range(self, problems: Problems) -> NDArray[np.bool_]:
        low, high = self.digits
        a, b = (number.lengths for number in problems.fields)
        return (np.minimum(a, b) >= low) & (np.maximum(a, b) <= high)

    def questions(self, problems: Problems) -> list[str]:
        a, b = (dg.to_strings(number) for number in problems.fields)
        return [f"{x}+{y}" for x, y in zip(a, b, strict=True)]

    def parse(self, typed: str) -> str:
        left, operator, right = binary_question(typed)
        if operator != "+":
            place = next(i for i, char in enumerate(typed) if char in OPERATORS)
            raise QuestionError(f"task add answers +, not {operator}", typed, place)
        return f"{left}+{right}"

    def problems(self, questions: Sequence[str]) -> Problems:
        left, right = zip(*(question.split("+") for question in questions), strict=True)
        return Problems((dg.from_strings(left), dg.from_strings(right)))

    def truth(self, question: str) -> str:
        left, right = question.split("+")
        return str(int(left) + int(right))

    def columns(self, question: str, answer: str) -> str:
        left, right = question.split("+")
        width = max(len(left), len(right), len(answer))
        return "\n".join([f"  {left:>{width}}", f"+ {right:>{width}}", "-" * (width + 2), f"  {answer:>{width}}"])

    def keys(self, problems: Problems) -> NDArray[np.uint64]:
        a, b = (sampling.fingerprint(number) for number in problems.fields)
        return sampling.mix(a + b)  # the sum is the same for a+b and b+a

    def can_hold_out(self, problems: Problems) -> NDArray[np.bool_]:
        return sum(number.lengths for number in problems.fields) >= sampling.HELD_OUT_MIN_DIGITS

    def _prompt_parts(self, problems: Problems) -> list[Ragged | str]:
        operands = problems.fields
        if self.pad:
            operands = tuple(dg.pad(number, self._widths(*operands)) for number in operands)
        a, b = (self._written(number, reverse=self.order == "reversed") for number in operands)
        return [a, "+", b, "="] if self.signs else [a, b]

    def _widths(self, a: Ragged, b: Ragged) -> Ints:
        return np.maximum(np.maximum(a.lengths, b.lengths), self.digits[1])

    @staticmethod
    def _written(number: Ragged, *, reverse: bool) -> Ragged:
        characters = dg.characters(number)
        return characters if reverse else dg.reverse(characters)
