"""A finite training set: so many different problems, drawn once, and met again and again in another order each time.

    problems = training_set(task, 1000, seed=0)             the first 1,000 different ones of a stream
    rows = rows_of_step(1000, 64, seed=0, step=20)          int64 (64,): which of them, the 1,280th to the 1,343rd met

With fewer problems of the same seed the set is the beginning of a larger one, so that a sweep over sizes only adds to it.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from arithgpt.errors import UserError
from tasks import Problems, Task
from tasks.core.ragged import Ints
from tasks.core.sampling import unseen
from tasks.splits import mix

CHUNK = 1024  # problems drawn at once, whatever is wanted: so a smaller set begins a larger one
MOST_DRAWS = 60  # for each problem wanted; the last of a million that are all there are need some fourteen
ORDERS = 4  # the stream of orders; 0 to 2 are those of the problems (tasks/base.py), 3 is what is random in a model


def training_set(task: Task, n: int, *, seed: int) -> Problems:
    """n different problems of the training split. UserError where the task has no so many, or hardly."""
    known: set[int] = set()
    batches: list[Problems] = []
    for step in range(MOST_DRAWS * n // CHUNK + MOST_DRAWS):
        problems = task.stream(CHUNK, seed=seed, split="train", rank=0, step=step)
        rows = unseen(_fingerprints(problems).tolist(), known, n)
        if rows:
            batches.append(problems[np.array(rows)])
        if len(known) == n:
            return Problems.concatenate(batches)
    raise UserError(f"data.train_size = {n:,}: task {task.name} has only {len(known):,} different problems to train on, as set")


def rows_of_step(n: int, size: int, *, seed: int, step: int) -> Ints:
    """int64 (size,): the rows of a set of n that a step of `size` problems meets; every n in a row are all of them."""
    at = np.arange(step * size, (step + 1) * size)
    rounds = at // n
    rows = np.empty(size, np.int64)
    for number in range(int(rounds[0]), int(rounds[-1]) + 1):
        here = rounds == number
        rows[here] = _order(n, seed, number)[at[here] % n]
    return rows


@lru_cache(maxsize=2)
def _order(n: int, seed: int, number: int) -> Ints:
    return np.random.default_rng([seed, ORDERS, number]).permutation(n)


def _fingerprints(problems: Problems) -> NDArray[np.uint64]:
    """A hash of all that each problem says; uint64 (n,). a+b and b+a are two."""
    state = np.zeros(len(problems), np.uint64)
    for field in problems.fields:
        state = mix(state + field.lengths.astype(np.uint64) + np.uint64(1))
        for place, column in enumerate(field.values.T):
            state = np.where(place < field.lengths, mix(state + column + np.uint64(1)), state)  # nothing beyond a row's length
    return state
