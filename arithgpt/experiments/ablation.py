"""Variants of a recipe with one field changed each, trained with the same seeds and an equal budget, asked the same problems.

    ablation = planned("add", ["positions=page,rope", "n_layer=2,3"], seeds=5)
    ablation.variants    baseline: page and 2 layers;   positions rope: rope and 2;   n_layer 3: page and 3
    ablation.trials      add-page-n_layer2-s0, add-rope-n_layer2-s0, ...: each a run of its own, trained by sweep.py

The baseline has the first value of each field that varies, or what the recipe itself says. What came of it: findings.py.
"""

from __future__ import annotations

import dataclasses
import difflib
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from arithgpt.config.recipe import Recipe, check_task_name, load_recipe, toml_value
from arithgpt.errors import UserError
from arithgpt.experiments.grid import OTHER_NAME, Trial, make_trials
from arithgpt.training.init_weights import resolve
from eval.metrics.paired_tests import seeds_needed
from eval.spec import EvalSpec, default_sizes, fits
from tasks import ProblemSize, Task, sizes

IN_RANGE, BEYOND, SEEN = "in range", "beyond", "seen"
BEYOND_LENGTHS = 2  # of those that a task has by itself: twice and five times the longest of training
EXAM_SEED = 1  # of the problems; that of `arithgpt eval`
SAME_BUDGET = ("max_steps", "eval_every", "eval_samples")
_BETWEEN = re.compile(r""",(?![^\[]*\])(?=(?:[^"]*"[^"]*")*[^"]*$)""")  # a comma outside of brackets and quotes


@dataclass(frozen=True)
class Variant:
    """The recipe with the values of one point."""

    name: str
    values: Mapping[str, Any]
    """Of all fields that vary, by dotted name."""


@dataclass(frozen=True)
class Ablation:
    """What is trained, and what it is asked."""

    name: str
    variants: Sequence[Variant]
    """The baseline first."""
    seeds: Sequence[int]
    trials: Sequence[Trial]
    """Seed by seed, all variants of each by turns: what slows the machine for a while slows all variants alike."""
    exam: EvalSpec
    asked: pd.DataFrame
    """Every problem: task, digits, question, where (IN_RANGE, BEYOND or SEEN, which does not count)."""

    def variant(self, number: int) -> Variant:
        """That of a trial."""
        return self.variants[number % len(self.variants)]


def planned(
    text: str,
    varied: Sequence[str],
    *,
    seeds: int | None = None,
    own: bool = False,
    overrides: Sequence[str] = (),
    steps: int | None = None,
    name: str | None = None,
    beyond: str | None = None,
    samples: int = 1000,
    level: float = 0.05,
) -> Ablation:
    """All that is to be done, checked before anything begins.

    text: a recipe's file, or a task; varied: as in "positions=page,rope"; own: the baseline is the recipe's own value
    seeds: from the recipe's on; None is the fewest with which a difference can be shown at this level
    UserError for anything that cannot be done, or would be no fair comparison.
    """
    if seeds is not None and seeds < 2:
        raise UserError(f"--seeds {seeds}: must be 2 at least, as the unit of the test is the seed")
    if not 0 < level < 1:
        raise UserError(f"--level {level}: must be above 0 and below 1")
    source = _source(text) | {"overrides": overrides}
    fixed = {"train.stop_early": False, "train.max_steps": steps}
    base = load_recipe(**source, options=fixed)
    if base.text:
        raise UserError(f"{text}: a text has no problems to ask; sweep tells the held-out loss of several recipes")
    variants = _variants(base, varied, own)

    def make(point: Mapping[str, Any]) -> Recipe:
        return resolve(load_recipe(**source, options=fixed | _as_many_examples(base, variants[0], point) | dict(point)))

    seeds = seeds or max(2, seeds_needed(level, len(variants) - 1))
    own_seeds = range(base.seed, base.seed + seeds)
    stem = name or (Path(text).stem if source.get("file") else text.replace(":", "-"))
    trials = make_trials(stem, [one.values | {"seed": seed} for seed in own_seeds for one in variants], make, f"ablate {text}")
    for trial in trials:
        _check_budget(trial)
    exam, asked = _exam(trials[0].recipe, beyond, samples)
    _check_same_problems(trials[: len(variants)], exam, asked)
    return Ablation(stem, variants, own_seeds, trials, exam, asked)


