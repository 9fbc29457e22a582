"""GELU and its gradient on a CPU in half the time of torch's kernel, which computes its tanh slowly and twice.

x (1 + tanh(u)) / 2 is x times the sigmoid of 2 u. torch has a fast sigmoid, and the sigmoid is kept for the gradient.
"""

from __future__ import annotations

import math

from torch import Tensor

SLOPE = 2 * math.sqrt(2 / math.pi)
CUBIC = SLOPE * 0.044715


def gelu(x: Tensor) -> tuple[Tensor, Tensor]:
    """Compute torch.nn.functional.gelu(x, approximate="tanh"), and the sigmoid for `gelu_backward_`."""
    gate = (x * x).mul_(CUBIC).add_(SLOPE).mul_(x).sigmoid_()
    return x * gate, gate


def gelu_backward_(grad: Tensor, x: Tensor, gate: Tensor) -> Tensor:
    """Turn the gradient of gelu(x) into that of x, in place."""
    slope = (x * x).mul_(3 * CUBIC).add_(SLOPE).mul_(x)  # x times the derivative of what the sigmoid is of
    slope.mul_(gate).addcmul_(slope, gate, value=-1)  # times gate (1 - gate), the derivative of the sigmoid
    return grad.mul_(slope.add_(gate))
