"""The loss and the gradients of a step, computed bucket by bucket, side by side where that is faster.

Buckets side by side, each on one thread, beat one at a time on all threads (runs/LOG.md).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import torch
from torch import Tensor

from arithgpt.config.recipe import Recipe
from arithgpt.data.collate import IGNORED, Batch, dealt
from arithgpt.models import is_static
from arithgpt.models.language_model import LanguageModel
from arithgpt.runtime import init_worker_thread, useful_threads
from arithgpt.training.cuda_graphs import fast
from arithgpt.training.distributed import ProcessGroup
from arithgpt.training.fused.step import can_fuse
from arithgpt.training.loss import sum_cross_entropy

BUCKET_FLOPS, MAX_BUCKETS = 0.5e9, 8  # a step is cut into buckets of like length while each has so much to compute
GPU_BUCKET_FLOPS = 1e12  # the same for a GPU: a guess, never measured
MAX_FUSED_TOKENS = 2048  # of buckets that go through the fused step together
RANDOM_STREAM = 3  # the stream of random numbers in the model; 0 to 2 are those of the problems (tasks/task.py)


class GradientComputer:
    """Computes the loss and the gradients of the buckets of a step.

    Args:
        model: in train() mode while it computes
        recipe: gives the seed
        processes: tells which share of a step this process has
        n_tokens: tokens of a typical step, to choose how many buckets are worth it
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
        self._compute: Callable[..., tuple[Tensor, ...]] = fast(self._gradients) if can_record else self._gradients

    @property
    def map(self) -> Callable[..., Iterator[Tensor]]:
        """`map`, by the workers where there are some."""
        return self.workers.map if self.workers else map

    def __call__(self, step: int, buckets: list[Batch], n_targets: Tensor) -> tuple[Tensor, list[Tensor]]:
        """Compute the loss of all buckets and its gradient by every parameter.

        Args:
            step: seeds what is random in the model
            buckets: inputs and targets
            n_targets: (), the targets of this process's share, which the loss is divided by
        """
        losses, gradients = zip(*self._shares(step, buckets, n_targets), strict=True)
        summed = [torch.stack(shares).sum(0) if len(shares) > 1 else shares[0] for shares in zip(*gradients, strict=True)]
        return sum(losses), summed

    def _shares(self, step: int, buckets: list[Batch], n_targets: Tensor) -> Iterator[tuple[Tensor, tuple[Tensor, ...]]]:
        """Compute the loss and the gradients of each share of the buckets, side by side where there are workers.

        The fused step takes several buckets at once. It gets as many as leave two shares, or one for each worker where there
        are more: so one thread computes the same bits as two. Sums do not depend on which share is done first. What is random
        in the model is drawn anew for each share, from the seed, the step and its number among the shares of all processes.
        """
        fuses = self.fused and can_fuse(self.model)
        shares = dealt(buckets, max(2, self.n_workers), MAX_FUSED_TOKENS) if fuses else [[bucket] for bucket in buckets]

        def compute(number: int) -> tuple[Tensor, tuple[Tensor, ...]]:
            among_all = number * self.processes.size + self.processes.rank
            rng = np.random.default_rng([self.recipe.seed, RANDOM_STREAM, step, among_all])
            generator = torch.Generator(self.model.device).manual_seed(int(rng.integers(2**63)))
            tensors = [tensor for bucket in shares[number] for tensor in bucket]
            loss, *gradients = self._compute(*tensors, n_targets, generator=generator)
            return loss, tuple(gradients)

        if not self.workers:
            return map(compute, range(len(shares)))
        # The longest pages first: they would keep the others waiting.
        return reversed([*self.workers.map(compute, range(len(shares))[::-1])])

    def _gradients(self, *tensors: Tensor, generator: torch.Generator | None = None) -> tuple[Tensor, ...]:
        """Compute the loss of some buckets as a share of the step's, and its gradients.

        Args:
            tensors: inputs and targets of each bucket, and last n_targets
            generator: source of what is random in the model
        """
        *pairs, n_targets = tensors
        batches = list(zip(pairs[::2], pairs[1::2], strict=True))
        loss = sum_cross_entropy(self.model, batches, generator, fused=self.fused) / n_targets
        return loss.detach(), *torch.autograd.grad(loss, self.parameters)

    def close(self) -> None:
        """End the workers."""
        if self.workers:
            self.workers.shutdown()


def count_targets(buckets: list[Batch]) -> Tensor:
    """Count the targets that are not IGNORED: int64 ()."""
    return sum((targets != IGNORED).sum() for _, targets in buckets)
