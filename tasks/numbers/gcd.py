"""Find the greatest common divisor of two numbers by halving and subtracting, the binary algorithm.

    question    gcd 48 18
    page        84_81=?&42_90=1?(21_90=1?(60_90=1?(30_90=1?11<60_30=1?(30_30=1?00~30=1,60$      reads 6

A row is two numbers, least significant digit first: `42_90=` is 24 and 9. The mark after the `?` says what the row below is. It
has the same divisor, but for a factor of 2:

    & both are even      half of each, and one more `1` after the `=`, for the 2 that both had
    ( the first is even  half of it, and the other as it is; `)` if the second is even
    > both are odd       the first less the second, and the second; `<`: the second less the first, and the first

How two odd numbers compare is worked out after the `?`, as in compare.py: up to each place 0 for =, 1 for < and 2 for >. `~`
ends the rows where both are the same or the second is 0, `/` where the first is 0. The number that is left is copied, and
doubled once for each `1`.

A half keeps the digits of the whole, and a difference those of the longer number, with leading zeros. So a digit follows from a
few others at fixed distances, however long the numbers are. Euclid's algorithm does not have this: a model has to know its
quotients by heart.

Source: J. Stein, Computational problems associated with Racah algebra (1967).
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from tasks.core import digits as dg
from tasks.core.named_task import EDGES_SHARE, ScratchpadLine
from tasks.core.ragged import Ints, Ragged, join, marks, only, where
from tasks.core.scratchpad import Row
from tasks.numbers.pair import NumberPairTask
from tasks.page_grammar import DIGITS, EQUALS, STOP
from tasks.sizes import ProblemSize
from tasks.task import Pages, Problems

FIRST_LEFT, SECOND_LEFT = "~/"
FIRST_LESS, FIRST_MORE = "<>"
BOTH_EVEN, FIRST_EVEN, SECOND_EVEN = "&()"
ROW_MARKS = FIRST_LEFT + SECOND_LEFT + FIRST_LESS + FIRST_MORE + BOTH_EVEN + FIRST_EVEN + SECOND_EVEN

_AFTER_NUMBERS = "=1*[?][012]*"
_COMPLETION = re.compile(rf"[?][012]*(?:[&()<>][0-9]+_[0-9]+{_AFTER_NUMBERS})*[~/](?:[0-9]+=1+,)*([0-9]+)")


@dataclass(frozen=True)
class GCD(NumberPairTask):
    """Options of `gcd`. ValueError names a field that is out of range."""

    digits: str = "1-3"
    """The digits of the numbers in training, as in 1-3 or 1-6x1-3."""
    common_share: float = 0.5
    """The share of training problems made to have a common divisor; most random numbers have none."""

    name: ClassVar[str] = "gcd"
    summary: ClassVar[str] = "the greatest common divisor of two numbers by halving and subtracting"
    example: ClassVar[str] = "gcd 48 18"
    answer_format: ClassVar[str] = "a natural number; that of 0 and 0 is 0"
    version: ClassVar[int] = 2
    max_length: ClassVar[int] = 18  # such numbers fit into 64 bits
    line_pattern: ClassVar[str] = "[^&()<>~/,]*[&()<>~/,]|[^&()<>~/,]+"

    @property
    def alphabet(self) -> str:
        return DIGITS + EQUALS + "_?&()<>~/," + STOP

    def sample(self, rng: np.random.Generator, n: int) -> Problems:
        return _with_common_divisors(rng, super().sample(rng, n), self.common_share)

    def sample_suite(self, rng: np.random.Generator, n: int, size: ProblemSize, suite: str) -> Problems:
        """Sample test problems of one size; `edges`: numbers with a pattern or a common divisor, and equal ones."""
        problems = super().sample_suite(rng, n, size, suite)
        return _with_common_divisors(rng, problems, EDGES_SHARE) if suite == "edges" else problems

    def pages(self, problems: Problems) -> Pages:
        prompt = self.prompts(problems)
        halving, divisor, twos = _halving_rows(*problems.fields)
        return Pages.join(prompt, [*halving, *_doubling_rows(divisor, twos), STOP])

    def prompts(self, problems: Problems) -> Ragged:
        a, b = (dg.characters(number) for number in problems.fields)
        return join([a, "_", b, EQUALS], len(problems))

    def extract(self, completion: str, question: str) -> str | None:
        match = _COMPLETION.fullmatch(completion)
        return _read(match[1]) if match else None

    def answer(self, question: str) -> str:
        return str(math.gcd(*self.operands(question)))

    def expected_lines(self, question: str) -> list[ScratchpadLine]:
        a, b = self.operands(question)
        widths = [len(number) for number in self.argument(question).split(" ")]
        lines, twos, row, why = [], 0, "", "the numbers"
        while True:
            both_odd = a % 2 == b % 2 == 1
            comparison = _comparison(a, b, max(widths)) if both_odd else ""
            mark = _row_mark(a, b)
            lines.append(ScratchpadLine(f"{row}?{comparison}{mark}", why))
            if mark in FIRST_LEFT + SECOND_LEFT:
                break
            if both_odd:
                why = f"{max(a, b)} - {min(a, b)}, and {min(a, b)}"
                a, b, widths = abs(a - b), min(a, b), [max(widths), widths[int(a > b)]]
            else:
                why = "half of both" if a % 2 == b % 2 else f"half of {b if a % 2 else a}"
                twos += a % 2 == b % 2
                a, b = (number if number % 2 else number // 2 for number in (a, b))
            row = f"{_written(a, widths[0])}_{_written(b, widths[1])}={'1' * twos}"
        divisor, width, why = (b, widths[1], "the second") if mark == SECOND_LEFT else (a, widths[0], "the first")
        for k in range(twos, 0, -1):
            lines.append(ScratchpadLine(f"{_written(divisor, width)}={'1' * k},", why))
            divisor, why = 2 * divisor, f"twice {divisor}"
        return [*lines, ScratchpadLine(_written(divisor, width), why)]

    def render_lines(self, question: str, completion: str) -> list[Row]:
        rows = []
        for line in self.split_lines(completion):
            numbers, _, ones = line.partition(EQUALS)
            text = " ".join(_read(number) for number in re.findall("[0-9]+", numbers.partition("?")[0]))
            twos = len(ones) - len(ones.lstrip("1"))
            rows += [Row(text, "working", f"times {2**twos}" if twos else "")] if text else []
        return rows


def _halving_rows(a: Ragged, b: Ragged) -> tuple[list[Ragged | str], Ragged, Ints]:
    """Write the rows in which numbers are halved and subtracted until one is left.

    Args:
        a, b: the first and the second number of n problems

    Returns:
        The parts of the pages, the numbers that are left, and how many factors of 2 were taken out of both; int64 (n,).
    """
    n = len(a)
    divisor, twos, active = a, np.zeros(n, np.int64), np.ones(n, bool)
    parts: list[Ragged | str] = []
    while True:
        a_even, b_even = (number.values[:, 0] % 2 == 0 for number in (a, b))
        both_odd = active & ~a_even & ~b_even
        comparison = dg.running_comparison(a, b)
        last_comparison = comparison.values[np.arange(n), comparison.lengths - 1]
        less, more = both_odd & (last_comparison == 1), both_odd & (last_comparison == 2)
        first_left = active & (~b.values.any(axis=1) | both_odd & (last_comparison == 0))
        second_left = active & ~first_left & ~a.values.any(axis=1)
        divisor = where(first_left, a, where(second_left, b, divisor))
        cases = (first_left, second_left, less, more, a_even & b_even, a_even)  # in the order of ROW_MARKS
        row_mark = np.select(cases, range(len(cases)), len(cases))
        parts += [marks("?", active), only(dg.characters(comparison), both_odd), marks(ROW_MARKS, active, row_mark)]
        active = active & ~first_left & ~second_left
        if not active.any():
            return parts, divisor, twos
        twos += active & a_even & b_even
        a, b = _reduce(a, b, a_even, b_even, less, more)
        parts += [only(dg.characters(a), active), marks("_", active), only(dg.characters(b), active)]
        parts += [marks(EQUALS, active), _ones(twos * active)]


def _reduce(
    a: Ragged,
    b: Ragged,
    a_even: NDArray[np.bool_],
    b_even: NDArray[np.bool_],
    less: NDArray[np.bool_],
    more: NDArray[np.bool_],
) -> tuple[Ragged, Ragged]:
    """Return the numbers of the next row: halves where even, the difference and the smaller one where both are odd."""
    width = np.maximum(a.lengths, b.lengths)
    a_half, b_half = where(a_even, dg.half(a), a), where(b_even, dg.half(b), b)
    a_less_b, b_less_a = dg.subtract(a, b, width)[0], dg.subtract(b, a, width)[0]
    return where(more, a_less_b, where(less, b_less_a, a_half)), where(less, a, b_half)


def _doubling_rows(divisor: Ragged, twos: Ints) -> list[Ragged | str]:
    """Write the number that is left, and double it `twos` times; int64 (n,)."""
    parts: list[Ragged | str] = [dg.characters(divisor)]
    while (twos > 0).any():
        more = twos > 0
        divisor = dg.fit(dg.double(divisor), divisor.lengths)
        parts += [marks(EQUALS, more), _ones(twos), marks(",", more), only(dg.characters(divisor), more)]
        twos = np.maximum(twos - 1, 0)
    return parts


def _comparison(a: int, b: int, width: int) -> str:
    """Return how two numbers compare up to each of their places, from the lowest on: 0 for =, 1 for <, 2 for >."""
    ends = [(a % 10**k, b % 10**k) for k in range(1, width + 1)]
    return "".join("0" if x == y else "1" if x < y else "2" for x, y in ends)


def _row_mark(a: int, b: int) -> str:
    """Return the mark after a row of these numbers."""
    if b == 0 or (a == b and a % 2):
        return FIRST_LEFT
    if a == 0:
        return SECOND_LEFT
    if a % 2 and b % 2:
        return FIRST_LESS if a < b else FIRST_MORE
    return SECOND_EVEN if a % 2 else FIRST_EVEN if b % 2 else BOTH_EVEN


def _ones(counts: Ints) -> Ragged:
    """Return rows of `1`, as many in each as `counts` says; int64 (n,)."""
    inside = np.arange(int(counts.max(initial=0))) < counts[:, None]
    return Ragged((inside * ord("1")).astype(np.uint8), counts)


def _written(number: int, width: int) -> str:
    return str(number).zfill(width)[::-1]


def _read(digits: str) -> str:
    return digits[::-1].lstrip("0") or "0"


def _with_common_divisors(rng: np.random.Generator, problems: Problems, share: float) -> Problems:
    """Lower the numbers of a share of the problems to multiples of a random number, where they keep their lengths."""
    numbers = [dg.to_array(number) for number in problems.fields]
    shortest = np.minimum(*(number.lengths for number in problems.fields))
    divisor = rng.integers(1, 10 ** np.minimum(rng.integers(1, shortest + 1), 9))
    multiples = [dg.from_array(number - number % divisor) for number in numbers]
    chosen_mask = rng.random(len(problems)) < share
    for number, multiple in zip(problems.fields, multiples, strict=True):
        chosen_mask &= number.lengths == multiple.lengths
    chosen = np.flatnonzero(chosen_mask)
    if len(chosen) == 0:
        return problems
    pairs = zip(problems.fields, multiples, strict=True)
    return Problems(tuple(number.replaced(chosen, multiple[chosen]) for number, multiple in pairs))
