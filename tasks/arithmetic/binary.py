"""What tasks of two natural numbers and one operator share: lengths of training, questions, and what is held out."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from tasks import sizes, splits
from tasks.core import digits as dg
from tasks.core import sampling
from tasks.core.options import check_probabilities, parse_size_option
from tasks.core.question import OPERATORS, QuestionError, binary_question
from tasks.core.ragged import Ints, Ragged, join
from tasks.core.scratchpad import Fault, Row, rule
from tasks.sizes import ProblemSize, SizeRange
from tasks.task import Problems, Task

EXHAUSTIVE_MOST = 1_000_000
MAX_REDRAWS = 400  # one in 16 is held out: some 16 rounds of draws, many more where a pattern has few problems
EDGES_SHARE, EQUAL_SHARE = 0.8, 0.1  # of the suite `edges`: operands with a pattern, problems with equal ones


class Binary(Task):
    """`left operator right`; a subclass adds its page. ValueError where `digits` names no lengths."""

    operator: ClassVar[str]
    commutes: ClassVar[bool] = False
    """Whether a problem is held out together with the one that has its operands swapped."""
    suites: ClassVar[tuple[str, ...]] = ("random", "edges", "exhaustive", "long")
    complete_suites: ClassVar[tuple[str, ...]] = ("exhaustive",)
    digits: str
    """The digits of the operands in training, as tasks/lengths.py reads them."""

    def __post_init__(self) -> None:
        check_probabilities(self)
        assert self.size_ranges  # parsed now, so that a fault in `digits` is found at once

    @cached_property
    def size_ranges(self) -> tuple[SizeRange, ...]:
        return parse_size_option(self, "digits")

    def sample_suite(self, rng: np.random.Generator, n: int, cell: ProblemSize, suite: str) -> Problems:
        if suite == "exhaustive":
            return self._every_pair(cell)
        if suite == "carries":
            return self._every_carry(rng, n, cell)
        return Problems(tuple(sampling.numbers(rng, np.full(n, digits)) for digits in cell))

    def _every_pair(self, cell: ProblemSize) -> Problems:
        """All problems with operands of just so many digits. ValueError where they are more than EXHAUSTIVE_MOST."""
        spans = [(10 ** (digits - 1) * (digits > 1), 10**digits) for digits in cell]
        if (spans[0][1] - spans[0][0]) * (spans[1][1] - spans[1][0]) > EXHAUSTIVE_MOST:
            raise ValueError(f"suite exhaustive: {sizes.format_size(cell)} digits have over {EXHAUSTIVE_MOST:,} problems")
        left, right = (np.arange(*span) for span in spans)
        return Problems((dg.from_ints(np.repeat(left, len(right)).tolist()), dg.from_ints(np.tile(right, len(left)).tolist())))

    def _every_carry(self, rng: np.random.Generator, n: int, cell: ProblemSize) -> Problems:
        """Different problems, every pattern of carries or borrows among them that numbers of these lengths can have.

        They are held out where any can be: each is drawn again until it is, so that no pattern goes missing.
        """
        wanted = sampling.carry_patterns(rng, n, max(cell))
        asked = Problems(sampling.with_carries(rng, wanted, cell, subtract=self.operator == "-"))
        again = self.can_hold_out(asked) & ~self.held_out(asked)
        for _ in range(MAX_REDRAWS):
            rows = np.flatnonzero(again)
            if len(rows) == 0:
                break
            others = Problems(sampling.with_carries(rng, wanted[rows], cell, subtract=self.operator == "-"))
            good = self.held_out(others)
            pairs = zip(asked.fields, others.fields, strict=True)
            asked = Problems(tuple(number.replaced(rows[good], other[good]) for number, other in pairs))
            again[rows[good]] = False
        first = {question: row for row, question in reversed(list(enumerate(self.questions(asked))))}
        return asked[np.array(sorted(first.values()))]

    def _edge_operands(self, rng: np.random.Generator, n: int, cell: ProblemSize) -> Problems:
        """Operands most of which have a pattern (sampling.PATTERNS), some of them equal."""
        a, b = (sampling.mixed(rng, np.full(n, digits), EDGES_SHARE) for digits in cell)
        equal = np.flatnonzero(rng.random(n) < EQUAL_SHARE)
        return Problems((a, b.replaced(equal, a[equal]) if cell[0] == cell[1] else b))

    def prompts(self, problems: Problems) -> Ragged:
        return join(self._prompt_parts(problems), len(problems))

    def _prompt_parts(self, problems: Problems) -> list[Ragged | str]:
        """What is strung together to the prompt; both operands least significant digit first, if not overridden."""
        left, right = (dg.characters(number) for number in problems.fields)
        return [left, self.operator, right, "="]

    def sizes_of(self, problems: Problems) -> tuple[Ints, Ints]:
        left, right = problems.fields
        return left.lengths, right.lengths

    def questions(self, problems: Problems) -> list[str]:
        left, right = (dg.to_strings(number) for number in problems.fields)
        return [f"{a}{self.operator}{b}" for a, b in zip(left, right, strict=True)]

    def parse(self, typed: str) -> str:
        left, operator, right = binary_question(typed)
        if operator != self.operator:
            place = next(i for i, char in enumerate(typed) if char in OPERATORS)
            raise QuestionError(f"task {self.name} answers {self.operator}, not {operator}", typed, place)
        return left + operator + right

    def problems(self, questions: Sequence[str]) -> Problems:
        left, right = zip(*(question.split(self.operator) for question in questions), strict=True)
        return Problems((dg.from_strings(left), dg.from_strings(right)))

    def operands(self, question: str) -> tuple[int, int]:
        """The two numbers of a plain question."""
        left, right = question.split(self.operator)
        return int(left), int(right)

    def verify(self, question: str, written: str) -> Fault | None:
        answer, right = self.extract(written, question), self.answer(question)
        return None if answer == right else Fault(1, written, f"{question} is {right}, not {answer}")

    def render(self, question: str, written: str) -> list[Row]:
        left, right = question.split(self.operator)
        answer = self.extract(written, question)
        width = max(len(left), len(right), len(answer or "")) + 2
        given = [Row(f"{left:>{width}}", "given"), Row(f"{self.operator} {right:>{width - 2}}", "given"), rule(width)]
        return given + ([Row(f"{answer:>{width}}", "answer")] if answer is not None else [])

    def split_keys(self, problems: Problems) -> NDArray[np.uint64]:
        left, right = (splits.fingerprint(number) for number in problems.fields)
        if not self.commutes:
            right = splits.mix(right)
        return splits.mix(left + right)  # the sum is the same for a+b and b+a

    def can_hold_out(self, problems: Problems) -> NDArray[np.bool_]:
        return sum(number.lengths for number in problems.fields) >= splits.HELD_OUT_MIN_DIGITS
