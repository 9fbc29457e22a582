"""Measurements by turns, and what their ratios are: a machine whose speed drifts then slows all sides alike.

    by_turns({"arithgpt": ours, "textbook": its}, repeats=5)    {"arithgpt": [812.0, 790.1, ...], "textbook": [402.5, ...]}
    Spread.of([2.02, 1.95, 2.06])                               Spread(median=2.02, low=1.95, high=2.06)

A comparison is a Case. Its ratios are taken repeat by repeat, and only then is the median taken.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias

Clock: TypeAlias = Callable[[], float]
Measure: TypeAlias = Callable[[], float]
"""Measures once: a rate or a cost, above 0."""


@dataclass(frozen=True)
class Spread:
    """The median of some values, the lowest and the highest."""

    median: float
    low: float
    high: float

    @staticmethod
    def of(values: Sequence[float]) -> Spread:
        """ValueError where there are none."""
        if not values:
            raise ValueError("no values to take the median of")
        return Spread(statistics.median(values), min(values), max(values))


@dataclass(frozen=True)
class Side:
    """What was measured of one of those compared."""

    name: str
    values: tuple[float, ...]
    """One of each repeat."""
    also: Mapping[str, float] = field(default_factory=dict)
    """Further figures that follow from the median, by their unit."""

    @property
    def spread(self) -> Spread:
        return Spread.of(self.values)


@dataclass(frozen=True)
class Case:
    """One comparison. Every side is set against the first."""

    part: str
    name: str
    unit: str
    """Of the values, as in pages/s."""
    sides: tuple[Side, ...]
    more_is_better: bool = True
    notes: tuple[str, ...] = ()
    """What has to be known to read it, and what was left out."""
    about: Mapping[str, Any] = field(default_factory=dict)
    """Sizes, counts and the like, for the file."""

    @property
    def ratio_of(self) -> str:
        """What `ratio` divides, in words: above 1 it always says how many times the first side is better."""
        first = self.sides[0].name
        return f"{first} / it" if self.more_is_better else f"it / {first}"

    def ratio(self, side: Side) -> Spread:
        """The ratio of the first side and another, repeat by repeat."""
        pairs = zip(self.sides[0].values, side.values, strict=True)
        return Spread.of([first / other if self.more_is_better else other / first for first, other in pairs])


def by_turns(
    sides: Mapping[str, Measure], repeats: int, tell: Callable[[str], None] = lambda what: None
) -> dict[str, list[float]]:
    """Measure every side `repeats` times, in turns, after each was measured once for nothing: that warms it up.

    Every second turn goes backwards, so that no side always comes after the same one.
    tell: is told which side is measured, and in which turn
    """
    values: dict[str, list[float]] = {name: [] for name in sides}
    for turn in range(repeats + 1):
        for name in list(sides) if turn % 2 else reversed(sides):
            tell(f"{name}, {f'{turn} of {repeats}' if turn else 'warming up'}")
            value = sides[name]()
            if turn:
                values[name].append(value)
    return values


def rate(work: Callable[[], int], seconds: float, clock: Clock = time.perf_counter) -> float:
    """How many things a second `work` does: it is called until so many seconds are over, and says how many it did."""
    done, began = 0, clock()
    while True:
        done += work()
        passed = clock() - began
        if passed >= seconds and passed > 0:
            return done / passed
