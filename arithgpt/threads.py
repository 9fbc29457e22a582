"""How many threads a computation is worth.

Threads that share small operations gain a quarter on an idle machine and lose on a busy one, where they spin while they wait
for each other (runs/LOG.md). So only steps that are not tiny are shared, and the command line lets nobody spin for long.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch

FLOPS_A_THREAD = 0.15e9  # of one step


def worth(flops: float) -> int:
    """The threads that a step of so many floating-point operations should have: from 1 to those torch may use now."""
    return max(1, min(torch.get_num_threads(), round(flops / FLOPS_A_THREAD)))


@contextmanager
def threads(n: int) -> Iterator[None]:
    """torch with n threads, and then with as many as before."""
    before = torch.get_num_threads()
    torch.set_num_threads(n)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def one_thread() -> None:
    """Set up a worker that computes by itself: on one thread, and without denormal numbers.

    Far from its centre a kernel gives attention weights like 1e-40, with which a CPU computes many times slower; to zero they
    go (runs/LOG.md).
    """
    torch.set_num_threads(1)
    torch.set_flush_denormal(True)
