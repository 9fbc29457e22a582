"""arithgpt eval: how far solvers can be trusted, by digit length."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Annotated, Optional

import typer
from rich.console import Console

from arithgpt.allocator import keep_freed_memory
from arithgpt.cli.shared.evaluate_text import evaluate_texts, text_runs
from arithgpt.cli.shared.lengths import TestedLengths, sizes_of
from arithgpt.cli.shared.options import check_suites, output_files
from arithgpt.cli.shared.reports import check_extras, save_in_run, write_reports
from arithgpt.cli.shared.solver_options import Device, Samples, Seed, Shots, TrustRemoteCode, Url
from arithgpt.cli.shared.terminal import make_console, show_status
from arithgpt.errors import UserError
from arithgpt.evaluation import evaluate_resolved
from arithgpt.solvers import ResolvedSolver, resolve_solver
from eval.metrics.first_error import first_errors
from eval.reports.layout import print_table
from eval.reports.tables import first_errors_table, result_tables
from eval.reports.text_table import error_counts_text, side_by_side_text
from eval.result import EvalResult
from eval.spec import EvalSpec
from tasks import ProblemSize, Task, sizes

MAX_EXAMPLES = 3
"""Mistakes of each kind of list that are shown in the terminal."""
EXIT_PARTIAL = 1


def command(
    context: typer.Context,
    solvers: Annotated[
        Optional[list[str]],
        typer.Argument(
            metavar="[SOLVER]...",
            help="Runs by name or folder, several for several seeds; hf:FOLDER; llm:MODEL; exact, wrong or random. "
            "[default: the newest run]",
        ),
    ] = None,
    task: Annotated[Optional[str], typer.Option(help="Ask only this task of a mixture.")] = None,
    digits: TestedLengths = None,
    suite: Annotated[
        Optional[str],
        typer.Option(
            metavar="SUITES", help="As in random,edges; see: arithgpt tasks TASK. [default: all but exhaustive and long]"
        ),
    ] = None,
    samples: Samples = 1000,
    seed: Seed = 1,
    device: Device = "auto",
    verify: Annotated[
        bool, typer.Option(help="Let a run read each exact page and keep what it would write: the same text, sooner.")
    ] = True,
    url: Url = None,
    shots: Shots = 4,
    trust_remote_code: TrustRemoteCode = False,
    mistakes: Annotated[bool, typer.Option("--mistakes", help="Show what goes wrong.")] = False,
    json_file: Annotated[Optional[Path], typer.Option("--json", metavar="FILE", help="Write the table as JSON.")] = None,
    csv_file: Annotated[Optional[Path], typer.Option("--csv", metavar="FILE", help="Write every problem as CSV.")] = None,
    parquet_file: Annotated[
        Optional[Path], typer.Option("--parquet", metavar="FILE", help="Write every problem as Parquet.")
    ] = None,
    html_file: Annotated[Optional[Path], typer.Option("--html", metavar="FILE", help="Write a report to read.")] = None,
    png_file: Annotated[
        Optional[Path],
        typer.Option("--png", metavar="FILE", help="Write the charts of the report: accuracy by length, and how runs learned."),
    ] = None,
    certificate: Annotated[
        Optional[Path], typer.Option(metavar="FILE", help="With --suite exhaustive: write how many of all problems are right.")
    ] = None,
) -> None:
    """Ask problems never trained on, and count the exactly right answers by digit length.

    It also counts the right answers whose working is right line by line. The results of a run are kept in its folder. For a run
    that learned a text, it reports the loss of the held-out part instead. Exit status: 0, or 1 where some problems could not be
    asked.
    """
    names = list(dict.fromkeys(solvers)) if solvers else [None]
    if texts := text_runs(names):
        evaluate_texts(context, texts, device, json_file)
        return
    files = output_files(
        {
            "--json": json_file,
            "--csv": csv_file,
            "--parquet": parquet_file,
            "--html": html_file,
            "--png": png_file,
            "--certificate": certificate,
        }
    )
    check_extras(files)
    suites = suite.split(",") if suite else None
    spec = EvalSpec(sizes_of(digits), suites, samples, seed)
    if certificate is not None and suite != "exhaustive":
        raise UserError(f"--certificate {certificate}: needs --suite exhaustive and nothing else")
    keep_freed_memory()
    resolved = [
        resolve_solver(name, device=device, verify=verify, url=url, shots=shots, trust_remote_code=trust_remote_code)
        for name in names
    ]
    tasks = [one.tasks_to_ask(task) for one in resolved]
    check_suites(suites or (), [part for parts in tasks for part in parts])

    console = make_console()
    results = []
    for label, one, parts in zip(_labels(names, resolved), resolved, tasks, strict=True):
        results.append(_evaluate(label, one, parts, spec, console))
        save_in_run(results[-1], one)  # before anything is shown, as a closed pipe may end the command
        _show(results[-1], mistakes, console)
    write_reports(files, results)
    if len(results) > 1:
        _show_side_by_side(results, console)
    if any(result.partial for result in results):
        raise typer.Exit(EXIT_PARTIAL)


def _labels(typed: list[str] | list[None], resolved: list[ResolvedSolver]) -> list[str]:
    """The solvers' names, or what was typed where two runs in different folders share a name."""
    names = [one.solver.name for one in resolved]
    return [name if names.count(name) == 1 else str(text) for name, text in zip(names, typed, strict=True)]


def _evaluate(label: str, resolved: ResolvedSolver, tasks: list[Task], spec: EvalSpec, console: Console) -> EvalResult:
    """Ask one solver, with a status line, and print how fast it was."""
    start = time.perf_counter()
    with show_status(console) as show:

        def show_progress(suite: str, size: ProblemSize) -> None:
            show(f"{label}: {suite} problems of {sizes.format_size(size)} digits")

        result = evaluate_resolved(resolved, tasks, spec, name=label, on_progress=show_progress)
    seconds, n = time.perf_counter() - start, len(result.rows)
    console.print(f"{n:,} problems made, answered and checked in {seconds:.1f} s: {n / seconds:,.0f} a second")
    return result


def _show(result: EvalResult, mistakes: bool, console: Console) -> None:
    """Print the tables of one solver, and its mistakes if they are asked for."""
    for table in result_tables(result):
        console.print(table)
    console.print()
    if result.partial:
        console.print(f"PARTIAL: {result.partial}")
    if mistakes and result.mistakes:
        _show_mistakes(result, console)


def _show_mistakes(result: EvalResult, console: Console) -> None:
    """Print the kinds of mistakes with examples; for a run also the first wrong characters of its pages."""
    console.print(f"{result.name}: kinds of mistakes")
    print_table(error_counts_text(result), console)
    console.print()
    for example in result.examples[:MAX_EXAMPLES]:
        console.print(f"{example}\n")
    for task in result.tasks if result.recipe else ():
        counts, errors = first_errors(task, result.rows_of(task))
        if errors:
            console.print(f"{result.name}, {task.name}: the first wrong character of a page")
            print_table(first_errors_table(counts), console)
            console.print()
            for error in errors[:MAX_EXAMPLES]:
                console.print(f"{error.question}\n{error}\n")


def _show_side_by_side(results: list[EvalResult], console: Console) -> None:
    console.print("exact match of each, and the median")
    print_table(side_by_side_text(results), console)
