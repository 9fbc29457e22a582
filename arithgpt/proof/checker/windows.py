"""The windows of each task for the checker, listed case by case as a person would; columns.py of the prover follows a machine.

Each function yields what stands in the cells around the one about to be written, the character written last, and the right next
one. A cell is (place, number), counted from the one about to be written; a character is seen with the mark that opened its
number. P is the place about to be written.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from itertools import product

from arithgpt.proof.checker.product_windows import Listed, Place, Seen, multiplication

_DIGITS = range(10)
_ENDED = 10  # stands for the mark that closes a number
_NONE = 11  # stands for nothing


def addition() -> Listed:
    """321+654=975$: windows of the sum."""
    yield from _results("+", lambda a, b, carry: a + b + carry, last_carry=True)


def subtraction() -> Listed:
    """456-123=333$ and 321-654=766~333$: windows of the difference, then those of its complement."""
    yield from _results("-", lambda a, b, borrow: a - b - borrow, last_carry=False)
    yield from _complements()


def _results(sign: str, column: Callable[[int, int, int], int], *, last_carry: bool) -> Listed:
    """List the windows of a number that is worked out column by column.

    Args:
        sign: between the operands
        column: the result of two digits and of the carry into their column, before the carry out is taken off
        last_carry: whether the last carry is written; a borrow is not, it writes the sign
    """
    for a, b in product(_DIGITS, _DIGITS):
        yield _window(sign, (_NONE, a), (_NONE, b), ("=", sign), str(column(a, b, 0) % 10))
    for second, carry in ((True, 0), (False, 0), (False, 1)):
        for (a1, a0), (b1, b0) in product(_operand(second), repeat=2):
            longest = min(a1, b1)  # a digit where a number goes on to P - 1
            if longest == _NONE:
                continue  # the result ended before P - 1
            if longest == _ENDED and not (last_carry and carry):
                continue  # the result ended at P - 1
            before = column(_value(a1), _value(b1), carry)
            out = int(not 0 <= before <= 9)
            if min(a0, b0) < _ENDED:
                wanted = str(column(_value(a0), _value(b0), out) % 10)
            elif last_carry:
                wanted = "1" if out else "$"
            else:
                wanted = "~" if out else "$"
            yield _window(sign, (a1, a0), (b1, b0), (str(before % 10), "="), wanted)


def _operand(second: bool) -> list[tuple[int, int]]:
    """List what an operand can show at P - 1 and P, for P = 2 or beyond. A zero on top is the whole number."""
    tops = _DIGITS if second else range(1, 10)
    digits = [*product(_DIGITS, _DIGITS), *((top, _ENDED) for top in tops)]
    return digits if second else [*digits, (_ENDED, _NONE), (_NONE, _NONE)]


def _complements() -> Listed:
    """List the windows of the number after `~`: ten less the lowest digit that is not 0, nine less each digit above it."""
    for r, b in product(_DIGITS, _DIGITS):
        yield _complement((None, r), (None, b), ("~", "="), str(-r % 10))
    for r1, b1, nine in product(_DIGITS, _DIGITS, (0, 1)):
        written = (10 - nine - r1) % 10
        after = int(nine or r1 > 0)
        for r0, b0 in product(_DIGITS, _DIGITS):
            yield _complement((r1, r0), (b1, b0), (str(written), "~"), str((10 - after - r0) % 10))
    # At the end the second operand is as long as the difference, and its top column borrows.
    for a, b in product(_DIGITS, _DIGITS):
        for borrow, nine in ((0, 0), (0, 1), (1, 1)):
            if a - b - borrow < 0 and b > 0:
                r1 = (a - b - borrow) % 10
                yield _complement((r1, _ENDED), (b, _ENDED), (str((10 - nine - r1) % 10), "~"), "$")


def _complement(
    difference: tuple[int | None, int], right: tuple[int | None, int], query: Seen, wanted: str
) -> tuple[dict[Place, Seen], Seen, str]:
    """Make one window of the complement: its number stands behind the difference, which stands behind the second operand."""
    cells: dict[Place, Seen] = {}
    for number, shown, mark, end in ((-1, difference, "=", "~"), (-2, right, "-", "=")):
        for place, value in zip((-1, 0), shown, strict=True):
            if value is not None:
                cells["place", place, "number", number, None] = (end if value == _ENDED else str(value), mark)
    if query is not None and query[1] == "~":
        cells["place", -1, "number", 0, None] = query
    return cells, query, wanted


def _window(sign: str, a: tuple[int, int], b: tuple[int, int], query: Seen, wanted: str) -> tuple[dict[Place, Seen], Seen, str]:
    """Make one window of the result, from what both operands show at P - 1 and P."""
    cells: dict[Place, Seen] = {}
    for number, shown, mark, end in ((-2, a, "", sign), (-1, b, sign, "=")):
        for place, value in zip((-1, 0), shown, strict=True):
            if value != _NONE:
                cells["place", place, "number", number, None] = (end if value == _ENDED else str(value), mark)
    if query is not None and query[1] == "=":
        cells["place", -1, "number", 0, None] = query
    return cells, query, wanted


def _value(shown: int) -> int:
    """The digit that a column adds; 0 where a number has ended."""
    return shown if shown < _ENDED else 0


def copy() -> Listed:
    """314=314$: windows of the copy."""
    for before, now in product([*_DIGITS, None], [*_DIGITS, _ENDED]):
        if (before, now) != (None, _ENDED):
            yield _string(before, now, None if before is None else str(before), "$" if now == _ENDED else str(now))


def parity() -> Listed:
    """10110=11011$: windows of the running parity."""
    for now in (0, 1):
        yield _string(None, now, None, str(now))
    for before, now, so_far in product((0, 1), (0, 1, _ENDED), (0, 1)):
        yield _string(before, now, str(so_far), "$" if now == _ENDED else str(so_far ^ now))


def _string(before: int | None, now: int, written: str | None, wanted: str) -> tuple[dict[Place, Seen], Seen, str]:
    """Make one window from what a string shows at P - 1 and P, and the character written at P - 1, if any."""
    query = ("=", "") if written is None else (written, "=")
    cells: dict[Place, Seen] = {("place", 0, "number", -1, None): ("=" if now == _ENDED else str(now), "")}
    if before is not None and written is not None:
        cells |= {("place", -1, "number", -1, None): (str(before), ""), ("place", -1, "number", 0, None): (written, "=")}
    return cells, query, wanted


def comparison() -> Listed:
    """321?54=112$: windows of the running comparison."""
    for a, b in product(_DIGITS, _DIGITS):
        yield _window("?", (_NONE, a), (_NONE, b), ("=", "?"), _sign(a, b, "0"))
    for second in (True, False):
        for (a1, a0), (b1, b0) in product(_operand(second), repeat=2):
            if min(a1, b1) >= _ENDED:
                continue  # the comparison ended before
            decided = _value(a1) != _value(b1)
            for before in (_sign(_value(a1), _value(b1), "0"),) if decided or second else "012":
                wanted = "$" if min(a0, b0) >= _ENDED else _sign(_value(a0), _value(b0), before)
                yield _window("?", (a1, a0), (b1, b0), (before, "="), wanted)


def _sign(a: int, b: int, before: str) -> str:
    return before if a == b else "1" if a < b else "2"


def reversal() -> Listed:
    r"""314=314\4;1;3$: windows of all strings of up to four digits, read off their pages. Longer pages show no other ones."""
    for word in ("".join(digits) for n in (1, 2, 3, 4) for digits in product("0123456789", repeat=n)):
        for end, character in enumerate(word + "\\"):
            query = ("=", "") if end == 0 else (word[end - 1], "=")
            yield {("place", 0, "number", -1, None): ((word + "=")[end], "")}, query, character
        for line in range(1, len(word) + 1):
            left = len(word) - line  # digits below that of the line
            mark = "\\" if line == 1 else ";"
            shown: dict[Place, Seen] = {("digit below a turn", 0, "operand", 1, None): (word[left], "=")}
            if left:
                shown["digit below a turn", -1, "operand", 1, None] = (word[left - 1], "=")
            # The number of a line begins at place `line`; the one before is the copy, or a digit and a mark that ends here.
            before = [(char, "=") for char in word + "\\"] if line == 1 else [(";", "\\" if line == 2 else ";")]
            opened = "=" if line == 1 else "\\" if line == 2 else ";"
            for column, (query, wanted) in enumerate(
                [((mark, opened), word[left]), ((word[left], mark), ";" if left else "$")]
            ):
                beside: dict[Place, Seen] = {("place", 0, "number", -1, None): before[column]} if column < len(before) else {}
                yield shown | beside, query, wanted


WINDOWS: Mapping[str, Callable[[], Listed]] = {
    "add": addition,
    "compare": comparison,
    "copy": copy,
    "mul": multiplication,
    "parity": parity,
    "reverse": reversal,
    "sub": subtraction,
}
