"""arithgpt compare: solvers side by side on the same problems."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations
from pathlib import Path
from typing import Annotated, Optional

import typer

from arithgpt.allocator import keep_freed_memory
from arithgpt.cli.shared.lengths import Lengths, lengths_option, sizes_of
from arithgpt.cli.shared.options import check_suites, output_files
from arithgpt.cli.shared.reports import write_reports
from arithgpt.cli.shared.solver_options import Device, Samples, Seed, Shots, TrustRemoteCode, Url
from arithgpt.cli.shared.terminal import make_console, show_status
from arithgpt.errors import UserError
from arithgpt.evaluation import evaluate_resolved
from arithgpt.solvers import ResolvedSolver, resolve_solver
from eval.reports.layout import print_table
from eval.reports.text_table import paired_text, side_by_side_text
from eval.spec import EvalSpec
from tasks import Task

EXIT_PARTIAL = 1


def command(
    solvers: Annotated[list[str], typer.Argument(metavar="SOLVER SOLVER...", help="Runs, hf:FOLDER, llm:MODEL, exact, ...")],
    task: Annotated[Optional[str], typer.Option(help="Ask only this task of mixtures.")] = None,
    digits: Annotated[Optional[Lengths], lengths_option(default="the lengths that the first run was trained on")] = None,
    suite: Annotated[Optional[str], typer.Option(metavar="SUITES", help="As in random,edges. [default: random]")] = None,
    samples: Samples = 1000,
    seed: Seed = 1,
    device: Device = "auto",
    url: Url = None,
    shots: Shots = 4,
    trust_remote_code: TrustRemoteCode = False,
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
    resolved = [
        resolve_solver(name, device=device, url=url, shots=shots, trust_remote_code=trust_remote_code) for name in names
    ]
    tasks = _common_tasks(resolved, task)
    suites = suite.split(",") if suite else ["random"]
    check_suites(suites, tasks)
    spec = EvalSpec(sizes_of(digits), suites, samples, seed)
    console = make_console()
    results = []
    for name, one in zip(names, resolved, strict=True):
        with show_status(console) as show:
            show(f"{name}: {len(tasks)} tasks")
            results.append(evaluate_resolved(one, tasks, spec, name=name))
    print_table(side_by_side_text(results), console)
    for first, second in combinations(results, 2):
        console.print()
        print_table(paired_text(first, second), console)
    for result in results:
        if result.partial:
            console.print(f"PARTIAL: {result.name}: {result.partial}")
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
