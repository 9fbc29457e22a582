"""arithgpt eval: how far solvers can be trusted, by digit length."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Optional

import typer

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.console import Console

    from arithgpt.solvers import Found
    from eval.measured import Measured
    from tasks import Cell, Task

EXAMPLES = 3  # of mistakes shown
REPORTED_EXAMPLES = 12  # of mistakes in a report
EXIT_PARTIAL = 1


def command(
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
    its folder. Exit status: 0, or 1 where some problems could not be asked.
    """
    from arithgpt.cli.options import output_files
    from arithgpt.errors import UserError
    from arithgpt.solvers import find_solver, tasks_of
    from tasks import lengths

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
    try:
        cells = lengths.cells(digits) if digits is not None else None
    except ValueError as error:
        raise UserError(f"--digits {digits}: {error}") from None
    if certificate is not None and suite != "exhaustive":
        raise UserError(f"--certificate {certificate}: needs --suite exhaustive and nothing else")
    names = list(dict.fromkeys(solvers)) if solvers else [None]
    found = [find_solver(name, device=device, drafts=drafts, url=url, shots=shots) for name in names]
    asked = [tasks_of(one, task) for one in found]
    for part in (part for parts in asked for part in parts):
        unknown = [name for name in (suite or "").split(",") if name and name not in part.suites]
        if unknown:
            raise UserError(f"--suite {unknown[0]}: task {part.name} has {', '.join(part.suites)}")

    from rich.console import Console

    console = Console(highlight=False)
    results = []
    for one, parts in zip(found, asked, strict=True):
        results.append(_measured(one, parts, cells, suite.split(",") if suite else None, samples, seed, console))
        _tell(results[-1], parts, mistakes, console)
        _keep(results[-1], one)
    if len(results) > 1:
        _tell_together(results, console)
    for option, path in files.items():
        _write(option, path, results)
    failed = sum(int(result.summary.failed.sum()) for result in results)
    if failed:
        raise typer.Exit(EXIT_PARTIAL)


def _measured(
    found: Found,
    parts: list[Task],
    cells: Sequence[Cell] | None,
    suites: list[str] | None,
    samples: int,
    seed: int,
    console: Console,
) -> Measured:
    import platform
    import time
    from importlib.metadata import version

    from arithgpt.errors import UserError
    from eval.measured import Measured, measure
    from eval.mistakes import counted, mistakes
    from eval.solver import MissingExtra
    from eval.stats import by_length
    from tasks import lengths

    began, run = time.perf_counter(), found.run
    with console.status("") as status:

        def tell(suite: str, cell: Cell) -> None:
            status.update(f"{found.solver.name}: {suite} problems of {lengths.shown(cell)} digits")

        try:
            rows = measure(
                found.solver, parts, cells=cells, suites=suites, n=samples, seed=seed, trained=run is not None, tell=tell
            )
        except (ValueError, MissingExtra) as error:
            raise UserError(f"eval: {error}") from None
    if rows.empty:
        raise UserError("eval: no problem of these lengths has a page short enough to be asked")
    seconds = time.perf_counter() - began
    console.print(f"{len(rows):,} problems made, answered and checked in {seconds:.1f} s: {len(rows) / seconds:,.0f} a second")
    wrong = [mistake for part in parts for mistake in mistakes(part, rows[rows.task == part.name])]
    about: dict[str, Any] = {"solver": found.solver.name, "tasks": {part.name: part.version for part in parts}}
    about |= {"seed": seed, "samples": samples} | found.about
    packages = ["arithgpt", "numpy", "torch", *(["reasoning-gym"] if any(part.free_text for part in parts) else [])]
    about |= {"versions": {"python": platform.python_version()} | {name: version(name) for name in packages}}
    return Measured(
        name=found.solver.name,
        about=about,
        rows=rows,
        summary=by_length(rows),
        mistakes=counted(wrong),
        examples=[f"{mistake.task.name} {mistake.question}\n{mistake}" for mistake in _various(wrong)],
        recipe=run.recipe.to_toml() if run is not None else "",
        metrics=list(run.metrics()) if run is not None else (),
        trained={
            part.name: [(*box.left, *box.right) for box in part.boxes] for part in parts if run is not None and part.operator
        },
    )


