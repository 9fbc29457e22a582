"""Free text from a model, character by character.

    for id in sample_text(model, ids, 200, random_sampler(0.8, rng, top_k=20), window=128): ...

Where a model has room for `window` characters only, the text goes on from the last half of them, which are read anew when the
window is full.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from arithgpt.data.text import encode
from arithgpt.errors import UserError
from arithgpt.inference.backend import Model, no_grad, to_model
from arithgpt.inference.generate import prefill, step
from arithgpt.inference.sampler import Sampler
from tasks import STOP


def encode_prompt(model: Model, prompt: str, *, is_page: bool) -> NDArray[np.int64]:
    """Convert a prompt to ids, int64 (T,).

    Args:
        model: the model that will continue it
        prompt: the beginning of a page or of a text
        is_page: whether it is a page, which ends with the stop

    Raises:
        UserError: it is empty, has a character that the model does not know, or cannot be continued
    """
    if not prompt:
        raise UserError("is empty; it needs at least one character")
    if is_page and STOP in prompt:
        raise UserError(f"has the character {STOP!r} that ends a page: there is nothing to continue")
    ids = encode(prompt, model.alphabet)
    if model.config.reads_question:
        end, limit = model.config.prompt_end, model.max_length
        if end not in prompt:
            raise UserError(f"{prompt!r}: an encoder-decoder begins to write after {end!r}; there is none in it")
        if limit is not None and len(prompt) >= limit:
            raise UserError(f"has {len(prompt)} characters, and positions end at block_size = {limit}")
    return ids


def sample_text(
    model: Model, ids: NDArray[np.int64], n: int, sampler: Sampler, *, window: int | None = None, stop: int | None = None
) -> Iterator[int]:
    """Yield the ids of at most n characters after `ids`, one by one; `stop` is the last one where it comes.

    Args:
        model: a module in eval mode, or a NumpyGPT
        ids: int64 (T,), at least one
        n: characters to write
        sampler: chooses each character
        window: characters that the model has room for, at least 2; None for no limit
        stop: id that ends the text; None for no such id
    """
    room = window or len(ids) + n
    recent = ids[-room:].tolist()
    cache, logits = _read(model, recent, room)
    for _ in range(n):
        chosen = sampler(logits)
        yield int(chosen[0])
        recent.append(int(chosen[0]))
        if recent[-1] == stop:
            return
        if len(recent) > room:
            recent = recent[-(room // 2) :]
            cache, logits = _read(model, recent, room)
        else:
            with no_grad(model):
                logits = step(model, chosen, cache)


def _read(model: Model, ids: list[int], room: int) -> tuple[object, object]:
    """Read ids into a cache of `room` characters; return it and the logits (1, V) after them."""
    cache = model.new_cache(1, room)
    with no_grad(model):
        return cache, prefill(model, to_model(model, np.array([ids])), cache)
