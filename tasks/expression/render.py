"""The page of an expression for a person to read: a line a row, with what was worked out in it beside.

(12+34)*5-6
(46)*5-6      12+34 = 46
46*5-6
230-6         46*5 = 230
224           230-6 = 224
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from tasks.arithmetic.division import BY_ZERO
from tasks.core.scratchpad import Row, runs_on
from tasks.expression.columns import division_columns
from tasks.expression.scratchpad import Field, Number, fields, natural, steps

_FIELD = re.compile(r"(?:%|(?P<working>\{[^{}]*\}))?(?:(?P<dots>\.*)(?P<digits>[0-9]+)(?P<minus>n?))?(?P<mark>[-+*/\[\]=]|$)")
_ALONE = re.compile(r"\((-?[0-9.]+)\)")
_PARENTHESES = str.maketrans("[]", "()")


def drawing(expression: str, places: int, written: str, answer: str | None) -> list[Row]:
    """The rows that are complete, and the answer, rounded to `places`, where there is one."""
    rows = [Row(expression, "given")]
    if runs_on(written):
        return rows
    before: Sequence[Field] = fields(expression)
    *texts, last = written.split("=")
    for text in texts:
        row, notes = _read(text + "=", before)
        if not row:
            return rows
        if notes or _natural(row) != rows[-1].text:
            rows.append(Row(_natural(row), "working", notes))
        before = row
    if answer == BY_ZERO:
        return [*rows, Row(BY_ZERO, "answer")]
    row, notes = _read(last, before)
    if columns := _columns(before, last):
        rows, notes = [*rows, *columns], ""
    if answer is None or len(row) != 1 or len(list(steps(before))) != 1:
        return rows
    if (number := _natural(row)) != answer and _rounded(row, places):
        written_out = [] if columns else [Row(number, "working", notes)]
        return [*rows, *written_out, Row(answer, "answer", f"to {places} decimals")]
    return [*rows, Row(answer, "answer", notes)]


def _read(text: str, before: Sequence[Field]) -> tuple[list[Field], str]:
    """A row as written, and what was worked out in it; no fields where it is no row."""
    row: list[Field] = []
    results: list[Number | None] = []
    at = 0
    while at < len(text):
        match = _FIELD.match(text, at)
        if match is None:
            return [], ""
        number = None
        if match["digits"]:
            number = Number(match["digits"][::-1].lstrip("0") or "0", len(match["dots"]), bool(match["minus"]))
        results += [number] if match["working"] else []
        row.append((number, match["mark"]))
        at = match.end()
    worked = [at for step, at in steps(before) if step == "work"]
    if len(worked) != len(results) or None in results:
        return row, ""
    return row, ", ".join(_note(before, at, result) for at, result in zip(worked, results, strict=True) if result)


def _columns(before: Sequence[Field], text: str) -> list[Row]:
    """The long division, where all that is asked for is one."""
    (left, operator), (right, _) = before if len(before) == 2 else ((None, ""), (None, ""))
    return division_columns(left, right, text) if left and right and operator == "/" else []


def _note(before: Sequence[Field], at: int, result: Number) -> str:
    """As in "12+34 = 46"."""
    (left, operator), (right, _) = before[at : at + 2]
    return f"{natural(left) if left else ''}{operator}{natural(right) if right else ''} = {natural(result)}"


def _natural(row: Sequence[Field]) -> str:
    text = "".join((natural(number) if number else "") + mark for number, mark in row)
    text = text.rstrip("=").translate(_PARENTHESES)
    while (bare := _ALONE.sub(r"\1", text)) != text:
        text = bare
    return text


def _rounded(row: Sequence[Field], places: int) -> bool:
    """Whether the last number has digits that the answer does not show."""
    number, _ = row[0]
    return number is not None and number.places > places and max(number.digits[places - number.places :]) >= "1"
