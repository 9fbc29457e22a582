"""arithgpt runs: list the runs on disk; `show` tells all of one, `rm` removes some."""

from __future__ import annotations

import json
import sys
import time
from typing import Annotated, Any

import typer

from arithgpt.cli.listings.removal import find_removable, folder_size, remove
from arithgpt.cli.listings.run_details import Details, format_bytes
from arithgpt.cli.shared.terminal import make_console
from arithgpt.config.imported import command_line, import_inherited_files
from arithgpt.data.text import bits
from arithgpt.errors import UserError
from arithgpt.proof.claim import proven_claim
from arithgpt.run_folder import RunFolder, RunSummary, all_runs, find_run, runs_folder
from eval.reports.format import percent
from eval.reports.layout import TextTable, print_table

HEADS = ("run", "task", "digits", "params", "exact", "steps", "status", "age")
WORDS = (0, 1, 6)
"""Columns of words."""
NOTES = """exact: held-out exact match at the worst length, or bits per character of text, in the last validation
proven: a certificate for these weights is in the folder; {check} verifies it
{show} tells all of one"""
EXIT_NOT_REMOVED = 1

Json = Annotated[bool, typer.Option("--json", help="As JSON.")]


def command(context: typer.Context, as_json: Json = False) -> None:
    """List the runs on disk, the newest first."""
    import_inherited_files()
    if context.invoked_subcommand is not None:
        if as_json:
            raise UserError(f"--json: stands after {context.invoked_subcommand}, where it takes it")
        return
    runs = all_runs()
    if as_json:
        entries = [(run, _entry(run)) for run in runs]
        print(json.dumps([entry for run, entry in entries if run.path.is_dir()], indent=2, allow_nan=False))
    elif not runs:
        print(f"no runs in {runs_folder()}/ yet; make one with: arithgpt train")
    else:
        console = make_console()
        rows = [(run, _row(run)) for run in runs]
        shown = [row for run, row in rows if run.path.is_dir()]  # without those that were removed meanwhile
        print_table(TextTable(HEADS, shown, text_columns=WORDS), console)
        check, show_one = command_line("prove", "RUN", "--check", "FILE"), command_line("runs", "show", "RUN")
        console.print(f"\n{NOTES.format(check=check, show=show_one)}", soft_wrap=False)


def show(
    name: Annotated[str, typer.Argument(metavar="RUN", help="A run by name or folder; or calculator.")], as_json: Json = False
) -> None:
    """Tell all of one run.

    How its recipe differs from the built-in one, its size, training and accuracy, what evaluations found, proof and files.
    """
    details = Details(find_run(name))
    if as_json:
        print(json.dumps(details.as_dict(), indent=2, allow_nan=False))
    else:
        details.print(make_console())


def rm(
    names: Annotated[list[str], typer.Argument(metavar="RUN", help="Runs in the runs folder, by name.")],
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
) -> None:
    """Remove runs with all of their files. It asks first; without a terminal it needs --yes.

    All names are checked before anything is removed. The calculator that ships is not removed. Exit status: 0, or 1 where you
    said no.
    """
    runs = find_removable(names)
    sizes = {run.name: format_bytes(folder_size(run.path)) for run in runs}
    if not yes:
        if not sys.stdin.isatty():
            raise UserError("runs rm: cannot ask without a terminal; --yes removes without asking")
        for run in runs:
            print(f"{run.path}  {sizes[run.name]}")
        if not _confirmed(f"remove {'this run' if len(runs) == 1 else f'these {len(runs)} runs'}? [y/N] "):
            print("nothing was removed")
            raise typer.Exit(EXIT_NOT_REMOVED)
    for run in runs:
        remove(run)
        print(f"removed {run.path}, {sizes[run.name]}")


def _confirmed(question: str) -> bool:
    """Ask on the terminal; the end of the input and Ctrl-C are a no."""
    try:
        return input(question).strip().lower() in ("y", "yes")
    except (EOFError, KeyboardInterrupt):
        print()
        return False


def _status(run: RunFolder, summary: RunSummary) -> str:
    """How training ended, or that the run is proven."""
    if proven_claim(run):
        return "proven"
    return "finished" if summary.status == "proven" else summary.status  # its weights may have changed since


def _lengths(run: RunFolder) -> str | None:
    """The lengths of training; None where the task has none, or cannot be read."""
    if run.task_name is None or run.recipe.text:
        return None
    low, high = run.recipe.problems.size_span
    return f"{low}-{high}" if high else None


def _row(run: RunFolder) -> list[str]:
    """The cells of a run."""
    summary = RunSummary.of(run)
    loss = "?" if summary.loss is None else f"{bits(summary.loss):.3f} bits"
    return [
        run.name,
        run.task_name or "?",
        _lengths(run) or ("?" if run.task_name is None else "-"),
        f"{summary.parameters:,}" if summary.parameters else "?",
        percent(min(summary.accuracy.values())) if summary.accuracy else loss,
        str(summary.step),
        _status(run, summary),
        _age(time.time() - run.changed),
    ]


def _entry(run: RunFolder) -> dict[str, Any]:
    """What the list says of a run, as values for JSON."""
    summary = RunSummary.of(run)
    return {
        "name": run.name,
        "path": str(run.path),
        "task": run.task_name,
        "digits": _lengths(run),
        "parameters": summary.parameters or None,
        "accuracy": summary.accuracy,
        "loss": summary.loss,
        "step": summary.step,
        "status": _status(run, summary),
        "changed": run.changed,
    }


def _age(seconds: float) -> str:
    """Format a duration in its largest unit: 3d, 2h, 5min, 7s."""
    for unit, size in (("d", 86400), ("h", 3600), ("min", 60)):
        if seconds >= size:
            return f"{seconds / size:.0f}{unit}"
    return f"{max(seconds, 0):.0f}s"
