"""Reversal: its windows are those of real pages, and the bounds hold on them."""

from functools import cache

import numpy as np
from helpers.models import random_model
from helpers.proofs import decoded_logits, exact_logits, shown, window_at
from hypothesis import given, settings
from hypothesis import strategies as st

from arithgpt.proof.checker.windows import WINDOWS
from arithgpt.proof.families.reversal import BELOW, HERE, SAME, ReverseFamily
from arithgpt.proof.margins import window_differences
from arithgpt.proof.model import ProvableModel
from tasks import find

CELLS = (SAME, HERE, BELOW)
HEADS = [{cell.column_axis: cell.column, cell.number_axis: cell.number} for cell in CELLS]
TASK = find("reverse")()
words = st.text("0123456789", min_size=1, max_size=120)


@cache
def known() -> dict[tuple[object, ...], str]:
    """All windows, with characters in place of indices."""
    return shown(ReverseFamily().windows(CELLS))


def page_of(word: str) -> tuple[str, int]:
    """The page of a string, and the length of its prompt."""
    pages = TASK.pages(TASK.problems([f"reverse {word}"]))
    return pages.texts()[0], int(pages.prompt[0])


@settings(max_examples=60)
@given(words)
def test_windows_of_pages_are_among_them(word: str) -> None:
    page, prompt = page_of(word)
    for end in range(prompt, len(page)):
        assert known()[window_at(page[:end], CELLS)] == page[end]


def test_the_checker_lists_the_same_windows() -> None:
    places = [(cell.column_axis, cell.column, cell.number_axis, cell.number, cell.step) for cell in CELLS]
    listed: dict[tuple[object, ...], str] = {}
    for contents, query, wanted in WINDOWS["reverse"]():
        assert contents.keys() <= set(places)
        assert listed.setdefault((*map(contents.get, places), query), wanted) == wanted
    assert listed == known()


@given(st.integers(0, 2**32 - 1))
def test_questions_can_be_asked(seed: int) -> None:
    rng, windows = np.random.default_rng(seed), ReverseFamily().windows(CELLS)
    for question in ReverseFamily().questions(windows, int(rng.integers(len(windows))), rng, 3):
        assert TASK.parse(question) == question


@settings(max_examples=20)
@given(words, st.data())
def test_bounds_hold_for_a_random_model(word: str, data: st.DataObject) -> None:
    page, prompt = page_of(word)
    text = page[: data.draw(st.integers(prompt, len(page) - 1))]
    net = random_model(
        TASK.alphabet, 0.2, n_layer=1, n_head=3, head_dim=8, mlp_ratio=2, kernel_heads=HEADS, kernel_strength=9.0
    )
    weights = {name: tensor.numpy() for name, tensor in net.state_dict().items()}
    model, windows = ProvableModel.of(net.config, net.alphabet, weights), ReverseFamily().windows(CELLS)
    row = list(known()).index(window_at(text, CELLS))
    margin, bound, _ = window_differences(model, windows, np.array([row]))
    wanted = net.alphabet.index(windows.wanted[row])
    for logits in (exact_logits(weights, net.alphabet, text), *decoded_logits(net, text)):
        found = logits[wanted].astype(np.float64) - logits
        others = np.arange(len(logits)) != wanted
        assert (np.abs(found - margin[0])[others] <= bound[0][others]).all()
