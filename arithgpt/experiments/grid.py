"""A sweep: a recipe file with a table [sweep] that makes it many recipes.

    [task]
    name = "add"
    digits = "1-8"
    [sweep]
    "model.positions" = ["page", "learned"]
    "model.n_layer" = [1, 2]
    seed = [0, 1, 2]

In a file `adders.toml` these are twelve trials: runs/adders-page-n_layer1-s0, and so on. Fields that change together stand in
tables, each of which is one value of the grid. An example is a width that depends on the architecture:

    [[sweep.together]]
    "model.arch" = "gpt"
    "model.n_embd" = 32
    [[sweep.together]]
    "model.arch" = "lstm"
    "model.n_embd" = 40
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from arithgpt.config.recipe import SWEEP, changed, read_tables
from arithgpt.errors import UserError
from arithgpt.experiments.trial import Trial, make_trials
from arithgpt.training.init_weights import resolve

TOGETHER = "together"
"""Name of the tables in [sweep] whose fields change together."""


def load_sweep(file: Path) -> list[Trial]:
    """Load the trials of a sweep.

    Args:
        file: a recipe file with a table [sweep]

    Returns:
        One trial for each combination of values.

    Raises:
        UserError: the file cannot be read, has no valid grid, or makes a recipe that is invalid.
    """
    tables = read_tables(file)
    grid = tables.pop(SWEEP, None)
    if not isinstance(grid, dict) or not grid:
        raise UserError(f'{file}: must have a table [{SWEEP}] of fields with lists of values, as in "model.n_layer" = [1, 2]')
    together = _check_together(grid.pop(TOGETHER, [{}]), grid, str(file))
    for name, values in grid.items():
        if isinstance(values, dict):
            raise UserError(f'{file}: {SWEEP}.{name} is a table: a dotted field needs quotes, as in "model.n_layer" = [1, 2]')
        if not isinstance(values, list) or not values or any(values.count(value) > 1 for value in values):
            raise UserError(f"{file}: {SWEEP}.{name} = {values!r}: must be a list of different values")
    points = [
        first | dict(zip(grid, values, strict=True)) for first in together for values in itertools.product(*grid.values())
    ]
    return make_trials(file.stem, points, lambda point: resolve(changed(tables, point, str(file))), str(file))


def _check_together(tables: object, grid: Mapping[str, Any], source: str) -> list[dict[str, Any]]:
    """Return the tables of fields that change together; raise UserError where they are not different values of the same."""
    prefix = f"{source}: {SWEEP}.{TOGETHER}"
    if not isinstance(tables, list) or not tables or not all(isinstance(table, dict) for table in tables):
        raise UserError(f"{prefix}: must be tables, each begun by [[{SWEEP}.{TOGETHER}]]")
    for table in tables:
        for name, value in table.items():
            if isinstance(value, dict):
                raise UserError(f'{prefix}: {name} is a table: a dotted field needs quotes, as in "model.n_layer" = 2')
            if name in grid:
                raise UserError(f"{prefix}: {name} has a list of its own in [{SWEEP}] too")
        if odd := sorted(table.keys() ^ tables[0].keys()):
            raise UserError(f"{prefix}: every table must have the same fields; not all have {odd[0]}")
        if tables.count(table) > 1:
            raise UserError(f"{prefix}: {table} is there twice")
    return tables
