"""Compare measurements that take turns: a machine whose speed drifts then slows all sides alike.

    measure_in_turns({"arithgpt": a, "textbook": b}, repeats=5)    {"arithgpt": [812.0, 790.1, ...], "textbook": [402.5, ...]}
    Spread.of([2.02, 1.95, 2.06])                                  Spread(median=2.02, low=1.95, high=2.06)

A comparison is a Case. Its ratios are taken repeat by repeat; their median is taken after that.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias

Clock: TypeAlias = Callable[[], float]
Measure: TypeAlias = Callable[[], float]
"""Measures once, and returns a rate or a cost above 0."""


@dataclass(frozen=True)
class Spread:
    """The median of some values, the lowest and the highest."""

    median: float
    low: float
    high: float

    @staticmethod
    def of(values: Sequence[float]) -> Spread:
        """Summarise values.

        Raises:
            ValueError: there are none.
        """
        if not values:
            raise ValueError("no values to take the median of")
        return Spread(statistics.median(values), min(values), max(values))


@dataclass(frozen=True)
class Side:
    """One of the programs that are compared, with what was measured of it."""

    name: str
    values: tuple[float, ...]
    """One value for each repeat."""
    also: Mapping[str, float] = field(default_factory=dict)
    """Unit -> value, of further figures that follow from the median."""

    @property
    def spread(self) -> Spread:
        """The median of the values, the lowest and the highest."""
        return Spread.of(self.values)


@dataclass(frozen=True)
class Case:
    """One comparison. The first side is compared with every other."""

    part: str
    name: str
    unit: str
    """Unit of the values, as in pages/s."""
    sides: tuple[Side, ...]
    more_is_better: bool = True
    notes: tuple[str, ...] = ()
    """What a reader has to know, and what was left out."""
    about: Mapping[str, Any] = field(default_factory=dict)
    """Sizes, counts and the like, for the JSON file."""

    @property
    def ratio_of(self) -> str:
        """What `ratio` divides by what. Above 1 the first side is always the better one."""
        first = self.sides[0].name
        return f"{first} / it" if self.more_is_better else f"it / {first}"

    def ratio(self, side: Side) -> Spread:
        """Return how many times better the first side is than another, repeat by repeat."""
        pairs = zip(self.sides[0].values, side.values, strict=True)
        return Spread.of([first / other if self.more_is_better else other / first for first, other in pairs])


def measure_in_turns(
    sides: Mapping[str, Measure], repeats: int, on_progress: Callable[[str], None] = lambda what: None
) -> dict[str, list[float]]:
    """Measure every side several times, in turns, after a first turn that only warms up.

    Every second turn goes backwards, so that no side always comes after the same one.

    Args:
        sides: name -> what measures it
        repeats: counted turns
        on_progress: called with the side and the turn before each measurement

    Returns:
        Name -> one value for each repeat.
    """
    values: dict[str, list[float]] = {name: [] for name in sides}
    for turn in range(repeats + 1):
        for name in list(sides) if turn % 2 else reversed(list(sides)):
            on_progress(f"{name}, {f'{turn} of {repeats}' if turn else 'warming up'}")
            value = sides[name]()
            if turn:
                values[name].append(value)
    return values


def measure_rate(work: Callable[[], int], seconds: float, clock: Clock = time.perf_counter) -> float:
    """Measure how many things a second are done.

    Args:
        work: does some things, and returns how many; it is called until the time is over
        seconds: the least time to measure
        clock: returns seconds

    Returns:
        Things per second.
    """
    done, start = 0, clock()
    while True:
        done += work()
        passed = clock() - start
        if passed >= seconds and passed > 0:
            return done / passed
