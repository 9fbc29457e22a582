"""The windows of `mul` for the checker, read off short numbers that Python's integers multiply and add.

    321*54=5:5160_5160;4!2940_53550$

The prover (multiplication.py) lists digits and carries. This file takes numbers that are just long enough for every case,
writes down what stands next to what, and lets Python work out the digits: a product's digit and its carry depend on the digit
of the factor, the digit before it, and one more that brings a carry; a total's on two digits of each number and one more.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import product
from typing import TypeAlias

Seen: TypeAlias = tuple[str, str] | None
"""A character and the mark that opened its number; None where nothing stands."""
Place: TypeAlias = tuple[str, int, str, int, int | None]
"""A cell: an axis within a number and how far along it, an axis of numbers and how far, and the only step; None for all."""
Listed: TypeAlias = Iterator[tuple[dict[Place, Seen], Seen, str]]

_DIGITS = "0123456789"


def multiplication() -> Listed:
    """List all windows: of the digit that begins a line and its mark, of the products, and of the totals."""
    yield from _line_begins()
    for d, mark in product(_DIGITS, ":!"):
        yield from _product_of(d, mark)
    for mark in ":!":
        yield from _first_total(mark)
        yield from _later_totals(mark)


def _line_begins() -> Listed:
    for first_line, d, after in product((True, False), _DIGITS, (*_DIGITS, "=")):
        if after == "=" and d == "0" and not first_line:
            continue  # a zero on top of the second factor is the whole of it
        cells = _cells(0, ("digit of the line", "operand", 1), {0: (d, "*"), 1: (after, "*")})
        yield cells, ("=", "*") if first_line else (";", "_"), d
        yield cells, (d, "=" if first_line else ";"), "!" if after == "=" else ":"


def _product_of(d: str, mark: str) -> Listed:
    """List the windows of the product of the first factor and d."""
    factor = _cells(1, ("digit of the line", "operand", 1), {0: (d, "*")})
    for a, opener in product(_DIGITS, "=;"):
        if d == "0" and (mark, opener) == ("!", ";"):
            continue
        yield factor | _cells(1, ("digit", "operand", 0), {0: (a, "")}), (mark, opener), str(int(a) * int(d))[-1]
    for carrying, before in product(_DIGITS, _DIGITS):
        for now in (*_DIGITS, "*"):
            # `before` is the lowest digit, or stands above the digit that carries
            for low in ("", carrying):
                if now == "*" and before == "0" and low:
                    continue  # a zero on top is the whole number
                digits = (now.replace("*", "") or "0") + before + low
                worked_out = str(int(digits) * int(d)).zfill(len(digits) + 1)[::-1]
                place = len(low)
                cells = factor | _cells(1, ("digit", "operand", 0), {-1: (before, ""), 0: (now, "")})
                yield cells, (worked_out[place], mark), worked_out[place + 1]
        top = str(int(before + carrying) * int(d)).zfill(3)[0]
        if before != "0":
            yield factor | _cells(1, ("digit", "operand", 0), {-1: ("*", "")}), (top, mark), "_"
    yield factor | _cells(1, ("digit", "operand", 0), {-1: ("*", "")}), ("0", mark), "_"  # of the factor 0


def _first_total(mark: str) -> Listed:
    """List the windows of the first total, a copy of the product; the second factor stands where a total would."""
    end = "$" if mark == "!" else ";"
    for a, d in product(_DIGITS, _DIGITS):
        lowest = str(int(a) * int(d))[-1]
        yield _totals({0: (lowest, mark)}, {0: (d, "*")}), ("_", mark), lowest
    seconds = [(x, y) for x in _DIGITS for y in ("=", *(_DIGITS if mark == ":" else ""))] + [("=", ""), ("", "")]
    for (b1, b0), p1 in product(seconds, _DIGITS):
        b = {at: (char, "*") for at, char in ((-1, b1), (0, b0)) if char}
        possible = {str(int(x) * int(b1))[-1] for x in _DIGITS} if (mark, b0) == ("!", "=") else set(_DIGITS)
        for p0 in (*_DIGITS, *("_" if (mark, b0) != ("!", "=") else "")):  # place 2 where the second factor ends there
            if p1 in possible:
                yield _totals({-1: (p1, mark), 0: (p0, mark)}, b), (p1, "_"), end if p0 == "_" else p0


def _later_totals(mark: str) -> Listed:
    """List the windows of a total that has a total before it."""
    for t in _DIGITS:
        yield _totals({}, {0: (t, "_")}), ("_", mark), t
    for t1, t0 in product(_DIGITS, _DIGITS):  # below the lowest digit of the product
        before: dict[int, Seen] = {-1: (t1, "_"), 0: (t0, "_")}
        yield _totals({}, before), (t1, "_"), t0
        for p0 in _DIGITS:  # at it
            yield _totals({0: (p0, mark)}, before), (t1, "_"), str(int(p0) + int(t0))[-1]
    for p1, t1, low in product(_DIGITS, _DIGITS, (0, 19)):  # above it, low brings a carry or none
        for p0, t0 in product(_DIGITS, (*_DIGITS, ";")):
            if t0 == ";" and p0 == "9":
                continue  # the top digit of a product is at most 8
            if (mark, t0, p0 + p1) == ("!", ";", "00") and t1 + str(low) != "00":
                continue  # a last product that begins with 00 is that of the number 0
            total = str(int(p0 + p1 + "9") + int(t0.replace(";", "0") + t1 + "0") + low // 10).zfill(3)[::-1]
            cells = _totals({-1: (p1, mark), 0: (p0, mark)}, {-1: (t1, "_"), 0: (t0, "_")})
            yield cells, (total[1], "_"), total[2]
    for top, carry in product(range(9), (0, 1)):
        cells = _totals({-1: (str(top), mark), 0: ("_", mark)}, {-1: (";", "_")})
        yield cells, (str(top + carry), "_"), "$" if mark == "!" else ";"


def _totals(product_digits: Mapping[int, Seen], total_digits: Mapping[int, Seen]) -> dict[Place, Seen]:
    return _cells(2, ("place", "number", -1), product_digits) | _cells(2, ("place", "number", -3), total_digits)


def _cells(step: int, axes: tuple[str, str, int], shown: Mapping[int, Seen]) -> dict[Place, Seen]:
    column, number, which = axes
    return {(column, offset, number, which, step): seen for offset, seen in shown.items()}
