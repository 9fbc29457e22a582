r"""Find the first wrong row of an expression's page, with Python's own integers.

    page        ....@3+4*5={*5!02_^12\}...      line 1: in 4*5: 0 + 20 is 20, not 21

Every row is compared with what the row before it, which is right so far, has to become.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import NamedTuple

from tasks.arithmetic.long_division import LINE, MULTIPLES, line_fault, multiples_fault
from tasks.arithmetic.multiplication import check_lines
from tasks.core.scratchpad import RUNS_ON, Fault, number, runs_on
from tasks.expression.page_rows import Field, Number, StepKind, first_row, operands_of, reduction_steps
from tasks.expression.scratchpad import BY_ZERO_ENDING
from tasks.page_grammar import DROP_PARENTHESES, EQUALS, POINT, POINT_UP, TURN

_SCRATCHPAD = re.compile(r"\{([^{}]*)\}")
_ENDING = re.compile(r"(.*)\\(x*)", re.DOTALL)
_SUM = re.compile(r"([+-])(\.*)([0-9]+)(?:~(\.*)([0-9]+))?")
_PRODUCT = re.compile(r"\*(.*_)(\.*)\^(\.*)([0-9]+)", re.DOTALL)
_FIELD = re.compile(r"[^-+*/\[\]={}%]*.?", re.DOTALL)
_SHOWN = 20
"""How many characters of what is wrong a message quotes."""


class _Result(NamedTuple):
    """The last number of a scratchpad."""

    digits: str
    """Least significant first."""
    decimals: int
    negative: bool


class _RowError(Exception):
    """Says what is wrong with a row."""


def verify_page(expression: str, kept_decimals: int, written: str) -> Fault | None:
    """Find the first row that does not hold.

    Args:
        expression: in its plain form
        kept_decimals: the decimals to which results are cut
        written: what follows the prompt, without the stop

    Returns:
        The fault, or None where every row holds and one number or a division by zero is left.
    """
    if runs_on(written):
        return Fault(1, written, RUNS_ON)
    row: Sequence[Field] = first_row(expression)
    start, line = 0, 0
    while True:
        line += 1
        end = written.find(EQUALS, start) + 1 or len(written)
        try:
            row = _verify_row(row, written[start:end], kept_decimals)
        except _RowError as error:
            return Fault(line, written[start:end], str(error))
        if len(row) <= 1:
            return Fault(line + 1, written[end:], f"{written[end:]!r} follows the end") if end < len(written) else None
        start = end


def _verify_row(row: Sequence[Field], text: str, kept_decimals: int) -> list[Field]:
    """Return the row that `text` has to be; empty after a division by zero. _RowError where `text` is another row."""
    position, next_row = 0, []
    steps = list(reduction_steps(row))
    for kind, index in steps:
        value, mark = row[index]
        before, operation = "", ""
        if kind == "unwrap":
            before, value, mark = DROP_PARENTHESES, row[index + 1].number, row[index + 2].mark
        elif kind == "compute":
            left, _, right = operands_of(row, index)
            operation = f"{left.text}{mark}{right.text}"
            if mark == "/" and right.digits == "0":
                if text[position:] != BY_ZERO_ENDING:
                    raise _RowError(f"{operation} is a division by zero, found {text[position : position + _SHOWN]!r}")
                return []
            value, position = _verify_operation(left, mark, right, text, position, kept_decimals)
            mark = row[index + 1].mark
        wanted = before + (value.on_page if value else "") + (mark if len(steps) > 1 else "")
        if not text.startswith(wanted, position):
            field = _FIELD.match(text, position + len(before))
            found = text[position : position + len(before)] + (field[0] if field else "")
            raise _RowError(f"{_expectation(kind, value, mark, operation)}, written {wanted!r}, not {found!r}")
        position += len(wanted)
        next_row.append(Field(value, mark))
    if position < len(text):
        raise _RowError(f"{text[position:]!r} follows the end of the row")
    return next_row


def _expectation(kind: StepKind, value: Number | None, mark: str, operation: str) -> str:
    """Say what a field has to be, and why."""
    text = value.text if value else ""
    if kind == "compute":
        return f"{operation} is {text}"
    return f"{text} stands alone in its parentheses" if kind == "unwrap" else f"{text}{mark} stays as it is"


def _verify_operation(a: Number, operator: str, b: Number, text: str, position: int, kept_decimals: int) -> tuple[Number, int]:
    """Return the result of the scratchpad at `position`, and where it ends. _RowError where it does not hold."""
    operation = f"{a.text}{operator}{b.text}"
    match = _SCRATCHPAD.match(text, position)
    ending = _ENDING.fullmatch(match[1]) if match else None
    if match is None or ending is None:
        raise _RowError(f"{operation} has to be worked out, found {text[position : position + _SHOWN]!r}")
    scratchpad, crossed_out = ending.groups()
    try:
        if operator in "+-":
            result = _verify_sum(a, b if operator == "+" else b._replace(negative=not b.negative), scratchpad)
        elif operator == "*":
            result = _verify_product(a, b, scratchpad)
        else:
            result = _verify_quotient(a, b, scratchpad, kept_decimals)
    except _RowError as error:
        raise _RowError(f"in {operation}: {error}") from None
    zeros = len(result.digits) - len(result.digits.rstrip("0") or "0")
    if len(crossed_out) != zeros:
        raise _RowError(f"in {operation}: {zeros} zeros are crossed out, not {len(crossed_out)}")
    cut = max(0, result.decimals - kept_decimals)
    return Number(str(number(result.digits) // 10**cut), result.decimals - cut, result.negative), match.end()


def _verify_sum(a: Number, b: Number, scratchpad: str) -> _Result:
    """Check the scratchpad of a + b."""
    match = _SUM.fullmatch(scratchpad)
    if match is None:
        raise _RowError(f"{scratchpad!r} is no sum and no difference")
    sign, dots, digits, size_dots, size = match.groups()
    decimals = max(a.decimals, b.decimals)
    width = max(a.top_place, b.top_place) + decimals
    left, right = (int(value.digits) * 10 ** (decimals - value.decimals) for value in (a, b))
    adds = a.negative == b.negative
    if (sign == "+") != adds:
        raise _RowError(f"the sizes are {'added' if adds else 'subtracted'}")
    if {len(text) for text in (dots, size_dots) if text is not None} != {decimals}:
        raise _RowError(f"a number has not {decimals} places after the point")
    right_value = left + right if adds else (left - right) % 10**width
    if len(digits) != (max(width, len(str(right_value))) if adds else width):
        raise _RowError(f"a number has not {width} places")
    if number(digits) != right_value:
        modulo = "" if adds else f" modulo 10^{width}"
        raise _RowError(f"{left} {'+' if adds else '-'} {right} is {right_value}{modulo}, not {number(digits)}")
    if (size is not None) != (not adds and left < right):
        raise _RowError(f"the difference is {'not ' * (left >= right)}below zero")
    if size is None:
        return _Result(digits, decimals, a.negative)
    if len(size) != width or number(size) != right - left:
        raise _RowError(f"its size is {right - left} in {width} places, not {number(size)}")
    return _Result(size, decimals, not a.negative)


def _verify_product(a: Number, b: Number, scratchpad: str) -> _Result:
    """Check the scratchpad of a * b."""
    match = _PRODUCT.fullmatch(scratchpad)
    if match is None:
        raise _RowError(f"{scratchpad!r} is no long multiplication")
    lines, dots_a, dots_b, total = match.groups()
    if fault := check_lines(int(a.digits), int(b.digits), lines + total):
        raise _RowError(fault.why)
    if (len(dots_a), len(dots_b)) != (a.decimals, b.decimals):
        raise _RowError(f"{a.decimals} and {b.decimals} places after the points, not {len(dots_a)} and {len(dots_b)}")
    return _Result(total, a.decimals + b.decimals, a.negative != b.negative)


def _verify_quotient(a: Number, b: Number, scratchpad: str, kept_decimals: int) -> _Result:
    """Check the scratchpad of a / b, where b is not zero."""
    multiples, divisor = MULTIPLES.match(scratchpad, 1), int(b.digits)
    if not scratchpad.startswith("/") or multiples is None:
        raise _RowError(f"{scratchpad!r} does not begin with three multiples of {divisor}")
    if why := multiples_fault(multiples, divisor):
        raise _RowError(why)
    position = multiples.end()
    dividend = POINT * a.decimals + POINT_UP * b.decimals + a.digits[::-1] + TURN
    if not scratchpad.startswith(dividend, position):
        found = scratchpad[position : position + len(dividend)]
        raise _RowError(f"the dividend is written {dividend!r}, not {found!r}")
    quotient, place, position = _verify_division_lines(a, b, scratchpad, position + len(dividend), kept_decimals)
    decimals = max(0, 1 - place)
    if scratchpad[position:] != POINT * decimals + quotient:
        raise _RowError(f"the quotient is written {POINT * decimals + quotient!r}, not {scratchpad[position:]!r}")
    return _Result(quotient, decimals, a.negative != b.negative)


def _verify_division_lines(a: Number, b: Number, scratchpad: str, position: int, kept_decimals: int) -> tuple[str, int, int]:
    """Check the lines of a division; returns the quotient's digits, the place of the last one, and where the lines end."""
    place = len(a.digits) - a.decimals + b.decimals  # the ones are place 1
    rest, quotient, remaining_digits = 0, "", a.digits
    while True:
        line = LINE.match(scratchpad, position)
        if line is None or line["mark"] != "|":
            raise _RowError(f"{scratchpad[position : position + _SHOWN]!r} is no line that brings down a digit")
        if why := line_fault(line, remaining_digits[:1] or "0", rest, int(b.digits), last=bool(line["last"])):
            raise _RowError(why)
        rest, quotient, remaining_digits = number(line["rest"]), line["quotient"] + quotient, remaining_digits[1:]
        position = line.end()
        ends = place == 1 - kept_decimals or (place <= 1 and rest == 0 and not remaining_digits)
        if bool(line["last"]) != ends:
            raise _RowError(f"the division {'ends' if ends else 'goes on'} after place {place}")
        if ends:
            return quotient, place, position
        place -= 1
