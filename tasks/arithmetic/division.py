"""Division of two natural numbers with remainder, worked out as long division in which no digit has to be guessed.

    question    7391/52
    page        7391/25=401'802"614&7,700#0;3|370(...       reads 142 r 7

The dividend stands as people write it, since its digits are brought down from its top; all other numbers are written least
significant digit first. With b the divisor, of m digits, every working number has m+1:

    2b ' 4b " 8b &                      first the multiples of the divisor
    digit , remainder # 0 ;             a line while there are fewer digits than in b: bring one down, no quotient yet
    digit | remainder ( r-8b A r-4b B r-2b C r-b D rest # q ;
                                        a line for each further digit: take away 8b, 4b, 2b and b in turn

A difference is written modulo 10^(m+1), and the mark after it says whether it fitted (A B C D) or was negative (a b c d).
Where it was negative the next is taken from the remainder before it: from what is written, that is a sum, -8b + 4b = -4b.
`rest` is what is left, and q the sum of what fitted. In the end:

    > quotient r rest $                 the quotient's digits as people write them, one a line, zeros in front included

and `?$` instead of all this where the divisor is zero. `;` and `#` indent (arithgpt/page.py): the digit brought down and the
quotient's digit stand in the column of the dividend's digit. With `scratchpad = false` only what follows `>` is written:

    no working  7391/25=0142r700$
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

BY_ZERO = "division by zero"
TRIALS = ((8, "aA"), (4, "bB"), (2, "cC"), (1, "dD"))
"""What is tried in turn, in units of the divisor, and the marks for negative and for fitted."""

MULTIPLES = re.compile(r"([0-9]+)'([0-9]+)\"([0-9]+)&")
_TRIALS = "".join(rf"(?P<less{factor}>[0-9]+)(?P<sign{factor}>[{signs}])" for factor, signs in TRIALS)
LINE = re.compile(
    r"(?P<digit>[0-9])(?P<mark>[,|])(?P<brought>[0-9]+)"
    rf"(?:\({_TRIALS}(?P<rest>[0-9]+))?"
    r"#(?P<quotient>[0-9])(?:;|(?P<last>>))"
)
_NUMBERS = ("brought", "rest", *(f"less{factor}" for factor, _ in TRIALS))
_END = re.compile(r"([0-9]+)r([0-9]+)")


@dataclass(frozen=True)
class Division(Binary):
    """Options of `div`. ValueError names a field that is out of range."""

    digits: str = "1-4x1-2"
    """The digits of dividend and divisor in training (tasks/lengths.py)."""
    edge_case_prob: float = 0.1
    """The share of operands with a pattern: nines, zeros inside, powers of ten, ..."""
    built_share: float = 0.3
    """The share of problems made from a quotient and a remainder: without it exact divisions are rare."""
    zero_share: float = 0.01
    """The share of divisors that are zero."""
    scratchpad: bool = True
    """Write the long division; without it quotient and remainder stand at once behind the prompt."""

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
            a = a.replaced(chosen, self._built(rng, left[chosen], b[chosen]))
        zero = (rng.random(n) < self.zero_share)[:, None]
        nothing = Ragged(np.where(zero, 0, b.values).astype(np.uint8), np.where(zero[:, 0], 1, b.lengths))
        return Problems((a, nothing))

    def sample_suite(self, rng: np.random.Generator, n: int, cell: ProblemSize, suite: str) -> Problems:
        """`edges`: operands with a pattern (sampling.PATTERNS), equal ones, and patterned quotients with a remainder of 0 or
        one less than the divisor."""
        if suite != "edges":
            return super().sample_suite(rng, n, cell, suite)
        a, b = (sampling.mixed(rng, np.full(n, digits), 0.8) for digits in cell)
        kind = rng.random(n)
        built, equal = np.flatnonzero(kind < 0.6), np.flatnonzero(kind > 0.95)
        a = a.replaced(built, self._built(rng, np.full(len(built), cell[0]), b[built])) if len(built) else a
        return Problems((a.replaced(equal, b[equal]) if cell[0] == cell[1] else a, b))

    def pages(self, problems: Problems) -> Pages:
        a, b = problems.fields
        n, working = len(a), b.values.any(axis=1)
        width = b.lengths + 1
        one = np.ones(n, np.int64)
        times = {1: dg.fitted(b, width)}
        for factor in (2, 4, 8):
            times[factor] = dg.fitted(dg.double(times[factor // 2]), width)
        parts = self._prompt_parts(problems)
        for factor, mark in ((2, "'"), (4, '"'), (8, "&")):
            parts += [only(dg.characters(times[factor]), working), marks(mark, working)]
        dividend, rest = dg.reverse(a).values, dg.fitted(dg.from_ints([0] * n), width)
        quotient = np.zeros_like(dividend)
        for place in range(dividend.shape[1]):
            here = working & (place < a.lengths)
            tried = here & (place + 1 >= b.lengths)
            digit = Ragged(dividend[:, place : place + 1], one)
            brought = dg.fitted(Ragged(np.concatenate([digit.values, rest.values], axis=1), width), width)
            rest = Ragged(np.where(here[:, None], brought.values, rest.widened(brought.values.shape[1])), width)
            parts += [only(dg.characters(digit), here), marks(",|", here, tried), only(dg.characters(rest), here)]
            if tried.any():
                parts.append(marks("(", tried))
                for factor, signs in TRIALS:
                    difference, negative = dg.subtract(rest, times[factor], width)
                    fitted = ~negative & tried
                    rest = Ragged(np.where(fitted[:, None], difference.values, rest.widened(difference.values.shape[1])), width)
                    quotient[:, place] += (factor * fitted).astype(np.uint8)
                    parts += [only(dg.characters(difference), tried), marks(signs, tried, fitted)]
                parts.append(only(dg.characters(rest), tried))
            digit = Ragged(quotient[:, place : place + 1], one)
            parts += [marks("#", here), only(dg.characters(digit), here), marks(";>", here, place + 1 == a.lengths)]
        if not self.scratchpad:
            parts = self._prompt_parts(problems)
        parts += [only(dg.characters(Ragged(quotient, a.lengths)), working), marks("r", working)]
        parts += [only(dg.characters(rest), working), marks("?", ~working), STOP]
        page = join(parts, n)
        return Pages(page.values, a.lengths + b.lengths + 2, page.lengths)

    def extract(self, written: str, question: str) -> str | None:
        if written == "?":
            return BY_ZERO
        if runs_on(written):
            return None
        end = re.search(r">([0-9]+)r([0-9]+)$", written) if self.scratchpad else _END.fullmatch(written)
        if not end:
            return None
        quotient, rest = int(end[1]), number(end[2])
        return f"{quotient} r {rest}" if rest else str(quotient)

    def max_new_tokens(self, problems: Problems) -> Ints:
        n, m = (number.lengths for number in problems.fields)
        if not self.scratchpad:
            return n + m + 2 + len(STOP) + 8
        return 3 * (m + 2) + n * (6 * (m + 1) + 10) + n + m + 20

    def answer(self, question: str) -> str:
        left, right = self.operands(question)
        if right == 0:
            return BY_ZERO
        quotient, rest = divmod(left, right)
        return f"{quotient} r {rest}" if rest else str(quotient)

    def verify(self, question: str, written: str) -> Fault | None:
        if runs_on(written):
            return Fault(1, written, RUNS_ON)
        if not self.scratchpad:
            return super().verify(question, written)
        a, b = self.operands(question)
        if b == 0 or written == "?":
            return None if b == 0 and written == "?" else Fault(1, written, f"{question} is {self.answer(question)}")
        multiples = MULTIPLES.match(written)
        if not multiples:
            return Fault(1, written, f"{written!r} does not begin with three multiples of {b}")
        if why := multiples_fault(multiples, b):
            return Fault(1, multiples[0], why)
        width = len(str(b)) + 1
        at, rest, quotient = multiples.end(), 0, ""
        for place, digit in enumerate(str(a)):
            line = LINE.match(written, at)
            if not line:
                return Fault(place + 2, written[at:], f"{written[at:]!r} is no line that brings down a digit")
            if why := line_fault(line, digit, rest, b, last=place == len(str(a)) - 1):
                return Fault(place + 2, line[0], why)
            at, rest, quotient = line.end(), number(line["rest"] or line["brought"]), quotient + line["quotient"]
        end = _END.fullmatch(written, at)
        if not end or end[1] != quotient or number(end[2]) != rest or len(end[2]) != width:
            return Fault(len(str(a)) + 2, written[at:], f"it ends with {written[at:]!r}, not with {quotient} and {rest}")
        return None

    def render(self, question: str, written: str) -> list[Row]:
        if not self.scratchpad:
            return super().render(question, written)
        left, right = question.split(self.operator)
        written = "" if runs_on(written) else written
        multiples = MULTIPLES.match(written)
        lines = list(LINE.finditer(written, multiples.end())) if multiples else []
        indent = len(right) + 3
        rows = [Row(f"{right} ) {left}", "given")]
        times = (
            {1: int(right)} | {f: number(t) for f, t in zip((2, 4, 8), multiples.groups(), strict=True)} if multiples else {}
        )
        for place, line in enumerate(lines):
            end = indent + place + 1  # one past the column of the digit brought down
            if line["rest"] is None or line["quotient"] == "0":
                continue
            brought = str(number(line["brought"]))
            taken = sum(times[factor] for factor, signs in TRIALS if line[f"sign{factor}"] == signs[1])
            if len(rows) > 1:
                rows.append(Row(f"{brought:>{end}}", "working"))
            rows.append(Row(f"{taken:>{end}}", "working", f"{line['quotient']} * {right}"))
            width = max(len(brought), len(str(taken)))
            rows.append(rule(width, end - width))
        answer = self.extract(written, question)
        if answer == BY_ZERO:
            return [*rows, Row(" " * indent + BY_ZERO, "answer")]
        if lines and lines[-1]["last"]:
            rest = str(number(lines[-1]["rest"] or lines[-1]["brought"]))
            rows.append(Row(f"{rest:>{indent + len(lines)}}", "working", "remainder"))
        quotient = "".join(line["quotient"] for line in lines).lstrip("0") or "0" * bool(lines and lines[-1]["last"])
        above = f"{quotient:>{indent + len(lines)}}"
        if answer is not None:  # in its place over the dividend, the remainder after it
            whole, _, rest = answer.partition(" r ")
            above = f"{whole:>{indent + len(left)}}" + (f" r {rest}" if rest else "")
        return [Row(above, "answer"), rule(len(left), indent), *rows]

    def _prompt_parts(self, problems: Problems) -> list[Ragged | str]:
        dividend, *rest = super()._prompt_parts(problems)
        return [dg.reverse(dividend), *rest]

    @staticmethod
    def _built(rng: np.random.Generator, length: Ints, b: Ragged) -> Ragged:
        """Dividends of just `length` digits near quotient * b + rest: often exact, often with a rest of one less than b.

        What comes out too long or too short for its place is cut, or topped with a digit.
        """
        quotient = sampling.mixed(rng, np.maximum(length - b.lengths + rng.integers(0, 2, len(b)), 1), 0.3)
        product = dg.multiply(quotient, b)
        less, _ = dg.subtract(b, dg.from_ints([1] * len(b)), b.lengths)
        exact, most = rng.random(len(b)) < 0.4, rng.random(len(b)) < 0.3
        some = sampling.numbers(rng, np.maximum(b.lengths - 1, 1))
        width = max(less.values.shape[1], some.values.shape[1])
        rest = np.where(most[:, None], less.widened(width), some.widened(width)) * ~exact[:, None]
        total = dg.fitted(dg.add(product, dg.significant(rest.astype(np.uint8))), length)
        values, rows = total.values.copy(), np.arange(len(b))
        top = values[rows, length - 1]
        values[rows, length - 1] = np.where((top == 0) & (length > 1), rng.integers(1, 10, len(b)), top)
        return Ragged(values, length)


def multiples_fault(multiples: re.Match[str], b: int) -> str | None:
    """What is wrong with the multiples of the divisor, a match of MULTIPLES, if anything is."""
    width = len(str(b)) + 1
    for factor, text in zip((2, 4, 8), multiples.groups(), strict=True):
        if number(text) != factor * b:
            return f"{factor} * {b} is {factor * b}, not {number(text)}"
    return f"a number has not {width} places" if {len(text) for text in multiples.groups()} != {width} else None


def line_fault(line: re.Match[str], digit: str, rest: int, b: int, last: bool) -> str | None:
    """What is wrong with a line, a match of LINE, that goes on from a remainder, if anything is."""
    brought = 10 * rest + int(digit)
    if line["digit"] != digit:
        return f"the digit is {digit}, not {line['digit']}"
    if number(line["brought"]) != brought:
        return f"{digit} brought down to {rest} is {brought}, not {number(line['brought'])}"
    if bool(line["last"]) != last:
        return f"{'no' if last else 'more'} digits are left to bring down"
    width = len(str(b)) + 1
    if {len(line[name] or line["brought"]) for name in _NUMBERS} != {width}:
        return f"a number has not {width} places"
    if (line["mark"] == "|") != (line["rest"] is not None):
        return f"{line['mark']!r} does not say whether the divisor is tried"
    if line["rest"] is None:
        fault = f"{brought} is not less than {b}" if brought >= b else f"the quotient's digit is 0, not {line['quotient']}"
        return fault if brought >= b or line["quotient"] != "0" else None
    left, quotient = brought, 0
    for factor, signs in TRIALS:
        difference, sign = line[f"less{factor}"], line[f"sign{factor}"]
        true = left - factor * b
        modulus = 10 ** len(difference)
        if number(difference) != true % modulus or abs(true) >= modulus:
            return f"{left} - {factor} * {b} is {true}, modulo {modulus} {true % modulus}, not {number(difference)}"
        if (sign == signs[1]) != (true >= 0):
            return f"{left} - {factor} * {b} = {true} is {'not ' * (true >= 0)}negative"
        if true >= 0:
            left, quotient = true, quotient + factor
    if number(line["rest"]) != left:
        return f"what is left is {left}, not {number(line['rest'])}"
    if line["quotient"] != str(quotient):
        return f"the quotient's digit is {quotient}, not {line['quotient']}"
    return None
