"""The workings of tasks/conversion.py, made for a whole batch at once: short divisions, and Horner's rule with its carries.

    29^5P015=01^5P000           of 255 to base 16
    ;^5=10P51;^5=920P552;       of ff from base 16

Digits come in arrays: int64 (n, w), a row for each problem, in the order in which they are written.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from tasks.core.ragged import Ints, Ragged, marks

LEAST, MOST = 2, 16
LETTERS = "BCDEFGHIJKLMNOP"
"""The bases on the page."""
NOTHING = -1
"""What stands in an array where a number has no digit."""


def divisions(number: Ints, length: Ints, base: Ints) -> list[Ragged | str]:
    """The lines in which a number is divided until nothing is left of it.

    number: int64 (n, w), most significant digit first; length: int64 (n,), 0 where there is none; base: int64 (n,)
    """
    parts: list[Ragged | str] = []
    inside = np.arange(number.shape[1]) < length[:, None]
    here = length > 0
    while here.any():
        rests, quotients = np.zeros_like(number), np.zeros_like(number)
        rest = np.zeros_like(base)
        for k, column in enumerate(number.T):
            quotients[:, k], rest = np.divmod(10 * rest + np.where(inside[:, k], column, 0), base)
            rests[:, k] = rest
        shown, number = inside & here[:, None], quotients
        more = here & (quotients * inside).any(axis=1)
        parts += [*row(rests, shown), letters(base, here), *row(quotients, shown), marks("=", more)]
        here = more
    return parts


def additions(number: Ints, length: Ints, base: Ints) -> list[Ragged | str]:
    """The lines in which a number is multiplied by the base and the next digit added; shapes as of `divisions`."""
    n, parts = len(number), []
    value = np.full((n, 0), NOTHING)
    for k, digit in enumerate(number.T):
        here = k < length
        carry, column, carries, digits = digit, 0, [], []
        while True:
            above = value[:, column] if column < value.shape[1] else np.full(n, NOTHING)
            goes_on = here & ((above != NOTHING) | (carry > 0) | (column == 0))
            if not goes_on.any():
                break
            carry, left = np.divmod(np.maximum(above, 0) * base + carry, 10)
            carries.append(np.where(goes_on, carry, NOTHING))
            digits.append(np.where(goes_on, left, NOTHING))
            column += 1
        if not carries:
            break
        carried, value = np.stack(carries, axis=1), np.stack(digits, axis=1)
        parts += [marks(";", here), *row(digit[:, None], here[:, None]), marks("=", here)]
        parts += [*row(carried, carried != NOTHING), letters(base, here), *row(value, value != NOTHING)]
    return [*parts, marks(";", length > 0)]


def row(values: Ints, here: NDArray[np.bool_]) -> list[Ragged | str]:
    """Digits from 0 to 15 as they are written, `here` where there is one; int64 and bool (n, w)."""
    parts: list[Ragged | str] = []
    for column, written in zip(values.T, here.T, strict=True):
        codes = (column % 10 + ord("0")) * written
        parts += [marks("^", written & (column > 9)), Ragged(codes.astype(np.uint8)[:, None], written.astype(np.int64))]
    return parts


def letters(base: Ints, here: NDArray[np.bool_]) -> Ragged:
    """The letter of each base, in the rows of `here`."""
    return Ragged(((base - LEAST + ord(LETTERS[0])) * here).astype(np.uint8)[:, None], here.astype(np.int64))
