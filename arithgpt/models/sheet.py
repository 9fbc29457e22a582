r"""Page coordinates of whole expressions: rows of fields, workings in braces, numbers with points.

page.py says where a character stands in a number. Here the numbers stand in rows that are rewritten one below the other, and a
working stands in braces within its row:

    ....@[21+43]*5=[{+64\}64]*5=%64*5={*5!032_^032\}032$        (12+34)*5 = 320

    field     counted over the page: a number and the mark that closes it, such as `[`, `21+` or `43]`; a character of a working
              stands outside of them all
    source    for each cell to be written: the field in the row above from which it follows. It goes on by one with each field,
              by one more with `}` (an operation makes two fields one), and by two more in all with `%` (which makes three of
              them, `[` number `]` and what follows, one)
    work      which working a character stands in, counted over the page; a query that is in none looks from the last one
    dots      how many `.` or `<` came before in this number, or after its `^`; counted downwards

A query looks from `source` at `field`: to copy a number, at the same place of the field that it comes from; to decide, at the
marks of that field's neighbours. Two more axes compare different things: the query's line with a key's digit, which finds the
factor's digit that a line of long multiplication is about, and the query's digit with a key's place.

Numbers have points: each `.` before the digits steps one place down, so `.53`, which is 3.5, has its 5 at place 0 and its 3 at
place 1. `<` steps one place up, `^` joins two groups of dots to one number, `n` after a number says that it is negative. None
of these closes a number. `\` turns round: what follows is written downwards from the top place of the number before it, as the
lines of a long division are; `x` there crosses out a leading zero.

A page of one operation, which has no `@`, is a working from its `=` on, about the two numbers before it: `321*54=4:...`.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from arithgpt.models.arrays import Array, ops
from arithgpt.models.page import PageCoordinates
from tasks.page_grammar import BEGIN_SCRATCHPAD as OPEN
from tasks.page_grammar import DROP_PARENTHESES as DROP
from tasks.page_grammar import END_SCRATCHPAD as SHUT
from tasks.page_grammar import JOIN_DOTS as JOIN
from tasks.page_grammar import POINT as DOWN
from tasks.page_grammar import POINT_UP as UP
from tasks.page_grammar import ROW_ENDS, TURN
from tasks.page_grammar import WITHIN_NUMBERS as QUIET

AXES: Final = ("place", "digit", "number", "token", "line", "field", "work", "digit of the line", "place of the digit", "dots")
COLUMNS: Final = (
    *("place", "digit", "number", "token", "line", "mark", "source", "work", "dots"),  # of the cell about to be written
    *("field", "row", "inside", "steps", "direction"),  # what more it takes to go on from here
    *("at place", "at field", "at work", "at dots"),  # where the character that is written there then stands
)
FIRST: Final = (1.0, 1.0, 0.0, 0.0, 1.0, 0.0, 1.0, 0.0, 0.0, 1.0, 1.0, 0.0, 0.0, 1.0, 1.0, 1.0, 0.0, 0.0)
LOOK: Final = [COLUMNS.index(name) for name in (*AXES[:5], "source", "work", "line", "digit", "dots")]
AT: Final = [
    COLUMNS.index(name)
    for name in ("at place", "digit", "number", "token", "line", "at field", "at work", "digit", "place", "at dots")
]

OUTSIDE: Final = -8.0
"""The field of what is in none: far enough from every field that is looked at, and not so far that float32 suffers."""


class ExpressionPageCoordinates(PageCoordinates):
    """Follows the cells of pages as PageCoordinates does, on more axes."""

    first_cell = FIRST

    def __init__(self, alphabet: str, like: Array) -> None:
        super().__init__(alphabet, like)

        def table(chars: str) -> Array:
            return ops(like).constant(np.array([char in chars for char in alphabet]), like)

        steps = [1 if char.isdigit() or char in "n" + UP else -1 if char in "x" + DOWN else 0 for char in alphabet]
        self.steps = ops(like).constant(np.array(steps), like)
        self.closes = ~table(QUIET)
        self.ends_field = ~table(QUIET + OPEN + SHUT + DROP)
        self.opens, self.shuts, self.drops, self.turns = table(OPEN), table(SHUT), table(DROP), table(TURN)
        self.equals = table("=")
        self.ends_row, self.joins, self.down, self.up = table(ROW_ENDS), table(JOIN), table(DOWN), table(UP)
        self.drop = alphabet.find(DROP)

    def __call__(self, ids: Array, start: Array) -> Array:
        """The cells of characters and of the one after them.

        ids: int64 (B, T); start: float (B, 18), the cell of the first of them
        Returns float (B, T+1, 18) by COLUMNS; the last four say nothing of the last cell, whose character is not known yet.
        """
        xp, T = ops(ids), ids.shape[1]
        was = {name: start[:, column, None] for column, name in enumerate(COLUMNS)}
        nothing = xp.zeros((ids.shape[0], 1), ids)
        step = xp.arange(T + 1, ids)

        def before(counts: Array) -> Array:  # (B, T) -> (B, T+1): what holds after each character, so for the next cell
            return xp.concat([nothing, counts], 1)

        def count(of: Array) -> Array:
            return before(xp.cumsum(of, 1))

        def last(event: Array) -> Array:  # (B, T+1): the cell after the last such character; 0 where there is none here
            return before(xp.cummax(event * step[1:], 1))

        def then(values: Array, cell: Array) -> Array:  # (B, T+1): the values at those cells
            return xp.take_along(values, xp.maximum(cell, 0), 1)

        closes = self.closes[ids]
        began = last(closes)  # where the number at each cell begins
        here = began > 0
        opener = then(ids, began - 1)
        stepped = count(self.steps[ids])
        steps = stepped - then(stepped, began) + xp.where(here, 0, was["steps"])
        top = then(steps, began - 1)  # of a number opened by `\`: the top place of the one before

        def inside_after(brace: Array) -> Array:  # (B, T+1): whether the last of these has opened a working
            return xp.where(brace > 0, ~self.shuts[then(ids, brace - 1)] * 1.0, was["inside"])

        outside = inside_after(last(self.opens[ids] | self.shuts[ids]))[:, :-1] == 0
        ended = count(self.ends_row[ids] & outside)[:, :-1] > 0
        opens = self.opens[ids] | (self.equals[ids] & outside & ~ended & (was["row"] == FIRST[COLUMNS.index("row")]))

        set_line = last(opens | self.turns[ids])
        turned = self.turns[then(ids, set_line - 1)]
        lines, was_set = count(self.is_new_line[ids]), set_line > 0
        direction = xp.where(was_set, xp.where(turned, -1.0, 1.0), was["direction"])
        line = xp.where(was_set, xp.where(turned, then(steps, set_line - 1), 1.0), was["line"])
        line = line + direction * (lines - then(lines, set_line))

        begins = xp.where(self.indents[opener], line, xp.where(self.turns[opener], top, 1.0))
        place = steps + xp.where(here, begins, was["place"] - was["steps"])
        digits = count(self.is_digit[ids])
        digit = digits - then(digits, began) + xp.where(here, 1, was["digit"])
        mark = xp.where(here, opener + 1, was["mark"])
        half = self.down[ids] | self.up[ids]
        group = last(closes | self.joins[ids])
        dotted = count(half)
        dots = then(dotted, group) - dotted + xp.where(group > 0, 0, was["dots"])

        inside = inside_after(last(opens | self.shuts[ids]))
        work = count(opens) + was["work"]
        ends_field = self.ends_field[ids] & (inside[:, :-1] == 0)
        field = count(ends_field) + was["field"]
        row_end = last(ends_field & self.ends_row[ids])
        row = xp.where(row_end > 0, then(field, row_end), was["row"])
        dropped = mark[:, :-1] == self.drop + 1
        shuts = self.shuts[ids] & (inside[:, :-1] > 0)
        passed = count(ends_field * (1 + dropped * 1) + shuts * 1 + self.drops[ids] * 1)
        source = xp.where(row_end > 0, then(row, row_end - 1), was["source"]) + passed - then(passed, row_end)

        hidden = (inside[:, :-1] > 0) | self.opens[ids] | self.drops[ids]
        none = was["place"] * 0.0
        at = (
            place[:, :-1] + 0.5 * self.up[ids] - 0.5 * self.down[ids],
            xp.where(hidden, OUTSIDE, field[:, :-1]),
            xp.where(inside[:, :-1] > 0, work[:, :-1], OUTSIDE),
            dots[:, :-1] - 0.5 * half,
        )
        number, token = count(closes) + was["number"], step + was["token"]
        columns = (place, digit, number, token, line, mark, source, work, dots, field, row, inside, steps, direction)
        return xp.stack([*columns, *(xp.concat([column, none], 1) for column in at)], -1)
