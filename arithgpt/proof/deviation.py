"""How far the logits of a decoder can be off, given how far the output of its attention is off.

After the attention a block computes

    x1 = x0 + W_out y        n1 = norm(x1)        h = W_up n1        u = gelu(h)        x2 = x1 + W_down u        z = norm(x2)

and the right character is ahead of another one by the difference a = (head[right] - head[other]) . z. In each of these steps
the decoder makes a small error of its own, `delta`. To first order all of them move a by the sum of |gradient of a| delta. The
gradients are those at the values that are computed here; what they leave out, as they change on the way to the decoder's
values, is at most half the square of the distance times a bound on how fast they change. It is added as one more error of the
step. Distances are Euclidean norms, whose bounds follow from the spectral norms of the matrices.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from arithgpt.proof.bounds import ELEMENTARY, EPS, GELU_SLOPE, UNIT, Floats, Interval, sum_rounding

GELU_CURVE: Final = 0.81
"""More than the largest second derivative of GELU in its tanh form, which is 0.798 at 0."""
BLOCK: Final = "blocks.0."


class Step(NamedTuple):
    """The result of one step, and the errors that the decoder makes in it."""

    value: Floats
    """(n, width)"""
    delta: Floats
    """(n, width): at most its rounding, and what it takes over from the attention."""
    curve: Floats
    """(n,): at most the norm of what the gradients leave out."""
    distance: Floats
    """(n,): at most the norm of the difference from the decoder's result."""


def differences(
    weights: Mapping[str, Floats], head: Floats, x0: Interval, y: Interval, wanted: NDArray[np.int64]
) -> tuple[Floats, Floats]:
    """Compute by how much the logit of the right character is above each other one, and how far this can be off.

    Args:
        weights: float64, by the names of the model's `state_dict`
        head: (V, C), the output head
        x0: (n, C), the residual stream before the block
        y: (n, H D), the output of the attention's heads
        wanted: int64 (n,), the ids of the right characters

    Returns:
        Two of (n, V), 0 for the right character itself.
    """
    names = ("attention.out", "mlp.up", "mlp.down", "mlp_norm")
    out, up, down, norm = (weights[f"{BLOCK}{name}.weight"] for name in names)
    heads = Step(y.middle, y.radius, np.zeros(len(wanted)), _norm(y.radius))
    start = Step(x0.middle, x0.radius, np.zeros(len(wanted)), _norm(x0.radius))
    x1 = _added(start, heads, out)
    n1 = _normed(x1, norm)
    h = _linear(n1, up)
    u = gelu(h)
    x2 = _added(x1, u, down)
    z = _normed(x2, weights["norm.weight"])

    logits = z.value @ head.T
    rows = np.arange(len(wanted))
    margin = logits[rows, wanted][:, None] - logits
    sizes = (np.abs(z.value) + z.distance[:, None]) @ np.abs(head).T
    rounding = sum_rounding(head.shape[1] + 2) * sizes
    bound = rounding + rounding[rows, wanted][:, None]

    gradient = head[wanted][:, None] - head  # (n, V, C), with respect to z
    bound += _moved(gradient, z)
    gradient = _norm_gradient(gradient, x2.value, weights["norm.weight"])  # x2
    bound += _moved(gradient, x2)
    inner = gradient @ down  # u
    bound += _moved(inner, u)
    inner = inner * _gelu_slope(h.value)[:, None]  # h
    bound += _moved(inner, h)
    inner = inner @ up  # n1
    bound += _moved(inner, n1)
    gradient = gradient + _norm_gradient(inner, x1.value, norm)  # x1
    bound += _moved(gradient, x1)
    bound += _moved(gradient, start)
    bound += _moved(gradient @ out, heads)
    bound *= 1 + 1e-9  # these sums round too
    bound[rows, wanted] = 0
    return margin, bound


def _moved(gradient: Floats, step: Step) -> Floats:
    """Bound how far the errors of a step move the differences: gradient (n, V, width) -> (n, V)."""
    moved = (np.abs(gradient) @ step.delta[..., None])[..., 0]
    return np.asarray(moved + np.sqrt(np.square(gradient).sum(2)) * step.curve[:, None])


def _linear(x: Step, weight: Floats) -> Step:
    """Multiply (n, width) by weight^T."""
    delta = sum_rounding(weight.shape[1] + 1) * ((np.abs(x.value) + x.distance[:, None]) @ np.abs(weight.T))
    distance = _spectral_norm(weight) * x.distance + _norm(delta)
    return Step(x.value @ weight.T, delta, np.zeros_like(x.curve), distance)


def _added(x: Step, y: Step, weight: Floats) -> Step:
    """Add y weight^T to the residual stream x."""
    product = _linear(y, weight)
    value, distance = x.value + product.value, x.distance + product.distance
    delta = product.delta + UNIT * (np.abs(value) + distance[:, None])
    return Step(value, delta, np.zeros_like(distance), distance + UNIT * (_norm(value) + distance))


def _normed(x: Step, weight: Floats) -> Step:
    """Divide by the root mean square of the last axis, then scale.

    With one more entry for EPS, a vector X of length |X| goes to sqrt(C) X / |X|. The gradient of X / |X| is at most 1 / |X|,
    and changes by at most 3 |e| / |X|^2 over a distance e.
    """
    C = x.value.shape[1]
    length = np.sqrt(np.square(x.value).sum(1) + C * EPS)
    least = np.maximum(length - x.distance, (C * EPS) ** 0.5)
    scale = np.abs(weight).max() * C**0.5
    value = x.value * (C**0.5 / length)[:, None] * weight
    moved = scale * x.distance / least
    delta = (sum_rounding(C) + 2 * ELEMENTARY) * (np.abs(value) + moved[:, None])
    return Step(value, delta, scale * 1.5 * np.square(x.distance / least), moved + _norm(delta))


def _norm_gradient(gradient: Floats, x: Floats, weight: Floats) -> Floats:
    """Carry a gradient (n, V, C) with respect to normed x (n, C) back to x."""
    C = x.shape[1]
    square = np.square(x).sum(1) + C * EPS
    scaled = gradient * weight
    along = (scaled @ x[..., None]) / square[:, None, None]  # (n, V, 1)
    carried: Floats = (scaled - along * x[:, None]) * (C**0.5 / np.sqrt(square))[:, None, None]
    return carried


def gelu(x: Step) -> Step:
    """Apply GELU by its tanh approximation; where it is nearly 0 its rounding is still a share of x."""
    inner = np.sqrt(2 / np.pi) * (x.value + 0.044715 * x.value**3)
    value = 0.5 * x.value * (1 + np.tanh(inner))
    delta = 2 * ELEMENTARY * (np.abs(x.value) + x.distance[:, None])
    return Step(value, delta, GELU_CURVE / 2 * np.square(x.distance), GELU_SLOPE * x.distance + _norm(delta))


def _gelu_slope(x: Floats) -> Floats:
    """The derivative of GELU in its tanh form."""
    factor = np.sqrt(2 / np.pi)
    tanh = np.tanh(factor * (x + 0.044715 * x**3))
    slope: Floats = 0.5 * (1 + tanh) + 0.5 * x * (1 - tanh**2) * factor * (1 + 3 * 0.044715 * x**2)
    return slope


def _norm(x: Floats) -> Floats:
    """The Euclidean norm over the last axis."""
    return np.asarray(np.sqrt(np.square(x).sum(-1)))


def _spectral_norm(weight: Floats) -> float:
    """The largest factor by which a matrix stretches a vector, with the rounding of its computation."""
    return float(np.linalg.norm(weight, 2)) * (1 + 1e-9)
