"""Ask what was found by name, and put together all that a report says of it.

measured(find_solver("mine"), [TASKS["add"]()]) -> EvalResult("mine", about={"seed": 1, "weights_sha256": ..., ...}, rows=...)
"""

from __future__ import annotations

import platform
from collections.abc import Callable, Sequence
from importlib.metadata import version
from typing import Any

from arithgpt.errors import UserError
from arithgpt.provenance import commit, processor
from arithgpt.solvers import ResolvedSolver
from eval.metrics.accuracy import by_length
from eval.metrics.error_types import Mistake, counted, mistakes
from eval.result import EvalResult, measure
from eval.solver import MissingExtra
from tasks import ProblemSize, Task
from tasks.adapters.reasoning_gym import PREFIX

REPORTED_EXAMPLES = 12  # of mistakes in a report


def measured(
    found: ResolvedSolver,
    parts: Sequence[Task],
    *,
    name: str | None = None,
    cells: Sequence[ProblemSize] | None = None,
    suites: Sequence[str] | None = None,
    samples: int = 1000,
    seed: int = 1,
    tell: Callable[[str, ProblemSize], None] = lambda suite, cell: None,
) -> EvalResult:
    """What `eval.result.measure` finds, with the kinds of mistakes, the recipe and the versions.

    UserError where the problems cannot be made, or an extra is missing.
    """
    run, name = found.run, name or found.solver.name
    try:
        rows = measure(
            found.solver, parts, cells=cells, suites=suites, n=samples, seed=seed, trained=run is not None, tell=tell
        )
    except (ValueError, MissingExtra) as error:
        raise UserError(f"{name}: {error}") from None
    if rows.empty:
        raise UserError(f"{name}: no problem of these lengths has a page short enough to be asked")
    wrong = [mistake for part in parts for mistake in mistakes(part, rows[rows.task == part.name])]
    about: dict[str, Any] = {"solver": name, "tasks": {part.name: part.version for part in parts}}
    about |= {"seed": seed, "samples": samples} | found.about
    packages = [
        "arithgpt",
        "numpy",
        "torch",
        *(["reasoning-gym"] if any(part.name.startswith(PREFIX) for part in parts) else []),
    ]
    about |= {
        "versions": {"python": platform.python_version()} | {package: version(package) for package in packages},
        "measured_on": f"{processor()}, {platform.platform()}",
        "measured_by": commit(),
    }
    return EvalResult(
        name=name,
        about=about,
        rows=rows,
        summary=by_length(rows),
        mistakes=counted(wrong),
        examples=[f"{mistake.task.name} {mistake.question}\n{mistake}" for mistake in _various(wrong)],
        recipe=run.recipe.to_toml() if run is not None else "",
        metrics=list(run.metrics()) if run is not None else (),
        trained={
            part.name: [(*box.left, *box.right) for box in part.size_ranges]
            for part in parts
            if run is not None and part.span[1]
        },
    )


def _various(wrong: Sequence[Mistake]) -> list[Mistake]:
    """Some mistakes, each kind in turn, short problems first."""
    by_kind: dict[str, list[Mistake]] = {}
    for mistake in sorted(wrong, key=lambda mistake: len(mistake.question)):
        by_kind.setdefault(mistake.kind, []).append(mistake)
    longest = max(map(len, by_kind.values()), default=0)
    turns = ([kind[turn] for kind in by_kind.values() if turn < len(kind)] for turn in range(longest))
    return [mistake for turn in turns for mistake in turn][:REPORTED_EXAMPLES]
