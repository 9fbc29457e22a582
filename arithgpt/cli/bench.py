"""arithgpt bench: how fast arithgpt is, beside what one would write or take without it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Optional

import typer

EXIT_INTERRUPTED = 130


def command(
    parts: Annotated[
        Optional[list[str]],
        typer.Argument(
            metavar="[PART]...",
            help="generators, train, decode, start, memory; and target, which takes long. [default: all but target]",
        ),
    ] = None,
    repeats: Annotated[int, typer.Option(min=1, max=1000, help="Counted turns of each comparison.")] = 5,
    seconds: Annotated[float, typer.Option(min=0.001, max=60, help="The least time a rate is taken over.")] = 0.2,
    steps: Annotated[int, typer.Option(min=1, max=100_000, help="Training steps of a measurement, in tens.")] = 20,
    seeds: Annotated[int, typer.Option(min=1, max=100, help="Of the part target.")] = 3,
    limit: Annotated[int, typer.Option(min=1, max=10_000_000, help="Steps the textbook may take in target.")] = 2000,
    seed: Annotated[int, typer.Option(min=0, help="Of the problems and the first weights.")] = 0,
    device: Annotated[str, typer.Option(help="auto, cpu or cuda.")] = "auto",
    json_file: Annotated[Optional[Path], typer.Option("--json", metavar="FILE", help="Write every value as JSON.")] = None,
) -> None:
    """Measure the speed of arithgpt beside honest baselines, by turns, in this very run.

    A ratio is the median of those of each turn, with the lowest and the highest; above 1 arithgpt is better. The file is
    written at the end, in one step.
    """
    from rich.console import Console

    from arithgpt.bench.plan import Plan, chosen, part
    from arithgpt.cli.shared.options import output_files

    names, files = chosen(parts or []), output_files({"--json": json_file})

    from arithgpt.bench.report import about, as_json, shown
    from arithgpt.runtime import configure
    from arithgpt.training.checkpoint import write_atomic

    plan = Plan(
        repeats=repeats,
        seconds=seconds,
        steps=steps,
        seeds=seeds,
        limit=limit,
        seed=seed,
        device=str(configure(device)),
    )
    console, cases = Console(highlight=False), []
    said = about(plan)
    console.print(f"{said['machine']}", markup=False, soft_wrap=True)
    console.print(f"{said['device']}, {said['threads']} threads, torch {said['versions']['torch']}", markup=False)
    console.print(f"medians of {repeats} turns; commit {said['commit']}, seed {seed}", markup=False)
    console.print("ratio: how many times better the first line is, with the lowest and the highest")
    try:
        for name in names:
            with console.status("") as status:
                for case in part(name)(plan, lambda what: status.update(what)):
                    console.print()
                    console.print(shown(case))
                    cases.append(case)
    except KeyboardInterrupt:
        unwritten = f"; {files['--json']} was not written" if files else ""
        console.print(f"stopped: {len(cases)} comparisons were done{unwritten}", markup=False, soft_wrap=True)
        raise typer.Exit(EXIT_INTERRUPTED) from None
    if files:
        write_atomic(files["--json"], as_json(cases, plan))
