r"""The first row of an expression's page that does not hold, found with Python's own integers.

    page        ....@3+4*5={*5!02_^12\}...      line 1: in 4*5: 0 + 20 is 20, not 21

Every row is compared with what the row before it, right so far, has to become.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import NamedTuple

from tasks.arithmetic.division import LINE, MULTIPLES, line_fault, multiples_fault
from tasks.arithmetic.multiplication import check_lines
from tasks.core.scratchpad import RUNS_ON, Fault, number, runs_on
from tasks.expression.scratchpad import Field, Number, fields, natural, steps, top

_WORKING = re.compile(r"\{([^{}]*)\}")
_ENDED = re.compile(r"(.*)\\(x*)", re.DOTALL)
_SUM = re.compile(r"([+-])(\.*)([0-9]+)(?:~(\.*)([0-9]+))?")
_PRODUCT = re.compile(r"\*(.*_)(\.*)\^(\.*)([0-9]+)", re.DOTALL)
_FIELD = re.compile(r"[^-+*/\[\]={}%]*.?", re.DOTALL)


class _Result(NamedTuple):
    """What a working comes to."""

    digits: str
    """Of its last number, least significant first."""
    places: int
    negative: bool


class _Wrong(Exception):
    """What is wrong with a row."""


def check(expression: str, ruler: int, written: str) -> Fault | None:
    """The first row that does not hold, as Task.check gives it."""
    if runs_on(written):
        return Fault(1, written, RUNS_ON)
    row: Sequence[Field] = fields(expression)
    at, line = 0, 0
    while True:
        line += 1
        end = written.find("=", at) + 1 or len(written)
        try:
            row = _next_row(row, written[at:end], ruler)
        except _Wrong as wrong:
            return Fault(line, written[at:end], str(wrong))
        if len(row) <= 1:
            return Fault(line + 1, written[end:], f"{written[end:]!r} follows the end") if end < len(written) else None
        at = end


def _next_row(row: Sequence[Field], text: str, ruler: int) -> list[Field]:
    """What a row becomes, none after a division by zero. _Wrong where `text` is another row."""
    at, following = 0, []
    plan = list(steps(row))
    for step, index in plan:
        value, mark = row[index]
        before = ""
        if step == "open":
            before, value, mark = "%", row[index + 1][0], row[index + 2][1]
        elif step == "work":
            (right, after), left = row[index + 1], value
            assert left is not None
            assert right is not None
            sum_ = f"{natural(left)}{mark}{natural(right)}"
            if mark == "/" and right.digits == "0":
                if text[at:] != "{/?":
                    raise _Wrong(f"{sum_} is a division by zero, found {text[at : at + 20]!r}")
                return []
            value, at = _result(left, mark, right, text, at, ruler)
            mark = after
        wanted = before + (value.written if value else "") + (mark if len(plan) > 1 else "")
        if not text.startswith(wanted, at):
            found = text[at : at + len(before)] + _FIELD.match(text, at + len(before))[0]  # type: ignore[index]  it matches anything
            raise _Wrong(f"{_said(step, value, mark, sum_ if step == 'work' else '')}, written {wanted!r}, not {found!r}")
        at += len(wanted)
        following.append((value, mark))
    if at < len(text):
        raise _Wrong(f"{text[at:]!r} follows the end of the row")
    return following


def _said(step: str, value: Number | None, mark: str, sum_: str) -> str:
    shown = natural(value) if value else ""
    if step == "work":
        return f"{sum_} is {shown}"
    return f"{shown} stands alone in its parentheses" if step == "open" else f"{shown}{mark} stays as it is"


def _result(a: Number, operator: str, b: Number, text: str, at: int, ruler: int) -> tuple[Number, int]:
    """The number that the working at `at` of a row comes to, and where it ends. _Wrong where it does not hold."""
    sum_ = f"{natural(a)}{operator}{natural(b)}"
    match = _WORKING.match(text, at)
    ended = _ENDED.fullmatch(match[1]) if match else None
    if match is None or ended is None:
        raise _Wrong(f"{sum_} has to be worked out, found {text[at : at + 20]!r}")
    working, crossed = ended.groups()
    try:
        if operator in "+-":
            result = _sum(a, b if operator == "+" else b._replace(negative=not b.negative), working)
        elif operator == "*":
            result = _product(a, b, working)
        else:
            result = _quotient(a, b, working, ruler)
    except _Wrong as wrong:
        raise _Wrong(f"in {sum_}: {wrong}") from None
    zeros = len(result.digits) - len(result.digits.rstrip("0") or "0")
    if len(crossed) != zeros:
        raise _Wrong(f"in {sum_}: {zeros} zeros are crossed out, not {len(crossed)}")
    cut = max(0, result.places - ruler)
    return Number(str(number(result.digits) // 10**cut), result.places - cut, result.negative), match.end()


def _sum(a: Number, b: Number, working: str) -> _Result:
    """Of a + b."""
    match = _SUM.fullmatch(working)
    if match is None:
        raise _Wrong(f"{working!r} is no sum and no difference")
    sign, dots, digits, dots_below, below = match.groups()
    places = max(a.places, b.places)
    width = max(top(a), top(b)) + places
    left, right = (int(value.digits) * 10 ** (places - value.places) for value in (a, b))
    adds = a.negative == b.negative
    if (sign == "+") != adds:
        raise _Wrong(f"the sizes are {'added' if adds else 'subtracted'}")
    if {len(text) for text in (dots, dots_below) if text is not None} != {places}:
        raise _Wrong(f"a number has not {places} places after the point")
    true = left + right if adds else (left - right) % 10**width
    if len(digits) != (max(width, len(str(true))) if adds else width):
        raise _Wrong(f"a number has not {width} places")
    if number(digits) != true:
        modulo = "" if adds else f" modulo 10^{width}"
        raise _Wrong(f"{left} {'+' if adds else '-'} {right} is {true}{modulo}, not {number(digits)}")
    if (below is not None) != (not adds and left < right):
        raise _Wrong(f"the difference is {'not ' * (left >= right)}below zero")
    if below is None:
        return _Result(digits, places, a.negative)
    if len(below) != width or number(below) != right - left:
        raise _Wrong(f"its size is {right - left} in {width} places, not {number(below)}")
    return _Result(below, places, not a.negative)


def _product(a: Number, b: Number, working: str) -> _Result:
    match = _PRODUCT.fullmatch(working)
    if match is None:
        raise _Wrong(f"{working!r} is no long multiplication")
    lines, dots_a, dots_b, total = match.groups()
    if fault := check_lines(int(a.digits), int(b.digits), lines + total):
        raise _Wrong(fault.why)
    if (len(dots_a), len(dots_b)) != (a.places, b.places):
        raise _Wrong(f"{a.places} and {b.places} places after the points, not {len(dots_a)} and {len(dots_b)}")
    return _Result(total, a.places + b.places, a.negative != b.negative)


def _quotient(a: Number, b: Number, working: str, ruler: int) -> _Result:
    multiples, divisor = MULTIPLES.match(working, 1), int(b.digits)
    if not working.startswith("/") or multiples is None:
        raise _Wrong(f"{working!r} does not begin with three multiples of {divisor}")
    if why := multiples_fault(multiples, divisor):
        raise _Wrong(why)
    dividend, at = "." * a.places + "<" * b.places + a.digits[::-1] + "\\", multiples.end()
    if not working.startswith(dividend, at):
        raise _Wrong(f"the dividend is written {dividend!r}, not {working[at : at + len(dividend)]!r}")
    at += len(dividend)
    place = len(a.digits) - a.places + b.places
    rest, quotient, left = 0, "", a.digits
    while True:
        line = LINE.match(working, at)
        if line is None or line["mark"] != "|":
            raise _Wrong(f"{working[at : at + 20]!r} is no line that brings down a digit")
        if why := line_fault(line, left[:1] or "0", rest, divisor, last=bool(line["last"])):
            raise _Wrong(why)
        rest, quotient, left, at = number(line["rest"]), line["quotient"] + quotient, left[1:], line.end()
        ends = place == 1 - ruler or (place <= 1 and rest == 0 and not left)
        if bool(line["last"]) != ends:
            raise _Wrong(f"the division {'ends' if ends else 'goes on'} after place {place}")
        if ends:
            break
        place -= 1
    places = max(0, 1 - place)
    if working[at:] != "." * places + quotient:
        raise _Wrong(f"the quotient is written {'.' * places + quotient!r}, not {working[at:]!r}")
    return _Result(quotient, places, a.negative != b.negative)
