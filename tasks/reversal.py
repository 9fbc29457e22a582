"""Reversing a string of digits, worked out by putting each digit before those that came before it.

    question    reverse 314
    page        314=3:3;1:13;4!413$         reads 413

The digit of a line comes first in its number, and the number of the line before follows, each digit one further on
(tasks/scan.py). Without the working, in `314=413$`, a digit is copied from a distance that depends on the length.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import ClassVar

from tasks import digits as dg
from tasks.base import STOP, Pages, Problems, register
from tasks.ragged import Ragged, join
from tasks.scan import Scan, first
from tasks.worded import Line


@register
@dataclass(frozen=True)
class Reverse(Scan):
    """Options of `reverse`. ValueError names a field that is out of range."""

    digits: str = "1-8"
    """The lengths of strings in training (tasks/lengths.py)."""
    working: bool = True
    """Write a line for each digit, and not the answer alone."""

    name: ClassVar[str] = "reverse"
    summary: ClassVar[str] = "a string back to front, worked out"
    sample: ClassVar[str] = "reverse 31415"
    answers: ClassVar[str] = "a string as it is"

    def states(self, problems: Problems, k: int) -> Ragged:
        values, length = first(problems.fields[0], k)
        return Ragged(values[:, ::-1], length)

    def state_of(self, asked: str, k: int) -> str:
        return "".join(reversed(asked[:k]))

    def pages(self, problems: Problems) -> Pages:
        if self.working:
            return super().pages(problems)
        [text] = problems.fields
        page = join([text, "=", dg.reverse(text), STOP], len(problems))
        return Pages(page.values, text.lengths + 1, page.lengths)

    def read(self, written: str, question: str) -> str | None:
        if self.working:
            return super().read(written, question)
        return written if re.fullmatch("[0-9]+", written) else None

    def lines(self, question: str) -> list[Line]:
        return super().lines(question) if self.working else [Line(self.truth(question), "back to front")]

    def shown(self, line: str) -> str:
        return super().shown(line) if self.working else line
