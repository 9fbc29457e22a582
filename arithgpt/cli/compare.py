"""arithgpt compare: solvers side by side on the same problems."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations
from pathlib import Path
from typing import Annotated, Optional

import typer
from rich.console import Console

from arithgpt.allocator import keep_freed_memory
from arithgpt.cli.shared.options import LENGTHS_HELP, check_suites, output_files
from arithgpt.cli.shared.reports import write_reports
from arithgpt.cli.shared.solver_options import Device, Samples, Seed, Shots, Url, parse_sizes
from arithgpt.errors import UserError
from arithgpt.evaluation import evaluate_resolved
from arithgpt.solvers import ResolvedSolver, resolve_solver
from eval.reports.tables import paired_table, side_by_side_table
from eval.spec import EvalSpec
from tasks import Task

EXIT_PARTIAL = 1


def command(
    solvers: Annotated[list[str], typer.Argument(metavar="SOLVER SOLVER...", help="Runs, hf:FOLDER, llm:MODEL, exact, ...")],
    task: Annotated[Optional[str], typer.Option(help="Ask only this task of mixtures.")] = None,
    digits: Annotated[
        Optional[str],
        typer.Option(metavar="LENGTHS", help=f"{LENGTHS_HELP} [default: the lengths that the first run was trained on]"),
    ] = None,
    suite: Annotated[Optional[str], typer.Option(metavar="SUITES", help="As in random,edges. [default: random]")] = None,
    samples: Samples = 1000,
    seed: Seed = 1,
    device: Device = "auto",
    url: Url = None,
    shots: Shots = 4,
    html_file: Annotated[Optional[Path], typer.Option("--html", metavar="FILE", help="Write a report to read.")] = None,
) -> None:
    """Ask two or more solvers the same problems, and test each two against each other.

    p is McNemar's exact test on the problems that only one of two got right. Exit status: 0, or 1 where some problems could not
    be asked.
    """
    files = output_files({"--html": html_file})
    names = list(dict.fromkeys(solvers))
    if len(names) < 2:
        raise UserError("compare: needs two different solvers at least")
    keep_freed_memory()
    resolved = [resolve_solver(name, device=device, url=url, shots=shots) for name in names]
    tasks = _common_tasks(resolved, task)
    suites = suite.split(",") if suite else ["random"]
    check_suites(suites, tasks)
    spec = EvalSpec(parse_sizes(digits), suites, samples, seed)
    console = Console(highlight=False)
    results = []
    for name, one in zip(names, resolved, strict=True):
        with console.status(f"{name}: {len(tasks)} tasks"):
            results.append(evaluate_resolved(one, tasks, spec, name=name))
    console.print(side_by_side_table(results))
    for first, second in combinations(results, 2):
        console.print()
        console.print(paired_table(first, second))
    for result in results:
        if result.partial:
            console.print(f"PARTIAL: {result.name}: {result.partial}", markup=False, soft_wrap=True)
    write_reports(files, results, pairs=True)
    if any(result.partial for result in results):
        raise typer.Exit(EXIT_PARTIAL)


def _common_tasks(resolved: Sequence[ResolvedSolver], name: str | None) -> list[Task]:
    """The tasks that all solvers are asked: those of the first run. UserError where another run was not trained on one."""
    first_run = next((one for one in resolved if one.task is not None), resolved[0])
    tasks = first_run.tasks_to_ask(name)
    for one in resolved:
        if one.task is not None:
            for task in tasks:
                one.tasks_to_ask(task.name)
    return tasks
