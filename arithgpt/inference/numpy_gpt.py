"""A trained GPT in NumPy, for the calculator: torch alone takes longer to import than a short answer takes to write.

    model = NumpyGPT(config, alphabet, weights)          # the tensors of a run's weights.safetensors, by name
    logits = model(ids)                                  # int64 (B, T) -> float32 (B, T, V)

It computes what `arithgpt/models/gpt.py` computes, line by line in the same order; a test holds the two together. It knows the
position schemes of the calculator and of most recipes. `supports` says whether a config is one of these.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from arithgpt.models.positions.cell_coordinates import CellCoordinates
from arithgpt.models.positions.expression_coordinates import ExpressionPageCoordinates
from arithgpt.models.positions.page_coordinates import MARK, PageCoordinates

if TYPE_CHECKING:
    from arithgpt.config.schema import ModelConfig

Floats: TypeAlias = NDArray[Any]
"""float32; NumPy's types cannot follow that products of float32 arrays stay so."""

_COORDINATES: dict[str, type[PageCoordinates]] = {"page": PageCoordinates, "expression_page": ExpressionPageCoordinates}
_EPS = np.finfo(np.float32).eps


def supports(config: ModelConfig) -> bool:
    """Whether NumpyGPT computes models of this config."""
    plain = config.norm == "rms" and config.activation == "gelu" and config.heads == config.kv_heads and not config.inject
    return config.arch == "gpt" and config.positions in _COORDINATES and plain


class NumpyCache:
    """Keys, values and cells of the tokens already read; the same as `models/kv_cache.py`."""

    def __init__(self, n: int, size: int, heads: tuple[int, ...], head_size: int, n_columns: int) -> None:
        self.keys_values = [np.zeros((2, n, n_head, size, head_size), np.float32) for n_head in heads]
        self.cells = np.zeros((n, size + 1, n_columns), np.float32)
        self.length = 0

    def keep(self, rows: NDArray[np.int64]) -> None:
        """Drop all pages but those of `rows`."""
        self.keys_values = [keys_values[:, rows] for keys_values in self.keys_values]
        self.cells = self.cells[rows]


class NumpyGPT:
    """A GPT with kernels on page coordinates, computed by NumPy.

    Args:
        config: the model's shape, one that `supports` accepts
        alphabet: the characters of the vocabulary, in the order of their ids
        weights: float32 arrays by the names of `GPT.state_dict()`

    Raises:
        ValueError: a weight is missing or left over, or has a wrong shape
    """

    max_length = None

    def __init__(self, config: ModelConfig, alphabet: str, weights: Mapping[str, Floats]) -> None:
        self.config, self.alphabet, self.weights = config, alphabet, dict(weights)
        self.coordinates = (CellCoordinates if config.kernel_strength else _COORDINATES[config.positions])(alphabet)
        self.n_axes = len(self.coordinates.axes)
        self.first_cell = np.array(self.coordinates.first_cell, np.float32)
        _check_shapes(config, len(alphabet), self.n_axes, weights)
        self.axes = np.arange(self.n_axes)
        if config.kernel_strength:  # the heads look along a few axes only
            strengths = [weights[f"blocks.{layer}.attention.bias.strength"] for layer in range(config.n_layer)]
            self.axes = np.flatnonzero((np.concatenate(strengths) > 0).any(0))

    @property
    def n_params(self) -> int:
        """The number of weights."""
        return sum(array.size for array in self.weights.values())

    def new_cache(self, n: int, size: int) -> NumpyCache:
        """Make an empty cache for n pages of at most `size` characters."""
        config = self.config
        return NumpyCache(n, size + 1, config.heads * config.loops, config.head_size, len(self.first_cell))

    def __call__(self, ids: NDArray[np.int64], cache: NumpyCache | None = None, last: int | None = None) -> Floats:
        """Compute the logits of the character after each token; arguments as those of `GPT.forward`."""
        w, (B, T) = self.weights, ids.shape
        cache = cache if cache is not None else self.new_cache(B, T)
        begins = cache.length == 0
        start = np.broadcast_to(self.first_cell, (B, len(self.first_cell))) if begins else cache.cells[:, cache.length]
        cells = self.coordinates(ids, start, self.coordinates.roles, np)
        x = w["token_embedding.weight"][ids] + w["positions.mark_embedding"][cells[:, :-1, MARK].astype(np.int64)]
        if begins:
            x = np.concatenate([np.broadcast_to(w["positions.bos_embedding"], (B, 1, x.shape[2])), x], 1)
            cells = np.concatenate([cells[:, :1], cells], 1)
        end = cache.length + x.shape[1]
        cache.cells[:, cache.length : end + 1] = cells
        distances, hidden = self._distances(cache, cells[:, 1:], end), _causal_mask(x.shape[1], end)
        for depth in range(n_blocks := self.config.n_layer * self.config.loops):
            n_last = last if depth == n_blocks - 1 else None
            x = self._block(f"blocks.{depth % self.config.n_layer}.", x, cache, depth, distances, hidden, n_last)
        cache.length = end
        x = rms_norm(x[:, 1:] if begins and last is None else x, w["norm.weight"])
        logits: Floats
        if self.config.tied:
            logits = x @ (w["token_embedding.weight"] * np.float32(x.shape[-1] ** -0.5)).T
        else:
            logits = x @ w["head.weight"].T
        return logits

    def _block(
        self,
        name: str,
        x: Floats,
        cache: NumpyCache,
        depth: int,
        distances: Floats,
        hidden: Floats,
        last: int | None,
    ) -> Floats:
        """Apply the block whose weights begin with `name`: (B, T, C) -> (B, T or last, C)."""
        w, (B, T, _), D = self.weights, x.shape, self.config.head_size
        H = self.config.heads[depth % self.config.n_layer]
        normed = rms_norm(x, w[name + "attention_norm.weight"])
        qkv = (normed @ w[name + "attention.qkv.weight"].T).reshape(B, T, 3 * H, D).swapaxes(1, 2)  # (B, 3 H, T, D)
        q = rms_norm(qkv[:, :H], w[name + "attention.q_norm.weight"])
        end = cache.length + T
        keys, values = cache.keys_values[depth]
        keys[:, :, cache.length : end] = rms_norm(qkv[:, H : 2 * H], w[name + "attention.k_norm.weight"])
        values[:, :, cache.length : end] = qkv[:, 2 * H :]
        if last is not None:
            x, q, distances, hidden, T = x[:, -last:], q[:, :, -last:], distances[:, -last:], hidden[-last:], last
        scores = (q * np.float32(D**-0.5)) @ keys[:, :, :end].swapaxes(2, 3)  # (B, H, T, S)
        scores += self._kernels(name + "attention.bias.", distances) + hidden
        y = softmax(scores) @ values[:, :, :end]  # (B, H, T, D)
        x = x + y.swapaxes(1, 2).reshape(B, T, H * D) @ w[name + "attention.out.weight"].T
        up = rms_norm(x, w[name + "mlp_norm.weight"]) @ w[name + "mlp.up.weight"].T
        added: Floats = x + gelu(up) @ w[name + "mlp.down.weight"].T
        return added

    def _distances(self, cache: NumpyCache, queries: Floats, end: int) -> Floats:
        """Compute how far each key but the bos token is from each query, and the squares: (B, T, S - 1, 2 axes)."""
        key_columns, query_columns = (
            np.array(columns)[self.axes] for columns in (self.coordinates.key_columns, self.coordinates.query_columns)
        )
        away = cache.cells[:, None, 1:end, key_columns] - queries[:, :, None, query_columns]
        return np.concatenate([away, away * away], 3)

    def _kernels(self, name: str, distances: Floats) -> Floats:
        """Compute the kernels of one block: (B, H, T, S), the bos token first."""
        s, c, bos = (
            np.maximum(self.weights[name + "strength"][:, self.axes], 0),
            self.weights[name + "centre"][:, self.axes],
            self.weights[name + "bos_logit"],
        )
        weights = np.concatenate([2 * s * c, -s], 1)  # -s (c - d)^2 = 2 s c d - s d^2 - s c^2
        logits = distances @ weights.T - (s * c * c).sum(1)  # (B, T, S - 1, H)
        first = np.broadcast_to(bos, (*logits.shape[:2], 1, len(bos)))
        return np.concatenate([first, logits], 2).transpose(0, 3, 1, 2)


