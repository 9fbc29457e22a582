"""arithgpt sweep: train a grid of recipes side by side."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Optional

import typer

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from rich.console import Console
    from rich.table import Table

    from arithgpt.experiments.grid import Trial
    from arithgpt.experiments.sweep import TrialResult
    from eval.spec import EvalSpec

EXIT_FAILED, EXIT_INTERRUPTED = 1, 130

# How trials are trained; an option of every command that trains many.
Jobs = Annotated[
    Optional[int], typer.Option(min=1, max=4096, help="Trials at a time, which share the cores. [default: one a core]")
]
Threads = Annotated[Optional[int], typer.Option(min=1, max=4096, help="Of each trial. [default: the cores by --jobs]")]
Backend = Annotated[str, typer.Option(help="loky: processes on this machine; or ray or dask.")]
Device = Annotated[str, typer.Option(help="auto, cpu or cuda.")]


def command(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A recipe with a table [sweep] of fields and lists of values.")],
    jobs: Jobs = None,
    threads: Threads = None,
    backend: Backend = "loky",
    device: Device = "auto",
    digits: Annotated[
        Optional[str],
        typer.Option("--eval-digits", metavar="LENGTHS", help="Ask each GPT problems of these lengths after training."),
    ] = None,
    samples: Annotated[int, typer.Option(min=1, max=1_000_000, help="With --eval-digits: problems a length.")] = 200,
    csv_file: Annotated[Optional[Path], typer.Option("--csv", metavar="FILE", help="Write a row a trial as CSV.")] = None,
    json_file: Annotated[Optional[Path], typer.Option("--json", metavar="FILE", help="The same as JSON, with medians.")] = None,
    png_file: Annotated[Optional[Path], typer.Option("--png", metavar="FILE", help="Draw how accuracy grew.")] = None,
) -> None:
    """Train every combination of some values of a recipe's fields, each as a run of its own, and tell how far each came.

    Trials that are done are skipped, and those that were begun go on. Ctrl-C stops all with checkpoints. Exit status: 0, or 1
    where a trial failed. On several machines, with ray or dask, all must see the same runs folder (ARITHGPT_RUNS).
    """
    from rich.console import Console

    from arithgpt.cli.options import output_files
    from arithgpt.cli.reports import check_extras
    from arithgpt.errors import UserError
    from arithgpt.experiments.grid import load_sweep
    from arithgpt.experiments.sweep import DONE, STOPPED, check_backend
    from arithgpt.experiments.sweep_summary import results

    check_alone("sweep")
    files = output_files({"--csv": csv_file, "--json": json_file, "--png": png_file})
    check_extras(files)
    check_backend(backend)
    trials, exam = load_sweep(file), _exam(digits, samples)
    if exam and any(trial.recipe.text for trial in trials):
        raise UserError(f"--eval-digits {digits}: a text has no problems; what is told of it is its held-out loss")
    console = Console(highlight=False)
    outcomes = train_all(trials, exam, console, jobs=jobs, threads=threads, backend=backend, device=device)
    rows, fields = results(trials, outcomes), list(trials[0].values)
    _tell(rows, fields, exam, console)
    _write(files, rows, fields, trials, file.stem)
    statuses = {row["status"] for row in rows}
    if STOPPED in statuses:
        console.print(f"stopped; go on with: arithgpt sweep {file}", markup=False, soft_wrap=True)
        raise typer.Exit(EXIT_INTERRUPTED)
    if statuses != {DONE}:
        raise typer.Exit(EXIT_FAILED)


def check_alone(command: str) -> None:
    """UserError where torchrun started it several times over."""
    import os

    from arithgpt.errors import UserError

    if os.environ.get("WORLD_SIZE", "1") != "1":
        raise UserError(f"{command}: shares its trials out by itself; start it without torchrun")


def train_all(
    trials: Sequence[Trial],
    exam: EvalSpec | None,
    console: Console,
    *,
    jobs: int | None,
    threads: int | None,
    backend: str,
    device: str,
) -> dict[int, TrialResult]:
    """Train what is not done, and tell of each trial when it has ended; by its number, without those that were broken off."""
    import os

    from arithgpt.experiments.sweep import STOPPED, sweep

    pending = sum(not trial.is_done for trial in trials)
    busy = max(1, len(trials) if exam else pending)
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    at_once = min(jobs or cores, busy)
    console.print(f"{len(trials)} trials, {len(trials) - pending} of them done already; {at_once} at a time", soft_wrap=True)
    outcomes = {}
    shared = {"jobs": at_once, "threads": threads or max(1, cores // at_once), "backend": backend, "device": device}
    try:
        for outcome in sweep(trials, exam=exam, **shared):
            outcomes[outcome.number] = outcome
            if outcome.status != STOPPED:
                console.print(f"{trials[outcome.number].name}: {outcome.status}", markup=False, soft_wrap=True)
    except KeyboardInterrupt:
        console.print("broken off: trials keep their last checkpoints")
    return outcomes


def _exam(digits: str | None, samples: int) -> EvalSpec | None:
    from arithgpt.errors import UserError
    from eval.spec import EvalSpec
    from tasks import sizes

    try:
        return EvalSpec(sizes.parse_sizes(digits), ("random",), samples) if digits is not None else None
    except ValueError as error:
        raise UserError(f"--eval-digits {digits}: {error}") from None


def _tell(rows: Sequence[Mapping[str, Any]], fields: Sequence[str], exam: EvalSpec | None, console: Console) -> None:
    from arithgpt.experiments.sweep import DONE

    asked = "problems of --eval-digits" if exam else "the last look at held-out problems"
    of_text = any(row["loss"] is not None for row in rows)
    told = "held-out loss in nats a character" if of_text else f"exact match at the worst and best length, {asked}"
    console.print(f"\n{told}:", soft_wrap=True)
    console.print(_table(rows, fields, ["loss"] if of_text else ["worst", "best"]))
    if exam and any(row["status"] == DONE for row in rows):
        console.print("\nby length in %, the median over seeds, and the least and the most where they differ:", soft_wrap=True)
        console.print(_lengths(rows, fields))


def _lengths(rows: Sequence[Mapping[str, Any]], fields: Sequence[str]) -> Table:
    """A line for every value of the fields but the seed, with exact match by length."""
    from rich.markup import escape

    from arithgpt.experiments.sweep_summary import medians
    from eval.reports.tables import plain_table

    summed, named = medians(rows, fields), [name for name in fields if name != "seed"]
    sizes = list(dict.fromkeys(length for row in summed for length in row["accuracy"]))
    table = plain_table()
    for name in _short(named):
        table.add_column(escape(name), overflow="fold")
    for length in sizes:
        table.add_column(escape(length), justify="right", overflow="fold")
    for row in summed:
        found = [row["accuracy"].get(length) for length in sizes]
        said = ["-" if one is None else _spread(one) for one in found]
        table.add_row(*(escape(str(row[name])) for name in named), *said)
    return table


def _spread(one: Mapping[str, float]) -> str:
    """`99.2`, and below it `98.5-100` where seeds differ."""
    from eval.reports.format import percent

    median, least, most = (percent(one[name], 1).removesuffix("%") for name in ("median", "least", "most"))
    return median if least == most else f"{median}\n{least}-{most}"


def _short(fields: Sequence[str]) -> list[str]:
    """The last parts of dotted names, where they do not stand for two."""
    short = [name.split(".")[-1] for name in fields]
    return [last if short.count(last) == 1 else name for name, last in zip(fields, short, strict=True)]


def _table(rows: Sequence[Mapping[str, Any]], fields: Sequence[str], found: Sequence[str]) -> Table:
    """A line a trial; where seeds vary, a line with the medians over them below each group."""
    from rich.markup import escape

    from arithgpt.experiments.sweep import DONE
    from arithgpt.experiments.sweep_summary import but_for_seeds, medians
    from eval.reports.tables import plain_table

    table = plain_table()
    for name in _short(fields):
        table.add_column(escape(name), overflow="fold")
    for name in ("parameters", "steps", "seconds", *found):
        table.add_column(name, justify="right", no_wrap=True)
    partial = any(row["status"] != DONE for row in rows)
    if partial:
        table.add_column("", overflow="fold")

    def add(row: Mapping[str, Any], named: Mapping[str, Any], said: str, style: str | None) -> None:
        cells = [escape(str(named[name])) for name in fields]
        table.add_row(*cells, *_figures(row, found), *([said] if partial else []), style=style)

    for group in but_for_seeds(rows, fields):
        for row in group:
            said = "" if row["status"] == DONE else "stopped" if row["status"] == "stopped" else "failed"
            add(row, row, said, None if row["status"] == DONE else "yellow")
        for median in medians(group, fields):
            if median["seeds"] > 1:
                add(median, median | {"seed": f"median of {median['seeds']}"}, "", "bold")
    return table


def _figures(row: Mapping[str, Any], found: Sequence[str]) -> list[str]:
    from eval.reports.format import percent

    values = [(name, row[name]) for name in found]
    said = ["-" if value is None else f"{value:.4f}" if name == "loss" else percent(value) for name, value in values]
    return [f"{row['parameters']:,}" if row["parameters"] else "-", f"{row['steps']:,.0f}", f"{row['seconds']:,.1f}", *said]


def _write(
    files: Mapping[str, Path], rows: Sequence[Mapping[str, Any]], fields: Sequence[str], trials: Sequence[Trial], name: str
) -> None:
    """Make every file that is asked for, then write them."""
    import json

    import pandas as pd

    from arithgpt.experiments.sweep_summary import medians
    from arithgpt.training.checkpoint import write_atomic

    made: dict[Path, bytes | str] = {}
    for option, path in files.items():
        if option == "--csv":
            flat = [row | {"accuracy": json.dumps(row["accuracy"])} for row in rows]
            made[path] = pd.DataFrame(flat).to_csv(index=False)
        elif option == "--json":
            summed = medians(rows, fields) if "seed" in fields else []
            made[path] = json.dumps({"sweep": name, "trials": rows, "medians": summed}, indent=2, allow_nan=False) + "\n"
        else:
            made[path] = _picture(trials, fields, name)
    for path, data in made.items():
        write_atomic(path, data)


def _picture(trials: Sequence[Trial], fields: Sequence[str], name: str) -> bytes:
    """The accuracy of the worst length while trials learned, those that differ in the seed only as one line."""
    from arithgpt.run import Run, runs_folder
    from eval.reports.figures import chart_figure, png
    from eval.reports.learning_charts import Log, worst_length_chart

    logs: dict[str, list[Log]] = {}
    for trial in trials:
        others = [f"{key.split('.')[-1]} {value}" for key, value in trial.values.items() if key != "seed"]
        log = list(Run(runs_folder() / trial.name).metrics())
        logs.setdefault(", ".join(others) or "all seeds", []).append(log)
    figure = chart_figure(f"{name}: held-out exact match by examples", [worst_length_chart(logs)])
    return png([figure] if figure is not None else [])
