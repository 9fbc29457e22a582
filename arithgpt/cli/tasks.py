"""arithgpt tasks: list the tasks."""

from __future__ import annotations

import numpy as np
from rich.console import Console
from rich.table import Table

from arithgpt.config.imported import import_inherited_files
from arithgpt.errors import UserError
from tasks import find, names


def command() -> None:
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
