"""Page coordinates: where on the page each character stands, computed from the characters alone.

People do arithmetic on a page: digits stand in columns, numbers in fields, steps on lines. Every character is written in a
cell. The cell of the next character follows from this cell and this character, so a causal model always knows the cell it is
about to write:

    page      3  2  1  +  6  5  4  =  9
    place     1  2  3  4  1  2  3  4  1  2      counted within the number; a mark closes the number one place further
    digit     1  2  3  4  1  2  3  4  1  2      the same, but it starts at 1 after every mark, indented or not
    number    0  0  0  0  1  1  1  1  2  2      how many numbers have been closed
    token     0  1  2  3  4  5  6  7  8  9      how many characters came before
    line      1  1  1  1  1  1  1  1  1  1      how many lines have begun
    mark      -  -  -  -  +  +  +  +  =  =      which mark opened the number (an id for embeddings; kernels do not see it)

The key of a token stands in the cell of its own character. Its query looks from the next cell, the one about to be written
(the last column above). Numbers are written least significant digit first, so `place` is the significance of a digit.

`tasks/page_grammar.py` says what each mark means. No rule here knows which task is on the page.

The same lines serve torch (`GPT`) and NumPy (`NumpyGPT`): they use only functions that both libraries have under one name, and
the three helpers at the end of this file.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar, Final

import numpy as np
from numpy.typing import NDArray

from tasks.page_grammar import DIGITS, INDENTS, NEW_LINE

TOKEN: Final = 3
"""The column that counts the characters before a cell, in every coordinate system."""
MARK: Final = 5
"""The column of the mark that opened the number: 0 where no mark has been written, else 1 + its id."""


class PageCoordinates:
    """Follows the cells of pages written in one alphabet.

    Args:
        alphabet: the characters of the vocabulary, in the order of their ids
    """

    axes: ClassVar[tuple[str, ...]] = ("place", "digit", "number", "token", "line")
    """The axes on which kernels measure distances."""
    first_cell: ClassVar[tuple[float, ...]] = (1.0, 1.0, 0.0, 0.0, 1.0, 0.0)
    """The cell in which every page begins: one value a column."""
    query_columns: ClassVar[list[int]] = [0, 1, 2, 3, 4]
    """For each axis the column that says where a query looks from."""
    key_columns: ClassVar[list[int]] = [0, 1, 2, 3, 4]
    """For each axis the column that says where a key stands."""

    def __init__(self, alphabet: str) -> None:
        self.alphabet = alphabet
        self.roles = self.roles_of(alphabet)

    @staticmethod
    def roles_of(alphabet: str) -> NDArray[np.bool_]:
        """Return bool (roles, vocabulary): whether a character is a digit, begins a line, indents what follows."""
        return roles_table(alphabet, (DIGITS, NEW_LINE, INDENTS))

    def __call__(self, ids: Any, start: Any, roles: Any, xp: Any) -> Any:
        """Compute the cells of characters, and of the character after them.

        Args:
            ids: int64 (B, T)
            start: float (B, columns), the cell of the first character
            roles: `self.roles` as an array of the library and device of `ids`
            xp: that library: numpy or torch

        Returns:
            float (B, T + 1, columns); the first cell is `start`.
        """
        is_digit, is_new_line = roles[0][ids], roles[1][ids]
        closes = ~is_digit
        index = xp.arange(ids.shape[1] + 1, device=ids.device)
        began = last_index(closes, index, xp)  # where the number at each cell begins; 0: before these characters
        here = began > 0
        line = count_before(is_new_line, xp) + start[:, 4:5]
        opener = take(ids, began - 1)
        digits = count_before(is_digit, xp)
        one = xp.ones_like(line)
        begins_at = xp.where(roles[2][opener], line, one)
        place = index - began + xp.where(here, begins_at, start[:, :1])
        digit = digits - take(digits, began) + xp.where(here, one, start[:, 1:2])
        number = count_before(closes, xp) + start[:, 2:3]
        token = index + start[:, 3:4]
        mark = xp.where(here, opener + 1.0, start[:, 5:])
        return stack_columns((place, digit, number, token, line, mark), start, xp)


def roles_table(alphabet: str, roles: tuple[str, ...]) -> NDArray[np.bool_]:
    """Return bool (len(roles), len(alphabet)): which characters of the alphabet each string of marks contains."""
    codes = np.frombuffer(alphabet.encode(), np.uint8)
    return np.array([np.isin(codes, np.frombuffer(marks.encode(), np.uint8)) for marks in roles])


def count_before(events: Any, xp: Any) -> Any:
    """Count the events of bool or int64 (B, T) before each cell: int64 (B, T + 1)."""
    counts = xp.cumsum(events * 1, 1)
    return xp.concat([xp.zeros_like(counts[:, :1]), counts], 1)


def last_index(events: Any, index: Any, xp: Any) -> Any:
    """For each cell the index after the last event of bool (B, T) before it, 0 where there is none: int64 (B, T + 1)."""
    after = events * index[1:]
    running = np.maximum.accumulate(after, 1) if isinstance(after, np.ndarray) else after.cummax(1).values
    return xp.concat([xp.zeros_like(running[:, :1]), running], 1)


def take(values: Any, index: Any) -> Any:
    """Take values (B, T) at the indices (B, T'); an index below 0 counts as 0."""
    index = index * (index > 0)
    return np.take_along_axis(values, index, 1) if isinstance(values, np.ndarray) else values.take_along_dim(index, 1)


def stack_columns(columns: Sequence[Any], start: Any, xp: Any) -> Any:
    """Stack columns (B, T + 1) along a new last axis, in the type of `start`."""
    cells = xp.stack(list(columns), -1)
    return cells.astype(start.dtype) if isinstance(cells, np.ndarray) else cells.to(start.dtype)
