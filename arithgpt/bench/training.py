"""How fast a GPT learns: examples a second of `arithgpt train`, of the textbook's loop and of transformers' GPT-2.

    add --digits 8      arithgpt    textbook    transformers GPT-2      examples/s, characters/s, share of the peak

What is timed of arithgpt is `train` itself, its log included, from one step to a later one; checkpoints and looks at held-out
problems lie outside, and so does setting up. The others have as many layers, heads and channels, and no more to do than to
learn. Sums they make as they go; pages with workings are the very ones that arithgpt learns from, and were made before. On a
CPU `train` stands beside itself too, with the gradients that torch works out of the model as it is written.

On a GPU arithgpt multiplies in bf16 where `train` would, the others in float32 as they are written; all shares are of the bf16
peak then. Shapes that come the third time are recorded (cuda.py) while the clock runs, so there more --steps tell more.
"""

from __future__ import annotations

import random
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import TypeAlias

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from arithgpt.bench import textbook
from arithgpt.bench.heads import Looped
from arithgpt.bench.peak import peak_flops, training_flops
from arithgpt.bench.plan import Plan, Tell
from arithgpt.bench.timing import Case, Measure, Side, by_turns, rate
from arithgpt.config.recipe import Recipe, load_recipe
from arithgpt.data.collate import IGNORED, collate
from arithgpt.data.tokenizer import Tokenizer
from arithgpt.models import build_model
from arithgpt.models.language_model import LanguageModel
from arithgpt.run import Run
from arithgpt.runtime import resolve_precision, synchronize
from arithgpt.training.optim import block_matrices
from arithgpt.training.progress import Progress
from arithgpt.training.trainer import LOG_EVERY, Trainer

WARM = LOG_EVERY  # steps before the clock starts
AHEAD = 3  # batches that are made before they are needed: as many steps come after the clock stops
NEVER = 1 << 30
PLAIN = "without the fused step"
Maker: TypeAlias = Callable[[], list[str]]
"""Makes the pages of the next step."""

NO_TRANSFORMERS = "transformers' GPT-2 is left out: it is not installed (pip install 'arithgpt[hf]')"


def recipes() -> dict[str, Recipe]:
    """What is trained, by name: the recipes of `arithgpt train --task add --digits 8` and `--task arith`."""
    return {"add --digits 8": load_recipe(task="add", options={"task.digits": "1-8"}), "arith": load_recipe(task="arith")}


def measure(plan: Plan, tell: Tell, chosen: dict[str, Recipe] | None = None) -> Iterator[Case]:
    """Examples/s of each recipe, and what a loop over the heads costs."""
    device = torch.device(plan.device)
    precision = resolve_precision("auto", device)  # arithgpt's own; the others compute in float32
    tell("train: the machine's peak")
    best, n = peak_flops(device, precision=precision)
    where = "the GPU" if device.type == "cuda" else f"{torch.get_num_threads()} threads"
    chosen = recipes() if chosen is None else chosen
    for name, recipe in chosen.items():
        case = _case(name, recipe, plan, best, lambda what: tell(f"train, {what}"))
        peak = f"the peak is {best / 1e9:,.1f} GFLOP/s, of {precision} products of {n} x {n} on {where}"
        about = {"peak_flops": best, "peak_size": n, "precision": precision}
        yield Case(**vars(case) | {"notes": (*case.notes, peak), "about": {**case.about, **about}})
    yield _loop_over_heads(next(iter(chosen.values())), plan, tell)


