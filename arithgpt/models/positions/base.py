"""What every position scheme can do; this one does nothing of it.

A scheme works from the page coordinates (page.py) and can act at four points: on the embeddings, once; on the queries and keys
of each block; and on its attention logits, by `bias`, or for whole pages by `widen`, which must be the same function of the
cells. A test holds every scheme to that.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from arithgpt.models.arrays import Array
from arithgpt.models.page import AXES, PageCoordinates

if TYPE_CHECKING:
    from arithgpt.config.recipe import ModelConfig

EMBEDDING_STD = 0.5


class NoPositions:
    """Nothing but the order in which causal attention sees the characters; also what the other schemes change."""

    blank = False
    """Whether a blank stands before the first character of every page."""
    n_axes = 0
    """How many axes the kernels of its heads have."""
    folds = True
    """Whether `widen` does for a whole page what `bias` does for the cached decoder; else `bias` does both."""
    limited = False
    """Whether it has no place for pages of more than block_size characters."""
    recordable = True
    """Whether a GPU can record what it computes in training (cuda.py): nothing is drawn, sent to it or read from it."""
    axes: tuple[str, ...] = AXES
    """The axes of a page on which it tells characters apart, by name."""
    look: slice | list[int] = slice(len(AXES))
    """The columns of a cell that say where a query looks from, by axis."""
    at: slice | list[int] = slice(len(AXES))
    """Those that say where a key stands."""
    coordinates: type[PageCoordinates] = PageCoordinates
    """What follows the cells of a page; their columns are its own, but for the first six."""

    def initial(self, config: ModelConfig, n_characters: int, rng: np.random.Generator) -> dict[str, np.ndarray]:
        """The first weights of the whole model's part in it, by name."""
        return {}

    def initial_of_block(self, n_head: int, rng: np.random.Generator) -> dict[str, np.ndarray]:
        """The first weights of a block's part in it, by name."""
        return {}

    def at_random(self, cells: Array, config: ModelConfig, rng: np.random.Generator) -> Array:
        """The cells of whole pages (B, T+1, columns) as they are shown in training; may change the array it is given."""
        return cells

    def embedding(self, weights: dict[str, Array], cells: Array) -> Array | None:
        """What is added to the embeddings of the characters: (B, T+1, columns) -> (B, T, C); the last cell is still empty."""
        return None

    def turn(self, x: Array, cells: Array) -> Array:
        """Queries or keys (B, H, T, D), turned by the cells (B, T, columns) of their own characters."""
        return x

    def widen(self, block: dict[str, Array], q: Array, k: Array, cells: Array) -> tuple[Array, Array]:
        """Queries and keys of a whole page (B, H, T, D), made so that their products know the cells (B, T+1, columns)."""
        return q, k

    def distances(self, look: Array, at: Array) -> Array | None:
        """What every block's `bias` needs of the cells (B, Tq, columns) looked from and (B, Tk, ...) looked at."""
        return None

    def bias(self, block: dict[str, Array], distances: Array) -> Array:
        """What a block adds to its attention logits: (B or 1, H, Tq, Tk)"""
        raise NotImplementedError
