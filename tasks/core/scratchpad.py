"""A working for people: what is wrong with one, and the rows of its drawing.

Both start from what a model wrote, so both take anything: a working that is right, one that goes wrong, one not yet finished.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal, TypeAlias

Kind: TypeAlias = Literal["given", "rule", "working", "answer"]


@dataclass(frozen=True)
class Fault:
    """The first line of a working that does not hold."""

    line: int
    """Counted from 1."""
    text: str
    """The line as written."""
    why: str
    """As in "5 * 123 is 615, not 625"."""

    def __str__(self) -> str:
        return f"line {self.line}: {self.why}"


@dataclass(frozen=True)
class Row:
    """One row of a drawing: plain text, and what it is."""

    text: str
    kind: Kind
    note: str = ""
    """Stands to the right, as in "5 * 123"."""


LONGEST = 4300
"""The most digits that Python turns into a number without being asked to; an answer with more in a row is no working."""

RUNS_ON = f"a number of more than {LONGEST} digits"
_TOO_LONG = re.compile(f"[0-9]{{{LONGEST + 1}}}")


def runs_on(written: str) -> bool:
    """Whether a model has written digits without end."""
    return _TOO_LONG.search(written) is not None


def number(written: str) -> int:
    """The value of digits written least significant first, at most LONGEST."""
    return int(written[::-1])


def rule(width: int, indent: int = 0) -> Row:
    return Row(" " * indent + "-" * width, "rule")


def drawn(rows: list[Row]) -> str:
    """The rows as plain text, their notes in one column."""
    noted = max((len(row.text) for row in rows if row.note), default=0)
    return "\n".join(f"{row.text:<{noted}}   {row.note}" if row.note else row.text for row in rows)
