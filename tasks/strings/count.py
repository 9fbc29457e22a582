"""Count how often a digit occurs in a string.

    question    count 3 31335
    page        @3,1,3,3,5?3=31,31,32,33,33$        reads 3

A state (scan.py) is the digit that is counted, and its count so far, least significant digit first. The digit stands before
the `=` and in each state, so that it is never more than one number away.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from tasks.core import digits as dg
from tasks.core.question import Reader
from tasks.core.ragged import Ints, Ragged, join, spaced
from tasks.page_grammar import EQUALS, ROWS_FOLLOW
from tasks.strings.scan import ScanTask, prefixes
from tasks.strings.string_task import sample_strings
from tasks.task import AnswerKind, Problems


@dataclass(frozen=True)
class Count(ScanTask):
    """Options of `count`. ValueError names a field that is out of range."""

    digits: str = "1-12"
    """The lengths of strings in training, as in 1-12."""
    hit_share: float = 0.8
    """The largest share of a string's digits in training that is set to the digit that is counted."""

    name: ClassVar[str] = "count"
    summary: ClassVar[str] = "how often a digit occurs in a string, worked out"
    example: ClassVar[str] = "count 3 31335"
    answer_format: ClassVar[str] = "a number"
    answer_kind: ClassVar[AnswerKind] = "number"
    state_pattern: ClassVar[str] = "[0-9]{2,}"
    version: ClassVar[int] = 2

    @property
    def alphabet(self) -> str:
        return super().alphabet.replace(EQUALS, "?" + EQUALS)

    def sample(self, rng: np.random.Generator, n: int) -> Problems:
        digit, text = super().sample(rng, n).fields
        share = self.hit_share * rng.random((n, 1))  # few in some strings, many in others
        hit = text.filled & (rng.random(text.values.shape) < share)
        return Problems((digit, Ragged(np.where(hit, digit.values, text.values), text.lengths)))

    def sample_lengths(self, rng: np.random.Generator, lengths: Ints, pattern_share: float) -> Problems:
        text = sample_strings(rng, lengths, self.symbols, pattern_share)
        return Problems((sample_strings(rng, np.ones_like(lengths), self.symbols), text))

    def prompts(self, problems: Problems) -> Ragged:
        digit, text = problems.fields
        return join([ROWS_FOLLOW, spaced(text, ","), "?", digit, EQUALS], len(problems))

    def states(self, problems: Problems, k: int) -> Ragged:
        digit, text = problems.fields
        count = (prefixes(text, k).values == digit.values).sum(axis=1)
        return join([digit, dg.characters(dg.from_array(count))], len(digit))

    def expected_state(self, argument: str, k: int) -> str:
        digit, text = argument.split(" ")
        return digit + str(text[:k].count(digit))[::-1]

    def answer_of_state(self, state: str) -> str:
        return state[1:][::-1]

    def parse_argument(self, reader: Reader) -> str:
        digit = reader.take("[0-9](?![0-9])", "one digit to count, and a string")
        return f"{digit} {super().parse_argument(reader)}"

    def questions(self, problems: Problems) -> list[str]:
        digits, texts = (field.to_strings() for field in problems.fields)
        return [f"{self.name} {digit} {text}" for digit, text in zip(digits, texts, strict=True)]

    def problems(self, questions: Sequence[str]) -> Problems:
        columns = zip(*(self.argument(question).split(" ") for question in questions), strict=True)
        return Problems(tuple(Ragged.from_strings(column) for column in columns))
