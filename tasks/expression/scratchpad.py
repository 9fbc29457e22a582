r"""The page of a whole expression, reduced row by row until one number is left.

    expression  (12+34)*5-6, no places
    page        ....@[21+43]*5-6=[{+64\}64]*5-6=%64*5-6={*5!032_^032\}032-6={-422\}422$     reads 224

Numbers stand least significant digit first: a `.` for each digit of the fraction, the digits, `n` for a minus. So -12.375 is
`...57321n` and 0.05 is `..5`. The prompt is a ruler, a `.` for each digit of the fraction that results are cut to, `@`, and the
expression with `[` and `]` for parentheses. A minus before a parenthesis stands as `[1n*[`...`]]`.

A row is a string of fields, a number (or none) and the mark after it. The next row is written from it field by field:

    %               where `[` and `]` stand around one number: the number without them
    { working }     where two numbers have an operator that binds more than the one before it and not less than the one after:
                    their result
    anything else   as it was

All places where a row can be reduced are reduced in it. It ends with `=`, and with `$` where only one number is left. A working
ends with `\`, an `x` for each zero on top that is dropped, and `}`; with a and b the sizes of both numbers it is

    {+ a+b          {- a-b, or {- a-b modulo a power of ten ~ b-a
    {* digit : product _ total ; ... digit ! product _ dots of a ^ dots of b total          (tasks/multiplication.py)
    {/ 2b ' 4b " 8b & dots of a, a < for each of b's, a \ a line a digit > quotient         (tasks/division.py)

The lines of a division go on past the end of the dividend, down to the last place of the ruler or until nothing is left. Where
b is zero the page ends with `{/?$`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Literal, NamedTuple, TypeAlias

from tasks.arithmetic.division import TRIALS
from tasks.task import STOP

BINDS = {"+": 1, "-": 1, "*": 2, "/": 2}
"""How strongly operators bind; other marks, and the start of a row, do not."""

_TOKEN = re.compile(r"[0-9.]+|[-+*/()]")


class Number(NamedTuple):
    """A number of a page."""

    digits: str
    """As people write them, without the point and without zeros in front."""
    places: int
    """How many of them are digits of the fraction; there may be fewer digits than places."""
    negative: bool

    @property
    def written(self) -> str:
        return "." * self.places + self.digits[::-1] + "n" * self.negative


Field: TypeAlias = tuple[Number | None, str]
"""A number, or none, and the mark after it."""
Step: TypeAlias = Literal["copy", "open", "work"]

MINUS_ONE = Number("1", 0, True)


def fields(expression: str) -> list[Field]:
    """The first row of an expression in its plain form."""
    found: list[Field] = []
    number: Number | None = None
    minus, begins = False, True  # a sign has been read; a number or parenthesis has to come
    opened: list[bool] = []
    for token in _TOKEN.findall(expression):
        if token == "(":
            found += [(None, "["), (MINUS_ONE, "*")] if minus else []
            found.append((None, "["))
            opened.append(minus)
            minus, begins = False, True
        elif token == ")":
            found.append((number, "]"))
            found += [(None, "]")] if opened.pop() else []
            number, begins = None, False
        elif token in BINDS and begins:
            minus = token == "-"
        elif token in BINDS:
            found.append((number, token))
            number, begins = None, True
        else:
            whole, _, fraction = token.partition(".")
            number = Number((whole + fraction).lstrip("0") or "0", len(fraction), minus)
            minus = begins = False
    return [*found, (number, "=")]


def natural(value: Number) -> str:
    """A number of a page as people write it."""
    digits = value.digits.zfill(value.places + 1)
    cut = len(digits) - value.places
    return "-" * value.negative + (f"{digits[:cut]}.{digits[cut:]}" if value.places else digits)


def line(row: Sequence[Field]) -> str:
    """A row as it stands on the page."""
    return "".join((number.written if number else "") + mark for number, mark in row)


def prompt(row: Sequence[Field], ruler: int) -> str:
    """What is given of a page."""
    return "." * ruler + "@" + line(row)


def steps(row: Sequence[Field]) -> Iterator[tuple[Step, int]]:
    """What is done to a row, from left to right: each step with the index of its first field."""
    at, before = 0, ""
    while at < len(row):
        number, mark = row[at]
        after, mark_after = row[at + 1] if at + 1 < len(row) else (None, "")
        if mark == "[" and mark_after == "]":
            yield "open", at
            at += 2
        elif number and after and BINDS.get(before, 0) < BINDS.get(mark, 0) >= BINDS.get(mark_after, 0):
            if before != "]" and mark_after != "[":
                yield "work", at
                at += 1
            else:
                yield "copy", at
        else:
            yield "copy", at
        before = row[at][1]
        at += 1


def body(row: Sequence[Field], ruler: int) -> tuple[str, Number | None]:
    """What follows the prompt, the stop included, and the last number; None after a division by zero."""
    parts: list[str] = []
    while True:
        following: list[Field] = []
        for step, at in steps(row):
            number, mark = row[at]
            if step == "open":
                number, mark = row[at + 1][0], row[at + 2][1]
                parts.append("%")
            elif step == "work":
                (right, after), left = row[at + 1], number
                assert left is not None
                assert right is not None
                text, number = worked(left, mark, right, ruler)
                parts.append(text)
                if number is None:
                    return "".join(parts), None
                mark = after
            following.append((number, mark))
            parts.append((number.written if number else "") + mark)
        row = following
        if len(row) == 1:
            return "".join(parts)[:-1] + STOP, row[0][0]


def worked(a: Number, operator: str, b: Number, ruler: int) -> tuple[str, Number | None]:
    """The working of `a operator b` and its result; None where b is a divisor of zero, which ends the page."""
    if operator in "+-":
        return _sum(a, b if operator == "+" else b._replace(negative=not b.negative), ruler)
    negative = a.negative != b.negative
    if operator == "*":
        text, total = _product(a, b)
        return _finished("{*" + text, total, a.places + b.places, negative, ruler)
    if b.digits == "0":
        return "{/?" + STOP, None
    text, quotient, places = _quotient(a, b, ruler)
    return _finished("{/" + text, quotient, places, negative, ruler)


def top(number: Number) -> int:
    """The highest place of a number, counted from 1 for the ones; a fraction reaches up to 0 at least."""
    places = len(number.digits) - number.places
    return max(places, 0) if number.places else places


def _finished(text: str, last: str, places: int, negative: bool, ruler: int) -> tuple[str, Number]:
    """The end of a working and its result, from its last number without its dots."""
    kept = last.rstrip("0") or "0"
    cut = max(0, places - ruler)
    result = Number((kept[cut:] or "0")[::-1], places - cut, negative)
    return f"{text}\\{'x' * (len(last) - len(kept))}}}", result


def _sum(a: Number, b: Number, ruler: int) -> tuple[str, Number]:
    """Of a + b, whose signs decide whether sizes are added or subtracted."""
    places = max(a.places, b.places)
    width = max(top(a), top(b)) + places
    left, right = (int(number.digits) * 10 ** (places - number.places) for number in (a, b))
    dots = "." * places
    if a.negative == b.negative:
        total = _digits(left + right, width)
        return _finished("{+" + dots + total, total, places, a.negative, ruler)
    difference = _digits((left - right) % 10**width, width)
    text = "{-" + dots + difference
    if left >= right:
        return _finished(text, difference, places, a.negative, ruler)
    size = _digits(right - left, width)
    return _finished(text + "~" + dots + size, size, places, not a.negative, ruler)


def _product(a: Number, b: Number) -> tuple[str, str]:
    """The lines, and the last total."""
    size, width, so_far, total = int(a.digits), len(a.digits) + 1, 0, ""
    lines = []
    for place, digit in enumerate(reversed(b.digits)):
        product = size * int(digit)
        so_far += product * 10**place
        total = _digits(so_far, width + place)
        last = place == len(b.digits) - 1
        dots = "." * a.places + "^" + "." * b.places if last else ""
        lines.append(f"{digit}{'!' if last else ':'}{_digits(product, width)}_{dots}{total}")
    return ";".join(lines), total


def _quotient(a: Number, b: Number, ruler: int) -> tuple[str, str, int]:
    """The lines and the quotient, and apart from them the quotient's digits and how many of its places are a fraction."""
    divisor, width = int(b.digits), len(b.digits) + 1
    modulus = 10**width
    multiples = "".join(_digits(factor * divisor, width) + mark for factor, mark in ((2, "'"), (4, '"'), (8, "&")))
    dividend = "." * a.places + "<" * b.places + a.digits[::-1] + "\\"
    place = len(a.digits) - a.places + b.places  # of the digit brought down; 1 is that of the ones
    lines: list[str] = []
    quotient, rest = "", 0
    for digit in _endless(a.digits):
        rest = 10 * rest + int(digit)
        parts, total = [f"{digit}|{_digits(rest, width)}("], 0
        for factor, (less, fits) in TRIALS:
            difference = rest - factor * divisor
            parts.append(_digits(difference % modulus, width) + (fits if difference >= 0 else less))
            if difference >= 0:
                rest, total = difference, total + factor
        lines.append(f"{''.join(parts)}{_digits(rest, width)}#{total}")
        quotient = str(total) + quotient
        if place == 1 - ruler or (place <= 1 and rest == 0 and len(lines) >= len(a.digits)):
            break
        place -= 1
    places = max(0, 1 - place)
    return f"{multiples}{dividend}{';'.join(lines)}>{'.' * places}{quotient}", quotient, places


def _endless(digits: str) -> Iterator[str]:
    yield from digits
    while True:
        yield "0"


def _digits(value: int, width: int) -> str:
    """Least significant first, with zeros on top up to the width."""
    return str(value)[::-1].ljust(width, "0")
