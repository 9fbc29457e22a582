"""Scratchpads of base conversion, written for a whole batch at once: short divisions, and Horner's rule with its carries.

    29^5P015=01^5P000           255 to base 16
    ;^5=10P51;^5=920P552;       ff from base 16

Digits are arrays int64 (n, w): a row for each problem, in the order in which they are written.
"""

from __future__ import annotations

import re

import numpy as np
from numpy.typing import NDArray

from tasks.core.ragged import Ints, Ragged, marks
from tasks.page_grammar import EQUALS, JOIN_DOTS, NEW_LINE

MIN_BASE, MAX_BASE = 2, 16
BASE_LETTERS = "BCDEFGHIJKLMNOP"
"""The letters that stand for the bases 2 to 16 on the page."""
TEN = JOIN_DOTS
"""The mark before a digit on the page that adds 10 to it: `^5` is the one digit 15."""
NO_DIGIT = -1
"""What stands in an array where a number has no digit."""

_DIGIT = re.compile(r"\^[0-5]|[0-9]")


def page_digit(digit: int) -> str:
    """Return a digit from 0 to 15 as it stands on the page."""
    return f"{TEN}{digit - 10}" if digit > 9 else str(digit)


def read_digits(text: str) -> list[int]:
    """Return the digits of a number on the page."""
    return [int(digit.replace(TEN, "1")) for digit in _DIGIT.findall(text)]


def base_letter(base: int) -> str:
    """Return the letter that stands for a base."""
    return BASE_LETTERS[base - MIN_BASE]


def division_lines(number: Ints, lengths: Ints, base: Ints) -> list[Ragged | str]:
    """Write the lines in which numbers are divided by the base until nothing is left.

    Args:
        number: int64 (n, w), most significant digit first
        lengths: int64 (n,), the digits of each number; 0 where nothing is written
        base: int64 (n,)

    Returns:
        The parts of the pages.
    """
    parts: list[Ragged | str] = []
    inside = np.arange(number.shape[1]) < lengths[:, None]
    active = lengths > 0
    while active.any():
        rests, quotients = np.zeros_like(number), np.zeros_like(number)
        rest = np.zeros_like(base)
        for k, column in enumerate(number.T):
            quotients[:, k], rest = np.divmod(10 * rest + np.where(inside[:, k], column, 0), base)
            rests[:, k] = rest
        written, number = inside & active[:, None], quotients
        has_more = active & (quotients * inside).any(axis=1)
        parts += [*digit_parts(rests, written), letter_part(base, active), *digit_parts(quotients, written)]
        parts.append(marks(EQUALS, has_more))
        active = has_more
    return parts


def horner_lines(number: Ints, lengths: Ints, base: Ints) -> list[Ragged | str]:
    """Write the lines in which a value is multiplied by the base and the next digit added; shapes as in `division_lines`."""
    parts: list[Ragged | str] = []
    value = np.full((len(number), 0), NO_DIGIT)
    for k, digit in enumerate(number.T):
        active = lengths > k
        if not active.any():
            break
        carries, value = _multiply_and_add(value, digit, active, base)
        parts += [marks(NEW_LINE, active), *digit_parts(digit[:, None], active[:, None]), marks(EQUALS, active)]
        parts += [*digit_parts(carries, carries != NO_DIGIT), letter_part(base, active)]
        parts += digit_parts(value, value != NO_DIGIT)
    return [*parts, marks(NEW_LINE, lengths > 0)]


def _multiply_and_add(value: Ints, digit: Ints, active: NDArray[np.bool_], base: Ints) -> tuple[Ints, Ints]:
    """Return the carries of value * base + digit, and its digits; int64 (n, w), least significant digit first."""
    carry, column = digit, 0
    carries: list[Ints] = []
    digits: list[Ints] = []
    while True:
        above = value[:, column] if column < value.shape[1] else np.full(len(digit), NO_DIGIT)
        goes_on = active & ((above != NO_DIGIT) | (carry > 0) | (column == 0))
        if not goes_on.any():
            return np.stack(carries, axis=1), np.stack(digits, axis=1)
        carry, left = np.divmod(np.maximum(above, 0) * base + carry, 10)
        carries.append(np.where(goes_on, carry, NO_DIGIT))
        digits.append(np.where(goes_on, left, NO_DIGIT))
        column += 1


def digit_parts(values: Ints, here: NDArray[np.bool_]) -> list[Ragged | str]:
    """Write digits from 0 to 15, where `here` says that there is one; int64 and bool (n, w)."""
    parts: list[Ragged | str] = []
    for column, written in zip(values.T, here.T, strict=True):
        codes = (column % 10 + ord("0")) * written
        parts += [marks(TEN, written & (column > 9)), Ragged(codes.astype(np.uint8)[:, None], written.astype(np.int64))]
    return parts


def letter_part(base: Ints, here: NDArray[np.bool_]) -> Ragged:
    """Write the letter of each base, where `here` says so; int64 and bool (n,)."""
    return Ragged(((base - MIN_BASE + ord(BASE_LETTERS[0])) * here).astype(np.uint8)[:, None], here.astype(np.int64))
