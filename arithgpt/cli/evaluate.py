"""arithgpt eval: how far solvers can be trusted, by digit length."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Optional

import typer

if TYPE_CHECKING:
    from rich.console import Console

    from arithgpt.solvers import ResolvedSolver
    from eval.result import EvalResult
    from tasks import ProblemSize, Task

EXAMPLES = 3  # of mistakes shown
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
        bool, typer.Option(help="Let a run read each exact page and keep what it would write: the same text, sooner.")
    ] = True,
    url: Annotated[Optional[str], typer.Option(help="Of llm:MODEL, as in http://localhost:8000/v1.")] = None,
    shots: Annotated[int, typer.Option(min=0, max=64, help="Solved examples that hf: and llm: are shown.")] = 4,
    mistakes: Annotated[bool, typer.Option("--mistakes", help="Tell what goes wrong.")] = False,
    json_file: Annotated[Optional[Path], typer.Option("--json", metavar="FILE", help="Write the table as JSON.")] = None,
    csv_file: Annotated[Optional[Path], typer.Option("--csv", metavar="FILE", help="Write every problem as CSV.")] = None,
    parquet_file: Annotated[Optional[Path], typer.Option("--parquet", metavar="FILE", help="The same as Parquet.")] = None,
    html_file: Annotated[Optional[Path], typer.Option("--html", metavar="FILE", help="Write a report to read.")] = None,
    png_file: Annotated[Optional[Path], typer.Option("--png", metavar="FILE", help="Write its pictures.")] = None,
    certificate: Annotated[
        Optional[Path], typer.Option(metavar="FILE", help="With --suite exhaustive: write what is certain.")
    ] = None,
) -> None:
    """Ask problems never trained on, and count the exactly right answers by digit length.

    Apart from that it counts, of the right answers, those whose working is right line by line. The results of a run are kept in
    its folder. Of a run that learned a text it tells the loss of what was held out instead. Exit status: 0, or 1 where some
    problems could not be asked.
    """
    from arithgpt.cli.evaluate_text import evaluate, text_runs
    from arithgpt.cli.options import check_suites, output_files
    from arithgpt.cli.reports import check_extras, keep, write
    from arithgpt.errors import UserError
    from arithgpt.solvers import find_solver, tasks_of
    from tasks import sizes

    names = list(dict.fromkeys(solvers)) if solvers else [None]
    if texts := text_runs(names):
        evaluate(context, texts, device, json_file)
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
    try:
        cells = sizes.cells(digits) if digits is not None else None
    except ValueError as error:
        raise UserError(f"--digits {digits}: {error}") from None
    if certificate is not None and suite != "exhaustive":
        raise UserError(f"--certificate {certificate}: needs --suite exhaustive and nothing else")
    found = [find_solver(name, device=device, drafts=drafts, url=url, shots=shots) for name in names]
    asked = [tasks_of(one, task) for one in found]
    suites = suite.split(",") if suite else None
    check_suites(suites or (), [part for parts in asked for part in parts])

    from rich.console import Console

    console = Console(highlight=False)
    own = [one.solver.name for one in found]
    results = []
    for name, typed, one, parts in zip(own, names, found, asked, strict=True):
        name = name if own.count(name) == 1 else str(typed)  # two runs of one name in different folders
        results.append(_asked(name, one, parts, console, cells=cells, suites=suites, samples=samples, seed=seed))
        keep(results[-1], one)  # first, as whoever reads what is told may stop, as `head` does
        _tell(results[-1], parts, mistakes, console)
    write(files, results)
    if len(results) > 1:
        _tell_together(results, console)
    if any(result.partial for result in results):
        raise typer.Exit(EXIT_PARTIAL)


def _asked(name: str, found: ResolvedSolver, parts: list[Task], console: Console, **asked: Any) -> EvalResult:
    import time

    from arithgpt.measuring import measured
    from tasks import sizes

    began = time.perf_counter()
    with console.status("") as status:

        def tell(suite: str, cell: ProblemSize) -> None:
            status.update(f"{name}: {suite} problems of {sizes.shown(cell)} digits")

        result = measured(found, parts, name=name, tell=tell, **asked)
    seconds, n = time.perf_counter() - began, len(result.rows)
    console.print(f"{n:,} problems made, answered and checked in {seconds:.1f} s: {n / seconds:,.0f} a second")
    return result


def _tell(measured: EvalResult, parts: list[Task], mistakes: bool, console: Console) -> None:
    from eval.metrics.first_error import first_wrong
    from eval.reports.tables import characters_table, kinds_table, results

    for table in results(measured.summary, measured.name):
        console.print(table, soft_wrap=isinstance(table, str))
    console.print()
    if measured.partial:
        console.print(f"PARTIAL: {measured.partial}", markup=False, soft_wrap=True)
    if not mistakes or measured.mistakes.empty:
        return
    console.print(f"{measured.name}: kinds of mistakes")
    console.print(kinds_table(measured.mistakes))
    console.print()
    for example in measured.examples[:EXAMPLES]:
        console.print(f"{example}\n", markup=False, soft_wrap=True)
    for part in parts if measured.recipe else ():
        kinds, slips = first_wrong(part, measured.rows[measured.rows.task == part.name])
        if slips:
            console.print(f"{measured.name}, {part.name}: the first wrong character of a page")
            console.print(characters_table(kinds))
            console.print()
            for slip in slips[:EXAMPLES]:
                console.print(f"{slip.question}\n{slip}\n", markup=False, soft_wrap=True)


def _tell_together(results: list[EvalResult], console: Console) -> None:
    from eval.metrics.side_by_side import side_by_side
    from eval.reports.tables import side_by_side_table

    console.print("exact match of each, and the median")
    console.print(side_by_side_table(side_by_side({result.name: result.summary for result in results})))
