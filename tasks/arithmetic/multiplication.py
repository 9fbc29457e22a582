"""Multiplication of two natural numbers, worked out as long multiplication with a running total.

    question    123*45
    page        321*54=5:5160_5160;4!2940_53550$         reads 5535
    no working  321*54=5355$

A line a digit of the second factor: the digit, the first factor times this digit, the total so far. Numbers are written least
significant digit first. The digit and the product begin one place further in on each line (`;`, `:` and `!` indent, see
arithgpt/page.py), so each digit of a product stands in its own column; the total begins in the first column. `!` instead of `:`
says, where it can be seen, that this is the last line: its total is the answer, with perhaps one zero on top.
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
from tasks.core.ragged import Ints, Ragged, join, marks, only
from tasks.core.scratchpad import RUNS_ON, Fault, Row, number, rule, runs_on
from tasks.sizes import ProblemSize
from tasks.task import STOP, Pages, Problems

_LINE = re.compile(r"(?P<digit>[0-9])(?::|(?P<last>!))(?P<product>[0-9]+)_(?P<total>[0-9]+)(?:(?P<more>;)|$)")


@dataclass(frozen=True)
class Multiplication(Binary):
    """Options of `mul`. ValueError names a field that is out of range."""

    digits: str = "1-4"
    """The digits of the factors in training (tasks/lengths.py)."""
    edge_case_prob: float = 0.1
    """The share of factors with a pattern: nines, zeros inside, powers of ten, ..."""
    scratchpad: bool = True
    """Write the long multiplication; without it the product stands at once behind the prompt."""

    final_answer_mark: ClassVar[str] = "_"
    name: ClassVar[str] = "mul"
    summary: ClassVar[str] = "multiplication of two natural numbers, worked out"
    operator: ClassVar[str] = "*"

    @property
    def alphabet(self) -> str:
        return "0123456789*=" + (":!_;" if self.scratchpad else "") + STOP

    def sample(self, rng: np.random.Generator, n: int) -> Problems:
        return Problems(
            tuple(sampling.mixed(rng, side, self.edge_case_prob) for side in sizes.sample(self.size_ranges, rng, n))
        )

    def sample_suite(self, rng: np.random.Generator, n: int, cell: ProblemSize, suite: str) -> Problems:
        """`edges`: factors with a pattern (sampling.PATTERNS), some of them equal."""
        return self._edge_operands(rng, n, cell) if suite == "edges" else super().sample_suite(rng, n, cell, suite)

    def pages(self, problems: Problems) -> Pages:
        a, b = problems.fields
        n = len(a)
        if not self.scratchpad:
            page = join([*self._prompt_parts(problems), dg.characters(dg.multiply(a, b)), STOP], n)
            return Pages(page.values, a.lengths + b.lengths + 2, page.lengths)
        parts, total = self._prompt_parts(problems), dg.from_ints([0] * n)
        for place in range(b.values.shape[1]):
            here, last = place < b.lengths, place == b.lengths - 1
            row = dg.times(a, b.values[:, place])
            total = dg.fitted(dg.add(total, dg.shifted(row, place)), row.lengths + place)
            digit = Ragged(b.values[:, place : place + 1], np.ones(n, np.int64))
            parts += [
                only(dg.characters(digit), here),
                marks(":!", here, last),
                only(dg.characters(row), here),
                marks("_", here),
                only(dg.characters(total), here),
                marks(";" + STOP, here, last),
            ]
        page = join(parts, n)
        return Pages(page.values, a.lengths + b.lengths + 2, page.lengths)

    def extract(self, written: str, question: str) -> str | None:
        if runs_on(written):
            return None
        if not self.scratchpad:
            return written[::-1] if re.fullmatch("[0-9]+", written) else None
        total = re.search(r"![0-9]+_([0-9]+)$", written)
        return str(number(total[1])) if total else None

    def max_new_tokens(self, problems: Problems) -> Ints:
        n, m = (factor.lengths for factor in problems.fields)
        if not self.scratchpad:
            return n + m + len(STOP) + 8
        return m * (2 * n + 5) + m * (m + 1) // 2 + 16

    def answer(self, question: str) -> str:
        left, right = self.operands(question)
        return str(left * right)

    def verify(self, question: str, written: str) -> Fault | None:
        if not self.scratchpad:
            return super().verify(question, written)
        return Fault(1, written, RUNS_ON) if runs_on(written) else check_lines(*self.operands(question), written)

    def render(self, question: str, written: str) -> list[Row]:
        if not self.scratchpad:
            return super().render(question, written)
        left, right = question.split(self.operator)
        written = "" if runs_on(written) else written
        lines = [line for line in _LINE.finditer(written) if line["more"] or line["last"]]  # not one still being written
        answer = self.extract(written, question)
        width = max(len(left) + len(right), 2 + len(right), len(answer or ""))
        rows = [Row(f"{left:>{width}}", "given"), Row(f"{'* ' + right:>{width}}", "given"), rule(width)]
        for place, line in enumerate(lines):
            product = f"{number(line['product'])}{' ' * place}"
            so_far = f", so far {number(line['total'])}" if place and line["more"] else ""
            rows.append(Row(f"{product:>{width}}", "working", f"{line['digit']} * {left}{so_far}"))
        if answer is not None:
            rows = [*rows, rule(width)] if len(lines) > 1 else rows[:3]  # a single product is the answer itself
            rows.append(Row(f"{answer:>{width}}", "answer"))
        return rows


def check_lines(left: int, right: int, written: str) -> Fault | None:
    """The first line of a long multiplication that does not hold; no number of it has more than LONGEST digits."""
    so_far, at = 0, 0
    digits, width = str(right)[::-1], len(str(left)) + 1
    for place, digit in enumerate(digits):
        last = place == len(digits) - 1
        line = _LINE.match(written, at)
        if not line:
            return Fault(place + 1, written[at:], f"{written[at:]!r} is no line of digit, product and total")
        if (len(line["product"]), len(line["total"])) != (width, width + place):
            return Fault(place + 1, line[0], "a number has too few places or too many")
        product, total = number(line["product"]), number(line["total"])
        before, so_far = so_far, so_far + product * 10**place
        faults = {
            f"the digit is {digit}, not {line['digit']}": line["digit"] != digit,
            f"marked {'as the last line' if line['last'] else 'as one of more'}, wrongly": bool(line["last"]) != last,
            f"{digit} * {left} is {int(digit) * left}, not {product}": product != int(digit) * left,
            f"{before} + {product * 10**place} is {so_far}, not {total}": total != so_far,
            f"{'more' if last else 'no'} lines follow": bool(line["more"]) == last,
        }
        for why, wrong in faults.items():
            if wrong:
                return Fault(place + 1, line[0], why)
        at = line.end()
    return Fault(len(digits) + 1, written[at:], f"{written[at:]!r} follows the end") if at < len(written) else None
