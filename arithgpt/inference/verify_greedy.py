"""Greedy decoding by verification: the same text, several times sooner.

A guess at the whole page is read at once, as in training, and the model says for each place what it would write there. As long
as that is what the guess has, the guess is what greedy decoding writes: each choice is the model's own, after the same text.
From the first place where it would write something else, the model decodes by itself. So the text is the model's, right or
wrong, and so are its mistakes; only the waiting is shorter. This is the `is_greedy` test of language-model evaluation, carried
on to the end of the text (blockwise parallel decoding, arXiv 1811.03115; speculative decoding, arXiv 2211.17192).

The one difference is rounding: logits of a place read together with others differ by about 1e-6 from those of a place read
alone, and by the error of folded kernels where a page is read whole (models/positions/kernels.py).
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from arithgpt.data.tokenizer import Tokenizer
from arithgpt.inference.backend import (
    Model,
    for_each_batch,
    is_on_gpu,
    namespace,
    no_grad,
    to_model,
    to_numpy,
    verification_batches,
)
from arithgpt.inference.generate import Completions, generate
from tasks.core.ragged import Ints, Ragged, join, only

WHOLE = 256  # tokens: shorter guesses are read at once, as pages are in training
CHUNK = 32  # tokens of longer ones read at once: on top of a cache kernels are exact at any length
CHECK_EVERY_ON_GPU = 4  # chunks between two questions whether any guess still holds: the answer has to be waited for


def generate_verified(model: Model, tokenizer: Tokenizer, guesses: Ragged, prompts: Ints, max_new_tokens: Ints) -> Completions:
    """Return what `generate` writes greedily after each prompt.

    Args:
        model: a module in eval mode, or a NumpyGPT
        tokenizer: of the model's alphabet
        guesses: n pages of ASCII, the stop nowhere but at their ends; any guess will do, and a good one is fast
        prompts: int64 (n,), how many characters of each are given, at least 1
        max_new_tokens: int64 (n,), at least 1, the stop included

    Raises:
        ValueError: a prompt or max_new_tokens is below 1, or a guess is shorter than its prompt
    """
    n = len(guesses)
    if n == 0:
        return generate(model, tokenizer, guesses, max_new_tokens)
    if prompts.min() < 1 or max_new_tokens.min() < 1 or (guesses.lengths < prompts).any():
        raise ValueError("a prompt needs a character and starts its guess, and max_new_tokens is at least 1")
    ends = np.minimum(guesses.lengths, prompts + max_new_tokens)
    ids = tokenizer.encode(guesses.values)
    accepted, next_id = np.zeros((2, n), np.int64)

    def verify(rows: Ints) -> None:
        part = ids[rows, : int(ends[rows].max())]
        accepted[rows], next_id[rows] = (to_numpy(x) for x in _verified(model, part, prompts[rows], ends[rows]))

    for_each_batch(verify, lambda workers: verification_batches(ends, model, workers, CHUNK, WHOLE), model, tokens=CHUNK)
    differs = accepted < ends  # there the model writes a character of its own
    last = np.where(differs, next_id, ids[np.arange(n), ends - 1])
    finished, n_written = last == tokenizer.stop, accepted - prompts + differs
    own_character = only(Ragged(tokenizer.decode(next_id)[:, None], np.ones(n, np.int64)), differs & ~finished)

    from_guess = guesses.between(prompts, accepted - ((last == tokenizer.stop) & ~differs))  # without the stop
    parts = [from_guess, own_character]
    going = ~finished & (n_written < max_new_tokens)
    if going.any():
        so_far = join([guesses.between(0, accepted), own_character], n)
        rest = generate(model, tokenizer, so_far[going], (max_new_tokens - n_written)[going])
        finished[going] = rest.finished
        texts, lengths = np.zeros((n, rest.text.values.shape[1]), np.uint8), np.zeros(n, np.int64)
        texts[going], lengths[going] = rest.text.values, rest.text.lengths
        parts.append(Ragged(texts, lengths))
    return Completions(join(parts, n), finished)


def _verified(model: Model, guesses: NDArray[np.int64], prompts: Ints, ends: Ints) -> tuple[Any, Any]:
    """Count the ids of each guess that the model would write, and find what it writes next where those end early.

    Everything is computed where the model is; a GPU is waited for only every CHECK_EVERY_ON_GPU chunks.

    Args:
        guesses: int64 (B, T)
        prompts, ends: int64 (B,)

    Returns:
        Two of int64 (B,), arrays of the model's library.
    """
    xp, cache = namespace(model), model.new_cache(*guesses.shape)
    n, given = guesses.shape[1] - 1, int(prompts.min())  # after the last token there is nothing to ask
    chunk = WHOLE if n <= WHOLE else CHUNK
    check_every = CHECK_EVERY_ON_GPU if n > chunk and is_on_gpu(model) else 1
    guesses, prompts, ends = (to_model(model, of_row) for of_row in (guesses, prompts, ends))
    accepted, next_id, going = ends, ends * 0, ends > 0
    with no_grad(model):
        for number, start in enumerate(range(0, n, chunk)):
            part = guesses[:, start : min(start + chunk, n)]
            end = start + part.shape[1] + 1
            begin = min(max(start + 1, given), end - 1)  # places before are given in every row
            choices = model(part, cache, last=end - begin).argmax(-1)
            places = xp.arange(begin, end, device=ends.device)
            asked = (places >= prompts[:, None]) & (places < ends[:, None])
            differs = asked & (choices != guesses[:, begin:end])
            first = (differs * 1).argmax(1)  # 0 where there is none
            stopped = going & differs.any(1)
            accepted = xp.where(stopped, begin + first, accepted)
            rows = xp.arange(len(first), device=ends.device)
            next_id = xp.where(stopped, choices[rows, first], next_id)
            going = going & ~stopped & (ends > end)
            if (number + 1) % check_every == 0 and not going.any():
                break
    return accepted, next_id
