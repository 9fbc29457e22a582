"""arithgpt tasks: what can be learned."""

from __future__ import annotations


def command() -> None:
    """List the tasks, each with a sample: the question, and the page the GPT reads and writes."""
    import numpy as np
    from rich.console import Console
    from rich.table import Table

    from tasks import find, names

    table = Table()
    for title in ("task", "what it is", "suites", "question", "page"):
        table.add_column(title, overflow="fold")
    for name in names():
        task = find(name)()
        problems = task.sample(np.random.default_rng(3), 1)
        table.add_row(
            name,
            task.summary,
            " ".join(task.suites) or "those of its parts",
            task.questions(problems)[0],
            task.pages(problems).texts()[0],
        )
    table.caption = "rg:NAME is any dataset of reasoning-gym, with the extra rg; text is any file, with --set task.path=FILE"
    Console(highlight=False).print(table)
