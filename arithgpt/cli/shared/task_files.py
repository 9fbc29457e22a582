"""The option --import FILE.py, which every command has: tasks, position schemes and other code from outside the package."""

from __future__ import annotations

from typing import Annotated, Any, Optional

import typer

HELP = "Import this file first: it registers tasks of your own. Can be given several times."


def _import_files(files: Optional[list[str]]) -> Optional[list[str]]:
    """Import the files of --import."""
    if files:
        from arithgpt.config.imported import import_task_files  # only here: it imports all tasks

        import_task_files(files)
    return files


_SETTINGS: dict[str, Any] = {"metavar": "FILE.py", "help": HELP, "callback": _import_files, "is_eager": True}
IMPORT_OPTION = typer.Option("--import", **_SETTINGS)
"""The option before the command: `arithgpt --import my_tasks.py train`."""
_COMMAND_OPTION = typer.Option("--import", expose_value=False, **_SETTINGS)


def import_parameter() -> Any:
    """Make the option that each command gets: `arithgpt train --import my_tasks.py`."""
    template = typer.Typer(add_completion=False)

    @template.command()
    def command(task_files: Annotated[Optional[list[str]], _COMMAND_OPTION] = None) -> None: ...

    return typer.main.get_command(template).params[0]
