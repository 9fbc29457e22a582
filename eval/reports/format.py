"""How numbers, intervals and names are written, in every table, page and chart."""

from __future__ import annotations

import math
from collections.abc import Iterable

from tasks import NO_SIZE, Task, find, names
from tasks.sizes import format_size

SEEN_MARK = "°"
"""Stands after figures of problems that training may have met."""


def percent(share: float, decimals: int = 2) -> str:
    """Write a share as a percentage: 100% only for 1 and 0% only for 0, so 0.99999 becomes 99.99%; `-` for nan."""
    if math.isnan(share):
        return "-"
    if share in (0, 1):
        return f"{share:.0%}"
    least = 10.0**-decimals
    return f"{min(max(100 * share, least), 100 - least):.{decimals}f}%"


def interval(low: float, high: float) -> str:
    """Write an interval as `76.39% to 99.11%`."""
    return f"{percent(low)} to {percent(high)}"


def short_interval(low: float, high: float) -> str:
    """Write an interval as `76.39 to 99.11%`."""
    return interval(low, high).replace("% to", " to")


def share_or_dash(value: object) -> str:
    """Write a cell of a table: text as it is, a share as a percentage, a missing value as `-`."""
    return value if isinstance(value, str) else percent(float(value)) if isinstance(value, int | float) else "-"


def map_cell(share: float, trained: str) -> str:
    """Write a cell of a map: the percentage without its sign, with SEEN_MARK where training may have met the problems."""
    return percent(share).removesuffix("%") + (SEEN_MARK if trained in ("seen", "mixed") else "")


def short_number(number: float) -> str:
    """Write a number at a tick: 12000 as 12k, 0.05 as 0.05."""
    for size, unit in ((1e6, "M"), (1e3, "k")):
        if number >= 10 * size or (number >= size and number % size == 0):
            return f"{number / size:g}{unit}"
    return f"{number:.4g}"


def printable(text: object) -> str:
    """Return text from anywhere with U+FFFD for each character that is not printable; line feeds stay."""
    return "".join(char if char.isprintable() or char == "\n" else "\ufffd" for char in str(text))


def length_names(task: str) -> tuple[str, str] | None:
    """Return what the two numbers of a task's sizes count; None where they are the digits of both operands."""
    counts = find(task).size_names if task in names() else Task.size_names
    return None if counts == Task.size_names else counts


def by_length(tasks: Iterable[str], lengths: Iterable[str]) -> str:
    """Return the end of a title of figures by length, such as "by digit length" or "by items".

    Args:
        tasks: the names of the tasks
        lengths: the lengths of the figures; where problems have none, the title is empty
    """
    if {*lengths} == {format_size(NO_SIZE)}:
        return ""
    titles = {" x ".join(dict.fromkeys(length_names(task) or ["digit length"])) for task in tasks}
    return f"by {titles.pop() if len(titles) == 1 else 'size'}"
