"""Kernels on page coordinates, in the attention logits of each head: the schemes `page` and `sheet`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from arithgpt.models import sheet
from arithgpt.models.arrays import Array, ops
from arithgpt.models.page import AXES, MARK
from arithgpt.models.positions.base import EMBEDDING_STD, NoPositions

if TYPE_CHECKING:
    from arithgpt.config.recipe import ModelConfig

# What each head looks at before training, over and over: one cell of one number, or what stands a fixed way back. A centre is
# counted from the cell about to be written. The first four are what addition needs, the rest is for longer workings.
_HEAD_STARTS: tuple[dict[str, float], ...] = (
    {"place": 0},
    {"place": 0, "number": -1},
    {"place": 0, "number": -2},
    {"place": -1, "number": 0},
    {"place": 0, "number": -3},
    {"number": -1},
    {"digit": 0},
    {"place": -1, "number": -3},
    {"place": -1, "number": -1},
    {"place": -1},
    {"token": -2},
    {"digit": -1},
)
_STRENGTH, _BLANK = 1.0, -2.0
_WIDTH_STEP = 8  # fused attention is fastest where queries and keys are a multiple of this wide


class PagePositions(NoPositions):
    """Gaussian kernels on page coordinates in the attention logits of each head, and an embedding of marks.

    On each axis a head has a learned strength s >= 0 and a learned centre c. Writing into the cell `look`, it adds to the
    logit of the character in the cell `at`

        sum over axes of   -s (look + c - at)^2

    so a distance never seen in training is suppressed by construction, which is why models extrapolate to longer numbers.
    The first token of a page, the blank, is no character and stands nowhere: its logit is a learned constant of the head. A
    head that looks where nothing is written sees the blank, not whatever is nearest.

    The embedding is a learned vector for the mark that opened the number in which a character stands: it says what the number
    is for. Of `321+654=975` the digits 654 were opened by `+` and 975 by `=`; no mark opened 321, which has its own vector.
    """

    blank = True
    n_axes = len(AXES)
    head_starts: tuple[dict[str, float], ...] = _HEAD_STARTS

    def initial(self, config: ModelConfig, n_characters: int, rng: np.random.Generator) -> dict[str, np.ndarray]:
        return {
            "marks": EMBEDDING_STD * rng.standard_normal((1 + n_characters, config.n_embd)),
            "blank": EMBEDDING_STD * rng.standard_normal(config.n_embd),
        }

    def initial_of_block(self, n_head: int, rng: np.random.Generator) -> dict[str, np.ndarray]:
        strength, centre = np.zeros((2, n_head, self.n_axes))
        for head in range(n_head):
            for axis, start in self.head_starts[head % len(self.head_starts)].items():
                strength[head, self.axes.index(axis)] = _STRENGTH
                centre[head, self.axes.index(axis)] = start
        return {"strength": strength, "centre": centre, "blank": np.full(n_head, _BLANK)}

    def embedding(self, weights: dict[str, Array], cells: Array) -> Array | None:
        return weights["marks"][ops(cells).integers(cells[:, :-1, MARK])]

    def widen(self, block: dict[str, Array], q: Array, k: Array, cells: Array) -> tuple[Array, Array]:
        """Widened so that their scaled dot product has the kernel in it: no T x T tensor is made.

        The square expands to 2 s (look + c) at - s at^2, less s (look + c)^2, which softmax ignores and only the blank needs:
        a product of one more feature an axis and two more. The large terms cancel, so in float32 the error of a logit grows
        with the square of the place: 0.0004 at 10 digits, 0.06 at 100, 7 at 1000 (a trained model, the largest of some
        pages). That is enough to train on; what is long is decoded with `bias`.

        q, k: (B, H, T, D), the blank first; cells: (B, T+1, columns), one more than there are tokens
        Returns two of (B, H, T, W), W the next multiple of 8 from D + axes + 2.
        """
        xp = ops(q)
        q_cell, k_cell = self.features(block, cells, q.shape[3])
        return xp.concat([q, q_cell.swapaxes(1, 2)], 3), xp.concat([k, k_cell.swapaxes(1, 2)], 3)

    def features(self, block: dict[str, Array], cells: Array, D: int) -> tuple[Array, Array]:
        """By what queries and keys of D features are widened: two of (B, T, H, W - D)."""
        xp, n = ops(cells), self.n_axes
        B, T, H = cells.shape[0], cells.shape[1] - 1, block["strength"].shape[0]
        fill = -(D + n + 2) % _WIDTH_STEP
        s, c = xp.maximum(block["strength"], 0), block["centre"]  # (H, axes)
        look = xp.columns(cells[:, 1:], self.look)  # (B, T, axes)
        at = xp.columns(cells[:, 1:-1], self.at)  # (B, T-1, axes): the blank stands nowhere
        # A query's features are linear in its cell, the squares and 1; they are made for all heads in one product.
        axis = xp.eye(n, s)
        of_cell = xp.concat([2 * s[:, :, None] * axis, xp.zeros((H, n, n), s), (2 * s * c)[:, :, None]], 2)
        one = xp.broadcast_to(xp.eye(2 * n + 1, s)[-1:], (H, 1, 2 * n + 1))
        of_blank = xp.concat([2 * s * c, s, (s * c * c).sum(1)[:, None] + block["blank"][:, None]], 1)[:, None]
        weights = xp.concat([of_cell, one, of_blank, xp.zeros((H, fill, 2 * n + 1), s)], 1)  # (H, axes + 2 + fill, 2 axes + 1)
        basis = xp.concat([look, look * look, xp.zeros((B, T, 1), s) + 1], 2)
        q_cell = basis @ (weights * D**0.5).reshape(-1, 2 * n + 1).T  # attention divides by sqrt(D)
        of_at = xp.broadcast_to(at[:, :, None], (B, T - 1, H, n))
        square = -((at * at) @ s.T)[..., None]  # (B, T-1, H, 1)
        k_cell = xp.concat([of_at, square, xp.zeros((B, T - 1, H, 1 + fill), s)], 3)
        only_blank = xp.broadcast_to(xp.eye(n + 2 + fill, s)[n + 1], (B, 1, H, n + 2 + fill))
        return q_cell.reshape(B, T, H, -1), xp.concat([only_blank, k_cell], 1)

    def distances(self, look: Array, at: Array) -> Array | None:
        """(B, Tq, Tk-1, 2 axes): how far each cell but the blank is away from the one looked from, and the squares of that."""
        xp = ops(look)
        away = xp.columns(at[:, None, 1:], self.at) - xp.columns(look[:, :, None], self.look)
        return xp.concat([away, away * away], 3)

    def bias(self, block: dict[str, Array], distances: Array) -> Array:
        """The kernel itself, exact at any length: with distances from the query's own cell nothing large cancels."""
        xp = ops(distances)
        s, c = xp.maximum(block["strength"], 0), block["centre"]
        # -s (c - away)^2 = 2 s c away - s away^2 - s c^2, for all heads in one product
        weights = xp.concat([2 * s * c, -s], 1)  # (H, 2 axes)
        cells = distances @ weights.T - (s * c * c).sum(1)  # (B, Tq, Tk-1, H)
        blank = xp.broadcast_to(block["blank"], (*cells.shape[:2], 1, cells.shape[3]))
        return xp.concat([blank, cells], 2).swapaxes(2, 3).swapaxes(1, 2)


