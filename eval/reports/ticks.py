"""Where the axes of charts have their marks."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

MAX_TICKS = 8
"""Marks on an axis, the 0 not counted."""


def round_ticks(high: float) -> list[float]:
    """Return round numbers from 0 to `high`, at most MAX_TICKS + 1 of them."""
    raw = high / MAX_TICKS or 1
    unit = 10.0 ** math.floor(math.log10(raw))
    step = next(unit * factor for factor in (1, 2, 5, 10) if unit * factor >= raw * 0.999)
    return [index * step for index in range(math.floor(high / step * 1.000001) + 1)]


def log_ticks(low: float, high: float) -> list[float]:
    """Return 1, 2 and 5 times the powers of ten from `low` to `high`; only powers where the range is wide.

    Where fewer than two such numbers lie within, returns `low` and `high`.
    """
    powers = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    factors = (1, 2, 5) if high <= 200 * low else (1,)
    ticks = [tick for power in powers for factor in factors if low <= (tick := factor * 10.0**power) <= high]
    return ticks if len(ticks) > 1 else [low, high]


def spaced(ticks: Sequence[float], position: Callable[[float], float], gap: float) -> list[float]:
    """Keep the last tick, and of those before it the ones that are at least `gap` apart where `position` puts them."""
    kept: list[float] = []
    for tick in reversed(ticks):
        if not kept or position(kept[-1]) - position(tick) >= gap:
            kept.append(tick)
    return kept[::-1]
