"""Pages -> (inputs, targets), made ahead of time.

page      3 2 1 + 6 5 4 = 9 7 5 $
inputs    3 2 1 + 6 5 4 = 9 7 5
targets   . . . . . . . 9 7 5 $         . is -1, which cross_entropy(ignore_index=-1) does not count
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
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


Batch: TypeAlias = tuple[Tensor, Tensor]
"""Inputs and targets, both int64 (B, T)."""


def tensors(pages: Pages, tokenizer: Tokenizer) -> Batch:
    """What the model reads and what it should say next, prompt and padding masked; two of int64 (B, T-1)."""
    ids = tokenizer.encode(pages.chars)
    at = np.arange(1, ids.shape[1])
    counted = (at >= pages.prompt[:, None]) & (at < pages.total[:, None])
    return torch.from_numpy(ids[:, :-1].copy()), torch.from_numpy(np.where(counted, ids[:, 1:], IGNORED))


def bucketed(pages: Pages, tokenizer: Tokenizer, n: int) -> list[Batch]:
    """The same pages in at most n batches, each of pages of like length, cut so that the least is padding."""
    order = np.argsort(pages.total, kind="stable")
    ends = _cuts(pages.total[order], n)
    return [tensors(pages[order[start:end]], tokenizer) for start, end in zip([0, *ends[:-1]], ends, strict=True)]


def rounded_up(n: int) -> int:
    """A few lengths for all: the next multiple of 16, or of an eighth of the power of two below n where that is more.

    So from 128 on at most an eighth is added, and the steps of training have few shapes, which can be recorded (cuda.py).
    """
    step = max(16, 1 << max(0, n.bit_length() - 4))
    return -(-n // step) * step


def padded(batch: Batch) -> Batch:
    """The same with longer rows, of the length that `rounded_up` gives: nothing before them sees it, and it is not counted."""
    inputs, targets = batch
    more = rounded_up(inputs.shape[1]) - inputs.shape[1]
    return F.pad(inputs, (0, more)), F.pad(targets, (0, more), value=IGNORED)


def padding(targets: Tensor) -> Tensor:
    """int64 (): how many cells of a batch lie beyond the end of their page, whose last character is always a target."""
    return (targets != IGNORED).flip(1).byte().argmax(1).sum()


def _cuts(lengths: Ints, n: int) -> list[int]:
    """Where to cut ascending lengths into at most n runs, so that the runs padded to their longest are the smallest in all."""
    size = len(lengths)
    to = np.arange(1, size + 1)
    padded = (to - np.arange(size)[:, None]) * lengths  # [i, j]: pages i to j, padded to the length of page j
    padded = np.where(np.arange(size)[:, None] < to, padded, np.iinfo(np.int64).max // 2)
    best, chosen = padded[0], []
    for _ in range(n - 1):
        options = padded + np.concatenate([[0], best[:-1]])[:, None]  # a run i to j after the best for all before i
        chosen.append(options.argmin(0))
        best = options.min(0)
    ends, end = [], size
    for starts in reversed(chosen):
        if end == 0:
            break
        ends.append(end)
        end = int(starts[end - 1])
    return ([end] if end else []) + ends[::-1]


def dealt(buckets: list[Batch], n: int, most: int) -> list[list[Batch]]:
    """The buckets in n hands of about as many cells each, or in 2 n, 3 n, ... where it would be more than `most`."""
    cells = [inputs.numel() for inputs, _ in buckets]
    n *= -(-sum(cells) // (n * most))
    hands, held = [[] for _ in range(n)], [0] * n
    for number in sorted(range(len(buckets)), key=lambda number: -cells[number]):  # the largest first, each where least is
        least = held.index(min(held))
        hands[least].append(buckets[number])
        held[least] += cells[number]
    return [hand for hand in hands if hand]


def narrow(batch: Batch) -> Batch:
    """The same numbers in two bytes each where they fit, for the way to a GPU."""
    fits = max(int(part.max()) for part in batch) < 1 << 15
    return (batch[0].short(), batch[1].short()) if fits else batch


def prefetched(
    make: Callable[[int], list[Batch]], steps: range, device: torch.device, ahead: int = 3, makers: int = 1
) -> Iterator[list[Batch]]:
    """`make(step)` for each of `steps` in order, on the device, made by other threads while the model is busy.

    To a GPU they go from pinned memory, in which nobody waits for them; torch keeps that until it has been read.
    ahead: steps that are made before they are asked for; makers: threads, where `make` can be called by several
    """
    gpu = device.type == "cuda"

    def ready(step: int) -> list[Batch]:
        batches = make(step)
        return [(x.pin_memory(), y.pin_memory()) for x, y in map(narrow, batches)] if gpu else batches

    def there(part: Tensor) -> Tensor:
        return part.to(device, non_blocking=True).long()

    with ThreadPoolExecutor(makers, thread_name_prefix="batches") as pool:
        waiting: deque[Future[list[Batch]]] = deque(pool.submit(ready, step) for step in steps[:ahead])
        try:
            for step in steps:
                batches = waiting.popleft().result()
                if step + ahead in steps:
                    waiting.append(pool.submit(ready, step + ahead))
                yield [(there(x), there(y)) for x, y in batches]
        finally:
            pool.shutdown(wait=True, cancel_futures=True)
