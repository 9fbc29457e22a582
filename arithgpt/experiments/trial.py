"""One trial of a sweep or an ablation: a recipe that is trained as a run of its own."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from arithgpt.config.fields import differing_fields
from arithgpt.config.recipe import Recipe
from arithgpt.errors import UserError
from arithgpt.run_folder import NAME, RunFolder, runs_folder

OTHER_NAME = "give these trials another name: rename the sweep's file, or use --name of ablate"
NOT_IN_IDENTITY = ("train.checkpoint_every", "task.path", "init.run", "data.pages")
"""Fields in which two recipes of the same identity may differ."""


@dataclass(frozen=True)
class Trial:
    """A recipe and the name of its run."""

    name: str
    values: Mapping[str, Any]
    """Dotted field -> value, of the fields that vary between trials."""
    recipe: Recipe

    def find_run(self) -> RunFolder | None:
        """Find the run of this trial.

        Returns:
            The run, or None where it has not been started.

        Raises:
            UserError: a run of that name has another recipe. Recipes with different numbers of steps are different, too.
        """
        run = RunFolder(runs_folder() / self.name)
        if not run.path.exists():
            return None
        if run.recipe.identity != self.recipe.identity:
            difference = _first_difference(run.recipe, self.recipe)
            raise UserError(f"{run.path}: is there already with another recipe{difference}; {OTHER_NAME}")
        return run

    @property
    def is_done(self) -> bool:
        """Whether the run of this trial has been trained to its end."""
        run = self.find_run()
        if run is None or not run.has_weights:
            return False
        return run.info.get("status") in ("reached target", "proven") or run.info.get("step", 0) >= self.recipe.train.max_steps


def make_trials(
    stem: str, points: Iterable[Mapping[str, Any]], make_recipe: Callable[[Mapping[str, Any]], Recipe], source: str
) -> list[Trial]:
    """Make one trial for each point, named after its values, as in `adders-page-s0`.

    Args:
        stem: how every name begins
        points: dotted field -> value, for each trial
        make_recipe: makes the recipe of a point
        source: the file or command that messages name

    Raises:
        UserError: a recipe is invalid, a name cannot be that of a run, or two trials would have the same name.
    """
    trials: dict[str, Trial] = {}
    for point in points:
        name = "-".join([stem, *(_name_part(field, value) for field, value in point.items())])
        if not NAME.fullmatch(name):
            raise UserError(f"{source}: a run cannot be called {name}; give it a short name of letters and digits")
        recipe = make_recipe(point)
        if name in trials:
            raise UserError(f"{source}: two trials would be called {name}")
        trials[name] = Trial(name, point, recipe)
    return list(trials.values())


def _name_part(field: str, value: Any) -> str:
    """Write a value as part of a name: `page` for a string, `n_layer2` for a number, `s0` for a seed."""
    text = re.sub("[^A-Za-z0-9.]+", "-", str(value)).strip("-")
    return text if isinstance(value, str) else f"{'s' if field == 'seed' else field.split('.')[-1]}{text}"


def _first_difference(theirs: Recipe, ours: Recipe) -> str:
    """Describe the first field in which two recipes differ, as in ` (train.max_steps = 6, here 9)`."""
    for field, (before, now) in differing_fields(theirs, ours).items():
        if field not in NOT_IN_IDENTITY:
            return f" ({field} = {before}, here {now})"
    return ""
