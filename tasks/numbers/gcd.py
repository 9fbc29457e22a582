"""The greatest common divisor of two numbers, worked out by halving and subtracting (Stein 1967, the binary algorithm).

    question    gcd 48 18
    page        84_81=?&42_90=1?(21_90=1?(60_90=1?(30_90=1?11<60_30=1?(30_30=1?00~30=1,60$      reads 6

A row is two numbers, least significant digit first: `42_90=` is 24 and 9. The row below has the same divisor, but for a 2:

    & both are even      half of each, and one more `1` after the `=`, for the 2 that both had
    ( the first is       half of it, and the other as it is; `)` where it is the second
    > both are odd       the first less the second, and the second; `<`: the second less the first, and the first

How two odd numbers compare is worked out after the `?`: up to each place 0 for =, 1 for < and 2 for >, as in
tasks/comparison.py. `~` ends the rows where both are the same or the second is 0, `/` where the first is 0. The number that is
left is copied, and doubled once for each `1`.

A half keeps the digits of the whole and a difference those of the longer number, with zeros on top, and each number knows the
mark that opened it, so a digit follows from a few at fixed distances, however long the numbers are. Euclid's quotients do not:
a model has to know them by heart.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from tasks.core import digits as dg
from tasks.core.named_task import EDGES_SHARE, Line
from tasks.core.ragged import Ints, Ragged, join, marks, only, where
from tasks.core.scratchpad import Row
from tasks.numbers.pair import TwoNumbers
from tasks.sizes import ProblemSize
from tasks.task import STOP, Pages, Problems

_ROW = "=1*[?][012]*"
_RIGHT_FORM = re.compile(rf"[?][012]*(?:[&()<>][0-9]+_[0-9]+{_ROW})*[~/](?:[0-9]+=1+,)*([0-9]+)")


@dataclass(frozen=True)
class GCD(TwoNumbers):
    """Options of `gcd`. ValueError names a field that is out of range."""

    digits: str = "1-3"
    """The digits of the numbers in training (tasks/lengths.py)."""
    common_share: float = 0.5
    """The share of training problems made to have a common divisor; most random numbers have none."""

    name: ClassVar[str] = "gcd"
    summary: ClassVar[str] = "the greatest common divisor of two numbers by halving and subtracting"
    example: ClassVar[str] = "gcd 48 18"
    answer_format: ClassVar[str] = "a natural number; that of 0 and 0 is 0"
    version: ClassVar[int] = 2
    longest: ClassVar[int] = 18  # what fits into 64 bits
    piece: ClassVar[str] = "[^&()<>~/,]*[&()<>~/,]|[^&()<>~/,]+"

    @property
    def alphabet(self) -> str:
        return "0123456789=_?&()<>~/," + STOP

    def sample(self, rng: np.random.Generator, n: int) -> Problems:
        return _with_divisors(rng, super().sample(rng, n), self.common_share)

    def sample_suite(self, rng: np.random.Generator, n: int, cell: ProblemSize, suite: str) -> Problems:
        """`edges`: numbers with a pattern or a common divisor, and equal ones."""
        problems = super().sample_suite(rng, n, cell, suite)
        return _with_divisors(rng, problems, EDGES_SHARE) if suite == "edges" else problems

    def pages(self, problems: Problems) -> Pages:
        n, prompt = len(problems), self.prompts(problems)
        a, b = problems.fields
        divisor, twos, here = a, np.zeros(n, np.int64), np.ones(n, bool)
        parts = [prompt]
        while True:
            even = [number.values[:, 0] % 2 == 0 for number in (a, b)]
            odd = here & ~even[0] & ~even[1]
            signs = dg.compared(a, b)
            sign = signs.values[np.arange(n), signs.lengths - 1]
            less, more = odd & (sign == 1), odd & (sign == 2)
            first = here & (~b.values.any(axis=1) | odd & (sign == 0))
            second = here & ~first & ~a.values.any(axis=1)
            divisor = where(first, a, where(second, b, divisor))
            cases = first, second, less, more, even[0] & even[1], even[0]
            end = np.select(cases, range(len(cases)), len(cases))
            parts += [marks("?", here), only(dg.characters(signs), odd), marks("~/<>&()", here, end)]
            here = here & ~first & ~second
            if not here.any():
                break
            twos += here & even[0] & even[1]
            wide = np.maximum(a.lengths, b.lengths)
            halves = [where(half, dg.half(number), number) for number, half in zip((a, b), even, strict=True)]
            left = where(more, dg.subtract(a, b, wide)[0], where(less, dg.subtract(b, a, wide)[0], halves[0]))
            a, b = left, where(less, a, halves[1])
            parts += [only(dg.characters(a), here), marks("_", here), only(dg.characters(b), here), marks("=", here)]
            parts.append(_ones(twos * here))
        parts.append(dg.characters(divisor))
        while (twos > 0).any():
            more = twos > 0
            divisor = dg.fitted(dg.double(divisor), divisor.lengths)
            parts += [marks("=", more), _ones(twos), marks(",", more), only(dg.characters(divisor), more)]
            twos = np.maximum(twos - 1, 0)
        page = join([*parts, STOP], n)
        return Pages(page.values, prompt.lengths, page.lengths)

    def prompts(self, problems: Problems) -> Ragged:
        a, b = (dg.characters(number) for number in problems.fields)
        return join([a, "_", b, "="], len(problems))

    def extract(self, written: str, question: str) -> str | None:
        match = _RIGHT_FORM.fullmatch(written)
        return _read(match[1]) if match else None

    def answer(self, question: str) -> str:
        return str(math.gcd(*self.operands(question)))

    def lines(self, question: str) -> list[Line]:
        a, b = self.operands(question)
        wide, twos, row, why = [len(number) for number in self.asks(question).split(" ")], 0, "", "the numbers"
        found = []
        while True:
            odd = a % 2 == b % 2 == 1
            tails = [(a % 10**k, b % 10**k) for k in range(1, max(wide) + 1)] if odd else []
            signs = [0 if x == y else 1 if x < y else 2 for x, y in tails]
            end = _end(a, b)
            found.append(Line(f"{row}?{''.join(map(str, signs))}{end}", why))
            if end in "~/":
                break
            if odd:
                why = f"{max(a, b)} - {min(a, b)}, and {min(a, b)}"
                a, b, wide = abs(a - b), min(a, b), [max(wide), wide[int(a > b)]]
            else:
                why = "half of both" if a % 2 == b % 2 else f"half of {b if a % 2 else a}"
                twos += a % 2 == b % 2
                a, b = (number if number % 2 else number // 2 for number in (a, b))
            row = f"{_written(a, wide[0])}_{_written(b, wide[1])}={'1' * twos}"
        divisor, digits, why = (b, wide[1], "the second") if end == "/" else (a, wide[0], "the first")
        for k in range(twos, 0, -1):
            found.append(Line(f"{_written(divisor, digits)}={'1' * k},", why))
            divisor, why = 2 * divisor, f"twice {divisor}"
        return [*found, Line(_written(divisor, digits), why)]

    def rows(self, question: str, written: str) -> list[Row]:
        found = []
        for line in self._pieces(written):
            numbers, _, twos = line.partition("=")
            text = " ".join(_read(number) for number in re.findall("[0-9]+", numbers.partition("?")[0]))
            times = 2 ** len(re.match("1*", twos)[0])
            found += [Row(text, "working", f"times {times}" if times > 1 else "")] if text else []
        return found


def _end(a: int, b: int) -> str:
    """The mark after a row of these numbers."""
    if b == 0 or (a == b and a % 2):
        return "~"
    if a == 0:
        return "/"
    return {(0, 0): "&", (0, 1): "(", (1, 0): ")", (1, 1): "<" if a < b else ">"}[a % 2, b % 2]


def _ones(counts: Ints) -> Ragged:
    """As many `1` in each row; int64 (n,)."""
    inside = np.arange(int(counts.max(initial=0))) < counts[:, None]
    return Ragged((inside * ord("1")).astype(np.uint8), counts)


def _written(number: int, digits: int) -> str:
    return str(number).zfill(digits)[::-1]


def _read(digits: str) -> str:
    return digits[::-1].lstrip("0") or "0"


def _with_divisors(rng: np.random.Generator, problems: Problems, share: float) -> Problems:
    """The same, a share of them made a little smaller, to multiples of a random number, where they keep their lengths."""
    numbers = [dg.as_array(number) for number in problems.fields]
    shortest = np.minimum(*(number.lengths for number in problems.fields))
    divisor = rng.integers(1, 10 ** np.minimum(rng.integers(1, shortest + 1), 9))
    made = [dg.of_array(number - number % divisor) for number in numbers]
    fits = rng.random(len(problems)) < share
    for number, other in zip(problems.fields, made, strict=True):
        fits &= number.lengths == other.lengths
    chosen = np.flatnonzero(fits)
    pairs = zip(problems.fields, made, strict=True)
    return Problems(tuple(number.replaced(chosen, other[chosen]) for number, other in pairs)) if len(chosen) else problems