class ExpressionPagePositions(PagePositions):
    """The same kernels on the axes of sheet.py: for whole expressions, rewritten row by row with workings in between."""

    n_axes = len(sheet.AXES)
    look = sheet.LOOK
    at = sheet.AT
    axes = sheet.AXES
    coordinates = sheet.ExpressionPageCoordinates
    # Later blocks need less to look at, and it comes first: of three, 16 and 8 heads suffice the later two (runs/LOG.md).
    head_starts = (
        *({"token": -1}, {"field": -1}, {"field": 0}, {"field": 1}, {"field": 1, "digit of the line": 0}),
        *({"work": 0, "place": 0}, {"field": 0, "digit": -1}, {"place": -0.5}),
        *({"field": 0, "place": 0}, {"field": 1, "place": 0}, {"field": 0, "place": -0.5}, {"field": 0, "digit": 0}),
        *({"field": 1, "digit": 0}, {"number": -1, "digit": 0}, {"number": -3, "digit": 0}, {"number": -3, "digit": -1}),
        *({"number": -1, "place": 0}, {"number": -2, "place": 0}, {"number": -3, "place": 0}, {"place": -1, "number": 0}),
        *({"number": 0}, {"number": -1}, {"number": -1, "digit": -1}, {"number": -1, "place of the digit": 0}),
        *({"work": 0}, {"work": 0, "digit": 0}, {"field": 0, "place": -1}, {"field": 1, "dots": -0.5}),
    )
