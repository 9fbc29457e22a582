"""A finite training set: n different problems, drawn once, and met again in another order in each epoch.

    problems = training_set(task, 1000, seed=0)             the first 1,000 different problems of a stream
    rows = rows_of_step(1000, 64, seed=0, step=20)          int64 (64,): the rows that the 1,280th to the 1,343rd example has

A smaller set of the same seed is the beginning of a larger one, so a sweep over sizes only adds problems.
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

CHUNK = 1024  # problems drawn at once, for sets of all sizes: so a smaller set is the beginning of a larger one
MAX_DRAWS = 60  # problems drawn for each one wanted; to get all of a million takes some fourteen
ORDER_STREAM = 4  # of random numbers; 0 to 2 are those of the problems (tasks/task.py), 3 is that of the model


def training_set(task: Task, n: int, *, seed: int) -> Problems:
    """Draw n different problems of the training split.

    Args:
        task: gives the problems
        n: the size of the set
        seed: of the stream of problems

    Raises:
        UserError: the task has too few different problems, or they are too rare
    """
    known: set[int] = set()
    batches: list[Problems] = []
    for step in range(MAX_DRAWS * n // CHUNK + MAX_DRAWS):
        problems = task.stream(CHUNK, seed=seed, split="train", rank=0, step=step)
        rows = unseen(_fingerprints(problems).tolist(), known, n)
        if rows:
            batches.append(problems[np.array(rows)])
        if len(known) == n:
            return Problems.concatenate(batches)
    raise UserError(f"data.train_size = {n:,}: task {task.name} has only {len(known):,} different problems to train on, as set")


def rows_of_step(n: int, batch_size: int, *, seed: int, step: int) -> Ints:
    """Choose the rows of a set that a step learns; every n examples in a row are the whole set.

    Args:
        n: the size of the set
        batch_size: examples of a step
        seed: of the orders
        step: from 0

    Returns:
        int64 (batch_size,), from 0 to n - 1.
    """
    example = np.arange(step * batch_size, (step + 1) * batch_size)
    epochs = example // n
    rows = np.empty(batch_size, np.int64)
    for epoch in range(int(epochs[0]), int(epochs[-1]) + 1):
        is_now = epochs == epoch
        rows[is_now] = _epoch_order(n, seed, epoch)[example[is_now] % n]
    return rows


@lru_cache(maxsize=2)
def _epoch_order(n: int, seed: int, epoch: int) -> Ints:
    """Draw the order of an epoch: a permutation of n."""
    return np.random.default_rng([seed, ORDER_STREAM, epoch]).permutation(n)


def _fingerprints(problems: Problems) -> NDArray[np.uint64]:
    """Hash all fields of each problem: uint64 (n,). a+b and b+a differ."""
    state = np.zeros(len(problems), np.uint64)
    for field in problems.fields:
        state = mix(state + field.lengths.astype(np.uint64) + np.uint64(1))
        for place, column in enumerate(field.values.T):
            state = np.where(place < field.lengths, mix(state + column + np.uint64(1)), state)  # nothing beyond a row's length
    return state
