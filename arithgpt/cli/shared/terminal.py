"""The terminal, for all commands but train: one console, and one line that says what a command is doing."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.text import Text

NO_LIMIT = 100_000
"""Columns of a line where nothing limits it."""


def make_console() -> Console:
    """Make a console that prints text as it is, and lines as long as they are.

    Tables are as wide as COLUMNS says, else as the terminal. A pipe or a file has no width, so nothing is folded there.
    """
    has_width = os.environ.get("COLUMNS", "").isdigit() or sys.stdout.isatty()
    return Console(highlight=False, markup=False, emoji=False, soft_wrap=True, width=None if has_width else NO_LIMIT)


@contextmanager
def show_status(console: Console) -> Iterator[Callable[[str], None]]:
    """Show what is being done in a line that moves and is gone at the end; yields the function that changes its text.

    It shows nothing where the output is no terminal.
    """
    if not console.is_terminal:
        yield lambda text: None
        return
    with console.status("") as status:
        yield lambda text: status.update(Text(text))
