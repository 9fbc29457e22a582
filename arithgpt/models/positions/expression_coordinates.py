r"""Page coordinates of whole expressions: rows of fields, scratchpads in braces, numbers with points.

`page_coordinates.py` says where a character stands in a number. Here the numbers stand in rows. Each row rewrites the row
above, and the scratchpad of an operation stands in braces within its row:

    ....@[21+43]*5=[{+64\}64]*5=%64*5={*5!032_^032\}032$        (12+34)*5 = 320

    field     counted over the page: a number and the mark that closes it, such as `[`, `21+` or `43]`; a character of a
              scratchpad is in no field
    source    for each cell to be written: the field in the row above that it follows from. It grows by one with each field,
              by one more with `}` (an operation makes one field of two), and by two more in all with `%` (which makes one of
              three: `[`, the number with its `]`, and what follows)
    work      which scratchpad a character stands in, counted over the page; a query in none looks from the last one
    dots      how many `.` or `<` came before in this number, or after its `^`; counted downwards

A query looks from `source` at `field`: to copy a number, at the same place of the field it comes from; to decide what to do, at
the marks of the neighbouring fields. Two more axes compare different columns. One compares the query's line with a key's digit,
which finds the digit of the factor that a line of long multiplication is about. The other compares the query's digit with a
key's place.

Numbers have points: each `.` before the digits steps one place down, so `.53`, which is 3.5, has its 5 at place 0 and its 3 at
place 1. `<` steps one place up, `^` joins two groups of dots to one number, `n` after a number makes it negative. None of these
closes a number. `\` turns round: what follows is written downwards from the top place of the number before it, as the lines of
a long division are. There `x` crosses out a leading zero.

A page of a single operation has no `@`. It is a scratchpad from its `=` on, about the two numbers before it: `321*54=4:...`.
"""

from __future__ import annotations

from typing import Any, ClassVar, Final

import numpy as np
from numpy.typing import NDArray

from arithgpt.models.positions.page_coordinates import (
    PageCoordinates,
    count_before,
    last_index,
    roles_table,
    stack_columns,
    take,
)
from tasks.page_grammar import (
    BEGIN_SCRATCHPAD,
    CROSS_OUT,
    DIGITS,
    DROP_PARENTHESES,
    END_SCRATCHPAD,
    EQUALS,
    INDENTS,
    JOIN_DOTS,
    NEGATIVE,
    NEW_LINE,
    POINT,
    POINT_UP,
    ROW_ENDS,
    TURN,
    WITHIN_NUMBERS,
)

COLUMNS: Final = (
    *("place", "digit", "number", "token", "line", "mark", "source", "work", "dots"),  # of the cell about to be written
    *("field", "row", "inside", "steps", "direction"),  # what else it takes to go on from here
    *("key place", "key field", "key work", "key dots"),  # where the character written there stands, seen by later queries
)
OUTSIDE: Final = -8.0
"""The field of a character that is in none: far enough from all fields that are looked at, and small enough for float32."""

_QUERY = ("place", "digit", "number", "token", "line", "source", "work", "line", "digit", "dots")
_KEY = ("key place", "digit", "number", "token", "line", "key field", "key work", "digit", "place", "key dots")


