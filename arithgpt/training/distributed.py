"""The processes that train one run together, each with its share of every step.

    torchrun --nproc-per-node 4 -m arithgpt train --task mul     ProcessGroup(0, 4) to ProcessGroup(3, 4)
    arithgpt train --task mul                                    SINGLE_PROCESS: one process, for which all of this does nothing

The problems of a step are the same however many processes there are: each draws all of them, a pure function of the seed and
the step, and keeps a share of its own. So the loss falls as it does in one process, up to rounding, and a run can be resumed
with any number of them; only what is random within the model, such as dropout, each draws for its own share. Streams of
their own would save the drawing of what others learn from, but then every number of processes would train on other problems,
and nobody could deal out pages of like length. Drawing is done ahead of time, on a thread of its own: as long as it takes
less than a step, nobody waits for it.

Every process computes the gradient of its share; `average_` makes them one, the same bits everywhere, and all take one step.
What is small and must be known on the CPU goes by gloo, also where gradients go by NCCL, so that no GPU is waited for.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from typing import TYPE_CHECKING, TypeVar

import numpy as np

from arithgpt.errors import PeerLostError, UserError
from arithgpt.runtime import configure
from tasks import Pages
from tasks.core.ragged import Ints

if TYPE_CHECKING:
    from torch import Tensor
    from torch.distributed import Store

T = TypeVar("T")
SomePages = TypeVar("SomePages", Pages, Ints)
Number = TypeVar("Number", int, float)

WAIT = timedelta(minutes=5)  # for the others; longer than a step, a look or a checkpoint takes


class ProcessGroup:
    """One of the processes of a job: number `rank` of `size`. The first one, 0, writes and speaks for all.

    All must call the same methods in the same order. PeerLostError means that another has gone or is silent for WAIT.
    """

    def __init__(self, rank: int = 0, size: int = 1, store: Store | None = None) -> None:
        self.rank, self.size, self._store = rank, size, store

    def share(self, pages: SomePages) -> SomePages:
        """The pages that this process learns from: every page is one process's, all have nearly as many, and as long ones.

        pages: of a task, or ids (n, T) of pages that are all of one length
        """
        if self.size == 1:
            return pages
        order = np.argsort(pages.total, kind="stable") if isinstance(pages, Pages) else np.arange(len(pages))
        turn = np.arange(len(pages)) % (2 * self.size)
        owner = np.minimum(turn, 2 * self.size - 1 - turn)  # dealt out there and back: 0 1 2 2 1 0 0 1 2 ...
        return pages[order[owner == self.rank]]

    def average_(self, tensors: Sequence[Tensor], weight: Tensor) -> None:
        """Replace tensors of one dtype by their average over all processes, weighted with () `weight`, in one exchange."""
        if self.size == 1:
            return
        import torch

        flat = torch.cat([*(tensor.flatten() for tensor in tensors), torch.ones_like(tensors[0].flatten()[:1])]) * weight
        with self._together():
            torch.distributed.all_reduce(flat)
        flat /= flat[-1].clone()
        for tensor, part in zip(tensors, flat.split([*(tensor.numel() for tensor in tensors), 1]), strict=False):
            tensor.copy_(part.view_as(tensor))

    def sum(self, numbers: Sequence[Number]) -> list[Number]:
        """The sums over all processes."""
        if self.size == 1:
            return list(numbers)
        import torch

        total = torch.from_numpy(np.array(numbers))
        with self._together():
            torch.distributed.all_reduce(total)
        return total.tolist()

    def any(self, here: bool) -> bool:
        """Whether it is so in any process."""
        return self.sum([int(here)])[0] > 0

    def first(self, make: Callable[[], T]) -> T:
        """What the first process makes, once it is made, for all of them. Where that is a UserError, all raise it."""
        if self.size == 1:
            return make()
        import torch

        made: list[T | UserError | None] = [None]
        if self.rank == 0:
            try:
                made = [make()]
            except UserError as error:
                made = [error]
        with self._together():
            torch.distributed.broadcast_object_list(made, src=0, device=torch.device("cpu"))
        if isinstance(made[0], UserError):
            raise made[0]
        return made[0]  # type: ignore[return-value]

    @contextmanager
    def _together(self) -> Iterator[None]:
        try:
            yield
        except RuntimeError as error:
            reason = re.sub(r"^(\[[^]]*\] *)+", "", str(error).splitlines()[0])
            message = (
                f"process {self.rank} of {self.size}: lost the others ({reason}); --resume goes on from the last checkpoint"
            )
            raise PeerLostError(message if self._notices() else "") from None

    def _notices(self) -> bool:
        """Whether this process is the first to notice that one has gone."""
        try:
            return self._store is None or self._store.add("arithgpt/lost", 1) == 1
        except RuntimeError:
            return True  # whom it could ask has gone too


SINGLE_PROCESS = ProcessGroup()


@contextmanager
def joined(device: str) -> Iterator[ProcessGroup]:
    """The processes that a launcher such as torchrun has started, found by the variables it sets; without one, SINGLE_PROCESS.

    Where the work ends well, all wait for each other: a launcher ends the others as soon as one ends.
    device: its name, as `configure` takes it. UserError for one that is not there, or where the processes do not meet.
    """
    named = [os.environ.get(name) for name in ("RANK", "WORLD_SIZE", "MASTER_ADDR", "MASTER_PORT")]
    if None in named or named[1] == "1":
        yield SINGLE_PROCESS
        return
    import torch
    import torch.distributed as dist

    own = configure(device)
    gpu = own.type == "cuda"
    if gpu:
        torch.cuda.set_device(own)
    try:
        store, rank, size = next(dist.rendezvous("env://", timeout=WAIT))
        backend = "cpu:gloo,cuda:nccl" if gpu else "gloo"
        dist.init_process_group(backend, store=store, rank=rank, world_size=size, timeout=WAIT)
    except (RuntimeError, ValueError) as error:
        raise UserError(f"the processes of the job do not meet: {str(error).splitlines()[0]}") from None
    ranks = ProcessGroup(rank, size, store)
    yield ranks
    ranks.any(False)
    dist.destroy_process_group()
