"""arithgpt eval: how far a run can be trusted, by digit length."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Optional

import typer


def command(
    run: Annotated[Optional[str], typer.Argument(help="A run's name or folder. [default: the newest run]")] = None,
    digits: Annotated[
        Optional[str],
        typer.Option(metavar="LENGTHS", help="Operand lengths to ask, as in 1-10,20,50. [default: those of training]"),
    ] = None,
    samples: Annotated[int, typer.Option(min=1, max=1_000_000, help="Different problems a length, at most.")] = 1000,
    seed: Annotated[int, typer.Option(min=0, help="The same seed asks the same problems.")] = 1,
    device: Annotated[str, typer.Option(help="auto, cpu or cuda.")] = "auto",
    json_file: Annotated[Optional[Path], typer.Option("--json", metavar="FILE", help="Write the table as JSON too.")] = None,
    csv_file: Annotated[Optional[Path], typer.Option("--csv", metavar="FILE", help="Write every problem as CSV too.")] = None,
) -> None:
    """Ask a run problems it was never trained on, and count the exactly right answers by digit length.

    Both operands have the length of the line. Random problems are followed by those in which a carry runs through every
    column, and by 99..9+1 and 1+99..9. The results are kept in the run's folder.
    """
    from arithgpt.cli.options import digit_lengths, output_file
    from arithgpt.errors import UserError
    from arithgpt.run import find_run, newest_run

    found = find_run(run) if run is not None else newest_run()
    task = found.recipe.problems
    low, high = task.trained_lengths
    lengths = digit_lengths(digits) if digits is not None else list(range(low, high + 1))
    targets = [output_file(path, option) for path, option in ((json_file, "--json"), (csv_file, "--csv")) if path is not None]

    if len(targets) == 2 and targets[0] == targets[1]:
        raise UserError(f"--csv {csv_file}: is the file of --json too")

    import json
    import time

    from rich.console import Console

    from arithgpt.checkpoint import write_atomic
    from arithgpt.gpt_solver import GPTSolver
    from arithgpt.train import pick_device
    from eval.harness import evaluate
    from eval.report import length_table
    from eval.stats import by_length

    solver = GPTSolver.of(found, str(pick_device(device)))
    console = Console(highlight=False)
    began = time.perf_counter()
    with console.status("") as status:

        def tell(suite: str, length: int) -> None:
            status.update(f"{suite} problems of {length} digits")

        rows = evaluate(solver, task, lengths, n=samples, seed=seed, suites=task.suites, tell=tell)
    seconds = time.perf_counter() - began
    summary = by_length(rows)
    console.print(length_table(summary, f"{found.name}: exact match by digit length"))
    console.print(f"{len(rows):,} problems made, answered and checked in {seconds:.1f} s: {len(rows) / seconds:,.0f} a second")
    about = {"run": found.name, "task": task.name, "task_version": task.version, "seed": seed, "samples": samples}
    about |= {"weights": found.info.get("step"), "commit": found.info.get("commit")}
    as_json = json.dumps(about | {"results": summary.to_dict("records")}, indent=2) + "\n"
    as_csv = rows.to_csv(index=False)
    write_atomic(found.path / "eval.json", as_json)
    write_atomic(found.path / "eval.csv", as_csv)
    for path in targets:
        write_atomic(path, as_json if path == json_file else as_csv)
