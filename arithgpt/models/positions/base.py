"""What a position scheme can do, and the scheme that does nothing.

A scheme is a small module. It computes page coordinates from the ids and can act at three hooks, each of which a subclass may
override:

    embedding       added to the token embeddings, once                           learned, sinusoidal, abacus, ...
    rotate          applied to queries and keys in every block                    rope
    attention_bias  makes a module for each block that biases its logits          page, alibi, t5, fire

A scheme of your own: subclass `PositionScheme`, then `register("my_scheme", MyScheme)`; a recipe names it as
`positions = "my_scheme"` (docs: adding a position scheme).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

import numpy as np
import torch
from torch import Tensor, nn

from arithgpt.models.positions.page_coordinates import PageCoordinates

if TYPE_CHECKING:
    from arithgpt.config.schema import ModelConfig

EMBEDDING_STD = 0.5
"""Standard deviation of the initial embeddings."""


class PositionScheme(nn.Module):
    """No positions: only the order in which causal attention sees the characters. Other schemes subclass it.

    Args:
        config: shape of the model
        alphabet: the characters of the vocabulary, in the order of their ids
    """

    has_bos: ClassVar[bool] = False
    """Whether a token that is no character, the bos token, stands before every page."""
    is_embedding: ClassVar[bool] = True
    """Whether the scheme acts by `embedding` alone, as an encoder-decoder needs it."""
    is_limited: ClassVar[bool] = False
    """Whether pages are limited to block_size characters."""
    is_static: ClassVar[bool] = True
    """Whether a CUDA graph can record it: it draws nothing and reads nothing back from the GPU."""
    n_axes: ClassVar[int] = 0
    """The axes on which its attention biases compare cells, for planning memory."""
    coordinates_class: ClassVar[type[PageCoordinates]] = PageCoordinates

    def __init__(self, config: ModelConfig, alphabet: str) -> None:
        super().__init__()
        self.config = config
        self.coordinates = self.make_coordinates(alphabet)
        self.roles: Tensor
        self.first_cell: Tensor
        self.register_buffer("roles", torch.from_numpy(self.coordinates.roles), persistent=False)
        self.register_buffer("first_cell", torch.tensor(self.coordinates.first_cell), persistent=False)

    def make_coordinates(self, alphabet: str) -> PageCoordinates:
        """Make the coordinate system in which characters have their cells."""
        return self.coordinates_class(alphabet)

    def init_weights(self, rng: np.random.Generator) -> None:
        """Draw the scheme's own weights."""

    def cells(self, ids: Tensor, start: Tensor | None = None) -> Tensor:
        """Compute the cells of characters, and of the character after them.

        Args:
            ids: int64 (B, T)
            start: float (B, columns), the cell of the first character; None where the pages begin

        Returns:
            float32 (B, T + 1, columns).
        """
        if start is None:
            start = self.first_cell.expand(len(ids), -1)
        return self.coordinates(ids, start, self.roles, torch)

    def training_cells(self, cells: Tensor, generator: torch.Generator | None) -> Tensor:
        """Change the cells (B, T + 1, columns) of whole pages at random, as they are shown in training."""
        return cells

    def embedding(self, cells: Tensor) -> Tensor | None:
        """Hook 1: what is added to the token embeddings.

        Args:
            cells: float (B, T + 1, columns); the last cell is still empty

        Returns:
            (B, T, C), or None for nothing.
        """
        return None

    def rotate(self, x: Tensor, cells: Tensor) -> Tensor:
        """Hook 2: rotate queries or keys (B, H, T, D) by the cells (B, T, columns) of their own characters."""
        return x

    def attention_bias(self, n_head: int) -> AttentionBias | None:
        """Hook 3: make the module that biases the attention logits of one block; None for no bias."""
        return None

    def distances(self, queries: Tensor, keys: Tensor) -> Tensor | None:
        """Compute what the biases of all blocks need to know of pairs of cells.

        Args:
            queries: (B, Tq, columns), the cells that queries look from
            keys: (B, Tk, columns), the cells in which keys stand, the bos token first if there is one

        Returns:
            (B or 1, Tq, Tk, ...) in a form of the scheme's own, or None where it has no bias.
        """
        return None


class AttentionBias(nn.Module):
    """Adds a function of two cells to the attention logits of one block."""

    can_fold: ClassVar[bool] = False
    """Whether `fold_into_qk` does for a whole page what `forward` does for pairs of cells."""

    def init_weights(self, rng: np.random.Generator) -> None:
        """Draw the weights."""

    def forward(self, distances: Tensor) -> Tensor:
        """Compute the bias (B or 1, H, Tq, Tk) from what `PositionScheme.distances` returned."""
        raise NotImplementedError

    def fold_into_qk(self, q: Tensor, k: Tensor, cells: Tensor) -> tuple[Tensor, Tensor]:
        """Widen queries and keys of whole pages so that their product contains the bias.

        Args:
            q, k: (B, H, T, D)
            cells: (B, T + 1, columns), one more than there are tokens

        Returns:
            Two of (B, H, T, W) with W >= D.
        """
        raise NotImplementedError


def copy_normal(parameter: Tensor, rng: np.random.Generator, std: float = EMBEDDING_STD) -> None:
    """Fill a parameter with normal numbers; NumPy draws them, so they are the same on every machine."""
    with torch.no_grad():
        parameter.copy_(torch.from_numpy((std * rng.standard_normal(tuple(parameter.shape))).astype(np.float32)))
