"""Seconds and examples until sums of 1 to 8 digits are learned, by arithgpt and by the textbook.

    arithgpt, seed 0    30,720 examples     25.1 s      reached 99.9% at every length at two validations in a row
    textbook, seed 0    128,000 examples    96.0 s      not reached in 2,000 steps

Both train the recipe `add`, stop by its rule, and are validated on the same held-out problems after the same steps; the clock
stops during validation. A page counts as right where every character of the answer is the likeliest one, given the right ones
before it. The textbook does not leave held-out problems out of its training, which can only help it.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import torch
from torch import nn

from arithgpt.bench import textbook
from arithgpt.bench.baselines import SumPages, textbook_size
from arithgpt.bench.plan import OnProgress, Plan
from arithgpt.bench.timing import Case, Side
from arithgpt.bench.training import bench_recipes
from arithgpt.config.recipe import Recipe
from arithgpt.data.collate import IGNORED, Batch
from arithgpt.data.source import held_out_questions
from arithgpt.data.tokenizer import Tokenizer
from arithgpt.run_folder import RunFolder
from arithgpt.runtime import synchronize
from arithgpt.training.callbacks import NullCallback
from arithgpt.training.progress import Progress
from arithgpt.training.trainer import Trainer


@dataclass(frozen=True)
class TargetResult:
    """How a training ended."""

    seconds: float
    """Seconds of training, without validations."""
    examples: int
    reached: bool
    worst: float
    """The exact match of the worst length at the last validation."""


def measure(plan: Plan, on_progress: OnProgress, recipe: Recipe | None = None) -> Iterator[Case]:
    """Measure seconds and examples to the target for several seeds, arithgpt and textbook in turns.

    Args:
        plan: seeds, device and the limit of the textbook
        on_progress: called with what is measured now
        recipe: what is trained; None: the recipe of `arithgpt train --task add --digits 8`
    """
    recipe = bench_recipes()["add --digits 8"] if recipe is None else recipe
    device, target = torch.device(plan.device), recipe.train.target_accuracy
    results: dict[str, list[TargetResult]] = {"arithgpt": [], "textbook": []}
    for seed in range(plan.seed, plan.seed + plan.seeds):
        seeded = recipe.model_copy(update={"seed": seed})
        for side, train in (("arithgpt", train_arithgpt), ("textbook", partial(train_textbook, limit=plan.limit))):
            results[side].append(train(seeded, device, partial(_report, on_progress, side, seed)))
    limits = {"arithgpt": recipe.train.max_steps, "textbook": plan.limit}
    notes = tuple(
        f"{side}: {len(missed)} of {plan.seeds} seeds did not reach {target:.4g} in {limits[side]:,} steps, and count as if "
        f"they had reached it then; exact match at their worst length: {', '.join(f'{one.worst:.1%}' for one in missed)}"
        for side, of_side in results.items()
        if (missed := [one for one in of_side if not one.reached])
    )
    about = {
        "target": target,
        "limits": limits,
        "ended": {side: [vars(one) for one in of_side] for side, of_side in results.items()},
    }
    for unit, field in (("s", "seconds"), ("examples", "examples")):
        sides = tuple(Side(side, tuple(float(getattr(one, field)) for one in of_side)) for side, of_side in results.items())
        name = f"{target:.4g} held-out, {recipe.problems.name} --digits {recipe.problems.size_span.high}"
        yield Case("target", name, unit, sides, more_is_better=False, notes=notes, about=about)


def _report(on_progress: OnProgress, side: str, seed: int, what: str) -> None:
    """Report what a side does now."""
    on_progress(f"target: {side}, seed {seed}, {what}")


class _StepReporter(NullCallback):
    """Reports the step of a training."""

    def __init__(self, on_progress: OnProgress) -> None:
        self.on_progress = on_progress

    def on_step(self, progress: Progress, loss: float) -> None:
        """Report the step."""
        self.on_progress(f"step {progress.step:,}")


def train_arithgpt(recipe: Recipe, device: torch.device, on_progress: OnProgress) -> TargetResult:
    """Train with arithgpt until it stops by itself, in a folder that is then removed.

    Raises:
        KeyboardInterrupt: after Ctrl-C.
    """
    with tempfile.TemporaryDirectory() as folder:
        progress = Trainer(recipe, RunFolder(Path(folder)), device=device, callback=_StepReporter(on_progress)).fit()
    if progress.status == "interrupted":
        raise KeyboardInterrupt
    examples = progress.step * recipe.train.batch_size
    reached = progress.status == "reached target" or progress.has_reached(recipe.train.target_accuracy)
    return TargetResult(progress.training_seconds, examples, reached, progress.lowest_accuracies[-1])


def train_textbook(recipe: Recipe, device: torch.device, on_progress: OnProgress, limit: int) -> TargetResult:
    """Train with the textbook's loop until the same target holds, or `limit` steps are done."""
    task, train_config = recipe.problems, recipe.train
    questions = held_out_questions(task, Tokenizer(task.alphabet), train_config.eval_samples, device)
    pages = SumPages(recipe, recipe.seed)
    model = textbook.seeded(recipe.seed, textbook.GPT, textbook_size(recipe, pages)).to(device)
    optimiser, progress = textbook.make_optimiser(model), Progress()
    start = time.perf_counter()
    while progress.step < limit and not progress.has_reached(train_config.target_accuracy):
        textbook.train_step(model, optimiser, *textbook.batch(pages(), task.alphabet, device))
        progress.step += 1
        if progress.step % train_config.eval_every == 0 or progress.step == limit:
            synchronize(device)
            progress.seconds += time.perf_counter() - start
            progress.lowest_accuracies = [*progress.lowest_accuracies[-1:], worst_length_accuracy(model, questions)]
            on_progress(f"step {progress.step:,}")
            start = time.perf_counter()
    return TargetResult(
        progress.seconds,
        progress.step * train_config.batch_size,
        progress.has_reached(train_config.target_accuracy),
        progress.lowest_accuracies[-1],
    )


@torch.no_grad()
def worst_length_accuracy(model: nn.Module, questions: dict[str, Batch]) -> float:
    """Measure the exact match at the length where it is lowest; `questions` holds a batch for each length."""
    accuracies = []
    for inputs, targets in questions.values():
        right = (model(inputs).argmax(-1) == targets) | (targets == IGNORED)
        accuracies.append(int(right.all(1).sum()) / len(right))
    return min(accuracies)
