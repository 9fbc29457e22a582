"""Embeddings of the place that a digit has in its number, starting at a random offset in training.

    page       3  2  1  +  6  5  4  =  9
    abacus     1  2  3  .  1  2  3  .  1        the digits alone; marks get a vector of zeros
    coupled    1  2  3  4  1  2  3  4  1        all that stands in one column of the page

There are block_size places. A digit beyond them gets the vector of the last place, which makes its place unknown. In training
all places of a page are moved by one number, drawn from 0 to as far as there is room. So short numbers train all vectors.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

import numpy as np
import torch
from torch import Tensor, nn

from arithgpt.models.positions.base import PositionScheme, copy_normal
from arithgpt.models.positions.page_coordinates import PageCoordinates

if TYPE_CHECKING:
    from arithgpt.config.schema import ModelConfig

PLACE, DIGIT = PageCoordinates.axes.index("place"), PageCoordinates.axes.index("digit")


class CoupledPositions(PositionScheme):
    """One learned vector for what has the same place in its number (position coupling). Source: arXiv 2405.20671."""

    is_static = False
    column: ClassVar[int] = PLACE
    """The column of a cell that is looked up."""

    def __init__(self, config: ModelConfig, alphabet: str) -> None:
        super().__init__(config, alphabet)
        self.place_embedding = nn.Parameter(torch.zeros(config.block_size, config.n_embd))

    def init_weights(self, rng: np.random.Generator) -> None:
        """Draw the vectors."""
        copy_normal(self.place_embedding, rng)

    def training_cells(self, cells: Tensor, generator: torch.Generator | None) -> Tensor:
        """Move the places of each page by a random offset."""
        room = max(0, self.config.block_size - int(cells[..., self.column].max()))
        device = generator.device if generator is not None else cells.device
        offsets = torch.randint(0, room + 1, (len(cells), 1), generator=generator, device=device)
        cells = cells.clone()
        cells[..., self.column] += offsets.to(cells)
        return cells

    def embedding(self, cells: Tensor) -> Tensor:
        """Look up the vector of each place: (B, T + 1, columns) -> (B, T, C)."""
        places = cells[:, :-1, self.column].long().clamp(max=self.config.block_size)
        return self.place_embedding[places - 1]


class AbacusPositions(CoupledPositions):
    """A learned vector for the index of a digit within its number, and none for marks. Source: arXiv 2405.17399."""

    column = DIGIT

    def embedding(self, cells: Tensor) -> Tensor:
        """Look up the vector of each digit: (B, T + 1, columns) -> (B, T, C)."""
        is_digit = cells[:, 1:, DIGIT] > cells[:, :-1, DIGIT]  # after a mark the count starts again
        return super().embedding(cells) * is_digit[..., None]
