"""Addition of two natural numbers.

    question    123+4567
    page        321+7654=0964$      order "reversed": least significant digit first, as a person works from the right
                123+4567=4690$      order "plain"
                123+4567=0964$      order "reversed-answer", as in minGPT's adder (arXiv 2307.03381 measures all three)
    padded      3210+7654=09640$    every operand zero-padded to the most digits of training, the answer to one more
    no signs    3210765409640       fixed columns without + = $, minGPT's adder; needs padding

Reversed order makes each written digit depend on one column and the carry out of the column just written.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np

from tasks import digits as dg
from tasks import lengths, sampling
from tasks.base import STOP, Pages, Problems, register
from tasks.binary import Binary
from tasks.lengths import Cell
from tasks.ragged import Ints, Ragged, join, stack


@register
@dataclass(frozen=True)
class Addition(Binary):
    """Options of `add`. ValueError names a field that is out of range."""

    digits: str = "1-8"
    """The digits of the operands in training (tasks/lengths.py)."""
    order: Literal["reversed", "plain", "reversed-answer"] = "reversed"
    """Which numbers are written least significant digit first: all, none, or only the answer."""
    pad: bool = False
    """Write leading zeros, so that all operands have the most digits of training and the answer one more."""
    signs: bool = True
    """Write + = and the stop; without them every page is fixed columns of digits, which needs `pad`."""
    chain_share: float = 0.2
    """The share of training problems in which a carry is made to run through neighbouring columns."""

    operator: ClassVar[str] = "+"
    commutes: ClassVar[bool] = True
    name: ClassVar[str] = "add"
    summary: ClassVar[str] = "addition of two natural numbers"
    suites: ClassVar[tuple[str, ...]] = ("random", "chains", "nines", "exhaustive", "carries", "edges", "long")
    fixed_suites: ClassVar[tuple[str, ...]] = ("nines", "exhaustive", "carries")

    def __post_init__(self) -> None:
        super().__post_init__()
        if not self.signs and not self.pad:
            raise ValueError("signs = false: needs pad = true, or nothing tells where a number ends")

    @property
    def alphabet(self) -> str:
        return "0123456789" + ("+=" if self.signs else "") + STOP

    def draw(self, rng: np.random.Generator, n: int) -> Problems:
        a, b = (sampling.numbers(rng, side) for side in lengths.draw(self.boxes, rng, n))
        chosen = np.flatnonzero(rng.random(n) < self.chain_share)
        if len(chosen):
            chained_a, chained_b = sampling.carry_chains(rng, a[chosen], b[chosen])
            a, b = a.replaced(chosen, chained_a), b.replaced(chosen, chained_b)
        return Problems((a, b))

    def draw_suite(self, rng: np.random.Generator, n: int, cell: Cell, suite: str) -> Problems:
        """`chains`: a carry through every column; `nines`: 99..9+1 and 1+99..9; `carries`: every pattern of carries; `edges`:
        operands with a pattern, equal ones, and each problem commuted."""
        if suite == "nines":
            (left, right), one = (dg.from_strings(["9" * digits]) for digits in cell), dg.from_strings(["1"])
            return Problems((stack([left, one]), stack([one, right])))
        if suite == "edges":
            a, b = self._edge_operands(rng, n, cell).fields
            commuted = np.arange(1, n, 2)  # the problem before, with its operands swapped
            a, b = (x.replaced(commuted, y[commuted - 1]) if cell[0] == cell[1] else x for x, y in ((a, b), (b, a)))
            return Problems((a, b))
        problems = super().draw_suite(rng, n, cell, suite)
        return Problems(sampling.carry_chains(rng, *problems.fields, full=True)) if suite == "chains" else problems

    def pages(self, problems: Problems) -> Pages:
        a, b = problems.fields
        total = dg.add(a, b)
        if self.pad:
            total = dg.pad(total, self._widths(a, b) + 1)
        prompt = self._prompt_parts(problems)
        answer = self._written(total, reverse=self.order != "plain")
        page = join([*prompt, answer, STOP], len(problems))
        return Pages(page.values, page.lengths - total.lengths - len(STOP), page.lengths)

    def read(self, written: str, question: str) -> str | None:
        if not re.fullmatch("[0-9]+", written):
            return None
        answer = written if self.order == "plain" else written[::-1]
        return (answer.lstrip("0") or "0") if self.pad else answer

    def budgets(self, problems: Problems) -> Ints:
        a, b = problems.fields
        width = self._widths(a, b) if self.pad else np.maximum(a.lengths, b.lengths)
        return width + 1 + len(STOP) + 8

    def truth(self, question: str) -> str:
        left, right = self.operands(question)
        return str(left + right)

    def _prompt_parts(self, problems: Problems) -> list[Ragged | str]:
        operands = problems.fields
        if self.pad:
            operands = tuple(dg.pad(number, self._widths(*operands)) for number in operands)
        a, b = (self._written(number, reverse=self.order == "reversed") for number in operands)
        return [a, "+", b, "="] if self.signs else [a, b]

    def _widths(self, a: Ragged, b: Ragged) -> Ints:
        return np.maximum(np.maximum(a.lengths, b.lengths), max(max(box.left[1], box.right[1]) for box in self.boxes))

    @staticmethod
    def _written(number: Ragged, *, reverse: bool) -> Ragged:
        characters = dg.characters(number)
        return characters if reverse else dg.reverse(characters)
