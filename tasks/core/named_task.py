"""Base classes of tasks whose questions begin with the task's name, and whose scratchpads are checked line by line.

    reverse 31415       gcd 48 18       path ab,bc:a>c

A question is the name and an argument. A subclass says how the argument is parsed and how pages are written. It also gives the
expected scratchpad of a question, line by line, by Python's own means; whatever a model wrote is compared with it.
"""

from __future__ import annotations

import re
from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from tasks import sizes, splits
from tasks.core.question import QuestionError, Reader
from tasks.core.ragged import Ints, Ragged
from tasks.core.scratchpad import RUNS_ON, Fault, Row, rule, runs_on
from tasks.sizes import ProblemSize, SizeRange, Span, parse_size_option
from tasks.task import Pages, Problems, Task, check_probabilities

EDGES_SHARE = 0.8
"""The share of the problems of the suite `edges` that have a pattern."""
_SHOWN = 60
"""How many characters of a line a message quotes."""


@dataclass(frozen=True)
class ScratchpadLine:
    """A line of the expected scratchpad."""

    text: str
    """As it stands on the page, with the mark that ends it."""
    why: str
    """Such as "4 put before 13 is 413"."""


class NamedTask(Task):
    """Questions are `NAME argument`.

    A subclass adds `parse_argument`, `expected_lines`, and what every task needs: how problems are sampled and pages written.
    """

    line_pattern: ClassVar[str] = "[^;]*;|[^;]+"
    """A regular expression that matches one line of a scratchpad, with the mark that ends it."""
    suites: ClassVar[tuple[str, ...]] = ("random", "edges", "long")
    min_held_out_length: ClassVar[int] = splits.HELD_OUT_MIN_DIGITS
    """Problems with fewer characters in all are too few to hold any out."""
    max_length: ClassVar[int] = sizes.MAX_DIGITS
    """The longest operand."""
    digits: str
    """The lengths of the operands in training, such as 1-8."""

    def __post_init__(self) -> None:
        check_probabilities(self)
        assert self.size_ranges  # parsed now, so that a fault in `digits` is found at once

    @abstractmethod
    def parse_argument(self, reader: Reader) -> str:
        """Read what follows the name; returns its plain form. QuestionError where it is not understood."""

    @abstractmethod
    def expected_lines(self, question: str) -> list[ScratchpadLine]:
        """Return the right scratchpad of a plain question, by Python's own means; shares no code with `pages`."""

    def line_text(self, line: str) -> str:
        """Return a line of a scratchpad as a person reads it."""
        return line.rstrip(";")

    def argument(self, question: str) -> str:
        """Return a plain question without the name."""
        return question.partition(" ")[2]

    def split_lines(self, completion: str) -> list[str]:
        """Split a scratchpad into its lines."""
        return re.findall(self.line_pattern, completion)

    @cached_property
    def size_ranges(self) -> tuple[SizeRange, ...]:
        return parse_size_option(self, "digits", self.max_length)

    @property
    def long_sizes(self) -> list[ProblemSize]:
        return [size for size in sizes.longer(self.size_ranges) if max(size) <= self.max_length]

    @property
    def split_rule(self) -> str:
        return splits.describe_rule("what a question asks", self.min_held_out_length, "characters")

    def parse(self, typed: str) -> str:
        if not typed.strip():
            raise QuestionError(f"empty: expected a question like {self.example}", typed, 0)
        reader = Reader(typed)
        reader.take(rf"{self.name}(?![A-Za-z0-9])", f"a question like {self.example}")
        argument = self.parse_argument(reader)
        reader.end()
        return f"{self.name} {argument}"

    def verify(self, question: str, completion: str) -> Fault | None:
        if runs_on(completion):
            return Fault(1, completion, RUNS_ON)
        lines, expected = self.split_lines(completion), self.expected_lines(question)
        for number, line in enumerate(expected, 1):
            text = lines[number - 1] if number <= len(lines) else ""
            if text != line.text:
                return Fault(number, text, f"{line.why}: {line.text[:_SHOWN]!r} is right, not {text[:_SHOWN]!r}")
        extra = lines[len(expected) :]
        return Fault(len(expected) + 1, extra[0], "more lines follow") if extra else None

    def render(self, question: str, completion: str) -> list[Row]:
        completion = "" if runs_on(completion) else completion
        answer = self.extract(completion, question)
        lines = self.render_lines(question, completion)
        given = Row(question, "given")
        width = max(len(row.text) for row in [given, *lines, Row(answer or "", "answer")])
        drawing = [given, rule(width), *lines]
        if answer is not None:
            drawing += [rule(width)] * bool(lines) + [Row(answer, "answer")]
        return drawing

    def render_lines(self, question: str, completion: str) -> list[Row]:
        """Draw the lines of a scratchpad for a person to read."""
        return [Row(self.line_text(line), "working") for line in self.split_lines(completion)]

    def split_keys(self, problems: Problems) -> NDArray[np.uint64]:
        state = np.zeros(len(problems), np.uint64)
        for field in problems.fields:
            state = splits.mix(state + splits.fingerprint(field))
        return state

    def can_hold_out(self, problems: Problems) -> NDArray[np.bool_]:
        length: Ints = np.sum([field.lengths for field in problems.fields], axis=0)
        return length >= self.min_held_out_length


class NamedTextTask(NamedTask):
    """The argument is kept as it is typed, in one field of characters."""

    def problems_from(self, arguments: Sequence[str]) -> Problems:
        """Return the problems of these arguments."""
        return Problems((Ragged.from_strings(arguments),))

    def questions(self, problems: Problems) -> list[str]:
        return [f"{self.name} {text}" for text in problems.fields[0].to_strings()]

    def problems(self, questions: Sequence[str]) -> Problems:
        return self.problems_from([self.argument(question) for question in questions])


class PageByPageTask(NamedTextTask):
    """Pages are written problem by problem, because each line of a scratchpad depends on the line before."""

    @abstractmethod
    def prompt_of(self, argument: str) -> str:
        """Return the prompt of the page of one problem."""

    @abstractmethod
    def scratchpad_of(self, argument: str) -> str:
        """Return what follows the prompt, without the stop."""

    @property
    def size_span(self) -> Span:
        return sizes.left_span(self.size_ranges)

    def pages(self, problems: Problems) -> Pages:
        arguments = problems.fields[0].to_strings()
        return Pages.from_texts(list(map(self.prompt_of, arguments)), list(map(self.scratchpad_of, arguments)))
