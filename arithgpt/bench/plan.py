"""What a run of the bench measures: its parts by name, how long and how often.

    find_part("generators")(Plan(repeats=5), on_progress)  ->  Case("generators", "add, 1-8 digits", "pages/s", ...), ...

The module of a part is imported only when it is run.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from importlib import import_module
from typing import Protocol, TypeAlias, cast

from arithgpt.bench.timing import Case
from arithgpt.errors import UserError

OnProgress: TypeAlias = Callable[[str], None]
"""Called with what is measured now."""

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
    """The least time of one measurement of a rate."""
    steps: int = 20
    """Training steps of one measurement."""
    batches: tuple[int, ...] = (1, 16, 256, 2048)
    """Problems decoded at once."""
    seeds: int = 3
    """Seeds of the part `target`."""
    limit: int = 2000
    """Steps after which the part `target` gives up the textbook's training."""
    seed: int = 0
    device: str = "cpu"
    """Where training and decoding compute: cpu or cuda."""


class Part(Protocol):
    """Measures one part of the bench."""

    def __call__(self, plan: Plan, on_progress: OnProgress) -> Iterator[Case]: ...


def find_part(name: str) -> Part:
    """Return the function that measures a part; it yields each comparison as soon as it is done.

    Raises:
        UserError: the name is unknown.
    """
    choose_parts([name])
    return cast(Part, import_module(f"arithgpt.bench.{MODULES[name]}").measure)


def choose_parts(names: Sequence[str]) -> list[str]:
    """Choose the parts to measure, each once; without names all that are quick.

    Raises:
        UserError: a name is unknown.
    """
    for name in names:
        if name not in MODULES:
            raise UserError(f"bench {name}: no such part; there are: {', '.join(MODULES)}")
    return list(dict.fromkeys(names)) or [name for name in MODULES if name not in SLOW]
