"""Addition of two natural numbers.

    question    123+4567
    page        321+7654=0964$      order "reversed": least significant digit first, as a person works from the right
                123+4567=4690$      order "plain"
                123+4567=0964$      order "reversed-answer", as in minGPT's adder (arXiv 2307.03381 measures all three)
    padded      3210+7654=09640$    every operand zero-padded to the most digits of training, the answer to one more
    no signs    3210765409640       fixed columns without + = $, minGPT's adder; needs padding
    hints       i3j2k1+i7j6k5l4=i0j9k6l4$       before each digit a letter, the same at one place of all (arXiv 2310.16028)
    working     321+7654=3:7!0#1;2:6!9#0;1:5!6#0;0:4!4#0>0964$
                                                a line a column: both digits, the sum's, the carry (as in arXiv 2307.03381)

Reversed order makes each written digit depend on one column and the carry out of the column just written. Letters go on in
their order, from z to a, beginning at one that is random but, like all of a page, follows from the problem: so each letter is
seen at each place.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from itertools import pairwise
from string import ascii_lowercase as LETTERS
from typing import ClassVar, Literal

import numpy as np

from tasks import sizes, splits
from tasks.arithmetic.binary import Binary
from tasks.core import digits as dg
from tasks.core import sampling
from tasks.core.ragged import Ints, Ragged, join, marks, only, stack
from tasks.core.scratchpad import Fault
from tasks.sizes import ProblemSize
from tasks.task import STOP, Pages, Problems


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
    carry_chain_prob: float = 0.2
    """The share of training problems in which a carry is made to run through neighbouring columns."""
    index_hints: bool = False
    """Write a letter before each digit, which says its place; needs `signs`."""
    scratchpad: bool = False
    """Write the sum of each column and its carry before the answer; needs `signs` and goes without `hints`."""

    operator: ClassVar[str] = "+"
    commutes: ClassVar[bool] = True
    name: ClassVar[str] = "add"
    summary: ClassVar[str] = "addition of two natural numbers"
    suites: ClassVar[tuple[str, ...]] = ("random", "chains", "nines", "exhaustive", "carries", "edges", "long")
    complete_suites: ClassVar[tuple[str, ...]] = ("nines", "exhaustive", "carries")

    def __post_init__(self) -> None:
        super().__post_init__()
        if not self.signs and not self.pad:
            raise ValueError("signs = false: needs pad = true, or nothing tells where a number ends")
        if (self.index_hints or self.scratchpad) and not self.signs:
            raise ValueError(f"{'index_hints' if self.index_hints else 'scratchpad'} = true: needs signs = true")
        if self.index_hints and self.scratchpad:
            raise ValueError("scratchpad = true: goes without hints")

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

    def sample_suite(self, rng: np.random.Generator, n: int, cell: ProblemSize, suite: str) -> Problems:
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
        problems = super().sample_suite(rng, n, cell, suite)
        return Problems(sampling.carry_chains(rng, *problems.fields, full=True)) if suite == "chains" else problems

    def pages(self, problems: Problems) -> Pages:
        a, b = problems.fields
        total = dg.add(a, b)
        if self.pad:
            total = dg.pad(total, self._widths(a, b) + 1)
        answer = self._written(total, self._letters(problems), reverse=self.order != "plain")
        lines = self._columns(*(dg.pad(number, self._columns_of(a, b)) for number in (a, b))) if self.scratchpad else []
        prompt = self.prompts(problems)
        page = join([prompt, *lines, answer, STOP], len(problems))
        return Pages(page.values, prompt.lengths, page.lengths)

    def extract(self, written: str, question: str) -> str | None:
        if self.scratchpad:
            _, mark, written = written.rpartition(">")
            if not mark:
                return None
        if self.index_hints:
            written = "".join(re.findall("[a-z]([0-9])", written)) if re.fullmatch("([a-z][0-9])+", written) else ""
        if not re.fullmatch("[0-9]+", written):
            return None
        answer = written if self.order == "plain" else written[::-1]
        return (answer.lstrip("0") or "0") if self.pad else answer

    def max_new_tokens(self, problems: Problems) -> Ints:
        a, b = problems.fields
        columns = self._columns_of(a, b)
        answer = (columns + 1) * (2 if self.index_hints else 1)
        return answer + (len("3:7!0#1;") * columns if self.scratchpad else 0) + len(STOP) + 8

    def answer(self, question: str) -> str:
        left, right = self.operands(question)
        return str(left + right)

    def verify(self, question: str, written: str) -> Fault | None:
        if self.index_hints and (fault := _letters_fault(written, ascending=self.order != "plain")):
            return fault
        if self.scratchpad and (fault := self._columns_fault(question, written)):
            return fault
        return super().verify(question, written)

    def _columns_fault(self, question: str, written: str) -> Fault | None:
        """The first line of a working that does not hold."""
        left, right = self.operands(question)
        lines, _, _ = written.rpartition(">")
        found, carry = lines.split(";"), 0
        columns = max(len(str(left)), len(str(right)), self._longest if self.pad else 0)
        for place, line in enumerate(found[: columns + 1]):
            a, b = (value // 10**place % 10 for value in (left, right))
            carry, digit = divmod(a + b + carry, 10)
            right_line = f"{a}:{b}!{digit}#{carry}"
            if place == columns or line != right_line:
                why = "no column is left" if place == columns else f"the column is {right_line}, not {line}"
                return Fault(place + 1, line, why)
        return None if len(found) == columns else Fault(len(found) + 1, "", f"{columns} columns are to be added")

    def _prompt_parts(self, problems: Problems) -> list[Ragged | str]:
        operands = problems.fields
        if self.pad:
            operands = tuple(dg.pad(number, self._widths(*operands)) for number in operands)
        letters = self._letters(problems)
        a, b = (self._written(number, letters, reverse=self.order == "reversed") for number in operands)
        return [a, "+", b, "="] if self.signs else [a, b]

    def _widths(self, a: Ragged, b: Ragged) -> Ints:
        return np.maximum(np.maximum(a.lengths, b.lengths), self._longest)

    @property
    def _longest(self) -> int:
        return max(max(box.left[1], box.right[1]) for box in self.size_ranges)

    def _columns_of(self, a: Ragged, b: Ragged) -> Ints:
        """How many columns are added: int64 (n,)"""
        return self._widths(a, b) if self.pad else np.maximum(a.lengths, b.lengths)

    def _letters(self, problems: Problems) -> Ints | None:
        """Which letter stands at the lowest place: int64 (n,), or None without hints."""
        if not self.index_hints:
            return None
        # Of the hash, since pages follow from problems; without the bits by which problems are held out.
        return (self.split_keys(problems) // np.uint64(splits.HELD_OUT_ONE_IN) % np.uint64(len(LETTERS))).astype(np.int64)

    @staticmethod
    def _columns(a: Ragged, b: Ragged) -> list[Ragged | str]:
        """The working: a line a column of two numbers of the same lengths."""
        n, width = a.values.shape
        parts: list[Ragged | str] = []
        carry, one = np.zeros(n, np.uint8), np.ones(n, np.int64)
        for place in range(width):
            here = place < a.lengths
            total = a.values[:, place] + b.values[:, place] + carry
            carry = total // 10
            for mark, digit in zip(":!#", (a.values[:, place], b.values[:, place], total % 10), strict=True):
                parts += [only(dg.characters(Ragged(digit[:, None], one)), here), marks(mark, here)]
            parts += [only(dg.characters(Ragged(carry[:, None], one)), here), marks(";>", here, place == a.lengths - 1)]
        return parts

    @staticmethod
    def _written(number: Ragged, letters: Ints | None, *, reverse: bool) -> Ragged:
        """As it stands on the page, each digit after its letter if there are any. reverse: least significant digit first"""
        characters = dg.characters(number)
        if letters is not None:
            hints = (letters[:, None] + np.arange(number.values.shape[1])) % len(LETTERS) + ord("a")
            pair = [hints, characters.values] if reverse else [characters.values, hints]  # the letter first, read either way
            characters = Ragged(np.stack(pair, 2).reshape(len(hints), -1).astype(np.uint8), 2 * number.lengths)
        return characters if reverse else dg.reverse(characters)


def _letters_fault(written: str, *, ascending: bool) -> Fault | None:
    """A letter that does not follow the one before it."""
    letters = re.findall("[a-z]", written)
    step = 1 if ascending else -1
    for place, (before, letter) in enumerate(pairwise(letters)):
        if (ord(letter) - ord(before) - step) % len(LETTERS):
            return Fault(1, written, f"letter {place + 2} is {letter}, after {before}")
    return None
