"""The margin of every window, and the bound on all that can change it.

    margin    by how much the logit of the right character is above that of each other one, from the window alone, in nats
    bound     how far this difference can be off: by all that stands outside the window, and by the rounding of float32

The right character is written wherever a window stands if its least margin over all other characters is above the bound.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from arithgpt.config.recipe import Recipe
from arithgpt.proof.bounds import (
    ELEMENTARY,
    UNIT,
    Floats,
    Interval,
    outside_weight,
    sum_rounding,
)
from arithgpt.proof.deviation import differences
from arithgpt.proof.families.covered import family_of
from arithgpt.proof.model import ProvableModel
from arithgpt.proof.windows import NOTHING, Windows

CHUNK: Final = 2048  # windows at once
_SMALLEST: Final = 2.0**-100  # more than all weights together that float32 rounds to zero, or from it
_EXP_RANGE: Final = 104.0  # exp(-104) is 0 in float32


@dataclass(frozen=True)
class Margins:
    """What is known of the logits of n windows."""

    margin: Floats
    """(n,): where margin - bound is least over all other characters."""
    bound: Floats
    """(n,): the bound there."""
    outside: float
    """The largest share of the attention of a head that can lie outside of a window."""

    @property
    def is_proven(self) -> NDArray[np.bool_]:
        """(n,): whether the right character wins on every page."""
        return self.margin > self.bound


class Attention:
    """Attention of every kind of query to every kind of key, from tables.

    Args:
        model: the model
        windows: give the kinds and the cells
    """

    def __init__(self, model: ProvableModel, windows: Windows) -> None:
        D = model.config.head_size
        self.x = model.embeddings(windows.kinds)
        q, k, v = model.queries_keys_values(self.x)
        _, bos_key, bos_value = model.queries_keys_values(model.bos)
        keys = Interval(*(np.concatenate(parts) for parts in zip(bos_key, k, strict=True)))  # the bos token comes first
        self.values = Interval(*(np.concatenate(parts) for parts in zip(bos_value, v, strict=True)))
        self.largest_value = self.values.size.max(0)  # (H, D)

        content = np.einsum("qhd,khd->qkh", q.middle, keys.middle) * D**-0.5
        sizes = np.einsum("qhd,khd->qkh", q.size, keys.size) * D**-0.5
        radius = np.einsum("qhd,khd->qkh", q.radius, keys.size) + np.einsum("qhd,khd->qkh", q.size, keys.radius)
        self.content_error = radius * D**-0.5 + sum_rounding(D + 2) * sizes  # (queries, 1 + keys, H)
        content[:, 0] += model.of_attention("bias.bos_logit")
        self.content = content  # (queries, 1 + keys, H)
        self.largest_content = (content + self.content_error)[:, 1:].max(1)  # (queries, H)

        cell_of_head = [windows.cells.index(cell) for cell in model.head_cells]
        self.cell_of_head = np.array(cell_of_head)  # (H,)
        self.outside = np.log(outside_weight(model.least_strengths))  # (H,)
        reach = np.sqrt((_EXP_RANGE + 2 * np.abs(content).max()) / model.least_strengths.min())
        self.n_heavy = int((2 * reach + 1) ** 2) + 2
        """How many keys at most have a weight that is not 0 in float32."""

    def __call__(self, queries: NDArray[np.int64], contents: NDArray[np.int64]) -> tuple[Interval, float]:
        """Attend from windows.

        Args:
            queries: (n,), kinds
            contents: (n, cells), kinds or NOTHING

        Returns:
            (n, H D), and the largest share of attention outside of a window.
        """
        read = contents[:, self.cell_of_head]  # (n, H)
        keys = np.stack([np.zeros_like(read), 1 + read], 1)  # (n, 2, H): the bos token and the cell; NOTHING gets weight 0
        rows, heads = queries[:, None, None], np.arange(len(self.cell_of_head))
        logits = self.content[rows, keys, heads]  # (n, 2, H)
        logits[:, 1][read == NOTHING] = -np.inf
        top = logits.max(1, keepdims=True)
        weights = np.exp(logits - top)
        total = weights.sum(1)
        weights /= total[:, None]
        values = self.values.middle[keys, heads]  # (n, 2, H, D)
        y = _weighted(weights, values)

        # In float32 each weight is off by a share of at most `errors`, and what is below the smallest number is lost. Softmax
        # by blocks scales a weight again where the largest logit so far changes: from the bos token on, three times at most.
        finite = np.where(weights > 0, logits, 0)
        errors = (
            self.content_error[rows, keys, heads]
            + 4 * ELEMENTARY
            + 4 * UNIT * (np.abs(finite) + np.abs(top) + np.abs(finite - top))
        )
        errors = np.expm1(errors)
        moved = _weighted(weights * errors, np.abs(values - y[:, None])) / (1 - errors.max())
        radius = moved + _weighted(weights, self.values.radius[keys, heads])
        # A share of at most `shares` goes to keys outside of the window, whose values are at most the largest.
        shares = np.exp(self.largest_content[queries] + self.outside - top[:, 0]) * (1 + errors.max()) / total + _SMALLEST
        radius += shares[..., None] * (np.abs(y) + radius + self.largest_value)
        sizes = _weighted(weights, np.abs(values)) + radius
        radius += sum_rounding(2 * self.n_heavy + 4) * sizes
        flat = len(queries), -1
        return Interval(y.reshape(flat), radius.reshape(flat)), float(shares.max())


def _weighted(weights: Floats, values: Floats) -> Floats:
    """Add up values (n, keys, H, D) with weights (n, keys, H): (n, H, D)."""
    total: Floats = (weights[..., None] * values).sum(1)
    return total


def margins(model: ProvableModel, windows: Windows) -> Margins:
    """Compute the margins and bounds of all windows."""
    attention = Attention(model, windows)
    found = []
    for start in range(0, len(windows), CHUNK):
        rows = np.arange(start, min(start + CHUNK, len(windows)))
        margin, bound, outside = window_differences(model, windows, rows, attention)
        least = np.nanargmin(margin - bound, 1)[:, None]
        found.append((*(np.take_along_axis(part, least, 1)[:, 0] for part in (margin, bound)), outside))
    margin_parts, bound_parts, outside_parts = zip(*found, strict=True)
    return Margins(np.concatenate(margin_parts), np.concatenate(bound_parts), max(outside_parts))


def window_margins(recipe: Recipe, weights: Mapping[str, NDArray[Any]]) -> tuple[Windows, Margins]:
    """Compute the margins of all windows of a model.

    Args:
        recipe: of the model
        weights: by the names of the model's `state_dict`

    Raises:
        NotCoveredError: the prover does not cover the task or the model
        UserError: the recipe learns a text
    """
    family = family_of(recipe.problems)
    model = ProvableModel.of(recipe.model, recipe.alphabet, weights)
    windows = family.windows(model.cells)
    return windows, margins(model, windows)


def window_differences(
    model: ProvableModel, windows: Windows, rows: NDArray[np.int64], attention: Attention | None = None
) -> tuple[Floats, Floats, float]:
    """Compute by how much the right character's logit is above that of every character, and the bounds.

    Args:
        model: the model
        windows: all windows
        rows: int64 (n,), those to compute
        attention: of the model and the windows; None makes it

    Returns:
        Differences and bounds, (n, V) each, NaN for the right character itself, and the largest share of a head's attention
        outside of a window.
    """
    attention, queries = attention or Attention(model, windows), windows.queries[rows]
    wanted = np.array([model.alphabet.index(windows.wanted[row]) for row in rows.tolist()])
    y, outside = attention(queries, windows.contents[rows])
    margin, bound = differences(model.weights, model.head, attention.x.rows(queries), y, wanted)
    margin[np.arange(len(wanted)), wanted] = np.nan
    return margin, bound, outside
