"""How many problems a second are made: pages of arithgpt, of the textbook in plain Python, and of reasoning-gym.

    add, 1-8 digits     arithgpt, 64 at once    arithgpt, 1,024 at once     textbook    reasoning-gym chain_sum

arithgpt writes the whole page with its scratchpad, leaves held-out problems out and makes long carries. The others write
question and answer, one problem at a time. Where there is a scratchpad, compare characters per second.
"""

from __future__ import annotations

import itertools
import random
import statistics
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from importlib.util import find_spec
from typing import Any, TypeAlias

from arithgpt.bench import textbook
from arithgpt.bench.plan import OnProgress, Plan
from arithgpt.bench.timing import Case, Side, measure_in_turns, measure_rate
from tasks import Pages, Task, find

PageMaker: TypeAlias = Callable[[], Pages | Sequence[str]]
"""Makes some pages."""

BATCH_SIZES = (64, 1024)
"""Pages made at once: as in training, and the number from which more make no difference."""
N_LENGTHS = 1024
"""Pages whose characters are counted."""
NO_GYM = "reasoning-gym is left out: it is not installed (pip install 'arithgpt[rg]')"


@dataclass(frozen=True)
class Workload:
    """A task with the lengths of its numbers, and the nearest data set of reasoning-gym."""

    task: str
    digits: tuple[int, int]
    gym: str
    gym_options: dict[str, Any] = field(default_factory=dict)


TWO: dict[str, Any] = {"min_terms": 2, "max_terms": 2}
ONE_DIVISION = TWO | {"operators": ["/"], "allow_parentheses": False, "allow_negation": False}
WORKLOADS = (
    Workload("add", (1, 8), "chain_sum", TWO),
    Workload("add", (20, 20), "chain_sum", TWO),
    Workload("sub", (1, 8), "chain_sum", TWO),
    Workload("mul", (1, 4), "products", TWO),
    Workload(
        "div", (1, 4), "basic_arithmetic", TWO | {"operators": ["/"], "allow_parentheses": False, "allow_negation": False}
    ),
    Workload("expr", (1, 3), "basic_arithmetic", {"min_terms": 2, "max_terms": 4}),
)


def measure(plan: Plan, on_progress: OnProgress, workloads: Sequence[Workload] = WORKLOADS) -> Iterator[Case]:
    """Measure pages per second of each workload."""
    for workload in workloads:
        yield _measure_case(workload, plan, on_progress)


def _measure_case(workload: Workload, plan: Plan, on_progress: OnProgress) -> Case:
    """Measure all sides with one workload."""
    low, high = workload.digits
    lengths = f"{low}-{high}" if low < high else str(low)
    name = f"{workload.task}, {lengths} digits"
    task = make_task(workload.task, lengths)
    makers = {f"arithgpt, {n:,} at once": _task_pages(task, n, plan.seed) for n in BATCH_SIZES}
    makers["textbook"] = _textbook_pages(workload, plan.seed)
    notes: tuple[str, ...] = ()
    if find_spec("reasoning_gym") is not None:
        makers[f"reasoning-gym {workload.gym}"] = _gym_pages(workload, plan.seed)
    else:
        notes = (NO_GYM,)
    length = {side: mean_page_length(make) for side, make in makers.items()}
    sides = {side: partial(measure_rate, partial(_count_pages, make), plan.seconds) for side, make in makers.items()}
    values = measure_in_turns(sides, plan.repeats, lambda what: on_progress(f"generators, {name}: {what}"))
    measured = tuple(
        Side(side, tuple(values[side]), {"characters/s": statistics.median(values[side]) * length[side]}) for side in sides
    )
    return Case("generators", name, "pages/s", measured, notes=notes, about={"characters of a page": length})


def _count_pages(make: PageMaker) -> int:
    """Make some pages; returns how many they are."""
    return len(make())


def mean_page_length(make: PageMaker) -> float:
    """Count the mean characters of some pages."""
    lengths: list[int] = []
    while len(lengths) < N_LENGTHS:
        lengths += _lengths(make())
    return sum(lengths) / len(lengths)


def _lengths(pages: Pages | Sequence[str]) -> list[int]:
    """Count the characters of each page."""
    return pages.total.tolist() if isinstance(pages, Pages) else [len(text) for text in pages]


def make_task(name: str, lengths: str) -> Task:
    """Make a task with numbers of these lengths; expressions have 1 to 3 operators, and answers have 0 or 1 decimals."""
    options = {"digits": lengths} | ({"operators": "1-3", "places": "0-1"} if name == "expr" else {})
    return find(name)(**options)


def _task_pages(task: Task, n: int, seed: int) -> PageMaker:
    """Make n pages at once with a task of arithgpt."""
    steps = itertools.count()
    return lambda: task.batch(n, seed=seed, split="train", rank=0, step=next(steps))


def _textbook_pages(workload: Workload, seed: int) -> PageMaker:
    """Make pages with the textbook's generator."""
    rng = random.Random(seed)
    return lambda: [textbook.page(rng, workload.task, workload.digits) for _ in range(BATCH_SIZES[0])]


def _gym_pages(workload: Workload, seed: int) -> PageMaker:
    """Make pages with reasoning-gym."""
    import reasoning_gym

    lengths = {"min_digits": workload.digits[0], "max_digits": workload.digits[1]}
    dataset = reasoning_gym.create_dataset(workload.gym, seed=seed, size=1 << 30, **workload.gym_options, **lengths)
    numbers = itertools.count()

    def make() -> list[str]:
        entries = [dataset[next(numbers)] for _ in range(BATCH_SIZES[0])]
        return [entry["question"] + entry["answer"] for entry in entries]

    return make
