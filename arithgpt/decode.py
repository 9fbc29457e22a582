"""Batched decoding with a key-value cache: prompts in, what the GPT writes after them out."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from arithgpt.model import GPT, Cache
from arithgpt.page import AXES
from arithgpt.threads import threads, worth
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
    generator: torch.Generator | None = None,
) -> Completions:
    """Write after each prompt, greedily or at a temperature, until the stop or the budget.

    prompts: n rows of ASCII, none empty; budgets: int64 (n,), characters at most, the stop included
    ValueError for an empty prompt, a budget below 1 or a negative temperature.
    """
    n = len(prompts)
    if n == 0:
        return Completions(Ragged(np.zeros((0, 0), np.uint8), np.zeros(0, np.int64)), np.zeros(0, bool))
    if prompts.lengths.min() < 1 or budgets.min() < 1 or temperature < 0:
        raise ValueError("every prompt needs a character, every budget must be at least 1, and the temperature at least 0")
    ids = np.full((n, int(budgets.max())), vocab.stop, np.int64)
    device = next(model.parameters()).device

    def write(batch: tuple[int, Ints]) -> None:
        length, rows = batch
        prompt = torch.from_numpy(vocab.encode(prompts.values[rows, :length])).to(device)
        written = _complete_batch(model, vocab, prompt, int(budgets[rows].max()), temperature, generator)
        ids[rows, : written.shape[1]] = written.cpu().numpy()

    # Several batches side by side, each on one thread, beat one at a time on all threads (runs/LOG.md). With a generator they
    # take turns, so that what is drawn does not depend on which is faster.
    workers = torch.get_num_threads() if device.type == "cpu" and generator is None else 1
    batches = _batches(prompts.lengths, budgets, model, workers)
    if workers == 1 or len(batches) == 1:
        for batch in batches:
            with threads(worth(2 * model.n_params * len(batch[1]))):
                write(batch)
    else:
        with threads(1), ThreadPoolExecutor(workers, initializer=torch.set_num_threads, initargs=(1,)) as pool:
            list(pool.map(write, batches))
    stopped = ids == vocab.stop
    within = np.arange(ids.shape[1]) < budgets[:, None]
    lengths = np.where(stopped.any(1), stopped.argmax(1), ids.shape[1])
    finished = (stopped & within).any(1)
    return Completions(Ragged(vocab.characters(ids), np.minimum(lengths, budgets)), finished)


def _batches(lengths: Ints, budgets: Ints, model: GPT, workers: int) -> list[tuple[int, Ints]]:
    """Batches of rows, each with the one prompt length of its rows: they need neither padding nor a mask for it."""
    config, batches = model.config, []
    order = np.lexsort((budgets, lengths))
    for length in np.unique(lengths).tolist():
        rows = order[lengths[order] == length]
        cached = 2 * config.n_layer * config.n_embd * (length + int(budgets[rows].max()))
        masked = 4 * max(config.n_head, 2 * len(AXES)) * min(length, PROMPT_STEP) * length
        fitting = MAX_BYTES // (4 * workers * (cached + masked))
        shared = max(MIN_ROWS, -(-len(rows) // workers))
        step = max(1, min(MAX_ROWS, fitting, shared))
        batches += [(length, rows[start : start + step]) for start in range(0, len(rows), step)]
    return batches


@torch.inference_mode()
def _complete_batch(
    model: GPT, vocab: Vocab, prompt: Tensor, budget: int, temperature: float, generator: torch.Generator | None
) -> Tensor:
    """int64 (B, <= budget): what is written after prompts of one length (B, T); the stop fills what follows it."""
    cache = Cache(model.config, len(prompt), prompt.shape[1] + budget, prompt.device)
    written = torch.full((len(prompt), budget), vocab.stop, device=prompt.device)
    writing = torch.arange(len(prompt), device=prompt.device)  # the rows still in the cache
    going = torch.ones(len(prompt), dtype=torch.bool, device=prompt.device)  # those of them without a stop
    for part in prompt.split(PROMPT_STEP, dim=1):
        logits = model(part, cache, last_only=True)[:, -1]
    for place in range(budget):
        ids = torch.where(going, _choose(logits, temperature, generator), vocab.stop)
        written[writing, place] = ids
        going = ids != vocab.stop
        n_going = int(going.sum())
        if n_going == 0 or place == budget - 1:
            return written[:, : place + 1]
        if n_going <= len(writing) // 2:  # copying the cache costs about a step, so rows leave it in bulk
            keep = going.nonzero().squeeze(1)
            cache.keep(keep)
            writing, going, ids = writing[keep], going[keep], ids[keep]
        logits = model(ids[:, None], cache)[:, -1]
    return written


def _choose(logits: Tensor, temperature: float, generator: torch.Generator | None) -> Tensor:
    if temperature == 0:
        return logits.argmax(-1)
    return torch.multinomial((logits / temperature).softmax(-1), 1, generator=generator).squeeze(1)