def _source(text: str) -> dict[str, Any]:
    """What `load_recipe` is told of a file, or of a task."""
    if text.endswith(".toml") or "/" in text:
        if not Path(text).is_file():
            raise UserError(f"{text}: there is no such recipe")
        return {"file": Path(text)}
    return {"task": check_task_name(text, "RECIPE ")}


def _variants(base: Recipe, varied: Sequence[str], own: bool) -> list[Variant]:
    """The baseline, and each other value of each field by itself."""
    fields: dict[str, list[Any]] = {}
    said = base.model_dump(mode="json")
    for text in varied:
        key, equals, listed = text.partition("=")
        values = [toml_value(value.strip()) for value in _BETWEEN.split(listed)]
        if not equals or not key.strip() or "" in values:
            raise UserError(f"--vary {text}: must be FIELD=VALUE,VALUE,..., as in positions=page,rope")
        field = full_name(key.strip(), base)
        if field in fields:
            raise UserError(f"--vary {text}: {field} is varied twice")
        if own:
            is_ = _said(said, field)
            if is_ is None:
                raise UserError(f"--vary {text}: the recipe does not say its own {field}; leave --baseline out")
            values = [is_, *(value for value in values if value != is_)]
        if any(values.count(value) > 1 for value in values):
            raise UserError(f"--vary {text}: has a value twice")
        if len(values) < 2:
            alone = "no other value than the recipe's own" if own else "one value; --baseline compares it with the recipe's own"
            raise UserError(f"--vary {text}: has {alone}")
        fields[field] = values
    if not fields:
        raise UserError("ablate: needs a field to vary, as in --vary positions=page,rope")
    first = {field: values[0] for field, values in fields.items()}
    short = {field: _short(field, fields) for field in fields}
    alone = len(fields) == 1
    others = [(field, value) for field, values in fields.items() for value in values[1:]]
    return [
        Variant(_shown(*first.values()) if alone else "baseline", first),
        *(Variant(f"{'' if alone else f'{short[field]} '}{_shown(value)}", first | {field: value}) for field, value in others),
    ]


def _shown(value: Any) -> str:
    return value if isinstance(value, str) and value else json.dumps(value)


def _short(field: str, fields: Mapping[str, Any]) -> str:
    last = field.rpartition(".")[2]
    return last if sum(other.rpartition(".")[2] == last for other in fields) == 1 else field


def _said(tables: Mapping[str, Any], field: str) -> Any:
    found: Any = tables
    for key in field.split("."):
        found = found.get(key) if isinstance(found, Mapping) else None
    return found


def full_name(name: str, recipe: Recipe) -> str:
    """The dotted field that is meant: `model.positions` for positions. UserError for one that is unknown, ambiguous or not to
    be varied."""
    known = [*_fields(recipe)]
    found = [name] if name in known else [field for field in known if field.endswith(f".{name}")]
    if len(found) > 1:
        raise UserError(f"--vary {name}: may be {' or '.join(found)}; name it in full")
    if not found:
        by_last = {field.rpartition(".")[2]: field for field in known}
        near = difflib.get_close_matches(name, [*known, *by_last], n=1)
        raise UserError(f"--vary {name}: no such field{f'; did you mean {near[0]}?' if near else ''}")
    [field] = found
    if field == "seed":
        raise UserError("--vary seed: every variant has the same seeds, as many as --seeds says")
    if field.startswith("train.") and field != "train.batch_size":
        raise UserError(f"--vary {name}: every variant has the same budget; --set {field}=VALUE changes it for all")
    return field


def _fields(recipe: Recipe) -> Iterator[str]:
    """Every field of a recipe, by dotted name; those of the task are its options, of a mixture also its parts'."""

    def options(of: Any, before: str) -> Iterator[str]:
        for option in dataclasses.fields(of):
            value = getattr(of, option.name)
            yield f"{before}.{option.name}"
            if dataclasses.is_dataclass(value):
                yield from options(value, f"{before}.{option.name}")

    for section in ("model", "optim", "train", "init"):
        yield from (f"{section}.{field}" for field in type(getattr(recipe, section)).model_fields)
    yield from options(recipe.problems, "task")
    yield "seed"


