"""A grid of recipes, each of which is to be trained as a run of its own (sweep.py).

    [task]
    name = "add"
    digits = "1-8"
    [sweep]
    "model.positions" = ["page", "learned"]
    "model.n_layer" = [1, 2]
    seed = [0, 1, 2]

In a file `adders.toml` these are twelve trials: runs/adders-page-n_layer1-s0, ... Fields that change together, as the width
does with the kind of net where nets of one size are compared, stand in tables, each of them one value of the grid:

    [[sweep.together]]
    "model.arch" = "gpt"
    "model.n_embd" = 32
    [[sweep.together]]
    "model.arch" = "lstm"
    "model.n_embd" = 40
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from arithgpt.config.recipe import SWEEP, Recipe, changed, read_tables
from arithgpt.errors import UserError
from arithgpt.run import NAME, Run, runs_folder
from arithgpt.training.init_weights import resolve

TOGETHER = "together"  # the name in that table of the tables of fields that change as one
OTHER_NAME = "give these trials another name, by that of the sweep's file or by --name of ablate"


@dataclass(frozen=True)
class Trial:
    """One point of the grid."""

    name: str
    """Of its run."""
    values: Mapping[str, Any]
    """Of the fields that vary, by dotted name."""
    recipe: Recipe

    def run(self) -> Run | None:
        """Its run, if it has been begun. UserError where the folder of that name is another recipe's."""
        run = Run(runs_folder() / self.name)
        if not run.path.exists():
            return None
        if run.recipe.identity != self.recipe.identity:
            raise UserError(f"{run.path}: is there already with another recipe; {OTHER_NAME}")
        return run

    @property
    def is_done(self) -> bool:
        """Whether its run has nothing left to do."""
        run, train_config = self.run(), self.recipe.train
        if run is None or not run.has_weights:
            return False
        reached = run.info.get("status") == "reached target" and train_config.stop_early
        return run.info.get("step", 0) >= train_config.max_steps or (
            reached and run.recipe.train.target_accuracy >= train_config.target_accuracy
        )


def load_sweep(file: Path) -> list[Trial]:
    """The trials of a file. UserError for one that cannot be read, has no grid, or a recipe that is none."""
    data = read_tables(file, str(file))
    grid = data.pop(SWEEP, None)
    if not isinstance(grid, dict) or not grid:
        raise UserError(f'{file}: must have a table [{SWEEP}] of fields with lists of values, as in "model.n_layer" = [1, 2]')
    together = _together(grid.pop(TOGETHER, [{}]), grid, str(file))
    for name, values in grid.items():
        if isinstance(values, dict):
            raise UserError(f'{file}: {SWEEP}.{name} is a table: a dotted field needs quotes, as in "model.n_layer" = [1, 2]')
        if not isinstance(values, list) or not values or any(values.count(value) > 1 for value in values):
            raise UserError(f"{file}: {SWEEP}.{name} = {values!r}: must be a list of different values")
    points = [
        first | dict(zip(grid, values, strict=True)) for first in together for values in itertools.product(*grid.values())
    ]
    return make_trials(file.stem, points, lambda point: resolve(changed(data, point, str(file))), str(file))


def _together(tables: object, grid: Mapping[str, Any], source: str) -> list[dict[str, Any]]:
    """The tables of fields that change together, all of the same fields; UserError where they are none."""
    wanted = f"{source}: {SWEEP}.{TOGETHER}"
    if not isinstance(tables, list) or not tables or not all(isinstance(table, dict) for table in tables):
        raise UserError(f"{wanted}: must be tables, each begun by [[{SWEEP}.{TOGETHER}]]")
    for table in tables:
        for name, value in table.items():
            if isinstance(value, dict):
                raise UserError(f'{wanted}: {name} is a table: a dotted field needs quotes, as in "model.n_layer" = 2')
            if name in grid:
                raise UserError(f"{wanted}: {name} has a list of its own in [{SWEEP}] too")
        if odd := sorted(table.keys() ^ tables[0].keys()):
            raise UserError(f"{wanted}: every table must have the same fields; not all have {odd[0]}")
        if tables.count(table) > 1:
            raise UserError(f"{wanted}: {table} is there twice")
    return tables


def make_trials(
    stem: str, points: Sequence[Mapping[str, Any]], make: Callable[[Mapping[str, Any]], Recipe], source: str
) -> list[Trial]:
    """A trial for each point, called after its values: `adders-page-s0`. UserError where a name is unfit or there twice."""
    trials: dict[str, Trial] = {}
    for point in points:
        name = "-".join([stem, *(_in_a_name(key, value) for key, value in point.items())])
        if not NAME.fullmatch(name):
            raise UserError(f"{source}: a run cannot be called {name}; give it a short name of letters and digits")
        recipe = make(point)
        if name in trials:
            raise UserError(f"{source}: two trials would be called {name}")
        trials[name] = Trial(name, point, recipe)
    return list(trials.values())


def _in_a_name(key: str, value: Any) -> str:
    """`page` of positions, `n_layer2`, `s0` of a seed."""
    text = re.sub("[^A-Za-z0-9.]+", "-", str(value)).strip("-")
    return text if isinstance(value, str) else f"{'s' if key == 'seed' else key.split('.')[-1]}{text}"
