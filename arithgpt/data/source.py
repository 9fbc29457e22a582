"""What a GPT is trained on, of two kinds: the problems of a task, and a text.

lessons = make_data_source(recipe, device)
pages = lessons.pages(step=0)           all of a step, a function of the recipe's seed and the step alone
lessons.batches(pages, 2)               the same as [(inputs, targets), ...], in 2 buckets
lessons.look(model, ranks)              Look(accuracy={"1": 1.0, "2": 0.97}), or Look(loss=1.54)
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Protocol, TypeAlias

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray

from arithgpt.config.recipe import Recipe
from arithgpt.data.collate import IGNORED, Batch, bucketed, padded, tensors
from arithgpt.data.cot_removal import Removals
from arithgpt.data.finite_set import rows_of_step, training_set
from arithgpt.data.pseudo_labels import below, read_pages
from arithgpt.data.tokenizer import Vocab
from arithgpt.errors import UserError
from arithgpt.models.architectures import Model, recordable, room
from arithgpt.training.distributed import SINGLE_PROCESS, ProcessGroup
from tasks import Pages, Problems, Task, sizes

LOOK_LENGTHS = 10  # lengths at most that a look covers, but two of each box
TEXT_ROWS = 64  # pages of text that a look reads at once

Ids: TypeAlias = NDArray[np.int64]


@dataclass(frozen=True)
class Look:
    """What a look at what is held out found."""

    accuracy: dict[str, float] = field(default_factory=dict)
    """Of problems: exact match by length, with the right characters given so far."""
    loss: float | None = None
    """Of a text: the mean cross-entropy of its characters in nats."""


class DataSource(Protocol):
    """What the trainer asks of what it trains on. `pages` can be chosen from by rows, and then made into batches."""

    def pages(self, step: int) -> Pages | Ids: ...
    def batches(self, pages: Pages | Ids, n: int) -> list[Batch]: ...
    def resets(self, step: int) -> bool:
        """Whether the optimiser begins afresh at a step."""

    def look(self, model: Model, ranks: ProcessGroup) -> Look:
        """Each process looks at a share; all are told what was found."""


def make_data_source(recipe: Recipe, device: torch.device) -> DataSource:
    """UserError where a text cannot be read or is another one than before, where the model has no room for a page or cannot
    find the end of its question, and where a task has fewer problems than `data` says, or the pages it names cannot be had."""
    return TextSource(recipe, device) if recipe.text else ProblemSource(recipe, device)


class ProblemSource:
    """Pages of a task, made on the fly; only what comes after the prompt is learned."""

    def __init__(self, recipe: Recipe, device: torch.device) -> None:
        self.recipe, self.task, self.vocab = recipe, recipe.problems, Vocab(recipe.alphabet)
        self.removal = Removals(self.task, recipe.cot_removal, recipe.seed) if recipe.cot_removal.every else None
        self.on_gpu = device.type == "cuda"
        self.room = room(recipe.model)
        if self.room is not None:
            _check_room(self.room, longest_page(self.task.worked if self.removal else self.task), "of the longest page")
        size = recipe.data.train_size
        self.known = training_set(self.task, size, seed=recipe.seed) if size else None
        self.own, _ = read_pages(recipe) if recipe.data.pages else (None, "")
        if recipe.model.reads_question:
            self.pages(0)  # what cannot be is said before there is a model
        self.questions = held_out_questions(self.task, self.vocab, recipe.train.eval_samples, device)

    def pages(self, step: int) -> Pages:
        n, own = self.recipe.train.batch_size, self.own
        beside = 0 if own is None else min(n - 1, max(1, round(self.recipe.data.pages_share * n)))
        problems = self._problems(n - beside, step)
        pages = self.removal.pages(problems, step) if self.removal else self.task.pages(problems)
        if own is not None and beside:
            pages = below(pages, own[rows_of_step(len(own), beside, seed=self.recipe.seed, step=step)])
        if self.room is not None:  # free text has no longest page that could be known before
            _check_room(self.room, int(pages.total.max()) - 1, f"of a page at step {step}")
        if self.recipe.model.reads_question:
            _check_prompt_end(self.recipe.model.prompt_end, pages)
        return pages

    def _problems(self, n: int, step: int) -> Problems:
        seed = self.recipe.seed
        if self.known is None:
            return self.task.stream(n, seed=seed, split="train", rank=0, step=step)
        return self.known[rows_of_step(len(self.known), n, seed=seed, step=step)]

    def batches(self, pages: Pages, n: int) -> list[Batch]:
        """In at most n buckets of like length; on a GPU of few lengths (batches.rounded_up)."""
        buckets = bucketed(pages, self.vocab, n)
        return [padded(bucket) for bucket in buckets] if self.on_gpu and recordable(self.recipe.model) else buckets

    def resets(self, step: int) -> bool:
        return self.removal is not None and self.cot_removal.resets(step)

    def look(self, model: Model, ranks: ProcessGroup) -> Look:
        return Look(accuracy=look(model, self.questions, ranks))


class TextSource:
    """Pages of a text, all of one length; every character is learned."""

    def __init__(self, recipe: Recipe, device: torch.device) -> None:
        if not recipe.alphabet:
            raise UserError("task.characters: missing; init_weights.resolve fills it in")
        if recipe.model.reads_question:
            raise UserError(
                f"model.arch = {recipe.model.arch!r}: reads a question up to {recipe.model.prompt_end!r} before it writes, "
                "and a text has no questions; the other architectures learn texts"
            )
        self.recipe, self.device, self.text = recipe, device, recipe.text.resolve()
        if (limit := room(recipe.model)) is not None:
            _check_room(limit, self.text.context, "of task.context")

    def pages(self, step: int) -> Ids:
        return self.text.batch(self.recipe.train.batch_size, seed=self.recipe.seed, split="train", rank=0, step=step)

    def batches(self, pages: Ids, n: int) -> list[Batch]:
        """In n buckets of as many pages, as far as there are so many."""
        return [_next_characters(part) for part in np.array_split(pages, n) if len(part)]

    def resets(self, step: int) -> bool:
        return False

    def look(self, model: Model, ranks: ProcessGroup) -> Look:
        """On pages spread evenly over what is held out, train.eval_samples at most."""
        span, size = self.text.span("held-out"), self.text.context + 1
        starts = np.linspace(span.start, span.stop - size, self.recipe.train.eval_samples).astype(np.int64)
        own, total = np.unique(starts)[ranks.rank :: ranks.size], 0.0
        for first in range(0, len(own), TEXT_ROWS):
            inputs, targets = _next_characters(self.text.pages(own[first : first + TEXT_ROWS], size))
            total += losses_of(model, inputs.to(self.device), targets.to(self.device)).double().sum().item()
        total, n_pages = ranks.sum([total, float(len(own))])
        return Look(loss=total / (n_pages * self.text.context))


@torch.no_grad()
def losses_of(model: Model, inputs: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
    """The cross-entropy of each target in nats, (B, T); 0 where it is not counted."""
    return F.cross_entropy(model(inputs).flatten(0, 1), targets.flatten(), ignore_index=IGNORED, reduction="none").view_as(
        targets
    )


def held_out_questions(task: Task, vocab: Vocab, n: int, device: torch.device) -> dict[str, Batch]:
    """Held-out problems of some lengths spread over those of training, ready for the model, by length."""
    size_ranges = [(part, box) for part in task.subtasks.values() for box in part.size_ranges]
    questions = {}
    for part, box in size_ranges:
        for cell in box.spread(max(2, LOOK_LENGTHS // len(size_ranges))):
            inputs, targets = tensors(part.pages(part.test(n, cell, seed=0)), vocab)
            sign = part.operator if len(task.subtasks) > 1 else ""
            questions[sign + sizes.shown(cell)] = inputs.to(device), targets.to(device)
    return questions


def longest_page(task: Task) -> int:
    """How many characters the longest page of training has, the stop apart."""
    rng = np.random.default_rng(0)
    cells = ((part, cell) for part in task.subtasks.values() for box in part.size_ranges for cell in box)
    return max(int(part.pages(part.draw_suite(rng, 1, cell, "random")).total.max()) - 1 for part, cell in cells)


@torch.no_grad()
def look(model: Model, questions: dict[str, Batch], ranks: ProcessGroup = SINGLE_PROCESS) -> dict[str, float]:
    """Exact match by length, with the right characters given so far; each process looks at a share.

    A page counts where every character to be written is the likeliest one: then, rounding aside, greedy decoding writes it.
    """
    counts = []
    for inputs, targets in questions.values():
        inputs, own = inputs[ranks.rank :: ranks.size], targets[ranks.rank :: ranks.size]
        right = ((model(inputs).argmax(-1) == own) | (own == IGNORED)).all(1) if len(own) else own
        counts.append(int(right.sum()))
    asked = [len(targets) for _, targets in questions.values()]
    return {digits: count / n for digits, count, n in zip(questions, ranks.sum(counts), asked, strict=True)}


def _next_characters(pages: Ids) -> Batch:
    return torch.from_numpy(pages[:, :-1].copy()), torch.from_numpy(pages[:, 1:].copy())


def _check_prompt_end(mark: str, pages: Pages) -> None:
    """UserError where a question does not come with the mark: the model would not know when to begin."""
    for text, prompt in zip(pages.texts(), pages.prompt.tolist(), strict=True):
        if mark not in text[:prompt]:
            raise UserError(f"model.prompt_end = {mark!r}: must stand in every question, and is not in {text[:prompt][:60]!r}")


def _check_room(limit: int, needed: int, what: str) -> None:
    if needed > limit:
        raise UserError(f"model.block_size = {limit}: must be at least the {needed} characters {what}")
