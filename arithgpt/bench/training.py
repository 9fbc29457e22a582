"""Examples per second in training: of `arithgpt train`, of the textbook's loop and of transformers' GPT-2.

    add --digits 8      arithgpt    textbook    transformers GPT-2      examples/s, characters/s, share of the peak

For arithgpt the trainer itself is timed, its log included, between two steps. Set-up, validation and checkpoints lie outside.
The others have as many layers, heads and channels, and do nothing but learn. They make sums while the clock runs. Pages with a
scratchpad are those that arithgpt learns from, made before. On a CPU arithgpt is also measured without its fused step, with the
gradients that autograd derives from the plain model.

On a GPU arithgpt multiplies in bf16 where `train` would, and the others in float32; all shares are of the bf16 peak then. CUDA
graphs are recorded (training/cuda_graphs.py) while the clock runs, so measure more --steps there.
"""

from __future__ import annotations

import dataclasses
import tempfile
import time
from collections.abc import Callable, Iterator
from functools import partial
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor, nn

from arithgpt.bench import textbook
from arithgpt.bench.baselines import (
    NO_TRANSFORMERS,
    WARM_STEPS,
    FixedPages,
    SumPages,
    gpt2,
    measure_baseline,
    multiplied_weights,
    step_pages,
    textbook_size,
)
from arithgpt.bench.heads import LoopedGPT
from arithgpt.bench.peak import peak_flops, training_flops
from arithgpt.bench.plan import OnProgress, Plan
from arithgpt.bench.timing import Case, Measure, Side, measure_in_turns, measure_rate
from arithgpt.config.recipe import Recipe, load_recipe
from arithgpt.data.collate import IGNORED, collate
from arithgpt.data.tokenizer import Tokenizer
from arithgpt.models import build_model
from arithgpt.models.gpt import GPT
from arithgpt.models.language_model import LanguageModel
from arithgpt.run_folder import RunFolder
from arithgpt.runtime import resolve_precision, synchronize
from arithgpt.training.callbacks import NullCallback
from arithgpt.training.optim import block_matrices
from arithgpt.training.progress import Progress
from arithgpt.training.trainer import LOG_EVERY, Trainer

STEPS_AHEAD = 3
"""Batches are made up to this many steps ahead; as many steps follow after the clock stops."""
NEVER = 1 << 30
PLAIN = "without the fused step"


def bench_recipes() -> dict[str, Recipe]:
    """Return what is trained, by name: the recipes of `arithgpt train --task add --digits 8` and `--task arith`."""
    return {"add --digits 8": load_recipe(task="add", options={"task.digits": "1-8"}), "arith": load_recipe(task="arith")}


def measure(plan: Plan, on_progress: OnProgress, recipes: dict[str, Recipe] | None = None) -> Iterator[Case]:
    """Measure examples per second of each recipe, and the cost of a loop over the heads.

    Args:
        plan: how long and how often
        on_progress: called with what is measured now
        recipes: name -> what is trained; None: `bench_recipes`
    """
    device = torch.device(plan.device)
    precision = resolve_precision("auto", device)  # of arithgpt; the others compute in float32
    on_progress("train: the machine's peak")
    best, n = peak_flops(device, precision=precision)
    where = "the GPU" if device.type == "cuda" else f"{torch.get_num_threads()} threads"
    recipes = bench_recipes() if recipes is None else recipes
    for name, recipe in recipes.items():
        case = _measure_case(name, recipe, plan, best, lambda what: on_progress(f"train, {what}"))
        peak = f"the peak is {best / 1e9:,.1f} GFLOP/s, of {precision} products of {n} x {n} on {where}"
        about = {**case.about, "peak_flops": best, "peak_size": n, "precision": precision}
        yield dataclasses.replace(case, notes=(*case.notes, peak), about=about)
    yield _measure_heads(next(iter(recipes.values())), plan, on_progress)


def _measure_case(name: str, recipe: Recipe, plan: Plan, peak: float, on_progress: OnProgress) -> Case:
    """Measure all sides with one recipe; `peak` is the machine's, in operations per second."""
    device, steps = torch.device(plan.device), _round_up(plan.steps)
    lengths = np.array([len(text) - 1 for step in range(steps) for text in step_pages(recipe, WARM_STEPS + step)])
    pages = SumPages(recipe, plan.seed) if recipe.problems.name == "add" else FixedPages(recipe, steps)
    weights = _count_multiplied_weights(build_model(recipe.model, recipe.problems.alphabet, 0))
    sides: dict[str, Measure] = {"arithgpt": partial(measure_arithgpt, recipe, device, steps)}
    figures = {"arithgpt": (weights, lengths)}
    if device.type == "cpu":
        sides[PLAIN], figures[PLAIN] = partial(measure_arithgpt, recipe, device, steps, fused=False), (weights, lengths)
    baselines, notes = _make_baselines(textbook_size(recipe, pages), plan.seed)
    baseline_lengths = np.array([len(text) - 1 for _ in range(steps) for text in pages()])
    for side, model in baselines.items():
        model.to(device)
        sides[side] = partial(measure_baseline, model, pages, recipe.problems.alphabet, device, steps)
        weights = sum(weight.numel() for module in model.modules() for weight in multiplied_weights(module))
        figures[side] = (weights, baseline_lengths)
    values = measure_in_turns(sides, plan.repeats, lambda what: on_progress(f"{name}: {what}"))
    measured = [Side(side, tuple(values[side]), _derive(recipe, values[side], *figures[side], peak)) for side in sides]
    about = {
        "recipe": recipe.model_dump(mode="json"),
        "steps": steps,
        "characters of a page": float(lengths.mean()),
        "weights in products": {side: count for side, (count, _) in figures.items()},
    }
    return Case("train", name, "examples/s", tuple(measured), notes=notes, about=about)


