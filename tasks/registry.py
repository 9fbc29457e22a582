"""Tasks by name: built-in ones, those of other packages, those of a file, and `rg:NAME` for the data sets of reasoning-gym.

    make("mul", "1-6")      Multiplication(digits="1-6")
    make("arith", "1-3")    all four operations on numbers of 1 to 3 digits

A task is imported when it is first asked for. A package offers tasks by entry points of the group `arithgpt.tasks`:

    [project.entry-points."arithgpt.tasks"]
    maximum = "my_package.tasks:Maximum"

A file registers its tasks with the decorator `register` and is read by `load_task_file`. A built-in name cannot be taken.
"""

from __future__ import annotations

import dataclasses
import difflib
import hashlib
import importlib
import importlib.util
import sys
import traceback
from collections.abc import Mapping
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from types import MappingProxyType
from typing import Final, TypeVar

from tasks.contract import check_contract
from tasks.task import Task

ENTRY_POINTS: Final = "arithgpt.tasks"
GYM_PREFIX: Final = "rg:"
"""Names the data sets of reasoning-gym: rg:chain_sum."""

BUILT_IN: Final[Mapping[str, str]] = MappingProxyType(
    {
        "add": "tasks.arithmetic.addition:Addition",
        "arith": "tasks.arithmetic.mixture:Arithmetic",
        "base": "tasks.numbers.base:Base",
        "compare": "tasks.numbers.compare:Compare",
        "copy": "tasks.strings.copy:Copy",
        "count": "tasks.strings.count:Count",
        "div": "tasks.arithmetic.division:Division",
        "expr": "tasks.expression.task:Expression",
        "gcd": "tasks.numbers.gcd:GCD",
        "modadd": "tasks.numbers.modadd:ModAdd",
        "mul": "tasks.arithmetic.multiplication:Multiplication",
        "parity": "tasks.strings.parity:Parity",
        "path": "tasks.reasoning.reachability:Path",
        "reverse": "tasks.strings.reverse:Reverse",
        "rewrite": "tasks.reasoning.rewriting:Rewrite",
        "sort": "tasks.strings.sort:Sort",
        "sub": "tasks.arithmetic.subtraction:Subtraction",
        "sum": "tasks.numbers.sum:Sum",
    }
)

NO_TASK: Final = "registers no task: decorate its class with @tasks.register"

T = TypeVar("T", bound=Task)

_registered: dict[str, type[Task]] = {}
"""Tasks from files and entry points, by name."""
_loaded_files: dict[Path, list[type[Task]]] = {}


def names() -> list[str]:
    """The names of all tasks that can be found, sorted; without the data sets of reasoning-gym."""
    return sorted({*BUILT_IN, *_registered, *(entry.name for entry in entry_points(group=ENTRY_POINTS))})


def known() -> str:
    """All names, for a message."""
    return f"{', '.join(names())}, and {GYM_PREFIX}NAME for the datasets of reasoning-gym"


def find(name: object) -> type[Task]:
    """The task of a name.

    Raises:
        ValueError: there is none (the message suggests a near name), its package breaks the contract, or an extra is missing.
    """
    if isinstance(name, str):
        if name in BUILT_IN:
            module, _, attribute = BUILT_IN[name].partition(":")
            found: type[Task] = getattr(importlib.import_module(module), attribute)
            return found
        if name in _registered:
            return _registered[name]
        if name.startswith(GYM_PREFIX):
            from tasks.adapters.reasoning_gym import gym_task  # only here: most commands do not need it

            return gym_task(name)
        for entry in entry_points(group=ENTRY_POINTS, name=name):
            return _load_entry_point(entry)
    near = difflib.get_close_matches(str(name), names(), n=1, cutoff=0.4)
    hint = f"did you mean {near[0]}? " if near else ""
    raise ValueError(f"{name}: no such task; {hint}there are: {known()}")


def make(name: str, digits: str | None = None) -> Task:
    """The task of a name with its default options.

    Args:
        digits: lengths of training in the notation of tasks/sizes.py; for a mixture, those of each part. None: the default.

    Raises:
        ValueError: as from `find`, `digits` is not in the notation, or the task has no such option.
    """
    task = find(name)()
    if digits is None:
        return task
    options = {option.name for option in dataclasses.fields(task)}  # type: ignore[arg-type]
    if "digits" in options:
        return dataclasses.replace(task, digits=digits)  # type: ignore[type-var]
    parts = {
        part: dataclasses.replace(own, digits=digits)  # type: ignore[type-var]
        for part, own in task.subtasks.items()
        if part in options
    }
    if not parts:
        raise ValueError(f"digits = {digits!r}: task {name} has no operands to count the digits of")
    return dataclasses.replace(task, **parts)  # type: ignore[type-var]


def register(task: type[T]) -> type[T]:
    """Class decorator: make a task known by its name.

    Raises:
        ValueError: the name is taken.
    """
    taken = _registered.get(task.name)
    if task.name in BUILT_IN or taken is not None:
        owner = f"{taken.__module__}.{taken.__qualname__}" if taken else BUILT_IN[task.name]
        raise ValueError(f"task {task.name!r}: the name is taken by {owner}")
    _registered[task.name] = task
    return task


def unregister(name: str) -> None:
    """Forget a registered task, and that its file has been loaded. KeyError where none of this name is registered."""
    task = _registered.pop(name)
    for file in [file for file, found in _loaded_files.items() if task in found]:
        del _loaded_files[file]


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
    if resolved in _loaded_files:
        return _loaded_files[resolved]
    before = dict(_registered)
    try:
        _run_file(file, resolved)
        found = [task for name, task in _registered.items() if name not in before]
        if not found:
            raise ValueError(NO_TASK)
        for task in found:
            check_contract(task)
    except ValueError as error:
        _registered.clear()
        _registered.update(before)
        raise ValueError(f"{file}: {error}") from None
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


def _load_entry_point(entry: EntryPoint) -> type[Task]:
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
    if entry.name not in _registered:  # the package may use the decorator as well
        register(checked)
    return checked
