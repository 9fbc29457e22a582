"""Schoolbook arithmetic on arrays of decimal digits: any length, vectorised over the rows of a batch.

A number is a row of digits, least significant first, without leading zeros (zero itself is the one digit 0):

    [[5, 4, 0], [7, 8, 9]]  lengths [2, 3]      the numbers 45 and 987

No number becomes a Python or NumPy integer, so nothing overflows. The tests compare every operation with Python integers.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from tasks.core.ragged import Bools, Bytes, Ints, Ragged

ASCII_ZERO = np.uint8(ord("0"))


def from_ints(numbers: Sequence[int]) -> Ragged:
    """The digits of non-negative Python integers.

    Raises:
        ValueError: a number is negative.
    """
    if any(number < 0 for number in numbers):
        raise ValueError("digits are those of non-negative integers")
    return from_strings([str(number) for number in numbers])


def from_strings(numbers: Sequence[str]) -> Ragged:
    """The digits of decimal strings without leading zeros, written as people write them, most significant digit first."""
    codes = Ragged.from_strings([number[::-1] for number in numbers])
    return Ragged(np.where(codes.filled, codes.values - ASCII_ZERO, 0).astype(np.uint8), codes.lengths)


def to_strings(numbers: Ragged) -> list[str]:
    """The numbers as people write them, most significant digit first; the inverse of `from_strings`."""
    return reverse(characters(numbers)).to_strings()


def from_array(numbers: Ints) -> Ragged:
    """The digits of natural numbers below 10^18; int64 (n,)."""
    width = len(str(int(numbers.max(initial=0))))
    return significant((numbers[:, None] // 10 ** np.arange(width) % 10).astype(np.uint8))


def to_array(numbers: Ragged) -> Ints:
    """The values of numbers of at most 18 digits, int64 (n,); the inverse of `from_array`."""
    values: Ints = (numbers.values * 10 ** np.arange(numbers.values.shape[1])).sum(axis=1)
    return values


def characters(numbers: Ragged) -> Ragged:
    """The digits as ASCII characters, still least significant first."""
    return Ragged(numbers.values + ASCII_ZERO, numbers.lengths)


def column(numbers: Bytes, place: int) -> Ragged:
    """One column of digits as ASCII characters, one in each row.

    Args:
        numbers: uint8 (n, w), digits.
        place: index of the column.
    """
    return Ragged(numbers[:, place : place + 1] + ASCII_ZERO, np.ones(len(numbers), np.int64))


def reverse(rows: Ragged) -> Ragged:
    """Each row back to front within its own length."""
    width = rows.values.shape[1]
    # Reversing the whole matrix leaves each row right-aligned; rolling it back left is a gather with an offset a row.
    columns = (rows.lengths[:, None] - 1 - np.arange(width)) % max(width, 1)
    values = np.take_along_axis(rows.values, columns, axis=1)
    return Ragged(np.where(rows.filled, values, 0).astype(np.uint8), rows.lengths)


def significant(values: Bytes) -> Ragged:
    """Rows of digits, uint8 (n, w), without their leading zeros; zero keeps one digit."""
    width = values.shape[1]
    leading = np.argmax(values[:, ::-1] != 0, axis=1)
    lengths = np.where(values.any(axis=1), width - leading, 1)
    return Ragged(values, lengths)


def pad(numbers: Ragged, widths: Ints) -> Ragged:
    """The numbers with leading zeros up to `widths` (n,) digits; a longer number stays as it is."""
    lengths = np.maximum(numbers.lengths, widths)
    return Ragged(numbers.widened(int(lengths.max(initial=0))), lengths)


def fit(numbers: Ragged, widths: Ints) -> Ragged:
    """The numbers in exactly `widths` (n,) digits: with leading zeros, or without their topmost digits."""
    width = int(widths.max(initial=0))
    values = numbers.widened(width)[:, :width] * (np.arange(width) < widths[:, None])
    return Ragged(values.astype(np.uint8), widths)


def add(a: Ragged, b: Ragged) -> Ragged:
    """a + b, column by column with a carry."""
    width = max(a.values.shape[1], b.values.shape[1])
    # One column is one contiguous row of the transposed matrices, so each of the `width` steps below runs over the batch.
    columns = a.widened(width).T + b.widened(width).T
    total = np.empty((width + 1, len(a)), np.uint8)
    carry = np.zeros(len(a), np.uint8)
    for place in range(width):
        column = columns[place] + carry
        carry = (column > 9).astype(np.uint8)
        total[place] = column - 10 * carry
    total[width] = carry
    return significant(total.T)


def subtract(a: Ragged, b: Ragged, widths: Ints) -> tuple[Ragged, Bools]:
    """(a - b) modulo 10^widths.

    Args:
        widths: int64 (n,), none less than the significant digits of a or b.

    Returns:
        The differences in exactly `widths` digits, and bool (n,), whether a < b.
    """
    width = max(a.values.shape[1], b.values.shape[1], int(widths.max(initial=0)))
    x, y = a.widened(width).T, b.widened(width).T
    difference = np.empty((width, len(a)), np.uint8)
    borrow = np.zeros(len(a), np.uint8)
    for place in range(width):
        taken = y[place] + borrow
        borrow = (taken > x[place]).astype(np.uint8)
        difference[place] = x[place] + 10 * borrow - taken
    difference *= np.arange(width)[:, None] < widths
    return Ragged(difference.T, widths), borrow.astype(bool)


def times(number: Ragged, digit: Bytes) -> Ragged:
    """number * digit, with one digit more than the number has; the top one may be 0.

    Args:
        digit: uint8 (n,), each from 0 to 9.
    """
    columns = number.values.T
    product = np.empty((len(columns) + 1, len(number)), np.uint8)
    carry = np.zeros(len(number), np.uint8)
    for place, column in enumerate(columns):
        value = column * digit + carry  # at most 9 * 9 + 8
        carry = value // 10
        product[place] = value - 10 * carry
    product[-1] = carry
    return Ragged(product.T, number.lengths + 1)


def double(number: Ragged) -> Ragged:
    """2 * number, with one digit more than it has; the top one may be 0."""
    return times(number, np.full(len(number), 2, np.uint8))


def half(number: Ragged) -> Ragged:
    """number // 2, in as many digits as the number has; the top one may be 0."""
    above = np.pad(number.values, ((0, 0), (0, 1)))[:, 1:]
    return Ragged(number.values // 2 + 5 * (above % 2), number.lengths)


def shift(number: Ragged, places: int) -> Ragged:
    """number * 10^places."""
    return Ragged(np.pad(number.values, ((0, 0), (places, 0))), number.lengths + places)


def multiply(a: Ragged, b: Ragged) -> Ragged:
    """a * b, by the rows of long multiplication."""
    total = from_ints([0] * len(a))
    for place in range(b.values.shape[1]):
        total = add(total, shift(times(a, b.values[:, place]), place))
    return significant(total.values)


def running_comparison(a: Ragged, b: Ragged) -> Ragged:
    """How a and b compare in their lowest digits, for one digit, two digits and so on up to the longer number.

    Returns:
        Rows of codes, least significant place first: 0 for =, 1 for <, 2 for >.
    """
    width = np.maximum(a.lengths, b.lengths)
    most = int(width.max(initial=1))
    x, y = a.widened(most), b.widened(most)
    place = np.maximum.accumulate(np.where(x != y, np.arange(1, most + 1), 0), axis=1)  # the last that differed; 0: none
    signs = np.pad(np.where(x < y, 1, 2), ((0, 0), (1, 0)))
    running = np.take_along_axis(signs, place, axis=1) * (np.arange(most) < width[:, None])
    return Ragged(running.astype(np.uint8), width)
