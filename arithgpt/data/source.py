"""What a model is trained on: the problems of a task, or a text.

source = make_data_source(recipe, device)
pages = source.pages(step=0)                  # all pages of a step: a function of the recipe's seed and the step alone
source.batches(pages, 2)                      # the same as [(inputs, targets), ...], in 2 buckets
source.validate(model, SINGLE_PROCESS)        # Validation(accuracy={"1": 1.0, "2": 0.97}), or Validation(loss=1.54)
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol, TypeAlias

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from arithgpt.config.recipe import Recipe
from arithgpt.data.collate import IGNORED, Batch, collate, collate_buckets, pad_length
from arithgpt.data.cot_removal import ScratchpadRemoval
from arithgpt.data.finite_set import rows_of_step, training_set
from arithgpt.data.pseudo_labels import concatenate, read_pages
from arithgpt.data.tokenizer import Tokenizer
from arithgpt.errors import UserError
from arithgpt.models import is_static
from arithgpt.models.language_model import LanguageModel
from arithgpt.training.distributed import SINGLE_PROCESS, ProcessGroup
from tasks import Pages, Problems, Task, sizes

MAX_VALIDATION_SIZES = 10  # problem sizes that validation covers at most, but two of each range
HARD_SHARE = 0.25  # of a batch: problems that show what is not proven (proof/guided.py)
TEXT_ROWS = 64  # pages of text that are validated at once

Ids: TypeAlias = NDArray[np.int64]


@dataclass(frozen=True)
class Validation:
    """What was measured on held-out data."""

    accuracy: dict[str, float] = field(default_factory=dict)
    """For problems the exact match by length, teacher-forced."""
    loss: float | None = None
    """For a text the mean cross-entropy of its characters, in nats."""


class DataSource(Protocol):
    """What the trainer needs of the data. Rows of `pages` can be chosen, as by `ProcessGroup.share`, before `batches`."""

    def pages(self, step: int) -> Any:
        """Make all pages of a step, those of all processes: a function of the seed and the step alone."""

    def batches(self, pages: Any, n: int) -> list[Batch]:
        """Make at most n batches of pages."""

    def learn(self, questions: Sequence[tuple[int, Sequence[str]]]) -> None:
        """Make problems a share of each batch: lists of questions, each with the step from which on it counts."""

    def resets(self, step: int) -> bool:
        """Whether the optimiser forgets its state at a step."""

    def validate(self, model: LanguageModel, processes: ProcessGroup) -> Validation:
        """Measure a model in eval mode on held-out data. Each process measures a share; all get the result."""


def make_data_source(recipe: Recipe, device: torch.device) -> DataSource:
    """Make the source that a recipe names.

    Raises:
        UserError: a text cannot be read or has changed, the model has no room for a page or cannot find the end of its
            question, the task has fewer problems than `data` says, or the pages that `data` names cannot be read
    """
    return TextSource(recipe, device) if recipe.text else ProblemSource(recipe, device)


class ProblemSource:
    """Pages of a task, made on the fly; only what follows the prompt is learned.

    Args:
        recipe: of a task
        device: where the held-out problems are kept

    Raises:
        UserError: as `make_data_source`
    """

    def __init__(self, recipe: Recipe, device: torch.device) -> None:
        self.recipe, self.task, self.tokenizer = recipe, recipe.problems, Tokenizer(recipe.alphabet)
        self.removal = ScratchpadRemoval(self.task, recipe.cot_removal, recipe.seed) if recipe.cot_removal.every else None
        self.pads_shapes = device.type == "cuda" and is_static(recipe.model)
        self.max_length = recipe.model.max_length
        if self.max_length is not None:
            longest = longest_page(self.removal.with_scratchpad if self.removal else self.task)
            _check_length(self.max_length, longest, "of the longest page")
        size = recipe.data.train_size
        self.finite_set = training_set(self.task, size, seed=recipe.seed) if size else None
        self.extra_pages = read_pages(recipe)[0] if recipe.data.pages else None
        self.hard_pages: list[tuple[int, Pages | None]] = []
        if recipe.model.reads_question:
            self.pages(0)  # say what does not fit before there is a model
        self.questions = held_out_questions(self.task, self.tokenizer, recipe.train.eval_samples, device)

    def pages(self, step: int) -> Pages:
        """Make all pages of a step.

        Raises:
            UserError: the model has no room for a page, or cannot find the end of its question
        """
        n, extra = self.recipe.train.batch_size, self.extra_pages
        n_extra = 0 if extra is None else min(n - 1, max(1, round(self.recipe.data.pages_share * n)))
        problems = self._problems(n - n_extra, step)
        pages = self.removal.pages(problems, step) if self.removal else self.task.pages(problems)
        if extra is not None and n_extra:
            pages = concatenate(pages, extra[rows_of_step(len(extra), n_extra, seed=self.recipe.seed, step=step)])
        hard = next((pages for start, pages in reversed(self.hard_pages) if start <= step), None)
        if hard is not None and (n_hard := int(HARD_SHARE * n)):  # they take the places of the last problems
            chosen = hard[rows_of_step(len(hard), n_hard, seed=self.recipe.seed, step=step)]
            pages = concatenate(pages[np.arange(n - n_hard)], chosen)
        if self.max_length is not None:  # the longest page of free text is not known in advance
            _check_length(self.max_length, int(pages.total.max()) - 1, f"of a page at step {step}")
        if self.recipe.model.reads_question:
            _check_prompt_end(self.recipe.model.prompt_end, pages)
        return pages

    def _problems(self, n: int, step: int) -> Problems:
        """Draw the n problems of a step: fresh ones, or those of the finite set."""
        seed = self.recipe.seed
        if self.finite_set is None:
            return self.task.stream(n, seed=seed, split="train", rank=0, step=step)
        return self.finite_set[rows_of_step(len(self.finite_set), n, seed=seed, step=step)]

    def learn(self, questions: Sequence[tuple[int, Sequence[str]]]) -> None:
        """Make problems a share of each batch: lists of questions, each with the step from which on it counts."""
        self.hard_pages = [(start, self.task.pages(self.task.problems(asked)) if asked else None) for start, asked in questions]

    def batches(self, pages: Pages, n: int) -> list[Batch]:
        """Make at most n batches of pages of like length; for a GPU of few different lengths, so that steps can be recorded."""
        buckets = collate_buckets(pages, self.tokenizer, n)
        return [pad_length(bucket) for bucket in buckets] if self.pads_shapes else buckets

    def resets(self, step: int) -> bool:
        """Whether the optimiser forgets its state at a step."""
        return self.removal is not None and self.removal.resets(step)

    def validate(self, model: LanguageModel, processes: ProcessGroup) -> Validation:
        """Measure exact match on held-out problems."""
        return Validation(accuracy=teacher_forced_accuracy(model, self.questions, processes))


class TextSource:
    """Pages of a text, all of one length; every character is learned.

    Args:
        recipe: of a text, resolved
        device: where the model computes

    Raises:
        UserError: as `make_data_source`
    """

    def __init__(self, recipe: Recipe, device: torch.device) -> None:
        if not recipe.alphabet:
            raise UserError("task.characters: missing; init_weights.resolve fills it in")
        if recipe.model.reads_question:
            raise UserError(
                f"model.arch = {recipe.model.arch!r}: reads a question up to {recipe.model.prompt_end!r} before it writes, "
                "and a text has no questions; the other architectures learn texts"
            )
        assert recipe.text is not None
        self.recipe, self.device, self.text = recipe, device, recipe.text.resolve()
        if (limit := recipe.model.max_length) is not None:
            _check_length(limit, self.text.context, "of task.context")

    def pages(self, step: int) -> Ids:
        """Draw all pages of a step: int64 (n, context + 1)."""
        return self.text.batch(self.recipe.train.batch_size, seed=self.recipe.seed, split="train", rank=0, step=step)

    def batches(self, pages: Ids, n: int) -> list[Batch]:
        """Split pages (rows, context + 1) into n batches of about as many rows, none of them empty."""
        return [_next_characters(part) for part in np.array_split(pages, n) if len(part)]

    def learn(self, questions: Sequence[tuple[int, Sequence[str]]]) -> None:
        """Nothing: a text has no questions."""
        assert not questions

    def resets(self, step: int) -> bool:
        """Never: the optimiser keeps its state."""
        return False

    def validate(self, model: LanguageModel, processes: ProcessGroup) -> Validation:
        """Measure the loss on at most train.eval_samples pages, spread evenly over what is held out."""
        span, size = self.text.span("held-out"), self.text.context + 1
        starts = np.linspace(span.start, span.stop - size, self.recipe.train.eval_samples).astype(np.int64)
        share, total = np.unique(starts)[processes.rank :: processes.size], 0.0
        for first in range(0, len(share), TEXT_ROWS):
            inputs, targets = _next_characters(self.text.pages(share[first : first + TEXT_ROWS], size))
            total += target_losses(model, inputs.to(self.device), targets.to(self.device)).double().sum().item()
        total, n_pages = processes.sum([total, float(len(share))])
        return Validation(loss=total / (n_pages * self.text.context))


@torch.no_grad()
def target_losses(model: LanguageModel, inputs: Tensor, targets: Tensor) -> Tensor:
    """Compute the cross-entropy of each target.

    Args:
        model: in eval mode
        inputs, targets: int64 (B, T), on the model's device

    Returns:
        Nats, float32 (B, T); 0 where a target is IGNORED.
    """
    losses = F.cross_entropy(model(inputs).flatten(0, 1), targets.flatten(), ignore_index=IGNORED, reduction="none")
    return losses.view_as(targets)


def held_out_questions(task: Task, tokenizer: Tokenizer, n: int, device: torch.device) -> dict[str, Batch]:
    """Draw held-out problems of sizes spread over those of training.

    Args:
        task: gives the problems
        tokenizer: of the task's alphabet
        n: problems of each size
        device: where the batches go

    Returns:
        A batch for each size, by its name, as "3x2"; in a mixture the operator stands before it, as "*3x2".
    """
    ranges = [(subtask, size_range) for subtask in task.subtasks.values() for size_range in subtask.size_ranges]
    questions = {}
    for subtask, size_range in ranges:
        for size in size_range.spread(max(2, MAX_VALIDATION_SIZES // len(ranges))):
            inputs, targets = collate(subtask.pages(subtask.test(n, size, seed=0)), tokenizer)
            operator = subtask.operator if len(task.subtasks) > 1 else ""
            questions[operator + sizes.format_size(size)] = inputs.to(device), targets.to(device)
    return questions


def longest_page(task: Task) -> int:
    """Return the number of characters of the longest page of training, without the stop."""
    rng = np.random.default_rng(0)
    each = [(subtask, size) for subtask in task.subtasks.values() for ranges in subtask.size_ranges for size in ranges]
    return max(int(subtask.pages(subtask.sample_suite(rng, 1, size, "random")).total.max()) - 1 for subtask, size in each)


@torch.no_grad()
def teacher_forced_accuracy(
    model: LanguageModel, questions: dict[str, Batch], processes: ProcessGroup = SINGLE_PROCESS
) -> dict[str, float]:
    """Measure exact match by size, with the right characters so far as input. Each process measures a share.

    A page counts where every target is the most likely character. Greedy decoding then writes it, rounding aside.

    Args:
        model: in eval mode
        questions: batches by size, from `held_out_questions`
        processes: that share the work and all get the result

    Returns:
        Shares from 0 to 1, by size.
    """
    share = slice(processes.rank, None, processes.size)
    counts = [_count_right(model, inputs[share], targets[share]) for inputs, targets in questions.values()]
    totals = [len(targets) for _, targets in questions.values()]
    return {size: count / n for size, count, n in zip(questions, processes.sum(counts), totals, strict=True)}


def _count_right(model: LanguageModel, inputs: Tensor, targets: Tensor) -> int:
    """Count the pages of which every target is the most likely character."""
    if not len(targets):
        return 0
    return int(((model(inputs).argmax(-1) == targets) | (targets == IGNORED)).all(1).sum())


def _next_characters(pages: Ids) -> Batch:
    """Make the batch in which every character is learned: int64 (n, length) -> two of (n, length - 1)."""
    return torch.from_numpy(pages[:, :-1].copy()), torch.from_numpy(pages[:, 1:].copy())


def _check_prompt_end(mark: str, pages: Pages) -> None:
    """Raise UserError where a question lacks the mark: the model would not know when to start."""
    for text, prompt in zip(pages.texts(), pages.prompt.tolist(), strict=True):
        if mark not in text[:prompt]:
            raise UserError(f"model.prompt_end = {mark!r}: must stand in every question, and is not in {text[:prompt][:60]!r}")


def _check_length(limit: int, needed: int, what: str) -> None:
    """Raise UserError where a page needs more characters than the model has room for."""
    if needed > limit:
        raise UserError(f"model.block_size = {limit}: must be at least the {needed} characters {what}")
