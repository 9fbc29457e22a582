"""The loss on a CPU by blocks whose gradients are worked out by hand: the same as by the model, and the same gradients."""

from __future__ import annotations

from contextlib import nullcontext
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from arithgpt.config.recipe import ModelConfig
from arithgpt.data.collate import IGNORED, Batch, dealt
from arithgpt.models.architectures import first_weights, make_model
from arithgpt.models.gpt import GPT
from arithgpt.training import loss
from arithgpt.training.fused.block import PART, WIDTH
from arithgpt.training.fused.gelu import gelu, of_gelu_
from arithgpt.training.fused.linear import ROWS, of_weight, product
from arithgpt.training.loss import has_own_blocks, loss_of, plainly

ALPHABET = "0123456789+-=;$"
SMALL = {"n_layer": 2, "n_head": 3, "n_embd": 24, "head_dim": 8, "mlp_ratio": 2}
SHAPES = {
    "default": {},
    "one block": {"n_layer": 1},
    "expression_page": {"positions": "expression_page"},
    "other heads in each block": {"n_head": [5, 2]},
    "wide heads": {"head_dim": 17},
    "applied twice": {"loops": 2},
    "tied": {"tied": True},
}


def model_of(shape: dict[str, Any], dtype: torch.dtype = torch.float64) -> GPT:
    """Its weights all moved away from those before training, some of which are zero."""
    config, rng = ModelConfig(**(SMALL | shape)), np.random.default_rng(0)
    first = {name: w + 0.1 * rng.standard_normal(w.shape) for name, w in first_weights(config, ALPHABET, 0).items()}
    return make_model(config, ALPHABET, {name: torch.from_numpy(w).to(dtype).requires_grad_() for name, w in first.items()})


def buckets_of(*shapes: tuple[int, int]) -> list[Batch]:
    """Random pages of some lengths; the first character of each has no target, one page in three none in its second half."""
    generator = torch.Generator().manual_seed(1)
    buckets = []
    for B, T in shapes:
        inputs, targets = torch.randint(0, len(ALPHABET), (2, B, T), generator=generator)
        targets[:, 0] = IGNORED
        targets[::3, T // 2 :] = IGNORED
        buckets.append((inputs, targets))
    return buckets


def both(model: GPT, buckets: list[Batch]) -> list[tuple[Tensor, ...]]:
    """The loss and its gradients by the blocks of their own, and by the model as it is."""
    assert has_own_blocks(model)
    found = []
    for way in (nullcontext, plainly):
        with way():
            assert has_own_blocks(model) == (way is nullcontext)
            value = loss_of(model, buckets)
        found.append((value.detach(), *torch.autograd.grad(value, list(model.weights.values()))))
    return found


@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES)
def test_loss_and_gradients_are_those_of_the_model(shape: dict[str, Any]) -> None:
    buckets = buckets_of((3, WIDTH - 9), (4, WIDTH - 1), (2, PART), (2, 2 * PART + 5))
    own, plain = both(model_of(shape), buckets)
    for one, other in zip(own, plain, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-7, atol=1e-8)


def test_in_float32_they_are_as_near_as_the_model_itself() -> None:
    """Both round; neither by more than a few times what the other does."""
    buckets = buckets_of((8, 12), (8, 40))
    own, plain = both(model_of({"n_embd": 96}, torch.float32), buckets)
    _, exact = both(model_of({"n_embd": 96}), buckets)

    def off(found: tuple[Tensor, ...]) -> float:
        return max(float((one.double() - other).norm() / other.norm()) for one, other in zip(found, exact, strict=True))

    assert off(own) < 4 * off(plain) + 1e-6


def test_targets_may_fill_up_all_rows_and_none() -> None:
    model = model_of({})
    inputs = torch.zeros(1, ROWS - 1, dtype=torch.long)
    value = loss_of(model, [(inputs, torch.ones_like(inputs))])
    torch.testing.assert_close(value, F.cross_entropy(model(inputs)[0], torch.ones_like(inputs[0]), reduction="sum"))
    assert loss_of(model, [(inputs, torch.full_like(inputs, IGNORED))]).item() == 0


@pytest.mark.parametrize(
    "other",
    [
        *({"positions": "rope"}, {"positions": "none"}, {"norm": "layer"}, {"activation": "swiglu"}, {"dropout": 0.1}),
        *({"n_kv_head": 1}, {"inject": True, "loops": 2}, {"arch": "lstm"}),
    ],
)
def test_others_are_asked_as_they_are(other: dict[str, Any]) -> None:
    model, buckets = model_of(other), buckets_of((2, 9), (3, 7))
    assert not has_own_blocks(model)
    rng = np.random.default_rng(0) if "dropout" not in other else None
    expected = sum(
        F.cross_entropy(model(x).flatten(0, 1), y.flatten(), ignore_index=IGNORED, reduction="sum") for x, y in buckets
    )
    torch.testing.assert_close(loss_of(model, buckets, rng), expected)


def test_pages_too_long_to_keep_their_attention_go_through_the_model(monkeypatch: pytest.MonkeyPatch) -> None:
    model, [(inputs, targets)] = model_of({}), buckets_of((2, 30))
    monkeypatch.setattr(loss, "LONGEST", 30)
    monkeypatch.setattr(loss, "block", None)  # it would be called
    loss_of(model, [(inputs, targets)])
    with pytest.raises(TypeError):
        loss_of(model, [(inputs[:, 1:], targets[:, 1:])])


@pytest.mark.parametrize("rows", [1, ROWS, 100])
@pytest.mark.parametrize(("n", "m"), [(96, 288), (288, 96), (8, 8)])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_products_are_torchs(rows: int, n: int, m: int, dtype: torch.dtype) -> None:
    x, weight, more = (torch.randn(shape, dtype=dtype) for shape in ((rows, n), (m, n), (rows, m)))
    torch.testing.assert_close(product(x, weight), x @ weight.T, rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(product(x, weight, plus=more), x @ weight.T + more, rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(product(more, weight.T), more @ weight, rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(of_weight(x, more), more.T @ x, rtol=1e-4, atol=1e-4)


def test_gelu_is_torchs() -> None:
    x, gradient = torch.linspace(-20, 20, 999, dtype=torch.float64).requires_grad_(), torch.randn(999, dtype=torch.float64)
    expected = F.gelu(x, approximate="tanh")
    y, share = gelu(x.detach())
    torch.testing.assert_close(y, expected.detach())
    torch.testing.assert_close(of_gelu_(gradient.clone(), x.detach(), share), *torch.autograd.grad(expected, x, gradient))


def test_buckets_are_dealt_out_evenly() -> None:
    buckets = buckets_of((15, 13), (8, 21), (10, 36), (9, 47), (5, 53), (6, 71), (7, 90), (4, 120))
    cells = [sum(inputs.numel() for inputs, _ in hand) for hand in dealt(buckets, 2, 2000)]
    assert sum(cells) == sum(inputs.numel() for inputs, _ in buckets)
    assert len(cells) == 2
    assert max(cells) < 1.1 * min(cells)
    assert len(dealt(buckets, 2, 1000)) == 4
    assert [len(hand) for hand in dealt(buckets[:1], 2, 1000)] == [1]
