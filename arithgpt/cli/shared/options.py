"""What several commands share in their options: sentences of the help, and checks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from arithgpt.errors import UserError
from tasks import Task

DEVICE_HELP = "auto, cpu or cuda."


def check_suites(suites: Sequence[str], parts: Sequence[Task]) -> None:
    """Check that every task has every suite.

    Raises:
        UserError: one of the tasks lacks one.
    """
    for part in parts:
        unknown = [name for name in suites if name not in part.suites]
        if unknown:
            raise UserError(f"--suite {unknown[0]}: task {part.name} has {', '.join(part.suites)}")


def output_file(path: Path, option: str) -> Path:
    """Check that a file can be written, and return its path.

    Raises:
        UserError: its folder is missing, or something other than a plain file is there.
    """
    try:
        if not path.parent.is_dir():
            raise UserError(f"{option} {path}: the folder {path.parent} does not exist")
        if path.is_symlink() or (path.exists() and not path.is_file()):
            raise UserError(f"{option} {path}: is there already and no plain file")
    except (OSError, ValueError) as error:
        raise UserError(f"{option} {path}: {getattr(error, 'strerror', None) or error}") from None
    return path


def output_files(named: Mapping[str, Path | None]) -> dict[str, Path]:
    """Check the files that options name, and return those that are given, by option.

    Raises:
        UserError: one cannot be written, or two options name the same file.
    """
    files: dict[str, Path] = {}
    for option, path in named.items():
        if path is None:
            continue
        for other, taken in files.items():
            if taken.resolve() == path.resolve():
                raise UserError(f"{option} {path}: is the file of {other} too")
        files[option] = output_file(path, option)
    return files
