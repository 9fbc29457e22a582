"""Whole expressions with + - * / ( ), unary signs and decimals, reduced on the page row by row until one number is left.

    question    (12+34)*5-6/2 to 0
    page        ....@[21+43]*5-6/2=[{+64\\}64]*5-{/40'80"61&6\\6|60(...$     reads 227

`page_rows.py` and `scratchpad.py` describe the page, `parser.py` the questions. A page cuts its results to GUARD_DIGITS more
decimals than the answer shows; the answer is then rounded half away from zero. Where these digits are too few, as in
1/3*1000000, each line of the page is right but the answer is not. Such problems are answered, but never sampled.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from tasks import sizes, splits
from tasks.arithmetic.division import BY_ZERO
from tasks.core.ragged import Ints, Ragged
from tasks.core.scratchpad import Fault, Row
from tasks.expression.generator import ExpressionStyle, generate_expressions
from tasks.expression.page import read_answer, write_page
from tasks.expression.page_rows import first_row, prompt_of
from tasks.expression.parser import GUARD_DIGITS, MAX_DECIMALS, MAX_DEPTH, MAX_OPERATORS, Question, parse_expression
from tasks.expression.render import render_page
from tasks.expression.value import exact_value, round_to_text
from tasks.expression.verifier import verify_page
from tasks.page_grammar import DIGITS, STOP
from tasks.sizes import ProblemSize, SizeRange, Span, parse_length_option
from tasks.task import MAX_IDLE_DRAWS, AnswerKind, Pages, Problems, Task, check_probabilities

FEW_REDUNDANT = 0.75
"""The share of problems in training that have no more levels than operators, so that no parentheses have to be redundant."""
MIN_LONGEST_PAGE = 100
"""The least bound of `longest_page`: a lower one would leave out whole kinds of problems."""
SUITE_DECIMALS = 6
"""The decimals of the answers in the suite `decimals`."""

_DECIMALS_RANGE = re.compile(r"([0-9]{1,2})(?:-([0-9]{1,2}))?")
_SUITE_STYLES: dict[str, dict[str, float]] = {  # how the numbers of a suite differ from those of training
    "edges": {"pattern_share": 0.6, "equal_share": 0.25, "redundant_share": 0.3, "negative_share": 0.3, "decimals": 4},
    "decimals": {"decimal_share": 1.0},
}


@dataclass(frozen=True)
class Expression(Task):
    """Options of `expr`. ValueError names a field that is out of range."""

    operators: str = "1-4"
    """The operators of an expression in training."""
    levels: int = 3
    """How many levels of parentheses there are at most; 1 is none at all."""
    digits: str = "1-4"
    """The digits of whole parts, as in 1-4."""
    places: str = "0-4"
    """The most decimals that an answer shows: one range, or several as in 0-2,10, each sampled as often."""
    decimal_share: float = 0.25
    """The share of numbers with decimals, 1 to 3 of them."""
    negative_share: float = 0.1
    """The share of numbers and of parentheses that have a minus before them."""
    pattern_share: float = 0.1
    """The share of numbers with a pattern: nines, zeros inside, powers of ten, ..."""
    equal_share: float = 0.05
    """The share of numbers that are the same as the number before, so that differences come to nothing."""
    exact_share: float = 0.3
    """The share of the divisions of two whole numbers that is made to come out exact."""
    redundant_share: float = 0.05
    """The share of the parentheses that may stand around a single number or around the whole."""
    single_share: float = 0.03
    """The share of the problems in training that are a single number, often in parentheses: people type that too."""
    longest_page: int = 0
    """The most characters of a page in training, because training time grows with their square; 0 is no bound."""

    name: ClassVar[str] = "expr"
    summary: ClassVar[str] = "whole expressions with parentheses and decimals, reduced row by row"
    example: ClassVar[str] = "(12+34)*5"
    answer_kind: ClassVar[AnswerKind] = "decimal"
    size_names: ClassVar[tuple[str, str]] = ("operators", "levels")
    suites: ClassVar[tuple[str, ...]] = ("random", "edges", "long", "decimals")
    slow_suites: ClassVar[tuple[str, ...]] = (*Task.slow_suites, "decimals")

    def __post_init__(self) -> None:
        check_probabilities(self)
        if not 1 <= self.levels <= MAX_DEPTH + 1:
            raise ValueError(f"levels = {self.levels}: must be from 1 to {MAX_DEPTH + 1}")
        assert self.decimal_ranges is not None  # parsed now, so that a fault is found at once
        self._most_digits(self.size_span.high)
        if self.longest_page and self.longest_page < MIN_LONGEST_PAGE:
            raise ValueError(f"longest_page = {self.longest_page}: must be 0 for no bound, or at least {MIN_LONGEST_PAGE}")

    @cached_property
    def size_ranges(self) -> tuple[SizeRange, ...]:
        """Operators by levels."""
        ranges = parse_length_option(self, "operators", "1-4")
        if max(size_range.left.high for size_range in ranges) > MAX_OPERATORS:
            raise ValueError(f"operators = {self.operators!r}: must be from 1 to {MAX_OPERATORS}")
        return tuple(SizeRange(size_range.left, Span(1, self.levels)) for size_range in ranges)

    @property
    def size_span(self) -> Span:
        """The fewest and the most operators."""
        return sizes.left_span(self.size_ranges)

    @property
    def long_sizes(self) -> list[ProblemSize]:
        """Twice the operators of training and more, as far as they go, on as many levels."""
        most = self.size_span.high
        counts = (factor * most for factor in sizes.LONGER_BY)
        return [ProblemSize(operators, self.levels) for operators in counts if operators <= MAX_OPERATORS]

    @cached_property
    def decimal_ranges(self) -> list[tuple[int, int]]:
        """The ranges that `places` names, ends included."""
        matches = [_DECIMALS_RANGE.fullmatch(part.strip()) for part in self.places.split(",")]
        ranges = [(int(match[1]), int(match[2] or match[1])) if match else (1, 0) for match in matches]
        if not all(0 <= low <= high <= MAX_DECIMALS for low, high in ranges):
            raise ValueError(f"places = {self.places!r}: must be such as 2, 0-4 or 0-2,10, from 0 to {MAX_DECIMALS}")
        return ranges

    @property
    def alphabet(self) -> str:
        return DIGITS + ".n@[]+-*/={}%\\x~:!_;^'\"&<|(AaBbCcDd#>?" + STOP

    def sample(self, rng: np.random.Generator, n: int) -> Problems:
        def candidates(missing: int) -> Problems:
            operators, levels = sizes.sample(self.size_ranges, rng, missing)
            not_redundant = rng.random(missing) < FEW_REDUNDANT
            levels = np.where(not_redundant, np.minimum(levels, operators), levels)
            if self.single_share:
                operators = np.where(rng.random(missing) < self.single_share, 0, operators)
            return self.sample_unchecked(rng, operators, levels)

        return self._sample_checked(candidates, n, self.longest_page or sys.maxsize)

    def sample_suite(self, rng: np.random.Generator, n: int, size: ProblemSize, suite: str) -> Problems:
        """Draw problems of exactly so many operators and levels, with digits enough to be held out where that is possible.

        `edges`: numbers with a pattern, equal ones, many signs, and parentheses that are not needed. `decimals`: every number
        has 1 to 3 decimals, and answers are shown to SUITE_DECIMALS.
        """
        operators, levels = size
        if not (1 <= operators <= MAX_OPERATORS and 1 <= levels <= MAX_DEPTH + 1):
            raise ValueError(
                f"{sizes.format_size(size)}: at most {MAX_OPERATORS} operators "
                f"and {MAX_DEPTH + 1} levels of parentheses are asked"
            )
        style = self._style(_SUITE_STYLES.get(suite, {}))
        decimal_ranges = [(SUITE_DECIMALS, SUITE_DECIMALS)] if suite == "decimals" else self.decimal_ranges
        needs_digits = self._most_digits(operators) >= splits.HELD_OUT_MIN_DIGITS

        def candidates(missing: int) -> Problems:
            counts, depths = np.full(missing, operators), np.full(missing, levels)
            problems = self.sample_unchecked(rng, counts, depths, style, decimal_ranges)
            return problems[self.can_hold_out(problems)] if needs_digits else problems

        return self._sample_checked(candidates, n)

    def sample_unchecked(
        self,
        rng: np.random.Generator,
        operators: Ints,
        levels: Ints,
        style: ExpressionStyle | None = None,
        decimal_ranges: list[tuple[int, int]] | None = None,
    ) -> Problems:
        """Sample one problem for each entry, also where its page would not come to the exact answer.

        Args:
            rng: the source of all random numbers
            operators: int64 (n,)
            levels: int64 (n,)
            style: what the numbers are like; None: as in training
            decimal_ranges: the decimals of the answers, each range as often; None: as in training
        """
        texts = generate_expressions(rng, operators.tolist(), levels.tolist(), style or self._style({}))
        return _problems_of(texts, _sample_decimals(rng, len(texts), decimal_ranges or self.decimal_ranges))

    def _most_digits(self, operators: int) -> int:
        """The digits that whole parts have in all, at most. ValueError where they are more than a question may have."""
        most = max(size_range.left.high for size_range in self._digit_ranges)
        if (operators + 1) * (most + _SUITE_STYLES["edges"]["decimals"]) > sizes.MAX_DIGITS:
            raise ValueError(
                f"digits = {self.digits!r}: {operators + 1} such numbers have more than {sizes.MAX_DIGITS} digits in all"
            )
        return (operators + 1) * most

    @cached_property
    def _digit_ranges(self) -> tuple[SizeRange, ...]:
        return parse_length_option(self, "digits", "1-4")

    def _style(self, changes: dict[str, float]) -> ExpressionStyle:
        """The numbers of training, but for `changes`."""
        shares: dict[str, Any] = {
            "decimal_share": self.decimal_share,
            "decimals": 3,
            "negative_share": self.negative_share,
            "pattern_share": self.pattern_share,
            "equal_share": self.equal_share,
            "exact_share": self.exact_share,
            "redundant_share": self.redundant_share,
        }
        return ExpressionStyle(self._digit_ranges, **(shares | changes))

    def _sample_checked(self, candidates: Callable[[int], Problems], n: int, longest_page: int = sys.maxsize) -> Problems:
        """Sample n of the candidates whose pages come to the exact answer in bounds; fewer where hardly any do."""
        batches, missing, idle = [candidates(0)], n, 0
        while missing > 0 and idle < MAX_IDLE_DRAWS:
            problems = candidates(missing + 8)
            comes_out = [self._comes_out(question, longest_page) for question in self.questions(problems)]
            batches.append(problems[np.array(comes_out, bool)][:missing])
            missing -= len(batches[-1])
            idle = 0 if len(batches[-1]) else idle + 1
        return Problems.concatenate(batches)

    def _comes_out(self, question: str, longest_page: int) -> bool:
        """Whether the page has at most `longest_page` characters, and its answer is the exact one."""
        expression, decimals = Question.parse(question)
        if longest_page == sys.maxsize and "/" not in expression and "." not in expression:
            return True  # whole numbers are never cut
        page = write_page(question)
        is_short = len(page.prompt) + len(page.completion) + len(STOP) <= longest_page
        return is_short and page.answer(decimals) == self.answer(question)

    def pages(self, problems: Problems) -> Pages:
        pages = [write_page(question) for question in self.questions(problems)]
        return Pages.from_texts([page.prompt for page in pages], [page.completion for page in pages])

    def prompts(self, problems: Problems) -> Ragged:
        questions = (Question.parse(question) for question in self.questions(problems))
        return Ragged.from_strings(
            [prompt_of(first_row(question.expression), question.decimals + GUARD_DIGITS) for question in questions]
        )

    def extract(self, completion: str, question: str) -> str | None:
        return read_answer(completion, Question.parse(question).decimals)

    def max_new_tokens(self, problems: Problems) -> Ints:
        pages = self.pages(problems)
        return 2 * (pages.total - pages.prompt) + 64

    def in_range(self, problems: Problems) -> NDArray[np.bool_]:
        operators, levels = self.sizes_of(problems)
        return sizes.contains(self.size_ranges, np.maximum(operators, 1) if self.single_share else operators, levels)

    def questions(self, problems: Problems) -> list[str]:
        expressions, decimals = problems.fields
        pairs = zip(expressions.to_strings(), decimals.values[:, 0].tolist(), strict=True)
        return [Question(*pair).format() for pair in pairs]

    def sizes_of(self, problems: Problems) -> tuple[Ints, Ints]:
        """The operators and the levels."""
        text = problems.fields[0].values
        before = np.zeros_like(text)
        before[:, 1:] = text[:, :-1]
        operators = _is_one_of(text, "+-*/") & _is_one_of(before, DIGITS + ")")
        depth = np.cumsum(_is_one_of(text, "(").astype(np.int64) - _is_one_of(text, ")"), axis=1)
        return operators.sum(axis=1), depth.max(axis=1, initial=0) + 1

    def expression_only(self, question: str) -> str:
        return Question.parse(question).expression

    def question_text(self, question: str) -> str:
        expression, decimals = parsed = Question.parse(question)
        if parsed == Question(expression):
            return expression
        return f"{expression} rounded to {decimals} decimal{'s' * (decimals != 1)}"

    def parse(self, typed: str) -> str:
        return parse_expression(typed).format()

    def problems(self, questions: Sequence[str]) -> Problems:
        expressions, decimals = zip(*(Question.parse(question) for question in questions), strict=True)
        return _problems_of(expressions, decimals)

    def answer(self, question: str) -> str:
        expression, decimals = Question.parse(question)
        try:
            return round_to_text(exact_value(expression), decimals)
        except ZeroDivisionError:
            return BY_ZERO

    def is_exact(self, question: str) -> bool:
        expression, decimals = Question.parse(question)
        try:
            scaled: Fraction = exact_value(expression) * 10**decimals
        except ZeroDivisionError:
            return True
        return scaled.denominator == 1

    def verify(self, question: str, completion: str) -> Fault | None:
        """Check the rows alone: where the guard digits are too few, every row holds and the answer is not exact."""
        expression, decimals = Question.parse(question)
        return verify_page(expression, decimals + GUARD_DIGITS, completion)

    def render(self, question: str, completion: str) -> list[Row]:
        expression, decimals = Question.parse(question)
        return render_page(expression, decimals, completion, self.extract(completion, question))

    def split_keys(self, problems: Problems) -> NDArray[np.uint64]:
        """Hash the expression alone, so that it is held out to any number of decimals."""
        return splits.fingerprint(problems.fields[0])

    @property
    def split_rule(self) -> str:
        return splits.describe_rule("an expression, to whatever number of decimals,", splits.HELD_OUT_MIN_DIGITS)

    def can_hold_out(self, problems: Problems) -> NDArray[np.bool_]:
        n_digits: Ints = _is_one_of(problems.fields[0].values, DIGITS).sum(axis=1)
        return n_digits >= splits.HELD_OUT_MIN_DIGITS


def _sample_decimals(rng: np.random.Generator, n: int, ranges: list[tuple[int, int]]) -> list[int]:
    """Sample the decimals of n answers: a range evenly, then a number of it evenly."""
    low: int | Ints
    high: int | Ints
    low, high = ranges[0] if len(ranges) == 1 else np.array(ranges)[rng.integers(0, len(ranges), n)].T
    decimals: list[int] = rng.integers(low, high + 1, n).tolist()
    return decimals


def _problems_of(expressions: Sequence[str], decimals: Sequence[int]) -> Problems:
    one = np.ones(len(expressions), np.int64)
    return Problems((Ragged.from_strings(expressions), Ragged(np.array(decimals, np.uint8).reshape(-1, 1), one)))


def _is_one_of(text: NDArray[np.uint8], chars: str) -> NDArray[np.bool_]:
    """Whether each character code is one of `chars`."""
    table = np.zeros(256, bool)
    table[[ord(char) for char in chars]] = True
    return table[text]
