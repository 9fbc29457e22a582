"""The sizes of problems, and the one notation in which recipes and the command line write them.

The size of a problem is two numbers, most often the digits of its left and of its right operand. The notation:

    8                   both operands have exactly 8 digits
    1-8                 lengths from 1 to 8
    12x6                12 digits on the left, 6 on the right
    1-6x1-6             left and right lengths from 1 to 6, independently of each other
    1-6,1-10x1-3        either of two ranges

`parse_ranges` reads the lengths of training, where `1-8` lets the lengths of both operands differ. `parse_sizes` reads the list
of sizes to ask, where `1-8` is the eight sizes in which both operands are equally long, and `1-8x1-8` is all sixty-four.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import ClassVar, Final, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from tasks.core.ragged import Ints

MAX_DIGITS: Final = 2000
"""The longest operand that any task accepts. It bounds what one line of input can cost."""

LONGER_BY: Final = (2, 5, 10, 100)
"""The suite `long` asks problems this many times as long as the longest of training."""

_SPAN = r"([0-9]{1,9})(?:-([0-9]{1,9}))?"
_RANGE = re.compile(rf"{_SPAN}(?:x{_SPAN})?")


class Named(Protocol):
    """A task, of which messages need the name."""

    name: ClassVar[str]


class ProblemSize(NamedTuple):
    """The size of a problem: what `Task.size_names` says, most often digits."""

    left: int
    right: int


NO_SIZE: Final = ProblemSize(0, 0)
"""The one size of a task whose problems have no operands to count the digits of."""


class Span(NamedTuple):
    """A range of lengths, both ends included."""

    low: int
    high: int


@dataclass(frozen=True)
class SizeRange:
    """All sizes whose left and right lengths lie in two spans."""

    left: Span
    right: Span
    equal: bool = False
    """Only the sizes whose two lengths are the same, for problems with one operand."""

    def __iter__(self) -> Iterator[ProblemSize]:
        for left in range(self.left.low, self.left.high + 1):
            for right in range(self.right.low, self.right.high + 1):
                if not self.equal or left == right:
                    yield ProblemSize(left, right)

    def spread(self, n: int) -> list[ProblemSize]:
        """At most n different sizes, evenly spaced from the shortest to the longest of both operands."""
        lefts, rights = (np.linspace(*side, max(n, 1)).round().astype(int).tolist() for side in (self.left, self.right))
        return list(dict.fromkeys(ProblemSize(left, right) for left, right in zip(lefts, rights, strict=True)))[-n:]


def left_span(size_ranges: Sequence[SizeRange]) -> Span:
    """The shortest and the longest left length of the ranges."""
    return Span(min(sizes.left.low for sizes in size_ranges), max(sizes.left.high for sizes in size_ranges))


@lru_cache(maxsize=256)  # the operations of a mixture often share their lengths
def parse_ranges(text: str) -> tuple[SizeRange, ...]:
    """Read the lengths of training, such as "1-6,1-10x1-3".

    Raises:
        ValueError: the text is not in the notation, or a length is not from 1 to MAX_DIGITS.
    """
    size_ranges = []
    for part in text.split(","):
        match = _RANGE.fullmatch(part.strip().replace("×", "x"))
        if match is None:
            raise ValueError(f"must be lengths such as 8, 1-8, 12x6 or 1-6x1-6,1-10x1-3, each from 1 to {MAX_DIGITS}")
        left_low, left_high, right_low, right_high = match.groups()
        left = Span(int(left_low), int(left_high or left_low))
        right = Span(int(right_low), int(right_high or right_low)) if right_low else left
        if not all(1 <= side.low <= side.high <= MAX_DIGITS for side in (left, right)):
            raise ValueError(f"a range goes from the fewest digits to the most, each from 1 to {MAX_DIGITS}")
        size_ranges.append(SizeRange(left, right))
    return tuple(size_ranges)


def parse_size_option(task: Named, option: str, longest: int | None = None) -> tuple[SizeRange, ...]:
    """Read an option such as `digits = "1-6x1-3"`.

    Args:
        longest: the longest length that the task takes; None for no bound but MAX_DIGITS.

    Raises:
        ValueError: the value is not in the notation above, or a length is over `longest`.
    """
    text = getattr(task, option)
    try:
        size_ranges = parse_ranges(text)
    except ValueError as error:
        raise ValueError(f"{option} = {text!r}: {error}") from None
    if longest is not None and max(side.high for each in size_ranges for side in (each.left, each.right)) > longest:
        raise ValueError(f"{option} = {text!r}: task {task.name} takes at most {longest}")
    return size_ranges


def parse_length_option(
    task: Named, option: str, example: str, longest: int | None = None, reason: str = ""
) -> tuple[SizeRange, ...]:
    """Read an option that counts one thing, such as `operators = "1-4"`; both sides of each range are the same.

    Args:
        example: a value for the message, such as "1-4".
        reason: what the message says after "without x", such as ": there is one string".

    Raises:
        ValueError: as from `parse_size_option`, or the value has an `x`.
    """
    size_ranges = parse_size_option(task, option, longest)
    if any(each.left != each.right for each in size_ranges):
        raise ValueError(f"{option} = {getattr(task, option)!r}: must be one range such as {example}, without x{reason}")
    return size_ranges


def parse_sizes(text: str) -> list[ProblemSize]:
    """Read the sizes to ask, each listed once: "1-8" is eight sizes with equally long operands, "1-8x1-8" is sixty-four.

    Raises:
        ValueError: as from `parse_ranges`.
    """
    named: dict[ProblemSize, None] = {}
    for part in text.split(","):
        [sizes] = parse_ranges(part)
        one_sided = "x" not in part and "×" not in part
        named |= dict.fromkeys(SizeRange(sizes.left, sizes.right, equal=one_sided))
    return list(named)


def longer(size_ranges: Sequence[SizeRange]) -> list[ProblemSize]:
    """The sizes of the suite `long`: the longest problem of training, by its shorter operand, made LONGER_BY times as long.

    Sizes with an operand of more than MAX_DIGITS digits are left out.
    """
    longest = max(size_ranges, key=lambda sizes: min(sizes.left.high, sizes.right.high))
    longer = [ProblemSize(factor * longest.left.high, factor * longest.right.high) for factor in LONGER_BY]
    return [size for size in longer if max(size) <= MAX_DIGITS]


def format_size(size: ProblemSize) -> str:
    """Write a size in the notation: `8` for two operands of 8 digits, `12x6` for 12 and 6, `-` for NO_SIZE."""
    left, right = size
    if size == NO_SIZE:
        return "-"
    return str(left) if left == right else f"{left}x{right}"


def format_ranges(size_ranges: Sequence[SizeRange]) -> str:
    """Write the lengths of training in the notation; the inverse of `parse_ranges`."""

    def span(side: Span) -> str:
        return str(side.low) if side.low == side.high else f"{side.low}-{side.high}"

    return ",".join(span(each.left) + (f"x{span(each.right)}" if each.left != each.right else "") for each in size_ranges)


def field_names(size_names: tuple[str, str]) -> tuple[str, str]:
    """`Task.size_names` as names of data fields: "left digits" becomes left_digits."""
    left, right = (name.replace(" ", "_") for name in size_names)
    return left, right


def sample(size_ranges: Sequence[SizeRange], rng: np.random.Generator, n: int) -> tuple[Ints, Ints]:
    """Draw n sizes: a range uniformly, then each length uniformly from it.

    Returns:
        int64 (n,) each: the left and the right lengths.
    """
    chosen = rng.integers(0, len(size_ranges), n)
    lefts = np.array([sizes.left for sizes in size_ranges])
    rights = np.array([sizes.right for sizes in size_ranges])
    left, right = (rng.integers(spans[chosen, 0], spans[chosen, 1] + 1) for spans in (lefts, rights))
    return left, right


def contains(size_ranges: Sequence[SizeRange], left: Ints, right: Ints) -> NDArray[np.bool_]:
    """Tell which sizes lie in any of the ranges.

    Args:
        left, right: int64 (n,) each, the lengths.

    Returns:
        bool (n,).
    """
    inside = np.zeros(len(left), bool)
    for sizes in size_ranges:
        inside |= (
            (left >= sizes.left.low) & (left <= sizes.left.high) & (right >= sizes.right.low) & (right <= sizes.right.high)
        )
    return inside
