"""Ablations: variants of a recipe that are trained with the same seeds and budget, and asked the same problems.

    ablation = plan_ablation("add", ["positions=page,rope", "n_layer=2,3"], seeds=5)
    ablation.variants    baseline: page and 2 layers;   positions rope: rope and 2;   n_layer 3: page and 3
    ablation.trials      add-page-n_layer2-s0, add-rope-n_layer2-s0, ...: runner.py trains each as a run of its own

`ablation_summary.py` compares the trained variants.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from arithgpt.config.kept import find_recipe, near_recipes
from arithgpt.config.recipe import Recipe, check_task_name, load_recipe
from arithgpt.config.tables import UnknownTaskError
from arithgpt.errors import UserError
from arithgpt.experiments.ablation_problems import check_same_problems, choose_problems
from arithgpt.experiments.trial import Trial, make_trials
from arithgpt.experiments.vary import Variant, parse_variants
from arithgpt.training.init_weights import resolve
from eval.metrics.paired_tests import seeds_needed
from eval.spec import EvalSpec
from tasks import ProblemSize

BATCH_SIZE = "train.batch_size"


@dataclass(frozen=True)
class Ablation:
    """What is trained, and which problems are asked."""

    name: str
    variants: Sequence[Variant]
    """The baseline first."""
    seeds: Sequence[int]
    trials: Sequence[Trial]
    """All variants of the first seed, then those of the next. A machine that is slow for a while slows all variants alike."""
    spec: EvalSpec
    problems: pd.DataFrame
    """Every problem, as `ablation_problems.choose_problems` returns them."""

    def variant_of(self, number: int) -> Variant:
        """Return the variant of a trial, which is given by its index."""
        return self.variants[number % len(self.variants)]


def plan_ablation(
    recipe: str,
    varied: Sequence[str],
    *,
    seeds: int | None = None,
    own_baseline: bool = False,
    overrides: Sequence[str] = (),
    max_steps: int | None = None,
    name: str | None = None,
    ood_sizes: Sequence[ProblemSize] | None = None,
    samples: int = 1000,
    level: float = 0.05,
) -> Ablation:
    """Plan an ablation, and check all of it before anything is trained.

    Args:
        recipe: a recipe file, a task for its built-in recipe, or the name of a kept recipe (config/kept.py)
        varied: fields and values, as in "positions=page,rope"
        seeds: number of seeds, counted from the recipe's seed; None: the fewest that can show a difference at this level
        own_baseline: whether the baseline has the recipe's own values; otherwise it has the first value of each field
        overrides: changes for all variants, as in "model.n_layer=3"
        max_steps: steps of each training; None: those of the recipe
        name: how the names of the runs begin; None: the name of the recipe
        ood_sizes: sizes beyond training to ask; None: twice and five times the longest of training
        samples: different problems of each size, at most
        level: the p from which on a variant helps or hurts

    Raises:
        UserError: something is invalid, or the comparison would not be fair.
    """
    if seeds is not None and seeds < 2:
        raise UserError(f"--seeds {seeds}: must be 2 at least, as the unit of the test is the seed")
    if not 0 < level < 1:
        raise UserError(f"--level {level}: must be above 0 and below 1")
    source: dict[str, Any] = _source(recipe) | {"overrides": overrides}
    fixed = {"train.stop_early": False, "train.max_steps": max_steps}
    base = load_recipe(**source, options=fixed)
    if base.text:
        raise UserError(f"{recipe}: a text has no problems to ask; sweep tells the held-out loss of several recipes")
    variants = parse_variants(base, varied, own_baseline=own_baseline)

    def make_recipe(point: Mapping[str, Any]) -> Recipe:
        options = {**fixed, **_steps_for_equal_examples(base, variants[0], point), **point}
        return resolve(load_recipe(**source, options=options))

    n_seeds = seeds or max(2, seeds_needed(level, len(variants) - 1))
    seed_range = range(base.seed, base.seed + n_seeds)
    stem = name or (Path(recipe).stem if source.get("file") else recipe.replace(":", "-"))
    points = [{**variant.values, "seed": seed} for seed in seed_range for variant in variants]
    trials = make_trials(stem, points, make_recipe, f"ablate {recipe}")
    for trial in trials:
        trial.find_run()
    spec, problems = choose_problems(trials[0].recipe, ood_sizes, samples)
    check_same_problems(trials[: len(variants)], spec, problems)
    return Ablation(stem, variants, seed_range, trials, spec, problems)


def _source(recipe: str) -> dict[str, Any]:
    """Tell a file, a task and a kept recipe apart, in this order; returns arguments of `load_recipe`."""
    if recipe.endswith(".toml") or "/" in recipe or Path(recipe).is_file():
        find_recipe(recipe)
        return {"file": recipe}
    try:
        return {"task": check_task_name(recipe, "RECIPE ")}
    except UnknownTaskError as error:
        near = near_recipes(recipe)
        if not near:
            raise
        if near[0].rpartition("/")[2] != recipe:
            raise UserError(f"{error.in_shell}; or did you mean the kept recipe {near[0]}?") from None
    return {"file": recipe}


def _steps_for_equal_examples(base: Recipe, baseline: Variant, point: Mapping[str, Any]) -> dict[str, int]:
    """Choose the steps, and the steps between validations, so that variants of batch_size see as many examples."""
    if BATCH_SIZE not in point:
        return {}
    own, batch_size = baseline.values[BATCH_SIZE], point[BATCH_SIZE]
    if type(batch_size) is not int or type(own) is not int or batch_size < 1:
        return {}  # the recipe will say what is wrong
    ratio = own / batch_size
    return {f"train.{name}": max(1, round(getattr(base.train, name) * ratio)) for name in ("max_steps", "eval_every")}
