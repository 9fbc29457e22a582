"""Multiplication of two natural numbers, worked out as long multiplication with a running total.

    question        123*45
    page            321*54=5:5160_5160;4!2940_53550$        reads 5535
    no scratchpad   321*54=5355$

The scratchpad has one line for each digit of the second factor: the digit, the product of the first factor and this digit, and
the total so far. Numbers are written least significant digit first. The digit and the product begin one place further in on
each line (`;`, `:` and `!` indent, see tasks/page_grammar.py), so each digit of a product stands in its own column. The total
begins in the first column. `!` instead of `:` marks the last line; its total is the answer, perhaps with one zero on top.
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
from tasks.core.ragged import Ints, Ragged, marks, only
from tasks.core.scratchpad import RUNS_ON, Fault, Row, number, rule, runs_on
from tasks.sizes import ProblemSize
from tasks.task import STOP, Pages, Problems

_LINE = re.compile(r"(?P<digit>[0-9])(?::|(?P<last>!))(?P<product>[0-9]+)_(?P<total>[0-9]+)(?:(?P<more>;)|$)")


@dataclass(frozen=True)
class Multiplication(BinaryTask):
    """Options of `mul`. ValueError names a field that is out of range."""

    digits: str = "1-4"
    """The digits of the factors in training, as in 8, 1-8, 12x6 or 1-6,1-10x1-3."""
    edge_case_prob: float = 0.1
    """The probability that a factor in training has a pattern: nines, zeros inside, powers of ten, ..."""
    scratchpad: bool = True
    """Write the long multiplication; without it the product follows the prompt directly."""

    name: ClassVar[str] = "mul"
    summary: ClassVar[str] = "multiplication of two natural numbers, worked out"
    operator: ClassVar[str] = "*"
    final_answer_mark: ClassVar[str] = "_"

    @property
    def alphabet(self) -> str:
        return "0123456789*=" + (":!_;" if self.scratchpad else "") + STOP

    def sample(self, rng: np.random.Generator, n: int) -> Problems:
        left, right = sizes.sample(self.size_ranges, rng, n)
        return Problems((sampling.mixed(rng, left, self.edge_case_prob), sampling.mixed(rng, right, self.edge_case_prob)))

    def sample_suite(self, rng: np.random.Generator, n: int, size: ProblemSize, suite: str) -> Problems:
        """`edges`: factors with a pattern (sampling.PATTERNS), some of them equal."""
        return self._patterned_operands(rng, n, size) if suite == "edges" else super().sample_suite(rng, n, size, suite)

    def pages(self, problems: Problems) -> Pages:
        a, b = problems.fields
        prompts = self.prompts(problems)
        return Pages.join(prompts, self._lines(a, b) if self.scratchpad else [dg.characters(dg.multiply(a, b)), STOP])

    @staticmethod
    def _lines(a: Ragged, b: Ragged) -> list[Ragged | str]:
        """The lines of the long multiplication of a and b, with the stop."""
        parts: list[Ragged | str] = []
        total = dg.from_ints([0] * len(a))
        for place in range(b.values.shape[1]):
            here, last = b.lengths > place, b.lengths - 1 == place
            product = dg.times(a, b.values[:, place])
            total = dg.fit(dg.add(total, dg.shift(product, place)), product.lengths + place)
            parts += [only(dg.column(b.values, place), here), marks(":!", here, last)]
            parts += [only(dg.characters(product), here), marks("_", here)]
            parts += [only(dg.characters(total), here), marks(";" + STOP, here, last)]
        return parts

    def extract(self, completion: str, question: str) -> str | None:
        if runs_on(completion):
            return None
        if not self.scratchpad:
            return completion[::-1] if re.fullmatch("[0-9]+", completion) else None
        total = re.search(r"![0-9]+_([0-9]+)$", completion)
        return str(number(total[1])) if total else None

    def max_new_tokens(self, problems: Problems) -> Ints:
        n, m = (factor.lengths for factor in problems.fields)
        if not self.scratchpad:
            return n + m + len(STOP) + 8
        return m * (2 * n + 5) + m * (m + 1) // 2 + 16

    def answer(self, question: str) -> str:
        left, right = operands(question, self.operator)
        return str(left * right)

    def verify(self, question: str, completion: str) -> Fault | None:
        if not self.scratchpad:
            return super().verify(question, completion)
        return (
            Fault(1, completion, RUNS_ON)
            if runs_on(completion)
            else check_lines(*operands(question, self.operator), completion)
        )

    def render(self, question: str, completion: str) -> list[Row]:
        """The factors, a row for each complete line, and the answer where it is there."""
        if not self.scratchpad:
            return super().render(question, completion)
        left, right = question.split(self.operator)
        completion = "" if runs_on(completion) else completion
        lines = [line for line in _LINE.finditer(completion) if line["more"] or line["last"]]  # not one still being written
        answer = self.extract(completion, question)
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


def check_lines(left: int, right: int, completion: str) -> Fault | None:
    """Find the first line of a long multiplication that does not hold. No number has more than MAX_NUMBER_DIGITS digits."""
    so_far, at = 0, 0
    digits, width = str(right)[::-1], len(str(left)) + 1
    for place, digit in enumerate(digits):
        last = place == len(digits) - 1
        line = _LINE.match(completion, at)
        if not line:
            return Fault(place + 1, completion[at:], f"{completion[at:]!r} is no line of digit, product and total")
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
    return Fault(len(digits) + 1, completion[at:], f"{completion[at:]!r} follows the end") if at < len(completion) else None
