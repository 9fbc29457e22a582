"""The GPT, in one sitting: pre-norm blocks, QK-norm, all heads in one batched attention, positions by name.

    weights = initial(config, "0123456789+=$", seed=0)         named NumPy arrays
    logits = GPT(config, "0123456789+=$", weights)(ids)        (B, T) -> (B, T, vocabulary)

The weights may be NumPy arrays or torch tensors, and the same lines run on either (arrays.py). B is the batch, T the
characters, C = n_embd, H = the heads of a block, D = head_size. Matrices are (out, in), as in torch.nn.Linear.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from arithgpt.models.arrays import Array, ops
from arithgpt.models.positions import EMBEDDING_STD, SCHEMES

if TYPE_CHECKING:
    from collections.abc import Mapping

    from arithgpt.config.recipe import ModelConfig
    from arithgpt.runtime import Precision

MATRICES = ("qkv", "out", "up", "gate", "down")
"""The matrices of a block."""


def initial(config: ModelConfig, alphabet: str, seed: int) -> dict[str, np.ndarray]:
    """The weights before training, float32 by name; the same on every machine.

    Small random matrices; what a block adds begins at zero, so the first step sees an identity.
    """
    rng = np.random.default_rng(seed)
    V, C, D = len(alphabet), config.n_embd, config.head_size
    scheme, hidden = SCHEMES[config.positions], config.mlp_ratio * config.n_embd

    def matrix(rows: int, columns: int) -> np.ndarray:
        return 0.5 * columns**-0.5 * rng.standard_normal((rows, columns))

    weights = {"characters": EMBEDDING_STD * rng.standard_normal((V, C))} | scheme.initial(config, V, rng)
    for layer, (n_head, n_kv_head) in enumerate(zip(config.heads, config.kv_heads, strict=True)):
        A = n_head * D
        block = {
            "attention_norm": np.ones(C),
            "qkv": matrix((n_head + 2 * n_kv_head) * D, C),
            "q_norm": np.ones(D),
            "k_norm": np.ones(D),
            "out": np.zeros((C, A)),
            "mlp_norm": np.ones(C),
            "up": matrix(hidden, C),
            "down": np.zeros((C, hidden)),
        } | scheme.initial_of_block(n_head, rng)
        if config.activation == "swiglu":
            block["gate"] = matrix(hidden, C)
        weights |= {f"blocks.{layer}.{name}": array for name, array in block.items()}
    weights["norm"] = np.ones(C)
    if not config.tied:
        weights["head"] = matrix(V, C)
    return {name: array.astype(np.float32) for name, array in weights.items()}


class Cache:
    """Keys, values and cells of the tokens already read, so that each new one is computed once.

    Room for `n` pages of at most `size` characters is allocated at the start; `length` tokens are filled, a blank included.
    """

    def __init__(self, model: GPT, n: int, size: int) -> None:
        config, like = model.config, model.like
        size += model.scheme.blank
        shapes = [(2, n, n_head, size, config.head_size) for n_head in config.kv_heads] * config.loops
        self.keys_values = [ops(like).zeros(shape, like) for shape in shapes]  # of each block, each time it is applied
        self.cells = ops(like).zeros((n, size + 1, len(model.coordinates.first_cell)), like)
        self.length = 0

    def store(self, depth: int, k: Array, v: Array) -> tuple[Array, Array]:
        """Append k and v (B, H, T, D) of one application of a block; return all of it so far."""
        end = self.length + k.shape[2]
        keys, values = self.keys_values[depth]
        keys[:, :, self.length : end] = k
        values[:, :, self.length : end] = v
        return keys[:, :, :end], values[:, :, :end]

    def keep(self, rows: Array) -> None:
        """Drop every page but the chosen ones."""
        self.keys_values = [of_block[:, rows] for of_block in self.keys_values]
        self.cells = self.cells[rows]


def check_shapes(weights: Mapping[str, Array], first: Mapping[str, np.ndarray]) -> None:
    """ValueError where a weight is missing, left over or of another shape than those before training."""
    wanted = {name: array.shape for name, array in first.items()}
    given = {name: tuple(array.shape) for name, array in weights.items()}
    if given != wanted:
        odd = sorted(name for name in wanted.keys() | given.keys() if wanted.get(name) != given.get(name))
        raise ValueError(f"weights: {odd[0]} is {given.get(odd[0])}, not {wanted.get(odd[0])}")


def blocks_of(weights: Mapping[str, Array], n_layer: int, stack: str = "blocks") -> list[dict[str, Array]]:
    """The weights of each block of a stack of them, by the names they have within it."""
    return [
        {name.removeprefix(prefix): array for name, array in weights.items() if name.startswith(prefix)}
        for prefix in (f"{stack}.{layer}." for layer in range(n_layer))
    ]


class GPT:
    """A GPT over the characters of `alphabet`. ValueError where a weight is missing, left over or of another shape."""

    def __init__(
        self, config: ModelConfig, alphabet: str, weights: Mapping[str, Array], precision: Precision = "float32"
    ) -> None:
        """precision: of the products with MATRICES; all else is computed in the type of the weights (device.py)"""
        check_shapes(weights, initial(config, alphabet, seed=0))
        self.config, self.alphabet, self.weights = config, alphabet, dict(weights)
        self.like = self.weights["characters"]  # the library, device and type of all that is computed
        self.product = partial(ops(self.like).product, precision=precision)
        self.scheme = SCHEMES[config.positions]
        self.coordinates = self.scheme.coordinates(alphabet, like=ops(self.like).detached(self.like))
        self.blocks = blocks_of(weights, config.n_layer)

    def cache(self, n: int, size: int) -> Cache:
        """An empty cache for n pages of at most `size` characters."""
        return Cache(self, n, size)

    def __call__(
        self,
        ids: Array,
        cache: Cache | None = None,
        last: int | None = None,
        rng: np.random.Generator | None = None,
        return_attention: bool = False,
    ) -> Array | tuple[Array, list[Array]]:
        """The logits of the character after each of `ids`, or after the `last` so many of them.

        ids: int64 (B, T): whole pages, or with a cache the characters that follow those in it, which it then holds too
        rng: what is random in training is drawn from it, and then this is training
        Returns (B, T, vocabulary), or (B, last, vocabulary) with `last`, which spares the last block the others; with
        `return_attention` also the weights (B, H, queries, keys) of each block, each time it is applied; of the keys the first
        is the blank if there is one.
        """
        attention: list[Array] | None = [] if return_attention else None
        begins = cache is None or cache.length == 0
        blank = self.scheme.blank and begins
        x, cells = self.embedded(ids, None if begins else cache.cells[:, cache.length], rng)
        if cache is not None:
            end = cache.length + x.shape[1]
            cache.cells[:, cache.length : end + 1] = cells
            cells = cache.cells[:, : end + 1]
        looks = (last or 0) if begins and self.scheme.folds else x.shape[1]
        distances = self.scheme.distances(cells[:, -looks:], cells[:, :-1]) if looks else None
        embedded = x = self._dropped(x, rng)
        for depth in range(n_deep := self.config.n_layer * self.config.loops):
            layer = depth % self.config.n_layer
            block, looking = self.blocks[layer], last if depth == n_deep - 1 else None
            if self.config.inject and depth > 0 and layer == 0:
                x = x + embedded
            normed = self._normed(x, block["attention_norm"])
            attended = self._attention(block, normed, cells, distances, cache, depth, looking, attention)
            x = (x if looking is None else x[:, -looking:]) + self._dropped(attended, rng)
            x = x + self._dropped(self._mlp(block, self._normed(x, block["mlp_norm"])), rng)
        if cache is not None:
            cache.length = end
        logits = self.head(x[:, int(blank) :] if last is None else x)
        return logits if attention is None else (logits, attention)

    def embedded(self, ids: Array, start: Array | None = None, rng: np.random.Generator | None = None) -> tuple[Array, Array]:
        """What the first block reads, and the cells of it.

        ids: int64 (B, T); start: (B, columns), the cell of the first of them, None where the pages begin, and then the blank
        comes first if there is one; rng: as when called
        Returns (B, T, C) and (B, T+1, columns), or with the blank one more of each.
        """
        w, xp, B = self.weights, ops(ids), ids.shape[0]
        cells = self.coordinates(ids, self.coordinates.first(B) if start is None else start)
        if rng is not None:
            cells = self.scheme.at_random(cells, self.config, rng)
        x = w["characters"][ids]  # (B, T, C)
        positions = self.scheme.embedding(w, cells)
        if positions is not None:
            x = x + positions
        if self.scheme.blank and start is None:  # it is written nowhere, and looks at the first cell
            x = xp.concat([xp.broadcast_to(w["blank"], (B, 1, x.shape[2])), x], 1)
            cells = xp.concat([cells[:, :1], cells], 1)
        return x, cells

    def head(self, x: Array) -> Array:
        """The logits (..., vocabulary) of what the last block gave, (..., C)."""
        x = self._normed(x, self.weights["norm"])
        return x @ (self.weights["characters"] * x.shape[-1] ** -0.5 if self.config.tied else self.weights["head"]).T

    def _normed(self, x: Array, weight: Array) -> Array:
        return ops(x).layer_norm(x, weight) if self.config.norm == "layer" else ops(x).rms_norm(x, weight)

    def _dropped(self, x: Array, rng: np.random.Generator | None) -> Array:
        """Dropout, in training only: where there is an rng."""
        return x if rng is None or self.config.dropout == 0 else ops(x).dropout(x, self.config.dropout, rng)

    def _mlp(self, block: dict, x: Array) -> Array:
        """(B, T, C) -> (B, T, C), over mlp_ratio C hidden features."""
        hidden = self.product(x, block["up"])
        if self.config.activation == "gelu":
            hidden = ops(x).gelu(hidden)
        elif self.config.activation == "relu2":
            hidden = ops(x).maximum(hidden, 0) ** 2
        else:  # swiglu: another product decides how much of each feature comes through
            gate = self.product(x, block["gate"])
            hidden = gate * ops(x).sigmoid(gate) * hidden
        return self.product(hidden, block["down"])

    def _attention(
        self,
        block: dict,
        x: Array,
        cells: Array,
        distances: Array | None,
        cache: Cache | None,
        depth: int,
        last: int | None,
        seen: list[Array] | None,
    ) -> Array:
        """Causal self-attention over all heads at once.

        x: (B, T, C); cells: (B, T+1, columns) where the page begins with x, else (B, length+T+1, ...); distances: from
        the queries where not all of them see just their own and the keys before, as PagePositions.distances gives them;
        seen: takes the attention weights (B, H, T or 1, keys), which fused kernels would not give, where it is a list
        Returns (B, T or 1, C).
        """
        layer = depth % self.config.n_layer
        xp, H, K = ops(x), self.config.heads[layer], self.config.kv_heads[layer]  # K: heads of keys and values
        B, T, _ = x.shape
        D = self.config.head_size
        qkv = self.product(x, block["qkv"]).reshape(B, T, H + 2 * K, D).swapaxes(1, 2)  # (B, H + 2 K, T, D)
        q, k, v = qkv[:, :H], qkv[:, H : H + K], qkv[:, H + K :]
        q, k = xp.rms_norm(q, block["q_norm"]), xp.rms_norm(k, block["k_norm"])
        own = cells[:, -T - 1 : -1]  # those of x
        q, k = self.scheme.turn(q, own), self.scheme.turn(k, own)
        if cache is not None:
            k, v = cache.store(depth, k, v)
        if K < H:  # each serves a group of queries
            k, v = (xp.broadcast_to(y[:, :, None], (B, K, H // K, *y.shape[2:])).reshape(B, H, -1, D) for y in (k, v))
        if last is not None:
            q, T = q[:, :, -last:], last
        if k.shape[2] == T and self.scheme.folds:  # the page begins here: nothing but causality hides a key
            q, k = self.scheme.widen(block, q, k, cells)
            mask = None
        else:
            mask = xp.zeros((1, 1), x)
            if T > 1:  # keys after the query are hidden
                back = xp.arange(k.shape[2], x)[None] - xp.arange(T, x)[:, None]
                mask = xp.where(back > k.shape[2] - T, -np.inf, mask)  # (T, length+T)
            if distances is not None:
                mask = mask + self.scheme.bias(block, distances[:, -T:])
        if seen is None:
            y = xp.attend(q, k, v, mask, D**-0.5)
        else:
            seen.append(xp.attention(q, k, mask, D**-0.5))
            y = seen[-1] @ v
        return self.product(y.swapaxes(1, 2).reshape(B, T, H * D), block["out"])

    @property
    def n_params(self) -> int:
        return sum(int(np.prod(array.shape)) for array in self.weights.values())
