"""Schemes that see how many characters a key stands before its query: by rotating both, or by a bias on the attention logits.

The query and the key of one character are 0 apart. In every row of a batch equally many characters come before the first one,
so the distances of one row are those of all.
"""

from __future__ import annotations

from math import log

import numpy as np
import torch
from torch import Tensor, nn

from arithgpt.models.positions.base import AttentionBias, PositionScheme
from arithgpt.models.positions.page_coordinates import TOKEN

SLOWEST_TURN = 10_000  # characters for a radian, nearly (arXiv 2104.09864)
EXACT, BUCKETS, FARTHEST = 16, 32, 128  # arXiv 1910.10683: distances with a bucket each, all buckets, where the last begins
FIRE_WIDTH, FIRE_SLOPE, FIRE_REACH = 32, 0.1, 512.0  # arXiv 2310.04418: hidden width of its net, first c, first L


class RotaryPositions(PositionScheme):
    """Queries and keys are rotated by their character index, so that products depend on the difference (RoPE).

    The first half of a head's width is rotated together with the second; of an odd width the last feature stays as it is.
    Source: arXiv 2104.09864.
    """

    is_embedding = False

    def rotate(self, x: Tensor, cells: Tensor) -> Tensor:
        """Rotate (B, H, T, D) by the indices in the cells (B, T, columns)."""
        n = x.shape[-1] // 2
        frequencies = SLOWEST_TURN ** -(torch.arange(n, dtype=torch.float64, device=x.device) / max(n, 1))
        angles = cells[:1, None, :, TOKEN, None].to(x.dtype) * frequencies.to(x.dtype)  # (1, 1, T, n)
        a, b, rest = x[..., :n], x[..., n : 2 * n], x[..., 2 * n :]
        sin, cos = angles.sin(), angles.cos()
        return torch.cat([a * cos - b * sin, a * sin + b * cos, rest], 3)


class _DistanceBias(PositionScheme):
    """A scheme whose attention bias is a function of the distance; it cannot be folded into queries and keys."""

    is_embedding = False

    def distances(self, queries: Tensor, keys: Tensor) -> Tensor:
        """Count how many characters a key stands before the query: (1, Tq, Tk); at most 0 for what comes after it."""
        return queries[:1, :, None, TOKEN] - 1 - keys[:1, None, :, TOKEN]


class AlibiPositions(_DistanceBias):
    """A penalty that grows with the distance, in each head by another constant slope (ALiBi). Source: arXiv 2108.12409."""

    def attention_bias(self, n_head: int) -> AttentionBias:
        """Make the slopes of one block."""
        return AlibiBias(n_head)


class AlibiBias(AttentionBias):
    """For H heads the slopes are 2^(-8/H), 2^(-16/H), ... 2^-8."""

    def __init__(self, n_head: int) -> None:
        super().__init__()
        slopes = 2.0 ** (-8 / n_head * torch.arange(1, n_head + 1, dtype=torch.float64))
        self.register_buffer("slopes", slopes.float(), persistent=False)

    def forward(self, distances: Tensor) -> Tensor:
        """(1, Tq, Tk) -> (1, H, Tq, Tk)."""
        return -distances[:, None] * self.slopes[:, None, None]


def _buckets() -> np.ndarray:
    """Return int64 (FARTHEST + 1,): the bucket of each distance; from EXACT on a bucket is as wide as the distance is large."""
    distance = np.arange(FARTHEST + 1)
    scale = (BUCKETS - EXACT) / log(FARTHEST / EXACT)
    far = EXACT + (np.log(np.maximum(distance, EXACT) / EXACT) * scale + 1e-9).astype(np.int64)
    return np.where(distance < EXACT, distance, np.minimum(far, BUCKETS - 1))


class T5Positions(_DistanceBias):
    """A learned bias for each bucket of distances. Each block has its own, where T5 shares one. Source: arXiv 1910.10683."""

    def attention_bias(self, n_head: int) -> AttentionBias:
        """Make the table of one block."""
        return T5Bias(n_head)


class T5Bias(AttentionBias):
    """A table of buckets by heads."""

    def __init__(self, n_head: int) -> None:
        super().__init__()
        self.relative_bias = nn.Parameter(torch.zeros(BUCKETS, n_head))
        self.register_buffer("bucket_of", torch.from_numpy(_buckets()), persistent=False)

    def forward(self, distances: Tensor) -> Tensor:
        """(1, Tq, Tk) -> (1, H, Tq, Tk)."""
        buckets = self.bucket_of[distances.clamp(0, FARTHEST).long()]
        return self.relative_bias[buckets].permute(0, 3, 1, 2)


class FirePositions(_DistanceBias):
    """A learned function of the distance as a share of the page so far. Source: arXiv 2310.04418."""

    def attention_bias(self, n_head: int) -> AttentionBias:
        """Make the function of one block."""
        return FireBias(n_head)

    def distances(self, queries: Tensor, keys: Tensor) -> Tensor:
        """Return the distances, and the index of the query last: (1, Tq, Tk + 1)."""
        return torch.cat([super().distances(queries, keys).clamp(min=0), queries[:1, :, None, TOKEN]], 2)


class FireBias(AttentionBias):
    """f(psi(distance) / psi(max(i, L))) with psi(x) = log(c x + 1), i the query's index from 1, f a net of one hidden layer.

    c and L are learned too, in units of FIRE_SLOPE and FIRE_REACH, so that steps of the optimiser fit them.
    """

    def __init__(self, n_head: int) -> None:
        super().__init__()
        self.slope, self.reach = nn.Parameter(torch.ones(1)), nn.Parameter(torch.ones(1))
        self.hidden_weight, self.hidden_bias = nn.Parameter(torch.zeros(FIRE_WIDTH)), nn.Parameter(torch.zeros(FIRE_WIDTH))
        self.out_weight, self.out_bias = nn.Parameter(torch.zeros(n_head, FIRE_WIDTH)), nn.Parameter(torch.zeros(n_head))

    @torch.no_grad()
    def init_weights(self, rng: np.random.Generator) -> None:
        """Draw the net."""
        bounds = {"hidden_weight": 1.0, "hidden_bias": 1.0, "out_weight": FIRE_WIDTH**-0.5, "out_bias": FIRE_WIDTH**-0.5}
        for name, bound in bounds.items():
            parameter = getattr(self, name)
            values = rng.uniform(-bound, bound, tuple(parameter.shape)).astype(np.float32)
            parameter.copy_(torch.from_numpy(values))

    def forward(self, distances: Tensor) -> Tensor:
        """(1, Tq, Tk + 1) -> (1, H, Tq, Tk)."""
        c, reach = FIRE_SLOPE * self.slope.abs(), FIRE_REACH * self.reach.abs()
        away, index = distances[..., :-1], distances[..., -1:]
        share = (c * away + 1).log() / ((c * torch.maximum(index, reach) + 1).log() + 1e-6)
        hidden = (share[..., None] * self.hidden_weight + self.hidden_bias).relu()  # (1, Tq, Tk, FIRE_WIDTH)
        return (hidden @ self.out_weight.T + self.out_bias).permute(0, 3, 1, 2)
