"""The checker's half of a block after the attention: how much the right logit is ahead, whatever a float32 decoder rounds.

The prover (deviation.py) carries gradients backwards from the logits. This file carries matrices forwards: to first order, an
error in the residual stream before the MLP moves the residual stream behind it by 1 + K N, where N is the derivative of the
norm and K = W_down diag(gelu') W_up. What a first order leaves out is bounded by squares of distances.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]
Ends = tuple[Array, Array]
"""The lower and the upper end of intervals."""

U: Final = 1.001 * 2.0**-24  # a little more than float32 rounds: float64 rounds too
FUNCTION: Final = 8 * U  # 4 units in the last place
EPS: Final = 2.0**-23
_STEEPEST, _MOST_CURVED = 1.13, 0.81  # of GELU: its first and second derivatives are below these


def least_ahead(model: Mapping[str, Array], head: Array, x: Ends, y: Ends, right: Array) -> Array:
    """Bound from below how much the logit of the right character is above every other one.

    Args:
        model: float64 weights by name
        head: (V, C)
        x: (n, C), the residual stream before the block
        y: (n, H D), the output of the heads
        right: int64 (n,), ids

    Returns:
        (n,)
    """
    out, up, down, g1 = (model[f"blocks.0.{name}.weight"] for name in ("attention.out", "mlp.up", "mlp.down", "mlp_norm"))
    g2, C = model["norm.weight"], head.shape[1]

    # Values in the middle, with `r`: how far the decoder's own step is from them, entry by entry.
    y0, y_r = (y[0] + y[1]) / 2, (y[1] - y[0]) / 2
    x0, x_r = (x[0] + x[1]) / 2, (x[1] - x[0]) / 2
    x1 = x0 + y0 @ out.T
    r1 = x_r + y_r @ np.abs(out.T) + (out.shape[1] + 3) * U * (np.abs(x0) + x_r + (np.abs(y0) + y_r) @ np.abs(out.T))
    e1 = _length(r1)  # e: how far the decoder's value is from the middle in all, as a Euclidean length
    n, n_r, n_e, n_rest, s1 = _norm(x1, e1, g1)
    h = n @ up.T
    h_r = (C + 2) * U * ((np.abs(n) + n_e) @ np.abs(up.T))
    h_e = np.linalg.norm(up, 2) * n_e[:, 0] + _length(h_r)
    t = np.tanh(math.sqrt(2 / math.pi) * (h + 0.044715 * h**3))
    u, slope = 0.5 * h * (1 + t), 0.5 * (1 + t) + 0.5 * h * (1 - t * t) * math.sqrt(2 / math.pi) * (1 + 0.134145 * h * h)
    u_r = 2 * FUNCTION * (np.abs(h) + h_e[:, None])
    u_e, u_rest = _STEEPEST * h_e + _length(u_r), _MOST_CURVED / 2 * h_e**2
    x2 = x1 + u @ down.T
    r2 = (down.shape[1] + 3) * U * (np.abs(x1) + e1[:, None] + (np.abs(u) + u_e[:, None]) @ np.abs(down.T))
    e2 = e1 + np.linalg.norm(down, 2) * u_e + _length(r2)
    z, z_r, z_e, z_rest, s2 = _norm(x2, e2, g2)

    # Matrices that carry errors forwards to the differences between the right logit and the others.
    ahead = head[right][:, None] - head  # (n, V, C), from z
    from_x2 = _through_norm(ahead, x2, g2, s2)
    from_u = from_x2 @ down
    sloped = down * slope[:, None]  # (n, C, hidden)
    K = sloped @ up  # from n to x2
    from_x1 = from_x2 @ (np.eye(C) + _through_norm(K, x1, g1, s1))
    moved = _moved(from_x1, r1) + _moved(from_x2 @ K, n_r, n_rest) + _moved(from_x2 @ sloped, h_r)
    moved += _moved(from_u, u_r, u_rest) + _moved(from_x2, r2) + _moved(ahead, z_r, z_rest)
    sizes = (C + 3) * U * ((np.abs(z) + z_e) @ np.abs(head.T))
    rows = np.arange(len(right))
    moved += sizes + sizes[rows, right][:, None]
    least = (ahead @ z[..., None])[..., 0] - moved * (1 + 1e-9)
    least[rows, right] = math.inf
    return np.asarray(least.min(1))


def _norm(x: Array, e: Array, g: Array) -> tuple[Array, Array, Array, Array, Array]:
    """RMSNorm: the value, its rounding, its distance (n, 1), what a first order leaves out, and the factor of x."""
    C = len(g)
    length = np.sqrt((x * x).sum(1) + C * EPS)
    shortest = np.maximum(length - e, math.sqrt(C * EPS))
    most = np.abs(g).max() * math.sqrt(C)
    factor = (math.sqrt(C) / length)[:, None]
    value, moved = x * factor * g, most * e / shortest
    rounding = ((C + 2) * U + 2 * FUNCTION) * (np.abs(value) + moved[:, None])
    # x / |x| bends by at most 3 / |x|^2: half of that times the square of the distance
    return value, rounding, (moved + _length(rounding))[:, None], 1.5 * most * (e / shortest) ** 2, factor[..., None]


def _through_norm(matrix: Array, x: Array, g: Array, factor: Array) -> Array:
    """Multiply (n, rows, C) by the derivative of RMSNorm at x."""
    scaled = matrix * g
    along = (scaled @ x[..., None]) * x[:, None] / ((x * x).sum(1) + len(g) * EPS)[:, None, None]
    return np.asarray((scaled - along) * factor)


def _moved(matrix: Array, r: Array, rest: Array | None = None) -> Array:
    """Bound what errors of at most r in each entry, and of the length `rest`, come to: (n, V)."""
    moved = (np.abs(matrix) @ r[..., None])[..., 0]
    return np.asarray(moved if rest is None else moved + np.sqrt((matrix * matrix).sum(2)) * rest[:, None])


def _length(x: Array) -> Array:
    return np.asarray(np.sqrt((x * x).sum(-1)))
