"""Removing runs: a run is there as a whole, or it is gone.

A run is first renamed into the folder .removed beside the runs, where no command looks for runs, and deleted there.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from arithgpt.errors import UserError
from arithgpt.run_folder import RunFolder, find_run, runs_folder

REMOVED: Final = ".removed"
"""The folder in the runs folder from which runs are deleted."""


def find_removable(names: Sequence[str]) -> list[RunFolder]:
    """Find the runs to remove, each once.

    Raises:
        UserError: a name is no run, a link, the calculator that ships, or a run elsewhere than in the runs folder
    """
    return list({run.path.resolve(): run for run in map(_removable, names)}.values())


def _removable(name: str) -> RunFolder:
    """The run of a name; raises UserError as `find_removable` does."""
    try:
        run = find_run(name)
    except UserError:
        for path in (runs_folder() / name, Path(name)):
            if os.path.isdir(path):  # noqa: PTH112  False also for what is no name of a file
                raise UserError(f"runs rm {name}: {path} is a folder without recipe.toml, and so no run; it stays") from None
        raise
    if run.is_shipped:
        raise UserError(f"runs rm {name}: is the calculator that ships; it stays")
    if run.path.is_symlink():
        raise UserError(f"runs rm {name}: {run.path} is a link; remove it with: rm {run.path}")
    if run.path.resolve().parent != runs_folder().resolve():
        raise UserError(f"runs rm {name}: {run.path} is not in {runs_folder()}/; only runs that stand there are removed")
    return run


def folder_size(folder: Path) -> int:
    """Bytes of all files in a folder and in its folders."""
    return sum(file.lstat().st_size for file in folder.rglob("*") if not file.is_dir() or file.is_symlink())


def remove(run: RunFolder) -> None:
    """Remove the folder of a run.

    Raises:
        UserError: it cannot be renamed, and is as it was; or it is gone from the runs, but its files cannot be deleted
    """
    attic = run.path.resolve().parent / REMOVED
    gone = attic / f"{run.name}-{os.getpid()}"
    try:
        attic.mkdir(exist_ok=True)
        run.path.rename(gone)
    except OSError as error:
        raise UserError(f"{run.path}: cannot be removed: {error.strerror}") from None
    try:
        shutil.rmtree(gone)
        if not any(attic.iterdir()):
            attic.rmdir()
    except OSError as error:
        raise UserError(f"{run.path}: is no run any more, but {gone} cannot be deleted: {error.strerror}") from None
