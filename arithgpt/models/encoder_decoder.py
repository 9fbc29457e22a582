"""The Transformer of 2017 in place of the GPT: an encoder reads the question, a decoder writes what comes after it.

    page      3  2  1  +  6  5  4  =  9  7  5  $          model.prompt_end = "="
    encoder   3  2  1  +  6  5  4  =                      each character sees all of the question, in both directions
    decoder                        =  9  7  5             each sees those written before it, and the encoder's output
    written                        9  7  5  $

The question of a page ends with the first `prompt_end` on it, found in the characters alone. The last character of that is also
the first that the decoder reads. Logits within the question are zeros: nobody asks for them. Pages whose questions end at
different places share a batch, each masked by its own.

As in arXiv 1706.03762 both halves have n_layer layers and share the token embeddings, and positions are counted from 0 in each
half. Unlike there, blocks are those of the GPT: pre-norm, with QK-norm. Only position schemes that are embeddings will do:
between the halves no distance is defined.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor, nn

from arithgpt.models.kv_cache import NEVER, QuestionCache
from arithgpt.models.language_model import LanguageModel
from arithgpt.models.layers import MLP, NORMS, Dropout, Linear, MaskedAttention
from arithgpt.models.positions.page_coordinates import TOKEN

if TYPE_CHECKING:
    from arithgpt.config.schema import ModelConfig

HIDDEN = -1e30  # added to the logits of hidden keys; finite, so that a query which sees none is no NaN
ENCODER_BYTES = 64 << 20  # of attention weights while questions are encoded for a cache


@dataclass(frozen=True)
class Context:
    """What every block of one half needs besides x; the encoder needs the first two."""

    mask: Tensor
    """(B, 1, 1 or T, S): hides keys of self-attention."""
    generator: torch.Generator | None
    """Source of dropout; None for torch's default."""
    first: int = 0
    """Where on the page the first of the S keys stands."""
    sources: Sequence[Sequence[Tensor] | Tensor] = ()
    """For each layer two of (B, K, E, D): keys and values of the questions."""
    source_mask: Tensor | None = None
    """(B, 1, 1, E): hides what follows a question that is shorter than the longest."""
    cache: QuestionCache | None = None


class EncoderBlock(nn.Module):
    """Self-attention to all of the question, then an MLP, each added to the residual stream."""

    def __init__(self, config: ModelConfig, layer: int) -> None:
        super().__init__()
        norm = NORMS[config.norm]
        self.attention_norm, self.attention = norm(config.n_embd), MaskedAttention(config, layer)
        self.mlp_norm, self.mlp = norm(config.n_embd), MLP(config)
        self.dropout = Dropout(config.dropout)

    def init_weights(self, rng: np.random.Generator) -> None:
        """Draw the matrices in; what the block adds starts at zero."""
        for module in self.children():
            if isinstance(module, MaskedAttention):
                module.q.init_normal(rng)
                module.kv.init_normal(rng)
        self.mlp.up.init_normal(rng)
        if self.mlp.activation == "swiglu":
            self.mlp.gate.init_normal(rng)

    def forward(self, x: Tensor, context: Context, depth: int) -> Tensor:
        """(B, T, C) -> (B, T, C); depth says which application of a block this is, for the cache."""
        normed = self.attention_norm(x)
        k, v = self.attention.keys_values(normed)  # (B, K, T, D)
        x = x + self.dropout(self.attention(normed, k, v, context.mask), context.generator)
        return x + self.dropout(self.mlp(self.mlp_norm(x)), context.generator)


class DecoderBlock(EncoderBlock):
    """Causal self-attention, attention to the question, then an MLP."""

    def __init__(self, config: ModelConfig, layer: int) -> None:
        super().__init__(config, layer)
        self.layer = layer
        self.cross_norm, self.cross = NORMS[config.norm](config.n_embd), MaskedAttention(config, layer)

    def forward(self, x: Tensor, context: Context, depth: int) -> Tensor:
        """(B, T, C) -> (B, T, C); arguments as those of an encoder block."""
        normed = self.attention_norm(x)
        k, v = self.attention.keys_values(normed)  # (B, K, T, D)
        if context.cache is not None:
            k, v = (so_far[:, :, context.first :] for so_far in context.cache.append(depth, k, v))  # (B, K, S, D)
        x = x + self.dropout(self.attention(normed, k, v, context.mask), context.generator)
        attended = self.cross(self.cross_norm(x), *context.sources[self.layer], context.source_mask)
        x = x + self.dropout(attended, context.generator)
        return x + self.dropout(self.mlp(self.mlp_norm(x)), context.generator)


