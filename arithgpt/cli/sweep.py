"""arithgpt sweep: train a grid of recipes side by side."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Optional

import typer
from rich.console import Console

from arithgpt.cli.shared.lengths import Lengths, lengths_option
from arithgpt.cli.shared.options import output_files
from arithgpt.cli.shared.reports import check_extras
from arithgpt.cli.shared.terminal import make_console
from arithgpt.cli.shared.trials import (
    EXIT_FAILED,
    EXIT_INTERRUPTED,
    Backend,
    Device,
    Jobs,
    Threads,
    check_single_process,
    train_all,
)
from arithgpt.config.imported import command_line
from arithgpt.config.kept import describe_kept, find_recipe
from arithgpt.errors import UserError
from arithgpt.experiments.grid import load_sweep
from arithgpt.experiments.runner import DONE, STOPPED, check_backend
from arithgpt.experiments.sweep_report import is_of_text, size_table, sweep_csv, sweep_json, sweep_png, trial_table
from arithgpt.experiments.sweep_summary import TrialSummary, summarise_trials
from arithgpt.experiments.trial import Trial
from arithgpt.training.checkpoint import write_atomic
from eval.reports.layout import print_table
from eval.spec import EvalSpec

RECIPE_HELP = f"""A file with a table [sweep] of fields and lists of values, or a kept recipe: {describe_kept(sweeps=True)}."""


def command(
    recipe: Annotated[str, typer.Argument(metavar="RECIPE", help=RECIPE_HELP)],
    jobs: Jobs = None,
    threads: Threads = None,
    backend: Backend = "loky",
    device: Device = "auto",
    digits: Annotated[
        Optional[Lengths],
        lengths_option("--eval-digits", before="Ask each GPT problems of these lengths after training."),
    ] = None,
    samples: Annotated[int, typer.Option(min=1, max=1_000_000, help="With --eval-digits: problems of each length.")] = 200,
    csv_file: Annotated[
        Optional[Path], typer.Option("--csv", metavar="FILE", help="Write a row for each trial as CSV.")
    ] = None,
    json_file: Annotated[Optional[Path], typer.Option("--json", metavar="FILE", help="The same as JSON, with medians.")] = None,
    png_file: Annotated[Optional[Path], typer.Option("--png", metavar="FILE", help="Draw how the accuracy grew.")] = None,
) -> None:
    """Train every combination of some values of a recipe's fields, each as a run of its own, and compare them in one table.

    Trials that are done are skipped, and those that were started go on. A run with another recipe is never taken for a trial,
    not even if only the number of steps differs. Ctrl-C stops all trials with checkpoints. Exit status: 0, or 1 where a trial
    failed. On several machines, with ray or dask, all must see the same runs folder (ARITHGPT_RUNS).
    """
    check_single_process("sweep")
    files = output_files({"--csv": csv_file, "--json": json_file, "--png": png_file})
    check_extras(files)
    check_backend(backend)
    file = find_recipe(recipe)
    trials = load_sweep(file)
    spec = EvalSpec(digits.sizes, ("random",), samples) if digits is not None else None
    if spec and any(trial.recipe.text for trial in trials):
        raise UserError(f"--eval-digits {digits}: a text has no problems; what is told of it is its held-out loss")
    console = make_console()
    results = train_all(trials, spec, console, jobs=jobs, threads=threads, backend=backend, device=device)
    summaries = summarise_trials(trials, results)
    _print_tables(summaries, spec, console)
    _write_files(files, summaries, trials, file.stem)
    statuses = {one.status for one in summaries}
    if STOPPED in statuses:
        console.print(f"stopped; go on with: {command_line('sweep', str(recipe))}")
        raise typer.Exit(EXIT_INTERRUPTED)
    if statuses != {DONE}:
        raise typer.Exit(EXIT_FAILED)


def _print_tables(summaries: Sequence[TrialSummary], spec: EvalSpec | None, console: Console) -> None:
    """Print a table of all trials, and one by size where problems were asked after training."""
    when = "after training" if spec else "at the last validation"
    title = f"exact match at the worst and best length, {when}"
    console.print(f"\n{'held-out loss in nats a character' if is_of_text(summaries) else title}:")
    print_table(trial_table(summaries), console)
    if spec and any(one.status == DONE for one in summaries):
        console.print("\nby length in %, the median over seeds, and the least and the most where they differ:")
        print_table(size_table(summaries), console)


def _write_files(files: Mapping[str, Path], summaries: Sequence[TrialSummary], trials: Sequence[Trial], name: str) -> None:
    """Make every file that is asked for, then write them."""
    makers: dict[str, Callable[[], bytes | str]] = {
        "--csv": lambda: sweep_csv(summaries),
        "--json": lambda: sweep_json(name, summaries),
        "--png": lambda: sweep_png(name, trials),
    }
    contents = {path: makers[option]() for option, path in files.items()}
    for path, content in contents.items():
        write_atomic(path, content)
