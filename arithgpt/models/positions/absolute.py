"""Embeddings of the index of each character, 0 1 2 ...: learned, as waves, and with indices drawn at random in training."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

import numpy as np
import torch
from torch import Tensor, nn

from arithgpt.models.positions.base import PositionScheme, copy_normal
from arithgpt.models.positions.page_coordinates import TOKEN

if TYPE_CHECKING:
    from arithgpt.config.schema import ModelConfig

LONGEST_WAVE = 10_000  # over 2 pi, in characters (arXiv 1706.03762)
STRETCH = 4  # indices to draw from for each character of the longest page; a power of two, so that floats hold the shares of it


class LearnedPositions(PositionScheme):
    """A learned vector for each character index, as in GPT-2. Pages longer than block_size raise ValueError."""

    is_limited = True
    is_static = False
    stretch: ClassVar[int] = 1
    """Vectors for each character of the longest page."""

    def __init__(self, config: ModelConfig, alphabet: str) -> None:
        super().__init__(config, alphabet)
        self.position_embedding = nn.Parameter(torch.zeros(self.stretch * config.block_size, config.n_embd))

    def init_weights(self, rng: np.random.Generator) -> None:
        """Draw the vectors."""
        copy_normal(self.position_embedding, rng)

    def embedding(self, cells: Tensor) -> Tensor:
        """Look up the vector of each index: (B, T + 1, columns) -> (B, T, C)."""
        index = (self.stretch * cells[:, :-1, TOKEN]).long()
        if not torch.compiler.is_compiling():  # a graph cannot depend on a value; there torch's own check of the index remains
            longest, most = int(index.max()) // self.stretch + 1, self.config.block_size
            if longest > most:
                raise ValueError(f"a page of {longest} characters: learned positions end at block_size = {most}")
        return self.position_embedding[index]


class SinusoidalPositions(PositionScheme):
    """Sines and cosines of the character index, of wavelengths from 2 pi to 2 pi LONGEST_WAVE. Source: arXiv 1706.03762."""

    stretch: ClassVar[int] = 1

    def embedding(self, cells: Tensor) -> Tensor:
        """Compute the waves at each index: (B, T + 1, columns) -> (B, T, C)."""
        C = self.config.n_embd
        n = (C + 1) // 2
        frequencies = LONGEST_WAVE ** -(torch.arange(n, dtype=torch.float64, device=cells.device) / n)
        angles = self.stretch * cells[:, :-1, TOKEN, None] * frequencies.to(cells.dtype)  # (B, T, n)
        return torch.cat([angles.sin(), angles.cos()], 2)[..., :C]


class _RandomIndices(PositionScheme):
    """In training the indices of a batch are an ordered random choice of STRETCH * block_size. Source: arXiv 2305.16843.

    So all of them are seen, however short the pages. The paper draws at inference too. Here the indices then are every
    STRETCH-th one, so that an answer is a function of its question.
    """

    is_limited = True
    is_static = False
    stretch: ClassVar[int] = STRETCH

    def training_cells(self, cells: Tensor, generator: torch.Generator | None) -> Tensor:
        """Replace the indices of a batch by random ones in order."""
        n, most = cells.shape[1], self.config.block_size
        if n > STRETCH * most:
            raise ValueError(f"a page of {n - 1} characters: randomized positions end at block_size = {most}")
        device = generator.device if generator is not None else cells.device
        drawn = torch.randperm(STRETCH * most, generator=generator, device=device)
        indices = drawn[:n].sort().values
        cells = cells.clone()
        cells[..., TOKEN] = (indices / STRETCH).to(cells)
        return cells


class RandomizedPositions(_RandomIndices, LearnedPositions):
    """A learned vector for each of STRETCH * block_size indices. Pages longer than block_size raise ValueError."""


class RandomizedSinusoidalPositions(_RandomIndices, SinusoidalPositions):
    """Sines and cosines of the random index."""
