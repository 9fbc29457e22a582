"""Page coordinates against a character-by-character account of them."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from arithgpt.data.tokenizer import Tokenizer
from arithgpt.models.positions.page_coordinates import PageCoordinates

ALPHABET = "0123456789+=;:!#$"
pages = st.text(ALPHABET, min_size=1, max_size=30)


def spelled_out(page: str) -> list[tuple[float, ...]]:
    cells = [PageCoordinates.first_cell]
    for char in page:
        place, digit, number, token, line, mark = cells[-1]
        if char.isdigit():
            cells.append((place + 1, digit + 1, number, token + 1, line, mark))
        else:
            line += char == ";"
            cells.append((line if char in ";:!#" else 1, 1, number + 1, token + 1, line, 1 + ALPHABET.index(char)))
    return cells


def cells_of(page: str, start: torch.Tensor | None = None) -> torch.Tensor:
    """The cells by torch; those by NumPy are the same."""
    coordinates, ids = PageCoordinates(ALPHABET), np.array([[ALPHABET.index(char) for char in page]])
    first = torch.tensor([coordinates.first_cell]) if start is None else start
    cells = coordinates(torch.from_numpy(ids), first, torch.from_numpy(coordinates.roles), torch)
    assert np.array_equal(coordinates(ids, first.numpy(), coordinates.roles, np), cells.numpy())
    return cells


@given(pages)
def test_cells_follow_the_rules(page: str) -> None:
    cells = cells_of(page)
    assert cells[0].tolist() == [list(cell) for cell in spelled_out(page)]


@given(pages, pages)
def test_cells_go_on_where_they_stopped(before: str, after: str) -> None:
    whole = cells_of(before + after)
    first = cells_of(before)
    second = cells_of(after, first[:, -1])
    assert torch.equal(torch.cat([first, second[:, 1:]], 1), whole)


def test_the_example_of_the_docstring() -> None:
    cells = cells_of("321+654=9")[0].T.tolist()
    assert cells[0] == [1, 2, 3, 4, 1, 2, 3, 4, 1, 2]
    assert cells[2] == [0, 0, 0, 0, 1, 1, 1, 1, 2, 2]
    assert [int(mark) for mark in cells[5]] == [0] * 4 + [1 + ALPHABET.index("+")] * 4 + [1 + ALPHABET.index("=")] * 2


def test_lines_are_indented_one_step_further_each() -> None:
    places = cells_of("5:51+61;4:29=1;3:7")[0, :, 0].tolist()
    #                5  :  5  1  +  6  1  ;  4  :  2  9  =  1  ;  3  :  7
    assert places == [1, 2, 1, 2, 3, 1, 2, 3, 2, 3, 2, 3, 4, 1, 2, 3, 4, 3, 4]


def test_vocab_is_a_bijection() -> None:
    vocab = Tokenizer(ALPHABET)
    chars = np.frombuffer(ALPHABET.encode(), np.uint8)
    assert vocab.encode(chars).tolist() == list(range(len(ALPHABET)))
    assert (vocab.decode(vocab.encode(chars)) == chars).all()
    assert vocab.encode(np.zeros(3, np.uint8)).tolist() == [vocab.stop] * 3
    with pytest.raises(ValueError, match="'x' is not in the alphabet"):
        vocab.encode(np.frombuffer(b"1x2", np.uint8))
    for bad in ("0123", "00$", "½$"):
        with pytest.raises(ValueError, match="must be different ASCII"):
            Tokenizer(bad)
