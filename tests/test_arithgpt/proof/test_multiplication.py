"""Long multiplication: its windows are those of real pages, and the bounds hold on them."""

from functools import cache

import numpy as np
import pytest
from helpers.models import random_model
from helpers.proofs import decoded_logits, exact_logits, shown, window_at
from hypothesis import given, settings
from hypothesis import strategies as st

from arithgpt.models.language_model import LanguageModel
from arithgpt.proof.checker.windows import WINDOWS
from arithgpt.proof.families.multiplication import (
    A_BEFORE,
    COPIED,
    COPIED_NEXT,
    FACTOR,
    PRODUCT,
    PRODUCT_BEFORE,
    TOTAL,
    TOTAL_BEFORE,
    A,
    MultiplicationFamily,
)
from arithgpt.proof.margins import window_differences
from arithgpt.proof.model import ProvableModel
from arithgpt.proof.observe import observe
from tasks import find

CELLS = (COPIED, COPIED_NEXT, FACTOR, A, A_BEFORE, PRODUCT, PRODUCT_BEFORE, TOTAL, TOTAL_BEFORE)
HEADS = [{c.column_axis: c.column, c.number_axis: c.number, "step": c.step} for c in CELLS]
SHAPE = {"n_layer": 1, "n_head": 9, "head_dim": 8, "mlp_ratio": 2, "kernel_heads": HEADS}
TASK = find("mul")()
numbers = st.integers(1, 60).flatmap(lambda n: st.integers(0, 10**n - 1))


@cache
def known() -> dict[tuple[object, ...], str]:
    """All windows, with characters in place of indices."""
    return shown(MultiplicationFamily().windows(CELLS))


def window(text: str) -> tuple[object, ...]:
    """The window at the end of a text."""
    return window_at(text, CELLS)


def page_of(left: int, right: int) -> tuple[str, int]:
    """The page of a product, and the length of its prompt."""
    pages = TASK.pages(TASK.problems([f"{left}*{right}"]))
    return pages.texts()[0], int(pages.prompt[0])


@settings(max_examples=60)
@given(st.integers(0, 99_999), st.integers(0, 9_999))
def test_windows_of_pages_are_among_them(left: int, right: int) -> None:
    page, prompt = page_of(left, right)
    for end in range(prompt, len(page)):
        assert known()[window(page[:end])] == page[end]


@settings(max_examples=30)
@given(numbers, numbers, st.data())
def test_windows_of_long_pages_are_among_them(left: int, right: int, data: st.DataObject) -> None:
    page, prompt = page_of(left, right)
    end = data.draw(st.integers(prompt, len(page) - 1))
    assert known()[window(page[:end])] == page[end]


def test_the_checker_lists_the_same_windows() -> None:
    places = [(cell.column_axis, cell.column, cell.number_axis, cell.number, cell.step) for cell in CELLS]
    listed: dict[tuple[object, ...], str] = {}
    for contents, query, wanted in WINDOWS["mul"]():
        assert contents.keys() <= set(places)
        assert listed.setdefault((*map(contents.get, places), query), wanted) == wanted
    assert listed == known()


def test_observed_windows_are_those_of_the_text() -> None:
    windows = MultiplicationFamily().windows(CELLS)
    problems = TASK.problems(["12*345", "7*8", "0*0", "99999*11"])
    seen = observe(TASK, problems, windows.cells, windows.kinds)
    kinds = [*map(tuple, windows.kinds), None]
    found = [
        (*(kinds[content] for content in contents), kinds[query], wanted)
        for contents, query, wanted in zip(seen.contents.tolist(), seen.queries.tolist(), seen.wanted, strict=True)
    ]
    pages = TASK.pages(problems)
    texts = [
        (page, end)
        for page, prompt in zip(pages.texts(), pages.prompt.tolist(), strict=True)
        for end in range(prompt, len(page))
    ]
    assert found == [(*window(page[:end]), page[end]) for page, end in texts]


def test_questions_show_the_window_that_they_are_drawn_for() -> None:
    family, rng = MultiplicationFamily(), np.random.default_rng(0)
    windows = family.windows(CELLS)
    rows = [*rng.integers(0, len(windows), 40).tolist()]
    asked = {row: family.questions(windows, row, rng, 2) for row in rows}
    assert sum(bool(questions) for questions in asked.values()) > 20
    rows_shown = list(known())
    for row, questions in asked.items():
        for question in questions:
            page, prompt = page_of(*map(int, question.split("*")))
            assert rows_shown[row] in [window(page[:end]) for end in range(prompt, len(page))]


@cache
def random_subject(scale: float, strength: float) -> tuple[LanguageModel, ProvableModel, dict[str, np.ndarray]]:
    """A model with random weights."""
    net = random_model(TASK.alphabet, scale, **SHAPE, kernel_strength=strength)
    weights = {name: tensor.numpy() for name, tensor in net.state_dict().items()}
    return net, ProvableModel.of(net.config, net.alphabet, weights), weights


@pytest.mark.parametrize(("scale", "strength"), [(0.2, 25.0), (0.5, 9.0), (0.05, 3.0)])
@settings(max_examples=12)
@given(st.data())
def test_bounds_hold_for_random_models(scale: float, strength: float, data: st.DataObject) -> None:
    page, prompt = page_of(data.draw(numbers), data.draw(numbers))
    text = page[: data.draw(st.integers(prompt, min(len(page) - 1, 3000)))]
    net, model, weights = random_subject(scale, strength)
    windows = MultiplicationFamily().windows(CELLS)
    row = list(known()).index(window(text))
    margin, bound, _ = window_differences(model, windows, np.array([row]))
    wanted = model.alphabet.index(windows.wanted[row])
    for logits in (exact_logits(weights, model.alphabet, text), *decoded_logits(net, text)):
        found = logits[wanted].astype(np.float64) - logits
        others = np.arange(len(logits)) != wanted
        assert (np.abs(found - margin[0])[others] <= bound[0][others]).all()
