"""Files with tasks and position schemes from outside the package, as --import names them.

A process that this one starts, such as a trial of a sweep, finds them in the environment variable ARITHGPT_IMPORT. A command
that is printed for a person to type repeats the option (`command_line`).
"""

from __future__ import annotations

import os
import shlex
from collections.abc import Sequence
from pathlib import Path

from arithgpt.errors import UserError, Wording
from arithgpt.models.positions.names import SCHEMES
from tasks.outside import NoTaskError, load_task_file

VARIABLE = "ARITHGPT_IMPORT"
_imported: set[str] = set()
_named: list[str] = []
"""The files as they were named to this process; those of the environment variable are not among them."""


def import_task_files(files: Sequence[str]) -> None:
    """Import files once each, and leave their names to the processes that this one starts.

    Args:
        files: paths of Python files that register tasks or position schemes

    Raises:
        UserError: a file is missing, does not import, registers nothing, or breaks the contract of a task
    """
    _import_once(files)
    _named.extend(file for file in files if file not in _named)


def import_inherited_files() -> None:
    """Import the files that the environment variable names, where this process has not done so."""
    _import_once([file for file in os.environ.get(VARIABLE, "").split(os.pathsep) if file])


def command_line(command: str, *arguments: str) -> str:
    """Write a command of arithgpt for a person to type, with the --import that this process was called with.

    Args:
        command: its name
        arguments: what follows; what a shell would not read as one word is quoted
    """
    imports = [word for file in _named for word in ("--import", file)]
    return " ".join(["arithgpt", command, *map(_quoted, [*imports, *arguments])])


def _quoted(word: str) -> str:
    """Quote a word where a shell needs it: by double quotes, which all shells know, unless it has what they do not protect."""
    if shlex.quote(word) == word or set(word) & set('"$`\\!'):
        return shlex.quote(word)
    return f'"{word}"'


def _import_once(files: Sequence[str]) -> None:
    """Do what `import_task_files` does, but for noting the names that were given."""
    for file in files:
        path = str(Path(file).resolve())
        if path in _imported:
            continue
        schemes = list(SCHEMES)
        try:
            load_task_file(file)
        except ValueError as error:
            registers_scheme = isinstance(error, NoTaskError) and list(SCHEMES) != schemes
            if not registers_scheme:
                raise UserError(Wording(str(error), f"--import {error}")) from None
        _imported.add(path)
        os.environ[VARIABLE] = os.pathsep.join(sorted(_imported))
