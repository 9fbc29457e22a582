"""Base class of tasks that go through a string from left to right and write a state after each character.

    sort        @3,1,4=3,13,134$        the characters so far, in order

The k-th state follows from the k-th character and the state before. `@` says that rows follow, in which the k-th number knows
the k-th number of the row above. So all that a state depends on stands at fixed distances, however long the string is, and
the mark above says whether it goes on.
"""

from __future__ import annotations

import re
from abc import abstractmethod
from itertools import zip_longest
from typing import ClassVar

import numpy as np

from tasks.core.named_task import ScratchpadLine
from tasks.core.ragged import Ragged, join, marks, only, spaced
from tasks.core.scratchpad import Row
from tasks.page_grammar import DIGITS, EQUALS, ROWS_FOLLOW, STOP
from tasks.strings.string_task import StringTask
from tasks.task import Pages, Problems

MAX_LENGTH = 200
"""The longest string: a page has a state for each of its characters."""


class ScanTask(StringTask):
    """A subclass says what the state is: on arrays for pages, and by Python's own means for checks."""

    max_length: ClassVar[int] = MAX_LENGTH
    state_pattern: ClassVar[str] = "[0-9]+"
    """A regular expression that matches a state."""
    line_pattern: ClassVar[str] = "[^,]*,|[^,]+"

    @property
    def alphabet(self) -> str:
        return DIGITS + EQUALS + "," + ROWS_FOLLOW + STOP

    @abstractmethod
    def states(self, problems: Problems, k: int) -> Ragged:
        """Return the states after k characters as ASCII rows; strings shorter than k may have any state."""

    @abstractmethod
    def expected_state(self, argument: str, k: int) -> str:
        """Return the state after k characters, by Python's own means."""

    def answer_of_state(self, state: str) -> str:
        """Return the answer that the last state gives."""
        return state

    def string_of(self, argument: str) -> str:
        """Return the string that is gone through, the last word of the argument."""
        return argument.rpartition(" ")[2]

    def prompts(self, problems: Problems) -> Ragged:
        return join([ROWS_FOLLOW, spaced(problems.fields[-1], ","), EQUALS], len(problems))

    def pages(self, problems: Problems) -> Pages:
        text = problems.fields[-1]
        parts: list[Ragged | str] = []
        for k in range(text.values.shape[1]):
            here, last = text.lengths > k, text.lengths == k + 1
            parts += [only(self.states(problems, k + 1), here), marks("," + STOP, here, last)]
        return Pages.join(self.prompts(problems), parts)

    def extract(self, completion: str, question: str) -> str | None:
        match = re.fullmatch(rf"(?:{self.state_pattern},)*({self.state_pattern})", completion)
        return self.answer_of_state(match[1]) if match else None

    def answer(self, question: str) -> str:
        argument = self.argument(question)
        return self.answer_of_state(self.expected_state(argument, len(self.string_of(argument))))

    def expected_lines(self, question: str) -> list[ScratchpadLine]:
        argument = self.argument(question)
        text = self.string_of(argument)
        lines = []
        for k in range(1, len(text) + 1):
            end = "," if k < len(text) else ""
            lines.append(ScratchpadLine(self.expected_state(argument, k) + end, f"after {text[max(0, k - 20) : k]}"))
        return lines

    def render_lines(self, question: str, completion: str) -> list[Row]:
        text, states = self.string_of(self.argument(question)), self.split_lines(completion)
        pairs = zip_longest(text[: len(states)], states, fillvalue=" ")
        return [Row(f"{char}   {self.answer_of_state(state.rstrip(','))}", "working") for char, state in pairs]


def prefixes(text: Ragged, k: int) -> Ragged:
    """Return the first k characters of each row."""
    return Ragged(text.values[:, :k], np.full(len(text), k, np.int64))