def _case(name: str, recipe: Recipe, plan: Plan, peak: float, tell: Tell) -> Case:
    device, steps = torch.device(plan.device), _whole(plan.steps)
    texts = [page for step in range(WARM, WARM + steps) for page in pages_of(recipe, step)]
    lengths = np.array([len(text) - 1 for text in texts])
    pages = Sums(recipe, plan.seed) if recipe.problems.name == "add" else Given(recipe, steps)
    size = textbook_size(recipe, pages)
    sides: dict[str, Measure] = {"arithgpt": partial(ours, recipe, device, steps)}
    figures = {"arithgpt": (_in_products(build_model(recipe.model, recipe.problems.alphabet, 0)), lengths)}
    if device.type == "cpu":
        sides[PLAIN], figures[PLAIN] = partial(ours, recipe, device, steps, fused=False), figures["arithgpt"]
    others: dict[str, nn.Module] = {"textbook": textbook.seeded(plan.seed, textbook.GPT, size)}
    notes = []
    if find_spec("transformers") is not None:
        others["transformers GPT-2"] = textbook.seeded(plan.seed, gpt2, size)
    else:
        notes.append(NO_TRANSFORMERS)
    its = np.array([len(text) - 1 for _ in range(steps) for text in pages()])
    for side, model in others.items():
        model.to(device)
        sides[side] = partial(theirs, model, pages, recipe.problems.alphabet, device, steps)
        figures[side] = (sum(w.numel() for part in model.modules() for w in _products(part)), its)
    values = by_turns(sides, plan.repeats, lambda what: tell(f"{name}: {what}"))
    measured = tuple(Side(side, tuple(values[side]), _also(recipe, values[side], *figures[side], peak)) for side in sides)
    about = {
        "recipe": recipe.model_dump(mode="json"),
        "steps": steps,
        "characters of a page": float(lengths.mean()),
        "weights in products": {side: count for side, (count, _) in figures.items()},
    }
    return Case("train", name, "examples/s", measured, notes=tuple(notes), about=about)


def _also(recipe: Recipe, values: list[float], n_weights: int, lengths: np.ndarray, peak: float) -> dict[str, float]:
    """Characters a second, and the share of the peak, of examples a second."""
    examples = float(np.median(values))
    flops = training_flops(n_weights, recipe.model, lengths) / len(lengths) * examples
    return {"characters/s": examples * float(lengths.mean()), "of peak": flops / peak}


