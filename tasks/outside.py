"""Tasks from outside the package: those that a file registers, and those that installed packages offer as entry points."""

from __future__ import annotations

import hashlib
import importlib.util
import sys
import traceback
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from typing import Final

from tasks import registration
from tasks.contract import check_contract
from tasks.task import Task

ENTRY_POINTS: Final = "arithgpt.tasks"


class NoTaskError(ValueError):
    """A file registers no task."""


_loaded_files: dict[Path, list[type[Task]]] = {}


def load_task_file(path: str | Path) -> list[type[Task]]:
    """Import a Python file and return the tasks that it registers. A file that is loaded already is not run again.

    Raises:
        ValueError: the file does not import, registers no task, or a task breaks the contract; one line that names the file and
            the method.
    """
    file = Path(path)
    try:
        resolved = file.resolve(strict=True)
    except OSError as error:
        raise ValueError(f"{file}: {error.strerror}") from None
    loaded = _loaded_files.get(resolved, [])
    if loaded and all(registration.registered.get(task.name) is task for task in loaded):
        return loaded
    before = dict(registration.registered)
    try:
        _run_file(file, resolved)
        found = [task for name, task in registration.registered.items() if name not in before]
        if not found:
            raise NoTaskError("registers no task: decorate its class with @tasks.register")
        for task in found:
            check_contract(task)
    except ValueError as error:
        registration.registered.clear()
        registration.registered.update(before)
        kind = NoTaskError if isinstance(error, NoTaskError) else ValueError
        raise kind(f"{file}: {error}") from None
    _loaded_files[resolved] = found
    return found


def _run_file(file: Path, resolved: Path) -> None:
    """Run a file as a module of a name of its own. ValueError says what failed, and in which line."""
    name = f"_task_file_{resolved.stem}_{hashlib.sha256(str(resolved).encode()).hexdigest()[:8]}"
    spec = importlib.util.spec_from_file_location(name, resolved)
    if spec is None or spec.loader is None:
        raise ValueError("is not a Python file: its name must end with .py")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module  # dataclasses look up the module of their class
    try:
        spec.loader.exec_module(module)
    except Exception as error:
        del sys.modules[name]
        lines = [frame.lineno for frame in traceback.extract_tb(error.__traceback__) if frame.filename == str(resolved)]
        line = error.lineno if isinstance(error, SyntaxError) else lines[-1] if lines else None
        where = f"line {line}: " if line else ""
        message = error.msg if isinstance(error, SyntaxError) else " ".join(str(error).split())
        raise ValueError(f"does not import: {where}{type(error).__name__}: {message}") from None


def entry_point_names() -> list[str]:
    """The names of the tasks that installed packages offer."""
    return [entry.name for entry in entry_points(group=ENTRY_POINTS)]


def load_entry_point(name: str) -> type[Task] | None:
    """Import, check and register the task that an installed package offers by this name; None where there is none.

    Raises:
        ValueError: it does not import, breaks the contract, or has another name.
    """
    for entry in entry_points(group=ENTRY_POINTS, name=name):
        return _load(entry)
    return None


def _load(entry: EntryPoint) -> type[Task]:
    """Import, check and register the task of an entry point."""
    try:
        task = entry.load()
    except Exception as error:
        reason = f"{type(error).__name__}: {' '.join(str(error).split())}"
        raise ValueError(f"entry point {entry.name} = {entry.value}: does not import: {reason}") from None
    try:
        check_contract(task)
        if task.name != entry.name:
            raise ValueError(f"{task.__name__}.name is {task.name!r}, not {entry.name!r}")
    except ValueError as error:
        raise ValueError(f"entry point {entry.name} = {entry.value}: {error}") from None
    checked: type[Task] = task
    if entry.name not in registration.registered:  # the package may use the decorator as well
        registration.register(checked)
    return checked
