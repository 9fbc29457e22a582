"""Pages -> (inputs, targets), made ahead of time.

page      3 2 1 + 6 5 4 = 9 7 5 $
inputs    3 2 1 + 6 5 4 = 9 7 5
targets   . . . . . . . 9 7 5 $         . is -1, which cross_entropy(ignore_index=-1) does not count
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor

import numpy as np
import torch
from torch import Tensor

from arithgpt.vocab import Vocab
from tasks import Pages

IGNORED = -1


def tensors(pages: Pages, vocab: Vocab) -> tuple[Tensor, Tensor]:
    """What the model reads and what it should say next, prompt and padding masked; two of int64 (B, T-1)."""
    ids = vocab.encode(pages.chars)
    at = np.arange(1, ids.shape[1])
    counted = (at >= pages.prompt[:, None]) & (at < pages.total[:, None])
    return torch.from_numpy(ids[:, :-1].copy()), torch.from_numpy(np.where(counted, ids[:, 1:], IGNORED))


def prefetched(
    make: Callable[[int], tuple[Tensor, Tensor]], steps: range, device: torch.device, ahead: int = 3
) -> Iterator[tuple[Tensor, Tensor]]:
    """`make(step)` for each of `steps`, on the device, made by another thread while the model is busy."""

    def ready(step: int) -> tuple[Tensor, Tensor]:
        inputs, targets = make(step)
        return (inputs.pin_memory(), targets.pin_memory()) if device.type == "cuda" else (inputs, targets)

    with ThreadPoolExecutor(1, thread_name_prefix="batches") as pool:
        waiting: deque[Future[tuple[Tensor, Tensor]]] = deque(pool.submit(ready, step) for step in steps[:ahead])
        try:
            for step in steps:
                inputs, targets = waiting.popleft().result()
                if step + ahead in steps:
                    waiting.append(pool.submit(ready, step + ahead))
                yield inputs.to(device, non_blocking=True), targets.to(device, non_blocking=True)
        finally:
            pool.shutdown(wait=True, cancel_futures=True)
