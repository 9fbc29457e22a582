"""Tell the parity of a string of bits, worked out as running parities.

    question    parity 10110
    page        10110=11011$        reads 1: an odd number of ones

Each running parity stands in the place of its bit. It follows from that bit and the parity before.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from tasks.core.named_task import ScratchpadLine
from tasks.core.ragged import Ragged, join
from tasks.core.scratchpad import Row
from tasks.page_grammar import DIGITS, EQUALS, STOP
from tasks.strings.string_task import StringTask
from tasks.task import AnswerKind, Pages, Problems


@dataclass(frozen=True)
class Parity(StringTask):
    """Options of `parity`. ValueError names a field that is out of range."""

    digits: str = "1-24"
    """The lengths of strings in training, as in 1-24."""
    scratchpad: bool = True
    """Write all running parities, in place of the last one alone."""

    name: ClassVar[str] = "parity"
    summary: ClassVar[str] = "whether the ones of a string of bits are odd in number, worked out"
    example: ClassVar[str] = "parity 10110"
    answer_format: ClassVar[str] = "`1` where the ones are odd in number, else `0`"
    symbols: ClassVar[str] = "01"
    symbols_name: ClassVar[str] = "bits"
    size_names: ClassVar[tuple[str, str]] = ("bits", "bits")
    answer_kind: ClassVar[AnswerKind] = "number"
    min_held_out_length: ClassVar[int] = 14  # there are 16,384 strings of 14 bits
    line_pattern: ClassVar[str] = "."

    @property
    def alphabet(self) -> str:
        return DIGITS + EQUALS + STOP

    def pages(self, problems: Problems) -> Pages:
        [bits] = problems.fields
        parities = np.cumsum(bits.values == ord("1"), axis=1) % 2
        completion = Ragged(np.where(bits.filled, parities + ord("0"), 0).astype(np.uint8), bits.lengths)
        if not self.scratchpad:
            last = np.take_along_axis(completion.values, bits.lengths[:, None] - 1, axis=1)
            completion = Ragged(last, np.ones_like(bits.lengths))
        return Pages.join(join([bits, EQUALS], len(bits)), [completion, STOP])

    def extract(self, completion: str, question: str) -> str | None:
        return completion[-1] if re.fullmatch("[01]+" if self.scratchpad else "[01]", completion) else None

    def answer(self, question: str) -> str:
        return str(self.argument(question).count("1") % 2)

    def expected_lines(self, question: str) -> list[ScratchpadLine]:
        bits = self.argument(question)
        ends = range(1, len(bits) + 1) if self.scratchpad else [len(bits)]
        return [ScratchpadLine(str(bits[:end].count("1") % 2), f"the parity after {end} bit{'s' * (end > 1)}") for end in ends]

    def render_lines(self, question: str, completion: str) -> list[Row]:
        if not completion:
            return []
        return [Row(self.argument(question), "given"), Row(completion, "working", "running parity")]
