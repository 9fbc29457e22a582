"""What a run of the bench measures: its parts by name, and how long and how often.

    PARTS["generators"](Plan(repeats=5), tell)  ->  Case("generators", "add, 1-8 digits", "pages/s", ...), Case(...), ...

A part is imported only when it is run.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from importlib import import_module
from typing import Protocol

from arithgpt.bench.timing import Case
from arithgpt.errors import UserError

Tell = Callable[[str], None]
"""Is told what is measured now."""

MODULES = {
    "generators": "generators",
    "train": "training",
    "decode": "decoding",
    "start": "start",
    "memory": "memory",
    "target": "target",
}
SLOW = ("target",)
"""Parts that are measured only when they are named."""


@dataclass(frozen=True)
class Plan:
    """How often and how long things are measured."""

    repeats: int = 5
    """Counted turns of a comparison."""
    seconds: float = 0.2
    """The least time of one measurement, where a rate is taken of something short."""
    steps: int = 20
    """Training steps of one measurement."""
    batches: tuple[int, ...] = (1, 16, 256, 2048)
    """Problems decoded at once."""
    seeds: int = 3
    """Of the part `target`."""
    limit: int = 2000
    """Steps after which the textbook's training is given up in the part `target`."""
    seed: int = 0
    device: str = "cpu"
    """cpu or cuda, of training and decoding."""


class Part(Protocol):
    def __call__(self, plan: Plan, tell: Tell) -> Iterator[Case]: ...


def part(name: str) -> Part:
    """The function that measures a part, which yields each comparison as soon as it is done. UserError for an unknown name."""
    chosen([name])
    return import_module(f"arithgpt.bench.{MODULES[name]}").measure


def chosen(names: Sequence[str]) -> list[str]:
    """The parts to measure, each once; all that are quick where none is named. UserError for an unknown name."""
    for name in names:
        if name not in MODULES:
            raise UserError(f"bench {name}: no such part; there are: {', '.join(MODULES)}")
    return list(dict.fromkeys(names)) or [name for name in MODULES if name not in SLOW]
