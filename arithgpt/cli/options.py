"""What several commands read from their options."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from arithgpt.errors import UserError


def output_file(path: Path, option: str) -> Path:
    """The path, if a file can be put there. UserError where its folder is missing, or something else than a file is there."""
    try:
        if not path.parent.is_dir():
            raise UserError(f"{option} {path}: the folder {path.parent} does not exist")
        if path.is_symlink() or (path.exists() and not path.is_file()):
            raise UserError(f"{option} {path}: is there already and no plain file")
    except (OSError, ValueError) as error:
        raise UserError(f"{option} {path}: {getattr(error, 'strerror', None) or error}") from None
    return path


def output_files(named: Mapping[str, Path | None]) -> dict[str, Path]:
    """Those options that name a file, as `output_file`. UserError where two name the same."""
    files: dict[str, Path] = {}
    for option, path in named.items():
        if path is None:
            continue
        for other, taken in files.items():
            if taken.resolve() == path.resolve():
                raise UserError(f"{option} {path}: is the file of {other} too")
        files[option] = output_file(path, option)
    return files
