"""Page coordinates: where on the page each character stands, computed from the characters alone.

People do arithmetic on a page: digits stand in columns, numbers in fields, steps on lines. Every character is written in a
cell, and the cell of the next one follows from the cell and the character before it, so a causal model always knows the cell
it is about to write:

    page      3  2  1  +  6  5  4  =  9
    place     1  2  3  4  1  2  3  4  1  2      counted within the number; the mark closes it one place on
    digit     1  2  3  4  1  2  3  4  1  2      the same, but from 1 after every mark, indented or not
    number    0  0  0  0  1  1  1  1  2  2      how many numbers have been closed
    token     0  1  2  3  4  5  6  7  8  9      how many characters came before
    line      1  1  1  1  1  1  1  1  1  1      how many lines have been begun
    mark      -  -  -  -  +  +  +  +  =  =      which mark opened the number (an id, for embeddings; kernels do not see it)

A token's key stands at the cell of its own character; its query looks from the next cell, the one about to be written (the
last column above). Numbers are written least significant digit first, so `place` is the significance.

Every character but digits is a mark and closes a number. `;` begins a line, one step further in than the line before,
as the lines of a long multiplication do. What follows one of `;:!#` starts at that step, in the place of the line's index;
what follows any other mark starts at place 1. No rule here knows which task is on the page.
"""

from __future__ import annotations

from typing import ClassVar, Final

import numpy as np

from arithgpt.models.arrays import Array, ops
from tasks.page_grammar import INDENTS, NEW_LINE

AXES: Final = ("place", "digit", "number", "token", "line")
FIRST_CELL: Final = (1.0, 1.0, 0.0, 0.0, 1.0, 0.0)
"""The axes, and the mark: 0 where none has been written yet, else 1 more than its id."""

MARK: Final = len(AXES)


class PageCoordinates:
    """Follows the cells of pages written in one alphabet, in the library, on the device and in the type of the array `like`."""

    first_cell: ClassVar[tuple[float, ...]] = FIRST_CELL

    def __init__(self, alphabet: str, like: Array) -> None:
        def table(chars: str) -> Array:
            return ops(like).constant(np.array([char in chars for char in alphabet]), like)

        self.is_digit, self.is_new_line, self.indents = table("0123456789"), table(NEW_LINE), table(INDENTS)
        self.closes = ~self.is_digit
        self._first = ops(like).constant(np.array([self.first_cell]), like)

    def first(self, n: int) -> Array:
        """float (n, columns): the cell in which a page begins."""
        return ops(self._first).broadcast_to(self._first, (n, len(self.first_cell)))

    def __call__(self, ids: Array, start: Array) -> Array:
        """The cells of characters and of the one after them.

        ids: int64 (B, T); start: float (B, 6), the cell of the first of them
        Returns float (B, T+1, 6), whose first cell is `start`.
        """
        xp = ops(ids)
        nothing = xp.zeros((ids.shape[0], 1), ids)

        def before(counts: Array) -> Array:  # (B, T) -> (B, T+1): what holds after each character, so for the next cell
            return xp.concat([nothing, counts], 1)

        step = xp.arange(ids.shape[1] + 1, ids)
        closes = self.closes[ids]
        began = before(xp.cummax(closes * step[1:], 1))  # (B, T+1): where the number at each cell begins; 0: before here
        here = began > 0
        line = before(xp.cumsum(self.is_new_line[ids], 1)) + start[:, 4:5]
        opener = xp.take_along(ids, xp.maximum(began - 1, 0), 1)
        digits = before(xp.cumsum(self.is_digit[ids], 1))
        place = step - began + xp.where(here, xp.where(self.indents[opener], line, 1), start[:, :1])
        digit = digits - xp.take_along(digits, began, 1) + xp.where(here, 1, start[:, 1:2])
        number = before(xp.cumsum(closes, 1)) + start[:, 2:3]
        token = step + start[:, 3:4]
        mark = xp.where(here, opener + 1, start[:, 5:])
        return xp.stack([place, digit, number, token, line, mark], -1)
