"""What several commands read from their options."""

from __future__ import annotations

import re
from pathlib import Path

from arithgpt.errors import UserError

_PART = re.compile(r"([0-9]+)(?:-([0-9]+))?")


def digit_lengths(text: str, *, allow_lists: bool = True) -> list[int]:
    """The lengths that "1-10,20,50" names, in order, each once. UserError where it names none or one out of range."""
    from tasks import MAX_DIGITS

    lengths: dict[int, None] = {}
    for part in text.split(",") if allow_lists else [text]:
        match = _PART.fullmatch(part.strip())
        low = int(match[1]) if match and len(match[1]) < 9 else 0
        high = int(match[2]) if match and match[2] and len(match[2]) < 9 else low
        if not (match and 1 <= low <= high <= MAX_DIGITS):
            example = "8, 1-10 or 1-10,20,50, each" if allow_lists else "8 or 1-10,"
            raise UserError(f"--digits {text}: must be lengths such as {example} from 1 to {MAX_DIGITS}")
        lengths |= dict.fromkeys(range(low, high + 1))
    return list(lengths)


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
