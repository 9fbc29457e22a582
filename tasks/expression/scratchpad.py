r"""The page of a whole expression, reduced row by row until one number is left.

    expression  (12+34)*5-6, to no decimals
    page        ....@[21+43]*5-6=[{+64\}64]*5-6=%64*5-6={*5!032_^032\}032-6={-422\}422$     reads 224

The prompt is a `.` for each decimal that results keep, `@`, and the first row. Each further row is written field by field from
the row before:

    %               where `[` and `]` stand around one number: the number without them
    {scratchpad}    where two numbers can be computed: their result
    anything else   as it was

All places where a row can be reduced are reduced in it. A row ends with `=`, or with `$` where only one number is left. The
scratchpad of an operation ends with `\`, an `x` for each leading zero that the result drops, and `}`. It begins with, for the
sizes a and b of the two numbers:

    {+ a+b          {- a-b, or {- a-b modulo a power of ten ~ b-a
    {* digit : product _ total ; ... digit ! product _ dots of a ^ dots of b total          (arithmetic/multiplication.py)
    {/ 2b ' 4b " 8b & dots of a, a `<` for each decimal of b, a \ a line a digit > quotient (arithmetic/division.py)

The lines of a division go on past the end of the dividend, down to the last kept decimal or until nothing is left. Where b is
zero the page ends with `{/?$`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from tasks.arithmetic.long_division import TRIALS
from tasks.expression.page_rows import Field, Number, operands_of, reduction_steps
from tasks.page_grammar import (
    BEGIN_SCRATCHPAD,
    COLUMN,
    CROSS_OUT,
    DROP_PARENTHESES,
    END_SCRATCHPAD,
    EQUALS,
    JOIN_DOTS,
    LAST_COLUMN,
    NEW_LINE,
    POINT,
    POINT_UP,
    RESULT_COLUMN,
    TURN,
)

BY_ZERO_ENDING = BEGIN_SCRATCHPAD + "/?"
"""What a page ends with that divides by zero."""

_TRIALS = [(factor, marks[0], marks[1]) for factor, marks in TRIALS]


def complete_page(row: Sequence[Field], kept_decimals: int) -> tuple[str, Number | None]:
    """Write what follows the prompt.

    Args:
        row: the first row
        kept_decimals: the decimals to which results are cut

    Returns:
        The text without the stop, and the last number; None after a division by zero.
    """
    texts: list[str] = []
    while True:
        next_row: list[Field] = []
        for kind, index in reduction_steps(row):
            field = row[index]
            if kind == "unwrap":
                field = Field(row[index + 1].number, row[index + 2].mark)
                texts.append(DROP_PARENTHESES)
            elif kind == "compute":
                scratchpad, result = compute(*operands_of(row, index), kept_decimals)
                texts.append(scratchpad)
                if result is None:
                    return "".join(texts), None
                field = Field(result, row[index + 1].mark)
            next_row.append(field)
            texts.append(field.on_page)
        row = next_row
        if len(row) == 1:
            return "".join(texts).removesuffix(EQUALS), row[0].number


def compute(a: Number, operator: str, b: Number, kept_decimals: int) -> tuple[str, Number | None]:
    """Compute `a operator b`.

    Returns:
        The scratchpad and the result. None where b is a divisor of zero: the scratchpad then ends the page.
    """
    if operator in "+-":
        return _compute_sum(a, b if operator == "+" else b._replace(negative=not b.negative), kept_decimals)
    negative = a.negative != b.negative
    if operator == "*":
        lines, total = _product_lines(a, b)
        return _finish("*" + lines, total, a.decimals + b.decimals, negative, kept_decimals)
    if b.digits == "0":
        return BY_ZERO_ENDING, None
    lines, quotient, decimals = _quotient_lines(a, b, kept_decimals)
    return _finish("/" + lines, quotient, decimals, negative, kept_decimals)


def _finish(text: str, last: str, decimals: int, negative: bool, kept_decimals: int) -> tuple[str, Number]:
    """Close a scratchpad; `last` holds the digits of its last number, least significant first."""
    significant = last.rstrip("0") or "0"
    cut = max(0, decimals - kept_decimals)
    result = Number((significant[cut:] or "0")[::-1], decimals - cut, negative)
    dropped = CROSS_OUT * (len(last) - len(significant))
    return BEGIN_SCRATCHPAD + text + TURN + dropped + END_SCRATCHPAD, result


def _compute_sum(a: Number, b: Number, kept_decimals: int) -> tuple[str, Number]:
    """Compute a + b; their signs decide whether the sizes are added or subtracted."""
    decimals = max(a.decimals, b.decimals)
    width = max(a.top_place, b.top_place) + decimals
    left, right = (int(number.digits) * 10 ** (decimals - number.decimals) for number in (a, b))
    dots = POINT * decimals
    if a.negative == b.negative:
        total = _reversed_digits(left + right, width)
        return _finish("+" + dots + total, total, decimals, a.negative, kept_decimals)
    difference = _reversed_digits((left - right) % 10**width, width)
    text = "-" + dots + difference
    if left >= right:
        return _finish(text, difference, decimals, a.negative, kept_decimals)
    size = _reversed_digits(right - left, width)
    return _finish(text + "~" + dots + size, size, decimals, not a.negative, kept_decimals)


def _product_lines(a: Number, b: Number) -> tuple[str, str]:
    """Return the lines of a long multiplication, and the digits of its last total."""
    factor, width, running, total = int(a.digits), len(a.digits) + 1, 0, ""
    lines = []
    for place, digit in enumerate(reversed(b.digits)):
        product = factor * int(digit)
        running += product * 10**place
        total = _reversed_digits(running, width + place)
        last = place == len(b.digits) - 1
        dots = POINT * a.decimals + JOIN_DOTS + POINT * b.decimals if last else ""
        lines.append(f"{digit}{LAST_COLUMN if last else COLUMN}{_reversed_digits(product, width)}_{dots}{total}")
    return NEW_LINE.join(lines), total


def _quotient_lines(a: Number, b: Number, kept_decimals: int) -> tuple[str, str, int]:
    """Return the lines of a long division, the digits of its quotient, and how many of them are decimals."""
    divisor, width = int(b.digits), len(b.digits) + 1
    multiples = "".join(_reversed_digits(factor * divisor, width) + mark for factor, mark in ((2, "'"), (4, '"'), (8, "&")))
    dividend = POINT * a.decimals + POINT_UP * b.decimals + a.digits[::-1] + TURN
    place = len(a.digits) - a.decimals + b.decimals  # of the digit brought down; the ones are place 1
    lines: list[str] = []
    quotient, rest = "", 0
    for digit in _with_endless_zeros(a.digits):
        line, rest, quotient_digit = _division_line(digit, rest, divisor, width)
        lines.append(line)
        quotient = str(quotient_digit) + quotient
        if place == 1 - kept_decimals or (place <= 1 and rest == 0 and len(lines) >= len(a.digits)):
            break
        place -= 1
    decimals = max(0, 1 - place)
    return f"{multiples}{dividend}{NEW_LINE.join(lines)}>{POINT * decimals}{quotient}", quotient, decimals


def _division_line(digit: str, rest: int, divisor: int, width: int) -> tuple[str, int, int]:
    """Bring a digit down to the rest; returns the line, the new rest and the digit of the quotient."""
    rest, modulus = 10 * rest + int(digit), 10**width
    texts, quotient_digit = [f"{digit}|{_reversed_digits(rest, width)}("], 0
    for factor, negative_mark, fits_mark in _TRIALS:
        difference = rest - factor * divisor
        texts.append(_reversed_digits(difference % modulus, width) + (fits_mark if difference >= 0 else negative_mark))
        if difference >= 0:
            rest, quotient_digit = difference, quotient_digit + factor
    return f"{''.join(texts)}{_reversed_digits(rest, width)}{RESULT_COLUMN}{quotient_digit}", rest, quotient_digit


def _with_endless_zeros(digits: str) -> Iterator[str]:
    yield from digits
    while True:
        yield "0"


def _reversed_digits(value: int, width: int) -> str:
    """Write a natural number least significant digit first, with leading zeros up to the width."""
    return str(value)[::-1].ljust(width, "0")
