"""arithgpt eval: how far a run can be trusted, by digit length."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Optional

import typer

DEFAULT_LENGTHS = 16  # of each box of lengths, at most
EXAMPLES = 3  # of mistakes shown


def command(
    run: Annotated[Optional[str], typer.Argument(help="A run's name or folder. [default: the newest run]")] = None,
    task: Annotated[Optional[str], typer.Option(help="Of a mixture, ask only this one of its tasks.")] = None,
    digits: Annotated[
        Optional[str],
        typer.Option(metavar="LENGTHS", help="8,20: both alike; 1-6x1-6: a grid. [default: as trained]"),
    ] = None,
    suite: Annotated[
        Optional[str], typer.Option(metavar="SUITES", help="As in random,edges; see: arithgpt tasks. [default: those drawn]")
    ] = None,
    samples: Annotated[int, typer.Option(min=1, max=1_000_000, help="Different problems a length, at most.")] = 1000,
    seed: Annotated[int, typer.Option(min=0, help="The same seed asks the same problems.")] = 1,
    device: Annotated[str, typer.Option(help="auto, cpu or cuda.")] = "auto",
    drafts: Annotated[
        bool, typer.Option(help="Let the GPT read each exact page and keep what it would write: the same text, sooner.")
    ] = True,
    mistakes: Annotated[bool, typer.Option("--mistakes", help="Tell what goes wrong.")] = False,
    json_file: Annotated[Optional[Path], typer.Option("--json", metavar="FILE", help="Write the table as JSON too.")] = None,
    csv_file: Annotated[Optional[Path], typer.Option("--csv", metavar="FILE", help="Write every problem as CSV too.")] = None,
) -> None:
    """Ask a run problems it was never trained on, and count the exactly right answers by digit length.

    Apart from that it counts, of the right answers, those whose working is right line by line. The results are kept in the
    run's folder.
    """
    from arithgpt.cli.options import output_file
    from arithgpt.errors import UserError
    from arithgpt.run import find_run, newest_run
    from tasks import lengths

    found = find_run(run) if run is not None else newest_run()
    parts = found.recipe.problems.parts
    if task is not None and task not in parts:
        raise UserError(f"--task {task}: run {found.name} was trained on {', '.join(parts)}")
    asked = [parts[task]] if task is not None else list(parts.values())
    try:
        cells = lengths.cells(digits) if digits is not None else None
    except ValueError as error:
        raise UserError(f"--digits {digits}: {error}") from None
    for part in asked:
        unknown = [name for name in (suite or "").split(",") if name and name not in part.suites]
        if unknown:
            raise UserError(f"--suite {unknown[0]}: task {part.name} has {', '.join(part.suites)}")
    targets = [output_file(path, option) for path, option in ((json_file, "--json"), (csv_file, "--csv")) if path is not None]

    if len(targets) == 2 and targets[0] == targets[1]:
        raise UserError(f"--csv {csv_file}: is the file of --json too")

    import json
    import time

    import pandas as pd
    from rich.console import Console

    from arithgpt.checkpoint import write_atomic
    from arithgpt.gpt_solver import GPTSolver
    from arithgpt.train import pick_device
    from eval.harness import evaluate
    from eval.mistakes import first_mistakes
    from eval.report import mistakes_table, results
    from eval.stats import by_length

    solver = GPTSolver.of(found, str(pick_device(device)), drafts)
    console = Console(highlight=False)
    began = time.perf_counter()
    tables = []
    with console.status("") as status:

        def tell(kind: str, cell: tuple[int, int]) -> None:
            status.update(f"{kind} problems of {lengths.shown(cell)} digits")

        try:
            for part in asked:
                suites = suite.split(",") if suite else [name for name in part.suites if name != "exhaustive"]
                ask = cells if cells is not None else [cell for box in part.boxes for cell in box.spread(DEFAULT_LENGTHS)]
                tables.append(evaluate(solver, part, ask, n=samples, seed=seed, suites=suites, tell=tell))
        except ValueError as error:
            raise UserError(f"eval: {error}") from None
    rows = pd.concat(tables, ignore_index=True)
    seconds = time.perf_counter() - began
    summary = by_length(rows)
    for table in results(summary, found.name):
        console.print(table, soft_wrap=isinstance(table, str))
    console.print()
    if mistakes:
        for part in asked:
            kinds, examples = first_mistakes(part, rows[rows.task == part.name])
            if examples:
                console.print(f"{found.name}, {part.name}: the first wrong character of a page")
                console.print(mistakes_table(kinds))
                console.print()
            for example in examples[:EXAMPLES]:
                console.print(f"{example.question}\n{example}\n", markup=False, soft_wrap=True)
    console.print(f"{len(rows):,} problems made, answered and checked in {seconds:.1f} s: {len(rows) / seconds:,.0f} a second")
    about = {"run": found.name, "tasks": {part.name: part.version for part in asked}, "seed": seed, "samples": samples}
    about |= {"weights": found.info.get("step"), "commit": found.info.get("commit")}
    as_json = json.dumps(about | {"results": summary.to_dict("records")}, indent=2) + "\n"
    as_csv = rows.to_csv(index=False)
    if not found.is_shipped:
        write_atomic(found.path / "eval.json", as_json)
        write_atomic(found.path / "eval.csv", as_csv)
    for path in targets:
        write_atomic(path, as_json if path == json_file else as_csv)
