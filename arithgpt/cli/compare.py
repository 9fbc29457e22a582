"""arithgpt compare: solvers side by side on the same problems."""

from __future__ import annotations

from itertools import combinations
from pathlib import Path
from typing import Annotated, Optional

import typer

EXIT_PARTIAL = 1


def command(
    solvers: Annotated[list[str], typer.Argument(metavar="SOLVER SOLVER...", help="Runs, hf:FOLDER, llm:MODEL, exact, ...")],
    task: Annotated[Optional[str], typer.Option(help="Of mixtures, ask only this one of their tasks.")] = None,
    digits: Annotated[
        Optional[str],
        typer.Option(metavar="LENGTHS", help="8,20: both alike; 1-6x1-6: a grid. [default: as the first trained]"),
    ] = None,
    suite: Annotated[Optional[str], typer.Option(metavar="SUITES", help="As in random,edges. [default: random]")] = None,
    samples: Annotated[int, typer.Option(min=1, max=1_000_000, help="Different problems a length, at most.")] = 1000,
    seed: Annotated[int, typer.Option(min=0, help="The same seed asks the same problems.")] = 1,
    device: Annotated[str, typer.Option(help="auto, cpu or cuda.")] = "auto",
    url: Annotated[Optional[str], typer.Option(help="Of llm:MODEL, as in http://localhost:8000/v1.")] = None,
    shots: Annotated[int, typer.Option(min=0, max=64, help="Solved examples that hf: and llm: are shown.")] = 4,
    html_file: Annotated[Optional[Path], typer.Option("--html", metavar="FILE", help="Write a report to read.")] = None,
) -> None:
    """Ask two or more solvers the same problems, and test each two against each other.

    p is McNemar's exact test on the problems that only one of two got right. Exit status: 0, or 1 where some problems could not
    be asked.
    """
    from rich.console import Console

    from arithgpt.cli.options import check_suites, output_files
    from arithgpt.cli.reports import write
    from arithgpt.errors import UserError
    from arithgpt.measuring import measured
    from arithgpt.solvers import find_solver, tasks_of
    from eval.metrics.side_by_side import paired, side_by_side
    from eval.reports.tables import paired_table, side_by_side_table
    from tasks import sizes

    files = output_files({"--html": html_file})
    if len(set(solvers)) < 2:
        raise UserError("compare: needs two different solvers at least")
    found = {name: find_solver(name, device=device, url=url, shots=shots) for name in dict.fromkeys(solvers)}
    asker = next((one for one in found.values() if one.task is not None), None)
    parts = tasks_of(asker or next(iter(found.values())), task)
    for one in found.values():
        if one.task is not None:
            for part in parts:
                tasks_of(one, part.name)
    suites = suite.split(",") if suite else ["random"]
    check_suites(suites, parts)
    console = Console(highlight=False)
    try:
        cells = sizes.cells(digits) if digits is not None else None
    except ValueError as error:
        raise UserError(f"--digits {digits}: {error}") from None
    results = []
    for name, one in found.items():
        with console.status(f"{name}: {len(parts)} tasks"):
            results.append(measured(one, parts, name=name, cells=cells, suites=suites, samples=samples, seed=seed))
    console.print(side_by_side_table(side_by_side({result.name: result.summary for result in results})))
    for one, other in combinations(results, 2):
        console.print()
        console.print(paired_table(paired(one.rows, other.rows), one.name, other.name))
    for result in results:
        if result.partial:
            console.print(f"PARTIAL: {result.name}: {result.partial}", markup=False, soft_wrap=True)
    write(files, results, pairs=True)
    if any(result.partial for result in results):
        raise typer.Exit(EXIT_PARTIAL)
