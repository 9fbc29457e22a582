r"""The marks of a page: every character that a task writes, and what it does.

A page is one string of characters. The digits form numbers; almost every other character is a mark that closes the number
before it. Tasks write the marks. The coordinate schemes (arithgpt/models/positions/) read from this module what a mark does to
the cell of the next character; they do not know which task is on the page.

Roles with an effect on coordinates have a named constant below. `MARKS` describes every character, once.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

DIGITS: Final = "0123456789"

STOP: Final = "$"
"""The last character of every page."""
EQUALS: Final = "="
"""Ends the prompt. It also ends a row of a page that begins with ROWS_FOLLOW."""
ROWS_FOLLOW: Final = "@"
"""Says that the page has rows of fields: the k-th field of a row follows from a field of the row above."""
ROW_ENDS: Final = EQUALS + ROWS_FOLLOW
"""The marks that end a row."""

NEW_LINE: Final = ";"
"""Begins a line, one place further in than the line before."""
COLUMN: Final = ":"
LAST_COLUMN: Final = "!"
RESULT_COLUMN: Final = "#"
INDENTS: Final = NEW_LINE + COLUMN + LAST_COLUMN + RESULT_COLUMN
"""The marks after which a number begins at the indent of its line, and not at place 1."""

BEGIN_SCRATCHPAD: Final = "{"
END_SCRATCHPAD: Final = "}"
"""Ends the scratchpad of one operation; the two fields before it become one."""
DROP_PARENTHESES: Final = "%"
"""Begins a number that stood alone in parentheses; its three fields become one."""
TURN: Final = "\\"
"""Turns the direction: the number that follows is written downwards from the top place of the number before."""

POINT: Final = "."
"""One for each decimal, before the digits of a number: steps one place down."""
POINT_UP: Final = "<"
"""One for each decimal of a divisor, before the digits of the dividend: steps one place up."""
JOIN_DOTS: Final = "^"
"""Stands between two groups of points that belong to one number; takes no place."""
NEGATIVE: Final = "n"
"""Stands after the digits of a negative number."""
CROSS_OUT: Final = "x"
"""One for each leading zero that a result drops, after TURN: steps one place down."""
WITHIN_NUMBERS: Final = DIGITS + POINT + POINT_UP + JOIN_DOTS + CROSS_OUT + NEGATIVE
"""The characters that stand inside a number. All others close it."""

MARKS: Final[Mapping[str, str]] = MappingProxyType(
    {
        STOP: "ends the page",
        EQUALS: "ends the prompt; ends a row; `base`: before the next quotient",
        ROWS_FOLLOW: "rows of fields follow",
        NEW_LINE: "begins a line, one place further in than the line before",
        COLUMN: "`add`, `mul`: between the digit of a line and its result; `path`: before the node that is asked from",
        LAST_COLUMN: "`mul`: the same on the last line; `add`: before the digit of the sum",
        RESULT_COLUMN: "`add`: before the carry; `div`: before the digit of the quotient",
        BEGIN_SCRATCHPAD: "begins the scratchpad of one operation",
        END_SCRATCHPAD: "ends the scratchpad of one operation",
        DROP_PARENTHESES: "begins a number that stood alone in parentheses",
        TURN: "the next number is written downwards from the top of the number before",
        POINT: "a decimal; `rewrite`: between two rules",
        POINT_UP: "a decimal of the divisor; `gcd`: the first number is less",
        JOIN_DOTS: "joins two groups of points; `base`: `^5` is the one digit 15",
        NEGATIVE: "the number is negative; `path`: no node is reached by this edge",
        CROSS_OUT: "crosses out a leading zero",
        "+": "addition; `path`: the node asked for is reached",
        "-": "subtraction; `path`: no further node is reached",
        "*": "multiplication",
        "/": "division; `gcd`: the first number is 0",
        "[": "opens a parenthesis",
        "]": "closes a parenthesis",
        "~": "before the size of a difference below zero; `gcd`: both numbers are equal, or the second is 0",
        "_": "before a running total; between two numbers",
        ",": "between states; `div`: before a remainder that is shorter than the divisor; `gcd`: doubled",
        "?": "a division by zero; before what is asked, or compared",
        "'": "after twice the divisor",
        '"': "after four times the divisor",
        "&": "after eight times the divisor; `gcd`: both numbers are even",
        "|": "`div`: before the remainder with a digit brought down",
        "(": "before the trial subtractions; `gcd`: the first number is even; `base`: conversion to decimal",
        ")": "`gcd`: the second number is even",
        "r": "before the remainder of a division",
        ">": "before the result of a long division or column addition; `gcd`: the first number is more; `rewrite`, `path`: to",
        **{fits: f"{factor} times the divisor fits" for fits, factor in zip("ABCD", (8, 4, 2, 1), strict=True)},
        **{less: f"{factor} times the divisor does not fit" for less, factor in zip("abcd", (8, 4, 2, 1), strict=True)},
    }
)
"""What each mark says. Where a task uses a mark for something of its own, the task's name stands before it.

Two tasks write letters as well: `base` writes the base as one of `BCDEFGHIJKLMNOP` (2 to 16), `add` with index hints writes a
lower-case letter before each digit.
"""
