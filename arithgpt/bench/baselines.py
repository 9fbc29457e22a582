"""What training is compared with: the textbook's loop on its own sums, and transformers' GPT-2 in the same loop."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from typing import TypeAlias

import torch
from torch import Tensor, nn

from arithgpt.bench import textbook
from arithgpt.config.recipe import Recipe
from arithgpt.runtime import synchronize
from arithgpt.training.trainer import LOG_EVERY

WARM_STEPS = LOG_EVERY
"""Steps of arithgpt before the clock starts."""
NO_TRANSFORMERS = "transformers' GPT-2 is left out: it is not installed (pip install 'arithgpt[hf]')"
PageMaker: TypeAlias = Callable[[], list[str]]
"""Returns the pages of the next step."""


def step_pages(recipe: Recipe, step: int) -> list[str]:
    """Return the pages that arithgpt learns from in a step, as texts."""
    train_config = recipe.train
    return recipe.problems.batch(train_config.batch_size, seed=recipe.seed, split="train", rank=0, step=step).texts()


class SumPages:
    """Makes sums with the textbook's generator, of the lengths of a recipe of `add`."""

    def __init__(self, recipe: Recipe, seed: int) -> None:
        self.n, self.digits, self.rng = recipe.train.batch_size, recipe.problems.size_span, random.Random(seed)
        self.longest = 3 * self.digits[1] + 4  # two numbers, their sum, and + = $

    def __call__(self) -> list[str]:
        return [textbook.page(self.rng, "add", self.digits) for _ in range(self.n)]


class FixedPages:
    """Returns the pages of a recipe's own steps, which are made once, over and over."""

    def __init__(self, recipe: Recipe, steps: int) -> None:
        self.steps = [step_pages(recipe, step) for step in range(WARM_STEPS, WARM_STEPS + steps)]
        self.longest = max(len(text) for pages in self.steps for text in pages)
        self.next = 0

    def __call__(self) -> list[str]:
        self.next += 1
        return self.steps[(self.next - 1) % len(self.steps)]


def textbook_size(recipe: Recipe, pages: SumPages | FixedPages) -> textbook.Size:
    """Size the textbook's GPT like a recipe's, with room for the longest of these pages."""
    return size_like(recipe, pages.longest)


def size_like(recipe: Recipe, longest: int) -> textbook.Size:
    """Size the textbook's GPT like a recipe's.

    All its blocks have the same number of heads: the most that a block of the recipe has, or the next smaller number that
    divides the width.

    Args:
        recipe: gives layers, heads, width and vocabulary
        longest: characters of the longest page
    """
    model = recipe.model
    heads = next(n for n in range(max(model.heads), 0, -1) if model.n_embd % n == 0)
    return textbook.Size(model.n_layer, heads, model.n_embd, longest, len(recipe.problems.alphabet))


def measure_baseline(model: nn.Module, pages: PageMaker, alphabet: str, device: torch.device, steps: int) -> float:
    """Measure the examples per second of the textbook's loop.

    Args:
        model: any module that returns logits
        pages: returns the pages of the next step
        alphabet: the characters of the pages
        device: where the model is
        steps: measured steps; three more warm up
    """
    optimiser, done = textbook.make_optimiser(model), 0
    for step in range(3 + steps):
        if step == 3:
            synchronize(device)
            start = time.perf_counter()
        texts = pages()
        loss = textbook.train_step(model, optimiser, *textbook.batch(texts, alphabet, device))
        done += len(texts) * (step >= 3)
        if step % LOG_EVERY == 0:
            loss.item()  # read as often as arithgpt logs its loss
    synchronize(device)
    return done / (time.perf_counter() - start)


def gpt2(size: textbook.Size) -> nn.Module:
    """Make transformers' GPT-2 of this size, without dropout; its forward returns logits.

    Raises:
        ImportError: the extra `hf` is missing.
    """
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


def multiplied_weights(module: nn.Module) -> list[Tensor]:
    """List the matrices of a module itself, without embeddings; transformers' Conv1D counts, too."""
    return [w for w in module.parameters(recurse=False) if w.dim() == 2 and not isinstance(module, nn.Embedding)]
