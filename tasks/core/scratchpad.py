"""A scratchpad for people: what is wrong with one, and the rows of its drawing.

Both start from what a model wrote, so both take any text: a right scratchpad, one with a wrong line, one that is not finished.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import Final, Literal, TypeAlias

RowKind: TypeAlias = Literal["given", "rule", "working", "answer"]


@dataclass(frozen=True)
class Fault:
    """The first line of a scratchpad that does not hold."""

    line: int
    """Counted from 1."""
    text: str
    """The line as written."""
    why: str
    """Such as "5 * 123 is 615, not 625"."""

    def __str__(self) -> str:
        return f"line {self.line}: {self.why}"


def wrong_answer(subject: str, right: str, found: str | None) -> str:
    """Say what is wrong with an answer.

    Args:
        subject: what was asked, such as "12+34" or "the answer"
        right: the right answer
        found: the answer that was written; None where what was written is none
    """
    written = "what is written is no answer" if found is None else f"not {found or 'empty'}"
    return f"{subject} is {right or 'empty'}, {written}"


@dataclass(frozen=True)
class Row:
    """One row of a drawing: plain text, and what it shows."""

    text: str
    kind: RowKind
    note: str = ""
    """Stands to the right, such as "5 * 123"."""


MAX_NUMBER_DIGITS: Final = 4300
"""The most digits that Python turns into a number by default. A longer run of digits makes a completion unreadable."""

RUNS_ON: Final = f"a number of more than {MAX_NUMBER_DIGITS} digits"
_TOO_LONG = re.compile(f"[0-9]{{{MAX_NUMBER_DIGITS + 1}}}")


@lru_cache(maxsize=1024)
def runs_on(completion: str) -> bool:
    """Whether a completion has a number of more than MAX_NUMBER_DIGITS digits, as where a model writes digits without end."""
    return _TOO_LONG.search(completion) is not None


@lru_cache(maxsize=1024)
def number(written: str) -> int:
    """The value of digits that are written least significant first, at most MAX_NUMBER_DIGITS."""
    return int(written[::-1])


def rule(width: int, indent: int = 0) -> Row:
    """A horizontal line of `width` dashes after `indent` spaces."""
    return Row(" " * indent + "-" * width, "rule")


def drawn(rows: list[Row]) -> str:
    """The rows as plain text, their notes in one column."""
    noted = max((len(row.text) for row in rows if row.note), default=0)
    return "\n".join(f"{row.text:<{noted}}   {row.note}" if row.note else row.text for row in rows)
