"""arithgpt bench: the speed of arithgpt beside programs that do the same without it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Optional

import typer
from rich.console import Console

from arithgpt.bench.plan import Plan, choose_parts, find_part
from arithgpt.bench.report import case_table, provenance, to_json
from arithgpt.bench.timing import Case
from arithgpt.cli.shared.options import DEVICE_HELP, output_files
from arithgpt.cli.shared.terminal import make_console, show_status
from arithgpt.runtime import configure
from arithgpt.training.checkpoint import write_atomic
from eval.reports.layout import print_table

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
    seconds: Annotated[float, typer.Option(min=0.001, max=60, help="The least time of a measurement of a rate.")] = 0.2,
    steps: Annotated[int, typer.Option(min=1, max=100_000, help="Training steps of a measurement, in tens.")] = 20,
    seeds: Annotated[int, typer.Option(min=1, max=100, help="Seeds of the part target.")] = 3,
    limit: Annotated[int, typer.Option(min=1, max=10_000_000, help="Steps the textbook may take in target.")] = 2000,
    seed: Annotated[int, typer.Option(min=0, help="Seed of the problems and the initial weights.")] = 0,
    device: Annotated[str, typer.Option(help=DEVICE_HELP)] = "auto",
    json_file: Annotated[Optional[Path], typer.Option("--json", metavar="FILE", help="Write every value as JSON.")] = None,
) -> None:
    """Measure the speed of arithgpt beside baselines, in turns and in one run.

    A ratio is the median of those of each turn, with the lowest and the highest; above 1 arithgpt is better. The file is
    written at the end, in one step.
    """
    names, files = choose_parts(parts or []), output_files({"--json": json_file})
    plan = Plan(
        repeats=repeats,
        seconds=seconds,
        steps=steps,
        seeds=seeds,
        limit=limit,
        seed=seed,
        device=str(configure(device)),
    )
    console = make_console()
    _print_head(plan, console)
    cases: list[Case] = []
    try:
        for name in names:
            with show_status(console) as show:
                for case in find_part(name)(plan, show):
                    _print_case(case, console)
                    cases.append(case)
    except KeyboardInterrupt:
        unwritten = f"; {files['--json']} was not written" if files else ""
        console.print(f"stopped: {len(cases)} comparisons were done{unwritten}")
        raise typer.Exit(EXIT_INTERRUPTED) from None
    if files:
        write_atomic(files["--json"], to_json(cases, plan))


def _print_case(case: Case, console: Console) -> None:
    """Print a comparison with its notes."""
    console.print()
    console.print(f"{case.part}: {case.name}", style="bold")
    print_table(case_table(case), console)
    for note in case.notes:
        console.print(note, style="dim", soft_wrap=False)


def _print_head(plan: Plan, console: Console) -> None:
    """Print what is measured with."""
    facts = provenance(plan)
    console.print(facts["machine"])
    console.print(f"{facts['device']}, {facts['threads']} threads, torch {facts['versions']['torch']}")
    console.print(f"medians of {plan.repeats} turns; commit {facts['commit']}, seed {plan.seed}")
    console.print("ratio: how many times better the first line is, with the lowest and the highest", soft_wrap=False)
