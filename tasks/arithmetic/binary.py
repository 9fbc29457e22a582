"""The base of tasks on two natural numbers and one operator: lengths of training, questions, suites, and what is held out."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property, lru_cache
from typing import ClassVar, Final

import numpy as np
from numpy.typing import NDArray

from tasks import sizes, splits
from tasks.core import digits as dg
from tasks.core import sampling
from tasks.core.question import OPERATORS, QuestionError, binary_question
from tasks.core.ragged import Bools, Ints, Ragged, join
from tasks.core.scratchpad import Fault, Row, rule, wrong_answer
from tasks.sizes import ProblemSize, SizeRange, parse_size_option
from tasks.task import Problems, Task, check_probabilities

MAX_EXHAUSTIVE: Final = 1_000_000
"""The most problems of the suite `exhaustive`."""
PATTERNED_SHARE: Final = 0.8
"""The share of operands of the suite `edges` that have a pattern."""
_EQUAL_SHARE: Final = 0.1
"""The share of problems of the suite `edges` whose operands are equal."""
_MAX_REDRAWS: Final = 400
"""One problem in 16 is held out, so some 16 rounds are usual; a pattern with few problems needs many more."""


@lru_cache(maxsize=1024)  # an answer and the check of its working both ask
def operands(question: str, operator: str) -> tuple[int, int]:
    """The two numbers of a plain question such as `123*45`."""
    left, right = question.split(operator)
    return int(left), int(right)


class BinaryTask(Task):
    """`left operator right`. A subclass adds how problems are sampled and how their pages are written.

    The fields of its problems are the digits of the left and of the right operand, least significant first.
    """

    commutes: ClassVar[bool] = False
    """Whether a problem is held out together with the one that has its operands swapped."""
    suites: ClassVar[tuple[str, ...]] = ("random", "edges", "exhaustive", "long")
    complete_suites: ClassVar[tuple[str, ...]] = ("exhaustive",)
    digits: str
    """The digits of the operands in training, as in 8, 1-8, 12x6 or 1-6,1-10x1-3."""

    def __post_init__(self) -> None:
        check_probabilities(self)
        assert self.size_ranges  # parsed now, so that a fault in `digits` is found at once

    @property
    def example(self) -> str:
        return f"123{self.operator}456"

    @cached_property
    def size_ranges(self) -> tuple[SizeRange, ...]:
        return parse_size_option(self, "digits")

    def sizes_of(self, problems: Problems) -> tuple[Ints, Ints]:
        left, right = problems.fields
        return left.lengths, right.lengths

    def questions(self, problems: Problems) -> list[str]:
        left, right = (dg.to_strings(number) for number in problems.fields)
        return [f"{a}{self.operator}{b}" for a, b in zip(left, right, strict=True)]

    def problems(self, questions: Sequence[str]) -> Problems:
        left, right = zip(*(question.split(self.operator) for question in questions), strict=True)
        return Problems((dg.from_strings(left), dg.from_strings(right)))

    def parse(self, typed: str) -> str:
        left, operator, right = binary_question(typed)
        if operator != self.operator:
            place = next(i for i, char in enumerate(typed) if char in OPERATORS)
            raise QuestionError(f"task {self.name} answers {self.operator}, not {operator}", typed, place)
        return left + operator + right

    def prompts(self, problems: Problems) -> Ragged:
        """Both operands, least significant digit first, as in `321+654=`."""
        left, right = (dg.characters(number) for number in problems.fields)
        return join([left, self.operator, right, "="], len(problems))

    def verify(self, question: str, completion: str) -> Fault | None:
        found, right = self.extract(completion, question), self.answer(question)
        return None if found == right else Fault(1, completion, wrong_answer(question, right, found))

    def render(self, question: str, completion: str) -> list[Row]:
        """The operands one below the other, and the answer where it is there."""
        left, right = question.split(self.operator)
        answer = self.extract(completion, question)
        width = max(len(left), len(right), len(answer or "")) + 2
        given = [Row(f"{left:>{width}}", "given"), Row(f"{self.operator} {right:>{width - 2}}", "given"), rule(width)]
        return given + ([Row(f"{answer:>{width}}", "answer")] if answer is not None else [])

    def split_keys(self, problems: Problems) -> NDArray[np.uint64]:
        left, right = (splits.fingerprint(number) for number in problems.fields)
        if not self.commutes:
            right = splits.mix(right)
        return splits.mix(left + right)  # the sum is the same for a+b and b+a

    def can_hold_out(self, problems: Problems) -> Bools:
        left, right = problems.fields
        return np.asarray(left.lengths + right.lengths >= splits.HELD_OUT_MIN_DIGITS)

    @property
    def split_rule(self) -> str:
        return splits.describe_rule(
            "a problem's operands (a sum shares it with its operands swapped)", splits.HELD_OUT_MIN_DIGITS
        )

    def sample_suite(self, rng: np.random.Generator, n: int, size: ProblemSize, suite: str) -> Problems:
        """Draw operands of exactly so many digits; `exhaustive`: all there are; `carries`: every pattern of carries."""
        if suite == "exhaustive":
            return self._all_pairs(size)
        if suite == "carries":
            return self._all_carry_patterns(rng, n, size)
        left, right = size
        return Problems((sampling.numbers(rng, np.full(n, left)), sampling.numbers(rng, np.full(n, right))))

    def _all_pairs(self, size: ProblemSize) -> Problems:
        """All problems of one size. ValueError where they are more than MAX_EXHAUSTIVE."""
        spans = [(10 ** (digits - 1) * (digits > 1), 10**digits) for digits in size]
        if (spans[0][1] - spans[0][0]) * (spans[1][1] - spans[1][0]) > MAX_EXHAUSTIVE:
            raise ValueError(f"suite exhaustive: {sizes.format_size(size)} digits have over {MAX_EXHAUSTIVE:,} problems")
        left, right = (np.arange(*span) for span in spans)
        return Problems((dg.from_ints(np.repeat(left, len(right)).tolist()), dg.from_ints(np.tile(right, len(left)).tolist())))

    def _all_carry_patterns(self, rng: np.random.Generator, n: int, size: ProblemSize) -> Problems:
        """Different problems that show every pattern of carries, or of borrows, that is possible at this size.

        The problems are held out where any can be: each is drawn again until it is, so that no pattern is missing.
        """
        wanted = sampling.carry_patterns(rng, n, max(size))
        subtract = self.operator == "-"
        asked = Problems(sampling.with_carries(rng, wanted, size, subtract))
        redraw = self.can_hold_out(asked) & ~self.held_out(asked)
        for _ in range(_MAX_REDRAWS):
            rows = np.flatnonzero(redraw)
            if len(rows) == 0:
                break
            others = Problems(sampling.with_carries(rng, wanted[rows], size, subtract))
            good = self.held_out(others)
            pairs = zip(asked.fields, others.fields, strict=True)
            asked = Problems(tuple(number.replaced(rows[good], other[good]) for number, other in pairs))
            redraw[rows[good]] = False
        first_rows = {question: row for row, question in reversed(list(enumerate(self.questions(asked))))}
        return asked[np.array(sorted(first_rows.values()))]

    @staticmethod
    def _patterned_operands(rng: np.random.Generator, n: int, size: ProblemSize) -> Problems:
        """Operands most of which have a pattern (sampling.PATTERNS), some of them equal."""
        a, b = (sampling.mixed(rng, np.full(n, digits), PATTERNED_SHARE) for digits in size)
        equal = np.flatnonzero(rng.random(n) < _EQUAL_SHARE)
        return Problems((a, b.replaced(equal, a[equal]) if size[0] == size[1] else b))
