"""All four operations in one stream, each with its own page, and whole expressions beside them where a recipe wants them.

    question    123+456   654-321   123*45   7391/52   (12+34)*5-6/2
    page        321+654=975$   ...

Two natural numbers with an operator between them are a question of that operation, and `7391/52` asks for the remainder; all
else, and `7391/52 to 10`, is an expression. A recipe sets the weights and, operation by operation, the options:

    [task]
    name = "arith"
    weights = [1, 1, 2, 2]
    mul.digits = "1-6,1-10x1-3"
    div.digits = "1-6"
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from tasks.arithmetic.addition import Addition
from tasks.arithmetic.division import Division
from tasks.arithmetic.multiplication import Multiplication
from tasks.arithmetic.subtraction import Subtraction
from tasks.core.question import OPERATORS, QuestionError, binary_question
from tasks.core.ragged import Ints, Ragged
from tasks.core.scratchpad import Fault, Row
from tasks.expression.parser import Question, names_decimals
from tasks.expression.task import Expression
from tasks.task import STOP, Pages, Problems, Task

_BINARY = re.compile("[0-9]+([-+*/])[0-9]+")


@dataclass(frozen=True)
class Arithmetic(Task):
    """Options of `arith`. ValueError names a field that is out of range."""

    weights: tuple[float, ...] = (1, 1, 2, 2)
    """How often each of + - * / is asked, and a whole expression; without a fifth weight none is."""
    add: Addition = field(default_factory=Addition)
    sub: Subtraction = field(default_factory=Subtraction)
    mul: Multiplication = field(default_factory=Multiplication)
    div: Division = field(default_factory=Division)
    expr: Expression = field(default_factory=Expression)

    name: ClassVar[str] = "arith"
    summary: ClassVar[str] = "all four operations on natural numbers, worked out"
    suites: ClassVar[tuple[str, ...]] = ()

    def __post_init__(self) -> None:
        if len(self.weights) not in (4, 5) or not (min(self.weights) >= 0 and 0 < sum(self.weights) < math.inf):
            raise ValueError(f"weights = {list(self.weights)}: must be 4 or 5 numbers from 0 on, and one above 0")
        if self.add != Addition(digits=self.add.digits, carry_chain_prob=self.add.carry_chain_prob):
            raise ValueError("add: in a mixture only its digits and carry_chain_prob can be set")

    @cached_property
    def subtasks(self) -> dict[str, Task]:
        return {part.name: part for part in self._parts}

    @property
    def _parts(self) -> tuple[Task, ...]:
        """What is asked at all."""
        every = (self.add, self.sub, self.mul, self.div, self.expr)
        return tuple(part for part, weight in zip(every, self.weights, strict=False) if weight > 0)

    @property
    def idle(self) -> frozenset[str]:
        return frozenset() if self.expr in self._parts else frozenset({"expr"})

    @property
    def alphabet(self) -> str:
        return "".join(dict.fromkeys("".join(part.alphabet.replace(STOP, "") for part in self._parts))) + STOP

    def sample(self, rng: np.random.Generator, n: int) -> Problems:
        shares = np.array([weight for weight in self.weights if weight > 0]) / sum(self.weights)
        kinds = rng.choice(len(self._parts), n, p=shares)
        drawn, rows = [], []
        for kind, part in enumerate(self._parts):
            chosen = np.flatnonzero(kinds == kind)
            if len(chosen):
                drawn.append(self._marked(part, part.sample(rng, len(chosen))))
                rows.append(chosen)
        return Problems.concatenate(drawn)[np.argsort(np.concatenate(rows))]

    def pages(self, problems: Problems) -> Pages:
        pages = [(rows, part.pages(own)) for part, rows, own in self._split(problems)]
        chars = np.zeros((len(problems), max(page.chars.shape[1] for _, page in pages)), np.uint8)
        prompt, total = np.zeros((2, len(problems)), np.int64)
        for rows, page in pages:
            chars[rows, : page.chars.shape[1]] = page.chars
            prompt[rows], total[rows] = page.prompt, page.total
        return Pages(chars, prompt, total)

    def prompts(self, problems: Problems) -> Ragged:
        prompts = [(rows, part.prompts(own)) for part, rows, own in self._split(problems)]
        values = np.zeros((len(problems), max(prompt.values.shape[1] for _, prompt in prompts)), np.uint8)
        lengths = np.zeros(len(problems), np.int64)
        for rows, prompt in prompts:
            values[rows, : prompt.values.shape[1]], lengths[rows] = prompt.values, prompt.lengths
        return Ragged(values, lengths)

    def extract(self, written: str, question: str) -> str | None:
        return self._part_of(question).extract(written, question)

    def max_new_tokens(self, problems: Problems) -> Ints:
        return self._gathered(problems, np.dtype(np.int64), lambda part, own: part.max_new_tokens(own))

    def in_range(self, problems: Problems) -> NDArray[np.bool_]:
        return self._gathered(problems, np.dtype(bool), lambda part, own: part.in_range(own))

    def split_keys(self, problems: Problems) -> NDArray[np.uint64]:
        return self._gathered(problems, np.dtype(np.uint64), lambda part, own: part.split_keys(own))

    def can_hold_out(self, problems: Problems) -> NDArray[np.bool_]:
        return self._gathered(problems, np.dtype(bool), lambda part, own: part.can_hold_out(own))

    def questions(self, problems: Problems) -> list[str]:
        questions = [""] * len(problems)
        for part, rows, own in self._split(problems):
            for row, question in zip(rows.tolist(), part.questions(own), strict=True):
                questions[row] = question if part.operator else _as_expression(question)
        return questions

    def sizes_of(self, problems: Problems) -> tuple[Ints, Ints]:
        left, right = np.zeros((2, len(problems)), np.int64)
        for part, rows, own in self._split(problems):
            left[rows], right[rows] = part.sizes_of(own)
        return left, right

    def expression_only(self, question: str) -> str:
        return self._part_of(question).expression_only(question)

    def is_exact(self, question: str) -> bool:
        return self._part_of(question).is_exact(question)

    def question_text(self, question: str) -> str:
        return self._part_of(question).question_text(question)

    def parse(self, typed: str) -> str:
        if self.expr in self._parts:
            plain = self.expr.parse(typed)
            match = _BINARY.fullmatch(plain)
            own = match is not None and match[1] in (part.operator for part in self._parts) and not names_decimals(typed)
            return plain if own else _as_expression(plain)
        left, operator, right = binary_question(typed)
        if operator not in (part.operator for part in self._parts):
            known = " ".join(part.operator for part in self._parts)
            place = next(i for i, char in enumerate(typed) if char in OPERATORS)
            raise QuestionError(f"this model answers {known}, not {operator}", typed, place)
        return left + operator + right

    def problems(self, questions: Sequence[str]) -> Problems:
        parts = [self._part_of(question) for question in questions]
        asked, rows = [], []
        for part in self._parts:
            chosen = [row for row, other in enumerate(parts) if other is part]
            if chosen:
                asked.append(self._marked(part, part.problems([questions[row] for row in chosen])))
                rows += chosen
        return Problems.concatenate(asked)[np.argsort(rows)]

    def answer(self, question: str) -> str:
        return self._part_of(question).answer(question)

    def verify(self, question: str, written: str) -> Fault | None:
        return self._part_of(question).verify(question, written)

    def render(self, question: str, written: str) -> list[Row]:
        return self._part_of(question).render(question, written)

    def _part_of(self, question: str) -> Task:
        match = _BINARY.fullmatch(question)
        return next(part for part in self._parts if part.operator == (match[1] if match else ""))

    @staticmethod
    def _marked(part: Task, problems: Problems) -> Problems:
        """With the operator, or 0 for an expression, as a third field."""
        n, code = len(problems), ord(part.operator or "\0")
        return Problems((*problems.fields, Ragged(np.full((n, 1), code, np.uint8), np.ones(n, np.int64))))

    def _split(self, problems: Problems) -> Iterator[tuple[Task, Ints, Problems]]:
        """Each operation with the rows that ask for it and their problems, where there are any."""
        *operands, operator = problems.fields
        for part in self._parts:
            rows = np.flatnonzero(operator.values[:, 0] == ord(part.operator or "\0"))
            if len(rows):
                yield part, rows, Problems(tuple(side[rows] for side in operands))

    def _gathered(self, problems: Problems, dtype: np.dtype, ask: Callable[[Task, Problems], NDArray]) -> NDArray:
        values = np.zeros(len(problems), dtype)
        for part, rows, own in self._split(problems):
            values[rows] = ask(part, own)
        return values


def _as_expression(question: str) -> str:
    """A plain question of `expr` so that it is not taken for one of an operation."""
    return Question.parse(question).format(explicit=True) if _BINARY.fullmatch(question) else question
