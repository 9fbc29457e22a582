"""The parity of a string of bits, worked out as running parities.

    question    parity 10110
    page        10110=11011$        reads 1: an odd number of ones

Each running parity stands in the place of its bit, and follows from that bit and the parity before.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from tasks.core.named_task import Line, OneString
from tasks.core.ragged import Ragged, join
from tasks.core.scratchpad import Row
from tasks.task import STOP, AnswerKind, Pages, Problems


@dataclass(frozen=True)
class Parity(OneString):
    """Options of `parity`. ValueError names a field that is out of range."""

    digits: str = "1-24"
    """The lengths of strings in training (tasks/lengths.py)."""
    scratchpad: bool = True
    """Write the running parities, and not the last one alone."""

    name: ClassVar[str] = "parity"
    summary: ClassVar[str] = "whether the ones of a string of bits are odd in number, worked out"
    example: ClassVar[str] = "parity 10110"
    answer_format: ClassVar[str] = "`1` where the ones are odd in number, else `0`"
    symbols: ClassVar[str] = "01"
    called: ClassVar[str] = "bits"
    size_names: ClassVar[tuple[str, str]] = ("bits", "bits")
    answer_kind: ClassVar[AnswerKind] = "number"
    least_held_out: ClassVar[int] = 14  # of which there are 16,384
    piece: ClassVar[str] = "."

    @property
    def alphabet(self) -> str:
        return "0123456789=" + STOP

    def pages(self, problems: Problems) -> Pages:
        [bits] = problems.fields
        ones = np.cumsum(bits.values == ord("1"), axis=1) % 2
        running = Ragged(np.where(bits.filled, ones + ord("0"), 0).astype(np.uint8), bits.lengths)
        if not self.scratchpad:
            last = np.take_along_axis(running.values, bits.lengths[:, None] - 1, axis=1)
            running = Ragged(last, np.ones_like(bits.lengths))
        page = join([bits, "=", running, STOP], len(problems))
        return Pages(page.values, bits.lengths + 1, page.lengths)

    def extract(self, written: str, question: str) -> str | None:
        return written[-1] if re.fullmatch("[01]+" if self.scratchpad else "[01]", written) else None

    def answer(self, question: str) -> str:
        return str(self.asks(question).count("1") % 2)

    def lines(self, question: str) -> list[Line]:
        bits = self.asks(question)
        ends = range(1, len(bits) + 1) if self.scratchpad else [len(bits)]
        return [Line(str(bits[:k].count("1") % 2), f"the parity after {k} bit{'s' * (k > 1)}") for k in ends]

    def rows(self, question: str, written: str) -> list[Row]:
        return [Row(self.asks(question), "given"), Row(written, "working", "running parity")] if written else []
