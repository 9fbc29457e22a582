"""Training until a proof: try to prove the model at validations, and learn the problems that show what is not proven.

Each window that is not proven is turned into real problems. From a few steps later on they are a share of each batch, until the
next attempt replaces them (counterexample-guided inductive synthesis, Solar-Lezama, 2008). Held-out problems are never learned.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from arithgpt.config.recipe import Recipe
from arithgpt.errors import UserError
from arithgpt.proof.families.covered import family_of
from arithgpt.proof.margins import window_margins
from arithgpt.proof.model import ProvableModel, check_config
from arithgpt.proof.windows import NotCoveredError
from tasks import Task

MAX_WINDOWS = 256  # that are turned into problems, the least proven ones
EACH, MIN_PROBLEMS = 4, 64  # problems for each window, and in all: a few windows need different problems, too
STREAM = 5  # of random numbers; 0 to 4 have other uses (data/finite_set.py)


@dataclass(frozen=True)
class Attempt:
    """What came of trying to prove a model."""

    n_windows: int
    n_open: int
    """How many windows are not proven."""
    questions: list[str]
    """Problems on whose pages these windows stand, none of them held out."""

    @property
    def summary(self) -> str:
        """The outcome in one line."""
        if self.n_open == 0:
            return f"proof: all {self.n_windows:,} windows are proven"
        learned = f"{len(self.questions):,} problems with them are to be learned"
        return f"proof: {self.n_open:,} of {self.n_windows:,} windows are not proven; {learned}"


def check_covered(recipe: Recipe, weights: Mapping[str, NDArray[Any]]) -> None:
    """Check before training that a recipe can be proven.

    Args:
        recipe: of the run
        weights: initial ones, which say what the heads read

    Raises:
        UserError: the prover does not cover its task or its model, or the heads do not see enough
    """
    try:
        family = family_of(recipe.problems)
        check_config(recipe.model)
        family.windows(ProvableModel.of(recipe.model, recipe.alphabet, weights).cells)
    except NotCoveredError as error:
        raise UserError(f"train.until_proven = true: {error}") from None


def attempt(recipe: Recipe, weights: Mapping[str, NDArray[Any]], step: int) -> Attempt:
    """Try to prove a model in training.

    Args:
        recipe: that `check_covered` accepts
        weights: by the names of the model's `state_dict`
        step: seeds the problems
    """
    windows, found = window_margins(recipe, weights)
    slack = found.margin - found.bound
    n_open = int((~found.is_proven).sum())
    rng, family, task = np.random.default_rng([recipe.seed, STREAM, step]), family_of(recipe.problems), recipe.problems
    rows = np.argsort(slack, kind="stable")[: min(n_open, MAX_WINDOWS)].tolist()
    each = max(EACH, MIN_PROBLEMS // max(len(rows), 1))
    questions = [question for row in rows for question in family.questions(windows, row, rng, each)]
    return Attempt(len(windows), n_open, _seen(task, questions))


def _seen(task: Task, questions: list[str]) -> list[str]:
    """Return the different questions that may be trained on."""
    different = list(dict.fromkeys(questions))
    if not different:
        return []
    held_out = task.held_out(task.problems(different)).tolist()
    return [question for question, is_held_out in zip(different, held_out, strict=True) if not is_held_out]
