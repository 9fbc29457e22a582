"""Tasks that are written column by column: their windows, from a machine that writes the page one place at a time.

A column is what stands at one place of all numbers of a page. The machine's state after a column is what a person keeps in
mind, such as a carry. It is finite, so all neighbouring columns of all pages, however long, are found by following the machine.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import chain
from typing import ClassVar, NamedTuple, TypeAlias

import numpy as np

from arithgpt.proof.windows import NOTHING, Cell, Kind, NotCoveredError, Windows, not_enough
from tasks.page_grammar import DIGITS

MAX_WALK = 4  # columns on either side of a window that is put into a problem, beyond the shortest way


class Column(NamedTuple):
    """The characters at one place, and what the machine keeps in mind after it."""

    characters: tuple[str, ...]
    """One for each number of the page; empty where nothing stands."""
    state: tuple[int, ...]


@dataclass(frozen=True)
class Steps:
    """All columns that stand on a finished page, and which can follow which."""

    first: tuple[Column, ...]
    last: frozenset[Column]
    following: dict[Column, tuple[Column, ...]]
    preceding: dict[Column, tuple[Column, ...]]


Path: TypeAlias = tuple[Column | None, ...]
"""Neighbouring columns; None stands for a place beyond the ends of the page."""


class Occurrences(NamedTuple):
    """Where one window occurs."""

    wanted: str
    paths: list[Path]


class ColumnFamily(ABC):
    """The pages of a task, written column by column; a subclass says which columns can follow which."""

    marks: ClassVar[tuple[str, ...]]
    """The mark that opens each number of a page; empty for the first number."""
    n_given: ClassVar[int]
    """How many numbers belong to the prompt."""

    @abstractmethod
    def first_columns(self) -> Iterable[Column]:
        """List the columns with which a page can begin."""

    @abstractmethod
    def next_columns(self, column: Column) -> Iterable[Column]:
        """List the columns that can follow; none after the last column of a page."""

    @abstractmethod
    def is_last(self, column: Column) -> bool:
        """Whether a page can end with this column."""

    @abstractmethod
    def question(self, columns: Sequence[Column]) -> str:
        """Return the question whose page has these columns."""

    @cached_property
    def steps(self) -> Steps:
        """Follow the machine; columns from which no page can be finished are left out."""
        following: dict[Column, tuple[Column, ...]] = {}
        to_follow = list(dict.fromkeys(self.first_columns()))
        first = tuple(to_follow)
        while to_follow:
            column = to_follow.pop()
            if column not in following:
                following[column] = tuple(dict.fromkeys(self.next_columns(column)))
                to_follow += following[column]
        preceding: dict[Column, list[Column]] = {column: [] for column in following}
        for column, others in following.items():
            for other in others:
                preceding[other].append(column)
        last = frozenset(column for column in following if self.is_last(column))
        finishing, to_follow = set(last), list(last)
        while to_follow:
            new = [column for column in preceding[to_follow.pop()] if column not in finishing]
            finishing.update(new)
            to_follow += new
        keep = {column: tuple(filter(finishing.__contains__, others)) for column, others in following.items()}
        return Steps(
            tuple(filter(finishing.__contains__, first)),
            last,
            {column: others for column, others in keep.items() if column in finishing},
            {column: tuple(others) for column, others in preceding.items() if column in finishing},
        )

    @cached_property
    def kinds(self) -> tuple[Kind, ...]:
        """List all kinds of characters of finished pages, in a fixed order."""
        found = {
            Kind(character, mark)
            for column in self.steps.following
            for character, mark in zip(column.characters, self.marks, strict=True)
            if character
        }
        return tuple(sorted(found))

    def windows(self, cells: Sequence[Cell]) -> Windows:
        """Enumerate every window of every right page, for heads that read these cells."""
        for cell in cells:
            if cell != Cell(cell.column, cell.number):
                raise NotCoveredError(f"a head reads {cell}: prove covers place and number for this task, in every step")
        if tuple(cells) in self._windows:
            return self._windows[tuple(cells)]
        found = self._found(tuple(cells))
        rows = np.array(sorted(found), np.int64).reshape(-1, len(cells) + 1)
        wanted = tuple(found[tuple(row)].wanted for row in rows.tolist())
        windows = Windows(tuple(cells), self.kinds, rows[:, :-1], rows[:, -1], wanted)
        return self._windows.setdefault(tuple(cells), windows)

    def questions(self, windows: Windows, row: int, rng: np.random.Generator, n: int) -> list[str]:
        """Draw n problems on whose pages a window stands: random columns before and after it."""
        paths = self._found(windows.cells)[*windows.contents[row].tolist(), int(windows.queries[row])].paths
        chosen = (paths[int(rng.integers(len(paths)))] for _ in range(n))
        return [self.question(self._complete(path, rng)) for path in chosen]

    def _found(self, cells: tuple[Cell, ...]) -> dict[tuple[int, ...], Occurrences]:
        """Find where each window occurs, by the indices of the kinds in its cells and of its query."""
        if cells not in self._known:
            found: dict[tuple[int, ...], Occurrences] = {}
            for path, window, wanted in self._occurrences(cells):
                known = found.get(window)
                if known is None:
                    known = found[window] = Occurrences(wanted, [])
                if known.wanted != wanted:
                    raise NotCoveredError(not_enough(self.kinds[window[-1]], known.wanted, wanted))
                known.paths.append(path)
            self._known[cells] = found
        return self._known[cells]

    @cached_property
    def _windows(self) -> dict[tuple[Cell, ...], Windows]:
        return {}

    @cached_property
    def _known(self) -> dict[tuple[Cell, ...], dict[tuple[int, ...], Occurrences]]:
        return {}

    def _paths(self, n_before: int, n_after: int) -> Iterator[Path]:
        """Yield all neighbouring columns of all pages: n_before, one, and n_after."""
        steps = self.steps

        def lengthened(path: Path, n: int) -> Iterator[Path]:
            if n == 0:
                yield path
                return
            ends = path[-1] is None or path[-1] in steps.last
            others = steps.following[path[-1]] if path[-1] is not None else ()
            for column in chain(others, [None] if ends else []):
                yield from lengthened((*path, column), n - 1)

        for n_missing in range(n_before + 1):  # columns before the first place
            starts = steps.first if n_missing else tuple(steps.following)
            for column in starts:
                yield from lengthened((*[None] * n_missing, column), n_before - n_missing + n_after)

    def _occurrences(self, cells: tuple[Cell, ...]) -> Iterator[tuple[Path, tuple[int, ...], str]]:
        """Yield columns, the indices of the kinds in the cells and of the query, and the right next character."""
        index = {kind: number for number, kind in enumerate(self.kinds)}
        codes: dict[Column | None, tuple[int, ...]] = {
            column: tuple(
                index[Kind(character, mark)] if character else NOTHING
                for character, mark in zip(column.characters, self.marks, strict=True)
            )
            for column in self.steps.following
        }
        codes[None] = (NOTHING,) * len(self.marks)
        n_before = max(1, -min(cell.column for cell in cells))
        n_after = max(0, *(cell.column for cell in cells))
        answers = []
        for number in range(self.n_given, len(self.marks)):
            opener = index[Kind(self.marks[number], self.marks[number - 1])]  # was written last where the number begins
            answers.append((number, opener, [self._source(cell, number, n_before) for cell in cells]))
        for path in self._paths(n_before, n_after):
            here, before = path[n_before], path[n_before - 1]
            if here is None:
                continue
            for number, opener, sources in answers:
                if wanted := here.characters[number]:
                    contents = [codes[path[place]][other] if place >= 0 else NOTHING for place, other in sources]
                    query = opener if before is None else codes[before][number]
                    assert query != NOTHING
                    yield path, (*contents, query), wanted

    @staticmethod
    def _source(cell: Cell, number: int, n_before: int) -> tuple[int, int]:
        """Return where a cell is found: the column in a path and the number; column -1 where nothing can stand yet."""
        other = number + cell.number
        is_written = cell.number < 0 or (cell.number == 0 and cell.column < 0)
        return (n_before + cell.column, other) if is_written and other >= 0 else (-1, 0)

    def _complete(self, path: Path, rng: np.random.Generator) -> list[Column]:
        """Lengthen a run of columns to a whole page, at random and not far beyond the shortest way."""
        columns = [column for column in path if column is not None]
        n_random = int(rng.integers(MAX_WALK))
        while path[0] is not None and columns[0] not in self.steps.first:
            columns.insert(0, self._step(columns[0], self.steps.preceding, self._from_first, n_random, rng))
            n_random -= 1
        n_random = int(rng.integers(MAX_WALK))
        while columns[-1] not in self.steps.last:
            columns.append(self._step(columns[-1], self.steps.following, self._to_last, n_random, rng))
            n_random -= 1
        return columns

    @staticmethod
    def _step(
        column: Column,
        neighbours: dict[Column, tuple[Column, ...]],
        distance: dict[Column, int],
        n_random: int,
        rng: np.random.Generator,
    ) -> Column:
        """Choose a neighbour: any one while n_random is above 0, then one on a shortest way."""
        choices = neighbours[column]
        if n_random <= 0:
            nearest = min(distance[other] for other in choices)
            choices = tuple(other for other in choices if distance[other] == nearest)
        return choices[int(rng.integers(len(choices)))]

    @cached_property
    def _from_first(self) -> dict[Column, int]:
        return _distances(self.steps.first, self.steps.following)

    @cached_property
    def _to_last(self) -> dict[Column, int]:
        return _distances(self.steps.last, self.steps.preceding)


def _distances(starts: Iterable[Column], neighbours: dict[Column, tuple[Column, ...]]) -> dict[Column, int]:
    """Count the steps from the nearest start to each column."""
    distance = dict.fromkeys(starts, 0)
    to_follow = list(distance)
    for column in to_follow:  # grows as it is read: breadth first
        for other in neighbours[column]:
            if other not in distance:
                distance[other] = distance[column] + 1
                to_follow.append(other)
    return distance


def operand_characters(before: str, mark: str, *, is_second: bool) -> tuple[str, ...]:
    """List what can stand in a column of a number without leading zeros.

    Args:
        before: the character one place before; empty where the number has ended
        mark: the mark that closes the number
        is_second: whether this is place 2: a zero may be the whole number
    """
    if before not in DIGITS or not before:
        return ("",)
    return (*DIGITS, mark) if before != "0" or is_second else tuple(DIGITS)


def number_of(columns: Sequence[Column], row: int) -> str:
    """Read the digits of one number, most significant first."""
    digits = (column.characters[row] for column in columns)
    return "".join(digit for digit in digits if digit and digit in DIGITS)[::-1]
