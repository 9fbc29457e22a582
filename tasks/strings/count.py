"""How often a digit occurs in a string, worked out by counting along.

    question    count 3 31335
    page        @3,1,3,3,5?3=31,31,32,33,33$        reads 3

A state is the digit that is counted, and how often it came so far, least significant digit first (tasks/scan.py). The digit
stands before the `=` and in each state, so that it is never further off than one number.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from tasks.core import digits as dg
from tasks.core.named_task import strings
from tasks.core.question import Reader
from tasks.core.ragged import Ints, Ragged, join, spaced
from tasks.strings.scan import Scan, first
from tasks.task import AnswerKind, Problems


@dataclass(frozen=True)
class Count(Scan):
    """Options of `count`. ValueError names a field that is out of range."""

    digits: str = "1-12"
    """The lengths of strings in training (tasks/lengths.py)."""
    hit_share: float = 0.8
    """At most this share of a string's digits in training is made the one that is counted; even digits bring it too rarely."""

    name: ClassVar[str] = "count"
    summary: ClassVar[str] = "how often a digit occurs in a string, worked out"
    example: ClassVar[str] = "count 3 31335"
    answer_format: ClassVar[str] = "a number"
    answer_kind: ClassVar[AnswerKind] = "number"
    state: ClassVar[str] = "[0-9]{2,}"
    version: ClassVar[int] = 2

    def sample(self, rng: np.random.Generator, n: int) -> Problems:
        digit, text = super().sample(rng, n).fields
        share = self.hit_share * rng.random((n, 1))  # of some strings few, of others many
        hit = text.filled & (rng.random(text.values.shape) < share)
        return Problems((digit, Ragged(np.where(hit, digit.values, text.values), text.lengths)))

    def _made(self, rng: np.random.Generator, lengths_: Ints, patterned: float) -> Problems:
        text = strings(rng, lengths_, self.symbols, patterned)
        return Problems((strings(rng, np.ones_like(lengths_), self.symbols), text))

    def prompts(self, problems: Problems) -> Ragged:
        digit, text = problems.fields
        return join(["@", spaced(text, ","), "?", digit, "="], len(problems))

    @property
    def alphabet(self) -> str:
        return super().alphabet.replace("=", "?=")

    def states(self, problems: Problems, k: int) -> Ragged:
        digit, (values, _) = problems.fields[0], first(problems.fields[1], k)
        count = (values == digit.values).sum(axis=1)
        return join([digit, dg.characters(dg.of_array(count))], len(digit))

    def state_of(self, asked: str, k: int) -> str:
        digit, text = asked.split(" ")
        return digit + str(text[:k].count(digit))[::-1]

    def answer_of(self, state: str) -> str:
        return state[1:][::-1]

    def what(self, reader: Reader) -> str:
        digit = reader.take("[0-9](?![0-9])", "one digit to count, and a string")
        return f"{digit} {super().what(reader)}"

    def questions(self, problems: Problems) -> list[str]:
        digits, texts = (field.to_strings() for field in problems.fields)
        return [f"{self.name} {digit} {text}" for digit, text in zip(digits, texts, strict=True)]

    def problems(self, questions: Sequence[str]) -> Problems:
        asked = zip(*(self.asks(question).split(" ") for question in questions), strict=True)
        return Problems(tuple(Ragged.from_strings(column) for column in asked))
