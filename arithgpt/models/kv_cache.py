"""The key-value cache: what attention has already computed of a batch of pages, so that each new token is computed once."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

NEVER = 1 << 40
"""Where a question ends whose end has not been read."""


class KVCache:
    """Keys, values and cells of the tokens already read.

    `length` tokens are filled, a bos token included.

    Args:
        n: pages
        size: most tokens of a page
        kv_heads: heads of keys and values, of each application of a block
        head_size: width of a head
        n_columns: columns of a cell
        like: gives the type and the device
    """

    def __init__(self, n: int, size: int, kv_heads: Sequence[int], head_size: int, n_columns: int, like: Tensor) -> None:
        self.keys_values = [like.new_zeros(2, n, n_head, size, head_size) for n_head in kv_heads]
        self.cells = like.new_zeros(n, size + 1, n_columns)
        self.length = 0

    def append(self, depth: int, k: Tensor, v: Tensor) -> tuple[Tensor, Tensor]:
        """Append keys and values (B, K, T, D) of one application of a block; return all of them so far."""
        end = self.length + k.shape[2]
        keys, values = self.keys_values[depth]
        keys[:, :, self.length : end] = k
        values[:, :, self.length : end] = v
        return keys[:, :, :end], values[:, :, :end]

    def append_cells(self, cells: Tensor) -> Tensor:
        """Append the cells (B, T + 1, columns) of T tokens and of the next; return all of them so far."""
        end = self.length + cells.shape[1]
        self.cells[:, self.length : end] = cells
        return self.cells[:, :end]

    def keep(self, rows: Tensor) -> None:
        """Drop all pages but those of int64 `rows`."""
        self.keys_values = [keys_values[:, rows] for keys_values in self.keys_values]
        self.cells = self.cells[rows]


class QuestionCache(KVCache):
    """The cache of an encoder-decoder: for each page also its question and, once that has been read, the encoder's output.

    Args:
        n: pages
        size: most tokens of a page
        kv_heads: heads of keys and values, of each layer
        loops: how often the layers are applied
        head_size: width of a head
        n_columns: columns of a cell
        like: gives the type and the device
    """

    def __init__(
        self, n: int, size: int, kv_heads: tuple[int, ...], loops: int, head_size: int, n_columns: int, like: Tensor
    ) -> None:
        super().__init__(n, size, kv_heads * loops, head_size, n_columns, like)
        self.ids = torch.zeros(n, size, dtype=torch.long, device=like.device)
        self.starts = torch.full((n,), NEVER, device=like.device)
        """int64 (n,): where the last character of each question stands, NEVER where it has not been read yet."""
        self.sources = [like.new_zeros(2, n, n_head, 0, head_size) for n_head in kv_heads]
        """For each layer (2, n, K, longest question so far, D): keys and values of what the encoder read."""

    def put_sources(self, rows: Tensor, sources: list[tuple[Tensor, Tensor]]) -> None:
        """Keep keys and values (rows, K, E, D) of questions that have been read to their ends."""
        for layer, (k, v) in enumerate(sources):
            own, E = self.sources[layer], k.shape[2]
            if (more := E - own.shape[3]) > 0:
                own = torch.cat([own, own.new_zeros(*own.shape[:3], more, own.shape[4])], 3)
            own[0, rows, :, :E], own[1, rows, :, :E] = k, v
            self.sources[layer] = own

    def keep(self, rows: Tensor) -> None:
        """Drop all pages but those of int64 `rows`."""
        super().keep(rows)
        self.ids, self.starts = self.ids[rows], self.starts[rows]
        self.sources = [source[:, rows] for source in self.sources]
