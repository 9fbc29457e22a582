"""RMS norm on a CPU in fewer passes over memory: torch has no kernel of its own for it there and puts it together of six.

    rms_norm(x, weight)     the same as torch.nn.functional.rms_norm, and the same gradients

Forward it takes a third to a tenth of the time, with gradients 0.6 to 0.8 of it (runs/LOG.md).
"""

from __future__ import annotations

import torch
from torch import Tensor


def rms_norm(x: Tensor, weight: Tensor) -> Tensor:
    """x (..., n) divided by the root of the mean of its squares, then times weight (n,). arXiv 1910.07467"""
    if torch.is_grad_enabled() and (x.requires_grad or weight.requires_grad):
        return _RMSNorm.apply(x, weight)
    return (x * _inverse(x)).mul_(weight)


def _inverse(x: Tensor) -> Tensor:
    """(..., 1): one over the root of the mean of the squares."""
    square = torch.linalg.vector_norm(x, dim=-1, keepdim=True).square_()
    return square.div_(x.shape[-1]).add_(torch.finfo(x.dtype).eps).rsqrt_()


class _RMSNorm(torch.autograd.Function):
    @staticmethod
    def forward(ctx: torch.autograd.function.FunctionCtx, x: Tensor, weight: Tensor) -> Tensor:
        inverse = _inverse(x)
        normed = x * inverse
        ctx.save_for_backward(normed, inverse, weight)
        return normed * weight

    @staticmethod
    def backward(ctx: torch.autograd.function.FunctionCtx, gradient: Tensor) -> tuple[Tensor, Tensor]:
        normed, inverse, weight = ctx.saved_tensors
        both = (gradient * normed).reshape(-1, len(weight))  # (rows, n)
        along = (both @ (weight / len(weight))).view(inverse.shape)  # the mean of the gradient along the normed vector
        return torch.addcmul(gradient * weight, normed, along, value=-1).mul_(inverse), both.sum(0)
