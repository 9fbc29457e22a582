"""arithgpt compare: solvers side by side on the same problems."""

from __future__ import annotations

from itertools import combinations
from typing import Annotated, Optional

import typer


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
) -> None:
    """Ask two or more solvers the same problems, and test each two against each other.

    p is McNemar's exact test on the problems that only one of two got right.
    """
    from rich.console import Console

    from arithgpt.errors import UserError
    from arithgpt.solvers import find_solver, tasks_of
    from eval.compare import paired, side_by_side
    from eval.measured import measure
    from eval.report import paired_table, side_by_side_table
    from eval.solver import MissingExtra
    from eval.stats import by_length
    from tasks import lengths

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
    for part in parts:
        unknown = [name for name in suites if name not in part.suites]
        if unknown:
            raise UserError(f"--suite {unknown[0]}: task {part.name} has {', '.join(part.suites)}")
    console = Console(highlight=False)
    rows = {}
    try:
        cells = lengths.cells(digits) if digits is not None else None
        for name, one in found.items():
            with console.status(f"{name}: {len(parts)} tasks"):
                rows[name] = measure(
                    one.solver, parts, cells=cells, suites=suites, n=samples, seed=seed, trained=one.run is not None
                )
    except (ValueError, MissingExtra) as error:
        raise UserError(f"compare: {error}") from None
    console.print(side_by_side_table(side_by_side({name: by_length(own) for name, own in rows.items()})))
    for one, other in combinations(rows, 2):
        console.print()
        console.print(paired_table(paired(rows[one], rows[other]), one, other))
