"""Windows: what a model with sharp kernels sees of a page where it writes a character.

A head reads one cell: a place of one number, counted from the cell about to be written. A window says what stands in all cells
that the heads read, and which character was written last. `columns.py` enumerates the windows of tasks that are written column
by column; a task of another shape implements `PageFamily` itself.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

NOTHING: Final = -1
"""Stands for a cell in which no character stands."""


class Kind(NamedTuple):
    """What decides the embedding of a character."""

    character: str
    mark: str
    """The mark that opened the number in which it stands; empty for the first number."""


class Cell(NamedTuple):
    """A cell, counted from the one about to be written."""

    place: int
    number: int


@dataclass(frozen=True)
class Windows:
    """n different windows, each with the only right next character."""

    cells: tuple[Cell, ...]
    """The cells that a window shows."""
    kinds: tuple[Kind, ...]
    """Every kind that can stand anywhere on a page of the task."""
    contents: NDArray[np.int64]
    """(n, len(cells)): the index of the kind in each cell, or NOTHING."""
    queries: NDArray[np.int64]
    """(n,): the index of the kind of the character written last."""
    wanted: tuple[str, ...]
    """(n,): the right next characters."""

    def __len__(self) -> int:
        return len(self.wanted)

    def describe(self, row: int) -> str:
        """Describe one window in a line."""
        shown = []
        for (place, number), content in zip(self.cells, self.contents[row].tolist(), strict=True):
            what = "nothing" if content == NOTHING else repr(self.kinds[content].character)
            shown.append(f"{what} at place {place:+d} of number {number:+d}")
        query = self.kinds[int(self.queries[row])].character
        return f"after {query!r}, with {', '.join(shown)}: {self.wanted[row]!r}"


class PageFamily(Protocol):
    """All pages of a task, of any length."""

    def windows(self, cells: Sequence[Cell]) -> Windows:
        """Enumerate every window of every right page, for heads that read these cells."""

    def questions(self, windows: Windows, row: int, rng: np.random.Generator, n: int) -> list[str]:
        """Draw n problems on whose pages a window stands; none where that is not known how."""
