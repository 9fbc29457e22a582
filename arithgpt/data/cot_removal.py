"""Removal of the scratchpad in training, from its start, until only the answer is left: implicit chain of thought.

    321*54=5:5160_5160;4!2940_5355$     nothing is removed
    321*54=0_5160;4!2940_5355$          6 characters are removed
    321*54=5355$                        all is removed: the page of task.scratchpad = false

The method is stepwise internalisation (arXiv 2405.14838), with its reset of the optimiser and its smoothing, by which some
pages lose a few characters more. What it learns of multiplication is studied in arXiv 2510.00184. The papers remove tokens;
here a token is a character.
"""

from __future__ import annotations

import numpy as np

from arithgpt.config.schema import CotRemovalConfig
from tasks import Pages, Problems, Task
from tasks.core.ragged import Ints, Ragged, join

PROBES = 8  # problems of each size that tell the longest scratchpad; few divisors of one digit are zero
SMOOTHING_STREAM = 5  # of random numbers; finite_set.py says which others are taken


class ScratchpadRemoval:
    """Pages of a task with a part of their scratchpad removed, by step.

    Args:
        task: with scratchpad = false
        config: how much is removed when
        seed: of the smoothing

    Raises:
        ValueError: the task has no scratchpad
    """

    def __init__(self, task: Task, config: CotRemovalConfig, seed: int) -> None:
        if (with_scratchpad := task.with_scratchpad()) is None:
            raise ValueError(f"{task!r}: has no scratchpad to remove")
        self.task, self.with_scratchpad, self.config, self.seed = task, with_scratchpad, config, seed
        self.longest = max(self._longest_scratchpad(part) for part in task.subtasks.values())
        """Characters of the longest scratchpad."""

    @property
    def last_step(self) -> int:
        """The first step at which no page has a scratchpad left."""
        return self.config.after + self.config.every * -(-self.longest // self.config.characters)

    def n_removed(self, step: int) -> int:
        """Return how many characters every page has lost at a step."""
        return max(0, step - self.config.after) // self.config.every * self.config.characters

    def resets(self, step: int) -> bool:
        """Whether more is removed than at the step before, and the optimiser forgets its state for it."""
        grows = step > 0 and self.n_removed(step) > self.n_removed(step - 1)
        return self.config.reset and grows and self.n_removed(step - 1) < self.longest

    def pages(self, problems: Problems, step: int) -> Pages:
        """Write problems as they are learned at a step: a function of the problems, the seed and the step alone."""
        n_removed = np.full(len(problems), self.n_removed(step))
        if self.config.smoothing:
            rng = np.random.default_rng([self.seed, SMOOTHING_STREAM, step])
            more = rng.geometric(-np.expm1(-self.config.smoothing), len(problems)) - 1
            n_removed += np.minimum(more, self.longest)  # all of it, however small the chance to stop
        return self.remove(problems, n_removed)

    def remove(self, problems: Problems, n_removed: Ints) -> Pages:
        """Write problems without the first characters of their scratchpad.

        Args:
            problems: n of them
            n_removed: int64 (n,), characters; a number beyond the length of the scratchpad removes all of it
        """
        plain, full = self.task.pages(problems), self.with_scratchpad.pages(problems)
        text, answer = Ragged(full.chars, full.total), Ragged(plain.chars, plain.total).between(plain.prompt, plain.total)
        ends = full.total - answer.lengths
        if mark := self.with_scratchpad.final_answer_mark:
            ends = (np.where(full.chars == ord(mark), np.arange(full.chars.shape[1]), 0).max(1) + 1).astype(np.int64)
        prompt = text.between(0, full.prompt)
        scratchpad = text.between(np.minimum(full.prompt + n_removed, ends), ends)
        page = join([prompt, scratchpad, answer], len(problems))
        return Pages(page.values, prompt.lengths, page.lengths)

    def _longest_scratchpad(self, part: Task) -> int:
        """Count the characters of the longest scratchpad of training."""
        rng, longest = np.random.default_rng(0), 0
        for size_range in part.size_ranges:
            for size in size_range:
                problems = part.sample_suite(rng, PROBES, size, "random")
                lengths = self.remove(problems, np.zeros(PROBES, np.int64)).total - part.pages(problems).total
                longest = max(longest, int(lengths.max()))
        return longest
