"""What can be evaluated: anything that takes problems and returns answers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from tasks import Problems, Task


@dataclass(frozen=True, slots=True)
class Answer:
    """What a solver answered to one problem."""

    text: str | None
    """The answer as a person would write it; None where what was written cannot be read as one."""
    written: str = ""
    """All that was written, unchanged."""
    finished: bool = True
    """False where the solver was cut off before it ended by itself."""
    lenient: str | None = None
    """The answer that a tolerant reader finds where `text` is None, for solvers that talk around it."""
    failed: str | None = None
    """Why there is no answer at all, where the solver could not be asked: "HTTP 500 after 4 tries"."""
    page: bool = True
    """Whether `written` is a page like the task's own, whose lines can be checked; False where it is free text."""


class Solver(Protocol):
    """Anything that can be asked."""

    @property
    def name(self) -> str:
        """What reports call it."""
        ...

    def solve(self, task: Task, problems: Problems) -> Sequence[Answer]:
        """Answer n problems of a task.

        Args:
            task: The task that the problems belong to.
            problems: A batch of n problems.

        Returns:
            n answers, in the order of the problems.
        """
        ...


class MissingExtra(ImportError):
    """An optional part of the installation is missing. The message says how to install it."""

    def __init__(self, extra: str) -> None:
        super().__init__(f"the extra {extra} is missing: pip install 'arithgpt[{extra}]'")
