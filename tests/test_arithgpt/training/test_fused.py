"""The fused CPU step: the loss and all gradients are those of the module."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from arithgpt.config.schema import ModelConfig
from arithgpt.data.collate import IGNORED, Batch
from arithgpt.models import build_model
from arithgpt.models.gpt import GPT
from arithgpt.models.layers import RMSNorm
from arithgpt.training import loss
from arithgpt.training.fused import block, linear
from arithgpt.training.fused.block import CHUNK, VECTOR_WIDTH, softmax_backward
from arithgpt.training.fused.gelu import gelu, gelu_backward_
from arithgpt.training.fused.linear import ROW_MULTIPLE, linear_weight_grad
from arithgpt.training.fused.norm import rms_norm, rms_norm_backward
from arithgpt.training.fused.step import can_fuse
from arithgpt.training.loss import sum_cross_entropy

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
    """Build a model in train mode, all its weights moved away from those before training, some of which are zero."""
    model, rng = build_model(ModelConfig(**(SMALL | shape)), ALPHABET, seed=0).to(dtype), np.random.default_rng(0)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter += torch.from_numpy(0.1 * rng.standard_normal(tuple(parameter.shape)))
    return model.train()


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
    """The loss and its gradients by the fused step, and by the module."""
    assert can_fuse(model)
    found = []
    for fused in (True, False):
        value = sum_cross_entropy(model, buckets, fused=fused)
        found.append((value.detach(), *torch.autograd.grad(value, list(model.parameters()))))
    return found


@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES)
def test_loss_and_gradients_are_those_of_the_module(shape: dict[str, Any]) -> None:
    buckets = buckets_of((3, VECTOR_WIDTH - 9), (4, VECTOR_WIDTH - 1), (2, CHUNK), (2, 2 * CHUNK + 5))
    fused, plain = both(model_of(shape), buckets)
    for one, other in zip(fused, plain, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-7, atol=1e-8)


def test_in_float32_rounding_is_like_that_of_the_module() -> None:
    """Both round; neither by more than a few times what the other does."""
    buckets = buckets_of((8, 12), (8, 40))
    fused, plain = both(model_of({"n_embd": 96}, torch.float32), buckets)
    _, exact = both(model_of({"n_embd": 96}), buckets)

    def error(found: tuple[Tensor, ...]) -> float:
        return max(float((one.double() - other).norm() / other.norm()) for one, other in zip(found, exact, strict=True))

    assert error(fused) < 4 * error(plain) + 1e-6


def test_without_private_kernels_of_torch_the_results_are_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    model, buckets = model_of({}, torch.float32), buckets_of((8, 12), (2, 60))
    expected, _ = both(model, buckets)
    monkeypatch.setattr(linear, "has_wide_onednn", lambda: False)
    monkeypatch.setattr(torch.ops.aten, "_softmax_backward_data", None)
    found, _ = both(model, buckets)
    for one, other in zip(found, expected, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-4, atol=1e-4)


def test_targets_may_fill_up_all_rows_and_none() -> None:
    model = model_of({})
    inputs = torch.zeros(1, ROW_MULTIPLE - 1, dtype=torch.long)
    value = sum_cross_entropy(model, [(inputs, torch.ones_like(inputs))])
    torch.testing.assert_close(value, F.cross_entropy(model(inputs)[0], torch.ones_like(inputs[0]), reduction="sum"))
    assert sum_cross_entropy(model, [(inputs, torch.full_like(inputs, IGNORED))]).item() == 0


@pytest.mark.parametrize(
    "other",
    [
        *({"positions": "rope"}, {"positions": "none"}, {"norm": "layer"}, {"activation": "swiglu"}, {"dropout": 0.1}),
        *({"n_kv_head": 1}, {"inject": True, "loops": 2}, {"arch": "lstm"}),
    ],
)
def test_other_models_are_computed_by_their_module(other: dict[str, Any]) -> None:
    model, buckets = model_of(other, torch.float32), buckets_of((2, 9), (3, 7))
    assert not can_fuse(model)
    seeded = [torch.Generator().manual_seed(0) if "dropout" in other else None for _ in range(2)]
    expected = sum(
        F.cross_entropy(model(x, generator=seeded[0]).flatten(0, 1), y.flatten(), ignore_index=IGNORED, reduction="sum")
        for x, y in buckets
    )
    torch.testing.assert_close(sum_cross_entropy(model, buckets, seeded[1]), expected)


def test_pages_too_long_to_keep_their_attention_go_through_the_module(monkeypatch: pytest.MonkeyPatch) -> None:
    model, [(inputs, targets)] = model_of({}), buckets_of((2, 30))
    monkeypatch.setattr(loss, "LONGEST", 30)
    monkeypatch.setattr(loss, "target_logits", None)  # it would be called
    sum_cross_entropy(model, [(inputs, targets)])
    with pytest.raises(TypeError):
        sum_cross_entropy(model, [(inputs[:, 1:], targets[:, 1:])])


@pytest.mark.parametrize("rows", [1, ROW_MULTIPLE, 100])
@pytest.mark.parametrize(("n", "m"), [(96, 288), (288, 96), (8, 8)])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_linear_maps_are_those_of_torch(rows: int, n: int, m: int, dtype: torch.dtype) -> None:
    x, weight, more = (torch.randn(shape, dtype=dtype) for shape in ((rows, n), (m, n), (rows, m)))
    torch.testing.assert_close(linear.linear(x, weight), x @ weight.T, rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(linear.linear(x, weight, residual=more), x @ weight.T + more, rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(linear.linear(more, weight.T), more @ weight, rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(linear_weight_grad(x, more), more.T @ x, rtol=1e-4, atol=1e-4)


def test_gelu_is_that_of_torch() -> None:
    x, grad = torch.linspace(-20, 20, 999, dtype=torch.float64).requires_grad_(), torch.randn(999, dtype=torch.float64)
    expected = F.gelu(x, approximate="tanh")
    y, gate = gelu(x.detach())
    torch.testing.assert_close(y, expected.detach())
    torch.testing.assert_close(gelu_backward_(grad.clone(), x.detach(), gate), *torch.autograd.grad(expected, x, grad))


def test_the_gradient_of_softmax_is_that_of_torch(monkeypatch: pytest.MonkeyPatch) -> None:
    x, grad = torch.randn(5, 17, dtype=torch.float64, requires_grad=True), torch.randn(5, 17, dtype=torch.float64)
    p = x.softmax(-1)
    [expected] = torch.autograd.grad(p, x, grad)
    torch.testing.assert_close(softmax_backward(grad, p.detach()), expected)
    monkeypatch.setattr(block.torch.ops.aten, "_softmax_backward_data", None)
    torch.testing.assert_close(softmax_backward(grad, p.detach()), expected)


@pytest.mark.parametrize("shape", [(8,), (5, 8), (2, 3, 4, 16), (0, 8), (3, 1, 1)])
def test_rms_norm_is_that_of_torch(shape: tuple[int, ...]) -> None:
    """The fused one with its hand-written gradient, and the module's with that of torch."""
    generator = torch.Generator().manual_seed(0)
    x, grad = (torch.randn(*shape, dtype=torch.float64, generator=generator) for _ in range(2))
    module = RMSNorm(shape[-1]).double()
    with torch.no_grad():
        module.weight.copy_(torch.rand(shape[-1], dtype=torch.float64, generator=generator))
    x.requires_grad_()
    expected = F.rms_norm(x, module.weight.shape, module.weight)
    expected_grads = torch.autograd.grad(expected, (x, module.weight), grad)
    normalised, inverse = rms_norm(x.detach())
    torch.testing.assert_close(normalised * module.weight, expected)
    torch.testing.assert_close(rms_norm_backward(grad, normalised, inverse, module.weight.detach()), expected_grads)
    torch.testing.assert_close(module(x), expected)
    torch.testing.assert_close(torch.autograd.grad(module(x), (x, module.weight), grad), expected_grads)


def test_rms_norm_of_views_and_of_numbers_near_zero() -> None:
    qkv = torch.randn(2, 5, 6, 8).swapaxes(1, 2)[:, 1:3]
    torch.testing.assert_close(rms_norm(qkv)[0], F.rms_norm(qkv, (8,)))
    normalised, inverse = rms_norm(qkv)
    x_grad, weight_grad = rms_norm_backward(torch.ones_like(qkv), normalised, inverse, torch.ones(2, 1, 8))
    assert (x_grad.shape, weight_grad.shape) == (qkv.shape, (2, 1, 8))
    tiny = torch.full((1, 8), 1e-25)
    torch.testing.assert_close(rms_norm(tiny)[0], F.rms_norm(tiny, (8,)))
