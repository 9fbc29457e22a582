r"""Reverse a string of digits: copy it, then read it from its end.

    question    reverse 314
    page        314=314\4;1;3$          reads 413

Each digit of the answer stands on a line of its own. `\` turns the direction: the first line begins in the last place of the
number before, and each `;` goes one place further down. So each digit is copied from the place in which it stands, and the
string ends where there is no place below. Without the scratchpad, in `314=413$`, the distance between a digit and its copy
depends on the length.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import ClassVar

from tasks.core import digits as dg
from tasks.core.named_task import ScratchpadLine
from tasks.core.ragged import Ragged, join, spaced
from tasks.core.scratchpad import Row
from tasks.page_grammar import DIGITS, EQUALS, NEW_LINE, STOP, TURN
from tasks.strings.string_task import StringTask
from tasks.task import Pages, Problems


@dataclass(frozen=True)
class Reverse(StringTask):
    """Options of `reverse`. ValueError names a field that is out of range."""

    digits: str = "1-8"
    """The lengths of strings in training, as in 1-8."""
    scratchpad: bool = True
    """Copy the string first and write one line a digit, in place of the answer alone."""

    name: ClassVar[str] = "reverse"
    summary: ClassVar[str] = "a string back to front, worked out"
    example: ClassVar[str] = "reverse 31415"
    answer_format: ClassVar[str] = "a string as it is"
    version: ClassVar[int] = 2
    final_answer_mark: ClassVar[str] = TURN  # after it stands the answer, one line a digit
    line_pattern: ClassVar[str] = r"[^;\\]*[;\\]|[^;\\]+"

    @property
    def alphabet(self) -> str:
        return DIGITS + EQUALS + TURN + NEW_LINE + STOP

    def pages(self, problems: Problems) -> Pages:
        [text] = problems.fields
        reversed_text = dg.reverse(text)
        completion: list[Ragged | str] = [text, TURN, spaced(reversed_text, NEW_LINE)] if self.scratchpad else [reversed_text]
        return Pages.join(join([text, EQUALS], len(text)), [*completion, STOP])

    def extract(self, completion: str, question: str) -> str | None:
        match = re.fullmatch(r"[0-9]+\\([0-9](?:;[0-9])*)" if self.scratchpad else "([0-9]+)", completion)
        return match[1].replace(NEW_LINE, "") if match else None

    def answer(self, question: str) -> str:
        return self.argument(question)[::-1]

    def expected_lines(self, question: str) -> list[ScratchpadLine]:
        text = self.argument(question)
        if not self.scratchpad:
            return [ScratchpadLine(self.answer(question), "back to front")]
        lines = [ScratchpadLine(text + TURN, "the string again")]
        for k, char in reversed(list(enumerate(text, 1))):
            lines.append(ScratchpadLine(char + NEW_LINE * (k > 1), f"digit {k}"))
        return lines

    def render_lines(self, question: str, completion: str) -> list[Row]:
        return []
