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

from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor, nn

from arithgpt.models.kv_cache import KVCache
from arithgpt.models.language_model import LanguageModel
from arithgpt.models.layers import MLP, NORMS, Dropout, Linear, RMSNorm, attend, repeat_kv
from arithgpt.models.positions.page_coordinates import TOKEN

if TYPE_CHECKING:
    from arithgpt.config.schema import ModelConfig

NEVER = 1 << 40  # where a question ends whose end has not been read
HIDDEN = -1e30  # added to the logits of hidden keys; finite, so that a query which sees none is no NaN
ENCODER_BYTES = 64 << 20  # of attention weights while questions are encoded for a cache


class MaskedAttention(nn.Module):
    """Multi-head attention whose queries and keys may come from different tokens, behind a mask."""

    def __init__(self, config: ModelConfig, layer: int) -> None:
        super().__init__()
        self.n_head, self.n_kv_head, self.head_size = config.heads[layer], config.kv_heads[layer], config.head_size
        self.q = Linear(config.n_embd, self.n_head * self.head_size)
        self.kv = Linear(config.n_embd, 2 * self.n_kv_head * self.head_size)
        self.q_norm, self.k_norm = RMSNorm(self.head_size), RMSNorm(self.head_size)
        self.out = Linear(self.n_head * self.head_size, config.n_embd)

    def keys_values(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """(B, T, C) -> two of (B, K, T, D)."""
        (B, T, _), K, D = x.shape, self.n_kv_head, self.head_size
        k, v = self.kv(x).view(B, T, 2 * K, D).transpose(1, 2).split(K, dim=1)
        return self.k_norm(k), v

    def forward(self, x: Tensor, k: Tensor, v: Tensor, mask: Tensor) -> Tensor:
        """Attend from x (B, T, C) to keys and values (B, K, S, D) behind a mask: (B, T, C)."""
        (B, T, _), H, D = x.shape, self.n_head, self.head_size
        q = self.q_norm(self.q(x).view(B, T, H, D).transpose(1, 2))  # (B, H, T, D)
        y = attend(q, repeat_kv(k, H), repeat_kv(v, H), mask)
        return self.out(y.transpose(1, 2).reshape(B, T, H * D))


class EncoderBlock(nn.Module):
    """Self-attention over the question in both directions, then an MLP; in a decoder also attention to the question."""

    def __init__(self, config: ModelConfig, layer: int, has_cross: bool) -> None:
        super().__init__()
        norm = NORMS[config.norm]
        self.attention_norm, self.attention = norm(config.n_embd), MaskedAttention(config, layer)
        if has_cross:
            self.cross_norm, self.cross = norm(config.n_embd), MaskedAttention(config, layer)
        self.mlp_norm, self.mlp = norm(config.n_embd), MLP(config)

    def init_weights(self, rng: np.random.Generator) -> None:
        """Draw the matrices in; what the block adds starts at zero."""
        for attention in (self.attention, *([self.cross] if hasattr(self, "cross") else [])):
            std_in = attention.q.in_features
            rows = attention.q.out_features + attention.kv.out_features
            values = 0.5 * std_in**-0.5 * rng.standard_normal((rows, std_in))
            with torch.no_grad():
                q, kv = np.split(values.astype(np.float32), [attention.q.out_features])
                attention.q.weight.copy_(torch.from_numpy(q))
                attention.kv.weight.copy_(torch.from_numpy(kv))
        self.mlp.up.init_normal(rng)
        if self.mlp.activation == "swiglu":
            self.mlp.gate.init_normal(rng)


class QuestionCache(KVCache):
    """The decoder's cache; for each page also its question and, once that has been read, what the encoder made of it."""

    def __init__(self, model: EncoderDecoder, n: int, size: int) -> None:
        config, like = model.config, model.token_embedding.weight
        n_columns = len(model.positions.first_cell)
        super().__init__(n, size, config.kv_heads * config.loops, config.head_size, n_columns, like)
        self.ids = torch.zeros(n, size, dtype=torch.long, device=like.device)
        self.starts = torch.full((n,), NEVER, device=like.device)
        """int64 (n,): where the last character of each question stands, NEVER where it has not been read yet."""
        self.sources = [like.new_zeros(2, n, n_head, 0, config.head_size) for n_head in config.kv_heads]
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
        self.encoder = nn.ModuleList(EncoderBlock(config, layer, has_cross=False) for layer in range(config.n_layer))
        self.decoder = nn.ModuleList(EncoderBlock(config, layer, has_cross=True) for layer in range(config.n_layer))
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
        return QuestionCache(self, n, size)

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
        mask = _mask((keys > queries[:, None]) | (keys < starts[:, None, None]), x)  # (B, 1, T - skip, keys)
        source_mask = _mask((places[: sources[0][0].shape[2]] > starts[:, None])[:, None], x)  # (B, 1, 1, E)
        embedded = x
        for depth, block in self._applications(self.decoder):
            x = x + embedded if self._injects(depth) else x
            normed = block.attention_norm(x)
            k, v = block.attention.keys_values(normed)
            if cache is not None:
                k, v = (so_far[:, :, first:] for so_far in cache.append(depth, k, v))
            x = x + self.dropout(block.attention(normed, k, v, mask), generator)
            k, v = sources[depth % len(self.decoder)]
            x = x + self.dropout(block.cross(block.cross_norm(x), k, v, source_mask), generator)
            x = x + self.dropout(block.mlp(block.mlp_norm(x)), generator)
        if cache is not None:
            cache.length = before + T
        if last is not None:
            x, queries = x[:, -last:], queries[-last:]
        x = self.norm(x)
        logits = x @ (self.token_embedding.weight * x.shape[2] ** -0.5).T if self.head is None else self.head(x)
        logits = logits * (queries >= starts[:, None])[..., None]
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
        for depth, block in self._applications(self.encoder):
            x = x + embedded if self._injects(depth) else x
            normed = block.attention_norm(x)
            x = x + self.dropout(block.attention(normed, *block.attention.keys_values(normed), mask), generator)
            x = x + self.dropout(block.mlp(block.mlp_norm(x)), generator)
        x = self.encoder_norm(x)
        return [block.cross.keys_values(x) for block in self.decoder]

    def _embed(self, ids: Tensor, cells: Tensor, generator: torch.Generator | None) -> Tensor:
        """Embed tokens (B, T) at cells (B, T + 1, columns): (B, T, C)."""
        x, added = self.token_embedding(ids), self.positions.embedding(cells)
        return self.dropout(x if added is None else x + added, generator)

    def _applications(self, blocks: nn.ModuleList) -> list[tuple[int, nn.Module]]:
        """List the blocks in the order in which they are applied, with their depth."""
        return list(enumerate([*blocks] * self.config.loops))

    def _injects(self, depth: int) -> bool:
        """Whether the embeddings are added again before the block at a depth."""
        return self.config.inject and depth > 0 and depth % self.config.n_layer == 0


def _mask(hidden: Tensor, like: Tensor) -> Tensor:
    """Make what is added to attention logits, (B, 1, Tq or 1, Tk) of the type of `like`, from bool (B, Tq or 1, Tk)."""
    return HIDDEN * hidden[:, None].to(like.dtype)


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
