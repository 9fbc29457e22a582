"""Division of two natural numbers with remainder, worked out as long division in which no digit has to be guessed.

    question        7391/52
    page            7391/25=401'802"614&7,700#0;3|370(...       reads 142 r 7
    no scratchpad   7391/25=0142r700$

The dividend stands as people write it, because its digits are brought down from its top. All other numbers are written least
significant digit first. With b the divisor, of m digits, every number of the scratchpad has m+1 digits:

    2b ' 4b " 8b &                      the multiples of the divisor come first
    digit , remainder # 0 ;             while fewer digits than b has are brought down: a line with the quotient's digit 0
    digit | remainder ( r-8b A r-4b B r-2b C r-b D rest # q ;
                                        a line for each further digit: 8b, 4b, 2b and b are subtracted in turn

A difference is written modulo 10^(m+1). The mark after it says whether it fitted (A B C D) or was negative (a b c d). Where it
was negative, the next multiple is subtracted from the remainder before it; computed from what is written that is a sum, since
-8b + 4b = -4b. `rest` is what is left, and q is the sum of the multiples that fitted. The page ends with

    > quotient r rest $                 the quotient's digits as people write them, with its leading zeros

or, where the divisor is zero, it is only `?$`. `;` and `#` indent (tasks/page_grammar.py): the digit that is brought down and
the quotient's digit stand in the column of the dividend's digit. With `scratchpad = false` the page has only what follows `>`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import ClassVar, Final

import numpy as np

from tasks import sizes
from tasks.arithmetic.binary import PATTERNED_SHARE, BinaryTask, operands
from tasks.arithmetic.long_division import LINE, MULTIPLES, TRIALS, line_fault, multiples_fault, staircase
from tasks.core import digits as dg
from tasks.core import sampling
from tasks.core.ragged import Bools, Ints, Ragged, join, marks, only, where
from tasks.core.scratchpad import RUNS_ON, Fault, Row, number, rule, runs_on
from tasks.sizes import ProblemSize
from tasks.task import STOP, Pages, Problems

BY_ZERO: Final = "division by zero"
_END = re.compile(r"([0-9]+)r([0-9]+)")


@dataclass(frozen=True)
class Division(BinaryTask):
    """Options of `div`. ValueError names a field that is out of range."""

    digits: str = "1-4x1-2"
    """The digits of dividend and divisor in training, as in 8, 1-8, 12x6 or 1-6,1-10x1-3."""
    edge_case_prob: float = 0.1
    """The probability that an operand in training has a pattern: nines, zeros inside, powers of ten, ..."""
    built_share: float = 0.3
    """The share of problems made from a quotient and a remainder; without it exact divisions are rare."""
    zero_share: float = 0.01
    """The share of divisors that are zero."""
    scratchpad: bool = True
    """Write the long division; without it quotient and remainder follow the prompt directly."""

    name: ClassVar[str] = "div"
    summary: ClassVar[str] = "division of two natural numbers with remainder, worked out"
    operator: ClassVar[str] = "/"

    @property
    def alphabet(self) -> str:
        return "0123456789/=" + ("'\"&|,(AaBbCcDd#;>" if self.scratchpad else "") + "r?" + STOP

    def sample(self, rng: np.random.Generator, n: int) -> Problems:
        left, right = sizes.sample(self.size_ranges, rng, n)
        a, b = sampling.mixed(rng, left, self.edge_case_prob), sampling.mixed(rng, right, self.edge_case_prob)
        chosen = np.flatnonzero(rng.random(n) < self.built_share)
        if len(chosen):
            a = a.replaced(chosen, self._built_dividends(rng, left[chosen], b[chosen]))
        zero = rng.random(n) < self.zero_share
        return Problems((a, where(zero, dg.from_ints([0] * n), b)))

    def sample_suite(self, rng: np.random.Generator, n: int, size: ProblemSize, suite: str) -> Problems:
        """Draw test problems of one size.

        `edges`: operands with a pattern (sampling.PATTERNS), equal ones, and patterned quotients with a remainder of 0 or one
        less than the divisor.
        """
        if suite != "edges":
            return super().sample_suite(rng, n, size, suite)
        a, b = (sampling.mixed(rng, np.full(n, digits), PATTERNED_SHARE) for digits in size)
        kind = rng.random(n)
        built, equal = np.flatnonzero(kind < 0.6), np.flatnonzero(kind > 0.95)
        a = a.replaced(built, self._built_dividends(rng, np.full(len(built), size[0]), b[built])) if len(built) else a
        return Problems((a.replaced(equal, b[equal]) if size[0] == size[1] else a, b))

    @staticmethod
    def _built_dividends(rng: np.random.Generator, length: Ints, b: Ragged) -> Ragged:
        """Dividends of exactly `length` digits near quotient * b + rest: often exact, often with a rest of one less than b.

        A dividend that comes out too long is cut, one that comes out too short gets a digit on top.
        """
        quotient = sampling.mixed(rng, np.maximum(length - b.lengths + rng.integers(0, 2, len(b)), 1), 0.3)
        product = dg.multiply(quotient, b)
        less, _ = dg.subtract(b, dg.from_ints([1] * len(b)), b.lengths)
        exact, most = rng.random(len(b)) < 0.4, rng.random(len(b)) < 0.3
        some = sampling.numbers(rng, np.maximum(b.lengths - 1, 1))
        rest = where(most, less, some).values * ~exact[:, None]
        total = dg.fit(dg.add(product, dg.significant(rest.astype(np.uint8))), length)
        values, rows = total.values.copy(), np.arange(len(b))
        top = values[rows, length - 1]
        values[rows, length - 1] = np.where((top == 0) & (length > 1), rng.integers(1, 10, len(b)), top)
        return Ragged(values, length)

    def prompts(self, problems: Problems) -> Ragged:
        """The dividend as people write it, the divisor least significant digit first, as in `7391/25=`."""
        dividend, divisor = (dg.characters(number) for number in problems.fields)
        return join([dg.reverse(dividend), "/", divisor, "="], len(problems))

    def pages(self, problems: Problems) -> Pages:
        a, b = problems.fields
        divisible = np.asarray(b.values.any(axis=1))
        lines, quotient, rest = self._lines(a, b, divisible)
        parts = lines if self.scratchpad else []
        parts += [only(dg.characters(Ragged(quotient.values, a.lengths)), divisible), marks("r", divisible)]
        parts += [only(dg.characters(rest), divisible), marks("?", ~divisible), STOP]
        return Pages.join(self.prompts(problems), parts)

    @staticmethod
    def _lines(a: Ragged, b: Ragged, divisible: Bools) -> tuple[list[Ragged | str], Ragged, Ragged]:
        """The long division of a by b.

        Args:
            divisible: bool (n,), the rows whose divisor is not zero; the other rows get no lines.

        Returns:
            The parts of the scratchpad, the quotients from the top digit down, and the remainders.
        """
        n, width = len(a), b.lengths + 1
        multiples = {1: dg.fit(b, width)}
        parts: list[Ragged | str] = []
        for factor, mark in ((2, "'"), (4, '"'), (8, "&")):
            multiples[factor] = dg.fit(dg.double(multiples[factor // 2]), width)
            parts += [only(dg.characters(multiples[factor]), divisible), marks(mark, divisible)]
        dividend, rest = dg.reverse(a).values, dg.fit(dg.from_ints([0] * n), width)
        quotient = np.zeros_like(dividend)
        for place in range(dividend.shape[1]):
            here = divisible & (a.lengths > place)
            tried = here & (b.lengths <= place + 1)
            digit = dg.column(dividend, place)
            brought = np.concatenate([dividend[:, place : place + 1], rest.values], axis=1)
            rest = where(here, dg.fit(Ragged(brought, width), width), rest)
            parts += [only(digit, here), marks(",|", here, tried), only(dg.characters(rest), here)]
            if tried.any():
                parts.append(marks("(", tried))
                for factor, signs in TRIALS:
                    difference, negative = dg.subtract(rest, multiples[factor], width)
                    fits = ~negative & tried
                    rest = where(fits, difference, rest)
                    quotient[:, place] += (factor * fits).astype(np.uint8)
                    parts += [only(dg.characters(difference), tried), marks(signs, tried, fits)]
                parts.append(only(dg.characters(rest), tried))
            last = a.lengths == place + 1
            parts += [marks("#", here), only(dg.column(quotient, place), here), marks(";>", here, last)]
        return parts, Ragged(quotient, a.lengths), rest

    def extract(self, completion: str, question: str) -> str | None:
        if completion == "?":
            return BY_ZERO
        if runs_on(completion):
            return None
        end = re.search(r">([0-9]+)r([0-9]+)$", completion) if self.scratchpad else _END.fullmatch(completion)
        if not end:
            return None
        quotient, rest = int(end[1]), number(end[2])
        return f"{quotient} r {rest}" if rest else str(quotient)

    def max_new_tokens(self, problems: Problems) -> Ints:
        n, m = self.sizes_of(problems)
        if not self.scratchpad:
            return n + m + 2 + len(STOP) + 8
        return 3 * (m + 2) + n * (6 * (m + 1) + 10) + n + m + 20

    def answer(self, question: str) -> str:
        left, right = operands(question, self.operator)
        if right == 0:
            return BY_ZERO
        quotient, rest = divmod(left, right)
        return f"{quotient} r {rest}" if rest else str(quotient)

    def verify(self, question: str, completion: str) -> Fault | None:
        if runs_on(completion):
            return Fault(1, completion, RUNS_ON)
        if not self.scratchpad:
            return super().verify(question, completion)
        a, b = operands(question, self.operator)
        if b == 0 or completion == "?":
            right = b == 0 and completion == "?"
            return None if right else Fault(1, completion, f"{question} is {self.answer(question)}")
        multiples = MULTIPLES.match(completion)
        if not multiples:
            return Fault(1, completion, f"{completion!r} does not begin with three multiples of {b}")
        if why := multiples_fault(multiples, b):
            return Fault(1, multiples[0], why)
        at, rest, quotient = multiples.end(), 0, ""
        for place, digit in enumerate(str(a)):
            line = LINE.match(completion, at)
            if not line:
                return Fault(place + 2, completion[at:], f"{completion[at:]!r} is no line that brings down a digit")
            if why := line_fault(line, digit, rest, b, last=place == len(str(a)) - 1):
                return Fault(place + 2, line[0], why)
            at, rest, quotient = line.end(), number(line["rest"] or line["brought"]), quotient + line["quotient"]
        end = _END.fullmatch(completion, at)
        if not end or end[1] != quotient or number(end[2]) != rest or len(end[2]) != len(str(b)) + 1:
            why = f"it ends with {completion[at:]!r}, not with {quotient} and {rest}"
            return Fault(len(str(a)) + 2, completion[at:], why)
        return None

    def render(self, question: str, completion: str) -> list[Row]:
        """Draw the staircase of the division as far as it is written, with the quotient over the dividend."""
        if not self.scratchpad:
            return super().render(question, completion)
        left, right = question.split(self.operator)
        completion = "" if runs_on(completion) else completion
        multiples = MULTIPLES.match(completion)
        lines = list(LINE.finditer(completion, multiples.end())) if multiples else []
        indent = len(right) + 3
        rows = [Row(f"{right} ) {left}", "given")]
        if multiples:
            rows += staircase(right, multiples, lines, indent)
        answer = self.extract(completion, question)
        if answer == BY_ZERO:
            return [*rows, Row(" " * indent + BY_ZERO, "answer")]
        complete = bool(lines and lines[-1]["last"])
        if complete:
            rest = str(number(lines[-1]["rest"] or lines[-1]["brought"]))
            rows.append(Row(f"{rest:>{indent + len(lines)}}", "working", "remainder"))
        quotient = "".join(line["quotient"] for line in lines).lstrip("0") or "0" * complete
        above = f"{quotient:>{indent + len(lines)}}"
        if answer is not None:  # in its place over the dividend, the remainder after it
            whole, _, rest = answer.partition(" r ")
            above = f"{whole:>{indent + len(left)}}" + (f" r {rest}" if rest else "")
        return [Row(above, "answer"), rule(len(left), indent), *rows]
