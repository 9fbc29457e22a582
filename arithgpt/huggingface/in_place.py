"""A folder that is written under a hidden name beside its place and then renamed, so that it appears whole or not at all."""

from __future__ import annotations

import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path


@contextmanager
def written_beside(target: Path) -> Iterator[Path]:
    """Yield a new hidden folder beside `target`; it takes its place at the end, or is removed where an error is raised.

    Hidden folders that a process left here when it was killed are removed at the end, as one of them may hold what was in
    place. Those of a process that still runs are locked, and stay.

    Args:
        target: a resolved path; a folder there is replaced

    Raises:
        OSError: a folder cannot be made or renamed; what was in place is there as before
    """
    made = _hidden(target)
    lock = os.open(made, os.O_RDONLY)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield made
        _put_in_place(made, target)
        with suppress(OSError):
            _remove_left_over(target)
    finally:
        os.close(lock)
        shutil.rmtree(made, ignore_errors=True)


def _prefix(target: Path) -> str:
    """How the names of the hidden folders of a target begin."""
    return f".{target.name}.export-"


def _hidden(target: Path) -> Path:
    """Make an empty hidden folder."""
    return Path(tempfile.mkdtemp(dir=target.parent, prefix=_prefix(target)))


def _remove_left_over(target: Path) -> None:
    """Remove the hidden folders of a target that no process has locked."""
    for entry in os.scandir(target.parent):
        if not entry.name.startswith(_prefix(target)) or not entry.is_dir(follow_symlinks=False):
            continue
        try:
            lock = os.open(entry.path, os.O_RDONLY)
        except OSError:
            continue
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            shutil.rmtree(entry.path, ignore_errors=True)
        except OSError:
            pass  # another process writes it now
        finally:
            os.close(lock)


def _put_in_place(made: Path, target: Path) -> None:
    """Rename a finished folder to its name; an earlier one leaves first, and comes back if that fails."""
    if not target.exists() or not any(target.iterdir()):
        made.replace(target)
        return
    earlier = _hidden(target)
    target.replace(earlier)
    try:
        made.replace(target)
    except BaseException:
        earlier.replace(target)
        raise
    shutil.rmtree(earlier, ignore_errors=True)
