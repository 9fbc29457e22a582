"""Tasks by name: built-in ones, those of other packages, those of a file, and `rg:NAME` for the data sets of reasoning-gym.

    make("mul", "1-6")      Multiplication(digits="1-6")
    make("arith", "1-3")    all four operations on numbers of 1 to 3 digits

A task is imported when it is first asked for. A package offers tasks by entry points of the group `arithgpt.tasks`:

    [project.entry-points."arithgpt.tasks"]
    maximum = "my_package.tasks:Maximum"

A file registers its tasks with the decorator `register` (tasks/registration.py) and is read by tasks/outside.py. A built-in
name cannot be taken.
"""

from __future__ import annotations

import dataclasses
import importlib

from tasks.core.near import near_names
from tasks.registration import BUILT_IN, GYM_PREFIX, registered
from tasks.task import Task


def names() -> list[str]:
    """The names of all tasks that can be found, sorted; without the data sets of reasoning-gym."""
    from tasks import outside  # only here: it takes time to read which packages are installed

    return sorted({*BUILT_IN, *registered, *outside.entry_point_names()})


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
        if name in registered:
            return registered[name]
        if name.startswith(GYM_PREFIX):
            from tasks.adapters.reasoning_gym import gym_task  # only here: most commands do not need it

            return gym_task(name)
        from tasks import outside  # only here: it takes time to read which packages are installed

        if (task := outside.load_entry_point(name)) is not None:
            return task
    near = near_names(name, names())
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
