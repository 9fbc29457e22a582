"""Windows: what a model with sharp kernels sees of a page where it writes a character.

A head reads one cell, such as a place of one number, counted from the cell about to be written. A window says what stands in
all cells that the heads read, and which character was written last. `columns.py` enumerates the windows of tasks that are
written column by column; a task of another shape implements `PageFamily` itself.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple, Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray

NOTHING: Final = -1
"""Stands for a cell in which no character stands."""


class NotCoveredError(ValueError):
    """The prover does not cover this task or model; the message says why, and what it covers."""


class Kind(NamedTuple):
    """What decides the embedding of a character."""

    character: str
    mark: str
    """The mark that opened the number in which it stands; empty for the first number."""


class Cell(NamedTuple):
    """A cell that heads read, found along one axis within a number and one axis that finds the number.

    `models/positions/cell_coordinates.py` says what the axes mean. Each pair of a column and a number holds one character.
    """

    column: int
    number: int
    column_axis: str = "place"
    """place, digit, digit of the line, or digit below a turn."""
    number_axis: str = "number"
    """number, counted from the one about to be written; or operand, counted from the start of the page."""
    step: int | None = None
    """The only step in which heads read it; None for every step."""

    def __str__(self) -> str:
        when = "" if self.step is None else f" in step {self.step}"
        return f"{self.column_axis} {self.column:+d} of {self.number_axis} {self.number:+d}{when}"


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
        for cell, content in zip(self.cells, self.contents[row].tolist(), strict=True):
            if content != NOTHING:
                shown.append(f"{self.kinds[content].character!r} at {cell}")
        query = self.kinds[int(self.queries[row])].character
        return f"after {query!r}, with {', '.join(shown) or 'nothing in sight'}: {self.wanted[row]!r}"


class PageFamily(Protocol):
    """All pages of a task, of any length."""

    def windows(self, cells: Sequence[Cell]) -> Windows:
        """Enumerate every window of every right page, for heads that read these cells."""

    def questions(self, windows: Windows, row: int, rng: np.random.Generator, n: int) -> list[str]:
        """Draw n problems on whose pages a window stands; none where that is not known how."""


Listed: TypeAlias = tuple[Mapping[Cell, Kind], Kind, str]
"""A window: what stands in cells (nothing in the others), the character written last, and the right next one."""


def not_enough(query: Kind, wanted: str, other: str) -> str:
    """Say that the heads do not see what the next character depends on."""
    return f"the heads do not see enough: after {query.character!r} both {wanted!r} and {other!r} can be right"


def collect(cells: Sequence[Cell], listed: Iterable[Listed]) -> Windows:
    """Make windows for heads that read some of the cells of a list; equal ones become one.

    Args:
        cells: those that the heads read
        listed: what stands in these and other cells

    Returns:
        The windows, in a fixed order.
    """
    found: dict[tuple[Kind | None, ...], str] = {}
    for contents, query, wanted in listed:
        window = (query, *(contents.get(cell) for cell in cells))
        if found.setdefault(window, wanted) != wanted:
            raise NotCoveredError(not_enough(query, found[window], wanted))
    kinds = tuple(sorted({kind for window in found for kind in window if kind is not None}))
    index: dict[Kind | None, int] = {kind: number for number, kind in enumerate(kinds)}
    rows = sorted(([index.get(kind, NOTHING) for kind in window], wanted) for window, wanted in found.items())
    table = np.array([row for row, _ in rows], np.int64)
    return Windows(tuple(cells), kinds, table[:, 1:], table[:, 0], tuple(wanted for _, wanted in rows))
