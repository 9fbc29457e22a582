"""GELU and its gradient on a CPU in half the time of torch's kernel, which computes its tanh slowly and twice.

x (1 + tanh(u)) / 2 is x times the sigmoid of 2 u, for which torch has a fast kernel; and that is kept for the gradient.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

SLOPE = 2 * math.sqrt(2 / math.pi)
CUBIC = SLOPE * 0.044715


def gelu(x: Tensor) -> tuple[Tensor, Tensor]:
    """x sigmoid(SLOPE x + CUBIC x^3), which is torch.nn.functional.gelu(x, approximate="tanh"), and the sigmoid."""
    share = (x * x).mul_(CUBIC).add_(SLOPE).mul_(x).sigmoid_()
    return x * share, share


def of_gelu_(gradient: Tensor, x: Tensor, share: Tensor) -> Tensor:
    """The gradient by x, in the place of that by gelu(x)."""
    slope = (x * x).mul_(3 * CUBIC).add_(SLOPE).mul_(x)  # x times the derivative of what the sigmoid is of
    torch.ops.aten.sigmoid_backward.grad_input(slope, share, grad_input=slope)
    return gradient.mul_(slope.add_(share))
