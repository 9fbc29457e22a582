"""Batches of random problems without end, for a training loop of your own.

    stream = ProblemStream("add", digits="1-8", batch_size=64)
    loader = DataLoader(stream, batch_size=None, num_workers=2)
    for inputs, targets in loader:
        loss = F.cross_entropy(model(inputs).flatten(0, 1), targets.flatten(), ignore_index=-1)

The batches are numbered 0, 1, 2, ..., and each is a pure function of the seed and its number. The processes of a job, and the
workers of a DataLoader, share the numbers: together they read each batch once. So one process reads the same batches, in the
same order, with any number of workers, and all processes together read what one process alone would read.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import count
from typing import Any

import torch.distributed
from torch.utils.data import IterableDataset, get_worker_info

from arithgpt.arguments import check_types, check_whole, read_lengths
from arithgpt.data.collate import Batch, collate
from arithgpt.data.tokenizer import Tokenizer
from arithgpt.errors import UserError
from tasks import Pages, Problems
from tasks.registry import find, make


@dataclass(frozen=True)
class TextProblem:
    """A problem as text, for other people's tokenizers."""

    question: str
    """As a person types it: 123+456."""
    answer: str
    """The right answer: 579."""
    prompt: str
    """The page up to the end of its prompt: 321+654=."""
    completion: str
    """What the model should write after it, the stop included: 975$."""


class ProblemStream(IterableDataset[Any]):
    """Draws fresh problems of a task for each batch; none of them is held out.

    Iterating yields inputs and targets, int64 (batch_size, T) each; targets within the prompt and beyond the page are -1. With
    `text=True` it yields lists of batch_size TextProblems. A DataLoader takes it with `batch_size=None`.

    Args:
        task: name of the task
        digits: lengths of the operands: "8" is exactly 8, "1-8" each length from 1 to 8; None for the task's default
        batch_size: problems in a batch, at least 1
        seed: the same seed gives the same batches, which are also those that `arithgpt train` learns from
        text: yield texts in place of tensors
        start: number of the first batch; a loop that has read n batches goes on with n
        rank, world_size: which process this is, and of how many; None asks torch.distributed, then the variables RANK and
            WORLD_SIZE of a launcher such as torchrun, and takes one process where there are neither

    Raises:
        UserError: there is no such task, the lengths are not in the notation, or a number is out of range
    """

    def __init__(
        self,
        task: str,
        digits: str | int | None = None,
        *,
        batch_size: int = 64,
        seed: int = 0,
        text: bool = False,
        start: int = 0,
        rank: int | None = None,
        world_size: int | None = None,
    ) -> None:
        check_whole("batch_size", batch_size, 1)
        check_whole("seed", seed, 0)
        check_whole("start", start, 0)
        if (rank is None) != (world_size is None):
            raise UserError(f"rank = {rank!r}, world_size = {world_size!r}: give both, or neither")
        self.rank, self.world_size = _process() if rank is None or world_size is None else (rank, world_size)
        check_whole("world_size", self.world_size, 1)
        check_whole("rank", self.rank, 0)
        if self.rank >= self.world_size:
            raise UserError(f"rank = {self.rank}: must be below world_size = {self.world_size}")
        check_types(task=(task, str))
        try:
            find(task)
        except ValueError as error:
            raise UserError(str(error).removeprefix(f"{task}: "), "task", task) from None
        try:
            self.task = make(task, read_lengths(digits))
        except ValueError as error:
            raise UserError(str(error)) from None
        self.tokenizer = Tokenizer(self.task.alphabet)
        self.batch_size, self.seed, self.text, self.start = batch_size, seed, text, start

    def __iter__(self) -> Iterator[Batch | list[TextProblem]]:
        """Yield the batches of this process, or of this worker of its DataLoader."""
        worker = get_worker_info()
        number, workers = (0, 1) if worker is None else (worker.id, worker.num_workers)
        for turn in count(number, workers):  # a DataLoader takes a batch of each worker in turn
            problems = self.problems(self.start + turn * self.world_size + self.rank)
            pages = self.task.pages(problems)
            yield self._texts(problems, pages) if self.text else collate(pages, self.tokenizer)

    def problems(self, number: int) -> Problems:
        """The problems of one batch, by its number."""
        return self.task.stream(self.batch_size, seed=self.seed, split="train", rank=0, step=number)

    def _texts(self, problems: Problems, pages: Pages) -> list[TextProblem]:
        """Problems with their pages as texts."""
        whole, prompts = pages.texts(), pages.prompt.tolist()
        questions = self.task.questions(problems)
        return [
            TextProblem(question, self.task.subtask_of(question).answer(question), page[:n], page[n:])
            for question, page, n in zip(questions, whole, prompts, strict=True)
        ]


def _process() -> tuple[int, int]:
    """The number of this process, and how many there are."""
    if torch.distributed.is_available() and torch.distributed.is_initialized():
        return torch.distributed.get_rank(), torch.distributed.get_world_size()
    return int(os.environ.get("RANK", "0")), int(os.environ.get("WORLD_SIZE", "1"))