def _as_many_examples(base: Recipe, baseline: Variant, point: Mapping[str, Any]) -> dict[str, int]:
    """Steps, and steps between looks, for as many examples as the baseline, where the examples of a step vary."""
    key, train_config = "train.batch_size", base.train
    if key not in point or type(point[key]) is not int or type(baseline.values[key]) is not int or point[key] < 1:
        return {}
    ratio = baseline.values[key] / point[key]
    return {f"train.{name}": max(1, round(getattr(train_config, name) * ratio)) for name in ("max_steps", "eval_every")}


def _check_budget(trial: Trial) -> None:
    """UserError where its run is there already with another budget: seeds would not be comparable."""
    run = trial.run()
    for name in SAME_BUDGET if run is not None else ():
        ours, theirs = (getattr(recipe.train, name) for recipe in (trial.recipe, run.recipe))
        if ours != theirs:
            raise UserError(f"{run.path}: is there already with train.{name} = {theirs}, here {ours}; {OTHER_NAME}")


def _exam(recipe: Recipe, beyond: str | None, samples: int) -> tuple[EvalSpec, pd.DataFrame]:
    """What is asked: the lengths of the baseline's training, and some beyond them."""
    try:
        named = sizes.parse_sizes(beyond) if beyond is not None else None
    except ValueError as error:
        raise UserError(f"--ood-digits {beyond}: {error}") from None
    cells, beyond_of = {}, {}
    for part in recipe.problems.subtasks.values():
        inside = [cell for cell in default_sizes(part) if fits(part, cell)]
        outside = [cell for cell in dict.fromkeys(named or part.long_sizes) if not _trained(part, cell)]
        try:
            long = [cell for cell in outside if not fits(part, cell)]
        except ValueError as error:
            raise UserError(f"--ood-digits {beyond}: {error}") from None
        if named and long:
            raise UserError(f"--ood-digits {sizes.format_size(long[0])}: a page of {part.name} would be too long")
        outside = [cell for cell in outside if cell not in long][: None if named else BEYOND_LENGTHS]
        cells[part.name], beyond_of[part.name] = [*inside, *outside], outside
    for cell in named or ():
        if not any(cell in outside for outside in beyond_of.values()):
            raise UserError(f"--ood-digits {sizes.format_size(cell)}: is a length of training")
    exam = EvalSpec(cells, ("random",), samples, EXAM_SEED)
    asked = _problems(recipe, exam)
    outside = {(name, sizes.format_size(cell)) for name, own in beyond_of.items() for cell in own}
    is_outside = [pair in outside for pair in zip(asked.task, asked.digits, strict=True)]
    inside = asked.held_out | (~asked.held_out[[not far for far in is_outside]]).all()  # all there are, where none is held out
    asked["where"] = [BEYOND if far else IN_RANGE if near else SEEN for far, near in zip(is_outside, inside, strict=True)]
    return exam, asked


def _trained(task: Task, cell: ProblemSize) -> bool:
    return any(box.left[0] <= cell[0] <= box.left[1] and box.right[0] <= cell[1] <= box.right[1] for box in task.size_ranges)


def _problems(recipe: Recipe, exam: EvalSpec) -> pd.DataFrame:
    """The problems that a trial of this recipe is asked: task, digits, question, held_out."""
    tables = []
    for part in recipe.problems.subtasks.values():
        for cell in exam.sizes_of(part):
            problems = part.test(exam.samples, cell, seed=exam.seed)
            about = {"task": part.name, "digits": sizes.format_size(cell), "question": part.questions(problems)}
            tables.append(pd.DataFrame(about | {"held_out": part.held_out(problems)}))
    return pd.concat(tables, ignore_index=True)


def _check_same_problems(trials: Sequence[Trial], exam: EvalSpec, asked: pd.DataFrame) -> None:
    """UserError where a variant has other problems than the baseline."""
    baseline = trials[0]
    for trial in trials[1:]:
        if trial.recipe.task == baseline.recipe.task:
            continue
        ours, theirs = (one.recipe.problems.subtasks.keys() for one in (trial, baseline))
        try:
            same = ours == theirs and _problems(trial.recipe, exam).equals(asked.drop(columns="where"))
        except ValueError:
            same = False
        if not same:
            [field] = [key for key, value in trial.values.items() if baseline.values[key] != value]
            raise UserError(f"--vary {field}: makes other problems, so that the variants cannot be compared")
