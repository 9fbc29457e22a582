"""arithgpt runs, arithgpt tasks: list the runs on disk, and the tasks."""

from __future__ import annotations

import time

import numpy as np
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from arithgpt.config.imported import import_inherited_files
from arithgpt.data.text import bits
from arithgpt.errors import UserError
from arithgpt.proof.claim import proven_claim
from arithgpt.run_folder import RunFolder, RunSummary, all_runs, runs_folder
from eval.reports.format import percent
from tasks import find, names

COLUMNS = {
    "run": "left",
    "task": "left",
    "digits": "right",
    "parameters": "right",
    "exact": "right",
    "steps": "right",
    "status": "left",
    "age": "right",
}
"""Titles and alignment."""


CAPTION = """exact: held-out exact match at the worst length, or bits per character of text, in the last validation
proven: a certificate for these weights is in the folder; arithgpt prove RUN --check FILE verifies it"""


def runs_command() -> None:
    """List the runs on disk, the newest first."""
    runs = all_runs()
    if not runs:
        print(f"no runs in {runs_folder()}/ yet; make one with: arithgpt train")
        return
    table = Table()
    for title, side in COLUMNS.items():
        table.add_column(title, justify="right" if side == "right" else "left")
    for run in runs:
        table.add_row(*_row(run))
    table.caption = CAPTION
    Console(highlight=False).print(table)


def tasks_command() -> None:
    """List the tasks, each with an example: the question, and the page that the GPT reads and writes."""
    import_inherited_files()
    table = Table()
    for title in ("task", "what it is", "suites", "question", "page"):
        table.add_column(title, overflow="fold")
    for name in names():
        try:
            task = find(name)()
        except ValueError as error:  # an entry point of another package
            raise UserError(str(error)) from None
        problems = task.sample(np.random.default_rng(3), 1)
        suites = " ".join(task.suites) or "those of its parts"
        table.add_row(name, task.summary, suites, task.questions(problems)[0], task.pages(problems).texts()[0])
    table.caption = "rg:NAME is any dataset of reasoning-gym, with the extra rg; text is any file, with --set task.path=FILE"
    Console(highlight=False).print(table)


def _row(run: RunFolder) -> list[str]:
    """The cells of a run."""
    summary, digits = RunSummary.of(run), "?"
    if run.task_name is not None:
        low, high = (0, 0) if run.recipe.text else run.recipe.problems.size_span
        digits = f"{low}-{high}" if high else "-"
    loss = "?" if summary.loss is None else f"{bits(summary.loss):.3f} bits"
    status = "finished" if summary.status == "proven" else summary.status  # its weights may have changed since
    return [
        escape(run.name),
        run.task_name or "?",
        digits,
        f"{summary.parameters:,}" if summary.parameters else "?",
        percent(min(summary.accuracy.values())) if summary.accuracy else loss,
        str(summary.step),
        "proven" if proven_claim(run) else status,
        _age(time.time() - run.changed),
    ]


def _age(seconds: float) -> str:
    """Format a duration in its largest unit: 3 d, 2 h, 5 min, 7 s."""
    for unit, size in (("d", 86400), ("h", 3600), ("min", 60)):
        if seconds >= size:
            return f"{seconds / size:.0f} {unit}"
    return f"{max(seconds, 0):.0f} s"
