"""RMS norm in fewer passes: the same numbers and the same gradients as torch's own."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F

from arithgpt.training.fused.norm import rms_norm


def arguments(*shape: int, dtype: torch.dtype = torch.float64) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(*shape, dtype=dtype, generator=generator)
    return x.requires_grad_(), torch.rand(shape[-1], dtype=dtype, generator=generator).requires_grad_()


@pytest.mark.parametrize("shape", [(8,), (5, 8), (2, 3, 4, 16), (0, 8), (3, 1, 1)])
def test_it_is_torchs_own(shape: tuple[int, ...]) -> None:
    x, weight = arguments(*shape)
    expected = F.rms_norm(x, weight.shape, weight)
    torch.testing.assert_close(rms_norm(x, weight), expected)
    with torch.inference_mode():
        torch.testing.assert_close(rms_norm(x, weight), expected.detach())
    gradient = torch.randn(shape, dtype=x.dtype)
    ours = torch.autograd.grad(rms_norm(x, weight), (x, weight), gradient)
    torch.testing.assert_close(ours, torch.autograd.grad(expected, (x, weight), gradient))


def test_its_gradients_are_those_of_finite_differences() -> None:
    x, weight = arguments(2, 3, 4)
    assert torch.autograd.gradcheck(rms_norm, (x, weight))


def test_heads_that_are_views_and_numbers_near_zero() -> None:
    qkv = torch.randn(2, 5, 6, 8).swapaxes(1, 2)[:, 1:3].requires_grad_()
    weight = torch.ones(8)
    torch.testing.assert_close(rms_norm(qkv, weight), F.rms_norm(qkv, (8,), weight))
    [gradient] = torch.autograd.grad(rms_norm(qkv, weight).sum(), (qkv,))
    assert gradient.shape == qkv.shape
    tiny = torch.full((1, 8), 1e-25)
    torch.testing.assert_close(rms_norm(tiny, weight), F.rms_norm(tiny, (8,), weight))
