"""RMS norm and its gradient on a CPU in few passes over memory; torch puts its own together of six kernels there."""

from __future__ import annotations

import torch
from torch import Tensor


def rms_norm(x: Tensor) -> tuple[Tensor, Tensor]:
    """Divide by the root mean square of the last axis, without a scale. Source: arXiv 1910.07467.

    Args:
        x: (..., n)

    Returns:
        The normalised x (..., n), and one over the root (..., 1), both for `rms_norm_backward`.
    """
    square = torch.linalg.vector_norm(x, dim=-1, keepdim=True).square_()
    inverse = square.div_(x.shape[-1]).add_(torch.finfo(x.dtype).eps).rsqrt_()
    return x * inverse, inverse


def rms_norm_backward(grad: Tensor, normalised: Tensor, inverse: Tensor, weight: Tensor) -> tuple[Tensor, Tensor]:
    """Compute the gradients of x and of the scale, for the output `normalised * weight`.

    Args:
        grad: (..., n), of the output
        normalised, inverse: what `rms_norm` returned
        weight: the scale, of the shape of the last axes of x

    Returns:
        The gradients of x (..., n) and of weight.
    """
    product = grad * normalised
    if weight.dim() == 1:
        along = (product.reshape(-1, len(weight)) @ (weight / len(weight))).view(inverse.shape)
    else:
        along = (product * weight).sum(-1, keepdim=True).div_(normalised.shape[-1])  # mean of the gradient along x
    weight_grad = product.reshape(-1, *weight.shape).sum(0)
    return torch.addcmul(grad * weight, normalised, along, value=-1).mul_(inverse), weight_grad
