"""The windows that stand on given pages: for tests of the enumeration, and to find problems on whose pages a window stands."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from arithgpt.data.tokenizer import Tokenizer
from arithgpt.models.positions.cell_coordinates import STEP, CellCoordinates
from arithgpt.models.positions.page_coordinates import MARK
from arithgpt.proof.windows import NOTHING, Cell, Kind
from tasks import Problems, Task
from tasks.core.ragged import Ints


class Observed(NamedTuple):
    """The windows on pages, in the order of the pages, with repetitions."""

    rows: Ints
    """(n,): the page of each."""
    contents: Ints
    """(n, cells): the index of the kind in each cell, or NOTHING."""
    queries: Ints
    """(n,): the index of the kind of the character written last."""
    wanted: str
    """(n,): the next characters."""


def all_kinds(alphabet: str) -> list[Kind]:
    """List every character with every mark that could have opened its number."""
    return [Kind(character, mark) for character in alphabet for mark in ("", *alphabet)]


def observe(task: Task, problems: Problems, cells: Sequence[Cell], kinds: Sequence[Kind]) -> Observed:
    """Find what stands in cells wherever a character is written on the exact pages of problems.

    Args:
        task: the problems' task
        problems: n of them
        cells: those that heads read
        kinds: give the indices of kinds

    Raises:
        KeyError: a character on a page is of another kind
    """
    pages, alphabet = task.pages(problems), task.alphabet
    coordinates = CellCoordinates(alphabet)
    ids = Tokenizer(alphabet).encode(pages.chars)
    n, width = ids.shape
    start = np.broadcast_to(np.array(coordinates.first_cell), (n, len(coordinates.first_cell)))
    at = coordinates(ids, start, coordinates.roles, np).astype(np.int64)
    index = {kind: number for number, kind in enumerate(kinds)}
    numbers = np.array([index.get(kind, NOTHING) for kind in all_kinds(alphabet)])
    stands = numbers[ids * (1 + len(alphabet)) + at[:, :-1, MARK]]
    token = np.arange(width)
    row, column = np.nonzero((token >= pages.prompt[:, None] - 1) & (token < pages.total[:, None] - 1))
    is_there = token < pages.total[:, None] - 1
    if (stands[is_there] == NOTHING).any():
        raise KeyError(f"{alphabet[ids[is_there & (stands == NOTHING)][0]]!r}")
    keys = np.nonzero(is_there)
    contents = np.full((len(row), len(cells)), NOTHING)
    for place, cell in enumerate(cells):
        query_axes, key_axes = (_columns(coordinates, cell, side) for side in ("query", "key"))
        looked_at = at[row, column + 1][:, query_axes] + (cell.column, cell.number)
        standing = at[keys][:, key_axes]
        low = np.minimum(looked_at.min(0), standing.min(0))
        size = np.maximum(looked_at.max(0), standing.max(0)) - low + 1
        table = np.full((n, *size), NOTHING)
        table[keys[0], *(standing - low).T] = stands[keys]
        written_at = np.full((n, *size), width)
        written_at[keys[0], *(standing - low).T] = keys[1]
        where = row, *(looked_at - low).T
        seen = written_at[where] <= column
        if cell.step is not None:
            seen &= -at[row, column + 1, STEP] == cell.step
        contents[:, place] = np.where(seen, table[where], NOTHING)
    wanted = "".join(alphabet[id] for id in ids[row, column + 1].tolist())
    return Observed(row, contents, stands[row, column], wanted)


def _columns(coordinates: CellCoordinates, cell: Cell, side: str) -> list[int]:
    """Return the columns of the page coordinates in which queries, or keys, stand along the axes of a cell."""
    columns = coordinates.query_columns if side == "query" else coordinates.key_columns
    return [columns[coordinates.axes.index(axis)] for axis in (cell.column_axis, cell.number_axis)]
