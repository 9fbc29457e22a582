"""The tasks that the prover covers.

A further task needs a `PageFamily` (windows.py), mostly a `ColumnFamily` of a few lines, an entry in `COVERED`, and windows of
its own in proof/checker, which shares no code with this package.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from functools import cache
from typing import Any

from arithgpt.proof.families.multiplication import MultiplicationFamily
from arithgpt.proof.families.reversal import ReverseFamily
from arithgpt.proof.families.strings import CompareFamily, CopyFamily, ParityFamily
from arithgpt.proof.families.sums import AdditionFamily, SubtractionFamily
from arithgpt.proof.windows import NotCoveredError, PageFamily
from tasks import Task


@dataclass(frozen=True)
class Coverage:
    """What the prover knows of a task."""

    family: Callable[[], PageFamily]
    claim: str
    """What a model does that is proven, after "it"."""
    options: Mapping[str, Any]
    """The options that the pages must have, by name."""


COVERED: Mapping[str, Coverage] = {
    "add": Coverage(
        AdditionFamily,
        "adds any two numbers, of any length",
        {"order": "reversed", "pad": False, "signs": True, "index_hints": False, "scratchpad": False},
    ),
    "compare": Coverage(CompareFamily, "compares any two numbers, of any length", {}),
    "copy": Coverage(CopyFamily, "copies any string of digits, of any length", {}),
    "mul": Coverage(MultiplicationFamily, "multiplies any two numbers, of any length", {"scratchpad": True}),
    "parity": Coverage(ParityFamily, "tells the parity of any string of bits, of any length", {"scratchpad": True}),
    "reverse": Coverage(ReverseFamily, "reverses any string of digits, of any length", {"scratchpad": True}),
    "sub": Coverage(SubtractionFamily, "subtracts any two numbers, of any length, results below zero too", {}),
}


def coverage(task: Task) -> Coverage:
    """Return what the prover knows of a task.

    Raises:
        NotCoveredError: it covers no such pages; in one line, with the option
    """
    if task.name not in COVERED:
        raise NotCoveredError(f"task {task.name}: prove covers {', '.join(COVERED)}")
    found = COVERED[task.name]
    options = {field.name for field in fields(task)}  # type: ignore[arg-type]  # tasks are dataclasses
    for option, needed in found.options.items():
        if option in options and (value := getattr(task, option)) != needed:
            raise NotCoveredError(f"task.{option} = {value!r}: prove covers {needed!r}")
    return found


def family_of(task: Task) -> PageFamily:
    """Return the pages of a task; one object a task, so that windows are enumerated once.

    Raises:
        NotCoveredError: as `coverage`
    """
    return _family(coverage(task).family)


@cache
def _family(make: Callable[[], PageFamily]) -> PageFamily:
    return make()
