"""arithgpt ablate: does a change help?"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Annotated, Optional

import typer
from rich.console import Console

from arithgpt.cli.shared.lengths import Lengths, lengths_option, sizes_of
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
from arithgpt.experiments.ablation import plan_ablation
from arithgpt.experiments.ablation_report import (
    ablation_csv,
    ablation_html,
    ablation_json,
    ablation_png,
    notes,
    too_few_seeds,
)
from arithgpt.experiments.ablation_summary import AblationSummary, summarise_ablation
from arithgpt.experiments.runner import DONE, STOPPED, check_backend
from arithgpt.training.checkpoint import write_atomic
from eval.reports.layout import print_table
from eval.reports.variants import variant_tables

RECIPE_HELP = "A recipe's file, a task for its built-in recipe, or a kept recipe such as add-small."


def command(
    recipe: Annotated[str, typer.Argument(metavar="RECIPE", help=RECIPE_HELP)],
    vary: Annotated[
        Optional[list[str]],
        typer.Option("--vary", metavar="FIELD=VALUES", help="As in positions=page,rope,alibi; may be given several times."),
    ] = None,
    seeds: Annotated[
        Optional[int], typer.Option(help="Seeds of each variant. [default: the fewest that can show a difference]")
    ] = None,
    own_baseline: Annotated[
        bool, typer.Option("--baseline", help="Compare with the recipe's own values. [default: with the first values]")
    ] = False,
    overrides: Annotated[
        Optional[list[str]], typer.Option("--set", metavar="FIELD=VALUE", help="Change a recipe's field for all variants.")
    ] = None,
    max_steps: Annotated[Optional[int], typer.Option("--steps", help="Steps of each training. [default: the recipe's]")] = None,
    ood_digits: Annotated[Optional[Lengths], lengths_option(default="twice and five times the longest")] = None,
    samples: Annotated[int, typer.Option(min=1, max=1_000_000, help="Different problems of each length, at most.")] = 200,
    level: Annotated[float, typer.Option(help="The corrected p from which on a change helps or hurts.")] = 0.05,
    name: Annotated[Optional[str], typer.Option(help="How the runs' names begin. [default: as the recipe]")] = None,
    jobs: Jobs = None,
    threads: Threads = None,
    backend: Backend = "loky",
    device: Device = "auto",
    csv_file: Annotated[
        Optional[Path], typer.Option("--csv", metavar="FILE", help="Write a row for each trial and length.")
    ] = None,
    json_file: Annotated[Optional[Path], typer.Option("--json", metavar="FILE", help="Write all figures as JSON.")] = None,
    html_file: Annotated[Optional[Path], typer.Option("--html", metavar="FILE", help="Write a page to read.")] = None,
    png_file: Annotated[Optional[Path], typer.Option("--png", metavar="FILE", help="Draw accuracy by length.")] = None,
) -> None:
    """Train variants of a recipe with the same seeds and budget, ask all the same problems, and say whether a change helps.

    Each value of a --vary but the first is a variant: the baseline with this one field changed. None stops early, so that all
    see as many examples. The test is paired over seeds: an exact sign-flip test, two-sided, corrected for several variants
    (Holm). Trials are runs, trained as by sweep: what is done is not done again, and Ctrl-C stops all with checkpoints; the
    same command goes on. Exit status: 0, or 1 where a trial failed.
    """
    check_single_process("ablate")
    files = output_files({"--csv": csv_file, "--json": json_file, "--html": html_file, "--png": png_file})
    check_extras(files)
    check_backend(backend)
    ablation = plan_ablation(
        recipe,
        vary or [],
        seeds=seeds,
        own_baseline=own_baseline,
        overrides=overrides or [],
        max_steps=max_steps,
        name=name,
        ood_sizes=sizes_of(ood_digits),
        samples=samples,
        level=level,
    )
    console = make_console()
    if warning := too_few_seeds(len(ablation.seeds), ablation, level):
        console.print(warning, soft_wrap=False)
    results = train_all(ablation.trials, ablation.spec, console, jobs=jobs, threads=threads, backend=backend, device=device)
    statuses = {results[number].status if number in results else STOPPED for number in range(len(ablation.trials))}
    if STOPPED in statuses or any(result.status == DONE and result.rows is None for result in results.values()):
        console.print("stopped before all was trained and asked; the same command goes on")
        raise typer.Exit(EXIT_INTERRUPTED)
    summary = summarise_ablation(ablation, results)
    _print_tables(summary, level, console)
    _write_files(files, summary, level)
    if statuses != {DONE}:
        raise typer.Exit(EXIT_FAILED)


def _print_tables(summary: AblationSummary, level: float, console: Console) -> None:
    """Print the tables and the notes."""
    for table in variant_tables(summary.variants, summary.comparisons, level):
        console.print()
        print_table(table, console)
    console.print()
    for note in notes(summary, level):
        console.print(note, soft_wrap=False)


def _write_files(files: Mapping[str, Path], summary: AblationSummary, level: float) -> None:
    """Make every file that is asked for, then write them."""
    makers: dict[str, Callable[[], bytes | str]] = {
        "--csv": lambda: ablation_csv(summary),
        "--json": lambda: ablation_json(summary, level),
        "--html": lambda: ablation_html(summary, level),
        "--png": lambda: ablation_png(summary),
    }
    contents = {path: makers[option]() for option, path in files.items()}
    for path, content in contents.items():
        write_atomic(path, content)
