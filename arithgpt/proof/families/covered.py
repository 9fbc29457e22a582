"""The tasks that the prover covers.

A further task needs a `PageFamily` (windows.py), mostly a `ColumnFamily` of a few lines, an entry in `COVERED`, and windows of
its own in proof/checker, which shares no code with this package.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields
from functools import cache
from typing import Any, Final

from arithgpt.config.recipe import DEFAULT_TASK, Recipe, load_recipe
from arithgpt.errors import UserError
from arithgpt.proof.families.multiplication import MultiplicationFamily
from arithgpt.proof.families.reversal import ReverseFamily
from arithgpt.proof.families.strings import CompareFamily, CopyFamily, ParityFamily
from arithgpt.proof.families.sums import AdditionFamily, SubtractionFamily
from arithgpt.proof.model import check_config
from arithgpt.proof.windows import NotCoveredError, PageFamily
from tasks import Task


@dataclass(frozen=True)
class Coverage:
    """What the prover knows of a task."""

    family: Callable[[], PageFamily]
    claim: str
    """What a model does that is proven, after "it"."""
    options: Mapping[str, Any]
    """The options that the pages must have, by name."""


N_COLUMN_CELLS: Final = 4
"""The cells that heads read where model.kernel_heads names no others."""
COVERED: Mapping[str, Coverage] = {
    "add": Coverage(
        AdditionFamily,
        "adds any two numbers, of any length",
        {"order": "reversed", "pad": False, "signs": True, "index_hints": False, "scratchpad": False},
    ),
    "compare": Coverage(CompareFamily, "compares any two numbers, of any length", {}),
    "copy": Coverage(CopyFamily, "copies any string of digits, of any length", {}),
    "mul": Coverage(MultiplicationFamily, "multiplies any two numbers, of any length", {"scratchpad": True}),
    "parity": Coverage(ParityFamily, "tells the parity of any string of bits, of any length", {"scratchpad": True}),
    "reverse": Coverage(ReverseFamily, "reverses any string of digits, of any length", {"scratchpad": True}),
    "sub": Coverage(SubtractionFamily, "subtracts any two numbers, of any length, results below zero too", {}),
}


def coverage(task: Task) -> Coverage:
    """Return what the prover knows of a task.

    Raises:
        NotCoveredError: it covers no such pages; in one line, with the option
    """
    if task.name not in COVERED:
        raise NotCoveredError(f"task {task.name}: prove covers {', '.join(COVERED)}")
    found = COVERED[task.name]
    options = {option.name for option in fields(task)}  # type: ignore[arg-type]  # tasks are dataclasses
    for option, needed in found.options.items():
        if option in options and (value := getattr(task, option)) != needed:
            raise NotCoveredError(f"task.{option} = {value!r}: prove covers {needed!r}")
    return found


def load_provable(
    *,
    task: str | None = None,
    overrides: Sequence[str] = (),
    options: Mapping[str, Any] | None = None,
    typed: Mapping[str, str] | None = None,
) -> Recipe:
    """Load the recipe that proves a task, presets/proven/NAME.toml; or its other built-in recipe, where changes rule that out.

    Args:
        task, overrides, options, typed: as those of `load_recipe`

    Raises:
        UserError: as `load_recipe`
    """
    changes: dict[str, Any] = {"task": task, "overrides": overrides, "options": options, "typed": typed}
    if (DEFAULT_TASK if task is None else task) in COVERED:
        if (options or {}).get("train.until_proven"):
            return load_recipe(**changes, proven=True)  # training says what rules a proof out
        try:
            recipe = load_recipe(**changes, proven=True)
            coverage(recipe.problems)
            check_config(recipe.model)
            if recipe.model.heads[0] >= (len(recipe.model.kernel_heads) or N_COLUMN_CELLS):
                return recipe
        except (NotCoveredError, UserError):
            pass  # what the user asked for does not fit; where it is wrong in itself, the built-in recipe says so too
    return load_recipe(**changes)


def family_of(task: Task) -> PageFamily:
    """Return the pages of a task; one object a task, so that windows are enumerated once.

    Raises:
        NotCoveredError: as `coverage`
    """
    return _family(coverage(task).family)


@cache
def _family(make: Callable[[], PageFamily]) -> PageFamily:
    return make()
