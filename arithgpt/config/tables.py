"""The tables of a recipe before they are validated: read from TOML, changed field by field, and [task] made into a task.

    [task]
    name = "add"            ->  Addition(digits="1-8")
    digits = "1-8"

A file of text to learn (`name = "text"`) has no problems: it becomes a `Text` in place of a `Task`.
"""

from __future__ import annotations

import dataclasses
import inspect
import os
import re
import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, TypeAlias, get_type_hints

from pydantic import TypeAdapter, ValidationError

from arithgpt.config import imported
from arithgpt.data.text import Text
from arithgpt.errors import UserError, Wording, ending
from tasks import Task, find
from tasks.core.near import near_names
from tasks.registration import GYM_PREFIX

SWEEP = "sweep"
"""The table that a recipe file has in addition where it describes a grid of recipes."""

DIGITS = "task.digits"
"""The field of the lengths of training; for a mixture it stands for those of each part (`set_digits`)."""

TaskOrText: TypeAlias = Task | Text
Kind: TypeAlias = type[Task] | type[Text]


class UnknownTaskError(UserError):
    """No task has this name: a task from outside the package may not have been imported.

    Args:
        message, argument, value: as those of UserError
        name: the name that no task has
    """

    def __init__(
        self, message: str | Wording = "", argument: str | None = None, value: object = None, name: object = None
    ) -> None:
        super().__init__(message, argument, value)
        self.args = (message, argument, value, name)
        self.name = name


class UnknownFieldError(UserError):
    """A recipe has a field or a section that this version does not know."""


def parse_toml(text: str, source: str) -> dict[str, Any]:
    """Parse TOML.

    Raises:
        UserError: the text is not TOML; the message begins with `source`
    """
    try:
        return tomllib.loads(text)
    except (ValueError, RecursionError) as error:
        raise UserError(f"{source}: not TOML: {error}") from None


def read_tables(file: Path, argument: str | None = None, value: object = None) -> dict[str, Any]:
    """Read the tables of a TOML file, without validating them.

    Args:
        file: to read
        argument, value: the argument that named the file, for messages; None: they begin with the path

    Raises:
        UserError: the file cannot be read or is not TOML
    """
    try:
        return parse_toml(file.read_text("utf-8"), str(file))
    except (OSError, UnicodeDecodeError) as error:
        message = f"cannot be read: {getattr(error, 'strerror', None) or error}"
        raise UserError(message if argument else f"{file}: {message}", argument, value) from None


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
            raise UserError(f"{dotted}: {key} is not a table")
    tables[last] = value


def set_digits(tables: dict[str, Any], digits: Any, source: str, typed: str | None = None) -> list[str]:
    """Set the lengths of training: those of the task, or of each part that a mixture asks.

    Args:
        tables: of a recipe
        digits: in the notation of tasks/sizes.py
        source: what stands before a message about the tables
        typed: what stands before a message about the lengths; None: the field and its value

    Returns:
        The fields that were set, such as `task.digits`, or `task.add.digits` and more.

    Raises:
        UserError: the task has no lengths, or cannot be made
    """
    task = make_task(tables.get("task", {}), source)
    options = {field.name for field in dataclasses.fields(task)} if dataclasses.is_dataclass(task) else set()
    parts = [] if isinstance(task, Text) or "digits" in options else [part for part in task.subtasks if part in options]
    if not parts and "digits" not in options:
        subject = typed or f"{source}: task.digits = {digits!r}"
        raise UserError(f"{subject}: task {task.name} has no operands to count the digits of")
    fields = [f"task.{part}.digits" for part in parts] or [DIGITS]
    for field in fields:
        set_field(tables, field, digits)
    return fields


def get_field(tables: Any, dotted: str) -> Any:
    """Return the value of a field such as `model.n_layer`, or None where there is none."""
    for key in dotted.split("."):
        tables = tables.get(key) if isinstance(tables, dict) else None
    return tables


def check_task_name(name: object, label: str | None = None) -> str:
    """Return the name if a task has it.

    Args:
        name: what the user gave as a task's name
        label: what stands before the name in the message; None: it was the argument `task`

    Raises:
        UnknownTaskError: there is no such task; the message suggests a near name
    """
    return find_kind(name, label).name


