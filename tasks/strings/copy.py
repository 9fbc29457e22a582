"""Copy a string of digits.

    question    copy 31415
    page        31415=31415$

Each digit is copied from the same place of the string, one number back.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import ClassVar

from tasks.core.named_task import ScratchpadLine
from tasks.core.ragged import join
from tasks.core.scratchpad import Row
from tasks.page_grammar import DIGITS, EQUALS, STOP
from tasks.strings.string_task import StringTask
from tasks.task import Pages, Problems


@dataclass(frozen=True)
class Copy(StringTask):
    """Options of `copy`. ValueError names a field that is out of range."""

    digits: str = "1-8"
    """The lengths of strings in training, as in 1-8."""

    name: ClassVar[str] = "copy"
    summary: ClassVar[str] = "a string, copied"
    example: ClassVar[str] = "copy 31415"
    answer_format: ClassVar[str] = "a string as it is"
    line_pattern: ClassVar[str] = "."

    @property
    def alphabet(self) -> str:
        return DIGITS + EQUALS + STOP

    def pages(self, problems: Problems) -> Pages:
        [text] = problems.fields
        return Pages.join(join([text, EQUALS], len(text)), [text, STOP])

    def extract(self, completion: str, question: str) -> str | None:
        return completion if re.fullmatch("[0-9]+", completion) else None

    def answer(self, question: str) -> str:
        return self.argument(question)

    def expected_lines(self, question: str) -> list[ScratchpadLine]:
        return [ScratchpadLine(char, f"character {k}") for k, char in enumerate(self.argument(question), 1)]

    def render_lines(self, question: str, completion: str) -> list[Row]:
        return []