class EncoderDecoder(LanguageModel):
    """An encoder-decoder over the characters of an alphabet.

    Raises:
        ValueError: the alphabet lacks a character of prompt_end
    """

    def __init__(self, config: ModelConfig, alphabet: str) -> None:
        super().__init__(config, alphabet)
        V, C = len(alphabet), config.n_embd
        self.token_embedding = nn.Embedding(V, C, _weight=torch.zeros(V, C))
        self.positions = self.make_positions()
        self.encoder = nn.ModuleList(EncoderBlock(config, layer) for layer in range(config.n_layer))
        self.decoder = nn.ModuleList(DecoderBlock(config, layer) for layer in range(config.n_layer))
        self.encoder_norm, self.norm = NORMS[config.norm](C), NORMS[config.norm](C)
        self.head = None if config.tied else Linear(C, V)
        self.dropout = Dropout(config.dropout)
        self.prompt_end = [alphabet.index(char) for char in config.prompt_end]

    def init_weights(self, rng: np.random.Generator) -> None:
        """Draw small random matrices; what a block adds starts at zero."""
        self.init_embedding(self.token_embedding, rng)
        self.positions.init_weights(rng)
        for block in (*self.encoder, *self.decoder):
            block.init_weights(rng)
        if self.head is not None:
            self.head.init_normal(rng)

    def new_cache(self, n: int, size: int) -> QuestionCache:
        """Make an empty cache for n pages of at most `size` characters."""
        config, n_columns = self.config, len(self.positions.first_cell)
        return QuestionCache(n, size, config.kv_heads, config.loops, config.head_size, n_columns, self.token_embedding.weight)

    def forward(
        self, ids: Tensor, cache: QuestionCache | None = None, last: int | None = None, generator: torch.Generator | None = None
    ) -> Tensor:
        """Compute the logits of the character after each token, zeros within questions; arguments as those of `GPT.forward`.

        Returns:
            float32 (B, T, V), or (B, last, V).
        """
        B, T = ids.shape
        before = 0 if cache is None else cache.length
        cells = self.positions.cells(ids, None if before == 0 else cache.cells[:, before])  # (B, T + 1, columns)
        if self.training:
            cells = self.positions.training_cells(cells, generator)
        starts = self._question_ends(ids) if cache is None else self._read_into(cache, ids, cells)
        first = int(starts.min())  # the decoder starts here, on the page whose question ends first
        skip = min(T, max(0, first - before))
        if cache is not None:
            cache.length += skip
        if skip == T:
            return self.token_embedding.weight.new_zeros(B, last or T, len(self.alphabet))
        sources = self._encode(ids, cells, starts, generator) if cache is None else cache.sources

        all_cells = cells if cache is None else cache.cells[:, : before + T + 1]
        x = self._embed(ids[:, skip:], _recounted(cells[:, skip:], all_cells, starts), generator)  # (B, T - skip, C)
        places = torch.arange(before + T, device=ids.device)
        queries, keys = places[before + skip :], places[first:]
        mask = _mask((keys > queries[:, None]) | (keys < starts[:, None, None]), x)  # (B, 1, T - skip, S)
        source_mask = _mask((places[: sources[0][0].shape[2]] > starts[:, None])[:, None], x)  # (B, 1, 1, E)
        context = Context(mask, generator, first, sources, source_mask, cache)
        embedded = x
        for depth, block in enumerate([*self.decoder] * self.config.loops):
            x = block(self._inject(x, embedded, depth), context, depth)
        if cache is not None:
            cache.length = before + T
        if last is not None:
            x, queries = x[:, -last:], queries[-last:]
        x = self.norm(x)
        logits = x @ (self.token_embedding.weight * x.shape[2] ** -0.5).T if self.head is None else self.head(x)
        logits = logits.masked_fill((queries < starts[:, None])[..., None], 0)
        return torch.cat([logits.new_zeros(B, (last or T) - x.shape[1], logits.shape[2]), logits], 1)

    def _question_ends(self, ids: Tensor) -> Tensor:
        """Find where the first prompt_end of each row (B, T) has its last character: int64 (B,), NEVER where there is none."""
        found = ids == self.prompt_end[-1]
        for back, id in enumerate(self.prompt_end[-2::-1], 1):
            earlier = torch.cat([ids.new_full((len(ids), min(back, ids.shape[1])), -1), ids[:, :-back]], 1)
            found = found & (earlier == id)
        return torch.where(found.any(1), found.long().argmax(1), NEVER)

    def _read_into(self, cache: QuestionCache, ids: Tensor, cells: Tensor) -> Tensor:
        """Put characters (B, T) and their cells into the cache, and encode questions that end among them; return starts."""
        begin, end = cache.length, cache.length + ids.shape[1]
        cache.ids[:, begin:end], cache.cells[:, begin : end + 1] = ids, cells
        searched = max(0, begin - len(self.prompt_end) + 1)
        found = self._question_ends(cache.ids[:, searched:end]) + searched
        ends = (cache.starts >= NEVER) & (found < NEVER)
        cache.starts = torch.where(ends, found, cache.starts)
        rows = max(1, ENCODER_BYTES // (4 * max(self.config.heads) * end**2))
        for chosen in ends.nonzero()[:, 0].split(rows):
            if len(chosen):
                cache.put_sources(chosen, self._encode(cache.ids[chosen], cache.cells[chosen], cache.starts[chosen], None))
        return cache.starts

    def _encode(
        self, ids: Tensor, cells: Tensor, starts: Tensor, generator: torch.Generator | None
    ) -> list[tuple[Tensor, Tensor]]:
        """Run the encoder: for each layer of the decoder keys and values (B, K, E, D) of the questions.

        Args:
            ids: int64 (B, T >= E), E the longest question
            cells: (B, T + 1, columns)
            starts: int64 (B,)
            generator: source of dropout
        """
        E = min(ids.shape[1], int(starts.max()) + 1)
        embedded = x = self._embed(ids[:, :E], cells[:, : E + 1], generator)
        mask = _mask((torch.arange(E, device=ids.device) > starts[:, None])[:, None], x)  # (B, 1, 1, E)
        context = Context(mask, generator)
        for depth, block in enumerate([*self.encoder] * self.config.loops):
            x = block(self._inject(x, embedded, depth), context, depth)
        x = self.encoder_norm(x)
        return [block.cross.keys_values(x) for block in self.decoder]

    def _embed(self, ids: Tensor, cells: Tensor, generator: torch.Generator | None) -> Tensor:
        """Embed tokens (B, T) at cells (B, T + 1, columns): (B, T, C)."""
        x, added = self.token_embedding(ids), self.positions.embedding(cells)
        return self.dropout(x if added is None else x + added, generator)

    def _inject(self, x: Tensor, embedded: Tensor, depth: int) -> Tensor:
        """Add the embeddings again where a loop over the blocks begins, if the config says so."""
        begins = depth > 0 and depth % self.config.n_layer == 0
        return x + embedded if self.config.inject and begins else x


def _mask(hidden: Tensor, x: Tensor) -> Tensor:
    """Make what is added to attention logits (B, 1, Tq or 1, Tk), in the type of x, from bool (B, Tq or 1, Tk)."""
    return x.new_zeros(()).masked_fill(hidden[:, None], HIDDEN)


def _recounted(cells: Tensor, page: Tensor, starts: Tensor) -> Tensor:
    """Count the index of characters in cells (B, t, columns) from where the question ends, and 0 before.

    Args:
        cells: (B, t, columns)
        page: (B, T + 1, columns), all cells so far
        starts: int64 (B,)
    """
    origin = page[..., TOKEN].gather(1, starts.clamp(max=page.shape[1] - 1)[:, None])  # (B, 1)
    counted = (cells[..., TOKEN] - origin).clamp(min=0)
    return torch.cat([cells[..., :TOKEN], counted[..., None], cells[..., TOKEN + 1 :]], 2)
