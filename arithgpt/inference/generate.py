"""Batched decoding with a key-value cache: prompts in, what the model writes after them out.

    generate(model, tokenizer, prompts, max_new_tokens)      a batch of prompts, greedily or with another sampler
    stream(model, tokenizer, "321+654=", 20)                 one prompt, character by character

One loop (`Decoding`) serves torch on a CPU, torch on a GPU and NumPy: `prefill` reads the prompts, then each step samples one
token for every row and reads it. Batches are planned in `backend.py`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from arithgpt.data.tokenizer import Tokenizer
from arithgpt.inference.backend import (
    PROMPT_CHUNK,
    Model,
    decoding_batches,
    for_each_batch,
    is_on_gpu,
    namespace,
    no_grad,
    to_model,
    to_numpy,
)
from arithgpt.inference.sampler import Sampler, greedy
from tasks.core.ragged import Ints, Ragged

KEEP_WHILE = 0.75  # finished rows stay in the cache until only this share of the rows goes on
CHECK_EVERY_ON_GPU = 16  # steps between two questions whether any row goes on: the answer has to be waited for


@dataclass(frozen=True)
class Completions:
    """What was written after n prompts."""

    text: Ragged
    """ASCII characters, without the stop."""
    finished: NDArray[np.bool_]
    """(n,): whether the stop was written within max_new_tokens."""


def generate(
    model: Model, tokenizer: Tokenizer, prompts: Ragged, max_new_tokens: Ints, *, sampler: Sampler = greedy
) -> Completions:
    """Write after each prompt until the stop, or until max_new_tokens are written.

    Args:
        model: a module in eval mode, or a NumpyGPT
        tokenizer: of the model's alphabet
        prompts: n rows of ASCII, none empty
        max_new_tokens: int64 (n,), at least 1 each, the stop included
        sampler: chooses each token; the greedy one computes batches side by side

    Raises:
        ValueError: a prompt is empty, or max_new_tokens is below 1
    """
    n = len(prompts)
    if n == 0:
        return Completions(Ragged(np.zeros((0, 0), np.uint8), np.zeros(0, np.int64)), np.zeros(0, bool))
    if prompts.lengths.min() < 1 or max_new_tokens.min() < 1:
        raise ValueError("a prompt needs a character, and max_new_tokens is at least 1")
    ids = tokenizer.encode(prompts.values)
    parts: list[tuple[Ints, NDArray[np.int64], Ints]] = []

    def write(rows: Ints) -> None:
        decoding = Decoding(model, ids[rows], prompts.lengths[rows], max_new_tokens[rows], tokenizer.stop, sampler)
        for _ in decoding.steps():
            pass
        parts.append((rows, to_numpy(decoding.written), to_numpy(decoding.n_written)))

    for_each_batch(
        write,
        lambda workers: decoding_batches(prompts.lengths, max_new_tokens, model, workers),
        model,
        side_by_side=sampler is greedy,
    )
    text = np.zeros((n, int(max(n_written.max() for _, _, n_written in parts))), np.uint8)
    lengths, finished = np.zeros(n, np.int64), np.zeros(n, bool)
    for rows, written, n_written in parts:
        width = int(n_written.max())
        last = written[np.arange(len(rows)), n_written - 1]
        finished[rows], lengths[rows] = last == tokenizer.stop, n_written - (last == tokenizer.stop)
        text[rows, :width] = tokenizer.decode(written[:, :width])
    return Completions(Ragged(text * (np.arange(text.shape[1]) < lengths[:, None]), lengths), finished)


def stream(model: Model, tokenizer: Tokenizer, prompt: str, max_new_tokens: int) -> Iterator[str]:
    """Yield the characters that `generate` writes greedily after one prompt, as they come, the stop included."""
    ids = tokenizer.encode(np.frombuffer(prompt.encode("ascii"), np.uint8))[None]
    decoding = Decoding(model, ids, np.array([len(prompt)]), np.array([max_new_tokens]), tokenizer.stop, greedy)
    for place, _ in enumerate(decoding.steps()):
        yield tokenizer.alphabet[int(decoding.written[0, place])]


class Decoding:
    """A batch of prompts that is being continued.

    The model reads together what all prompts have. It reads what longer ones have beyond that while it already writes after the
    shorter ones. Finished rows leave the cache in bulk, as copying it costs about a step. On a GPU, where the host must not
    wait for each step, finished rows are written on for a while, where nobody reads it.

    Args:
        model: a module in eval mode, or a NumpyGPT
        prompts: int64 (B, T), each row as long as `lengths` says
        lengths: int64 (B,), at least 1
        max_new_tokens: int64 (B,), at least 1
        stop: id of the stop
        sampler: chooses each token
    """

    def __init__(
        self,
        model: Model,
        prompts: NDArray[np.int64],
        lengths: Ints,
        max_new_tokens: Ints,
        stop: int,
        sampler: Sampler,
    ) -> None:
        self.model, self.stop, self.sampler = model, stop, sampler
        self.n_common, self.longest = int(lengths.min()), int((lengths + max_new_tokens).max())
        self.prompts, self.lengths, self.limits = (to_model(model, of_row) for of_row in (prompts, lengths, max_new_tokens))
        self.width = int(max_new_tokens.max())
        self.written = to_model(model, np.full((len(prompts), self.width + 1), stop))
        """int64 (B, width + 1): the ids written after each prompt; the last column holds what nobody reads."""
        self.n_written = self.lengths * 0
        """int64 (B,): how many of them count, the stop included."""
        self.check_every = CHECK_EVERY_ON_GPU if is_on_gpu(model) else 1

    def steps(self) -> Iterator[None]:
        """Decode; yield after each step in which rows may have been written to."""
        xp = namespace(self.model)
        with no_grad(self.model):
            cache = self.model.new_cache(len(self.prompts), self.longest)
            logits = prefill(self.model, self.prompts[:, : self.n_common], cache)
            rows = xp.arange(len(self.prompts), device=self.lengths.device)  # the rows in the cache
            going = self.lengths > 0  # those of them that have not finished
        for read in range(self.n_common, self.longest):
            with no_grad(self.model):
                ids = self.sampler(logits)
                place = read - self.lengths[rows]
                if read < self.prompts.shape[1]:
                    ids = xp.where(place < 0, self.prompts[rows, read], ids)
                writes = going & (place >= 0)
                self.written[rows, xp.where(writes, place, self.width)] = ids
                self.n_written[rows] = xp.where(writes, place + 1, self.n_written[rows])
                going = going & ((place < 0) | ((ids != self.stop) & (place + 1 < self.limits[rows])))
            yield
            with no_grad(self.model):
                if (read + 1) % self.check_every == 0 and (n_going := int(going.sum())) <= KEEP_WHILE * len(rows):
                    if n_going == 0:
                        return
                    stay = xp.nonzero(going)[0] if xp is np else going.nonzero()[:, 0]
                    cache.keep(stay)
                    rows, ids, going = rows[stay], ids[stay], going[stay]
                if read + 1 < self.longest:
                    logits = step(self.model, ids, cache)


def prefill(model: Model, prompts: Any, cache: Any) -> Any:
    """Read prompts (B, T) of one length in chunks; return the logits (B, V) after their last token."""
    for start in range(0, prompts.shape[1], PROMPT_CHUNK):
        logits = model(prompts[:, start : start + PROMPT_CHUNK], cache, last=1)[:, -1]
    return logits


def step(model: Model, ids: Any, cache: Any) -> Any:
    """Read one token (B,) for every row; return the logits (B, V) after it."""
    return model(ids[:, None], cache)[:, -1]
