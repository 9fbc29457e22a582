"""Subtraction of two natural numbers, with results below zero.

    question    654-321     123-456
    page        456-123=333$
                321-654=766~333$        reads -333

The difference is written column by column, least significant digit first, modulo a power of ten (123 - 456 = -333 is ...667),
because only the borrow out of the top column tells which number was the larger. Where it was negative, `~` follows and its
ten's complement: the size of the result. A difference may have zeros on top.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from tasks import sizes
from tasks.arithmetic.binary import Binary
from tasks.core import digits as dg
from tasks.core import sampling
from tasks.core.ragged import Ints, join, marks, only
from tasks.core.scratchpad import RUNS_ON, Fault, number, runs_on
from tasks.sizes import ProblemSize
from tasks.task import STOP, Pages, Problems

_DIFFERENCE = re.compile("([0-9]+)(?:~([0-9]+))?")


@dataclass(frozen=True)
class Subtraction(Binary):
    """Options of `sub`. ValueError names a field that is out of range."""

    digits: str = "1-8"
    """The digits of the operands in training (tasks/lengths.py)."""
    carry_chain_prob: float = 0.2
    """The share of problems in which a borrow is made to run through neighbouring columns."""

    name: ClassVar[str] = "sub"
    summary: ClassVar[str] = "subtraction of two natural numbers, results below zero too"
    operator: ClassVar[str] = "-"
    suites: ClassVar[tuple[str, ...]] = (*Binary.suites, "carries")
    complete_suites: ClassVar[tuple[str, ...]] = (*Binary.complete_suites, "carries")

    @property
    def alphabet(self) -> str:
        return "0123456789-=~" + STOP

    def sample(self, rng: np.random.Generator, n: int) -> Problems:
        a, b = (sampling.numbers(rng, side) for side in sizes.sample(self.size_ranges, rng, n))
        chosen = np.flatnonzero(rng.random(n) < self.carry_chain_prob)
        if len(chosen):
            a = a.replaced(chosen, sampling.borrow_chains(rng, a[chosen], b[chosen]))
        return Problems((a, b))

    def sample_suite(self, rng: np.random.Generator, n: int, cell: ProblemSize, suite: str) -> Problems:
        """`edges`: borrow chains, numbers with a pattern, and a number less itself; `carries`: every pattern of borrows."""
        if suite != "edges":
            return super().sample_suite(rng, n, cell, suite)
        a, b = (sampling.patterned(rng, np.full(n, digits)) for digits in cell)
        chosen = np.flatnonzero(rng.random(n) < 0.5)
        if len(chosen):
            a = a.replaced(chosen, sampling.borrow_chains(rng, a[chosen], b[chosen]))
        if cell[0] == cell[1]:
            a = a.replaced(chosen[::4], b[chosen[::4]])
        return Problems((a, b))

    def pages(self, problems: Problems) -> Pages:
        a, b = problems.fields
        width = np.maximum(a.lengths, b.lengths)
        difference, negative = dg.subtract(a, b, width)
        size, _ = dg.subtract(dg.from_ints([0] * len(a)), difference, width)
        prompt = self._prompt_parts(problems)
        answer = [dg.characters(difference), marks("~", negative), only(dg.characters(size), negative), STOP]
        page = join([*prompt, *answer], len(a))
        return Pages(page.values, a.lengths + b.lengths + 2, page.lengths)

    def extract(self, written: str, question: str) -> str | None:
        match = _DIFFERENCE.fullmatch(written)
        if not match or runs_on(written):
            return None
        difference, size = match.groups()
        return f"-{number(size)}" if size else str(number(difference))

    def max_new_tokens(self, problems: Problems) -> Ints:
        a, b = (number.lengths for number in problems.fields)
        return 2 * np.maximum(a, b) + 10

    def answer(self, question: str) -> str:
        left, right = self.operands(question)
        return str(left - right)

    def verify(self, question: str, written: str) -> Fault | None:
        left, right = self.operands(question)
        match = _DIFFERENCE.fullmatch(written)
        if not match or runs_on(written):
            return Fault(1, written, f"{written!r} is no difference" if not runs_on(written) else RUNS_ON)
        width = len(str(max(left, right)))
        if any(len(text) != width for text in match.groups() if text is not None):
            return Fault(1, written, f"a number has not {width} places")
        modulus = 10**width
        if number(match[1]) != (left - right) % modulus:
            return Fault(1, match[1], f"{question} is {(left - right) % modulus} modulo {modulus}, not {number(match[1])}")
        return super().verify(question, written)
