"""Tasks by the name typed for them: `add`, `arith`, and `rg:chain_sum` for any dataset of reasoning-gym.

make("mul", "1-6")      Multiplication(digits="1-6")
make("arith", "1-3")    all four operations on numbers of 1 to 3 digits
"""

from __future__ import annotations

import dataclasses
import difflib

from tasks.adapters.reasoning_gym import PREFIX, gym_task
from tasks.task import TASKS, Task


def find(name: object) -> type[Task]:
    """The task of a name. ValueError suggests a near name where there is none, or says which extra is missing."""
    if isinstance(name, str) and name in TASKS:
        return TASKS[name]
    if isinstance(name, str) and name.startswith(PREFIX):
        return gym_task(name)
    near = difflib.get_close_matches(str(name), TASKS, n=1, cutoff=0.4)
    hint = f"did you mean {near[0]}? " if near else ""
    raise ValueError(f"{name}: no such task; {hint}there are: {known()}")


def known() -> str:
    """Every name there is, for a message."""
    return f"{', '.join(sorted(TASKS))}, and {PREFIX}NAME for the datasets of reasoning-gym"


def make(name: str, digits: str | None = None) -> Task:
    """The task of a name, as it comes or with other lengths of training; of a mixture those of each part.

    ValueError as from `find`, where `digits` names no lengths, or where the task has none to set.
    """
    task = find(name)()
    if digits is None:
        return task
    options = {option.name for option in dataclasses.fields(task)}
    if "digits" in options:
        return dataclasses.replace(task, digits=digits)
    parts = {part: dataclasses.replace(own, digits=digits) for part, own in task.subtasks.items() if part in options}
    if not parts:
        raise ValueError(f"digits = {digits!r}: task {name} has no operands to count the digits of")
    return dataclasses.replace(task, **parts)
