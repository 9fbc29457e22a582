"""The GPT: pre-norm blocks, QK-norm, page positions. Read this file first.

    model = GPT(config, alphabet="0123456789+=$")
    logits = model(ids)                                  # int64 (B, T) -> float32 (B, T, vocabulary)

Shapes: B pages, T tokens, C = n_embd, H heads, K heads of keys and values (K = H unless n_kv_head says else), D = head_size,
V = vocabulary. Parameters start at zero or one; `build_model` in arithgpt/models/__init__.py draws them.

What differs from the GPT of the lectures: a position scheme is a module with three hooks (positions/base.py), and each block
may have its own number of heads. A bos token, where the scheme has one, stands before the page inside the model alone.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor, nn

from arithgpt.models.kv_cache import KVCache
from arithgpt.models.language_model import LanguageModel
from arithgpt.models.layers import MLP, NORMS, Dropout, Linear, RMSNorm, attend, attention_weights, repeat_kv
from arithgpt.models.positions.base import PositionScheme

if TYPE_CHECKING:
    from arithgpt.config.schema import ModelConfig


@dataclass(frozen=True)
class Context:
    """What every block of one forward pass needs besides x."""

    cells: Tensor
    """(B, S + 1, columns): page coordinates of all S tokens so far, and of the next."""
    distances: Tensor | None
    """What attention biases need to know of pairs of cells; None where they are folded into queries and keys, or absent."""
    cache: KVCache | None
    generator: torch.Generator | None
    """Source of dropout; None for torch's default."""


class CausalSelfAttention(nn.Module):
    """Multi-head causal self-attention with QK-norm (arXiv 2302.05442) and grouped queries (arXiv 2305.13245)."""

    def __init__(self, config: ModelConfig, layer: int, positions: PositionScheme) -> None:
        super().__init__()
        self.n_head, self.n_kv_head, self.head_size = config.heads[layer], config.kv_heads[layer], config.head_size
        self.qkv = Linear(config.n_embd, (self.n_head + 2 * self.n_kv_head) * self.head_size)
        self.q_norm, self.k_norm = RMSNorm(self.head_size), RMSNorm(self.head_size)
        self.out = Linear(self.n_head * self.head_size, config.n_embd)
        self.bias = positions.attention_bias(self.n_head)
        self.rotate = positions.rotate
        self.captured: list[Tensor] | None = None
        """Collects the attention weights (B, H, Tq, Tk) of each call where it is a list (inference/attention.py)."""

    def forward(self, x: Tensor, context: Context, depth: int, last: int | None = None) -> Tensor:
        """Attend to the tokens before.

        Args:
            x: (B, T, C)
            context: page coordinates, cache
            depth: which application of a block this is, for the cache
            last: compute only the last so many tokens; None for all

        Returns:
            (B, T or last, C).
        """
        B, T, _ = x.shape
        H, K, D = self.n_head, self.n_kv_head, self.head_size
        qkv = self.qkv(x).view(B, T, H + 2 * K, D).transpose(1, 2)  # (B, H + 2 K, T, D)
        q, k, v = qkv.split([H, K, K], dim=1)
        own_cells = context.cells[:, -T - 1 : -1]
        q, k = self.rotate(self.q_norm(q), own_cells), self.rotate(self.k_norm(k), own_cells)
        if context.cache is not None:
            k, v = context.cache.append(depth, k, v)  # (B, K, S, D)
        k, v = repeat_kv(k, H), repeat_kv(v, H)
        if last is not None:
            q, T = q[:, :, -last:], last
        if k.shape[2] == T and (self.bias is None or self.bias.can_fold):  # whole pages: only causality hides keys
            mask = None
            if self.bias is not None:
                q, k = self.bias.fold_into_qk(q, k, context.cells)
        else:
            mask = self._mask(context.distances, T, k.shape[2], x)
        if self.captured is None:
            y = attend(q, k, v, mask)  # (B, H, T, D)
        else:
            self.captured.append(attention_weights(q, k, mask, D**-0.5))
            y = self.captured[-1] @ v
        return self.out(y.transpose(1, 2).reshape(B, T, H * D))

    def _mask(self, distances: Tensor | None, n_queries: int, n_keys: int, x: Tensor) -> Tensor:
        """Add what hides later keys to the attention bias: broadcasts to (B, H, n_queries, n_keys)."""
        mask = x.new_zeros(1, 1)
        if n_queries > 1:
            mask = x.new_full((n_queries, n_keys), -torch.inf).triu(1 + n_keys - n_queries)
        if distances is not None and self.bias is not None:
            mask = mask + self.bias(distances[:, -n_queries:])
        return mask


class Block(nn.Module):
    """One transformer block: attention, then an MLP, each added to the residual stream."""

    def __init__(self, config: ModelConfig, layer: int, positions: PositionScheme) -> None:
        super().__init__()
        norm = NORMS[config.norm]
        self.attention_norm = norm(config.n_embd)
        self.attention = CausalSelfAttention(config, layer, positions)
        self.mlp_norm = norm(config.n_embd)
        self.mlp = MLP(config)
        self.dropout = Dropout(config.dropout)

    def forward(self, x: Tensor, context: Context, depth: int, last: int | None = None) -> Tensor:
        """(B, T, C) -> (B, T or last, C); arguments as those of the attention."""
        attended = self.attention(self.attention_norm(x), context, depth, last)
        x = (x if last is None else x[:, -last:]) + self.dropout(attended, context.generator)
        return x + self.dropout(self.mlp(self.mlp_norm(x)), context.generator)


