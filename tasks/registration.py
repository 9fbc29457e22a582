"""The names of tasks that are taken: the built-in ones, and those that `register` adds."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final, TypeVar

from tasks.task import Task

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


T = TypeVar("T", bound=Task)

registered: dict[str, type[Task]] = {}
"""Tasks from files and entry points, by name."""


def register(task: type[T]) -> type[T]:
    """Class decorator: make a task known by its name.

    Raises:
        ValueError: the name is taken.
    """
    taken = registered.get(task.name)
    if task.name in BUILT_IN or taken is not None:
        owner = f"{taken.__module__}.{taken.__qualname__}" if taken else BUILT_IN[task.name]
        raise ValueError(f"task {task.name!r}: the name is taken by {owner}")
    registered[task.name] = task
    return task


def unregister(name: str) -> None:
    """Forget a registered task. KeyError where none of this name is registered."""
    del registered[name]
