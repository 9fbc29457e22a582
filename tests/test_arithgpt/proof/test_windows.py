"""The windows of a task are those of its real pages: all of them, and no other ones."""

from collections.abc import Sequence
from functools import cache
from itertools import islice, product

import numpy as np
import pytest
from helpers.proofs import page_windows, shown
from hypothesis import given
from hypothesis import strategies as st

from arithgpt.proof.checker.windows import WINDOWS
from arithgpt.proof.families.columns import Column, ColumnFamily
from arithgpt.proof.families.covered import COVERED, family_of
from arithgpt.proof.families.multiplication import FACTOR
from arithgpt.proof.windows import Cell, NotCoveredError
from tasks import Pages, find

BY_COLUMNS = [name for name in COVERED if isinstance(family_of(find(name)()), ColumnFamily)]
STRINGS = {"copy": "0123456789", "parity": "01"}
CELLS = (Cell(-1, -2), Cell(-1, -1), Cell(-1, 0), Cell(0, -2), Cell(0, -1))


@cache
def all_windows(name: str) -> dict[tuple[object, ...], str]:
    """The windows of a task by name, in the order of their rows."""
    return shown(family_of(find(name)()).windows(CELLS))


def small_questions(name: str) -> list[str]:
    """Problems of up to 4 digits on whose pages every window stands."""
    if name in STRINGS:
        words = ("".join(word) for n in range(1, 4) for word in product(STRINGS[name], repeat=n))
        return [f"{name} {word}" for word in words]
    short = [*range(100), *(100 * top + 10 * middle + low for top in range(1, 10) for middle in range(10) for low in (0, 9))]
    pairs = [*product(short, short)]
    long = [1000 * top + 10 * middle + low for top in (1, 2) for middle in range(100) for low in (0, 9)]
    pairs += [(a, b) for a, b in product(long, long) if (a < 2000) != (b < 2000)]
    tall = [1000 * top + 10 * middle + low for top in range(1, 11) for middle in range(100) for low in (0, 9)]
    pairs += [pair for a in tall for b in (0, 1, 9) for pair in ((a, b), (b, a))]
    for zeros, others in ((range(100, 110), range(10)), (range(1000, 1100), range(10, 100))):
        pairs += [pair for a, b in product(zeros, others) for pair in ((a, b), (b, a))]
    return [question(name, a, b) for a, b in pairs]


def question(name: str, a: int, b: int) -> str:
    """The question about two numbers."""
    return f"compare {a} {b}" if name == "compare" else f"{a}{find(name)().operator}{b}"


@pytest.mark.parametrize("name", BY_COLUMNS)
def test_windows_are_exactly_those_of_small_pages(name: str) -> None:
    task = find(name)()
    pages = task.pages(task.problems(small_questions(name)))
    assert all_windows(name) == page_windows(pages, task.alphabet, CELLS)


@pytest.mark.parametrize("name", ["add", "sub", "compare"])
@given(st.tuples(*[st.integers(1, 300).flatmap(lambda n: st.integers(0, 10**n - 1))] * 2))
def test_windows_of_long_pages_are_among_them(name: str, pair: tuple[int, int]) -> None:
    task = find(name)()
    known = all_windows(name).items()
    pages = task.pages(task.problems([question(name, *numbers) for numbers in (pair, pair[::-1])]))
    assert page_windows(pages, task.alphabet, CELLS).items() <= known


@pytest.mark.parametrize("name", STRINGS)
@given(st.data())
def test_windows_of_long_strings_are_among_them(name: str, data: st.DataObject) -> None:
    task, word = find(name)(), data.draw(st.text(STRINGS[name], min_size=1, max_size=300))
    pages = task.pages(task.problems([f"{name} {word}"]))
    assert page_windows(pages, task.alphabet, CELLS).items() <= all_windows(name).items()


@pytest.mark.parametrize("name", BY_COLUMNS)
def test_the_checker_lists_the_same_windows(name: str) -> None:
    places = [("place", cell.column, "number", cell.number, None) for cell in CELLS]
    listed = [(*map(contents.get, places), query, wanted) for contents, query, wanted in WINDOWS[name]()]
    assert len(set(listed)) == len({row[:-1] for row in listed})
    assert {row[:-1]: row[-1] for row in listed} == all_windows(name)


class Copies(ColumnFamily):
    """321=321$: each column has the same digit twice."""

    marks = "", "="
    n_given = 1

    def first_columns(self) -> list[Column]:
        return [Column((digit, digit), ()) for digit in "012"]

    def next_columns(self, column: Column) -> list[Column]:
        return [*self.first_columns(), Column(("=", "$"), ())] if column.characters[1] != "$" else []

    def is_last(self, column: Column) -> bool:
        return column.characters[1] == "$"

    def question(self, columns: Sequence[Column]) -> str:
        return "".join(column.characters[0] for column in columns[:-1])


@pytest.mark.parametrize("extra", [(), (Cell(1, -1),), (Cell(-2, 0), Cell(-2, -1)), (Cell(-3, -1), Cell(2, -1), Cell(1, 0))])
def test_heads_may_read_other_cells(extra: tuple[Cell, ...]) -> None:
    cells = (Cell(0, -1), *extra)
    family = Copies()
    windows = family.windows(cells)
    words = ["".join(word) for n in range(1, 7) for word in product("012", repeat=n)]
    pages = Pages.from_texts([f"{word}=" for word in words], words)
    assert shown(windows) == page_windows(pages, "012=$", cells)
    [question] = family.questions(windows, len(windows) - 1, np.random.default_rng(0), 1)
    assert question.strip("012") == ""


@pytest.mark.parametrize("name", BY_COLUMNS)
@given(st.integers(0, 2**32 - 1))
def test_questions_show_the_window_that_they_are_drawn_for(name: str, seed: int) -> None:
    task, rng = find(name)(), np.random.default_rng(seed)
    row = int(rng.integers(len(all_windows(name))))
    wanted = next(islice(all_windows(name).items(), row, None))
    for question in family_of(task).questions(family_of(task).windows(CELLS), row, rng, 3):
        assert task.parse(question) == question
        assert wanted in page_windows(task.pages(task.problems([question])), task.alphabet, CELLS).items()


def test_heads_that_do_not_see_enough_are_refused() -> None:
    with pytest.raises(NotCoveredError, match="the heads do not see enough: after '.' both '.' and '.' can be right"):
        family_of(find("add")()).windows([Cell(0, -1)])
    with pytest.raises(NotCoveredError, match="the heads do not see enough: after '.' both"):
        family_of(find("mul")()).windows([FACTOR])