class GPT(LanguageModel):
    """A GPT over the characters of an alphabet.

    Args:
        config: the model's shape
        alphabet: the characters of the vocabulary, in the order of their ids
    """

    def __init__(self, config: ModelConfig, alphabet: str) -> None:
        super().__init__(config, alphabet)
        self.token_embedding = nn.Embedding(len(alphabet), config.n_embd, _weight=torch.zeros(len(alphabet), config.n_embd))
        self.positions = self.make_positions()
        self.blocks = nn.ModuleList(Block(config, layer, self.positions) for layer in range(config.n_layer))
        self.norm = NORMS[config.norm](config.n_embd)
        self.head = None if config.tied else Linear(config.n_embd, len(alphabet))
        self.dropout = Dropout(config.dropout)

    def init_weights(self, rng: np.random.Generator) -> None:
        """Draw small random matrices. What a block adds starts at zero, so the first step sees the identity."""
        self.init_embedding(self.token_embedding, rng)
        self.positions.init_weights(rng)
        for block in self.blocks:
            block.attention.qkv.init_normal(rng)
            block.mlp.up.init_normal(rng)
            if block.attention.bias is not None:
                block.attention.bias.init_weights(rng)
            if self.config.activation == "swiglu":
                block.mlp.gate.init_normal(rng)
        if self.head is not None:
            self.head.init_normal(rng)

    def forward(
        self, ids: Tensor, cache: KVCache | None = None, last: int | None = None, generator: torch.Generator | None = None
    ) -> Tensor:
        """Compute the logits of the character after each token.

        Args:
            ids: int64 (B, T): whole pages, or with a cache the characters that follow those it holds; it then holds them too
            cache: from `new_cache`
            last: compute only the last so many tokens, which spares the last block the others; None for all
            generator: source of dropout and random positions while training; None for torch's default

        Returns:
            float32 (B, T, V), or (B, last, V).
        """
        begins = cache is None or cache.length == 0
        x, cells = self.embed(ids, None if begins else cache.cells[:, cache.length], generator)
        if cache is not None:
            cells = cache.append_cells(cells)
        context = Context(cells, self._distances(cells, x.shape[1], begins, last), cache, generator)
        first = x = self.dropout(x, generator)
        n_blocks = len(self.blocks)
        for depth in range(n_blocks * self.config.loops):
            if self.config.inject and depth > 0 and depth % n_blocks == 0:
                x = x + first
            is_last = depth == n_blocks * self.config.loops - 1
            x = self.blocks[depth % n_blocks](x, context, depth, last if is_last else None)
        if cache is not None:
            cache.length += first.shape[1]
        has_bos = begins and last is None and self.positions.has_bos
        return self.logits(x[:, 1:] if has_bos else x)

    def embed(
        self, ids: Tensor, start: Tensor | None = None, generator: torch.Generator | None = None
    ) -> tuple[Tensor, Tensor]:
        """Embed tokens and compute their page coordinates.

        Args:
            ids: int64 (B, T)
            start: (B, columns), the cell of the first token; None where pages begin: the bos token, if any, is then put first
            generator: source of random positions while training

        Returns:
            (B, S, C) and (B, S + 1, columns), where S is T, or T + 1 with the bos token.
        """
        cells = self.positions.cells(ids, start)
        if self.training:
            cells = self.positions.training_cells(cells, generator)
        x = self.token_embedding(ids)  # (B, T, C)
        if (added := self.positions.embedding(cells)) is not None:
            x = x + added
        if self.positions.has_bos and start is None:
            x = torch.cat([self.positions.bos_embedding.expand(len(ids), 1, -1), x], 1)
            cells = torch.cat([cells[:, :1], cells], 1)  # it is written nowhere, and looks at the first cell
        return x, cells

    def logits(self, x: Tensor) -> Tensor:
        """Project what the last block returned, (..., C), to the vocabulary: (..., V)."""
        x = self.norm(x)
        return x @ (self.token_embedding.weight * x.shape[-1] ** -0.5).T if self.head is None else self.head(x)

    def new_cache(self, n: int, size: int) -> KVCache:
        """Make an empty cache for n pages of at most `size` characters."""
        config, n_columns = self.config, len(self.positions.first_cell)
        size += self.positions.has_bos
        return KVCache(n, size, config.kv_heads * config.loops, config.head_size, n_columns, self.token_embedding.weight)

    def _distances(self, cells: Tensor, n_queries: int, begins: bool, last: int | None) -> Tensor | None:
        """Compute what attention biases need, for all queries; None where every bias can be folded into whole pages."""
        bias = self.blocks[0].attention.bias
        if bias is None:
            return None
        if begins and bias.can_fold:
            if last is None or last >= n_queries:
                return None
            n_queries = last  # blocks before the last one fold, the last one has fewer queries than keys
        return self.positions.distances(cells[:, -n_queries:], cells[:, :-1])
