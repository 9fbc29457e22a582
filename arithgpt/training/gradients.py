"""The loss and the gradients of a step, bucket by bucket, or several buckets at once on threads.

On a CPU, buckets side by side on one thread each are faster than one bucket at a time on all threads (runs/LOG.md).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import torch
from torch import Tensor

from arithgpt.config.recipe import Recipe
from arithgpt.data.collate import IGNORED, Batch, split_evenly
from arithgpt.models import is_static
from arithgpt.models.language_model import LanguageModel
from arithgpt.runtime import init_worker_thread, useful_threads
from arithgpt.training.cuda_graphs import record_graphs
from arithgpt.training.distributed import ProcessGroup
from arithgpt.training.fused.step import can_fuse
from arithgpt.training.loss import sum_cross_entropy

BUCKET_FLOPS, MAX_BUCKETS = 0.5e9, 8  # a step gets one more bucket for each so many floating-point operations
GPU_BUCKET_FLOPS = 1e12  # the same for a GPU; a guess, not measured
MAX_FUSED_TOKENS = 2048  # in buckets that go through the fused step together
MODEL_STREAM = 3  # of random numbers within the model; 0 to 2 are those of the problems (tasks/task.py)


class GradientComputer:
    """Computes the loss and the gradients of the buckets of a step.

    Args:
        model: in train() mode while it computes
        recipe: gives the seed
        processes: tells which share of a step this process has
        n_tokens: tokens of a typical step; the number of buckets and of threads follows from it
        fused: use the fused CPU step where it computes this model
    """

    def __init__(
        self, model: LanguageModel, recipe: Recipe, processes: ProcessGroup, n_tokens: int, *, fused: bool = True
    ) -> None:
        self.model, self.recipe, self.processes, self.fused = model, recipe, processes, fused
        self.parameters = list(model.parameters())
        on_gpu = model.device.type == "cuda"
        flops = 6 * model.n_params * recipe.model.loops * n_tokens
        self.n_buckets = max(1, min(MAX_BUCKETS, round(flops / (GPU_BUCKET_FLOPS if on_gpu else BUCKET_FLOPS))))
        self.n_workers = min(self.n_buckets, torch.get_num_threads()) if not on_gpu else 1
        self.workers = ThreadPoolExecutor(self.n_workers, initializer=init_worker_thread) if self.n_workers > 1 else None
        self.threads = 1 if self.workers else useful_threads(flops / self.n_buckets)
        can_record = on_gpu and self.n_buckets == 1 and is_static(model.config)
        self.compute: Callable[..., tuple[Tensor, ...]] = record_graphs(self.plain) if can_record else self.plain

    @property
    def map(self) -> Callable[..., Iterator[Tensor]]:
        """`map`, or that of the worker threads where there are any."""
        return self.workers.map if self.workers else map

    def __call__(self, step: int, buckets: list[Batch], n_targets: Tensor) -> tuple[Tensor, list[Tensor]]:
        """Compute the mean loss of all buckets and its gradients.

        Args:
            step: seeds what is random in the model
            buckets: inputs and targets
            n_targets: (), the number of targets in all buckets, by which the loss is divided

        Returns:
            The loss, float32 (), and the gradient of each parameter, in their order.
        """
        losses, gradients = zip(*self._shares(step, buckets, n_targets), strict=True)
        summed = [torch.stack(shares).sum(0) if len(shares) > 1 else shares[0] for shares in zip(*gradients, strict=True)]
        return sum(losses[1:], losses[0]), summed

    def _shares(self, step: int, buckets: list[Batch], n_targets: Tensor) -> Iterator[tuple[Tensor, tuple[Tensor, ...]]]:
        """Compute the loss and the gradients of each share of the buckets, side by side where there are workers.

        The fused step takes several buckets at once. There are two shares, or one for each worker where there are more; so one
        thread computes the same bits as two. The order of sums does not depend on which share is done first. Each share has its
        own random generator, seeded by the seed, the step and its number among the shares of all processes.
        """
        fuses = self.fused and can_fuse(self.model)
        shares = split_evenly(buckets, max(2, self.n_workers), MAX_FUSED_TOKENS) if fuses else [[bucket] for bucket in buckets]

        def compute(number: int) -> tuple[Tensor, tuple[Tensor, ...]]:
            among_all = number * self.processes.size + self.processes.rank
            rng = np.random.default_rng([self.recipe.seed, MODEL_STREAM, step, among_all])
            generator = torch.Generator(self.model.device).manual_seed(int(rng.integers(2**63)))
            tensors = [tensor for bucket in shares[number] for tensor in bucket]
            loss, *gradients = self.compute(*tensors, n_targets, generator=generator)
            return loss, tuple(gradients)

        if not self.workers:
            return map(compute, range(len(shares)))
        # The longest pages go first, so that no worker waits for them at the end.
        return reversed([*self.workers.map(compute, range(len(shares))[::-1])])

    def plain(self, *tensors: Tensor, generator: torch.Generator | None = None) -> tuple[Tensor, ...]:
        """Compute the loss of some buckets, divided by the targets of the whole step, and its gradients.

        Args:
            tensors: inputs and targets of each bucket, then n_targets
            generator: source of what is random in the model
        """
        *pairs, n_targets = tensors
        batches = list(zip(pairs[::2], pairs[1::2], strict=True))
        loss = sum_cross_entropy(self.model, batches, generator, fused=self.fused) / n_targets
        return loss.detach(), *torch.autograd.grad(loss, self.parameters)

    def close(self) -> None:
        """End the worker threads."""
        if self.workers:
            self.workers.shutdown()


def count_targets(buckets: list[Batch]) -> Tensor:
    """Count the targets that are not IGNORED: int64 ()."""
    return torch.stack([(targets != IGNORED).sum() for _, targets in buckets]).sum()
