"""Schemes that see how many characters a key stands before its query: by turning both, or by a bias on the attention logits.

The query and the key of one character are 0 apart. In every row of a batch as many characters come before the first one, so the
distances of one row are those of all.
"""

from __future__ import annotations

from math import log

import numpy as np

from arithgpt.models.arrays import Array, ops
from arithgpt.models.page import AXES
from arithgpt.models.positions.base import NoPositions

TOKEN = AXES.index("token")
SLOWEST_TURN = 10_000  # characters for a radian, nearly (2104.09864)
EXACT, BUCKETS, FARTHEST = 16, 32, 128  # 1910.10683: distances with a bucket each, buckets in all, where the last begins
FIRE_WIDTH, FIRE_SLOPE, FIRE_REACH = 32, 0.1, 512.0  # 2310.04418: hidden width of its net, first c, first L


class RotaryPositions(NoPositions):
    """Queries and keys are turned by their character index, so that products depend on the difference (RoPE, arXiv 2104.09864).

    The first half of a head's width is turned together with the second; of an odd width, the last feature stays as it is.
    """

    recordable = False

    def turn(self, x: Array, cells: Array) -> Array:
        xp, n = ops(x), x.shape[-1] // 2
        frequencies = xp.constant(SLOWEST_TURN ** -(np.arange(n) / max(n, 1)), x)
        angles = xp.cast(cells[:1, None, :, TOKEN, None], x) * frequencies  # (1, 1, T, n)
        a, b, rest = x[..., :n], x[..., n : 2 * n], x[..., 2 * n :]
        sin, cos = xp.sin(angles), xp.cos(angles)
        return xp.concat([a * cos - b * sin, a * sin + b * cos, rest], 3)


class _Biased(NoPositions):
    """A bias by distance; it cannot be folded into queries and keys."""

    folds = False

    def distances(self, look: Array, at: Array) -> Array | None:
        """(1, Tq, Tk): how many characters a key stands before the query; not above 0 for what comes after it."""
        return look[:1, :, None, TOKEN] - 1 - at[:1, None, :, TOKEN]


class AlibiPositions(_Biased):
    """A penalty that grows with the distance, in each head by another constant slope (ALiBi, arXiv 2108.12409).

    Of H heads the slopes are 2^(-8/H), 2^(-16/H), ... 2^-8.
    """

    recordable = False

    def bias(self, block: dict[str, Array], distances: Array) -> Array:
        H = block["out"].shape[1] // len(block["q_norm"])
        slopes = 2.0 ** (-8 / H * np.arange(1, H + 1))
        return distances[:, None] * ops(distances).constant(-slopes[:, None, None], distances)


def _buckets() -> np.ndarray:
    """int64 (FARTHEST + 1,): the bucket of each distance; as wide as the distance is large from EXACT on."""
    distance = np.arange(FARTHEST + 1)
    scale = (BUCKETS - EXACT) / log(FARTHEST / EXACT)
    far = EXACT + (np.log(np.maximum(distance, EXACT) / EXACT) * scale + 1e-9).astype(np.int64)
    return np.where(distance < EXACT, distance, np.minimum(far, BUCKETS - 1))


_BUCKET_OF = _buckets()


class T5Positions(_Biased):
    """A learned bias for each bucket of distances (T5, arXiv 1910.10683). Each block has its own, where T5 shares one."""

    recordable = False

    def initial_of_block(self, n_head: int, rng: np.random.Generator) -> dict[str, np.ndarray]:
        return {"relative": np.zeros((BUCKETS, n_head))}

    def distances(self, look: Array, at: Array) -> Array | None:
        """int64 (1, Tq, Tk): buckets"""
        xp, distance = ops(look), super().distances(look, at)
        near = FARTHEST - xp.maximum(FARTHEST - xp.maximum(distance, 0), 0)
        return xp.constant(_BUCKET_OF, look)[xp.integers(near)]

    def bias(self, block: dict[str, Array], distances: Array) -> Array:
        return block["relative"][distances].swapaxes(2, 3).swapaxes(1, 2)


class FirePositions(_Biased):
    """A learned function of the distance as a share of the page so far (FIRE, arXiv 2310.04418).

    It is f(psi(distance) / psi(max(i, L))) with psi(x) = log(c x + 1), i the query's index from 1, and f a net of one hidden
    layer; c and L are learned too, each block's its own.
    """

    def initial_of_block(self, n_head: int, rng: np.random.Generator) -> dict[str, np.ndarray]:
        out = FIRE_WIDTH**-0.5
        return {
            "fire_slope": np.ones(1),  # in units of FIRE_SLOPE, as the next is of FIRE_REACH: steps are as large as weights
            "fire_reach": np.ones(1),
            "fire_in": rng.uniform(-1, 1, FIRE_WIDTH),
            "fire_in_bias": rng.uniform(-1, 1, FIRE_WIDTH),
            "fire_out": rng.uniform(-out, out, (n_head, FIRE_WIDTH)),
            "fire_out_bias": rng.uniform(-out, out, n_head),
        }

    def distances(self, look: Array, at: Array) -> Array | None:
        """(1, Tq, Tk+1): the distances, and the index of the query last"""
        xp = ops(look)
        return xp.concat([xp.maximum(super().distances(look, at), 0), look[:1, :, None, TOKEN]], 2)

    def bias(self, block: dict[str, Array], distances: Array) -> Array:
        xp = ops(distances)
        c, reach = FIRE_SLOPE * abs(block["fire_slope"]), FIRE_REACH * abs(block["fire_reach"])
        away, index = distances[..., :-1], distances[..., -1:]
        share = xp.log(c * away + 1) / (xp.log(c * xp.maximum(index, reach) + 1) + 1e-6)
        hidden = xp.maximum(share[..., None] * block["fire_in"] + block["fire_in_bias"], 0)  # (1, Tq, Tk, FIRE_WIDTH)
        return (hidden @ block["fire_out"].T + block["fire_out_bias"]).swapaxes(2, 3).swapaxes(1, 2)
