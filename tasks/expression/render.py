"""Draw the page of an expression for a person to read: one line a row, with what was computed in it as a note.

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
from tasks.expression.page_rows import Field, Number, first_row, operands_of, reduction_steps
from tasks.expression.render_division import render_division
from tasks.page_grammar import EQUALS

_FIELD = re.compile(
    r"(?:%|(?P<scratchpad>\{[^{}]*\}))?(?:(?P<dots>\.*)(?P<digits>[0-9]+)(?P<minus>n?))?(?P<mark>[-+*/\[\]=]|$)"
)
_ALONE = re.compile(r"\((-?[0-9.]+)\)")
_PARENTHESES = str.maketrans("[]", "()")


def render_page(expression: str, decimals: int, written: str, answer: str | None) -> list[Row]:
    """Draw the complete rows of a page, and the answer.

    Args:
        expression: in its plain form
        decimals: the most decimals of the answer
        written: what follows the prompt, as far as it is written; it may be wrong
        answer: the answer that was read from it, if any
    """
    drawing = [Row(expression, "given")]
    if runs_on(written):
        return drawing
    before: Sequence[Field] = first_row(expression)
    *texts, last = written.split(EQUALS)
    for text in texts:
        row, notes = _read_row(text + EQUALS, before)
        if not row:
            return drawing
        if notes or _row_text(row) != drawing[-1].text:
            drawing.append(Row(_row_text(row), "working", notes))
        before = row
    if answer == BY_ZERO:
        return [*drawing, Row(BY_ZERO, "answer")]
    row, notes = _read_row(last, before)
    if division := _division_drawing(before, last):
        drawing, notes = [*drawing, *division], ""
    if answer is None or len(row) != 1 or len(list(reduction_steps(before))) != 1:
        return drawing
    if _row_text(row) != answer and _is_rounded(row[0].number, decimals):
        unrounded = [] if division else [Row(_row_text(row), "working", notes)]
        return [*drawing, *unrounded, Row(answer, "answer", f"to {decimals} decimals")]
    return [*drawing, Row(answer, "answer", notes)]


def _read_row(text: str, before: Sequence[Field]) -> tuple[list[Field], str]:
    """Read a row as written, and note what was computed in it; no fields where it is no row."""
    row: list[Field] = []
    results: list[Number | None] = []
    position = 0
    while position < len(text):
        match = _FIELD.match(text, position)
        if match is None:
            return [], ""
        number = None
        if match["digits"]:
            number = Number(match["digits"][::-1].lstrip("0") or "0", len(match["dots"]), bool(match["minus"]))
        results += [number] if match["scratchpad"] else []
        row.append(Field(number, match["mark"]))
        position = match.end()
    computed = [index for kind, index in reduction_steps(before) if kind == "compute"]
    if len(computed) != len(results) or None in results:
        return row, ""
    return row, ", ".join(
        _computation(before, index, result) for index, result in zip(computed, results, strict=True) if result
    )


def _division_drawing(before: Sequence[Field], text: str) -> list[Row]:
    """Draw the long division where the row before is a single division; else nothing."""
    if len(before) != 2 or before[0].mark != "/" or not before[0].number or not before[1].number:
        return []
    return render_division(before[0].number, before[1].number, text)


def _computation(before: Sequence[Field], index: int, result: Number) -> str:
    """Return a note such as "12+34 = 46"."""
    left, operator, right = operands_of(before, index)
    return f"{left.text}{operator}{right.text} = {result.text}"


def _row_text(row: Sequence[Field]) -> str:
    """Return a row as people write it; numbers do not stand alone in parentheses."""
    text = "".join((number.text if number else "") + mark for number, mark in row)
    text = text.rstrip(EQUALS).translate(_PARENTHESES)
    while (unwrapped := _ALONE.sub(r"\1", text)) != text:
        text = unwrapped
    return text


def _is_rounded(number: Number | None, decimals: int) -> bool:
    """Whether a number has digits that an answer of so many decimals does not show."""
    return number is not None and number.decimals > decimals and max(number.digits[decimals - number.decimals :]) >= "1"
