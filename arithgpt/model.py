"""The GPT, in one sitting: pre-norm blocks, QK-norm, all heads in one batched attention, positions by name.

    weights = initial(config, "0123456789+=$", seed=0)         named NumPy arrays
    logits = GPT(config, "0123456789+=$", weights)(ids)        (B, T) -> (B, T, vocabulary)

The weights may be NumPy arrays or torch tensors, and the same lines run on either (arrays.py). B is the batch, T the
characters, C = n_embd, H = the heads of a block, D = head_size. Matrices are (out, in), as in torch.nn.Linear.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from arithgpt.arrays import Array, ops
from arithgpt.positions import EMBEDDING_STD, SCHEMES

if TYPE_CHECKING:
    from collections.abc import Mapping

    from arithgpt.recipe import ModelConfig

MATRICES = ("qkv", "out", "up", "down")
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
    for layer, n_head in enumerate(config.heads):
        A = n_head * D
        block = {
            "attention_norm": np.ones(C),
            "qkv": matrix(3 * A, C),
            "q_norm": np.ones(D),
            "k_norm": np.ones(D),
            "out": np.zeros((C, A)),
            "mlp_norm": np.ones(C),
            "up": matrix(hidden, C),
            "down": np.zeros((C, hidden)),
        } | scheme.initial_of_block(n_head, rng)
        weights |= {f"blocks.{layer}.{name}": array for name, array in block.items()}
    weights |= {"norm": np.ones(C), "head": matrix(V, C)}
    return {name: array.astype(np.float32) for name, array in weights.items()}


class Cache:
    """Keys, values and cells of the tokens already read, so that each new one is computed once.

    Room for `n` pages of at most `size` characters is allocated at the start; `length` tokens are filled, a blank included.
    """

    def __init__(self, model: GPT, n: int, size: int) -> None:
        config, like = model.config, model.weights["head"]
        size += model.scheme.blank
        shapes = [(2, n, n_head, size, config.head_size) for n_head in config.heads]
        self.keys_values = [ops(like).zeros(shape, like) for shape in shapes]  # of each block
        self.cells = ops(like).zeros((n, size + 1, len(model.coordinates.first_cell)), like)
        self.length = 0

    def store(self, layer: int, k: Array, v: Array) -> tuple[Array, Array]:
        """Append k and v (B, H, T, D) of one layer; return all of that layer so far."""
        end = self.length + k.shape[2]
        keys, values = self.keys_values[layer]
        keys[:, :, self.length : end] = k
        values[:, :, self.length : end] = v
        return keys[:, :, :end], values[:, :, :end]

    def keep(self, rows: Array) -> None:
        """Drop every page but the chosen ones."""
        self.keys_values = [of_block[:, rows] for of_block in self.keys_values]
        self.cells = self.cells[rows]


class GPT:
    """A GPT over the characters of `alphabet`. ValueError where a weight is missing, left over or of another shape."""

    def __init__(self, config: ModelConfig, alphabet: str, weights: Mapping[str, Array]) -> None:
        wanted = {name: array.shape for name, array in initial(config, alphabet, seed=0).items()}
        given = {name: tuple(array.shape) for name, array in weights.items()}
        if given != wanted:
            odd = sorted(name for name in wanted.keys() | given.keys() if wanted.get(name) != given.get(name))
            raise ValueError(f"weights: {odd[0]} is {given.get(odd[0])}, not {wanted.get(odd[0])}")
        self.config, self.alphabet, self.weights = config, alphabet, dict(weights)
        self.scheme = SCHEMES[config.positions]
        self.coordinates = self.scheme.coordinates(alphabet, like=ops(weights["head"]).detached(weights["head"]))
        self.blocks = [
            {name.removeprefix(prefix): array for name, array in weights.items() if name.startswith(prefix)}
            for prefix in (f"blocks.{layer}." for layer in range(config.n_layer))
        ]

    def __call__(
        self, ids: Array, cache: Cache | None = None, last_only: bool = False, rng: np.random.Generator | None = None
    ) -> Array:
        """The logits of the character after each of `ids`, or after the last one only.

        ids: int64 (B, T): whole pages, or with a cache the characters that follow those in it, which it then holds too
        rng: what is random in training is drawn from it, and then this is training
        Returns (B, T, vocabulary), or (B, 1, vocabulary) with `last_only`, which spares the last block the others.
        """
        w, xp, B = self.weights, ops(ids), ids.shape[0]
        begins = cache is None or cache.length == 0
        start = self.coordinates.first(B) if begins else cache.cells[:, cache.length]
        cells = self.coordinates(ids, start)  # (B, T+1, columns)
        if rng is not None:
            cells = self.scheme.at_random(cells, self.config, rng)
        x = w["characters"][ids]  # (B, T, C)
        positions = self.scheme.embedding(w, cells)
        if positions is not None:
            x = x + positions
        blank = self.scheme.blank and begins
        if blank:  # it comes first, is written nowhere, and looks at the first cell
            x = xp.concat([xp.broadcast_to(w["blank"], (B, 1, x.shape[2])), x], 1)
            cells = xp.concat([cells[:, :1], cells], 1)
        if cache is not None:
            end = cache.length + x.shape[1]
            cache.cells[:, cache.length : end + 1] = cells
            cells = cache.cells[:, : end + 1]
        looks = int(last_only) if begins and self.scheme.folds else x.shape[1]
        distances = self.scheme.distances(cells[:, -looks:], cells[:, :-1]) if looks else None
        for layer, block in enumerate(self.blocks):
            last = last_only and layer == self.config.n_layer - 1
            attended = self._attention(block, xp.rms_norm(x, block["attention_norm"]), cells, distances, cache, layer, last)
            x = (x[:, -1:] if last else x) + attended
            x = x + xp.gelu(xp.rms_norm(x, block["mlp_norm"]) @ block["up"].T) @ block["down"].T
        if cache is not None:
            cache.length = end
        return xp.rms_norm(x[:, -1:] if last_only else x[:, int(blank) :], w["norm"]) @ w["head"].T

    def _attention(
        self, block: dict, x: Array, cells: Array, distances: Array | None, cache: Cache | None, layer: int, last_only: bool
    ) -> Array:
        """Causal self-attention over all heads at once.

        x: (B, T, C); cells: (B, T+1, columns) where the page begins with x, else (B, length+T+1, ...); distances: from
        the queries where not all of them see just their own and the keys before, as PagePositions.distances gives them
        Returns (B, T or 1, C).
        """
        xp, H = ops(x), self.config.heads[layer]
        B, T, _ = x.shape
        D = self.config.head_size
        qkv = (x @ block["qkv"].T).reshape(B, T, 3 * H, D).swapaxes(1, 2)  # (B, 3 H, T, D)
        q, k, v = xp.rms_norm(qkv[:, :H], block["q_norm"]), xp.rms_norm(qkv[:, H : 2 * H], block["k_norm"]), qkv[:, 2 * H :]
        own = cells[:, -T - 1 : -1]  # those of x
        q, k = self.scheme.turn(q, own), self.scheme.turn(k, own)
        if cache is not None:
            k, v = cache.store(layer, k, v)
        if last_only:
            q, T = q[:, :, -1:], 1
        if k.shape[2] == T and self.scheme.folds:  # the page begins here: nothing but causality hides a key
            q, k = self.scheme.widen(block, q, k, cells)
            y = xp.attend(q, k, v, None, D**-0.5)
        else:
            mask = xp.zeros((1, 1), x)
            if T > 1:  # keys after the query are hidden
                back = xp.arange(k.shape[2], x)[None] - xp.arange(T, x)[:, None]
                mask = xp.where(back > k.shape[2] - T, -np.inf, mask)  # (T, length+T)
            if distances is not None:
                mask = mask + self.scheme.bias(block, distances[:, -T:])
            y = xp.attend(q, k, v, mask, D**-0.5)
        return y.swapaxes(1, 2).reshape(B, T, H * D) @ block["out"].T

    @property
    def n_params(self) -> int:
        return sum(int(np.prod(array.shape)) for array in self.weights.values())
