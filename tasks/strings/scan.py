"""Workings that go through a string from left to right: a row of states, one for each character.

    sort        @3,1,4=3,13,134$        what is read so far, in order

The k-th state follows from the k-th character and the state before it. With the coordinates of arithgpt/sheet.py, in which the
k-th number of a row knows the k-th of the row above (`@` says that rows follow), these stand at fixed distances, however long
the string is, and the mark above says whether it goes on.
"""

from __future__ import annotations

import re
from abc import abstractmethod
from itertools import zip_longest
from typing import ClassVar

import numpy as np

from tasks.core.named_task import Line, OneString
from tasks.core.ragged import Ints, Ragged, join, marks, only, spaced
from tasks.core.scratchpad import Row
from tasks.task import STOP, Pages, Problems

LONGEST = 200
"""The longest string: a page has a state for each of its characters."""


class Scan(OneString):
    """A subclass says what the state is, on arrays and, for its check, by Python's own means."""

    longest: ClassVar[int] = LONGEST
    state: ClassVar[str] = "[0-9]+"
    """A state, as a regular expression."""
    piece: ClassVar[str] = "[^,]*,|[^,]+"

    @property
    def alphabet(self) -> str:
        return "0123456789=,@" + STOP

    @abstractmethod
    def states(self, problems: Problems, k: int) -> Ragged:
        """The states after k characters as ASCII rows; what rows shorter than k hold does not matter."""

    @abstractmethod
    def state_of(self, asked: str, k: int) -> str:
        """The same of what a plain question asks, by Python's own means."""

    def prompts(self, problems: Problems) -> Ragged:
        return join(["@", spaced(problems.fields[-1], ","), "="], len(problems))

    def pages(self, problems: Problems) -> Pages:
        text, prompt = problems.fields[-1], self.prompts(problems)
        parts = [prompt]
        for k in range(text.values.shape[1]):
            here, last = k < text.lengths, k == text.lengths - 1
            parts += [only(self.states(problems, k + 1), here), marks("," + STOP, here, last)]
        page = join(parts, len(problems))
        return Pages(page.values, prompt.lengths, page.lengths)

    def extract(self, written: str, question: str) -> str | None:
        match = re.fullmatch(rf"(?:{self.state},)*({self.state})", written)
        return self.answer_of(match[1]) if match else None

    def answer_of(self, state: str) -> str:
        """The answer that the last state gives."""
        return state

    def lines(self, question: str) -> list[Line]:
        asked = self.asks(question)
        text = asked.rpartition(" ")[2]
        ends = [","] * (len(text) - 1) + [""]
        return [Line(self.state_of(asked, k) + end, f"after {text[max(0, k - 20) : k]}") for k, end in enumerate(ends, 1)]

    def answer(self, question: str) -> str:
        asked = self.asks(question)
        return self.answer_of(self.state_of(asked, len(asked.rpartition(" ")[2])))

    def rows(self, question: str, written: str) -> list[Row]:
        text, states = self.asks(question).rpartition(" ")[2], self._pieces(written)
        told = zip_longest(text[: len(states)], states, fillvalue=" ")
        return [Row(f"{char}   {self.answer_of(state.rstrip(','))}", "working") for char, state in told]


def first(text: Ragged, k: int) -> tuple[np.ndarray, Ints]:
    """The first k characters, uint8 (n, k), and k for each row."""
    return text.values[:, :k], np.full(len(text), k, np.int64)
