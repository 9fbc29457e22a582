"""Draw a single division of an expression as it is written at school, with decimals: 7.5/1.2

     6.25
   -----
12 ) 75.00
     72       6 * 12
     --
      3.0
      2.4     2 * 12
      ---
       .60
       .60    5 * 12
       ---
         0   remainder
"""

from __future__ import annotations

import re

from tasks.arithmetic.long_division import LINE, MULTIPLES, TRIALS
from tasks.core.scratchpad import Row, number, rule
from tasks.expression.page_rows import Number
from tasks.page_grammar import BEGIN_SCRATCHPAD, TURN


def render_division(a: Number, b: Number, written: str) -> list[Row]:
    """Draw the complete lines of the scratchpad of a/b, without signs.

    Both points are moved until the divisor is a whole number. Each line stands in the columns of its digits, so it is true as
    it stands.

    Args:
        a: the dividend
        b: the divisor
        written: a row of the page that begins with the scratchpad; it may be unfinished or wrong

    Returns:
        The rows of the drawing; none where no line is complete.
    """
    multiples = MULTIPLES.match(written, 2) if written.startswith(BEGIN_SCRATCHPAD + "/") else None
    turn = written.find(TURN, multiples.end()) if multiples else -1
    if multiples is None or turn < 0:
        return []
    lines = list(LINE.finditer(written, turn))
    if not lines or lines[0].start() != turn + 1:
        return []
    columns = _Columns(a, b, len(lines))
    head = f"{b.digits} ) {columns.align(columns.dividend, len(columns.dividend) - 1).strip()}"
    rows = [Row(head, "given")]
    multiples_of_b = {1: int(b.digits)} | {
        factor: number(text) for factor, text in zip((2, 4, 8), multiples.groups(), strict=True)
    }
    for column, line in enumerate(lines, columns.leading_zeros):
        if line["rest"] is not None and line["quotient"] != "0":
            rows += _subtraction(line, column, columns, multiples_of_b, first=len(rows) == 1)
    last_column = columns.leading_zeros + len(lines) - 1
    if lines[-1]["last"]:
        rest = str(number(lines[-1]["rest"] or lines[-1]["brought"]))
        rows.append(Row(columns.align(rest, last_column), "working", "remainder"))
    quotient = "0" * columns.leading_zeros + "".join(line["quotient"] for line in lines)
    ones = min(columns.point - 1, len(quotient) - 1)
    shown_quotient = quotient[:ones].lstrip("0") + quotient[ones:]
    above = Row(columns.align(shown_quotient, len(quotient) - 1), "working")
    return [above, rule(len(head) - columns.indent, columns.indent), *rows]


def _subtraction(
    line: re.Match[str], column: int, columns: _Columns, multiples_of_b: dict[int, int], *, first: bool
) -> list[Row]:
    """Draw what one line takes away; the first line does not repeat the dividend above it."""
    brought = str(number(line["brought"]))
    taken = str(sum(multiples_of_b[factor] for factor, marks in TRIALS if line[f"sign{factor}"] == marks[1]))
    rows = [] if first else [Row(columns.align(brought, column), "working")]
    rows.append(Row(columns.align(taken, column), "working", f"{line['quotient']} * {columns.divisor}"))
    widest = columns.align(max(brought, taken, key=len), column)
    width = len(widest.strip())
    return [*rows, rule(width, len(widest) - width)]


class _Columns:
    """Where the digits of a division stand.

    dividend: the digits of the dividend, with zeros before them where it is less than one, and after them as far as lines go
    point: how many digits of the dividend stand before its point
    """

    def __init__(self, a: Number, b: Number, n_lines: int) -> None:
        whole = len(a.digits) - a.decimals + b.decimals
        self.divisor = b.digits
        self.leading_zeros = max(0, 1 - whole)
        self.point = whole + self.leading_zeros
        self.dividend = "0" * self.leading_zeros + a.digits.ljust(max(n_lines, whole), "0")
        self.indent = len(b.digits) + 3

    def align(self, digits: str, last: int) -> str:
        """Indent digits so that the last of them stands in the column of digit `last` of the dividend, with the point."""
        first = last - len(digits) + 1
        if first > self.point or last < self.point or digits == "0":
            return " " * (self.indent + first + (first > self.point)) + digits
        return " " * (self.indent + first) + digits[: self.point - first] + "." + digits[self.point - first :]
