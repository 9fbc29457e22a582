"""Random operands: uniform digits, digits with a pattern, and long chains of carries or borrows.

Operands are uniform given their length; uniform values would nearly all have the most digits. Long carry chains are
exponentially rare in uniform digits and are what a model gets wrong last, so a share of problems is made to have one.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

import numpy as np

from tasks.core.ragged import Bools, Ints, Ragged
from tasks.sizes import ProblemSize


def numbers(rng: np.random.Generator, lengths: Ints) -> Ragged:
    """Uniform numbers of exactly `lengths` (n,) digits. The only number of one digit that may be zero is zero itself."""
    n, width = len(lengths), int(lengths.max(initial=1))
    values = rng.integers(0, 10, (width, n), np.uint8)
    top, rows = lengths - 1, np.arange(n)
    values[top, rows] = np.where(lengths > 1, rng.integers(1, 10, n, np.uint8), values[top, rows])
    values *= np.arange(width)[:, None] < lengths
    return Ragged(values.T, lengths)


PATTERNS = ("nines", "power of ten", "zeros inside", "one digit repeated", "nines and zeros")
"""Kinds of numbers that are rare among uniform ones, and that models get wrong last."""


def patterned(rng: np.random.Generator, lengths: Ints) -> Ragged:
    """Numbers of exactly `lengths` (n,) digits; each has one of PATTERNS, uniformly drawn."""
    n = len(lengths)
    plain = numbers(rng, lengths)
    columns = plain.values.T
    at = np.arange(columns.shape[0])[:, None]
    top = at == lengths - 1
    leading = np.maximum(columns[lengths - 1, np.arange(n)], 1)
    kinds = {
        "nines": np.full_like(columns, 9),
        "power of ten": np.where(top, 1, 0),
        "zeros inside": np.where(top | (rng.random(columns.shape) < 0.3), columns, 0),
        "one digit repeated": np.broadcast_to(leading, columns.shape),
        "nines and zeros": np.where(top | (rng.random(columns.shape) < 0.5), 9, 0),
    }
    chosen = rng.integers(0, len(PATTERNS), n)
    values = np.choose(chosen, [kinds[name] for name in PATTERNS]) * (at < lengths)
    return Ragged(values.astype(np.uint8).T, lengths)


def mixed(rng: np.random.Generator, lengths: Ints, share: float) -> Ragged:
    """Uniform numbers of exactly `lengths` (n,) digits, of which the expected `share` is replaced by patterned ones."""
    uniform = numbers(rng, lengths)
    chosen = np.flatnonzero(rng.random(len(lengths)) < share)
    return uniform.replaced(chosen, patterned(rng, lengths[chosen])) if len(chosen) else uniform


def carry_chains(rng: np.random.Generator, a: Ragged, b: Ragged, full: bool = False) -> tuple[Ragged, Ragged]:
    """Change the operands of a + b so that in each row a carry runs through neighbouring columns.

    The first column of the chain makes a carry; the others sum to nine and so pass it on. Where only one number reaches a
    column, its digit becomes 9, as in 999 + 1.

    Args:
        a, b: n numbers each; their lengths stay the same.
        full: the chain runs through every column of the longer number. Otherwise its start and its end are uniformly drawn.
    """
    width = max(a.values.shape[1], b.values.shape[1])
    x, y = a.widened(width).T.copy(), b.widened(width).T.copy()  # (width, n): one column of the sum a row
    longest = np.maximum(a.lengths, b.lengths)
    start = np.zeros_like(longest) if full else rng.integers(0, np.minimum(a.lengths, b.lengths))
    end = longest if full else rng.integers(start, longest) + 1
    column = np.arange(width)[:, None]
    in_a, in_b = column < a.lengths, column < b.lengths
    passes = (start < column) & (column < end)
    x = np.where(passes & ~in_b, 9, x)
    x = np.where(passes & (column == b.lengths - 1) & (x == 9), 8, x)  # b's leading digit, 9 - x, may not be zero
    y = np.where(passes & in_b, np.where(in_a, 9 - x, 9), y)
    makes = column == start
    x = np.where(makes & (x == 0), 1, x)
    y = np.where(makes, 10 - x + rng.integers(0, 10, len(a), np.uint8) % np.maximum(x, 1), y)  # x + y is 10 to 9 + x
    return Ragged(x.astype(np.uint8).T, a.lengths), Ragged(y.astype(np.uint8).T, b.lengths)


def borrow_chains(rng: np.random.Generator, a: Ragged, b: Ragged) -> Ragged:
    """Change a so that a borrow of a - b runs through neighbouring columns, or would if one came in.

    Within the chain both digits are the same, or the digit of a is 0 where b has none. In half the rows the first column of the
    chain makes the borrow.

    Returns:
        The new a; its lengths stay the same.
    """
    width = a.values.shape[1]
    x, y = a.values.T.copy(), b.widened(width).T[:width]
    start = rng.integers(0, np.minimum(a.lengths, b.lengths))
    end = rng.integers(start, a.lengths) + 1
    column = np.arange(width)[:, None]
    passes = (start <= column) & (column < end)
    x = np.where(passes, y, x)
    makes = (column == start) & (y > 0) & (rng.random(len(a)) < 0.5)
    x = np.where(makes, rng.integers(0, 10, len(a), np.uint8) % np.maximum(y, 1), x)
    top = (column == a.lengths - 1) & (a.lengths > 1) & (x == 0)
    return Ragged(np.where(top, 1, x).astype(np.uint8).T, a.lengths)


MAX_PATTERN_COLUMNS = 10
"""Up to this length the suite `carries` asks every pattern of carries, at most 2^10; of longer numbers it asks a sample."""


def carry_patterns(rng: np.random.Generator, n: int, columns: int) -> Bools:
    """Choose which columns are to carry.

    Returns:
        bool (rows, columns), least significant column first. Up to MAX_PATTERN_COLUMNS columns: every pattern equally often, at
        least once, in about n rows. With more columns: n random patterns.
    """
    if columns > MAX_PATTERN_COLUMNS:
        return np.asarray(rng.random((n, columns)) < 0.5)
    codes = np.tile(np.arange(2**columns), max(1, n >> columns))
    return np.asarray((codes[:, None] >> np.arange(columns)) & 1 == 1)


def with_carries(rng: np.random.Generator, wanted: Bools, size: ProblemSize, subtract: bool = False) -> tuple[Ragged, Ragged]:
    """Random operands such that the columns of a + b carry, or those of a - b borrow, exactly where `wanted` says so.

    Where a column cannot do what is wanted, it does the opposite. For example, where only one number reaches a column, a carry
    has to come in for one to go out.

    Args:
        wanted: bool (n, w), least significant column first; w is the length of the longer operand.
        size: the digits of a and of b.
        subtract: the columns of a - b are to borrow.
    """
    n, width = wanted.shape
    x, y = np.divmod(np.arange(100), 10)  # every pair of digits
    numbers = np.zeros((2, n, width), np.uint8)
    carry_in = np.zeros(n, bool)
    for column in range(width):
        allowed = np.ones(100, bool)
        for digit, length in zip((x, y), size, strict=True):
            if column >= length:
                allowed &= digit == 0
            elif column == length - 1 and length > 1:
                allowed &= digit > 0
        result = x - y - carry_in[:, None] if subtract else x + y + carry_in[:, None]  # (n, 100)
        carry_out = result < 0 if subtract else result > 9
        fits = allowed & (carry_out == wanted[:, column, None])
        fits |= allowed & ~fits.any(1, keepdims=True)
        chosen = (fits * (1 - rng.random((n, 100)))).argmax(1)
        numbers[:, :, column] = x[chosen], y[chosen]
        carry_in = carry_out[np.arange(n), chosen]
    left, right = (Ragged(values[:, :length], np.full(n, length)) for values, length in zip(numbers, size, strict=True))
    return left, right


Key = TypeVar("Key", str, int)


def unseen(keys: Sequence[Key], known: set[Key], most: int) -> list[int]:
    """Find the rows whose key is not known yet, each key once, and add their keys to `known` until it holds `most`."""
    rows = []
    for row, key in enumerate(keys):
        if key not in known and len(known) < most:
            known.add(key)
            rows.append(row)
    return rows
