"""Workings that go through a string from left to right, a line a character: the character, and the state after it.

    sort        314=3:3;1:13;4!134$         what is read so far, in order

`;` begins a line one step further in than the line before (arithgpt/page.py), so the character of each line stands in the very
place of the string from which it is copied. The mark after it is `:`, or `!` where the string ends: it stands in the place in
which the string goes on, or does not. The state of a line follows from the line before at fixed distances.
"""

from __future__ import annotations

import re
from abc import abstractmethod
from typing import ClassVar

import numpy as np

from tasks.base import STOP, Pages, Problems
from tasks.ragged import Ints, Ragged, join, marks, only
from tasks.worded import Line, OneString

LONGEST = 200
"""The longest string: a page has a line for each of its characters."""


class Scan(OneString):
    """A subclass says what the state is, on arrays and, for its check, by Python's own means."""

    longest: ClassVar[int] = LONGEST
    state: ClassVar[str] = "[0-9]+"
    """A state, as a regular expression."""

    @property
    def alphabet(self) -> str:
        return "0123456789=:!;" + STOP

    @abstractmethod
    def states(self, problems: Problems, k: int) -> Ragged:
        """The states after k characters as ASCII rows; what rows shorter than k hold does not matter."""

    @abstractmethod
    def state_of(self, asked: str, k: int) -> str:
        """The same of what a plain question asks, by Python's own means."""

    def told(self, line: str) -> str:
        """What a line says, for its fault."""
        return f"the state after {line}"

    def pages(self, problems: Problems) -> Pages:
        text, prompt = problems.fields[-1], self.prompts(problems)
        parts: list[Ragged | str] = [prompt]
        for k in range(text.values.shape[1]):
            here, last = k < text.lengths, k == text.lengths - 1
            parts += [
                only(Ragged(text.values[:, k : k + 1], np.ones(len(text), np.int64)), here),
                marks(":!", here, last),
                only(self.states(problems, k + 1), here),
                marks(";" + STOP, here, last),
            ]
        page = join(parts, len(problems))
        return Pages(page.values, prompt.lengths, page.lengths)

    def read(self, written: str, question: str) -> str | None:
        match = re.fullmatch(rf"(?:[0-9]:{self.state};)*[0-9]!({self.state})", written)
        return self.answer_of(match[1]) if match else None

    def answer_of(self, state: str) -> str:
        """The answer that the last state gives."""
        return state

    def lines(self, question: str) -> list[Line]:
        asked = self.asks(question)
        text, found = asked.rpartition(" ")[2], []
        for k, char in enumerate(text, 1):
            mark, end = ("!", "") if k == len(text) else (":", ";")
            found.append(Line(f"{char}{mark}{self.state_of(asked, k)}{end}", f"after {text[max(0, k - 20) : k]}"))
        return found

    def truth(self, question: str) -> str:
        asked = self.asks(question)
        return self.answer_of(self.state_of(asked, len(asked.rpartition(" ")[2])))

    def shown(self, line: str) -> str:
        char, state = line[:1], line[2:].rstrip(";")
        return f"{char}   {self.answer_of(state)}"


def first(text: Ragged, k: int) -> tuple[np.ndarray, Ints]:
    """The first k characters, uint8 (n, k), and k for each row."""
    return text.values[:, :k], np.full(len(text), k, np.int64)
