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
    return normed(x)[0].mul_(weight)


def normed(x: Tensor) -> tuple[Tensor, Tensor]:
    """x (..., n) divided by the root of the mean of its squares, and one over that root (..., 1)."""
    square = torch.linalg.vector_norm(x, dim=-1, keepdim=True).square_()
    inverse = square.div_(x.shape[-1]).add_(torch.finfo(x.dtype).eps).rsqrt_()
    return x * inverse, inverse


def of_normed(gradient: Tensor, x: Tensor, inverse: Tensor, weight: Tensor) -> tuple[Tensor, Tensor]:
    """The gradients by what was normed and by weight, of that by x * weight.

    x, inverse: what `normed` gave; weight: of the shape of the last axes of x
    """
    both = gradient * x
    if weight.dim() == 1:
        along = (both.reshape(-1, len(weight)) @ (weight / len(weight))).view(inverse.shape)
    else:
        along = (both * weight).sum(-1, keepdim=True).div_(x.shape[-1])  # the mean of the gradient along x
    of_weight = both.reshape(-1, *weight.shape).sum(0)
    return torch.addcmul(gradient * weight, x, along, value=-1).mul_(inverse), of_weight


class _RMSNorm(torch.autograd.Function):
    @staticmethod
    def forward(ctx: torch.autograd.function.FunctionCtx, x: Tensor, weight: Tensor) -> Tensor:
        along, inverse = normed(x)
        ctx.save_for_backward(along, inverse, weight)
        return along * weight

    @staticmethod
    def backward(ctx: torch.autograd.function.FunctionCtx, gradient: Tensor) -> tuple[Tensor, Tensor]:
        return of_normed(gradient, *ctx.saved_tensors)