def _make_baselines(size: textbook.Size, seed: int) -> tuple[dict[str, nn.Module], tuple[str, ...]]:
    """Make the textbook's GPT and, where it is installed, transformers' GPT-2; returns models by name, and notes."""
    baselines: dict[str, nn.Module] = {"textbook": textbook.seeded(seed, textbook.GPT, size)}
    if find_spec("transformers") is None:
        return baselines, (NO_TRANSFORMERS,)
    return baselines | {"transformers GPT-2": textbook.seeded(seed, gpt2, size)}, ()


def _derive(recipe: Recipe, values: list[float], n_weights: int, lengths: NDArray[np.int64], peak: float) -> dict[str, float]:
    """Derive characters per second and the share of the peak from examples per second."""
    examples = float(np.median(values))
    flops = training_flops(n_weights, recipe.model, lengths) / len(lengths) * examples
    return {"characters/s": examples * float(lengths.mean()), "of peak": flops / peak}


def _round_up(steps: int) -> int:
    """Round up to a step at which the loss is logged."""
    return -(-max(steps, 1) // LOG_EVERY) * LOG_EVERY


def _count_multiplied_weights(model: LanguageModel) -> int:
    """Count the weights that every token is multiplied with."""
    return sum(weight.numel() for weight in block_matrices(model)) + len(model.alphabet) * model.config.n_embd


class StepClock(NullCallback):
    """Notes the time after each step at which the loss is logged.

    Args:
        device: synchronised before the clock is read
    """

    def __init__(self, device: torch.device) -> None:
        self.device = device
        self.times: dict[int, float] = {}

    def on_step(self, progress: Progress, loss: float) -> None:
        """Note the time."""
        synchronize(self.device)
        self.times[progress.step] = time.perf_counter()


def measure_arithgpt(
    recipe: Recipe,
    device: torch.device,
    steps: int,
    *,
    fused: bool = True,
    make_clock: Callable[[torch.device], StepClock] = StepClock,
) -> float:
    """Measure the examples per second of arithgpt's trainer, in a folder that is then removed.

    Args:
        recipe: what is trained
        device: where to train
        steps: measured steps, rounded up to a multiple of LOG_EVERY
        fused: whether the CPU uses the fused step (training/fused)
        make_clock: makes the callback that notes the times

    Raises:
        KeyboardInterrupt: after Ctrl-C.
    """
    steps = _round_up(steps)
    never = {"eval_every": NEVER, "checkpoint_every": NEVER, "eval_samples": 1, "stop_early": False}
    train_config = recipe.train.model_copy(update={"max_steps": WARM_STEPS + steps + STEPS_AHEAD} | never)
    clock, recipe = make_clock(device), recipe.model_copy(update={"train": train_config})
    with tempfile.TemporaryDirectory() as folder:
        progress = Trainer(recipe, RunFolder(Path(folder)), device=device, callback=clock, fused=fused).fit()
    if progress.status == "interrupted":
        raise KeyboardInterrupt
    return steps * train_config.batch_size / (clock.times[WARM_STEPS + steps] - clock.times[WARM_STEPS])


def _measure_heads(recipe: Recipe, plan: Plan, on_progress: OnProgress) -> Case:
    """Measure forward and backward of arithgpt's model without positions, beside the same with a loop over its heads."""
    device = torch.device(plan.device)
    config, alphabet = recipe.model.model_copy(update={"positions": "none"}), recipe.problems.alphabet
    batched = build_model(config, alphabet, 0).to(device)
    assert isinstance(batched, GPT)
    looped = LoopedGPT(batched).to(device)
    pages = recipe.problems.batch(recipe.train.batch_size, seed=recipe.seed, split="train", rank=0, step=0)
    inputs, targets = (part.to(device) for part in collate(pages, Tokenizer(alphabet)))

    def step(model: Callable[[Tensor], Tensor], parameters: list[Tensor]) -> int:
        loss = F.cross_entropy(model(inputs).flatten(0, 1), targets.flatten(), ignore_index=IGNORED)
        torch.autograd.grad(loss, parameters)
        synchronize(device)
        return len(inputs)

    sides = {
        "all heads at once": partial(measure_rate, lambda: step(batched, list(batched.parameters())), plan.seconds),
        "heads in a loop": partial(measure_rate, lambda: step(looped, list(looped.parameters())), plan.seconds),
    }
    values = measure_in_turns(sides, plan.repeats, lambda what: on_progress(f"train, heads: {what}"))
    heads = ", ".join(map(str, dict.fromkeys(config.heads)))
    name = f"{heads} heads of {config.head_size}, {config.n_layer} layers, no positions"
    return Case("train", name, "examples/s", tuple(Side(side, tuple(values[side])) for side in sides))