def _check_shapes(config: ModelConfig, n_vocabulary: int, n_axes: int, weights: Mapping[str, Floats]) -> None:
    """Raise ValueError where a weight is missing or left over, or has a wrong shape."""
    C, D, V = config.n_embd, config.head_size, n_vocabulary
    shapes: dict[str, tuple[int, ...]] = {"token_embedding.weight": (V, C), "norm.weight": (C,)}
    shapes |= {"positions.mark_embedding": (1 + V, C), "positions.bos_embedding": (C,)}
    shapes |= {} if config.tied else {"head.weight": (V, C)}
    for layer, H in enumerate(config.heads):
        own = {"attention_norm.weight": (C,), "attention.qkv.weight": (3 * H * D, C), "attention.out.weight": (C, H * D)}
        own |= {"attention.q_norm.weight": (D,), "attention.k_norm.weight": (D,), "mlp_norm.weight": (C,)}
        own |= {"attention.bias.strength": (H, n_axes), "attention.bias.centre": (H, n_axes), "attention.bias.bos_logit": (H,)}
        own |= {"mlp.up.weight": (config.mlp_ratio * C, C), "mlp.down.weight": (C, config.mlp_ratio * C)}
        shapes |= {f"blocks.{layer}.{name}": shape for name, shape in own.items()}
    given = {name: array.shape for name, array in weights.items()}
    for name in sorted(shapes.keys() | given.keys()):
        if given.get(name) != shapes.get(name):
            raise ValueError(f"weights: {name} is {given.get(name)}, not {shapes.get(name)}")


def _causal_mask(n_queries: int, n_keys: int) -> Floats:
    """-inf where a key comes after a query, else 0: float32 (n_queries, n_keys)."""
    return np.triu(np.full((n_queries, n_keys), -np.inf, np.float32), 1 + n_keys - n_queries)


def rms_norm(x: Floats, weight: Floats) -> Floats:
    """Divide by the root mean square of the last axis, then scale."""
    normed: Floats = x / np.sqrt((x * x).mean(-1, keepdims=True) + _EPS) * weight
    return normed


def gelu(x: Floats) -> Floats:
    """GELU by its tanh approximation."""
    activated: Floats = 0.5 * x * (1 + np.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x * x * x)))
    return activated


def softmax(scores: Floats) -> Floats:
    """Softmax over the last axis, in place."""
    scores -= scores.max(-1, keepdims=True)
    np.exp(scores, out=scores)
    scores /= scores.sum(-1, keepdims=True)
    return scores
