r"""Rows of an expression's page: numbers, fields, and what can be reduced in a row.

    expression  (12+34)*5-6
    row         [21+43]*5-6=

A row is a string of fields: a number (or none) and the mark after it. Numbers stand least significant digit first: a `.` for
each decimal, the digits, `n` if the number is negative. So -12.375 is `...57321n` and 0.05 is `..5`. `[` and `]` are
parentheses. A minus before a parenthesis stands as `[1n*[`...`]]`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Literal, NamedTuple, TypeAlias

from tasks.page_grammar import EQUALS, NEGATIVE, POINT, ROWS_FOLLOW

_PRECEDENCE = {"+": 1, "-": 1, "*": 2, "/": 2}
_TOKEN = re.compile(r"[0-9.]+|[-+*/()]")


class Number(NamedTuple):
    """A number of a page."""

    digits: str
    """Most significant first, without the point and without leading zeros."""
    decimals: int
    """How many of the digits stand after the point; there may be fewer digits than decimals."""
    negative: bool

    @property
    def on_page(self) -> str:
        """The number as it stands on the page, least significant digit first."""
        return POINT * self.decimals + self.digits[::-1] + NEGATIVE * self.negative

    @property
    def text(self) -> str:
        """The number as people write it."""
        digits = self.digits.zfill(self.decimals + 1)
        whole = len(digits) - self.decimals
        return "-" * self.negative + (f"{digits[:whole]}.{digits[whole:]}" if self.decimals else digits)

    @property
    def top_place(self) -> int:
        """The highest place that the number has; the ones are place 1. A number with decimals reaches up to 0 at least."""
        place = len(self.digits) - self.decimals
        return max(place, 0) if self.decimals else place


class Field(NamedTuple):
    """A number, or none, and the mark after it."""

    number: Number | None
    mark: str

    @property
    def on_page(self) -> str:
        """The field as it stands on the page."""
        return (self.number.on_page if self.number else "") + self.mark


StepKind: TypeAlias = Literal["copy", "unwrap", "compute"]
Step: TypeAlias = tuple[StepKind, int]
"""What the next row makes of fields (copies one, takes a number out of its parentheses, or computes), and the first of them."""

MINUS_ONE = Number("1", 0, True)


def first_row(expression: str) -> list[Field]:
    """Return the fields of an expression in its plain form."""
    row: list[Field] = []
    number: Number | None = None
    negative, expects_operand = False, True
    open_negative: list[bool] = []  # of each open parenthesis: whether a minus stands before it
    for token in _TOKEN.findall(expression):
        if token == "(":
            row += [Field(None, "["), Field(MINUS_ONE, "*")] if negative else []
            row.append(Field(None, "["))
            open_negative.append(negative)
            negative, expects_operand = False, True
        elif token == ")":
            row.append(Field(number, "]"))
            row += [Field(None, "]")] if open_negative.pop() else []
            number, expects_operand = None, False
        elif token in _PRECEDENCE and expects_operand:
            negative = token == "-"
        elif token in _PRECEDENCE:
            row.append(Field(number, token))
            number, expects_operand = None, True
        else:
            whole, _, fraction = token.partition(".")
            number = Number((whole + fraction).lstrip("0") or "0", len(fraction), negative)
            negative = expects_operand = False
    return [*row, Field(number, EQUALS)]


def prompt_of(row: Sequence[Field], kept_decimals: int) -> str:
    """Return the prompt of a page.

    Args:
        row: the first row
        kept_decimals: the decimals to which results are cut; the prompt begins with a `.` for each
    """
    return POINT * kept_decimals + ROWS_FOLLOW + "".join(field.on_page for field in row)


def operands_of(row: Sequence[Field], index: int) -> tuple[Number, str, Number]:
    """Return the left number, the operator and the right number of a step that computes."""
    (left, operator), (right, _) = row[index : index + 2]
    assert left is not None
    assert right is not None
    return left, operator, right


def reduction_steps(row: Sequence[Field]) -> Iterator[Step]:
    """Yield what is done to a row, from left to right: everything that can be reduced is reduced."""
    index, mark_before = 0, ""
    while index < len(row):
        number, mark = row[index]
        number_after, mark_after = row[index + 1] if index + 1 < len(row) else (None, "")
        if mark == "[" and mark_after == "]":
            yield "unwrap", index
            index += 2
        elif number and number_after and _is_computed(mark_before, mark, mark_after):
            yield "compute", index
            index += 1
        else:
            yield "copy", index
        mark_before = row[index].mark
        index += 1


def _is_computed(before: str, operator: str, after: str) -> bool:
    """Whether two numbers are computed: their operator binds more than the one before, and not less than the one after."""
    binds = _PRECEDENCE.get(before, 0) < _PRECEDENCE.get(operator, 0) >= _PRECEDENCE.get(after, 0)
    return binds and before != "]" and after != "["
