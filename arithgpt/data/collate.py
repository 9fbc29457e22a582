"""Turn pages into batches of (inputs, targets), ahead of time.

    page      3 2 1 + 6 5 4 = 9 7 5 $
    inputs    3 2 1 + 6 5 4 = 9 7 5
    targets   . . . . . . . 9 7 5 $         . is IGNORED: only what follows the prompt is learned

Pages of like length are put into one bucket, so that few tokens are padding.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Generator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeAlias

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from arithgpt.data.tokenizer import Tokenizer
from tasks import Pages
from tasks.core.ragged import Ints

IGNORED = -1
"""The target of a token whose successor is not learned; `cross_entropy(ignore_index=IGNORED)` does not count it."""

Batch: TypeAlias = tuple[Tensor, Tensor]
"""Inputs and targets, both int64 (B, T)."""


def collate(pages: Pages, tokenizer: Tokenizer) -> Batch:
    """Make one batch of pages.

    Args:
        pages: n pages of at most T + 1 characters
        tokenizer: knows every character of the pages

    Returns:
        Inputs and targets, int64 (n, T) each; targets within the prompt and beyond the page are IGNORED.

    Raises:
        ValueError: the tokenizer lacks a character
    """
    ids = tokenizer.encode(pages.chars)
    index = np.arange(1, ids.shape[1])
    is_learned = (index >= pages.prompt[:, None]) & (index < pages.total[:, None])
    return torch.from_numpy(ids[:, :-1].copy()), torch.from_numpy(np.where(is_learned, ids[:, 1:], IGNORED))


def collate_buckets(pages: Pages, tokenizer: Tokenizer, n: int) -> list[Batch]:
    """Make at most n batches of pages of like length, cut so that padding is least.

    Args:
        pages: at least one
        tokenizer: as for `collate`
        n: the most batches, at least 1
    """
    order = np.argsort(pages.total, kind="stable")
    ends = _bucket_ends(pages.total[order], n)
    return [collate(pages[order[start:end]], tokenizer) for start, end in zip([0, *ends[:-1]], ends, strict=True)]


def _bucket_ends(lengths: Ints, n: int) -> list[int]:
    """Cut ascending lengths into at most n runs, so that the runs padded to their longest are smallest in all."""
    size = len(lengths)
    end = np.arange(1, size + 1)
    padded = (end - np.arange(size)[:, None]) * lengths  # [i, j]: pages i to j, padded to the length of page j
    padded = np.where(np.arange(size)[:, None] < end, padded, np.iinfo(np.int64).max // 2)
    best, best_starts = padded[0], []
    for _ in range(n - 1):
        options = padded + np.concatenate([[0], best[:-1]])[:, None]  # a run i to j after the best for all before i
        best_starts.append(options.argmin(0))
        best = options.min(0)
    ends, last = [], size
    for starts in reversed(best_starts):
        if last == 0:
            break
        ends.append(last)
        last = int(starts[last - 1])
    return ([last] if last else []) + ends[::-1]


def round_up_length(n: int) -> int:
    """Round a length up to a multiple of 16, or of an eighth of the power of two below n where that is more.

    From 128 on this adds at most an eighth. Training steps then have few shapes, which CUDA graphs can record
    (training/cuda_graphs.py).
    """
    step = max(16, 1 << max(0, n.bit_length() - 4))
    return -(-n // step) * step


def pad_length(batch: Batch) -> Batch:
    """Pad a batch to the length that `round_up_length` gives. Attention is causal and padding is IGNORED: the loss stays."""
    inputs, targets = batch
    missing = round_up_length(inputs.shape[1]) - inputs.shape[1]
    return F.pad(inputs, (0, missing)), F.pad(targets, (0, missing), value=IGNORED)


def count_padding(targets: Tensor) -> Tensor:
    """Count the tokens beyond the end of their page; the last character of a page always is a target.

    Args:
        targets: int64 (B, T)

    Returns:
        int64 ().
    """
    return (targets != IGNORED).flip(1).byte().argmax(1).sum()


def split_evenly(buckets: list[Batch], n: int, max_tokens: int) -> list[list[Batch]]:
    """Split buckets into groups of about equal numbers of tokens.

    Args:
        buckets: at least one
        n: the number of groups; 2 n, 3 n, ... where groups would be larger than `max_tokens`
        max_tokens: the most tokens of a group, on average

    Returns:
        The groups, without empty ones.
    """
    sizes = [inputs.numel() for inputs, _ in buckets]
    n *= -(-sum(sizes) // (n * max_tokens))
    groups: list[list[Batch]] = [[] for _ in range(n)]
    totals = [0] * n
    for number in sorted(range(len(buckets)), key=lambda number: -sizes[number]):  # the largest first, to the smallest group
        smallest = totals.index(min(totals))
        groups[smallest].append(buckets[number])
        totals[smallest] += sizes[number]
    return [group for group in groups if group]


def to_int16(batch: Batch) -> Batch:
    """Convert a batch to int16 where its ids fit, a quarter of the bytes to copy to a GPU."""
    fits = max(int(part.max()) for part in batch) < 1 << 15
    return (batch[0].short(), batch[1].short()) if fits else batch


def prefetch(
    make: Callable[[int], list[Batch]], steps: range, device: torch.device, n_ahead: int = 3, n_threads: int = 1
) -> Generator[list[Batch], None, None]:
    """Make the batches of steps on other threads, while the model computes.

    Batches for a GPU are copied from pinned memory, so that nobody waits for the copy.

    Args:
        make: makes the batches of a step
        steps: the steps, in order
        device: where the batches go
        n_ahead: steps that are made before they are asked for
        n_threads: threads that make batches; more than one only where `make` can be called by several at once

    Yields:
        `make(step)` on the device, for each step in order. An exception of `make` is raised here.
    """
    on_gpu = device.type == "cuda"

    def prepare(step: int) -> list[Batch]:
        batches = make(step)
        return [(x.pin_memory(), y.pin_memory()) for x, y in map(to_int16, batches)] if on_gpu else batches

    def send(part: Tensor) -> Tensor:
        return part.to(device, non_blocking=True).long()

    with ThreadPoolExecutor(n_threads, thread_name_prefix="batches") as pool:
        waiting: deque[Future[list[Batch]]] = deque(pool.submit(prepare, step) for step in steps[:n_ahead])
        try:
            for step in steps:
                batches = waiting.popleft().result()
                if step + n_ahead in steps:
                    waiting.append(pool.submit(prepare, step + n_ahead))
                yield [(send(x), send(y)) for x, y in batches]
        finally:
            pool.shutdown(wait=True, cancel_futures=True)
