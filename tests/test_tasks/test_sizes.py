"""The notation of lengths, and what is drawn from it."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks import sizes
from tasks.sizes import SizeRange, Span

spans = st.tuples(st.integers(1, 30), st.integers(0, 9)).map(lambda pair: Span(pair[0], pair[0] + pair[1]))
size_ranges = st.lists(st.builds(SizeRange, spans, spans), min_size=1, max_size=3).map(tuple)


def written(box: SizeRange) -> str:
    return "x".join(f"{low}-{high}" for low, high in (box.left, box.right))


@given(size_ranges)
def test_what_is_written_is_read(some: tuple[SizeRange, ...]) -> None:
    assert sizes.parse_ranges(",".join(map(written, some))) == some


@given(size_ranges, st.integers(0, 2**32))
def test_what_is_drawn_is_contained(some: tuple[SizeRange, ...], seed: int) -> None:
    left, right = sizes.sample(some, np.random.default_rng(seed), 50)
    assert sizes.contains(some, left, right).all()
    cells = {cell for box in some for cell in box}
    assert set(zip(left.tolist(), right.tolist(), strict=True)) <= cells
    outside = [(a, b) for a in range(1, 41) for b in range(1, 41) if (a, b) not in cells]
    assert not sizes.contains(some, *np.array(outside).T).any()


def test_every_cell_of_a_box_is_drawn() -> None:
    left, right = sizes.sample(sizes.parse_ranges("1-3x2-4,9"), np.random.default_rng(0), 2000)
    drawn = set(zip(left.tolist(), right.tolist(), strict=True))
    assert drawn == {(a, b) for a in (1, 2, 3) for b in (2, 3, 4)} | {(9, 9)}


@pytest.mark.parametrize(
    ("text", "cells"),
    [
        ("8", [(8, 8)]),
        ("1-3", [(1, 1), (2, 2), (3, 3)]),
        ("1-2x1-2,5", [(1, 1), (1, 2), (2, 1), (2, 2), (5, 5)]),
        ("12x6,10×5, 12x6", [(12, 6), (10, 5)]),
    ],
)
def test_cells_to_ask(text: str, cells: list[tuple[int, int]]) -> None:
    assert sizes.parse_sizes(text) == cells


@pytest.mark.parametrize("text", ["", "x", "1x", "0", "3-1", "2001", "1-2x0-3", "1;2", "1-2-3", "²", "9" * 50])
def test_what_is_no_length_is_refused(text: str) -> None:
    for read in (sizes.parse_ranges, sizes.parse_sizes):
        with pytest.raises(ValueError, match="from 1 to 2000"):
            read(text)


def test_shown_and_spread() -> None:
    assert sizes.format_size((8, 8)) == "8"
    assert sizes.format_size((12, 6)) == "12x6"
    assert SizeRange(Span(1, 9), Span(1, 3)).spread(3) == [(1, 1), (5, 2), (9, 3)]
    assert SizeRange(Span(4, 4), Span(4, 4)).spread(5) == [(4, 4)]
    assert SizeRange(Span(1, 9), Span(1, 3)).spread(1) == [(1, 1)]