def find_kind(name: object, label: str | None) -> Kind:
    """Find the class of a task, or `Text`; raises UnknownTaskError as `check_task_name` does."""
    if name == Text.name:
        return Text
    try:
        if imported.VARIABLE in os.environ:
            imported.import_inherited_files()
        return find(name)
    except ValueError as error:
        message = str(error).removeprefix(f"{name}: ")
        if label is None:
            raise UnknownTaskError(_with_import(message, name), "task", name) from None
        raise UnknownTaskError(_with_import(f"{label}{name}: {message}", name), name=name) from None


def _with_import(message: str, name: object) -> str | Wording:
    """Say of an unknown task how a task from outside the package is made known."""
    if str(name).startswith(GYM_PREFIX):
        return message
    own = "a task of your own needs the import of its file first", "a task of your own needs --import FILE.py"
    return Wording(*(f"{message}; {Text.name} for a file of text; {each}" for each in own))


def make_task(table: object, source: str) -> TaskOrText:
    """Make the task that a table describes. This is the only place where its options are parsed.

    Args:
        table: `name` and the options of the task
        source: what stands before a message, such as the name of the recipe file

    Raises:
        UserError: the table has no name, the task is unknown, or an option is unknown or out of range
    """
    if not isinstance(table, Mapping):
        message = f"{source}: task = {table!r}: must be a table with a name"
        raise UserError(ending(message, python="the argument task chooses the task", shell="--task chooses the task"))
    if table.get("name") is None:
        raise UserError(f"{source}: task.name is missing")
    kind = find_kind(table["name"], f"{source}: task.name = ")
    options = {key: value for key, value in table.items() if key != "name"}
    _check_names(options, kind, [], source)
    try:
        return TypeAdapter(kind).validate_python(options) if dataclasses.is_dataclass(kind) else kind()
    except ValidationError as error:
        raise UserError(f"{source}: {describe_error(error)}") from None


def task_table(task: TaskOrText) -> dict[str, Any]:
    """Return the table that makes this task: its name and all its options, as values that TOML can hold."""
    options = (
        TypeAdapter(type(task)).dump_python(task, mode="json", exclude_none=True) if dataclasses.is_dataclass(task) else {}
    )
    return {"name": task.name} | options


def describe_error(error: ValidationError) -> str:
    """Describe the first fault in one line: field, value, and what is allowed."""
    fault = error.errors(include_url=False)[0]
    field = ".".join(str(part) for part in fault["loc"])
    message = fault["msg"].removeprefix("Value error, ")
    message = message[0].lower() + message[1:]
    if not field:
        return message
    if fault["type"] == "value_error" and isinstance(fault["input"], dict):
        return f"{field}.{message}"  # a section or a part of a mixture, which names its own field
    if fault["type"] == "model_type":
        message = f"is a section; set one of its fields, as in {field}.FIELD=VALUE"
    near = near_names(fault["input"], re.findall("'([^']+)'", message))  # of the names allowed
    return f"{field} = {fault['input']!r}: {message}{f'; did you mean {near[0]}?' if near else ''}"


def no_such_field(field: str, known: Sequence[str], others: Sequence[str] = ()) -> str:
    """Describe an unknown field; suggests a near name.

    Args:
        field: dotted, as the user gave it
        known: the names that can stand in place of its last part
        others: dotted names of fields elsewhere, one of which may be meant
    """
    path, dot, last = field.rpartition(".")
    near = [path + dot + name for name in near_names(last, known)] or near_names(field, others)
    if not near:
        last_parts = {other: other.rpartition(".")[2] for other in others}
        near = [other for other, part in last_parts.items() if part == last or part.endswith(f"_{field}")]  # lr: adamw_lr
    hint = f"did you mean {' or '.join(near)}? " if near else ""
    return f"{field}: no such field; {hint}there are: {', '.join(known)}"


def _check_names(options: Mapping[str, Any], kind: type, path: list[str], source: str) -> None:
    """Raise UnknownFieldError for an option that the task, or a part of a mixture, does not have."""
    fields = [field.name for field in dataclasses.fields(kind)] if dataclasses.is_dataclass(kind) else []
    types = get_type_hints(kind) if fields else {}
    for name, value in options.items():
        if name not in fields:
            known = [*([] if path else ["name"]), *fields]
            message = f"{source}: {no_such_field('.'.join(['task', *path, name]), known)}"
            if name in inspect.get_annotations(kind):
                message += f"; the class {kind.__name__} needs the decorator @dataclass(frozen=True) for {name} to be a field"
            raise UnknownFieldError(message)
        if isinstance(value, Mapping) and dataclasses.is_dataclass(types[name]):
            _check_names(value, types[name], [*path, name], source)
