"""Batched decoding with a key-value cache: prompts in, what the GPT writes after them out."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import pairwise
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from arithgpt.arrays import Array, ops
from arithgpt.model import GPT, Cache
from arithgpt.page import AXES
from arithgpt.vocab import Vocab
from tasks.ragged import Ints, Ragged

MIN_ROWS, MAX_ROWS = 64, 1024  # of a batch, where there are as many
MAX_BYTES = 512 << 20  # of cache and attention mask, in all batches worked on at once
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
    model: GPT,
    vocab: Vocab,
    prompts: Ragged,
    budgets: Ints,
    *,
    temperature: float = 0.0,
    rng: np.random.Generator | None = None,
) -> Completions:
    """Write after each prompt, greedily or at a temperature, until the stop or the budget.

    prompts: n rows of ASCII, none empty; budgets: int64 (n,), characters at most, the stop included
    ValueError for an empty prompt, a budget below 1, a negative temperature, or one above 0 without an rng to draw with.
    """
    n = len(prompts)
    if n == 0:
        return Completions(Ragged(np.zeros((0, 0), np.uint8), np.zeros(0, np.int64)), np.zeros(0, bool))
    if prompts.lengths.min() < 1 or budgets.min() < 1 or temperature < 0 or (temperature > 0 and rng is None):
        raise ValueError("a prompt needs a character, a budget is at least 1, a temperature at least 0 and one above 0 an rng")
    parts: list[tuple[Ints, NDArray[np.int64]]] = []

    def write(batch: tuple[int, Ints]) -> None:
        length, rows = batch
        prompt = vocab.encode(prompts.values[rows, :length])
        parts.append((rows, _complete_batch(model, vocab, prompt, int(budgets[rows].max()), _chooser(temperature, rng))))

    _run(write, prompts.lengths, budgets, model, side_by_side=rng is None)
    ids = np.full((n, max(written.shape[1] for _, written in parts)), vocab.stop, np.int64)
    for rows, written in parts:
        ids[rows, : written.shape[1]] = written
    stopped = ids == vocab.stop
    within = np.arange(ids.shape[1]) < budgets[:, None]
    lengths = np.where(stopped.any(1), stopped.argmax(1), ids.shape[1])
    finished = (stopped & within).any(1)
    return Completions(Ragged(vocab.characters(ids), np.minimum(lengths, budgets)), finished)


def stream(model: GPT, vocab: Vocab, prompt: str, budget: int) -> Iterator[str]:
    """The characters that `complete` writes greedily after one prompt, as they come, the stop included if it is reached."""
    ids = vocab.encode(np.frombuffer(prompt.encode("ascii"), np.uint8))[None]
    for _, chosen in _written(model, vocab, ids, budget, _chooser(0, None)):
        yield vocab.alphabet[chosen[0]]


def _run(write: Callable[[tuple[int, Ints]], None], lengths: Ints, budgets: Ints, model: GPT, side_by_side: bool) -> None:
    """Call `write` for each batch: on NumPy and on a GPU one after the other, on torch's CPU side by side.

    Several batches side by side, each on one thread, beat one at a time on all threads (runs/LOG.md). Where problems are
    sampled they take turns, so that what is drawn does not depend on which is faster.
    """
    if isinstance(model.weights["head"], np.ndarray) or model.weights["head"].is_cuda:
        for batch in _batches(lengths, budgets, model, 1):
            write(batch)
        return
    import torch

    from arithgpt.threads import threads, worth

    workers = torch.get_num_threads() if side_by_side else 1
    batches = _batches(lengths, budgets, model, workers)
    if workers == 1 or len(batches) == 1:
        for batch in batches:
            with threads(worth(2 * model.n_params * len(batch[1]))):
                write(batch)
    else:
        with threads(1), ThreadPoolExecutor(workers, initializer=torch.set_num_threads, initargs=(1,)) as pool:
            list(pool.map(write, batches))


def _batches(lengths: Ints, budgets: Ints, model: GPT, workers: int) -> list[tuple[int, Ints]]:
    """Batches of rows with one prompt length, which need neither padding nor a mask for it, and budgets not far apart."""
    config, batches = model.config, []
    order = np.lexsort((budgets, lengths))
    alike = np.stack([lengths, np.log2(budgets).astype(np.int64)])[:, order]
    for start, end in pairwise([0, *(np.flatnonzero(np.diff(alike).any(0)) + 1).tolist(), len(order)]):
        rows = order[start:end]
        length = int(lengths[rows[0]])
        cached = 2 * config.n_layer * config.n_embd * (length + int(budgets[rows].max()))
        masked = 4 * max(config.n_head, 2 * len(AXES)) * min(length, PROMPT_STEP) * length
        fitting = MAX_BYTES // (4 * workers * (cached + masked))
        shared = max(MIN_ROWS, -(-len(rows) // workers))
        step = max(1, min(MAX_ROWS, fitting, shared))
        batches += [(length, rows[start : start + step]) for start in range(0, len(rows), step)]
    return batches


_Chooser: TypeAlias = Callable[[Array], NDArray[np.int64]]


def _complete_batch(model: GPT, vocab: Vocab, prompt: NDArray[np.int64], budget: int, choose: _Chooser) -> NDArray[np.int64]:
    """int64 (B, <= budget): what is written after prompts of one length (B, T); the stop fills what follows it."""
    written = np.full((len(prompt), budget), vocab.stop)
    place = 0
    for place, (rows, ids) in enumerate(_written(model, vocab, prompt, budget, choose)):
        written[rows, place] = ids
    return written[:, : place + 1]


def _written(
    model: GPT, vocab: Vocab, prompt: NDArray[np.int64], budget: int, choose: _Chooser
) -> Iterator[tuple[Ints, NDArray[np.int64]]]:
    """What is chosen at each place, and for which rows; the others have stopped."""
    like = model.weights["head"]
    xp = ops(like)
    cache = Cache(model, len(prompt), prompt.shape[1] + budget)
    writing = np.arange(len(prompt))  # the rows still in the cache
    going = np.ones(len(prompt), bool)  # those of them without a stop
    with xp.inference():
        for start in range(0, prompt.shape[1], PROMPT_STEP):
            logits = model(xp.constant(prompt[:, start : start + PROMPT_STEP], like), cache, last_only=True)[:, -1]
    for place in range(budget):
        ids = np.where(going, choose(logits), vocab.stop)
        yield writing, ids
        going = ids != vocab.stop
        n_going = int(going.sum())
        if n_going == 0 or place == budget - 1:
            return
        with xp.inference():
            if n_going <= len(writing) // 2:  # copying the cache costs about a step, so rows leave it in bulk
                cache.keep(xp.constant(np.flatnonzero(going), like))
                writing, ids, going = writing[going], ids[going], going[going]
            logits = model(xp.constant(ids[:, None], like), cache)[:, -1]


def _chooser(temperature: float, rng: np.random.Generator | None) -> _Chooser:
    """Logits (B, vocabulary) -> the id chosen for each."""
    if temperature == 0 or rng is None:
        return lambda logits: ops(logits).to_numpy(logits.argmax(-1))

    def draw(logits: Array) -> NDArray[np.int64]:
        scores = ops(logits).to_numpy(logits).astype(np.float64) / temperature
        return (scores + rng.gumbel(size=scores.shape)).argmax(-1)  # the Gumbel-max trick samples from the softmax

    return draw
