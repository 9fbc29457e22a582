r"""The pages of `reverse`: a copy of the string, then its digits from the last one down, each on a line of its own.

314=314\4;1;3$
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import lru_cache
from itertools import product
from typing import Final

import numpy as np

from arithgpt.proof.windows import Cell, Kind, Listed, Windows, collect
from tasks.page_grammar import DIGITS, EQUALS, NEW_LINE, STOP, TURN

SAME: Final = Cell(0, -1)
"""The same place of the number before: the digit to copy."""
HERE, BELOW = (Cell(offset, 1, "digit below a turn", "operand") for offset in (0, -1))
"""The digit of the copy that a line is about, and the one below it."""
LONGEST_BEFORE: Final = 3  # digits that a drawn problem has more than its window shows


class ReverseFamily:
    """All pages of `reverse` with its scratchpad."""

    def windows(self, cells: Sequence[Cell]) -> Windows:
        """Enumerate every window of every right page, for heads that read these cells."""
        return _windows(tuple(cells))

    def questions(self, windows: Windows, row: int, rng: np.random.Generator, n: int) -> list[str]:
        """Draw n problems on whose pages a window is likely to stand: strings that contain what it shows."""
        shown = [windows.kinds[kind].character for kind in windows.contents[row].tolist() if kind >= 0]
        digits = "".join(character for character in reversed(shown) if character in DIGITS)
        around = rng.integers(0, 10, (n, 2, LONGEST_BEFORE))
        lengths = rng.integers(0, LONGEST_BEFORE + 1, (n, 2))
        words = (
            "".join(map(str, before[:low])) + digits + "".join(map(str, after[:high]))
            for (before, after), (low, high) in zip(around.tolist(), lengths.tolist(), strict=True)
        )
        return [f"reverse {word}" for word in words if word]


@lru_cache(maxsize=4)
def _windows(cells: tuple[Cell, ...]) -> Windows:
    return collect(cells, [*_copies(), *_lines()])


def _copies() -> Iterator[Listed]:
    """List the windows of the copy, and of the mark after it."""
    for query in (Kind(EQUALS, ""), *(Kind(digit, EQUALS) for digit in DIGITS)):
        for digit in DIGITS:
            yield {SAME: Kind(digit, "")}, query, digit
        if query.character != EQUALS:
            yield {SAME: Kind(EQUALS, "")}, query, TURN


def _lines() -> Iterator[Listed]:
    """List the windows of the lines: a digit, and what follows it."""
    for here, below in product(DIGITS, (*DIGITS, "")):
        shown = {HERE: Kind(here, EQUALS)} | ({BELOW: Kind(below, EQUALS)} if below else {})
        after = NEW_LINE if below else STOP
        for first in DIGITS if below else here:  # line 1 stands beside the copy
            yield shown | {SAME: Kind(first, EQUALS)}, Kind(TURN, EQUALS), here
        for second in (*DIGITS, TURN):
            if (second == TURN) == (not below):  # only a copy of one digit ends at place 2
                yield shown | {SAME: Kind(second, EQUALS)}, Kind(here, TURN), after
        for opener in (TURN, NEW_LINE):  # a later line stands beside the mark that ended the line before
            yield shown | {SAME: Kind(NEW_LINE, opener)}, Kind(NEW_LINE, opener), here
        yield shown, Kind(here, NEW_LINE), after
