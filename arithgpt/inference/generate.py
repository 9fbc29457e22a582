"""Batched decoding with a key-value cache: prompts in, what the model writes after them out."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import pairwise
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from arithgpt.data.tokenizer import Vocab
from arithgpt.models.architectures import Model
from arithgpt.models.arrays import Array, ops
from tasks.core.ragged import Ints, Ragged

MIN_ROWS, MAX_ROWS, MAX_ROWS_ON_GPU = 64, 1024, 1 << 16  # of a batch, where there are as many
MAX_BYTES = 512 << 20  # of cache and attention mask, in all batches worked on at once
KEEP_WHILE = 0.75  # rows that have ended stay in the cache until only this share goes on
CHECK_EVERY = 16  # characters that a GPU writes between two questions whether any row goes on: the answer has to be waited for
PROMPT_STEP = 64  # characters of a prompt read at once: a mask of this many rows, not of the whole prompt squared


@dataclass(frozen=True)
class Completions:
    """What was written after n prompts.

    text: the ASCII characters, without the stop
    finished: bool (n,), whether the stop was written before the budget ran out
    """

    text: Ragged
    finished: np.ndarray


def complete(
    model: Model,
    vocab: Vocab,
    prompts: Ragged,
    max_new_tokens: Ints,
    *,
    temperature: float = 0.0,
    rng: np.random.Generator | None = None,
) -> Completions:
    """Write after each prompt, greedily or at a temperature, until the stop or the budget.

    prompts: n rows of ASCII, none empty; max_new_tokens: int64 (n,), characters at most, the stop included
    ValueError for an empty prompt, a budget below 1, a negative temperature, or one above 0 without an rng to draw with.
    """
    n = len(prompts)
    if n == 0:
        return Completions(Ragged(np.zeros((0, 0), np.uint8), np.zeros(0, np.int64)), np.zeros(0, bool))
    if prompts.lengths.min() < 1 or max_new_tokens.min() < 1 or temperature < 0 or (temperature > 0 and rng is None):
        raise ValueError("a prompt needs a character, a budget is at least 1, a temperature at least 0 and one above 0 an rng")
    ids = vocab.encode(prompts.values)
    parts: list[tuple[Ints, NDArray[np.int64], Ints]] = []
    choose = _chooser(temperature, rng)
    on_gpu = loops_on_gpu(model) and temperature == 0

    def write(rows: Ints) -> None:
        batch = model, vocab, ids[rows], prompts.lengths[rows], max_new_tokens[rows]
        parts.append((rows, *(_complete_on_gpu(*batch) if on_gpu else _complete_batch(*batch, choose))))

    over_batches(write, lambda workers: _batches(prompts.lengths, max_new_tokens, model, workers), model, together=rng is None)
    text = np.zeros((n, max(own.shape[1] for _, own, _ in parts)), np.uint8)
    lengths, finished = np.zeros(n, np.int64), np.zeros(n, bool)
    for rows, own, total in parts:
        last = own[np.arange(len(rows)), total - 1]
        finished[rows], lengths[rows] = last == vocab.stop, total - (last == vocab.stop)
        text[rows, : own.shape[1]] = vocab.characters(own)
    return Completions(Ragged(text * (np.arange(text.shape[1]) < lengths[:, None]), lengths), finished)


def stream(model: Model, vocab: Vocab, prompt: str, budget: int) -> Iterator[str]:
    """The characters that `complete` writes greedily after one prompt, as they come, the stop included if it is reached."""
    ids = vocab.encode(np.frombuffer(prompt.encode("ascii"), np.uint8))[None]
    for _, _, chosen in _written(model, vocab, ids, np.array([len(prompt)]), np.array([budget]), _chooser(0, None)):
        yield vocab.alphabet[chosen[0]]


def over_batches(
    work: Callable[[Ints], None], batches: Callable[[int], list[Ints]], model: Model, *, together: bool = True, tokens: int = 1
) -> None:
    """Call `work` for the rows of each batch: on NumPy and on a GPU one after the other, on torch's CPU side by side.

    Several batches side by side, each on one thread, beat one at a time on all threads (runs/LOG.md).

    batches: how many are worked on at once -> the rows of each
    together: whether they may be; where problems are sampled they take turns, so that what is drawn does not depend on which
    is faster
    tokens: read at once of each row
    """
    if isinstance(model.like, np.ndarray) or loops_on_gpu(model):
        for rows in batches(1):
            work(rows)
        return
    import torch

    from arithgpt.runtime import init_worker_thread, limit_threads, useful_threads

    workers = torch.get_num_threads() if together else 1
    all_rows = batches(workers)
    if workers == 1 or len(all_rows) == 1:
        for rows in all_rows:
            with limit_threads(useful_threads(2 * model.n_params * len(rows) * tokens)):
                work(rows)
    else:
        with limit_threads(1), ThreadPoolExecutor(workers, initializer=init_worker_thread) as pool:
            list(pool.map(work, all_rows))


def _batches(lengths: Ints, max_new_tokens: Ints, model: Model, workers: int) -> list[Ints]:
    """Batches of rows whose prompts and max_new_tokens are of about the same length, the longest first."""
    batches: list[Ints] = []
    most_rows = MAX_ROWS_ON_GPU if loops_on_gpu(model) else MAX_ROWS
    room = max_bytes(model)
    octaves = np.stack([np.log2(lengths), np.log2(lengths + max_new_tokens)]).astype(np.int64)
    order = np.lexsort((lengths + max_new_tokens, *octaves))
    for start, end in pairwise([0, *(np.flatnonzero(np.diff(octaves[:, order]).any(0)) + 1).tolist(), len(order)]):
        rows = order[start:end]
        length = int(lengths[rows].max())
        masked = masks(model) * min(length, PROMPT_STEP) * length
        fitting = room // (4 * workers * (cached(model, length + int(max_new_tokens[rows].max()), length) + masked))
        shared = max(MIN_ROWS, -(-len(rows) // workers))
        step = max(1, min(most_rows, fitting, shared))
        batches += [rows[start : start + step] for start in range(0, len(rows), step)]
    return batches[::-1]


def cached(model: Model, size: int, prompt: int) -> int:
    """Numbers in the cache of a page of `size` characters, of which `prompt` are given."""
    config = model.config
    return 2 * sum(config.kv_heads) * config.head_size * (config.loops * size + config.reads_question * prompt)


def masks(model: Model) -> int:
    """Numbers that attention masks, and the distances they are made of, need at once for a query and a key."""
    return 4 * max(*model.config.heads, 2 * model.scheme.n_axes)


def loops_on_gpu(model: Model) -> bool:
    """Whether all that decoding needs to know stays on a GPU."""
    return not isinstance(model.like, np.ndarray) and model.like.is_cuda


def max_bytes(model: Model) -> int:
    """Of cache and attention mask, in all batches worked on at once."""
    if not loops_on_gpu(model):
        return MAX_BYTES
    from arithgpt.training.cuda_graphs import memory_for_decoding

    return memory_for_decoding(model.like.device)


_Chooser: TypeAlias = Callable[[Array], NDArray[np.int64]]


def _complete_batch(
    model: Model, vocab: Vocab, prompts: NDArray[np.int64], lengths: Ints, max_new_tokens: Ints, choose: _Chooser
) -> tuple[NDArray[np.int64], Ints]:
    """What is written after each prompt, int64 (B, <= the largest budget), and how much of it, (B,), the stop included."""
    written, total = np.full((len(prompts), int(max_new_tokens.max())), vocab.stop), np.zeros(len(prompts), np.int64)
    for rows, places, ids in _written(model, vocab, prompts, lengths, max_new_tokens, choose):
        written[rows, places] = ids
        total[rows] = places + 1
    return written[:, : total.max()], total


def _complete_on_gpu(
    model: Model, vocab: Vocab, prompts: NDArray[np.int64], lengths: Ints, max_new_tokens: Ints
) -> tuple[NDArray[np.int64], Ints]:
    """What `_complete_batch` writes greedily, with torch alone: the device is waited for every CHECK_EVERY characters.

    Rows that have ended are written on to until then, where nobody reads it.
    """
    like, (n, width) = model.like, (len(prompts), int(max_new_tokens.max()))
    longest, given = int((lengths + max_new_tokens).max()), int(lengths.min())
    xp, cache = ops(like), model.cache(n, longest)
    all_prompts, all_lengths, all_budgets = (xp.constant(of_row, like) for of_row in (prompts, lengths, max_new_tokens))
    with xp.inference():
        for start in range(0, given, PROMPT_STEP):
            part = all_prompts[:, start : min(start + PROMPT_STEP, given)]
            logits = model(part, cache, last=1)[:, -1]
        written = all_prompts.new_full((n, width + 1), vocab.stop)  # in the last column what nobody reads
        total, rows = all_lengths * 0, xp.arange(n, like)
        going = all_lengths > 0  # of the rows in the cache those that have not ended
        for read in range(given, longest):
            place = read - all_lengths[rows]
            ids = logits.argmax(-1)
            if read < prompts.shape[1]:
                ids = xp.where(place < 0, all_prompts[rows, read], ids)
            writes = going & (place >= 0)
            written[rows, xp.where(writes, place, width)] = ids
            total[rows] = xp.where(writes, place + 1, total[rows])
            going = going & ((place < 0) | ((ids != vocab.stop) & (place + 1 < all_budgets[rows])))
            if (read + 1) % CHECK_EVERY == 0 and (n_going := int(going.sum())) <= KEEP_WHILE * len(rows):
                if n_going == 0:
                    break
                stay = going.nonzero()[:, 0]
                cache.keep(stay)
                rows, ids, going = rows[stay], ids[stay], going[stay]
            if read + 1 < longest:
                logits = model(ids[:, None], cache)[:, -1]
    total = xp.to_numpy(total)
    return xp.to_numpy(written)[:, : total.max()], total


def _written(
    model: Model, vocab: Vocab, prompts: NDArray[np.int64], lengths: Ints, max_new_tokens: Ints, choose: _Chooser
) -> Iterator[tuple[Ints, Ints, NDArray[np.int64]]]:
    """Step by step: the rows that are written to, at which place of their completion each, and the ids.

    prompts: int64 (B, T), each its own length; the model reads together what all have, and what longer ones have beyond
    that while it already writes after the shorter ones.
    """
    like = model.like
    xp = ops(like)
    cache, read = model.cache(len(prompts), int((lengths + max_new_tokens).max())), int(lengths.min())
    rows = np.arange(len(prompts))  # those in the cache
    going = np.ones(len(prompts), bool)  # those of them that have not ended
    with xp.inference():
        for start in range(0, read, PROMPT_STEP):
            part = prompts[:, start : min(start + PROMPT_STEP, read)]
            logits = model(xp.constant(part, like), cache, last=1)[:, -1]
    while True:
        ids, place = choose(logits), read - lengths[rows]
        if (place < 0).any():
            ids = np.where(place < 0, prompts[rows, min(read, prompts.shape[1] - 1)], ids)
        writes = going & (place >= 0)
        yield rows[writes], place[writes], ids[writes]
        going &= (place < 0) | ((ids != vocab.stop) & (place + 1 < max_new_tokens[rows]))
        n_going, read = int(going.sum()), read + 1
        if n_going == 0:
            return
        with xp.inference():
            if n_going <= KEEP_WHILE * len(rows):  # copying the cache costs about a step, so rows leave it in bulk
                cache.keep(xp.constant(np.flatnonzero(going), like))
                rows, ids, going = rows[going], ids[going], going[going]
            logits = model(xp.constant(ids[:, None], like), cache)[:, -1]


def _chooser(temperature: float, rng: np.random.Generator | None) -> _Chooser:
    """Logits (B, vocabulary) -> the id chosen for each."""
    if temperature == 0 or rng is None:
        return lambda logits: ops(logits).to_numpy(logits.argmax(-1))

    def draw(logits: Array) -> NDArray[np.int64]:
        scores = ops(logits).to_numpy(logits).astype(np.float64) / temperature
        return (scores + rng.gumbel(size=scores.shape)).argmax(-1)  # the Gumbel-max trick samples from the softmax

    return draw
