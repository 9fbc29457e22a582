"""The processes that train one run together, each with its share of every step.

    torchrun --nproc-per-node 4 -m arithgpt train --task mul     ProcessGroup(0, 4) to ProcessGroup(3, 4)
    arithgpt train --task mul                                    SINGLE_PROCESS, for which all of this does nothing

Every process makes all problems of a step, a pure function of the seed and the step, and keeps its share. So the problems do
not depend on the number of processes: the loss falls as with one process, up to rounding, and a run can be resumed with any
number. Only what is random within the model, such as dropout, is drawn by each process for its own share. Making the problems
of the others costs nothing while it takes less time than a step, as it is done ahead, on other threads.

Every process computes the gradient of its share. `average_` combines them to the same bits everywhere, and all take the same
step. Small numbers that the CPU needs go by gloo, even where gradients go by NCCL, so that nobody waits for a GPU.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from typing import TypeVar

import numpy as np
import torch
import torch.distributed as dist
from torch import Tensor
from torch.distributed import Store  # type: ignore[attr-defined]

from arithgpt.errors import PeerLostError, UserError, ending
from arithgpt.runtime import resolve_device
from tasks import Pages
from tasks.core.ragged import Ints

T = TypeVar("T")
SomePages = TypeVar("SomePages", Pages, Ints)
Number = TypeVar("Number", int, float)

TIMEOUT = timedelta(minutes=5)  # of waiting for the others; longer than a step, a validation or a checkpoint takes


class ProcessGroup:
    """The processes of a job, seen from process number `rank` of `size`. Process 0 writes to the run and to the terminal.

    All processes must call the same methods in the same order. A method raises PeerLostError where another process has gone or
    is silent for TIMEOUT.

    Args:
        rank: from 0 to size - 1
        size: the number of processes
        store: the key-value store of the job; None where nothing is exchanged
    """

    def __init__(self, rank: int = 0, size: int = 1, store: Store | None = None) -> None:
        self.rank, self.size, self._store = rank, size, store

    def share(self, pages: SomePages) -> SomePages:
        """Choose the pages that this process learns from.

        Every page goes to one process. All processes get about as many pages and about as many characters.

        Args:
            pages: all pages of a step, of a task, or ids (n, T) of pages of one length
        """
        if self.size == 1:
            return pages
        order = np.argsort(pages.total, kind="stable") if isinstance(pages, Pages) else np.arange(len(pages))
        position = np.arange(len(pages)) % (2 * self.size)
        owner = np.minimum(position, 2 * self.size - 1 - position)  # there and back: 0 1 2 2 1 0 0 1 2 ...
        own: SomePages = pages[order[owner == self.rank]]
        return own

    def average_(self, tensors: Sequence[Tensor], weight: Tensor) -> None:
        """Replace tensors by their weighted average over all processes, in one exchange.

        Args:
            tensors: of one dtype; changed in place
            weight: (), the weight of this process
        """
        if self.size == 1:
            return
        flat = torch.cat([*(tensor.flatten() for tensor in tensors), torch.ones_like(tensors[0].flatten()[:1])]) * weight
        with self._exchange():
            dist.all_reduce(flat)
        flat /= flat[-1].clone()
        for tensor, part in zip(tensors, torch.split(flat, [*(tensor.numel() for tensor in tensors), 1]), strict=False):
            tensor.copy_(part.view_as(tensor))

    def sum(self, numbers: Sequence[Number]) -> list[Number]:
        """Add up each of some numbers over all processes."""
        if self.size == 1:
            return list(numbers)
        total = torch.from_numpy(np.array(numbers))
        with self._exchange():
            dist.all_reduce(total)
        return total.tolist()

    def any(self, is_true: bool) -> bool:
        """Whether `is_true` is true in any process."""
        return self.sum([int(is_true)])[0] > 0

    def first(self, make: Callable[[], T]) -> T:
        """Call a function in the first process, and return its result in all of them.

        Raises:
            UserError: the function raised it; then all processes do
        """
        if self.size == 1:
            return make()
        made: list[T | UserError | None] = [None]
        if self.rank == 0:
            try:
                made = [make()]
            except UserError as error:
                made = [error]
        with self._exchange():
            dist.broadcast_object_list(made, src=0, device=torch.device("cpu"))
        if isinstance(made[0], UserError):
            raise made[0]
        return made[0]  # type: ignore[return-value]

    @contextmanager
    def _exchange(self) -> Iterator[None]:
        """Turn the errors of an exchange into PeerLostError; the first process that notices has the message."""
        try:
            yield
        except RuntimeError as error:
            reason = re.sub(r"^(\[[^]]*\] *)+", "", str(error).splitlines()[0])
            message = f"process {self.rank} of {self.size}: lost the others ({reason})"
            words = ending(message, shell="--resume goes on from the last checkpoint")
            raise PeerLostError(words if self._is_first_to_notice() else "") from None

    def _is_first_to_notice(self) -> bool:
        """Whether this process is the first to notice that one has gone."""
        try:
            return self._store is None or self._store.add("arithgpt/lost", 1) == 1
        except RuntimeError:
            return True  # the process that keeps the store has gone too


SINGLE_PROCESS = ProcessGroup()


@contextmanager
def launched_processes(device: str) -> Iterator[ProcessGroup]:
    """Join the processes that a launcher such as torchrun has started, within a `with` block.

    The variables that a launcher sets tell the number of processes. Where the block ends well, all processes wait for each
    other, as a launcher ends the others as soon as one ends.

    Args:
        device: auto, cpu or cuda, as for `runtime.resolve_device`

    Yields:
        The group, SINGLE_PROCESS without a launcher.

    Raises:
        UserError: the device is not there, or the processes do not meet
    """
    variables = [os.environ.get(name) for name in ("RANK", "WORLD_SIZE", "MASTER_ADDR", "MASTER_PORT")]
    if None in variables or variables[1] == "1":
        yield SINGLE_PROCESS
        return
    own_device = resolve_device(device)
    on_gpu = own_device.type == "cuda"
    if on_gpu:
        torch.cuda.set_device(own_device)
    try:
        store, rank, size = next(dist.rendezvous("env://", timeout=TIMEOUT))  # type: ignore[attr-defined]
        backend = "cpu:gloo,cuda:nccl" if on_gpu else "gloo"
        dist.init_process_group(backend, store=store, rank=rank, world_size=size, timeout=TIMEOUT)
    except (RuntimeError, ValueError) as error:
        raise UserError(f"the processes of the job do not meet: {str(error).splitlines()[0]}") from None
    group = ProcessGroup(rank, size, store)
    yield group
    group.any(False)
    dist.destroy_process_group()
