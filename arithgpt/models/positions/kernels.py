"""Gaussian kernels on page coordinates in the attention logits: the schemes `page` and `expression_page`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, ClassVar

import numpy as np
import torch
from torch import Tensor, nn

from arithgpt.models.positions.base import AttentionBias, PositionScheme, copy_normal
from arithgpt.models.positions.cell_coordinates import CellCoordinates
from arithgpt.models.positions.expression_coordinates import ExpressionPageCoordinates
from arithgpt.models.positions.page_coordinates import MARK, PageCoordinates

if TYPE_CHECKING:
    from arithgpt.config.schema import ModelConfig

# What each head looks at before training, cyclically: one cell of one number, or what stands a fixed way back. A centre is
# counted from the cell about to be written. Addition needs the first four; longer scratchpads need the others.
_PAGE_HEADS: tuple[Mapping[str, float], ...] = (
    {"place": 0},
    {"place": 0, "number": -1},
    {"place": 0, "number": -2},
    {"place": -1, "number": 0},
    {"place": 0, "number": -3},
    {"number": -1},
    {"digit": 0},
    {"place": -1, "number": -3},
    {"place": -1, "number": -1},
    {"place": -1},
    {"token": -2},
    {"digit": -1},
)
# Where strengths are fixed, each head reads one cell: a place of one number. Sums and differences of columns need these four.
_CELL_HEADS: tuple[Mapping[str, float], ...] = (
    {"place": 0, "number": -1},
    {"place": 0, "number": -2},
    {"place": -1, "number": -1},
    {"place": -1, "number": -2},
)
# Later blocks need fewer heads, and the first of the list: of three blocks the later two need 16 and 8 (runs/LOG.md).
_EXPRESSION_HEADS: tuple[Mapping[str, float], ...] = (
    *({"token": -1}, {"field": -1}, {"field": 0}, {"field": 1}, {"field": 1, "digit of the line": 0}),
    *({"work": 0, "place": 0}, {"field": 0, "digit": -1}, {"place": -0.5}),
    *({"field": 0, "place": 0}, {"field": 1, "place": 0}, {"field": 0, "place": -0.5}, {"field": 0, "digit": 0}),
    *({"field": 1, "digit": 0}, {"number": -1, "digit": 0}, {"number": -3, "digit": 0}, {"number": -3, "digit": -1}),
    *({"number": -1, "place": 0}, {"number": -2, "place": 0}, {"number": -3, "place": 0}, {"place": -1, "number": 0}),
    *({"number": 0}, {"number": -1}, {"number": -1, "digit": -1}, {"number": -1, "place of the digit": 0}),
    *({"work": 0}, {"work": 0, "digit": 0}, {"field": 0, "place": -1}, {"field": 1, "dots": -0.5}),
)
_STRENGTH, _BOS_LOGIT = 1.0, -2.0  # before training
_WIDTH_STEP = 8  # fused attention is fastest where queries and keys are a multiple of this wide


class KernelBias(AttentionBias):
    """Gaussian kernels of one block, and the logit of the bos token.

    On each axis a head has a learned strength s >= 0 and a learned centre c. Writing into the cell `query`, it adds to the
    logit of the character in the cell `key`

        sum over axes of   -s (query + c - key)^2

    A distance never seen in training is suppressed by construction, which is why models extrapolate to longer numbers. The bos
    token stands nowhere; its logit is a learned constant of the head. A head that looks where nothing is written sees the bos
    token, not whatever is nearest.

    Strengths, centres and the logit of the bos token can also be fixed. They are buffers then, which are saved with the weights
    and never learned.

    Args:
        n_head: heads of the block
        coordinates: the coordinate system, which names the axes
        heads: for each head the axes it looks along before training, with their centres; used cyclically
        fixed_strength: of every head along its axes; 0 where strengths, centres and bos logits are learned
    """

    can_fold = True

    def __init__(
        self,
        n_head: int,
        coordinates: PageCoordinates,
        heads: Sequence[Mapping[str, float]],
        fixed_strength: float = 0.0,
    ) -> None:
        super().__init__()
        self.heads, self.coordinates, self.fixed_strength = heads, coordinates, fixed_strength
        self.axes = axes_of(heads, coordinates, fixed=fixed_strength > 0)
        """The axes along which any head can look, by index."""
        self.strength: Tensor
        self.centre: Tensor
        self.bos_logit: Tensor
        n_axes = len(coordinates.axes)
        for name, shape in (("strength", (n_head, n_axes)), ("centre", (n_head, n_axes)), ("bos_logit", (n_head,))):
            if fixed_strength:
                self.register_buffer(name, torch.zeros(shape))
            else:
                self.register_parameter(name, nn.Parameter(torch.zeros(shape)))

    @torch.no_grad()
    def init_weights(self, rng: np.random.Generator) -> None:
        """Set every head to its place in the list of heads; nothing is drawn."""
        for head in range(len(self.strength)):
            for axis, centre in self.heads[head % len(self.heads)].items():
                self.strength[head, self.coordinates.axes.index(axis)] = self.fixed_strength or _STRENGTH
                self.centre[head, self.coordinates.axes.index(axis)] = centre
        self.bos_logit.fill_(_BOS_LOGIT)

    def forward(self, distances: Tensor) -> Tensor:
        """Compute the kernels from the distances and their squares: exact at any length, as nothing large cancels.

        Args:
            distances: (B, Tq, Tk - 1, 2 axes), as `PagePositions.distances` returns them

        Returns:
            (B, H, Tq, Tk), the bos token first.
        """
        s, c = select_columns(self.strength, self.axes).clamp(min=0), select_columns(self.centre, self.axes)
        # -s (c - d)^2 = 2 s c d - s d^2 - s c^2, for all heads in one product
        weights = torch.cat([2 * s * c, -s], 1)  # (H, 2 axes)
        logits = distances @ weights.T - (s * c * c).sum(1)  # (B, Tq, Tk - 1, H)
        bos = self.bos_logit.expand(*logits.shape[:2], 1, -1)
        return torch.cat([bos, logits], 2).permute(0, 3, 1, 2)

    def fold_into_qk(self, q: Tensor, k: Tensor, cells: Tensor) -> tuple[Tensor, Tensor]:
        """Widen queries and keys so that their scaled product contains the kernels: no (T, T) tensor is made.

        The square expands to 2 s (query + c) key - s key^2, less s (query + c)^2. Softmax ignores the last term, except for the
        bos token. So one feature an axis and two more suffice. The large terms cancel, so in float32 the error of a logit grows
        with the square of the place: 0.0004 at 10 digits, 0.06 at 100, 7 at 1000 (the largest of some pages of a trained
        model). That suffices for training; long pages are decoded with `forward`.

        Args:
            q, k: (B, H, T, D), the bos token first
            cells: (B, T + 1, columns)

        Returns:
            Two of (B, H, T, W), W the next multiple of 8 from D + axes + 2.
        """
        q_features, k_features = self.qk_features(cells, q.shape[3])
        return torch.cat([q, q_features.transpose(1, 2)], 3), torch.cat([k, k_features.transpose(1, 2)], 3)

    def qk_features(self, cells: Tensor, head_size: int) -> tuple[Tensor, Tensor]:
        """Compute the features by which queries and keys of `head_size` features are widened: two of (B, T, H, W - D)."""
        return kernel_features(self.strength, self.centre, self.bos_logit, self.coordinates, self.axes, cells, head_size)


def axes_of(heads: Sequence[Mapping[str, float]], coordinates: PageCoordinates, *, fixed: bool) -> list[int]:
    """List the axes that kernels can use, by index: those that fixed heads look along, or all that learned ones may take up."""
    if not fixed:
        return list(range(len(coordinates.axes)))
    return sorted({coordinates.axes.index(axis) for head in heads for axis in head})


def kernel_features(
    strength: Tensor,
    centre: Tensor,
    bos_logit: Tensor,
    coordinates: PageCoordinates,
    axes: list[int],
    cells: Tensor,
    head_size: int,
) -> tuple[Tensor, Tensor]:
    """Compute the query and key features of `KernelBias.fold_into_qk`, for the heads of one or of several blocks.

    Args:
        strength, centre: (H, axes)
        bos_logit: (H,)
        coordinates: names the columns of queries and keys
        axes: those that are used, by index
        cells: (B, T + 1, columns)
        head_size: D, the width of queries and keys without the features

    Returns:
        Two of (B, T, H, W - D).
    """
    n, D, H = len(axes), head_size, len(strength)
    B, T = cells.shape[0], cells.shape[1] - 1
    padding = -(D + n + 2) % _WIDTH_STEP
    s, c = select_columns(strength, axes).clamp(min=0), select_columns(centre, axes)
    query = select_columns(cells[:, 1:], [coordinates.query_columns[axis] for axis in axes])  # (B, T, axes)
    # the bos token stands nowhere: (B, T - 1, axes)
    key = select_columns(cells[:, 1:-1], [coordinates.key_columns[axis] for axis in axes])
    # Query features are linear in the cell, its squares and 1; one product makes them for all heads.
    eye, zeros = torch.eye(n, dtype=s.dtype, device=s.device), s.new_zeros
    linear = torch.cat([2 * s[:, :, None] * eye, zeros(H, n, n), (2 * s * c)[:, :, None]], 2)
    one = torch.cat([zeros(H, 1, 2 * n), zeros(H, 1, 1) + 1], 2)
    bos = torch.cat([2 * s * c, s, (s * c * c).sum(1)[:, None] + bos_logit[:, None]], 1)[:, None]
    weights = torch.cat([linear, one, bos, zeros(H, padding, 2 * n + 1)], 1)  # (H, axes + 2 + padding, 2 axes + 1)
    basis = torch.cat([query, query * query, zeros(B, T, 1) + 1], 2)
    q_features = basis @ (weights * D**0.5).reshape(-1, 2 * n + 1).T  # attention divides by sqrt(D)
    keys = key[:, :, None].expand(B, T - 1, H, n)
    squares = -((key * key) @ s.T)[..., None]  # (B, T - 1, H, 1)
    k_features = torch.cat([keys, squares, zeros(B, T - 1, H, 1 + padding)], 3)
    only_bos = torch.cat([zeros(n + 1), zeros(1) + 1, zeros(padding)]).expand(B, 1, H, -1)
    return q_features.view(B, T, H, -1), torch.cat([only_bos, k_features], 1)


class PagePositions(PositionScheme):
    """Kernels on page coordinates, and an embedding of marks.

    The embedding is a learned vector for the mark that opened the number in which a character stands: it says what the number
    is for. In `321+654=975` the digits 654 were opened by `+` and 975 by `=`; no mark opened 321, which has its own vector.
    """

    has_bos = True
    is_embedding = False
    n_axes = len(PageCoordinates.axes)
    heads: ClassVar[tuple[Mapping[str, float], ...]] = _PAGE_HEADS

    def __init__(self, config: ModelConfig, alphabet: str) -> None:
        super().__init__(config, alphabet)
        self.mark_embedding = nn.Parameter(torch.zeros(1 + len(alphabet), config.n_embd))
        self.bos_embedding = nn.Parameter(torch.zeros(config.n_embd))
        fixed = config.kernel_strength > 0
        self.looks: Sequence[Mapping[str, float]] = (config.kernel_heads or _CELL_HEADS) if fixed else self.heads
        """Where the heads look: before training, or for good where kernels are fixed."""
        self.axes = axes_of(self.looks, self.coordinates, fixed=fixed)

    def make_coordinates(self, alphabet: str) -> PageCoordinates:
        """Make the coordinate system; heads that read single cells have more axes to find them by."""
        return CellCoordinates(alphabet) if self.config.kernel_strength else self.coordinates_class(alphabet)

    def init_weights(self, rng: np.random.Generator) -> None:
        """Draw the embeddings of marks and of the bos token."""
        copy_normal(self.mark_embedding, rng)
        copy_normal(self.bos_embedding, rng)

    def embedding(self, cells: Tensor) -> Tensor:
        """Look up the mark that opened each number: (B, T + 1, columns) -> (B, T, C)."""
        return self.mark_embedding[cells[:, :-1, MARK].long()]

    def attention_bias(self, n_head: int) -> KernelBias:
        """Make the kernels of one block."""
        return KernelBias(n_head, self.coordinates, self.looks, self.config.kernel_strength)

    def distances(self, queries: Tensor, keys: Tensor) -> Tensor:
        """Compute how far each key but the bos token is from each query, and the squares: (B, Tq, Tk - 1, 2 axes)."""
        axes, coordinates = self.axes, self.coordinates
        key = select_columns(keys[:, None, 1:], [coordinates.key_columns[axis] for axis in axes])
        away = key - select_columns(queries[:, :, None], [coordinates.query_columns[axis] for axis in axes])
        return torch.cat([away, away * away], 3)


class ExpressionPagePositions(PagePositions):
    """The same kernels on the axes of `expression_coordinates.py`: rows of an expression with scratchpads in between."""

    n_axes = len(ExpressionPageCoordinates.axes)
    coordinates_class = ExpressionPageCoordinates
    heads = _EXPRESSION_HEADS


def select_columns(cells: Tensor, columns: list[int]) -> Tensor:
    """Select columns of the last axis: a slice where they are the first ones, else a stack (a GPU need not read an index)."""
    if columns == list(range(len(columns))):
        return cells[..., : len(columns)]
    return torch.stack([cells[..., column] for column in columns], -1)
