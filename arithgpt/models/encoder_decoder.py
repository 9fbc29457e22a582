"""The Transformer of 2017 in the place of the GPT: an encoder reads the question, a decoder writes what comes after it.

    page      3  2  1  +  6  5  4  =  9  7  5  $          model.prompt_end = "="
    encoder   3  2  1  +  6  5  4  =                      each character sees all of the question, in both directions
    decoder                        =  9  7  5             each sees those written before it, and the encoder's output
    written                        9  7  5  $

The question of a page ends with the first `prompt_end` on it, found in the characters alone; the last of that is also the first
that the decoder reads. Logits within the question are zeros: nobody asks for them, and they depend on nothing. Pages whose
questions end at different places share a batch, each masked by its own.

As in arXiv 1706.03762 both halves have n_layer layers and share the embeddings of characters, and positions are counted from 0
in each half. Unlike there, blocks are those of the GPT (model.py): normalised before each part and not after it, with QK-norm.
Only position schemes that are embeddings will do: between the halves no distance is defined.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from arithgpt.models.arrays import Array, ops
from arithgpt.models.gpt import GPT, Cache, blocks_of, check_shapes
from arithgpt.models.page import AXES
from arithgpt.models.positions import EMBEDDING_STD, SCHEMES

if TYPE_CHECKING:
    from arithgpt.config.recipe import ModelConfig

TOKEN = AXES.index("token")
NEVER = 1 << 40  # where a question ends of which the end has not been read
HIDDEN = -1e30  # added to the logits of keys that are not seen; finite, so that a place which sees none is no NaN
BYTES = 64 << 20  # of attention weights while questions are encoded for a cache


def initial_encoder_decoder(config: ModelConfig, alphabet: str, seed: int) -> dict[str, np.ndarray]:
    """The weights before training, float32 by name; the same on every machine. What a block adds begins at zero."""
    rng = np.random.default_rng(seed)
    V, C, D, hidden = len(alphabet), config.n_embd, config.head_size, config.mlp_ratio * config.n_embd

    def matrix(rows: int, columns: int) -> np.ndarray:
        return 0.5 * columns**-0.5 * rng.standard_normal((rows, columns))

    def attention(n_head: int, n_kv_head: int) -> dict[str, np.ndarray]:
        qkv = matrix((n_head + 2 * n_kv_head) * D, C)
        return {"qkv": qkv, "q_norm": np.ones(D), "k_norm": np.ones(D), "out": np.zeros((C, n_head * D))}

    weights = {"characters": EMBEDDING_STD * rng.standard_normal((V, C))}
    weights |= SCHEMES[config.positions].initial(config, V, rng)
    for half in ("encoder", "decoder"):
        for layer, heads in enumerate(zip(config.heads, config.kv_heads, strict=True)):
            block = {"attention_norm": np.ones(C)} | attention(*heads)
            if half == "decoder":
                block |= {f"cross.{name}": array for name, array in ({"norm": np.ones(C)} | attention(*heads)).items()}
            block |= {"mlp_norm": np.ones(C), "up": matrix(hidden, C), "down": np.zeros((C, hidden))}
            if config.activation == "swiglu":
                block["gate"] = matrix(hidden, C)
            weights |= {f"{half}.{layer}.{name}": array for name, array in block.items()}
    weights |= {"encoder_norm": np.ones(C), "norm": np.ones(C)}
    if not config.tied:
        weights["head"] = matrix(V, C)
    return {name: array.astype(np.float32) for name, array in weights.items()}


class Memory(Cache):
    """A GPT's cache for the decoder; of each page also its question, and once that has been read, what the encoder made of it.

    starts: int64 (n,), where the last character of each question stands, NEVER where it has not been read yet
    sources: of each layer (2, n, heads of keys, longest question so far, D): keys and values of what the encoder read
    """

    def __init__(self, model: EncoderDecoder, n: int, size: int) -> None:
        super().__init__(model, n, size)
        xp, like, D = ops(model.like), model.like, model.config.head_size
        self.ids = xp.integers(xp.zeros((n, size), like))
        self.starts = xp.integers(xp.zeros((n,), like)) + NEVER
        self.sources = [xp.zeros((2, n, n_head, 0, D), like) for n_head in model.config.kv_heads]

    def put(self, rows: Array, sources: list[tuple[Array, Array]]) -> None:
        """Keep the keys and values (rows, heads, E, D) of questions that have been read to their ends."""
        for layer, (k, v) in enumerate(sources):
            own, xp, E = self.sources[layer], ops(k), k.shape[2]
            if (more := E - own.shape[3]) > 0:
                own = xp.concat([own, xp.zeros((*own.shape[:3], more, own.shape[4]), own)], 3)
            own[0, rows, :, :E], own[1, rows, :, :E] = k, v
            self.sources[layer] = own

    def keep(self, rows: Array) -> None:
        """Drop every page but the chosen ones."""
        super().keep(rows)
        self.ids, self.starts = self.ids[rows], self.starts[rows]
        self.sources = [source[:, rows] for source in self.sources]


class EncoderDecoder:
    """An encoder-decoder over the characters of `alphabet`.

    ValueError where a weight is missing, left over or misshapen, or the alphabet lacks a character of prompt_end.
    """

    _normed, _dropped, _mlp = GPT._normed, GPT._dropped, GPT._mlp  # they know of nothing but a config and how to multiply

    def __init__(self, config: ModelConfig, alphabet: str, weights: Mapping[str, Array]) -> None:
        check_shapes(weights, initial_encoder_decoder(config, alphabet, seed=0))
        self.config, self.alphabet, self.weights = config, alphabet, dict(weights)
        self.like = self.weights["characters"]  # the library, device and type of all that is computed
        self.product = ops(self.like).product
        self.scheme = SCHEMES[config.positions]
        self.coordinates = self.scheme.coordinates(alphabet, like=ops(self.like).detached(self.like))
        self.encoder, self.decoder = (blocks_of(weights, config.n_layer, half) for half in ("encoder", "decoder"))
        self.crosses = [
            {name.removeprefix("cross."): array for name, array in block.items() if name.startswith("cross.")}
            for block in self.decoder
        ]
        self.mark = [alphabet.index(char) for char in config.prompt_end]

    def cache(self, n: int, size: int) -> Memory:
        """An empty cache for n pages of at most `size` characters."""
        return Memory(self, n, size)

    def __call__(
        self, ids: Array, cache: Memory | None = None, last: int | None = None, rng: np.random.Generator | None = None
    ) -> Array:
        """The logits of the character after each of `ids`, or of the `last` so many, as of a GPT; zeros within questions.

        ids: int64 (B, T): whole pages, or with a cache the characters that follow those in it, which it then holds too
        rng: what is random in training is drawn from it, and then this is training
        Returns (B, T, vocabulary), or (B, last, vocabulary) with `last`.
        """
        w, xp, (B, T) = self.weights, ops(ids), ids.shape
        before = 0 if cache is None else cache.length
        cells = self.coordinates(ids, self.coordinates.first(B) if before == 0 else cache.cells[:, before])  # (B, T+1, columns)
        if rng is not None:
            cells = self.scheme.at_random(cells, self.config, rng)
        starts = self._starts(ids) if cache is None else self._noted(cache, ids, cells)
        first = int(starts.min())  # the decoder begins here, in the page that is first
        skip = min(T, max(0, first - before))
        if cache is not None:
            cache.length += skip
        if skip == T:
            return xp.zeros((B, last or T, len(self.alphabet)), self.like)
        sources = self._sources(ids, cells, starts, rng) if cache is None else cache.sources

        own = _recounted(cells[:, skip:], cells if cache is None else cache.cells[:, : before + T + 1], starts)
        places = xp.arange(before + T, ids)
        queries, keys = places[before + skip :], places[first:]
        unseen = (keys > queries[:, None]) | (keys < starts[:, None, None])
        mask = self._mask(unseen[:, None])  # (B, 1, T-skip, keys)
        source_mask = self._mask((xp.arange(sources[0][0].shape[2], ids) > starts[:, None])[:, None, None])  # (B, 1, 1, E)
        embedded = x = self._embedded(ids[:, skip:], own, rng)  # (B, T-skip, C)
        for depth in range(self.config.n_layer * self.config.loops):
            layer = depth % self.config.n_layer
            block, cross = self.decoder[layer], self.crosses[layer]
            if self.config.inject and depth > 0 and layer == 0:
                x = x + embedded
            normed = self._normed(x, block["attention_norm"])
            k, v = self._keys_values(block, layer, normed)
            if cache is not None:
                k, v = (so_far[:, :, first:] for so_far in cache.store(depth, k, v))
            x = x + self._dropped(self._attended(block, layer, normed, k, v, mask), rng)
            k, v = sources[layer]
            x = x + self._dropped(self._attended(cross, layer, self._normed(x, cross["norm"]), k, v, source_mask), rng)
            x = x + self._dropped(self._mlp(block, self._normed(x, block["mlp_norm"])), rng)
        if cache is not None:
            cache.length = before + T
        if last is not None:
            x, queries = x[:, -last:], queries[-last:]
        x = self._normed(x, w["norm"])
        logits = x @ (w["characters"] * x.shape[2] ** -0.5 if self.config.tied else w["head"]).T
        logits = xp.where((queries >= starts[:, None])[..., None], logits, xp.zeros((1, 1, 1), logits))
        return xp.concat([xp.zeros((B, (last or T) - x.shape[1], logits.shape[2]), logits), logits], 1)

    def _starts(self, ids: Array) -> Array:
        """int64 (B,): where the first prompt_end in each row (B, T) has its last character; NEVER where there is none."""
        xp, (B, T) = ops(ids), ids.shape
        found = ids == self.mark[-1]
        for back, id in enumerate(self.mark[-2::-1], 1):
            earlier = xp.concat([xp.zeros((B, min(back, T)), ids) - 1, ids[:, : max(0, T - back)]], 1)
            found = found & (earlier == id)
        return xp.where(found.any(1), xp.integers(found).argmax(1), xp.zeros((1,), ids) + NEVER)

    def _noted(self, cache: Memory, ids: Array, cells: Array) -> Array:
        """Put the next characters (B, T) and their cells into the cache, and encode questions that end among them; `starts`."""
        xp, begin, end = ops(ids), cache.length, cache.length + ids.shape[1]
        cache.ids[:, begin:end], cache.cells[:, begin : end + 1] = ids, cells
        here = max(0, begin - len(self.mark) + 1)
        found = self._starts(cache.ids[:, here:end]) + here
        ends = (cache.starts >= NEVER) & (found < NEVER)
        rows = np.flatnonzero(xp.to_numpy(ends))
        cache.starts = xp.where(ends, found, cache.starts)
        each = 4 * max(self.config.heads) * end**2
        step = max(1, BYTES // each)
        for chosen in (xp.constant(rows[start : start + step], self.like) for start in range(0, len(rows), step)):
            cache.put(chosen, self._sources(cache.ids[chosen], cache.cells[chosen], cache.starts[chosen], None))
        return cache.starts

    def _sources(self, ids: Array, cells: Array, starts: Array, rng: np.random.Generator | None) -> list[tuple[Array, Array]]:
        """The encoder: of each layer of the decoder keys and values (B, heads, E, D) of the questions, padded to the longest.

        ids: int64 (B, T >= E); cells: (B, T+1, columns); starts: int64 (B,)
        """
        E = min(ids.shape[1], int(starts.max()) + 1)
        mask = self._mask((ops(ids).arange(E, ids) > starts[:, None])[:, None, None])  # (B, 1, 1, E)
        embedded = x = self._embedded(ids[:, :E], cells[:, : E + 1], rng)
        for depth in range(self.config.n_layer * self.config.loops):
            layer = depth % self.config.n_layer
            block = self.encoder[layer]
            if self.config.inject and depth > 0 and layer == 0:
                x = x + embedded
            normed = self._normed(x, block["attention_norm"])
            k, v = self._keys_values(block, layer, normed)
            x = x + self._dropped(self._attended(block, layer, normed, k, v, mask), rng)
            x = x + self._dropped(self._mlp(block, self._normed(x, block["mlp_norm"])), rng)
        x = self._normed(x, self.weights["encoder_norm"])
        return [self._keys_values(cross, layer, x) for layer, cross in enumerate(self.crosses)]

    def _embedded(self, ids: Array, cells: Array, rng: np.random.Generator | None) -> Array:
        """(B, T) and (B, T+1, columns) -> (B, T, C)"""
        x, positions = self.weights["characters"][ids], self.scheme.embedding(self.weights, cells)
        return self._dropped(x if positions is None else x + positions, rng)

    def _mask(self, unseen: Array) -> Array:
        return ops(unseen).where(unseen, HIDDEN, ops(self.like).zeros((1,), self.like))

    def _keys_values(self, block: dict, layer: int, x: Array) -> tuple[Array, Array]:
        """(B, T, C) -> two of (B, heads of keys, T, D)"""
        (B, T, _), H, K, D = x.shape, self.config.heads[layer], self.config.kv_heads[layer], self.config.head_size
        kv = (x @ block["qkv"][H * D :].T).reshape(B, T, 2 * K, D).swapaxes(1, 2)
        return ops(x).rms_norm(kv[:, :K], block["k_norm"]), kv[:, K:]

    def _attended(self, block: dict, layer: int, x: Array, k: Array, v: Array, mask: Array) -> Array:
        """What queries from x (B, T, C) see of keys and values (B, heads of keys, Tk, D) behind a mask: (B, T, C)"""
        xp, (B, T, _), H, K, D = ops(x), x.shape, self.config.heads[layer], k.shape[1], k.shape[3]
        q = (x @ block["qkv"][: H * D].T).reshape(B, T, H, D).swapaxes(1, 2)
        if K < H:  # each serves a group of queries
            k, v = (xp.broadcast_to(y[:, :, None], (B, K, H // K, *y.shape[2:])).reshape(B, H, -1, D) for y in (k, v))
        y = xp.attend(xp.rms_norm(q, block["q_norm"]), k, v, mask, D**-0.5)
        return y.swapaxes(1, 2).reshape(B, T, H * D) @ block["out"].T

    @property
    def n_params(self) -> int:
        return sum(int(np.prod(array.shape)) for array in self.weights.values())


def _recounted(cells: Array, page: Array, starts: Array) -> Array:
    """The cells (B, t, columns) with the index of characters counted from where the question ends, and 0 before.

    page: (B, T+1, columns), all cells so far; starts: int64 (B,)
    """
    xp, last = ops(cells), page.shape[1] - 1
    origin = xp.take_along(page[..., TOKEN], (last - xp.maximum(last - starts, 0))[:, None], 1)  # (B, 1)
    counted = xp.maximum(cells[..., TOKEN] - origin, 0)
    return xp.concat([cells[..., :TOKEN], counted[..., None], cells[..., TOKEN + 1 :]], 2)
