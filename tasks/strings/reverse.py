r"""Reversing a string of digits: it is copied, and read off from its end.

    question    reverse 314
    page        314=314\4;1;3$          reads 413

Each digit stands on a line of its own. `\` turns round (arithgpt/sheet.py): the first line begins in the last place of the
number before it, and `;` one place further down, so each digit is copied from the place in which it stands, and the string ends
where there is no place below. Without the working, in `314=413$`, a digit is copied from a distance that depends on the length.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import ClassVar

from tasks.core import digits as dg
from tasks.core.named_task import Line, OneString
from tasks.core.ragged import join, spaced
from tasks.core.scratchpad import Row
from tasks.task import STOP, Pages, Problems


@dataclass(frozen=True)
class Reverse(OneString):
    """Options of `reverse`. ValueError names a field that is out of range."""

    digits: str = "1-8"
    """The lengths of strings in training (tasks/lengths.py)."""
    scratchpad: bool = True
    """Copy the string first and write a line for each digit, and not the answer alone."""

    name: ClassVar[str] = "reverse"
    summary: ClassVar[str] = "a string back to front, worked out"
    example: ClassVar[str] = "reverse 31415"
    answer_format: ClassVar[str] = "a string as it is"
    version: ClassVar[int] = 2
    final_answer_mark: ClassVar[str] = "\\"  # after it the answer, a digit a line
    piece: ClassVar[str] = r"[^;\\]*[;\\]|[^;\\]+"

    @property
    def alphabet(self) -> str:
        return "0123456789=\\;" + STOP

    def pages(self, problems: Problems) -> Pages:
        [text] = problems.fields
        back = dg.reverse(text)
        page = join([text, "=", *([text, "\\", spaced(back, ";")] if self.scratchpad else [back]), STOP], len(problems))
        return Pages(page.values, text.lengths + 1, page.lengths)

    def extract(self, written: str, question: str) -> str | None:
        match = re.fullmatch(r"[0-9]+\\([0-9](?:;[0-9])*)" if self.scratchpad else "([0-9]+)", written)
        return match[1].replace(";", "") if match else None

    def answer(self, question: str) -> str:
        return self.asks(question)[::-1]

    def lines(self, question: str) -> list[Line]:
        text = self.asks(question)
        if not self.scratchpad:
            return [Line(self.answer(question), "back to front")]
        found = [Line(f"{char}{';' * (k > 1)}", f"digit {k}") for k, char in reversed(list(enumerate(text, 1)))]
        return [Line(f"{text}\\", "the string again"), *found]

    def rows(self, question: str, written: str) -> list[Row]:
        return []