def _whole(steps: int) -> int:
    """Training tells of itself every so many steps: the next such number."""
    return -(-max(steps, 1) // LOG_EVERY) * LOG_EVERY


def _in_products(model: LanguageModel) -> int:
    """Count the weights that tokens are multiplied with."""
    return sum(weight.numel() for weight in block_matrices(model)) + len(model.alphabet) * model.config.n_embd


def _products(module: nn.Module) -> list[Tensor]:
    """The matrices of a module's own, tables that are only looked up apart; transformers' Conv1D is a Linear."""
    return [w for w in module.parameters(recurse=False) if w.dim() == 2 and not isinstance(module, nn.Embedding)]


@dataclass
class _Watch:
    """An observer of training that notes when which step was done."""

    device: torch.device
    at: dict[int, float] = field(default_factory=dict)

    def on_train_start(self, run: Run, model: LanguageModel, device: torch.device, progress: Progress) -> None: ...

    def on_step(self, progress: Progress, loss: float) -> None:
        synchronize(self.device)
        self.at[progress.step] = time.perf_counter()

    def on_validation(self, progress: Progress) -> None: ...

    def on_train_end(self, progress: Progress) -> None: ...


def ours(recipe: Recipe, device: torch.device, steps: int, *, fused: bool = True) -> float:
    """Examples/s of `train` over so many steps, in a folder that is then removed. KeyboardInterrupt after Ctrl-C.

    steps: the next multiple of LOG_EVERY is taken
    fused: with the fused CPU step (training/fused)
    """
    steps = _whole(steps)
    never = {"eval_every": NEVER, "checkpoint_every": NEVER, "eval_samples": 1, "stop_early": False}
    train_config = recipe.train.model_copy(update={"max_steps": WARM + steps + AHEAD} | never)
    watch = _Watch(device)
    with tempfile.TemporaryDirectory() as folder:
        progress = Trainer(
            recipe.model_copy(update={"train": train_config}), Run(Path(folder)), device=device, callback=watch, fused=fused
        ).fit()
    if progress.status == "interrupted":
        raise KeyboardInterrupt
    return steps * train_config.batch_size / (watch.at[WARM + steps] - watch.at[WARM])


def pages_of(recipe: Recipe, step: int) -> list[str]:
    """The pages that arithgpt learns from in a step, as texts."""
    train_config = recipe.train
    return recipe.problems.batch(train_config.batch_size, seed=recipe.seed, split="train", rank=0, step=step).texts()


class Sums:
    """The textbook's own sums, of the lengths that a recipe of `add` has."""

    def __init__(self, recipe: Recipe, seed: int) -> None:
        self.n, self.digits, self.rng = recipe.train.batch_size, recipe.problems.size_span, random.Random(seed)
        self.longest = 3 * self.digits[1] + 4  # two numbers, their sum, and + = $

    def __call__(self) -> list[str]:
        return [textbook.page(self.rng, "add", self.digits) for _ in range(self.n)]


class Given:
    """The pages of a recipe's own steps, made before and given over and over."""

    def __init__(self, recipe: Recipe, steps: int) -> None:
        self.steps = [pages_of(recipe, step) for step in range(WARM, WARM + steps)]
        self.longest = max(len(text) for pages in self.steps for text in pages)
        self.next = 0

    def __call__(self) -> list[str]:
        self.next += 1
        return self.steps[(self.next - 1) % len(self.steps)]


def textbook_size(recipe: Recipe, pages: Sums | Given) -> textbook.Size:
    """A textbook's GPT as large as a recipe's; where blocks have different numbers of heads it has the most in each."""
    return sized(recipe, pages.longest)


def sized(recipe: Recipe, longest: int) -> textbook.Size:
    """The same for pages of so many characters; the most heads of a block, or the next number that divides the width."""
    model = recipe.model
    heads = next(n for n in range(max(model.heads), 0, -1) if model.n_embd % n == 0)
    return textbook.Size(model.n_layer, heads, model.n_embd, longest, len(recipe.problems.alphabet))


def theirs(model: nn.Module, pages: Maker, alphabet: str, device: torch.device, steps: int) -> float:
    """Examples/s of the textbook's loop over so many steps, after a few that are not counted."""
    optimiser, done = textbook.make_optimiser(model), 0
    for step in range(3 + steps):
        if step == 3:
            synchronize(device)
            began = time.perf_counter()
        texts = pages()
        loss = textbook.train_step(model, optimiser, *textbook.batch(texts, alphabet, device))
        done += len(texts) * (step >= 3)
        if step % LOG_EVERY == 0:
            loss.item()  # it is looked at as often as arithgpt's is
    synchronize(device)
    return done / (time.perf_counter() - began)


def gpt2(size: textbook.Size) -> nn.Module:
    """transformers' GPT-2 of the same size, without dropout, that gives logits. ImportError where the extra `hf` is missing."""
    from transformers import GPT2Config, GPT2LMHeadModel

    class Logits(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            shape = {"n_layer": size.n_layer, "n_head": size.n_head, "n_embd": size.n_embd, "n_positions": size.block_size}
            off = {"resid_pdrop": 0.0, "embd_pdrop": 0.0, "attn_pdrop": 0.0, "bos_token_id": 0, "eos_token_id": None}
            self.gpt2 = GPT2LMHeadModel(GPT2Config(vocab_size=size.vocab_size, **shape, **off))

        def forward(self, ids: Tensor) -> Tensor:
            return self.gpt2(input_ids=ids, use_cache=False).logits

    return Logits()


def _loop_over_heads(recipe: Recipe, plan: Plan, tell: Tell) -> Case:
    """arithgpt's model without positions, forward and backward, beside the same with a loop over its heads."""
    device = torch.device(plan.device)
    config, alphabet = recipe.model.model_copy(update={"positions": "none"}), recipe.problems.alphabet
    batched = build_model(config, alphabet, 0).to(device)
    looped = Looped(batched).to(device)
    pages = recipe.problems.batch(recipe.train.batch_size, seed=recipe.seed, split="train", rank=0, step=0)
    inputs, targets = (part.to(device) for part in collate(pages, Tokenizer(alphabet)))

    def step(model: Callable[[Tensor], Tensor], parameters: list[Tensor]) -> int:
        loss = F.cross_entropy(model(inputs).flatten(0, 1), targets.flatten(), ignore_index=IGNORED)
        torch.autograd.grad(loss, parameters)
        synchronize(device)
        return len(inputs)

    sides = {
        "all heads at once": partial(rate, lambda: step(batched, list(batched.parameters())), plan.seconds),
        "heads in a loop": partial(rate, lambda: step(looped, list(looped.parameters())), plan.seconds),
    }
    values = by_turns(sides, plan.repeats, lambda what: tell(f"train, heads: {what}"))
    heads = ", ".join(map(str, dict.fromkeys(config.heads)))
    name = f"{heads} heads of {config.head_size}, {config.n_layer} layers, no positions"
    return Case("train", name, "examples/s", tuple(Side(side, tuple(values[side])) for side in sides))
