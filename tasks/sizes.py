"""How many digits the two operands of a problem have, written the way recipes and the command line write it.

"1-8"               both operands from 1 to 8 digits
"1-6x1-6"           the same for 6, spelled out: left x right
"12x6"              12 digits with 6
"1-6,1-10x1-3"      either of two size_ranges
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from tasks.core.ragged import Ints

MAX_DIGITS = 2000
"""The longest operand any task accepts: room for every experiment, and a bound on what one line of input can cost."""

ProblemSize: TypeAlias = tuple[int, int]
"""The digits of the left and of the right operand."""

NO_DIGITS: ProblemSize = (0, 0)
"""The one cell of a task whose problems have no operands to count the digits of."""

_SPAN = r"([0-9]{1,9})(?:-([0-9]{1,9}))?"
_BOX = re.compile(rf"{_SPAN}(?:x{_SPAN})?")


@dataclass(frozen=True)
class SizeRange:
    """All cells whose left and right lengths lie in two ranges, ends included."""

    left: tuple[int, int]
    right: tuple[int, int]

    def __iter__(self) -> Iterator[ProblemSize]:
        for left in range(self.left[0], self.left[1] + 1):
            for right in range(self.right[0], self.right[1] + 1):
                yield left, right

    def spread(self, n: int) -> list[ProblemSize]:
        """At most n different cells, evenly from the shortest to the longest of both."""
        ends = (np.linspace(*side, max(n, 1)).round().astype(int).tolist() for side in (self.left, self.right))
        return list(dict.fromkeys(zip(*ends, strict=True)))[-n:]


@dataclass(frozen=True)
class Alike(SizeRange):
    """Only those cells in which both lengths are the same: of problems with one operand."""

    def __iter__(self) -> Iterator[ProblemSize]:
        return ((n, n) for n in range(self.left[0], self.left[1] + 1))


def left_span(size_ranges: Sequence[SizeRange]) -> tuple[int, int]:
    """The fewest and the most that the first lengths of size_ranges say."""
    return min(box.left[0] for box in size_ranges), max(box.left[1] for box in size_ranges)


def parse(text: str) -> tuple[SizeRange, ...]:
    """The size_ranges that `text` names. ValueError where it names none, or a length out of range."""
    size_ranges = []
    for part in text.split(","):
        match = _BOX.fullmatch(part.strip().replace("×", "x"))
        if match is None:
            raise ValueError(f"must be lengths such as 8, 1-8, 12x6 or 1-6x1-6,1-10x1-3, each from 1 to {MAX_DIGITS}")
        a, b, c, d = match.groups()
        left = int(a), int(b or a)
        right = (int(c), int(d or c)) if c else left
        if not (1 <= left[0] <= left[1] <= MAX_DIGITS and 1 <= right[0] <= right[1] <= MAX_DIGITS):
            raise ValueError(f"a range goes from the fewest digits to the most, each from 1 to {MAX_DIGITS}")
        size_ranges.append(SizeRange(left, right))
    return tuple(size_ranges)


def cells(text: str) -> list[ProblemSize]:
    """The cells to ask that `text` names, each once: of "1-8" the eight in which both operands are equally long, of "1-8x1-8"
    all. ValueError as from `parse`."""
    named: dict[ProblemSize, None] = {}
    for part in text.split(","):
        (box,) = parse(part)
        named |= dict.fromkeys(box if "x" in part or "×" in part else ((n, n) for n in range(box.left[0], box.left[1] + 1)))
    return list(named)


LONG = (2, 5, 10, 100)


def beyond(size_ranges: tuple[SizeRange, ...]) -> list[ProblemSize]:
    """The longest problem of training, by the shorter operand, made LONG times as long; no operand over MAX_DIGITS."""
    longest = max(size_ranges, key=lambda box: min(box.left[1], box.right[1]))
    cells = [(factor * longest.left[1], factor * longest.right[1]) for factor in LONG]
    return [cell for cell in cells if max(cell) <= MAX_DIGITS]


def shown(cell: ProblemSize) -> str:
    """`8` for two operands of 8 digits, `12x6` for 12 and 6, `-` for NO_DIGITS."""
    if cell == NO_DIGITS:
        return "-"
    return str(cell[0]) if cell[0] == cell[1] else f"{cell[0]}x{cell[1]}"


def draw(size_ranges: tuple[SizeRange, ...], rng: np.random.Generator, n: int) -> tuple[Ints, Ints]:
    """Lengths of n left and n right operands: a box drawn evenly, then each length evenly from it."""
    box = rng.integers(0, len(size_ranges), n)
    left, right = (
        rng.integers(low[box], high[box] + 1)
        for low, high in (np.array(sides).T for sides in zip(*((b.left, b.right) for b in size_ranges), strict=True))
    )
    return left, right


def contain(size_ranges: tuple[SizeRange, ...], left: Ints, right: Ints) -> NDArray[np.bool_]:
    """bool (n,): whether any of the size_ranges holds each pair of lengths."""
    held = np.zeros(len(left), bool)
    for box in size_ranges:
        held |= (left >= box.left[0]) & (left <= box.left[1]) & (right >= box.right[0]) & (right <= box.right[1])
    return held
