"""The position schemes, by name: how a GPT knows where on the page its characters stand.

Every scheme works from the same page coordinates (page.py) and can act at two points: on the embeddings, once, and on the
attention of each layer. What `fold` does to a whole page in training and what `bias` gives to the cached decoder are the same
function of the cells; a test holds every scheme to that.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from arithgpt.page import AXES
from arithgpt.recipe import ModelConfig


class NumberEmbedding(nn.Module):
    """A learned vector for the first, the second, ... number on the page; all from the last on share one."""

    def __init__(self, config: ModelConfig, n_numbers: int = 3) -> None:
        super().__init__()
        self.vectors = nn.Embedding(n_numbers, config.n_embd)

    def forward(self, cells: Tensor) -> Tensor:
        """cells: (B, T, axes) -> (B, T, C)"""
        number = cells[..., AXES.index("number")].long()
        return self.vectors(number.clamp(max=self.vectors.num_embeddings - 1))


class LearnedEmbedding(nn.Module):
    """A learned vector for each character index, as in GPT-2. Pages longer than block_size raise ValueError."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.vectors = nn.Embedding(config.block_size, config.n_embd)

    def forward(self, cells: Tensor) -> Tensor:
        """cells: (B, T, axes) -> (B, T, C)"""
        token = cells[..., AXES.index("token")].long()
        longest = int(token.max()) + 1
        if longest > self.vectors.num_embeddings:
            raise ValueError(
                f"a page of {longest} characters: learned positions end at block_size = {self.vectors.num_embeddings}"
            )
        return self.vectors(token)


# What each head looks at before training, over and over: one cell of one number, or what stands a fixed way back. A centre is
# counted from the cell about to be written.
_HEAD_STARTS: tuple[dict[str, float], ...] = (
    {"place": 0},
    {"place": 0, "number": -1},
    {"place": 0, "number": -2},
    {"place": -1, "number": 0},
    {"number": -1},
    {"token": -1},
)


class PageKernel(nn.Module):
    """Gaussian kernels on page coordinates, added to the attention logits of each head.

    On each axis a head has a learned strength s >= 0 and a learned centre c. Writing into the cell `look`, it adds to the
    logit of the character in the cell `at`

        sum over axes of   -s (look + c - at)^2

    so a distance never seen in training is suppressed by construction, which is why models extrapolate to longer numbers.
    """

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        strength, centre = torch.zeros(2, config.n_head, len(AXES))
        for head in range(config.n_head):
            for axis, start in _HEAD_STARTS[head % len(_HEAD_STARTS)].items():
                strength[head, AXES.index(axis)] = 1
                centre[head, AXES.index(axis)] = start
        self.strength = nn.Parameter(strength)  # (H, axes)
        self.centre = nn.Parameter(centre)  # (H, axes)

    def fold(self, q: Tensor, k: Tensor, cells: Tensor) -> tuple[Tensor, Tensor]:
        """Queries and keys widened so that their scaled dot product has the kernel in it: no T x T tensor is made.

        The square expands to 2 s (look + c) at - s at^2, plus a term without `at` that softmax ignores: the product of two
        more features a query with two more a key. The large terms cancel, so in float32 the error of a logit grows with the
        square of the place: 0.0004 at 10 digits, 0.06 at 100, 7 at 1000 (a trained model, the largest of some pages). That
        is enough to train on; what is long is decoded with `bias`.

        q, k: (B, H, T, D); cells: (B, T+1, axes), one more than there are characters
        Returns two of (B, H, T, D + 2 axes).
        """
        s = self.strength.clamp(min=0)[:, None, :]  # (H, 1, axes)
        look = cells[:, None, 1:] + self.centre[:, None, :]  # (B, H, T, axes)
        at = cells[:, None, :-1]  # (B, 1, T, axes)
        unscale = q.shape[-1] ** 0.5  # attention divides by sqrt(D)
        q = torch.cat([q, look * unscale, torch.full_like(look, unscale)], -1)
        k = torch.cat([k, 2 * s * at, -s * at * at], -1)
        return q, k

    def bias(self, look: Tensor, at: Tensor) -> Tensor:
        """The kernel itself, exact at any length: with distances from the query's own cell nothing large cancels.

        look: (B, Tq, axes); at: (B, Tk, axes)
        Returns (B, H, Tq, Tk), without the terms that do not depend on `at`.
        """
        s = self.strength.clamp(min=0)
        away = at[:, None] - look[:, :, None]  # (B, Tq, Tk, axes)
        # -s (c - away)^2 = 2 s c away - s away^2 - s c^2, for all heads in one product
        weights = torch.cat([2 * s * self.centre, -s], 1)  # (H, 2 axes)
        return (torch.cat([away, away * away], -1) @ weights.T).permute(0, 3, 1, 2)


@dataclass(frozen=True)
class Scheme:
    """The parts of a position scheme; None where it does nothing."""

    embedding: Callable[[ModelConfig], nn.Module] | None = None
    attention: Callable[[ModelConfig], PageKernel] | None = None


SCHEMES: dict[str, Scheme] = {
    "page": Scheme(embedding=NumberEmbedding, attention=PageKernel),
    "learned": Scheme(embedding=LearnedEmbedding),
    "none": Scheme(),
}
