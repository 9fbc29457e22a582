"""Embeddings of the place that a digit has in its number, begun at a random offset in training.

    page       3  2  1  +  6  5  4  =  9
    abacus     1  2  3  .  1  2  3  .  1        the digits alone; marks have a vector of zeros added
    coupled    1  2  3  4  1  2  3  4  1        all that stands in one column of the page

There are block_size places; a digit beyond them has the last one's vector, which makes its place unknown. In training all
places of a page are moved on by one number drawn from 0 to as far as there is room, so that all vectors are learned from short
numbers.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from arithgpt.models.arrays import Array, ops
from arithgpt.models.page import AXES
from arithgpt.models.positions.base import EMBEDDING_STD, NoPositions

if TYPE_CHECKING:
    from arithgpt.config.recipe import ModelConfig

DIGIT = AXES.index("digit")


class CoupledPositions(NoPositions):
    """One learned vector for what has the same place in its number (position coupling, arXiv 2405.20671)."""

    recordable = False
    axis = AXES.index("place")

    def initial(self, config: ModelConfig, n_characters: int, rng: np.random.Generator) -> dict[str, np.ndarray]:
        return {"places": EMBEDDING_STD * rng.standard_normal((config.block_size, config.n_embd))}

    def at_random(self, cells: Array, config: ModelConfig, rng: np.random.Generator) -> Array:
        room = max(0, config.block_size - int(cells[..., self.axis].max()))
        offsets = rng.integers(0, room + 1, (len(cells), 1)).astype(np.float64)
        cells[..., self.axis] += ops(cells).constant(offsets, cells)
        return cells

    def embedding(self, weights: dict[str, Array], cells: Array) -> Array | None:
        vectors, xp = weights["places"], ops(cells)
        beyond = xp.maximum(
            len(vectors) - cells[:, :-1, self.axis], 0
        )  # how far from the last place, of which there is none after
        return vectors[len(vectors) - 1 - xp.integers(beyond)]


class AbacusPositions(CoupledPositions):
    """A learned vector for the index of a digit within its number, and none for marks (arXiv 2405.17399)."""

    axis = DIGIT

    def embedding(self, weights: dict[str, Array], cells: Array) -> Array | None:
        is_digit = cells[:, 1:, DIGIT] > cells[:, :-1, DIGIT]  # a mark begins the count again
        return super().embedding(weights, cells) * is_digit[..., None]
