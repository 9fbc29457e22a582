"""Subtraction of two natural numbers, with results below zero.

    question    654-321     123-456
    page        456-123=333$
                321-654=766~333$        reads -333

The difference is written column by column, least significant digit first, modulo a power of ten: 123 - 456 = -333 is ...667.
Only the borrow out of the top column tells which number was the larger. Where the difference was negative, `~` follows and the
ten's complement of the difference, which is the size of the result. A difference may have zeros on top.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from tasks import sizes
from tasks.arithmetic.binary import BinaryTask, operands
from tasks.core import digits as dg
from tasks.core import sampling
from tasks.core.ragged import Ints, marks, only
from tasks.core.scratchpad import RUNS_ON, Fault, number, runs_on
from tasks.sizes import ProblemSize
from tasks.task import STOP, Pages, Problems

_DIFFERENCE = re.compile("([0-9]+)(?:~([0-9]+))?")


@dataclass(frozen=True)
class Subtraction(BinaryTask):
    """Options of `sub`. ValueError names a field that is out of range."""

    digits: str = "1-8"
    """The digits of the operands in training, as in 8, 1-8, 12x6 or 1-6,1-10x1-3."""
    carry_chain_prob: float = 0.2
    """The probability that a problem in training is changed so that a borrow runs through neighbouring columns."""

    name: ClassVar[str] = "sub"
    summary: ClassVar[str] = "subtraction of two natural numbers, results below zero too"
    operator: ClassVar[str] = "-"
    suites: ClassVar[tuple[str, ...]] = (*BinaryTask.suites, "carries")
    complete_suites: ClassVar[tuple[str, ...]] = (*BinaryTask.complete_suites, "carries")

    @property
    def alphabet(self) -> str:
        return "0123456789-=~" + STOP

    def sample(self, rng: np.random.Generator, n: int) -> Problems:
        a, b = (sampling.numbers(rng, side) for side in sizes.sample(self.size_ranges, rng, n))
        chosen = np.flatnonzero(rng.random(n) < self.carry_chain_prob)
        if len(chosen):
            a = a.replaced(chosen, sampling.borrow_chains(rng, a[chosen], b[chosen]))
        return Problems((a, b))

    def sample_suite(self, rng: np.random.Generator, n: int, size: ProblemSize, suite: str) -> Problems:
        """`edges`: borrow chains, numbers with a pattern, and a number less itself; `carries`: every pattern of borrows."""
        if suite != "edges":
            return super().sample_suite(rng, n, size, suite)
        a, b = (sampling.patterned(rng, np.full(n, digits)) for digits in size)
        chosen = np.flatnonzero(rng.random(n) < 0.5)
        if len(chosen):
            a = a.replaced(chosen, sampling.borrow_chains(rng, a[chosen], b[chosen]))
        if size[0] == size[1]:
            a = a.replaced(chosen[::4], b[chosen[::4]])
        return Problems((a, b))

    def pages(self, problems: Problems) -> Pages:
        a, b = problems.fields
        width = np.maximum(a.lengths, b.lengths)
        difference, negative = dg.subtract(a, b, width)
        complement, _ = dg.subtract(dg.from_ints([0] * len(a)), difference, width)
        size = only(dg.characters(complement), negative)
        return Pages.join(self.prompts(problems), [dg.characters(difference), marks("~", negative), size, STOP])

    def extract(self, completion: str, question: str) -> str | None:
        match = _DIFFERENCE.fullmatch(completion)
        if not match or runs_on(completion):
            return None
        difference, size = match.groups()
        return f"-{number(size)}" if size else str(number(difference))

    def max_new_tokens(self, problems: Problems) -> Ints:
        left, right = self.sizes_of(problems)
        return 2 * np.maximum(left, right) + 10

    def answer(self, question: str) -> str:
        left, right = operands(question, self.operator)
        return str(left - right)

    def verify(self, question: str, completion: str) -> Fault | None:
        left, right = operands(question, self.operator)
        if runs_on(completion):
            return Fault(1, completion, RUNS_ON)
        match = _DIFFERENCE.fullmatch(completion)
        if not match:
            return Fault(1, completion, f"{completion!r} is no difference")
        width = len(str(max(left, right)))
        if any(len(text) != width for text in match.groups() if text is not None):
            return Fault(1, completion, f"a number has not {width} places")
        modulus = 10**width
        expected = (left - right) % modulus
        if number(match[1]) != expected:
            return Fault(1, match[1], f"{question} is {expected} modulo {modulus}, not {number(match[1])}")
        return super().verify(question, completion)
