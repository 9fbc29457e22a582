"""arithgpt runs: what is on disk."""

from __future__ import annotations


def command() -> None:
    """List the runs on disk, the newest first."""
    import time

    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    from arithgpt.data.text import bits
    from arithgpt.run import Made, all_runs, runs_folder
    from eval.reports.format import percent

    runs = all_runs()
    if not runs:
        print(f"no runs in {runs_folder()}/ yet; make one with: arithgpt train")
        return
    table = Table()
    for title in ("run", "task", "digits", "parameters", "exact", "steps", "status", "age"):
        table.add_column(title, justify="right" if title in ("digits", "parameters", "exact", "steps", "age") else "left")
    for run in runs:
        text = run.task_name == "text"
        low, high = ("?", "?") if not run.task_name else (0, 0) if text else run.recipe.problems.size_span
        made = Made.read(run) if run.task_name else Made(status="unreadable recipe")
        loss = "?" if made.loss is None else f"{bits(made.loss):.3f} bits"
        table.add_row(
            escape(run.name),
            run.task_name or "?",
            f"{low}-{high}" if high else "-",
            f"{made.parameters:,}" if made.parameters else "?",
            percent(min(made.accuracy.values())) if made.accuracy else loss,
            str(made.step),
            made.status,
            _age(time.time() - run.changed),
        )
    table.caption = "exact: held-out exact match at the worst length, or bits a character of text, at the last look of training"
    Console(highlight=False).print(table)


def _age(seconds: float) -> str:
    for unit, size in (("d", 86400), ("h", 3600), ("min", 60)):
        if seconds >= size:
            return f"{seconds / size:.0f} {unit}"
    return f"{max(seconds, 0):.0f} s"
