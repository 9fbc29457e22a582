"""Sorting the digits of a string, the smallest first, worked out by insertion.

    question    sort 314
    page        @3,1,4=3,13,134$        reads 134

Each digit is put where it belongs among those before it, so a digit of a state is that of the state before in the same place,
the one before that, or the digit that is put in: fixed distances, and two comparisons (tasks/scan.py).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from tasks.core.ragged import Ragged
from tasks.strings.scan import Scan, first
from tasks.task import Problems


@dataclass(frozen=True)
class Sort(Scan):
    """Options of `sort`. ValueError names a field that is out of range."""

    digits: str = "1-8"
    """The lengths of strings in training (tasks/lengths.py)."""

    name: ClassVar[str] = "sort"
    summary: ClassVar[str] = "the digits of a string in ascending order, worked out"
    example: ClassVar[str] = "sort 31415"
    answer_format: ClassVar[str] = "a string as it is"
    version: ClassVar[int] = 2

    def states(self, problems: Problems, k: int) -> Ragged:
        values, length = first(problems.fields[0], k)
        return Ragged(np.sort(values, axis=1), length)

    def state_of(self, asked: str, k: int) -> str:
        return "".join(sorted(asked[:k]))
