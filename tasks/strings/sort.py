"""Sort the digits of a string, the smallest first, worked out by insertion.

    question    sort 314
    page        @3,1,4=3,13,134$        reads 134

Each digit is put in its place among the digits before it. So a digit of a state is one of three: the digit of the state before
in the same place, the digit before that one, or the digit that is put in. All stand at fixed distances (scan.py).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from tasks.core.ragged import Ragged
from tasks.strings.scan import ScanTask, prefixes
from tasks.task import Problems


@dataclass(frozen=True)
class Sort(ScanTask):
    """Options of `sort`. ValueError names a field that is out of range."""

    digits: str = "1-8"
    """The lengths of strings in training, as in 1-8."""

    name: ClassVar[str] = "sort"
    summary: ClassVar[str] = "the digits of a string in ascending order, worked out"
    example: ClassVar[str] = "sort 31415"
    answer_format: ClassVar[str] = "a string as it is"
    version: ClassVar[int] = 2

    def states(self, problems: Problems, k: int) -> Ragged:
        prefix = prefixes(problems.fields[0], k)
        return Ragged(np.sort(prefix.values, axis=1), prefix.lengths)

    def expected_state(self, argument: str, k: int) -> str:
        return "".join(sorted(argument[:k]))
