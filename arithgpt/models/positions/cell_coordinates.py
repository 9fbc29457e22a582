r"""Page coordinates for heads that read single cells: four more axes say which cell of which number, and when.

    page      3  2  1  *  5  4  =  5  :  5  1  6  1  _  5  1  6  1  ;
    step      0  0  0  0  1  1  1  0  0  1  1  1  1  1  2  2  2  2  2  0      numbers closed since the last `=` or `;`

Kernels on `place`, `digit` and `number` count from the cell about to be written. With these axes a kernel finds a cell of the
prompt from anywhere on the page, and a head is silent where it is not needed:

    operand              the number of a key, counted from the start of the page: 0 is the first operand, 1 the second
    digit of the line    the line of a query against the digit of a key: on line 3 the third digit
    digit below a turn   after `\`, which turns round: the last digit of the number before it, and one below with each new line
    step                 the step of a query; every key counts alike, so elsewhere the head sees the bos token alone
"""

from __future__ import annotations

from typing import Any, ClassVar

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
from tasks.page_grammar import DIGITS, EQUALS, INDENTS, NEW_LINE, TURN

STEP, ZERO, BELOW = 6, 7, 8  # columns: the step with a minus sign, 0, and the digit below a turn


class CellCoordinates(PageCoordinates):
    """Follows the cells of pages; like `PageCoordinates`, with more axes."""

    axes: ClassVar[tuple[str, ...]] = (*PageCoordinates.axes, "operand", "digit of the line", "digit below a turn", "step")
    first_cell: ClassVar[tuple[float, ...]] = (*PageCoordinates.first_cell, 0.0, 0.0, 0.0)
    query_columns: ClassVar[list[int]] = [*PageCoordinates.query_columns, ZERO, 4, BELOW, STEP]
    key_columns: ClassVar[list[int]] = [*PageCoordinates.key_columns, 2, 1, 1, ZERO]

    @staticmethod
    def roles_of(alphabet: str) -> NDArray[np.bool_]:
        """Return bool (5, vocabulary): the roles of `PageCoordinates`, and what begins to count steps, and turns."""
        return roles_table(alphabet, (DIGITS, NEW_LINE, INDENTS, EQUALS + NEW_LINE, TURN))

    def __call__(self, ids: Any, start: Any, roles: Any, xp: Any) -> Any:
        """Compute the cells of characters, and of the character after them; see `PageCoordinates.__call__`.

        Returns:
            float (B, T + 1, 9).
        """
        cells = super().__call__(ids, start[:, :STEP], roles, xp)
        index = xp.arange(ids.shape[1] + 1, device=ids.device)
        closed, began = count_before(~roles[0][ids], xp), last_index(roles[3][ids], index, xp)
        step = closed - take(closed, began) - xp.where(began > 0, 0 * start[:, STEP:ZERO], start[:, STEP:ZERO])
        turned, lines = last_index(roles[4][ids], index, xp), count_before(roles[1][ids], xp)
        top = xp.where(turned > 0, take(cells[:, :, 1], turned - 1) - 1, start[:, BELOW:])  # the mark stands behind it
        below = top - lines + take(lines, turned)
        return xp.concat([cells, stack_columns((-step, 0 * step, below), start, xp)], -1)
