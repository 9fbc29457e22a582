"""Copying a string of digits.

    question    copy 31415
    page        31415=31415$

Each written digit stands in the place of the one it is copied from, one number back.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import ClassVar

from tasks.core.named_task import Line, OneString
from tasks.core.ragged import join
from tasks.core.scratchpad import Row
from tasks.task import STOP, Pages, Problems


@dataclass(frozen=True)
class Copy(OneString):
    """Options of `copy`. ValueError names a field that is out of range."""

    digits: str = "1-8"
    """The lengths of strings in training (tasks/lengths.py)."""

    name: ClassVar[str] = "copy"
    summary: ClassVar[str] = "a string again"
    example: ClassVar[str] = "copy 31415"
    answer_format: ClassVar[str] = "a string as it is"
    piece: ClassVar[str] = "."

    @property
    def alphabet(self) -> str:
        return "0123456789=" + STOP

    def pages(self, problems: Problems) -> Pages:
        [text] = problems.fields
        page = join([text, "=", text, STOP], len(problems))
        return Pages(page.values, text.lengths + 1, page.lengths)

    def extract(self, written: str, question: str) -> str | None:
        return written if re.fullmatch("[0-9]+", written) else None

    def answer(self, question: str) -> str:
        return self.asks(question)

    def lines(self, question: str) -> list[Line]:
        return [Line(char, f"character {k}") for k, char in enumerate(self.asks(question), 1)]

    def rows(self, question: str, written: str) -> list[Row]:
        return []
