"""How long it takes to learn: seconds and examples until sums of 1 to 8 digits are right, of arithgpt and of the textbook.

    arithgpt, seed 0    30,720 examples     25.1 s      reached 99.9% at every length, twice running
    textbook, seed 0    128,000 examples    96.0 s      not reached in 2,000 steps

Both have the recipe `add`, stop by its rule, look at the same held-out problems every so many steps, and stop the clock while
they look. A page counts where every character to be written is the likeliest after the right ones before it. The textbook
does not keep held-out problems out of its training, which can only help it.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import nn

from arithgpt.bench import textbook
from arithgpt.bench.plan import Plan, Tell
from arithgpt.bench.timing import Case, Side
from arithgpt.bench.training import Sums, recipes, textbook_size
from arithgpt.config.recipe import Recipe
from arithgpt.data.collate import IGNORED, Batch
from arithgpt.data.source import held_out_questions
from arithgpt.data.tokenizer import Tokenizer
from arithgpt.models.language_model import LanguageModel
from arithgpt.run import Run
from arithgpt.runtime import synchronize
from arithgpt.training.progress import Progress
from arithgpt.training.trainer import Trainer


@dataclass(frozen=True)
class Reached:
    """How a training ended. Seconds are of training alone."""

    seconds: float
    examples: int
    reached: bool
    worst: float
    """The exact match of the worst length at the last look."""


def measure(plan: Plan, tell: Tell, recipe: Recipe | None = None) -> Iterator[Case]:
    """Seconds and examples of several seeds, arithgpt and textbook in turns."""
    recipe = recipes()["add --digits 8"] if recipe is None else recipe
    device, target = torch.device(plan.device), recipe.train.target_accuracy
    ended: dict[str, list[Reached]] = {"arithgpt": [], "textbook": []}
    for seed in range(plan.seed, plan.seed + plan.seeds):
        seeded = recipe.model_copy(update={"seed": seed})
        ended["arithgpt"].append(ours(seeded, device, lambda what, seed=seed: tell(f"target: arithgpt, seed {seed}, {what}")))
        ended["textbook"].append(
            theirs(seeded, device, plan.limit, lambda what, seed=seed: tell(f"target: textbook, seed {seed}, {what}"))
        )
    limits = {"arithgpt": recipe.train.max_steps, "textbook": plan.limit}
    notes = tuple(
        f"{side}: {len(missed)} of {plan.seeds} seeds did not reach {target:.4g} in {limits[side]:,} steps, and stand here as "
        f"if they then had; right of their worst length: {', '.join(f'{end.worst:.1%}' for end in missed)}"
        for side, ends in ended.items()
        if (missed := [end for end in ends if not end.reached])
    )
    about = {"target": target, "limits": limits, "ended": {side: [vars(end) for end in ends] for side, ends in ended.items()}}
    for unit, of in (("s", lambda end: end.seconds), ("examples", lambda end: float(end.examples))):
        sides = tuple(Side(side, tuple(map(of, ends))) for side, ends in ended.items())
        name = f"{target:.4g} held-out, {recipe.problems.name} --digits {recipe.problems.size_span.high}"
        yield Case("target", name, unit, sides, more_is_better=False, notes=notes, about=about)


@dataclass
class _Teller:
    """An observer of training that passes on how far it is."""

    tell: Tell

    def on_train_start(self, run: Run, model: LanguageModel, device: torch.device, progress: Progress) -> None: ...

    def on_step(self, progress: Progress, loss: float) -> None:
        self.tell(f"step {progress.step:,}")

    def on_validation(self, progress: Progress) -> None: ...

    def on_train_end(self, progress: Progress) -> None: ...


def ours(recipe: Recipe, device: torch.device, tell: Tell) -> Reached:
    """`train` until it stops by itself, in a folder that is then removed. KeyboardInterrupt after Ctrl-C."""
    with tempfile.TemporaryDirectory() as folder:
        progress = Trainer(recipe, Run(Path(folder)), device=device, callback=_Teller(tell)).fit()
    if progress.status == "interrupted":
        raise KeyboardInterrupt
    examples = progress.step * recipe.train.batch_size
    reached = progress.status == "reached target" or progress.has_reached(recipe.train.target_accuracy)
    return Reached(progress.training_seconds, examples, reached, progress.lowest_accuracies[-1])


def theirs(recipe: Recipe, device: torch.device, limit: int, tell: Tell) -> Reached:
    """The textbook's loop until the same holds, or so many steps are done."""
    task, train_config = recipe.problems, recipe.train
    questions = held_out_questions(task, Tokenizer(task.alphabet), train_config.eval_samples, device)
    pages = Sums(recipe, recipe.seed)
    model = textbook.seeded(recipe.seed, textbook.GPT, textbook_size(recipe, pages)).to(device)
    optimiser, progress = textbook.make_optimiser(model), Progress()
    began = time.perf_counter()
    while progress.step < limit and not progress.has_reached(train_config.target_accuracy):
        textbook.train_step(model, optimiser, *textbook.batch(pages(), task.alphabet, device))
        progress.step += 1
        if progress.step % train_config.eval_every == 0 or progress.step == limit:
            synchronize(device)
            progress.seconds += time.perf_counter() - began
            progress.lowest_accuracies = [*progress.lowest_accuracies[-1:], worst_length(model, questions)]
            tell(f"step {progress.step:,}")
            began = time.perf_counter()
    return Reached(
        progress.seconds,
        progress.step * train_config.batch_size,
        progress.has_reached(train_config.target_accuracy),
        progress.lowest_accuracies[-1],
    )


@torch.no_grad()
def worst_length(model: nn.Module, questions: dict[str, Batch]) -> float:
    """The share of pages right in every character, of the length that has the lowest."""
    shares = []
    for inputs, targets in questions.values():
        right = (model(inputs).argmax(-1) == targets) | (targets == IGNORED)
        shares.append(int(right.all(1).sum()) / len(right))
    return min(shares)
