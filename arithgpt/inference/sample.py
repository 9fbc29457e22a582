r"""Text as a GPT writes it, character by character, at a temperature.

    ids = text.encode("ROMEO:")
    for id in write(model, ids, 200, chooser(0.8, top_k=20, rng=np.random.default_rng(0)), window=128): ...

Where a model knows no more than `window` characters, it goes on from the last half of them, read anew when the window is full.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
from numpy.typing import NDArray

from arithgpt.inference.generate import PROMPT_STEP
from arithgpt.models.architectures import Model
from arithgpt.models.arrays import Array, ops
from arithgpt.models.encoder_decoder import Memory
from arithgpt.models.gpt import Cache
from arithgpt.models.rnn import States


def write(
    model: Model,
    ids: NDArray[np.int64],
    n: int,
    choose: Callable[[NDArray[np.floating]], int],
    *,
    window: int | None = None,
    stop: int | None = None,
) -> Iterator[int]:
    """The ids of at most n characters after `ids`, one by one; `stop` is the last one where it comes.

    ids: int64 (T,), at least one; choose: logits (vocabulary,) -> an id; window: characters known at once, at least 2, or all
    """
    xp, room = ops(model.like), window or len(ids) + n
    recent = ids[-room:].tolist()
    cache, logits = _read(model, recent, room)
    for _ in range(n):
        id = choose(xp.to_numpy(logits)[0, -1])
        yield id
        if id == stop:
            return
        recent.append(id)
        if len(recent) > room:
            recent = recent[-(room // 2) :]
            cache, logits = _read(model, recent, room)
        else:
            with xp.inference():
                logits = model(xp.constant(np.array([[id]]), model.like), cache)


def _read(model: Model, ids: list[int], room: int) -> tuple[Cache | Memory | States, Array]:
    """A cache of room characters with some read, and the logits after them."""
    like, cache = model.like, model.cache(1, room)
    with ops(like).inference():
        for start in range(0, len(ids), PROMPT_STEP):
            part = np.array([ids[start : start + PROMPT_STEP]])
            logits = model(ops(like).constant(part, like), cache, last=1)
    return cache, logits


def chooser(
    temperature: float, top_k: int | None = None, rng: np.random.Generator | None = None
) -> Callable[[NDArray[np.floating]], int]:
    """What chooses a character: the likeliest at temperature 0, else one drawn from the top_k likeliest, or from all.

    ValueError for a negative temperature, a top_k below 1, or a temperature above 0 without an rng.
    """
    if not 0 <= temperature < np.inf or (top_k is not None and top_k < 1) or (temperature > 0 and rng is None):
        raise ValueError("a temperature is at least 0, top_k at least 1, and a temperature above 0 needs an rng")
    if temperature == 0 or rng is None:
        return lambda logits: int(logits.argmax())

    def draw(logits: NDArray[np.floating]) -> int:
        scores = logits.astype(np.float64) / temperature
        if top_k is not None and top_k < len(scores):
            scores[np.argsort(-scores, kind="stable")[top_k:]] = -np.inf
        return int((scores + rng.gumbel(size=scores.shape)).argmax())  # the Gumbel-max trick samples from the softmax

    return draw
