"""Answers of the calculator, faults in what was typed, and workings, as text for a terminal or a pipe."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

from arithgpt.inference.calculator import CalculatorAnswer
from tasks import QuestionError, Row, drawn

if TYPE_CHECKING:
    from rich.text import Text

ERROR_CONTEXT = 30
"""Characters shown on each side of the place of an error."""
JSON_FIELDS = ("expression", "answer", "correct", "expected", "exact", "working", "fault", "run", "beyond_training")
STYLES = {"given": "bold", "rule": "dim", "working": "cyan", "answer": "bold green"}


def format_answer(answer: CalculatorAnswer, *, as_json: bool = False, quiet: bool = False) -> str:
    """Format an answer as one line.

    Args:
        answer: the answer of the calculator
        as_json: as a JSON object
        quiet: only the answer, with what is right where it is wrong
    """
    if as_json:
        return json.dumps({name: getattr(answer, name) for name in JSON_FIELDS})
    text = answer.answer if answer.answer is not None else "no answer"
    correction = "" if answer.correct else f"  wrong: it is {answer.expected}"
    if quiet:
        return text + correction
    if not answer.correct and answer.fault and answer.expression not in answer.fault:
        correction += f"; {answer.fault}"
    if answer.correct and answer.by_zero:
        return f"{answer.expression}: {text}"
    verdict = "  right" if answer.correct else correction
    if answer.correct and answer.fault:
        verdict += f", but its working is wrong: {answer.fault}"
    beyond = "  (beyond the lengths of training)" if answer.beyond_training else ""
    equals = "=" if answer.exact or answer.answer is None else "≈"
    return f"{answer.expression} {equals} {text}{verdict}{beyond}"


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
