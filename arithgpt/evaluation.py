"""Evaluate solvers by name, and record what the figures were measured on.

>>> from arithgpt import EvalSpec, evaluate
>>> evaluate("exact", "add", EvalSpec(sizes=[(8, 8)], samples=100)).accuracy
1.0
"""

from __future__ import annotations

import platform
from collections.abc import Callable, Sequence
from typing import Any

from arithgpt.arguments import check_types
from arithgpt.errors import UserError
from arithgpt.provenance import commit, processor, versions
from arithgpt.solvers import ResolvedSolver, resolve_solver
from eval.evaluate import evaluate as evaluate_solver
from eval.result import EvalResult
from eval.solver import MissingExtra
from eval.spec import EvalSpec
from tasks import ProblemSize, Task
from tasks.registration import GYM_PREFIX


def evaluate(
    solver: str | None = None,
    task: str | None = None,
    spec: EvalSpec | None = None,
    *,
    name: str | None = None,
    device: str = "auto",
    trust_remote_code: bool = False,
) -> EvalResult:
    """Ask a solver the problems of a spec.

    Args:
        solver: A run by name or folder, hf:FOLDER, llm:MODEL, exact, wrong or random; None: the newest run.
        task: The task to ask; None: every task that the run was trained on.
        spec: Sizes, suites, samples and seed; None: the defaults of EvalSpec.
        name: What reports call the solver; None: its own name.
        device: "auto", "cpu" or "cuda".
        trust_remote_code: Whether code in the folder of hf: may be run, as an exported run needs it.

    Raises:
        UserError: there is no such solver or task, or its problems cannot be made.
    """
    check_types(solver=(solver, str), task=(task, str), spec=(spec, EvalSpec), name=(name, str))
    resolved = resolve_solver(solver, device=device, trust_remote_code=trust_remote_code)
    return evaluate_resolved(resolved, resolved.tasks_to_ask(task), spec or EvalSpec(), name=name)


def evaluate_resolved(
    resolved: ResolvedSolver,
    tasks: Sequence[Task],
    spec: EvalSpec,
    *,
    name: str | None = None,
    on_progress: Callable[[str, ProblemSize], None] = lambda suite, size: None,
) -> EvalResult:
    """Ask a solver the problems of a spec; the result has the recipe, the log and the provenance of a run.

    Args:
        resolved: A solver, and its run if it is one.
        tasks: The tasks to ask.
        spec: Sizes, suites, samples and seed.
        name: What reports call the solver; None: its own name.
        on_progress: Called with each suite and size before its problems are asked.

    Raises:
        UserError: the problems cannot be made, or an extra is missing.
    """
    run, name = resolved.run, name or resolved.solver.name
    try:
        return evaluate_solver(
            resolved.solver,
            tasks,
            spec,
            name=name,
            trained=resolved.task is not None,
            provenance=resolved.provenance | _software(tasks),
            recipe=run.recipe.to_toml() if run is not None else "",
            metrics=list(run.metrics()) if run is not None else (),
            on_progress=on_progress,
        )
    except (ValueError, MissingExtra) as error:
        raise UserError(f"{name}: {error}") from None


def _software(tasks: Sequence[Task]) -> dict[str, Any]:
    """The versions of the packages that decide the figures, the machine, and the commit of the source."""
    packages = ["numpy", "torch"]
    if any(task.name.startswith(GYM_PREFIX) for task in tasks):
        packages.append("reasoning-gym")
    return {
        "versions": versions(*packages),
        "measured_on": f"{processor()}, {platform.platform()}",
        "measured_by": commit(),
    }
