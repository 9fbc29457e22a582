"""The option --import FILE.py, which every command has: tasks, position schemes and other code from outside the package."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any, Optional

import typer

HELP = "Import this file first: it registers tasks of your own. Can be given several times."


def import_files(files: Sequence[str]) -> None:
    """Import the files of --import; raises UserError as `import_task_files` does."""
    from arithgpt.config.imported import import_task_files  # only here: `arithgpt --help` needs no NumPy

    import_task_files(files)


IMPORT_OPTION = typer.Option("--import", metavar="FILE.py", help=HELP)
"""The option before the command: `arithgpt --import my_tasks.py train`."""


def _import_given(files: Optional[list[str]]) -> None:
    """Import the files of --import after a command, before its other options are read."""
    if files:
        import_files(files)


_COMMAND_OPTION = typer.Option(
    "--import", metavar="FILE.py", help=HELP, callback=_import_given, is_eager=True, expose_value=False
)


def import_parameter() -> Any:
    """Make the option that each command gets: `arithgpt train --import my_tasks.py`."""
    template = typer.Typer(add_completion=False)

    @template.command()
    def command(task_files: Annotated[Optional[list[str]], _COMMAND_OPTION] = None) -> None: ...

    return typer.main.get_command(template).params[0]
