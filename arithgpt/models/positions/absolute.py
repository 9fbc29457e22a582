"""Embeddings of the index of each character, 0 1 2 ...: as in GPT-2, as waves, and with indices drawn at random in training."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from arithgpt.models.arrays import Array, ops
from arithgpt.models.page import AXES
from arithgpt.models.positions.base import EMBEDDING_STD, NoPositions

if TYPE_CHECKING:
    from arithgpt.config.recipe import ModelConfig

TOKEN = AXES.index("token")
LONGEST_WAVE = 10_000  # over 2 pi, in characters (1706.03762)
STRETCH = 4  # indices to draw from for each character of the longest page; a power of two, so that floats hold the shares of it


class LearnedPositions(NoPositions):
    """A learned vector for each character index, as in GPT-2. Pages longer than block_size raise ValueError."""

    limited = True
    recordable = False
    stretch = 1
    """Vectors for each character of the longest page."""

    def initial(self, config: ModelConfig, n_characters: int, rng: np.random.Generator) -> dict[str, np.ndarray]:
        return {"positions": EMBEDDING_STD * rng.standard_normal((self.stretch * config.block_size, config.n_embd))}

    def embedding(self, weights: dict[str, Array], cells: Array) -> Array | None:
        vectors = weights["positions"]
        index = self.stretch * cells[:, :-1, TOKEN]
        longest = int(index.max()) // self.stretch + 1
        if longest * self.stretch > len(vectors):
            room = len(vectors) // self.stretch
            raise ValueError(f"a page of {longest} characters: learned positions end at block_size = {room}")
        return vectors[ops(cells).integers(index)]


class SinusoidalPositions(NoPositions):
    """Sines and cosines of the character index, of wavelengths from 2 pi to 2 pi LONGEST_WAVE (arXiv 1706.03762)."""

    recordable = False
    stretch = 1

    def embedding(self, weights: dict[str, Array], cells: Array) -> Array | None:
        C, xp = weights["characters"].shape[1], ops(cells)
        n = (C + 1) // 2
        frequencies = xp.constant(LONGEST_WAVE ** -(np.arange(n) / n), cells)
        angles = self.stretch * cells[:, :-1, TOKEN, None] * frequencies  # (B, T, n)
        return xp.cast(xp.concat([xp.sin(angles), xp.cos(angles)], 2)[..., :C], weights["characters"])


class _Randomized(NoPositions):
    """In training the indices of a batch are an ordered random choice of STRETCH times block_size (arXiv 2305.16843).

    So all of them are seen, however short the pages. The paper draws when it is asked, too; here the indices then are every
    STRETCH-th one, so that an answer is a function of its question and a page can be read bit by bit.
    """

    limited = True
    stretch = STRETCH

    def at_random(self, cells: Array, config: ModelConfig, rng: np.random.Generator) -> Array:
        indices = np.sort(rng.choice(STRETCH * config.block_size, cells.shape[1], replace=False))
        cells[..., TOKEN] = ops(cells).constant(indices / STRETCH, cells)
        return cells


class RandomizedPositions(_Randomized, LearnedPositions):
    """A learned vector for each index. Pages longer than block_size raise ValueError."""


class RandomizedSinusoidalPositions(_Randomized, SinusoidalPositions):
    """Sines and cosines of the index."""
