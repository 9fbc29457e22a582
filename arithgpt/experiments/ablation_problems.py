"""The problems that all variants of an ablation are asked: sizes of training, and sizes beyond them."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from arithgpt.config.recipe import Recipe
from arithgpt.errors import UserError
from arithgpt.experiments.trial import Trial
from eval.spec import EvalSpec, default_sizes, fits
from tasks import ProblemSize, Task, sizes

IN_RANGE, BEYOND, SEEN = "in range", "beyond", "seen"
N_DEFAULT_BEYOND = 2
"""How many of a task's own long sizes are asked: twice and five times the longest of training."""
SEED = 1
"""Seed of the problems, the same as the default of `arithgpt eval`."""


def choose_problems(recipe: Recipe, named: Sequence[ProblemSize] | None, samples: int) -> tuple[EvalSpec, pd.DataFrame]:
    """Choose the problems that every variant is asked.

    Args:
        recipe: the recipe of the baseline
        named: sizes beyond training; None: twice and five times the longest of training
        samples: different problems of each size, at most

    Returns:
        The spec, and a row for each problem: task, digits, question, held_out, and `where`. This is BEYOND for sizes beyond
        training, IN_RANGE for held-out problems, and SEEN for others, which do not count. Where no problem of training is held
        out, all of them are IN_RANGE.

    Raises:
        UserError: the sizes are too long, or sizes of training.
    """
    asked: dict[str, list[ProblemSize]] = {}
    beyond: dict[str, list[ProblemSize]] = {}
    for task in recipe.problems.subtasks.values():
        inside = [size for size in default_sizes(task) if fits(task, size)]
        try:
            beyond[task.name] = _sizes_beyond(task, named)
        except ValueError as error:
            raise UserError(f"--ood-digits: {error}") from None
        asked[task.name] = [*inside, *beyond[task.name]]
    for size in named or ():
        if not any(size in outside for outside in beyond.values()):
            raise UserError(f"--ood-digits {sizes.format_size(size)}: is a length of training")
    spec = EvalSpec(asked, ("random",), samples, SEED)
    problems = _draw_problems(recipe, spec)
    outside = {(name, sizes.format_size(size)) for name, own in beyond.items() for size in own}
    problems["where"] = _where(problems, outside)
    return spec, problems


def check_same_problems(trials: Sequence[Trial], spec: EvalSpec, problems: pd.DataFrame) -> None:
    """Check that every variant has the problems of the baseline.

    Args:
        trials: one trial of each variant, the baseline first
        spec: what the baseline is asked
        problems: the problems of the baseline, as `choose_problems` returns them

    Raises:
        UserError: a variant has other problems.
    """
    baseline = trials[0]
    for trial in trials[1:]:
        if trial.recipe.task == baseline.recipe.task:
            continue
        ours, theirs = (one.recipe.problems.subtasks.keys() for one in (trial, baseline))
        try:
            same = ours == theirs and _draw_problems(trial.recipe, spec).equals(problems.drop(columns="where"))
        except ValueError:
            same = False
        if not same:
            [field] = [key for key, value in trial.values.items() if baseline.values[key] != value]
            raise UserError(f"--vary {field}: makes other problems, so that the variants cannot be compared")


def _sizes_beyond(task: Task, named: Sequence[ProblemSize] | None) -> list[ProblemSize]:
    """List the sizes beyond training that a task is asked; ValueError where the task has none of this kind."""
    outside = [size for size in dict.fromkeys(named or task.long_sizes) if not _is_trained(task, size)]
    too_long = [size for size in outside if not fits(task, size)]
    if named and too_long:
        raise UserError(f"--ood-digits {sizes.format_size(too_long[0])}: a page of {task.name} would be too long")
    return [size for size in outside if size not in too_long][: None if named else N_DEFAULT_BEYOND]


def _is_trained(task: Task, size: ProblemSize) -> bool:
    """Tell whether a size is one of training."""
    return any(
        one.left.low <= size.left <= one.left.high and one.right.low <= size.right <= one.right.high for one in task.size_ranges
    )


def _draw_problems(recipe: Recipe, spec: EvalSpec) -> pd.DataFrame:
    """Draw the problems of a recipe's tasks; a row for each: task, digits, question, held_out."""
    tables = []
    for task in recipe.problems.subtasks.values():
        for size in spec.sizes_of(task):
            problems = task.test(spec.samples, size, seed=spec.seed)
            columns = {"task": task.name, "digits": sizes.format_size(size), "question": task.questions(problems)}
            tables.append(pd.DataFrame(columns | {"held_out": task.held_out(problems)}))
    return pd.concat(tables, ignore_index=True)


def _where(problems: pd.DataFrame, outside: set[tuple[str, str]]) -> list[str]:
    """Say of each problem whether it is BEYOND, IN_RANGE or SEEN; `outside` holds task and digits of sizes beyond training."""
    is_beyond = pd.Series([pair in outside for pair in zip(problems.task, problems.digits, strict=True)], problems.index)
    none_held_out = not problems.held_out[~is_beyond].any()
    counts = problems.held_out | none_held_out
    return [BEYOND if far else IN_RANGE if near else SEEN for far, near in zip(is_beyond, counts, strict=True)]
