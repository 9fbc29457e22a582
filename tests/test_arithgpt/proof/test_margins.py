"""The bounds hold: no logit of any real page, however long, is further from its window's than they say."""

from typing import Any

import numpy as np
import pytest
from helpers.models import random_model
from helpers.proofs import decoded_logits, exact_logits
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from arithgpt.models.language_model import LanguageModel
from arithgpt.proof.bounds import GELU_SLOPE, Interval, linear, outside_weight, rms_norm
from arithgpt.proof.deviation import Step, gelu
from arithgpt.proof.families.covered import family_of
from arithgpt.proof.margins import Attention, window_differences
from arithgpt.proof.model import ProvableModel
from arithgpt.proof.windows import NOTHING, Windows
from arithgpt.run_folder import RunFolder
from tasks import Task, find

SHAPE = {"n_layer": 1, "n_head": 4, "head_dim": 8, "mlp_ratio": 2}


class Subject:
    """A model with its windows, and the window of each place of a page."""

    def __init__(self, task: Task, model: LanguageModel) -> None:
        self.task, self.torch_model = task, model
        self.weights = {name: tensor.numpy() for name, tensor in model.state_dict().items()}
        self.model = ProvableModel.of(model.config, model.alphabet, self.weights)
        self.windows: Windows = family_of(task).windows(self.model.cells)
        self.attention = Attention(self.model, self.windows)
        rows = zip(self.windows.contents.tolist(), self.windows.queries.tolist(), strict=True)
        self.rows = {(*contents, query): row for row, (contents, query) in enumerate(rows)}

    def row(self, text: str) -> int:
        """The window at the end of a text, found by reading the text."""
        numbers, marks = [""], [""]
        for character in text:
            numbers[-1] += character
            if not character.isdigit():
                numbers.append("")
                marks.append(character)
        number, place = len(numbers) - 1, len(numbers[-1])
        kinds = {kind: index for index, kind in enumerate(self.windows.kinds)}
        seen = []
        for d_place, d_number, *_ in self.windows.cells:
            n, p = number + d_number, place + d_place
            there = n >= 0 and 0 <= p < len(numbers[n])
            seen.append(kinds[numbers[n][p], marks[n]] if there else NOTHING)
        query = (text[-1], marks[number] if place else marks[number - 1])
        return self.rows[*seen, kinds[query]]

    def check(self, text: str) -> None:
        """Compare the logits after a text with those of its window: float64, and float32 by both decoders."""
        row = self.row(text)
        margin, bound, _ = window_differences(self.model, self.windows, np.array([row]), self.attention)
        wanted = self.model.alphabet.index(self.windows.wanted[row])
        for logits in (exact_logits(self.weights, self.model.alphabet, text), *decoded_logits(self.torch_model, text)):
            found = logits[wanted].astype(np.float64) - logits
            others = np.arange(len(logits)) != wanted
            assert (np.abs(found - margin[0])[others] <= bound[0][others]).all()


SUBJECTS: dict[Any, Subject] = {}


def random_subject(name: str, scale: float, strength: float) -> Subject:
    """A model with random weights."""
    if (name, scale, strength) not in SUBJECTS:
        task = find(name)()
        model = random_model(task.alphabet, scale, **SHAPE, kernel_strength=strength)
        SUBJECTS[name, scale, strength] = Subject(task, model)
    return SUBJECTS[name, scale, strength]


@st.composite
def texts(draw: st.DrawFn, task: Task, longest: int = 1400) -> str:
    """A right page of at most some 3,000 characters, up to a place after its prompt."""
    lengths = draw(st.tuples(*[st.sampled_from([1, 2, 3, 5, 30, 400, longest])] * 2))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    numbers = ["".join(map(str, [rng.integers(1, 10), *rng.integers(0, 10, n - 1)])) for n in lengths]
    pages = task.pages(task.problems([task.operator.join(numbers)]))
    [page], [prompt] = pages.texts(), pages.prompt.tolist()
    ends = st.one_of(st.integers(prompt, len(page) - 1), st.sampled_from([prompt, len(page) - 1]))
    return page[: draw(ends)]


@pytest.mark.parametrize("name", ["add", "sub"])
@pytest.mark.parametrize(("scale", "strength"), [(0.2, 25.0), (0.5, 9.0), (0.05, 3.0)])
@settings(max_examples=12)
@given(st.data())
def test_bounds_hold_for_random_models(name: str, scale: float, strength: float, data: st.DataObject) -> None:
    subject = random_subject(name, scale, strength)
    subject.check(data.draw(texts(subject.task)))


@settings(max_examples=40)
@given(st.data())
def test_bounds_hold_for_a_trained_model(provable: RunFolder, data: st.DataObject) -> None:
    if "trained" not in SUBJECTS:
        model = provable.load_model()
        assert isinstance(model, LanguageModel)
        SUBJECTS["trained"] = Subject(provable.recipe.problems, model)
    SUBJECTS["trained"].check(data.draw(texts(SUBJECTS["trained"].task)))


@given(st.integers(0, 2**32 - 1), st.floats(1e-6, 3.0))
def test_intervals_contain_what_their_inputs_allow(seed: int, radius: float) -> None:
    rng = np.random.default_rng(seed)
    x, weight, scale = rng.standard_normal((5, 8)), rng.standard_normal((3, 8)), rng.standard_normal(8)
    given_ = Interval(x, np.full_like(x, radius))
    moved = (x + radius * rng.uniform(-1, 1, (200, 5, 8)) ** rng.choice([1, 3])).astype(np.float32)
    moved = np.clip(moved, x - radius, x + radius).astype(np.float32)

    def contained(found: Interval, values: NDArray[np.float32]) -> bool:
        return bool((np.abs(values - found.middle) <= found.radius + 1e-6).all())

    inner = np.float32((2 / np.pi) ** 0.5) * (moved + np.float32(0.044715) * moved**3)
    assert contained(linear(given_, weight), moved @ weight.astype(np.float32).T)
    through_gelu = gelu(Step(x, np.zeros_like(x), np.zeros(len(x)), np.sqrt(np.square(given_.radius).sum(1))))
    allowed = Interval(through_gelu.value, GELU_SLOPE * radius + through_gelu.delta)
    assert contained(allowed, 0.5 * moved * (1 + np.tanh(inner)))
    rms = np.sqrt((moved * moved).mean(-1, keepdims=True) + np.finfo(np.float32).eps)
    assert contained(rms_norm(given_, scale), moved / rms * scale.astype(np.float32))


@given(st.floats(0.05, 40), st.floats(0.05, 40), st.floats(0.05, 40))
def test_weight_outside_is_never_underestimated(s: float, t: float, u: float) -> None:
    steps = np.arange(-60, 61)
    kernel = np.exp(-s * steps[:, None] ** 2 - t * steps**2)
    silent = kernel.sum() * np.exp(-u)  # in another step, where the cell counts as one outside, too
    kernel[60, 60] = 0
    [found] = outside_weight(np.array([min(s, t, u)]))
    assert max(kernel.sum(), silent) <= found
    if min(s, t, u) >= 1:
        close = np.exp(-min(s, t, u) * (steps[:, None] ** 2 + steps**2))
        close[60, 60] = np.exp(-min(s, t, u))
        assert found <= close.sum() * 1.1
