"""The pages of `mul`: a line for each digit of the second factor, for factors of any length.

    321*54=5:5160_5160;4!2940_53550$

A line has three steps: copy a digit d of the second factor, multiply the first factor by d, add the product to the total so
far. Each head looks in one step only (`cell_coordinates.py`). So the window of a character shows what its own step works with,
and there are few windows. P is the place, J the digit and L the line about to be written; a and b are the factors.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import lru_cache
from itertools import product
from typing import Final

import numpy as np

from arithgpt.proof.observe import observe
from arithgpt.proof.windows import Cell, Kind, Listed, Windows, collect
from tasks.arithmetic.multiplication import Multiplication
from tasks.page_grammar import EQUALS, STOP

COPIED = Cell(0, 1, "digit of the line", "operand", step=0)
"""The digit of b that line L is about."""
COPIED_NEXT = Cell(1, 1, "digit of the line", "operand", step=0)
FACTOR = Cell(0, 1, "digit of the line", "operand", step=1)
A, A_BEFORE = (Cell(offset, 0, "digit", "operand", step=1) for offset in (0, -1))
PRODUCT, PRODUCT_BEFORE = (Cell(offset, -1, "place", "number", step=2) for offset in (0, -1))
TOTAL, TOTAL_BEFORE = (Cell(offset, -3, "place", "number", step=2) for offset in (0, -1))
"""Two digits of the total of the line before."""

SEARCHED: Final = 20_000  # problems among which those with a window are looked for
KEPT: Final = 4
_DIGITS: Final = range(10)
_LINE_MARKS: Final = EQUALS + ";"  # which open the first line, and every other one
_MARKS: Final = ":!"  # before the product of a line with lines after it, and of the last line


class MultiplicationFamily:
    """All pages of `mul` with its scratchpad."""

    def windows(self, cells: Sequence[Cell]) -> Windows:
        """Enumerate every window of every right page, for heads that read these cells."""
        return _windows(tuple(cells))

    def questions(self, windows: Windows, row: int, rng: np.random.Generator, n: int) -> list[str]:
        """Return up to n problems on whose pages a window stands, of SEARCHED that are drawn once."""
        window = (int(windows.queries[row]), *windows.contents[row].tolist())
        return _problems_by_window(windows.cells).get(window, [])[:n]


@lru_cache(maxsize=4)
def _windows(cells: tuple[Cell, ...]) -> Windows:
    return collect(cells, [*_copies(), *_marks(), *_products(), *_first_totals(), *_totals()])


@lru_cache(maxsize=4)
def _problems_by_window(cells: tuple[Cell, ...]) -> dict[tuple[int, ...], list[str]]:
    """Draw problems, and list for each window those on whose pages it stands, at most KEPT."""
    task = Multiplication(digits="1-6x1-4", edge_case_prob=0.3)
    problems = task.sample(np.random.default_rng(0), SEARCHED)
    seen, questions = observe(task, problems, cells, _windows(cells).kinds), task.questions(problems)
    found: dict[tuple[int, ...], list[str]] = {}
    keys = np.concatenate([seen.queries[:, None], seen.contents], 1)
    for page, key in zip(seen.rows.tolist(), keys.tolist(), strict=True):
        known = found.setdefault(tuple(key), [])
        if len(known) < KEPT and questions[page] not in known:
            known.append(questions[page])
    return found


def _copies() -> Iterator[Listed]:
    """List the windows of the digit that begins a line."""
    for opener, (digit, following) in product(_LINE_MARKS, _second_factor()):
        if following == EQUALS and digit == 0 and opener == ";":
            continue  # only the number 0 has a zero on top, and it has one line
        query = Kind(EQUALS, "*") if opener == EQUALS else Kind(";", "_")
        yield {COPIED: Kind(str(digit), "*"), COPIED_NEXT: Kind(following, "*")}, query, str(digit)


def _marks() -> Iterator[Listed]:
    """List the windows of the mark after this digit: `:` where b has more digits, else `!`."""
    for opener, (digit, following) in product(_LINE_MARKS, _second_factor()):
        if following == EQUALS and digit == 0 and opener == ";":
            continue
        wanted = "!" if following == EQUALS else ":"
        yield {COPIED: Kind(str(digit), "*"), COPIED_NEXT: Kind(following, "*")}, Kind(str(digit), opener), wanted


def _second_factor() -> list[tuple[int, str]]:
    """List what b can show at L and L + 1."""
    return [(digit, following) for digit in _DIGITS for following in (*map(str, _DIGITS), EQUALS)]


def _products() -> Iterator[Listed]:
    """List the windows of the product of a and the digit d of the line."""
    for mark, d in product(_MARKS, _DIGITS):
        factor = {FACTOR: Kind(str(d), "*")}
        for opener, a in product(_LINE_MARKS, _DIGITS):  # J = 1
            if (mark, opener, d) == ("!", ";", 0):
                continue  # a zero on top of b is the whole number
            yield factor | {A: Kind(str(a), "")}, Kind(mark, opener), str(a * d % 10)
        for a, carry in product(_DIGITS, range(max(d, 1))):  # a at J - 1, and the carry into it: less than d
            out, digit = divmod(a * d + carry, 10)
            query = Kind(str(digit), mark)
            for now in _DIGITS:
                yield factor | {A: Kind(str(now), ""), A_BEFORE: Kind(str(a), "")}, query, str((now * d + out) % 10)
            if a > 0 or carry == 0:  # on top of a
                yield factor | {A: Kind("*", ""), A_BEFORE: Kind(str(a), "")}, query, str(out)
        for carry in range(max(d, 1)):  # the product ends
            yield factor | {A_BEFORE: Kind("*", "")}, Kind(str(carry), mark), "_"


def _first_totals() -> Iterator[Listed]:
    """List the windows of the total of the first line: a copy of its product. Where a total would stand, there is b."""
    for mark, a, d in product(_MARKS, _DIGITS, _DIGITS):  # P = 1
        digit = a * d % 10
        yield {PRODUCT: Kind(str(digit), mark), TOTAL: Kind(str(d), "*")}, Kind("_", mark), str(digit)
    after = [*((x, y) for x in map(str, _DIGITS) for y in (*map(str, _DIGITS), EQUALS)), (EQUALS, ""), ("", "")]
    for mark, before, (b_before, b) in product(_MARKS, _DIGITS, after):
        if mark == "!" and b in map(str, _DIGITS):
            continue  # b has one digit
        is_second = mark == "!" and b == EQUALS  # P = 2
        if is_second and before not in {a * int(b_before) % 10 for a in _DIGITS}:
            continue
        shown = {PRODUCT_BEFORE: Kind(str(before), mark)} | _cell(TOTAL_BEFORE, b_before, "*") | _cell(TOTAL, b, "*")
        for now in _DIGITS:
            yield shown | {PRODUCT: Kind(str(now), mark)}, Kind(str(before), "_"), str(now)
        if not is_second:  # a product has two digits or more
            yield shown | {PRODUCT: Kind("_", mark)}, Kind(str(before), "_"), _after_total(mark)


def _totals() -> Iterator[Listed]:
    """List the windows of the totals of all lines after the first."""
    for mark in _MARKS:
        for now in _DIGITS:  # P = 1
            yield {TOTAL: Kind(str(now), "_")}, Kind("_", mark), str(now)
        for t_before, t in product(_DIGITS, _DIGITS):  # at P - 1 there is no product yet
            shown, query = _cell(TOTAL_BEFORE, str(t_before), "_") | _cell(TOTAL, str(t), "_"), Kind(str(t_before), "_")
            yield shown, query, str(t)  # nor at P
            for p in _DIGITS:
                yield shown | {PRODUCT: Kind(str(p), mark)}, query, str((p + t) % 10)
        for p_before, t_before, carry in product(_DIGITS, _DIGITS, (0, 1)):
            out, digit = divmod(p_before + t_before + carry, 10)
            shown = {PRODUCT_BEFORE: Kind(str(p_before), mark), TOTAL_BEFORE: Kind(str(t_before), "_")}
            for p, t in product(_DIGITS, _DIGITS):
                both = {PRODUCT: Kind(str(p), mark), TOTAL: Kind(str(t), "_")}
                yield shown | both, Kind(str(digit), "_"), str((p + t + out) % 10)
            for p in range(9):  # the top digit of a product is a carry; the total before has ended
                if (mark, p, p_before) == ("!", 0, 0) and (t_before, carry) != (0, 0):
                    continue  # the top digit of b is not 0, so only a product of the number 0 begins with 00
                both = {PRODUCT: Kind(str(p), mark), TOTAL: Kind(";", "_")}
                yield shown | both, Kind(str(digit), "_"), str(p + out)
        for p, carry in product(range(9), (0, 1)):
            shown = {PRODUCT_BEFORE: Kind(str(p), mark), PRODUCT: Kind("_", mark), TOTAL_BEFORE: Kind(";", "_")}
            yield shown, Kind(str(p + carry), "_"), _after_total(mark)


def _after_total(mark: str) -> str:
    return STOP if mark == "!" else ";"


def _cell(cell: Cell, character: str, mark: str) -> dict[Cell, Kind]:
    return {cell: Kind(character, mark)} if character else {}
