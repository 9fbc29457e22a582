"""How many problems a second are made: pages of arithgpt, a textbook's of plain Python, and those of reasoning-gym.

    add, 1-8 digits     arithgpt, 64 at once    arithgpt, 1,024 at once     textbook    reasoning-gym chain_sum

arithgpt writes the whole page with its working, keeps held-out problems out and makes carries; the others write question and
answer, one problem at a time. Where there is a working, compare characters.
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
from arithgpt.bench.plan import Plan, Tell
from arithgpt.bench.timing import Case, Side, by_turns, rate
from tasks import Pages, Task, find

Maker: TypeAlias = Callable[[], Pages | Sequence[str]]
"""Makes some problems; it has a `len`."""

AT_ONCE = (64, 1024)  # as in training, and as many as pay
SAMPLE = 1024  # pages whose characters are counted
NO_GYM = "reasoning-gym is left out: it is not installed (pip install 'arithgpt[rg]')"


@dataclass(frozen=True)
class Asked:
    """A task with the lengths of its numbers, and the nearest that reasoning-gym has."""

    task: str
    digits: tuple[int, int]
    gym: str
    gym_options: dict[str, Any] = field(default_factory=dict)


TWO = {"min_terms": 2, "max_terms": 2}
ASKED = (
    Asked("add", (1, 8), "chain_sum", TWO),
    Asked("add", (20, 20), "chain_sum", TWO),
    Asked("sub", (1, 8), "chain_sum", TWO),
    Asked("mul", (1, 4), "products", TWO),
    Asked("div", (1, 4), "basic_arithmetic", TWO | {"operators": ["/"], "allow_parentheses": False, "allow_negation": False}),
    Asked("expr", (1, 3), "basic_arithmetic", {"min_terms": 2, "max_terms": 4}),
)


def measure(plan: Plan, tell: Tell, asked: tuple[Asked, ...] = ASKED) -> Iterator[Case]:
    """Pages/s of each task asked."""
    for one in asked:
        yield _case(one, plan, tell)


def _case(asked: Asked, plan: Plan, tell: Tell) -> Case:
    low, high = asked.digits
    lengths = f"{low}-{high}" if low < high else str(low)
    name = f"{asked.task}, {lengths} digits"
    task = made(asked.task, lengths)
    makers = {f"arithgpt, {n:,} at once": _ours(task, n, plan.seed) for n in AT_ONCE}
    makers["textbook"] = _textbook(asked, plan.seed)
    notes: tuple[str, ...] = ()
    if find_spec("reasoning_gym") is not None:
        makers[f"reasoning-gym {asked.gym}"] = _gym(asked, plan.seed)
    else:
        notes = (NO_GYM,)
    length = {side: mean_length(make) for side, make in makers.items()}
    sides = {side: partial(rate, partial(_count, make), plan.seconds) for side, make in makers.items()}
    values = by_turns(sides, plan.repeats, lambda what: tell(f"generators, {name}: {what}"))
    measured = tuple(
        Side(side, tuple(values[side]), {"characters/s": statistics.median(values[side]) * length[side]}) for side in sides
    )
    return Case("generators", name, "pages/s", measured, notes=notes, about={"characters of a page": length})


def _count(make: Maker) -> int:
    return len(make())


def mean_length(make: Maker) -> float:
    """The mean characters of some pages."""
    lengths: list[int] = []
    while len(lengths) < SAMPLE:
        lengths += _lengths(make())
    return sum(lengths) / len(lengths)


def _lengths(made: Pages | Sequence[str]) -> list[int]:
    return made.total.tolist() if isinstance(made, Pages) else [len(text) for text in made]


def made(name: str, lengths: str) -> Task:
    """A task with numbers of these lengths; expressions have 1 to 3 operators and answers to 0 or 1 places."""
    more = {"operators": "1-3", "places": "0-1"} if name == "expr" else {}
    return find(name)(digits=lengths, **more)


def _ours(task: Task, n: int, seed: int) -> Maker:
    steps = itertools.count()
    return lambda: task.batch(n, seed=seed, split="train", rank=0, step=next(steps))


def _textbook(asked: Asked, seed: int) -> Maker:
    rng = random.Random(seed)
    return lambda: [textbook.page(rng, asked.task, asked.digits) for _ in range(AT_ONCE[0])]


def _gym(asked: Asked, seed: int) -> Maker:
    import reasoning_gym

    lengths = {"min_digits": asked.digits[0], "max_digits": asked.digits[1]}
    dataset = reasoning_gym.create_dataset(asked.gym, seed=seed, size=1 << 30, **asked.gym_options, **lengths)
    numbers = itertools.count()

    def make() -> list[str]:
        entries = [dataset[next(numbers)] for _ in range(AT_ONCE[0])]
        return [entry["question"] + entry["answer"] for entry in entries]

    return make
