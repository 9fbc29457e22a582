"""Hypothesis strategies for the operands of problems.

They draw numbers by their digits and by what happens in their columns: carries, borrows, long runs of either. They shrink to
fewer and smaller digits. They are for any test of a solver:

    @given(operands("+", 12))
    def test_it_adds(pair): ...

Cases are drawn as a few long texts, as Hypothesis draws texts fast and shrinks them well. Each character of such a text stands
for a small number, or for the two digits of a column.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeAlias

from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from eval.falsify.laws import Case

Choice: TypeAlias = tuple[str, int, int]
"""An operator, and the most digits of its left and of its right number."""
Encoded: TypeAlias = tuple[str, str, str]
"""Cases as texts: which choice each case takes; the digits of its a, b and c; its columns, a with b, then c."""

_FIRST = 256
"""The code of the character for 0; lower ones would be letters and digits."""
_COLUMNS = {
    chr(_FIRST + code): pair for code, pair in enumerate(sorted(((x, y) for x in range(10) for y in range(10)), key=sum))
}
"""The two digits of a column by their character, from 0 and 0 to 9 and 9."""
_CHARACTERS = {pair: char for char, pair in _COLUMNS.items()}
_KINDS: tuple[Callable[[int, int], bool], ...] = (
    lambda x, y: True,
    lambda x, y: x + y == 9,  # passes a carry on
    lambda x, y: x + y >= 9,  # makes a carry or passes it on
    lambda x, y: x == y,  # passes a borrow on
    lambda x, y: x in (0, 9) and y in (0, 9),
    lambda x, y: x in (0, 1) and y in (0, 5),
)
_ALPHABETS = ["".join(char for char, pair in _COLUMNS.items() if kind(*pair)) for kind in _KINDS]
_NUMBERS = [chr(_FIRST + number) for number in range(2001)]
"""The characters for small numbers."""


def operands(operator: str, left_digits: int, right_digits: int | None = None) -> SearchStrategy[tuple[int, int]]:
    """Draw the two numbers of a problem.

    Args:
        operator: One of + - * /.
        left_digits: The most digits of the left number.
        right_digits: The same of the right number; None: as many as the left one.
    """
    most = left_digits if right_digits is None else right_digits
    return batches([(operator, left_digits, most)], 1).map(lambda cases: cases[0][1:3])


def batches(choices: Sequence[Choice], n: int, *, even: bool = False) -> SearchStrategy[list[Case]]:
    """Draw n cases at once.

    Args:
        choices: Each case takes one of them.
        n: The number of cases.
        even: Draw all digits evenly, and not by what happens in their columns.
    """
    width = _width(choices)
    chosen = st.text(_NUMBERS[: len(choices)], min_size=n, max_size=n)
    lengths = st.text(_NUMBERS[1 : width + 1], min_size=3 * n, max_size=3 * n)
    columns = [st.text(alphabet, min_size=2 * n * width, max_size=2 * n * width) for alphabet in _ALPHABETS]
    encoded = st.tuples(chosen, lengths, columns[0] if even else st.one_of(columns))
    return encoded.map(lambda texts: decode(texts, choices))


def decode(texts: Encoded, choices: Sequence[Choice]) -> list[Case]:
    """Read the cases that texts stand for."""
    width, (chosen, lengths, columns) = _width(choices), texts
    cases = []
    for case, choice in enumerate(chosen):
        operator, *limits = choices[ord(choice) - _FIRST]
        pairs = (_COLUMNS[char] for char in columns[2 * case * width : 2 * (case + 1) * width])
        (left, third), (right, _) = ((side[:width], side[width:]) for side in zip(*pairs, strict=True))
        sizes = (min(ord(char) - _FIRST, limit) for char, limit in zip(lengths[3 * case :], (*limits, limits[1]), strict=False))
        a, b, c = (int("".join(map(str, side[-size:]))) for side, size in zip((left, right, third), sizes, strict=True))
        cases.append((operator, a, b, c))
    return cases


def encode(case: Case, choices: Sequence[Choice]) -> Encoded:
    """Write the texts that `decode` reads as this one case."""
    operator, a, b, c = case
    width, numbers = _width(choices), tuple(map(str, (a, b, c)))
    fits = [
        name == operator and len(numbers[0]) <= left and max(map(len, numbers[1:])) <= right for name, left, right in choices
    ]
    left, right, third = (number.rjust(width, "0") for number in numbers)
    pairs = zip(map(int, left + third), map(int, right + "0" * width), strict=True)
    return (
        _NUMBERS[fits.index(True)],
        "".join(_NUMBERS[len(number)] for number in numbers),
        "".join(_CHARACTERS[pair] for pair in pairs),
    )


def _width(choices: Sequence[Choice]) -> int:
    """The most digits of any number."""
    return max(max(left, right) for _, left, right in choices)
