"""Batches of random problems without end, for a training loop of your own.

stream = ProblemStream("add", digits="1-8", batch_size=64)
for inputs, targets in stream:
    loss = F.cross_entropy(model(inputs).flatten(0, 1), targets.flatten(), ignore_index=-1)
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count

from torch.utils.data import IterableDataset, get_worker_info

from arithgpt.data.collate import Batch, collate
from arithgpt.data.tokenizer import Tokenizer
from tasks.registry import make


class ProblemStream(IterableDataset[Batch]):
    """Draws fresh problems of a task for each batch; none of them is held out.

    A DataLoader takes it with `batch_size=None`. Each of its workers draws problems of its own.

    Args:
        task: name of the task
        digits: lengths of the operands: "8" is exactly 8, "1-8" each length from 1 to 8; None for the task's default
        batch_size: problems in a batch, at least 1
        seed: the same seed gives the same batches, which are also those that `arithgpt train` learns from

    Raises:
        ValueError: there is no such task, the lengths are not in the notation, or batch_size is less than 1
    """

    def __init__(self, task: str, digits: str | None = None, *, batch_size: int = 64, seed: int = 0) -> None:
        if batch_size < 1:
            raise ValueError(f"batch_size = {batch_size}: must be 1 or more")
        self.task = make(task, digits)
        self.tokenizer = Tokenizer(self.task.alphabet)
        self.batch_size, self.seed = batch_size, seed

    def __iter__(self) -> Iterator[Batch]:
        """Yield inputs and targets, int64 (batch_size, T) each; targets within the prompt and beyond the page are -1."""
        worker = get_worker_info()
        rank = 0 if worker is None else worker.id
        for step in count():
            problems = self.task.stream(self.batch_size, seed=self.seed, split="train", rank=rank, step=step)
            yield collate(self.task.pages(problems), self.tokenizer)
