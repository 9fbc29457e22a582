"""Intervals as middles and radii, through the operations of a transformer block.

`Interval(x, dx)` contains every number that differs from x by at most dx. Each function returns an interval that contains what
a decoder computes from inputs in the given intervals, in any order of summation, with its rounding and that of this module.

A float32 decoder rounds each sum and product by a share of at most 2^-24; a sum of n products is wrong by at most
n u / (1 - n u) times the sum of their sizes (Higham, Accuracy and Stability of Numerical Algorithms, 3.1). exp, tanh and
the reciprocal root are taken to be right within 4 units in the last place.
"""

from __future__ import annotations

from typing import Final, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

Floats: TypeAlias = NDArray[np.float64]

UNIT: Final = 2.0**-24 + 2.0**-52
"""The rounding of one operation: of the decoder in float32, and of this module in float64."""
ELEMENTARY: Final = 8 * UNIT
"""The rounding of exp, tanh or a reciprocal root: 4 units in the last place are 8 times the rounding of a sum."""
EPS: Final = float(np.finfo(np.float32).eps)
"""What RMSNorm adds to the mean square of float32 numbers."""
GELU_SLOPE: Final = 1.13
"""More than the largest slope of GELU in its tanh form, which is 1.1290 near 1.42."""


class Interval(NamedTuple):
    """All numbers within a radius of a middle, elementwise."""

    middle: Floats
    radius: Floats

    @property
    def size(self) -> Floats:
        """The largest absolute value."""
        return np.abs(self.middle) + self.radius

    def rows(self, index: NDArray[np.int64]) -> Interval:
        """Choose rows."""
        return Interval(self.middle[index], self.radius[index])


def exact(values: Floats) -> Interval:
    """Return intervals of radius 0."""
    return Interval(values, np.zeros_like(values))


def sum_rounding(n: int) -> float:
    """Bound the error of a sum of n products, as a share of the sum of their sizes."""
    return n * UNIT / (1 - n * UNIT)


def add(x: Interval, y: Interval) -> Interval:
    """Add elementwise."""
    middle, radius = x.middle + y.middle, x.radius + y.radius
    return Interval(middle, radius + UNIT * (np.abs(middle) + radius))


def linear(x: Interval, weight: Floats) -> Interval:
    """Multiply (..., n) by weight^T, where weight is (m, n): (..., m)."""
    sizes = np.abs(weight.T)
    return Interval(x.middle @ weight.T, x.radius @ sizes + sum_rounding(weight.shape[1] + 1) * (x.size @ sizes))


def rms_norm(x: Interval, weight: Floats) -> Interval:
    """Divide by the root mean square over the last axis, (..., n), then scale.

    The root mean square, EPS included, is the length of a vector. It differs by at most the root mean square of the radii, and
    it is at least the root of EPS.
    """
    n = x.middle.shape[-1]
    rms = np.sqrt(np.square(x.middle).mean(-1, keepdims=True) + EPS)
    change = np.sqrt(np.square(x.radius).mean(-1, keepdims=True))
    least = np.maximum(rms - change, EPS**0.5)
    middle = x.middle / rms * weight
    radius = (x.radius + np.abs(x.middle) * change / rms) / least * np.abs(weight)
    rounding = sum_rounding(n) + 2 * ELEMENTARY
    return Interval(middle, radius + rounding * (np.abs(middle) + radius))


def outside_weight(strengths: Floats) -> Floats:
    """Bound the sum of a head's kernel over all characters but the one in the cell that it reads, however long the page.

    Characters stand in different cells, which whole numbers of steps part from the one that is read: along two axes, a column
    and a number. Along a third axis, where a head has one, all characters are as far: not at all, or a step or more. Then the
    character in its cell counts as one outside, too.

    Args:
        strengths: (H,), the least strength of each head along its axes, above 0

    Returns:
        (H,): at least the sum of exp(-s (p^2 + n^2)) over all whole p and n but (0, 0), and exp(-s) more.
    """
    # Over all whole k but 0, the sum of exp(-s k^2) is at most a geometric series: (k + 1)^2 - k^2 >= 3.
    along_one_axis = 2 * np.exp(-strengths) / -np.expm1(-3 * strengths)
    bounds: Floats = along_one_axis * (2 + along_one_axis) + np.exp(-strengths)
    return bounds * (1 + 1e-9)
