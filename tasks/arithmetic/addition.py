"""Addition of two natural numbers.

    question        123+4567
    page            321+7654=0964$      order "reversed": least significant digit first, as a person works from the right
                    123+4567=4690$      order "plain"
                    123+4567=0964$      order "reversed-answer", as in minGPT's adder (arXiv 2307.03381 measures all three)
    pad             3210+7654=09640$    every operand zero-padded to the most digits of training, the answer to one more
    no signs        3210765409640       fixed columns without + = $, as in minGPT's adder; needs `pad`
    index_hints     i3j2k1+i7j6k5l4=i0j9k6l4$       a letter before each digit says its place (arXiv 2310.16028)
    scratchpad      321+7654=3:7!0#1;2:6!9#0;1:5!6#0;0:4!4#0>0964$
                    a line for each column: both digits, the digit of the sum, the carry (as in arXiv 2307.03381)

In reversed order each digit of the answer depends on one column and on the carry out of the column before. The letters of
`index_hints` are consecutive, `a` after `z`. The first one is random, so that each letter is seen at each place. Like
everything on a page it follows from the problem.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from string import ascii_lowercase as LETTERS
from typing import ClassVar, Literal

import numpy as np

from tasks import sizes, splits
from tasks.arithmetic.binary import BinaryTask, operands
from tasks.core import digits as dg
from tasks.core import sampling
from tasks.core.ragged import Ints, Ragged, join, marks, only, stack
from tasks.core.scratchpad import Fault
from tasks.sizes import ProblemSize
from tasks.task import STOP, Pages, Problems


@dataclass(frozen=True)
class Addition(BinaryTask):
    """Options of `add`. ValueError names a field that is out of range."""

    digits: str = "1-8"
    """The digits of the operands in training, as in 8, 1-8, 12x6 or 1-6,1-10x1-3."""
    order: Literal["reversed", "plain", "reversed-answer"] = "reversed"
    """Which numbers are written least significant digit first: all, none, or only the answer."""
    pad: bool = False
    """Write leading zeros, so that all operands have the most digits of training and the answer one more."""
    signs: bool = True
    """Write + = and the stop; without them every page is fixed columns of digits, which needs `pad`."""
    carry_chain_prob: float = 0.2
    """The probability that a problem in training is changed so that a carry runs through neighbouring columns."""
    index_hints: bool = False
    """Write a letter before each digit, which says its place; needs `signs`."""
    scratchpad: bool = False
    """Write the sum of each column and its carry before the answer; needs `signs` and excludes `index_hints`."""

    name: ClassVar[str] = "add"
    summary: ClassVar[str] = "addition of two natural numbers"
    operator: ClassVar[str] = "+"
    commutes: ClassVar[bool] = True
    suites: ClassVar[tuple[str, ...]] = ("random", "chains", "nines", "exhaustive", "carries", "edges", "long")
    complete_suites: ClassVar[tuple[str, ...]] = ("nines", "exhaustive", "carries")

    def __post_init__(self) -> None:
        super().__post_init__()
        if not self.signs and not self.pad:
            raise ValueError("signs = false: needs pad = true, or nothing tells where a number ends")
        if (self.index_hints or self.scratchpad) and not self.signs:
            raise ValueError(f"{'index_hints' if self.index_hints else 'scratchpad'} = true: needs signs = true")
        if self.index_hints and self.scratchpad:
            raise ValueError("scratchpad = true: excludes index_hints = true")

    @property
    def alphabet(self) -> str:
        signs = ("+=" if self.signs else "") + (":!#;>" if self.scratchpad else "") + (LETTERS if self.index_hints else "")
        return "0123456789" + signs + STOP

    def sample(self, rng: np.random.Generator, n: int) -> Problems:
        a, b = (sampling.numbers(rng, side) for side in sizes.sample(self.size_ranges, rng, n))
        chosen = np.flatnonzero(rng.random(n) < self.carry_chain_prob)
        if len(chosen):
            chained_a, chained_b = sampling.carry_chains(rng, a[chosen], b[chosen])
            a, b = a.replaced(chosen, chained_a), b.replaced(chosen, chained_b)
        return Problems((a, b))

    def sample_suite(self, rng: np.random.Generator, n: int, size: ProblemSize, suite: str) -> Problems:
        """Draw test problems of one size.

        `chains`: a carry through every column. `nines`: 99..9+1 and 1+99..9. `carries`: every pattern of carries. `edges`:
        operands with a pattern, equal ones, and each problem with its operands swapped.
        """
        if suite == "nines":
            (left, right), one = (dg.from_strings(["9" * digits]) for digits in size), dg.from_strings(["1"])
            return Problems((stack([left, one]), stack([one, right])))
        if suite == "edges":
            a, b = self._patterned_operands(rng, n, size).fields
            swapped = np.arange(1, n, 2)  # the problem before, with its operands swapped
            a, b = (x.replaced(swapped, y[swapped - 1]) if size[0] == size[1] else x for x, y in ((a, b), (b, a)))
            return Problems((a, b))
        problems = super().sample_suite(rng, n, size, suite)
        if suite == "chains":
            a, b = problems.fields
            return Problems(sampling.carry_chains(rng, a, b, full=True))
        return problems

    def pages(self, problems: Problems) -> Pages:
        a, b = problems.fields
        total = dg.add(a, b)
        if self.pad:
            total = dg.pad(total, self._padded_widths(a, b) + 1)
        answer = self._on_page(total, self._first_letters(problems), reverse=self.order != "plain")
        lines: Sequence[Ragged | str] = []
        if self.scratchpad:
            widths = self._column_counts(a, b)
            lines = self._column_lines(dg.pad(a, widths), dg.pad(b, widths))
        return Pages.join(self.prompts(problems), [*lines, answer, STOP])

    def prompts(self, problems: Problems) -> Ragged:
        a, b = problems.fields
        if self.pad:
            widths = self._padded_widths(a, b)
            a, b = dg.pad(a, widths), dg.pad(b, widths)
        letters = self._first_letters(problems)
        left, right = (self._on_page(number, letters, reverse=self.order == "reversed") for number in (a, b))
        return join([left, "+", right, "="] if self.signs else [left, right], len(problems))

    def extract(self, completion: str, question: str) -> str | None:
        if self.scratchpad:
            _, mark, completion = completion.rpartition(">")
            if not mark:
                return None
        if self.index_hints:
            hinted = re.fullmatch("([a-z][0-9])+", completion)
            completion = "".join(re.findall("[a-z]([0-9])", completion)) if hinted else ""
        if not re.fullmatch("[0-9]+", completion):
            return None
        answer = completion if self.order == "plain" else completion[::-1]
        return (answer.lstrip("0") or "0") if self.pad else answer

    def max_new_tokens(self, problems: Problems) -> Ints:
        columns = self._column_counts(*problems.fields)
        answer = (columns + 1) * (2 if self.index_hints else 1)
        return answer + (len("3:7!0#1;") * columns if self.scratchpad else 0) + len(STOP) + 8

    def answer(self, question: str) -> str:
        left, right = operands(question, self.operator)
        return str(left + right)

    def verify(self, question: str, completion: str) -> Fault | None:
        if self.index_hints and (fault := _check_letters(completion, ascending=self.order != "plain")):
            return fault
        if self.scratchpad and (fault := self._check_columns(question, completion)):
            return fault
        return super().verify(question, completion)

    def _check_columns(self, question: str, completion: str) -> Fault | None:
        """Find the first line of the scratchpad that does not hold."""
        left, right = operands(question, self.operator)
        found, carry = completion.rpartition(">")[0].split(";"), 0
        columns = max(len(str(left)), len(str(right)), self._longest if self.pad else 0)
        for place, line in enumerate(found[: columns + 1]):
            a, b = (value // 10**place % 10 for value in (left, right))
            carry, digit = divmod(a + b + carry, 10)
            expected = f"{a}:{b}!{digit}#{carry}"
            if place == columns or line != expected:
                why = "no column is left" if place == columns else f"the column is {expected}, not {line}"
                return Fault(place + 1, line, why)
        return None if len(found) == columns else Fault(len(found) + 1, "", f"{columns} columns are to be added")

    @property
    def _longest(self) -> int:
        """The most digits of an operand in training."""
        return self.size_span.high

    def _padded_widths(self, a: Ragged, b: Ragged) -> Ints:
        """int64 (n,): the digits to which operands are padded."""
        return np.maximum(np.maximum(a.lengths, b.lengths), self._longest)

    def _column_counts(self, a: Ragged, b: Ragged) -> Ints:
        """int64 (n,): how many columns are added."""
        return self._padded_widths(a, b) if self.pad else np.maximum(a.lengths, b.lengths)

    def _first_letters(self, problems: Problems) -> Ints | None:
        """int64 (n,): the index of the letter of the lowest place; None without `index_hints`."""
        if not self.index_hints:
            return None
        # The hash makes the page follow from the problem; the bits that decide what is held out are left out.
        keys = self.split_keys(problems) // np.uint64(splits.HELD_OUT_ONE_IN)
        return (keys % np.uint64(len(LETTERS))).astype(np.int64)

    @staticmethod
    def _column_lines(a: Ragged, b: Ragged) -> list[Ragged | str]:
        """The scratchpad: a line for each column of two numbers of the same lengths."""
        n, width = a.values.shape
        parts: list[Ragged | str] = []
        carry = np.zeros(n, np.uint8)
        for place in range(width):
            here = a.lengths > place
            total = a.values[:, place] + b.values[:, place] + carry
            carry = total // 10
            columns = np.stack([a.values[:, place], b.values[:, place], total % 10, carry], axis=1)
            for k, mark in enumerate(":!#"):
                parts += [only(dg.column(columns, k), here), marks(mark, here)]
            parts += [only(dg.column(columns, 3), here), marks(";>", here, a.lengths - 1 == place)]
        return parts

    @staticmethod
    def _on_page(number: Ragged, letters: Ints | None, *, reverse: bool) -> Ragged:
        """A number as characters, each digit after its letter where there are letters.

        Args:
            letters: int64 (n,), the index of the letter of the lowest place; None for none.
            reverse: write the least significant digit first.
        """
        characters = dg.characters(number)
        if letters is not None:
            hints = (letters[:, None] + np.arange(number.values.shape[1])) % len(LETTERS) + ord("a")
            pair = [hints, characters.values] if reverse else [characters.values, hints]  # the letter first, read either way
            characters = Ragged(np.stack(pair, 2).reshape(len(hints), -1).astype(np.uint8), 2 * number.lengths)
        return characters if reverse else dg.reverse(characters)


def _check_letters(completion: str, *, ascending: bool) -> Fault | None:
    """Find a letter that does not follow the one before it."""
    letters = re.findall("[a-z]", completion)
    step = 1 if ascending else -1
    for place, (before, letter) in enumerate(pairwise(letters)):
        if (ord(letter) - ord(before) - step) % len(LETTERS):
            return Fault(1, completion, f"letter {place + 2} is {letter}, after {before}")
    return None