def _various(wrong: list[Any]) -> list[Any]:
    """Some mistakes, each kind in turn, short problems first."""
    by_kind: dict[str, list[Any]] = {}
    for mistake in sorted(wrong, key=lambda mistake: len(mistake.question)):
        by_kind.setdefault(mistake.kind, []).append(mistake)
    turns = [turn for turn in zip(*(kind + [None] * len(wrong) for kind in by_kind.values()), strict=False) if any(turn)]
    return [mistake for turn in turns for mistake in turn if mistake is not None][:REPORTED_EXAMPLES]


def _tell(measured: Measured, parts: list[Task], mistakes: bool, console: Console) -> None:
    from eval.characters import first_wrong
    from eval.report import characters_table, kinds_table, results

    for table in results(measured.summary, measured.name):
        console.print(table, soft_wrap=isinstance(table, str))
    console.print()
    failed = measured.rows[measured.rows.outcome == "failed"]
    if len(failed):
        console.print(
            f"PARTIAL: {len(failed):,} of {len(measured.rows):,} problems could not be asked: {failed.written.iloc[-1]}"
        )
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


def _tell_together(results: list[Measured], console: Console) -> None:
    from eval.compare import side_by_side
    from eval.report import side_by_side_table

    console.print("exact match of each, and the median")
    console.print(side_by_side_table(side_by_side({result.name: result.summary for result in results})))


def _keep(measured: Measured, found: Found) -> None:
    """The results of a run, in its folder."""
    from arithgpt.checkpoint import write_atomic

    if found.run is not None and not found.run.is_shipped:
        write_atomic(found.run.path / "eval.json", _as_json([measured]))
        write_atomic(found.run.path / "eval.csv", measured.rows.to_csv(index=False))


def _write(option: str, path: Path, results: list[Measured]) -> None:
    import io

    import pandas as pd

    from arithgpt.checkpoint import write_atomic
    from arithgpt.errors import UserError
    from eval.solver import MissingExtra

    rows = pd.concat([result.rows.assign(solver=result.name) for result in results], ignore_index=True)
    try:
        if option == "--json":
            data: bytes | str = _as_json(results)
        elif option == "--csv":
            data = rows.to_csv(index=False)
        elif option == "--parquet":
            buffer = io.BytesIO()
            try:
                rows.to_parquet(buffer, index=False)
            except ImportError:
                raise MissingExtra("parquet") from None
            data = buffer.getvalue()
        elif option == "--html":
            from eval.page import page

            data = page(results, "How far it can be trusted")
        elif option == "--png":
            from eval.plots import figures, png

            data = png(figures(results))
        else:
            data = _certificate(results)
    except MissingExtra as error:
        raise UserError(f"{option} {path}: {error}") from None
    write_atomic(path, data)


def _as_json(results: list[Measured]) -> str:
    """One object for one solver, a list for several."""
    import json

    said = [dict(result.about) | {"results": result.summary.to_dict("records")} for result in results]
    return json.dumps(said[0] if len(said) == 1 else said, indent=2) + "\n"


def _certificate(results: list[Measured]) -> str:
    """Every problem of some lengths was asked: how many there are, how many were right, and the first that were not."""
    import json

    certificates = []
    for result in results:
        asked = []
        for (task, cell), rows in result.rows.groupby(["task", "digits"], sort=False):
            wrong = rows[rows.outcome != "right"]
            failures = wrong[["question", "answer", "expected"]].head(10).to_dict("records")
            asked.append(
                {"task": task, "digits": cell, "problems": len(rows), "right": len(rows) - len(wrong), "wrong": failures}
            )
        certificates.append(dict(result.about) | {"every problem of": asked})
    return json.dumps(certificates[0] if len(certificates) == 1 else certificates, indent=2) + "\n"
