"""What solvers are asked: problem sizes, suites, how many problems of each, and the seed that draws them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from numbers import Integral

import numpy as np

from tasks import ProblemSize, Task

MAX_DEFAULT_SIZES = 16
"""At most this many sizes of each range of training are asked where none are named."""
MAX_PAGE_LENGTH = 20_000
"""Problems whose pages may have more characters are not asked."""


@dataclass(frozen=True)
class EvalSpec:
    """The input of `eval.evaluate.evaluate`. The same spec asks every solver the same problems.

    Raises:
        ValueError: a field is of another type, or samples is below 1.
    """

    sizes: Sequence[ProblemSize] | Mapping[str, Sequence[ProblemSize]] | None = None
    """Sizes for all tasks, or for each task by its name. None: the sizes of training; for the suite `long`, sizes beyond."""
    suites: Sequence[str] | None = None
    """None: every suite of a task except those that are asked only on request."""
    samples: int = 1000
    """Different problems for each suite and size, at most."""
    seed: int = 1

    def __post_init__(self) -> None:
        if not isinstance(self.samples, Integral) or self.samples < 1:
            raise ValueError(f"samples = {self.samples!r}: must be a whole number from 1 on")
        if not isinstance(self.sizes, Sequence | Mapping | None):
            raise ValueError(f"sizes = {self.sizes!r}: must be a list of sizes, or for each task a list by its name")
        if isinstance(self.suites, str) or not isinstance(self.suites, Sequence | None):
            raise ValueError(f'suites = {self.suites!r}: must be a list of texts, as in ["random"]')

    def suites_of(self, task: Task) -> list[str]:
        """List the suites that a task is asked."""
        if self.suites is not None:
            return list(self.suites)
        return [suite for suite in task.suites if suite not in task.slow_suites]

    def sizes_of(self, task: Task, suite: str = "random") -> list[ProblemSize]:
        """List the sizes that a task is asked, without those whose pages are too long."""
        if isinstance(self.sizes, Mapping):
            sizes = self.sizes[task.name]
        elif self.sizes is not None:
            sizes = self.sizes
        else:
            sizes = task.long_sizes if suite == "long" else default_sizes(task)
        return [size for size in sizes if fits(task, size)]


def default_sizes(task: Task) -> list[ProblemSize]:
    """List the sizes of training, at most MAX_DEFAULT_SIZES of each range."""
    return list(dict.fromkeys(size for sizes in task.size_ranges for size in sizes.spread(MAX_DEFAULT_SIZES)))


def fits(task: Task, size: ProblemSize) -> bool:
    """Tell whether a problem of this size has a page short enough to be asked."""
    problem = task.sample_suite(np.random.default_rng(0), 1, size, "random")
    return int(task.prompts(problem).lengths[0] + task.max_new_tokens(problem)[0]) <= MAX_PAGE_LENGTH
