"""All four operations in one stream, each with its own page; whole expressions beside them where a recipe asks for them.

    question    123+456   654-321   123*45   7391/52   (12+34)*5-6/2
    page        321+654=975$   ...

Two natural numbers with an operator between them are a question of that operation, and `7391/52` asks for the remainder. Every
other question is an expression, `7391/52 to 10` too. A recipe sets the weights and, operation by operation, the options:

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
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from tasks.arithmetic.addition import Addition
from tasks.arithmetic.division import Division
from tasks.arithmetic.multiplication import Multiplication
from tasks.arithmetic.subtraction import Subtraction
from tasks.core.question import OPERATORS, QuestionError, binary_question
from tasks.core.ragged import Bools, Ints, Ragged
from tasks.core.scratchpad import Fault, Row
from tasks.expression.parser import Question, names_decimals
from tasks.expression.task import Expression
from tasks.sizes import SizeRange
from tasks.task import STOP, Pages, Problems, Task

_BINARY = re.compile("[0-9]+([-+*/])[0-9]+")


@dataclass(frozen=True)
class Arithmetic(Task):
    """Options of `arith`. ValueError names a field that is out of range.

    Each problem has two fields as in its part, and a third one: the part's operator, or 0 for an expression.
    """

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

    @cached_property
    def _parts(self) -> tuple[Task, ...]:
        """The tasks with a weight above 0."""
        every = (self.add, self.sub, self.mul, self.div, self.expr)
        return tuple(part for part, weight in zip(every, self.weights, strict=False) if weight > 0)

    @property
    def size_ranges(self) -> tuple[SizeRange, ...]:
        return tuple(size_range for part in self._parts for size_range in part.size_ranges)

    @property
    def alphabet(self) -> str:
        return "".join(dict.fromkeys("".join(part.alphabet.replace(STOP, "") for part in self._parts))) + STOP

    @property
    def example(self) -> str:
        return self._parts[0].example

    def sample(self, rng: np.random.Generator, n: int) -> Problems:
        shares = np.array([weight for weight in self.weights if weight > 0]) / sum(self.weights)
        kinds = rng.choice(len(self._parts), n, p=shares)
        batches, rows = [], []
        for kind, part in enumerate(self._parts):
            chosen = np.flatnonzero(kinds == kind)
            if len(chosen):
                batches.append(self._with_operator(part, part.sample(rng, len(chosen))))
                rows.append(chosen)
        return Problems.concatenate(batches)[np.argsort(np.concatenate(rows))]

    def pages(self, problems: Problems) -> Pages:
        pages = [(rows, part.pages(own)) for part, rows, own in self._by_part(problems)]
        chars = np.zeros((len(problems), max(page.chars.shape[1] for _, page in pages)), np.uint8)
        prompt, total = np.zeros((2, len(problems)), np.int64)
        for rows, page in pages:
            chars[rows, : page.chars.shape[1]] = page.chars
            prompt[rows], total[rows] = page.prompt, page.total
        return Pages(chars, prompt, total)

    def prompts(self, problems: Problems) -> Ragged:
        prompts = [(rows, part.prompts(own)) for part, rows, own in self._by_part(problems)]
        values = np.zeros((len(problems), max(prompt.values.shape[1] for _, prompt in prompts)), np.uint8)
        lengths = np.zeros(len(problems), np.int64)
        for rows, prompt in prompts:
            values[rows, : prompt.values.shape[1]], lengths[rows] = prompt.values, prompt.lengths
        return Ragged(values, lengths)

    def questions(self, problems: Problems) -> list[str]:
        questions = [""] * len(problems)
        for part, rows, own in self._by_part(problems):
            for row, question in zip(rows.tolist(), part.questions(own), strict=True):
                questions[row] = question if part.operator else _as_expression(question)
        return questions

    def problems(self, questions: Sequence[str]) -> Problems:
        parts = [self.subtask_of(question) for question in questions]
        batches: list[Problems] = []
        rows: list[int] = []
        for part in self._parts:
            chosen = [row for row, other in enumerate(parts) if other is part]
            if chosen:
                batches.append(self._with_operator(part, part.problems([questions[row] for row in chosen])))
                rows += chosen
        return Problems.concatenate(batches)[np.argsort(rows)]

    def parse(self, typed: str) -> str:
        operators = [part.operator for part in self._parts]
        if self.expr in self._parts:
            plain = self.expr.parse(typed)
            match = _BINARY.fullmatch(plain)
            is_operation = match is not None and match[1] in operators and not names_decimals(typed)
            return plain if is_operation else _as_expression(plain)
        left, operator, right = binary_question(typed)
        if operator not in operators:
            place = next(i for i, char in enumerate(typed) if char in OPERATORS)
            raise QuestionError(f"this model answers {' '.join(operators)}, not {operator}", typed, place)
        return left + operator + right

    def sizes_of(self, problems: Problems) -> tuple[Ints, Ints]:
        left, right = np.zeros((2, len(problems)), np.int64)
        for part, rows, own in self._by_part(problems):
            left[rows], right[rows] = part.sizes_of(own)
        return left, right

    def max_new_tokens(self, problems: Problems) -> Ints:
        return self._per_part(problems, np.dtype(np.int64), lambda part, own: part.max_new_tokens(own))

    def in_range(self, problems: Problems) -> Bools:
        return self._per_part(problems, np.dtype(bool), lambda part, own: part.in_range(own))

    def split_keys(self, problems: Problems) -> NDArray[np.uint64]:
        return self._per_part(problems, np.dtype(np.uint64), lambda part, own: part.split_keys(own))

    def can_hold_out(self, problems: Problems) -> Bools:
        return self._per_part(problems, np.dtype(bool), lambda part, own: part.can_hold_out(own))

    @property
    def split_rule(self) -> str:
        return self._parts[0].split_rule

    def extract(self, completion: str, question: str) -> str | None:
        return self.subtask_of(question).extract(completion, question)

    def answer(self, question: str) -> str:
        return self.subtask_of(question).answer(question)

    def verify(self, question: str, completion: str) -> Fault | None:
        return self.subtask_of(question).verify(question, completion)

    def render(self, question: str, completion: str) -> list[Row]:
        return self.subtask_of(question).render(question, completion)

    def question_text(self, question: str) -> str:
        return self.subtask_of(question).question_text(question)

    def expression_only(self, question: str) -> str:
        return self.subtask_of(question).expression_only(question)

    def is_exact(self, question: str) -> bool:
        return self.subtask_of(question).is_exact(question)

    def subtask_of(self, question: str) -> Task:
        match = _BINARY.fullmatch(question)
        return self._by_operator[match[1] if match else ""]

    @cached_property
    def _by_operator(self) -> dict[str, Task]:
        return {part.operator: part for part in self._parts}

    @staticmethod
    def _with_operator(part: Task, problems: Problems) -> Problems:
        """The problems of a part with its operator, or 0 for an expression, as a third field."""
        n, code = len(problems), ord(part.operator or "\0")
        return Problems((*problems.fields, Ragged(np.full((n, 1), code, np.uint8), np.ones(n, np.int64))))

    def _by_part(self, problems: Problems) -> Iterator[tuple[Task, Ints, Problems]]:
        """Each part that is asked, with the rows that ask it and their problems."""
        *operands, operator = problems.fields
        for part in self._parts:
            rows = np.flatnonzero(operator.values[:, 0] == ord(part.operator or "\0"))
            if len(rows):
                yield part, rows, Problems(tuple(side[rows] for side in operands))

    def _per_part(
        self, problems: Problems, dtype: np.dtype[Any], ask: Callable[[Task, Problems], NDArray[Any]]
    ) -> NDArray[Any]:
        """Ask each part about its own problems; returns (n,) in the order of the problems."""
        values: NDArray[Any] = np.zeros(len(problems), dtype)
        for part, rows, own in self._by_part(problems):
            values[rows] = ask(part, own)
        return values


def _as_expression(question: str) -> str:
    """A plain question of `expr`, written so that it is not taken for one of an operation."""
    return Question.parse(question).format(explicit=True) if _BINARY.fullmatch(question) else question
