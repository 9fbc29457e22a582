"""A working that training takes away from its start on, until only the answer is left: implicit chain of thought.

    321*54=5:5160_5160;4!2940_5355$     while none of it is gone
    321*54=0_5160;4!2940_5355$          6 characters are gone
    321*54=5355$                        all of it is: the page of task.scratchpad = false

Stepwise internalisation is arXiv 2405.14838, the optimiser that begins afresh and the few characters more that some pages lose
among it; 2510.00184 looks into what it learns of multiplication. There a token is taken at a time, here a character.
"""

from __future__ import annotations

import numpy as np

from arithgpt.config.schema import CotRemovalConfig
from tasks import Pages, Problems, Task
from tasks.core.ragged import Ints, Ragged, join

FEW = 8  # problems of each length by which the longest working is known; few divisors of one digit are zero
MORE = 5  # the stream of the few characters more; training_set.py says which are taken


class Removals:
    """The pages of a task whose working is taken away, by step."""

    def __init__(self, task: Task, config: CotRemovalConfig, seed: int) -> None:
        """task: with working = false. ValueError where it has no working."""
        if task.with_scratchpad() is None:
            raise ValueError(f"{task!r}: has no working to take away")
        self.task, self.worked, self.config, self.seed = task, task.with_scratchpad(), config, seed
        self.longest = max(self._longest(part) for part in task.subtasks.values())

    @property
    def last_step(self) -> int:
        """The first step at which no page has any of its working left."""
        return self.config.after + self.config.every * -(-self.longest // self.config.characters)

    def gone(self, step: int) -> int:
        """How many characters every page has lost at a step."""
        return max(0, step - self.config.after) // self.config.every * self.config.characters

    def resets(self, step: int) -> bool:
        """Whether more is left out than at the step before, and the optimiser begins afresh for it."""
        grows = step > 0 and self.gone(step) > self.gone(step - 1)
        return self.config.reset and grows and self.gone(step - 1) < self.longest

    def pages(self, problems: Problems, step: int) -> Pages:
        """As they are written at a step: a function of the problems, the seed and the step alone."""
        gone = np.full(len(problems), self.gone(step))
        if self.config.smoothing:
            rng = np.random.default_rng([self.seed, MORE, step])
            more = rng.geometric(-np.expm1(-self.config.smoothing), len(problems)) - 1
            gone += np.minimum(more, self.longest)  # which is all of it, however small the chance to stop
        return self.cut(problems, gone)

    def cut(self, problems: Problems, gone: Ints) -> Pages:
        """Pages without the first characters of their working. gone: int64 (n,), how many; more than there are is all of it"""
        plain, full = self.task.pages(problems), self.worked.pages(problems)
        text, answer = Ragged(full.chars, full.total), Ragged(plain.chars, plain.total).between(plain.prompt, plain.total)
        ends = full.total - answer.lengths
        if mark := self.worked.final_answer_mark:
            ends = (np.where(full.chars == ord(mark), np.arange(full.chars.shape[1]), 0).max(1) + 1).astype(np.int64)
        prompt = text.between(0, full.prompt)
        page = join([prompt, text.between(np.minimum(full.prompt + gone, ends), ends), answer], len(problems))
        return Pages(page.values, prompt.lengths, page.lengths)

    def _longest(self, part: Task) -> int:
        """How many characters the longest working of training has."""
        rng, longest = np.random.default_rng(0), 0
        for box in part.size_ranges:
            for cell in box:
                problems = part.sample_suite(rng, FEW, cell, "random")
                whole = self.cut(problems, np.zeros(FEW, np.int64)).total - part.pages(problems).total
                longest = max(longest, int(whole.max()))
        return longest
