"""Faults in what was typed, and workings, as text for a terminal or a pipe."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

from tasks import QuestionError, Row, drawn

if TYPE_CHECKING:
    from rich.text import Text

ERROR_CONTEXT = 30
"""Characters shown on each side of the place of an error."""
STYLES = {"given": "bold", "rule": "dim", "working": "cyan", "answer": "bold green"}


def format_error(error: QuestionError) -> str:
    """Format an error as its message, and below it the text around its place with a mark."""
    if not error.text.strip():
        return str(error)  # nothing to mark a place in
    start = max(0, error.place - ERROR_CONTEXT)
    around = error.text[start : error.place + ERROR_CONTEXT]
    before, after = "..." * (start > 0), "..." * (start + len(around) < len(error.text))
    visible = "".join(char if char.isprintable() else "?" for char in around)
    caret = " " * (len(before) + error.place - start) + "^"
    return f"{error}\n  {before}{visible}{after}\n  {caret}"


def print_rows(rows: Sequence[Row]) -> None:
    """Print a working, in colours on a terminal."""
    if not sys.stdout.isatty():
        print(drawn(list(rows)) + "\n")
        return
    from rich.console import Console  # only here: a pipe needs no colours

    Console(highlight=False).print(styled(rows), soft_wrap=True)
    print()


def styled(rows: Sequence[Row]) -> Text:
    """Return a working as text in colours."""
    from rich.text import Text

    width = max((len(row.text) for row in rows if row.note), default=0)
    text = Text()
    for row in rows:
        text.append(row.text, STYLES[row.kind])
        if row.note:
            text.append(" " * (width - len(row.text) + 3) + row.note, "dim")
        text.append("\n")
    text.right_crop(1)
    return text
