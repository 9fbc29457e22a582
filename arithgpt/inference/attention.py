"""What a GPT looks at while it writes: the attention of each head over the page, the kernels behind it, and what else it might
have written.

page        3 2 1 + 6 5 4 = 9 7 5 $
written                     9 7 5 $      W = 4 characters, each with its probability
head 1.1    0 0 0 0 1 0 0 0              for the first of them: all attention on the 6, which is `place 0, number -1`

A distance on an axis of the page is counted from the cell about to be written, as the centres of kernels are: `number -1` is
the number before the one being written.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from arithgpt.inference.backend import to_model, to_numpy
from arithgpt.models.gpt import GPT
from arithgpt.models.positions.kernels import KernelBias

MAX_PAGE = 1024  # characters: the distances of a page are squared in memory
WORTH_NAMING = 0.01  # an axis is named where it says this much more
CHANCE = 0.05  # and `token` where it says this much more than the others


Distances: TypeAlias = tuple[NDArray[np.floating], NDArray[np.int64]]
"""The different distances on one axis, and for each pair of a query and a key which of them it has."""


@dataclass(frozen=True)
class Reading:
    """A page of T ids as a GPT reads it. The last W of them were written by it, or might have been."""

    ids: NDArray[np.int64]
    """(T,)"""
    logits: NDArray[np.floating]
    """(W, V), before each of the written characters."""
    attention: list[NDArray[np.floating]]
    """For each block, each time it is applied: (H, W, bos + T - 1), by what is written and by what is looked at."""
    has_bos: bool
    """Whether the first key is the bos token."""
    query_cells: NDArray[np.floating]
    """(W, axes): the cell each written character goes to."""
    key_cells: NDArray[np.floating]
    """(T - 1, axes): the cells of the characters looked at."""
    axes: tuple[str, ...]

    @property
    def written(self) -> NDArray[np.int64]:
        """The last W ids."""
        return self.ids[len(self.ids) - len(self.query_cells) :]

    @property
    def probabilities(self) -> NDArray[np.float64]:
        """(W, V), each row with the sum 1."""
        scores = np.exp(self.logits - self.logits.max(-1, keepdims=True), dtype=np.float64)
        return scores / scores.sum(-1, keepdims=True)


@dataclass(frozen=True)
class Focus:
    """Where one head looks, as shares of its attention over all written characters."""

    layer: int
    head: int
    bos: float
    """Share on the bos token, which stands nowhere; 0 where there is none."""
    looks_at: tuple[tuple[str, float], ...]
    """One or two axes with the distance on each that takes the most, beyond what uniform attention would give it; none where no
    distance takes more than that."""
    share: float
    """Share on the characters at this distance."""


@contextmanager
def capture_attention(model: GPT) -> Iterator[list[Tensor]]:
    """Collect the attention weights (B, H, Tq, Tk) of each block, in the order in which blocks are applied.

    with capture_attention(model) as weights:
        model(ids)
    """
    captured: list[Tensor] = []
    for block in model.blocks:
        block.attention.captured = captured
    try:
        yield captured
    finally:
        for block in model.blocks:
            block.attention.captured = None


@torch.inference_mode()
def read_page(model: GPT, ids: NDArray[np.int64], prompt: int) -> Reading:
    """Compute what the model looks at, and would write, for each character of a page after its prompt.

    It is computed as cached decoding does it, which is exact at any length.

    Args:
        model: in eval mode
        ids: int64 (T,)
        prompt: how many of them are given

    Raises:
        ValueError: unless 1 <= prompt < T <= MAX_PAGE
    """
    T = len(ids)
    if not 1 <= prompt < T <= MAX_PAGE:
        raise ValueError(f"a page of {T} characters with {prompt} given: needs one given, one more, and {MAX_PAGE} at most")
    n_bos, cache, pages = int(model.positions.has_bos), model.new_cache(1, T), to_model(model, ids[None])
    logits, attention = [], [np.zeros((H, T - 1, n_bos + T - 1), np.float32) for H in heads_of(model)]
    for start, end in ((0, 1), (1, T - 1)):  # on top of a cache kernels are exact at any length
        if start < end:
            with capture_attention(model) as captured:
                logits.append(to_numpy(model(pages[:, start:end], cache))[0])
            for whole, weights in zip(attention, captured, strict=True):
                whole[:, start:end, : n_bos + end] = to_numpy(weights)[0, :, start - end :]
    cells, coordinates = to_numpy(cache.cells)[0, n_bos : n_bos + T], model.positions.coordinates
    return Reading(
        ids=ids,
        logits=np.concatenate(logits)[prompt - 1 :],
        attention=[whole[:, prompt - 1 :] for whole in attention],
        has_bos=bool(n_bos),
        query_cells=cells[prompt:, coordinates.query_columns],
        key_cells=cells[:-1, coordinates.key_columns],
        axes=coordinates.axes,
    )


def heads_of(model: GPT) -> tuple[int, ...]:
    """Return the heads of each block, once for each time it is applied: what counts as a layer here."""
    return model.config.heads * model.config.loops


def focuses(reading: Reading) -> list[Focus]:
    """Where every head looks, block by block."""
    W, T = len(reading.query_cells), len(reading.key_cells)
    visible = np.arange(T) <= np.arange(T - W, T)[:, None]  # (W, T)
    even = (visible / visible.sum(1, keepdims=True))[visible]  # of one who looks everywhere alike
    away = [
        np.unique((reading.key_cells[:, axis] - reading.query_cells[:, axis, None])[visible], return_inverse=True)
        for axis in range(len(reading.axes))
    ]
    found = []
    for layer, block in enumerate(reading.attention):
        for head, weights in enumerate(block):
            own = weights[:, int(reading.has_bos) :][visible]
            looks_at, share = _most_looked_at(own / W, even / W, away, reading.axes)
            found.append(Focus(layer, head, float(weights[:, 0].mean()) if reading.has_bos else 0.0, looks_at, share))
    return found


def _most_looked_at(
    weights: NDArray[np.floating],
    even: NDArray[np.floating],
    away: list[tuple[NDArray[np.floating], NDArray[np.int64]]],
    axes: tuple[str, ...],
) -> tuple[tuple[tuple[str, float], ...], float]:
    """One or two axes and distances that take the most beyond `even`, and their share; none where nothing does.

    On a short page a fixed way back fits by chance, so `token` must say clearly more than the others.
    """

    def best(chosen: NDArray[np.bool_], axis_of: list[int]) -> tuple[float, float, int, int]:  # gain, share, axis, place
        options = []
        for axis in axis_of:
            values, places = away[axis]
            share, by_chance = (np.bincount(places[chosen], of[chosen], len(values)) for of in (weights, even))
            place = int((share - by_chance).argmax())
            options.append((float((share - by_chance)[place]), float(share[place]), axis, place))
        return max(options, key=lambda option: option[0])

    def told(axis: int) -> tuple[float, tuple[tuple[str, float], ...], float]:  # gain, axes with distances, share
        gain, share, _, place = best(np.ones(len(weights), bool), [axis])
        looks_at = ((axes[axis], float(away[axis][0][place])),)
        more, narrower, other, there = best(away[axis][1] == place, [one for one in others if one != axis])
        if more > gain + WORTH_NAMING:
            return more, (*looks_at, (axes[other], float(away[other][0][there]))), narrower
        return gain, looks_at, share

    others = [axis for axis, name in enumerate(axes) if name != "token"]
    gain, looks_at, share = max(map(told, others), key=lambda option: option[0])
    back, way, its = told(axes.index("token"))
    if back > gain + CHANCE:
        return way, its
    return (looks_at, share) if gain > WORTH_NAMING else ((), 0.0)


def kernels(model: GPT) -> list[dict[str, NDArray[np.floating]]]:
    """Return what the heads of each layer have learned of where to look.

    Returns:
        A table a layer: strength and centre (H, axes), bos_logit (H,). Empty where the position scheme has no kernels.
    """
    biases = [block.attention.bias for block in model.blocks]
    tables = [
        {name: to_numpy(getattr(bias, name).detach()) for name in ("strength", "centre", "bos_logit")}
        for bias in biases
        if isinstance(bias, KernelBias)
    ]
    return tables * model.config.loops