class ExpressionPageCoordinates(PageCoordinates):
    """Follows the cells of pages of expressions; like `PageCoordinates`, with more axes."""

    axes: ClassVar[tuple[str, ...]] = (
        *("place", "digit", "number", "token", "line", "field", "work"),
        *("digit of the line", "place of the digit", "dots"),
    )
    first_cell: ClassVar[tuple[float, ...]] = (1.0, 1, 0, 0, 1, 0, 1, 0, 0, 1, 1, 0, 0, 1, 1, 1, 0, 0)
    query_columns: ClassVar[list[int]] = [COLUMNS.index(name) for name in _QUERY]
    key_columns: ClassVar[list[int]] = [COLUMNS.index(name) for name in _KEY]

    def __init__(self, alphabet: str) -> None:
        super().__init__(alphabet)
        self.drop_id = alphabet.find(DROP_PARENTHESES)

    @staticmethod
    def roles_of(alphabet: str) -> NDArray[np.bool_]:
        """Return bool (16, vocabulary): what each character does, in the order in which `__call__` unpacks them."""
        marks_inside = WITHIN_NUMBERS + BEGIN_SCRATCHPAD + END_SCRATCHPAD + DROP_PARENTHESES
        ends_number = alphabet.translate(str.maketrans("", "", WITHIN_NUMBERS))
        ends_field = alphabet.translate(str.maketrans("", "", marks_inside))
        steps_up, steps_down = DIGITS + NEGATIVE + POINT_UP, CROSS_OUT + POINT
        return roles_table(
            alphabet,
            (
                *(DIGITS, NEW_LINE, INDENTS, ends_number, ends_field, BEGIN_SCRATCHPAD, END_SCRATCHPAD),
                *(DROP_PARENTHESES, TURN, EQUALS, ROW_ENDS, JOIN_DOTS, steps_up, steps_down, POINT, POINT_UP),
            ),
        )

    def __call__(self, ids: Any, start: Any, roles: Any, xp: Any) -> Any:
        """Compute the cells of characters, and of the character after them; see `PageCoordinates.__call__`.

        Returns:
            float (B, T + 1, 18) by COLUMNS. The last four columns mean nothing in the last cell, whose character is unknown.
        """
        of = roles[:, ids]  # (roles, B, T)
        is_digit, is_new_line, _, ends_number, ends_field, begins_work, ends_work = of[:7]
        drops, turns, is_equals, ends_row, joins, steps_up, steps_down, is_point, is_point_up = of[7:]
        indenting, turning, ending_work = roles[2], roles[8], roles[6]  # for characters looked up later
        was = {name: start[:, column, None] for column, name in enumerate(COLUMNS)}
        index = xp.arange(ids.shape[1] + 1, device=ids.device)
        zero, one = xp.zeros_like(was["place"]), xp.ones_like(was["place"])  # (B, 1)

        # Numbers: where each begins, and the steps within it.
        began = last_index(ends_number, index, xp)
        here = began > 0
        opener = take(ids, began - 1)
        stepped = count_before(steps_up, xp) - count_before(steps_down, xp)
        steps = stepped - take(stepped, began) + xp.where(here, zero, was["steps"])
        top = take(steps, began - 1)  # of a number that `\` opens: the top place of the number before

        def inside_after(brace: Any) -> Any:  # (B, T + 1): whether the last such brace has begun a scratchpad
            return xp.where(brace > 0, xp.where(ending_work[take(ids, brace - 1)], zero, one), was["inside"])

        # Scratchpads: `{` begins one; on a page without rows so does the first `=`.
        outside = inside_after(last_index(begins_work | ends_work, index, xp))[:, :-1] == 0
        row_ended = count_before(ends_row & outside, xp)[:, :-1] > 0
        first_row = was["row"] == self.first_cell[COLUMNS.index("row")]
        opens = begins_work | (is_equals & outside & ~row_ended & first_row)
        inside = inside_after(last_index(opens | ends_work, index, xp))
        work = count_before(opens, xp) + was["work"]

        # Lines within a scratchpad: counted upwards from 1, or downwards from the top place after `\`.
        line_set = last_index(opens | turns, index, xp)
        was_set, downwards = line_set > 0, turning[take(ids, line_set - 1)]
        lines = count_before(is_new_line, xp)
        direction = xp.where(was_set, xp.where(downwards, -one, one), was["direction"])
        line = xp.where(was_set, xp.where(downwards, take(steps, line_set - 1), one), was["line"])
        line = line + direction * (lines - take(lines, line_set))

        begins_at = xp.where(indenting[opener], line, xp.where(turning[opener], top, one))
        place = steps + xp.where(here, begins_at, was["place"] - was["steps"])
        digits = count_before(is_digit, xp)
        digit = digits - take(digits, began) + xp.where(here, one, was["digit"])
        mark = xp.where(here, opener + 1.0, was["mark"])
        half_step = is_point | is_point_up
        group = last_index(ends_number | joins, index, xp)
        dotted = count_before(half_step, xp)
        dots = take(dotted, group) - dotted + xp.where(group > 0, zero, was["dots"])

        # Rows: fields are counted, and each cell knows the field above that it comes from.
        ends_field = ends_field & (inside[:, :-1] == 0)
        field = count_before(ends_field, xp) + was["field"]
        row_end = last_index(ends_field & ends_row, index, xp)
        row = xp.where(row_end > 0, take(field, row_end), was["row"])
        dropped = mark[:, :-1] == self.drop_id + 1
        operated = ends_work & (inside[:, :-1] > 0)
        moves = ends_field * (1 + dropped * 1) + operated * 1 + drops * 1
        moved = count_before(moves, xp)
        source = xp.where(row_end > 0, take(row, row_end - 1), was["source"]) + moved - take(moved, row_end)

        hidden = (inside[:, :-1] > 0) | begins_work | drops
        up, down = is_point_up * one, is_point * one
        keys = (
            place[:, :-1] + 0.5 * up - 0.5 * down,
            xp.where(hidden, OUTSIDE * one, field[:, :-1]),
            xp.where(inside[:, :-1] > 0, work[:, :-1], OUTSIDE * one),
            dots[:, :-1] - 0.5 * (up + down),
        )
        number, token = count_before(ends_number, xp) + was["number"], index + was["token"]
        cells = (place, digit, number, token, line, mark, source, work, dots, field, row, inside, steps, direction)
        return stack_columns((*cells, *(xp.concat([key, zero], 1) for key in keys)), start, xp)
