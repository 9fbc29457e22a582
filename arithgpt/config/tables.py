"""TOML tables before they are validated: read from a file, and changed field by field."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

from arithgpt.errors import UserError


def parse_toml(text: str, source: str) -> dict[str, Any]:
    """Parse TOML.

    Raises:
        UserError: the text is not TOML; the message begins with `source`
    """
    try:
        return tomllib.loads(text)
    except (ValueError, RecursionError) as error:
        raise UserError(f"{source}: not TOML: {error}") from None


def read_tables(file: Path, source: str) -> dict[str, Any]:
    """Read the tables of a TOML file, without validating them.

    Raises:
        UserError: the file cannot be read or is not TOML; the message begins with `source`
    """
    try:
        return parse_toml(file.read_text("utf-8"), str(file))
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"{source}: cannot be read: {getattr(error, 'strerror', None) or error}") from None


def toml_value(text: str) -> Any:
    """Read a value typed on the command line: as TOML where it is TOML (3, 0.5, true, [1, 8]), else as the text itself."""
    try:
        return tomllib.loads(f"value = {text}")["value"]
    except (ValueError, RecursionError):
        return text


def set_field(tables: dict[str, Any], dotted: str, value: Any) -> None:
    """Set a field such as `model.n_layer`; tables that are missing on the way are made.

    Raises:
        UserError: a part of the name is a value and not a table
    """
    *path, last = dotted.split(".")
    for key in path:
        tables = tables.setdefault(key, {})
        if not isinstance(tables, dict):
            raise UserError(f"--set {dotted}: {key} is not a table")
    tables[last] = value


def get_field(tables: Any, dotted: str) -> Any:
    """Return the value of a field such as `model.n_layer`, or None where there is none."""
    for key in dotted.split("."):
        tables = tables.get(key) if isinstance(tables, dict) else None
    return tables
