"""What a GPT looks at while it writes: the attention of each head over the page, the kernels behind it, and what else it might
have written.

page        3 2 1 + 6 5 4 = 9 7 5 $
written                     9 7 5 $      W = 4 characters, each with its probability
head 1.1    0 0 0 0 1 0 0 0              for the first of them: all attention on the 6, which is `place 0, number -1`

A distance on an axis of the page is counted from the cell about to be written, as the centres of kernels are: `number -1` is
the number before the one being written.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from arithgpt.models.arrays import ops
from arithgpt.models.gpt import GPT

MAX_PAGE = 1024  # characters: the distances of a page are squared in memory
WORTH_NAMING = 0.01  # an axis is named where it says this much more
CHANCE = 0.05  # and `token` where it says this much more than the others


@dataclass(frozen=True)
class Reading:
    """A page as a GPT reads it, T ids of which the last W were, or might have been, written by it.

    logits: float (W, vocabulary), before each of the written characters
    attention: of each block, each time it is applied, float (H, W, blank + T-1): by what is written, and by what is looked at;
    the blank comes first
    look, at: float (W, axes) the cell each written character goes to, and (T-1, axes) those of the characters looked at
    axes: the names of the page's axes
    """

    ids: NDArray[np.int64]
    logits: NDArray[np.floating]
    attention: list[NDArray[np.floating]]
    blank: bool
    look: NDArray[np.floating]
    at: NDArray[np.floating]
    axes: tuple[str, ...]

    @property
    def written(self) -> NDArray[np.int64]:
        """The last W ids."""
        return self.ids[len(self.ids) - len(self.look) :]

    @property
    def probabilities(self) -> NDArray[np.float64]:
        """(W, vocabulary), each row with the sum 1."""
        scores = np.exp(self.logits - self.logits.max(-1, keepdims=True), dtype=np.float64)
        return scores / scores.sum(-1, keepdims=True)


@dataclass(frozen=True)
class Focus:
    """Where one head looks, as shares of its attention over all written characters."""

    layer: int
    head: int
    blank: float
    """On the blank that stands nowhere; 0 where there is none."""
    looks_at: tuple[tuple[str, float], ...]
    """One or two axes with the distance on each that takes the most, beyond what looking everywhere alike would give it; none
    where nothing takes more than that."""
    share: float
    """On the characters at this distance."""


def read(model: GPT, ids: NDArray[np.int64], prompt: int) -> Reading:
    """What the model looks at, and would write, for each character of a page after its prompt.

    It is computed as the cached decoder does it, exactly at any length.

    ids: int64 (T,), prompt: how many of them are given. ValueError unless 1 <= prompt < T <= MAX_PAGE.
    """
    T = len(ids)
    if not 1 <= prompt < T <= MAX_PAGE:
        raise ValueError(f"a page of {T} characters with {prompt} given: needs one given, one more, and {MAX_PAGE} at most")
    like = model.like
    xp, blank, cache = ops(like), int(model.scheme.blank), model.cache(1, T)
    logits, attention = [], [np.zeros((H, T - 1, blank + T - 1), np.float32) for H in heads_of(model)]
    with xp.inference():
        for start, end in ((0, 1), (1, T - 1)):  # on top of a cache kernels are exact at any length
            if start < end:
                part, seen = model(xp.constant(ids[None, start:end], like), cache, return_attention=True)
                logits.append(xp.to_numpy(part)[0])
                for whole, weights in zip(attention, seen, strict=True):
                    whole[:, start:end, : blank + end] = xp.to_numpy(weights)[0, :, start - end :]
    cells = xp.to_numpy(cache.cells)[0, blank : blank + T]
    scheme = model.scheme
    return Reading(
        ids=ids,
        logits=np.concatenate(logits)[prompt - 1 :],
        attention=[whole[:, prompt - 1 :] for whole in attention],
        blank=bool(blank),
        look=cells[prompt:, scheme.look],
        at=cells[:-1, scheme.at],
        axes=scheme.axes,
    )


def heads_of(model: GPT) -> tuple[int, ...]:
    """The heads of each block, each time it is applied: what counts as a layer here."""
    return model.config.heads * model.config.loops


def focuses(reading: Reading) -> list[Focus]:
    """Where every head looks, block by block."""
    W, T = len(reading.look), len(reading.at)
    visible = np.arange(T) <= np.arange(T - W, T)[:, None]  # (W, T)
    even = (visible / visible.sum(1, keepdims=True))[visible]  # of one who looks everywhere alike
    away = [
        np.unique((reading.at[:, axis] - reading.look[:, axis, None])[visible], return_inverse=True)
        for axis in range(len(reading.axes))
    ]
    found = []
    for layer, block in enumerate(reading.attention):
        for head, weights in enumerate(block):
            own = weights[:, int(reading.blank) :][visible]
            looks_at, share = _most_looked_at(own / W, even / W, away, reading.axes)
            found.append(Focus(layer, head, float(weights[:, 0].mean()) if reading.blank else 0.0, looks_at, share))
    return found


def _most_looked_at(
    weights: NDArray[np.floating], even: NDArray[np.floating], away: list[tuple], axes: tuple[str, ...]
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
    """What the heads of each layer have learned of where to look: strength and centre (H, axes) and blank (H,).

    Empty where the position scheme has no kernels.
    """
    names = ("strength", "centre", "blank")
    blocks = [{name: block[name] for name in names if name in block} for block in model.blocks]
    own = [{name: ops(array).to_numpy(array) for name, array in block.items()} for block in blocks if len(block) == len(names)]
    return own * model.config.loops
