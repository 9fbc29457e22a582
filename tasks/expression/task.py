"""Whole expressions with + - * / ( ), unary signs and decimals, reduced on the page row by row until one number is left.

    question    (12+34)*5-6/2 to 0
    page        ....@[21+43]*5-6/2=[{+64\\}64]*5-{/40'80"61&6\\6|60(...$     reads 227

The rows and workings of a page are told in expression_page.py, the plain form of questions in expression_question.py. A page
cuts its results to GUARD digits more than the answer shows, which is then rounded half away from zero. Where that is too
little, as in 1/3*1000000, the page is right line by line and its answer is not; such problems are answered but not drawn.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property, lru_cache
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from tasks import sizes
from tasks.arithmetic.division import BY_ZERO
from tasks.core import sampling
from tasks.core.ragged import Ints, Ragged
from tasks.core.scratchpad import Fault, Row, number, runs_on
from tasks.expression import scratchpad as page
from tasks.expression.generator import Mix, expressions
from tasks.expression.parser import (
    DEFAULT_PLACES,
    GUARD,
    MAX_DEPTH,
    MAX_OPERATORS,
    MAX_PLACES,
    expression_question,
    joined,
    split,
)
from tasks.expression.render import drawing
from tasks.expression.value import exact, shown
from tasks.expression.verifier import check
from tasks.sizes import ProblemSize, SizeRange
from tasks.task import MAX_IDLE_DRAWS, STOP, Pages, Problems, Task, register

FEW_REDUNDANT = 0.75
"""The share of problems in training that have no more levels than operators, so that no parentheses have to be redundant."""

SHORTEST_BOUND = 100
"""Of `longest_page`: shorter ones would leave out whole kinds of problems."""

_PLACES = re.compile(r"([0-9]{1,2})(?:-([0-9]{1,2}))?")
_LAST = re.compile(r"(?:^|=)(?:%|\{[^{}=]*\})?(?P<dots>\.*)(?P<digits>[0-9]+)(?P<minus>n?)$")
_SUITES: dict[str, dict[str, float]] = {  # how the numbers of a suite differ from those of training
    "edges": {"pattern_share": 0.6, "equal_share": 0.25, "redundant_share": 0.3, "negative_share": 0.3, "decimals": 4},
    "decimals": {"decimal_share": 1.0},
}
DECIMALS_SHOWN = 6
"""Of the answers to the suite `decimals`."""


@register
@dataclass(frozen=True)
class Expression(Task):
    """Options of `expr`. ValueError names a field that is out of range."""

    operators: str = "1-4"
    """The operators of an expression in training."""
    levels: int = 3
    """How many levels of parentheses there are at most; 1 is none at all."""
    digits: str = "1-4"
    """The digits of whole parts (tasks/lengths.py)."""
    places: str = "0-4"
    """The digits of the fraction that an answer shows at most: one range, or several as in 0-2,10, each drawn as often."""
    decimal_share: float = 0.25
    """The share of numbers with digits after the point, 1 to 3 of them."""
    negative_share: float = 0.1
    """The share of numbers and of parentheses that have a minus before them."""
    pattern_share: float = 0.1
    """The share of numbers with a pattern: nines, zeros inside, powers of ten, ..."""
    equal_share: float = 0.05
    """The share of numbers that are the same as the number before, so that differences come to nothing."""
    exact_share: float = 0.3
    """Of the divisions of two whole numbers, the share made to come out exact."""
    redundant_share: float = 0.05
    """Of the parentheses, the share that may stand around a single number or around the whole."""
    single_share: float = 0.03
    """Of the problems in training, the share that is a single number, often in parentheses: people type that too."""
    longest_page: int = 0
    """No page in training is longer than so many characters, as time grows with their square; 0 is no bound."""

    name: ClassVar[str] = "expr"
    summary: ClassVar[str] = "whole expressions with parentheses and decimals, reduced row by row"
    decimals: ClassVar[bool] = True
    counts: ClassVar[tuple[str, str]] = ("operators", "levels")
    suites: ClassVar[tuple[str, ...]] = ("random", "edges", "long", "decimals")
    on_request: ClassVar[tuple[str, ...]] = (*Task.on_request, "decimals")

    def __post_init__(self) -> None:
        self.check_shares()
        if not 1 <= self.levels <= MAX_DEPTH + 1:
            raise ValueError(f"levels = {self.levels}: must be from 1 to {MAX_DEPTH + 1}")
        assert self._places is not None  # parsed now, so that a fault is found at once
        self._most_digits(self.span[1])
        if self.longest_page and self.longest_page < SHORTEST_BOUND:
            raise ValueError(f"longest_page = {self.longest_page}: must be 0 for no bound, or at least {SHORTEST_BOUND}")

    @cached_property
    def size_ranges(self) -> tuple[SizeRange, ...]:
        """Operators by levels."""
        spans = self.ranges_of("operators", "1-4")
        if max(box.left[1] for box in spans) > MAX_OPERATORS:
            raise ValueError(f"operators = {self.operators!r}: must be from 1 to {MAX_OPERATORS}")
        return tuple(SizeRange(box.left, (1, self.levels)) for box in spans)

    @property
    def span(self) -> tuple[int, int]:
        """The fewest and the most operators."""
        return sizes.left_span(self.size_ranges)

    @property
    def beyond(self) -> list[ProblemSize]:
        """Twice the operators of training and more, as far as they go, on as many levels."""
        most = self.span[1]
        return [(factor * most, self.levels) for factor in sizes.LONG if factor * most <= MAX_OPERATORS]

    @cached_property
    def _digits(self) -> tuple[SizeRange, ...]:
        return self.ranges_of("digits", "1-4")

    @cached_property
    def _places(self) -> list[tuple[int, int]]:
        matches = [_PLACES.fullmatch(span.strip()) for span in self.places.split(",")]
        spans = [(int(match[1]), int(match[2] or match[1])) if match else (1, 0) for match in matches]
        if not all(0 <= low <= high <= MAX_PLACES for low, high in spans):
            raise ValueError(f"places = {self.places!r}: must be such as 2, 0-4 or 0-2,10, from 0 to {MAX_PLACES}")
        return spans

    @property
    def alphabet(self) -> str:
        return "0123456789.n@[]+-*/={}%\\x~:!_;^'\"&<|(AaBbCcDd#>?" + STOP

    def draw(self, rng: np.random.Generator, n: int) -> Problems:
        def some(missing: int) -> Problems:
            operators, levels = sizes.draw(self.size_ranges, rng, missing)
            needed = rng.random(missing) < FEW_REDUNDANT
            levels = np.where(needed, np.minimum(levels, operators), levels)
            if self.single_share:
                operators = np.where(rng.random(missing) < self.single_share, 0, operators)
            return self._made(rng, operators, levels, self._mix({}), self._places)

        return self._settled(some, n, self.longest_page or sys.maxsize)

    def draw_suite(self, rng: np.random.Generator, n: int, cell: ProblemSize, suite: str) -> Problems:
        """Of just so many operators and levels, and digits enough to be held out where numbers have them. `edges`: numbers with
        a pattern, equal ones, many signs, and parentheses that are not needed. `decimals`: every number has 1 to 3 digits after
        the point, and answers are shown to 6."""
        operators, levels = cell
        if not (1 <= operators <= MAX_OPERATORS and 1 <= levels <= MAX_DEPTH + 1):
            raise ValueError(
                f"{sizes.shown(cell)}: at most {MAX_OPERATORS} operators and {MAX_DEPTH + 1} levels of parentheses are asked"
            )
        mix = self._mix(_SUITES.get(suite, {}))
        places = [(DECIMALS_SHOWN, DECIMALS_SHOWN)] if suite == "decimals" else self._places
        needs_digits = self._most_digits(operators) >= sampling.HELD_OUT_MIN_DIGITS

        def some(missing: int) -> Problems:
            problems = self._made(rng, np.full(missing, operators), np.full(missing, levels), mix, places)
            return problems[self.can_hold_out(problems)] if needs_digits else problems

        return self._settled(some, n)

    def _most_digits(self, operators: int) -> int:
        """The digits that whole parts have in all, at most. ValueError where they are more than a question may have."""
        most = max(box.left[1] for box in self._digits)
        if (operators + 1) * (most + _SUITES["edges"]["decimals"]) > sizes.MAX_DIGITS:
            raise ValueError(
                f"digits = {self.digits!r}: {operators + 1} such numbers have more than {sizes.MAX_DIGITS} digits in all"
            )
        return (operators + 1) * most

    def _mix(self, changes: dict[str, float]) -> Mix:
        own = {
            "decimal_share": self.decimal_share,
            "decimals": 3,
            "negative_share": self.negative_share,
            "pattern_share": self.pattern_share,
            "equal_share": self.equal_share,
            "exact_share": self.exact_share,
            "redundant_share": self.redundant_share,
        }
        return Mix(self._digits, **(own | changes))  # type: ignore[arg-type]

    @staticmethod
    def _made(rng: np.random.Generator, operators: Ints, levels: Ints, mix: Mix, places: list[tuple[int, int]]) -> Problems:
        """One random problem of each."""
        texts = expressions(rng, operators.tolist(), levels.tolist(), mix)
        low, high = places[0]
        if len(places) > 1:
            low, high = np.array(places)[rng.integers(0, len(places), len(texts))].T
        return _problems(texts, rng.integers(low, high + 1, len(texts)).tolist())

    def _settled(self, some: Callable[[int], Problems], n: int, longest: int = sys.maxsize) -> Problems:
        """n problems of `some` whose pages come to the exact answer within `longest` characters; fewer where hardly any do."""
        found, missing, idle = [some(0)], n, 0
        while missing > 0 and idle < MAX_IDLE_DRAWS:
            problems = some(missing + 8)
            right = [self._comes_out(question, longest) for question in self.questions(problems)]
            found.append(problems[np.array(right, bool)][:missing])
            missing -= len(found[-1])
            idle = 0 if len(found[-1]) else idle + 1
        return Problems.concatenate(found)

    def _comes_out(self, question: str, longest: int) -> bool:
        """Whether the page has at most `longest` characters and its answer is the exact one."""
        expression, places = split(question)
        if longest == sys.maxsize and "/" not in expression and "." not in expression:
            return True  # whole numbers are never cut
        prompt, body, last = _page(question)
        if len(prompt) + len(body) > longest:
            return False
        return (BY_ZERO if last is None else shown(_value(last), places)) == self.answer(question)

    def pages(self, problems: Problems) -> Pages:
        pages = [_page(question) for question in self.questions(problems)]
        text = Ragged.from_strings([prompt + body for prompt, body, _ in pages])
        return Pages(text.values, np.array([len(prompt) for prompt, *_ in pages], np.int64), text.lengths)

    def prompts(self, problems: Problems) -> Ragged:
        split_up = (split(question) for question in self.questions(problems))
        return Ragged.from_strings([page.prompt(page.fields(text), places + GUARD) for text, places in split_up])

    def extract(self, written: str, question: str) -> str | None:
        if runs_on(written):
            return None
        if written.endswith("{/?"):
            return BY_ZERO
        last = _LAST.search(written)
        if last is None:
            return None
        size = Fraction(number(last["digits"]), 10 ** len(last["dots"]))
        return shown(-size if last["minus"] else size, split(question)[1])

    def max_new_tokens(self, problems: Problems) -> Ints:
        pages = self.pages(problems)
        return 2 * (pages.total - pages.prompt) + 64

    def in_range(self, problems: Problems) -> NDArray[np.bool_]:
        operators, levels = self.digits_of(problems)
        return sizes.contain(self.size_ranges, np.maximum(operators, 1) if self.single_share else operators, levels)

    def questions(self, problems: Problems) -> list[str]:
        texts, places = problems.fields
        return [joined(text, shown) for text, shown in zip(texts.to_strings(), places.values[:, 0].tolist(), strict=True)]

    def digits_of(self, problems: Problems) -> tuple[Ints, Ints]:
        """The operators and the levels."""
        text = problems.fields[0].values
        after = np.zeros_like(text)
        after[:, 1:] = text[:, :-1]
        operators = _among(text, "+-*/") & (_among(after, "0123456789)"))
        depth = np.cumsum(_among(text, "(").astype(np.int64) - _among(text, ")"), axis=1)
        return operators.sum(axis=1), depth.max(axis=1, initial=0) + 1

    def expression_only(self, question: str) -> str:
        return split(question)[0]

    def asked(self, question: str) -> str:
        expression, places = split(question)
        return expression if places == DEFAULT_PLACES else f"{expression} rounded to {places} decimal{'s' * (places != 1)}"

    def parse(self, typed: str) -> str:
        return expression_question(typed)

    def problems(self, questions: Sequence[str]) -> Problems:
        texts, places = zip(*(split(question) for question in questions), strict=True)
        return _problems(texts, places)

    def answer(self, question: str) -> str:
        expression, places = split(question)
        try:
            return shown(exact(expression), places)
        except ZeroDivisionError:
            return BY_ZERO

    def exact(self, question: str) -> bool:
        expression, places = split(question)
        try:
            return (exact(expression) * 10**places).denominator == 1
        except ZeroDivisionError:
            return True

    def verify(self, question: str, written: str) -> Fault | None:
        """By the lines alone: where the guard digits are not enough, every one of them holds and the answer is not exact."""
        expression, places = split(question)
        return check(expression, places + GUARD, written)

    def render(self, question: str, written: str) -> list[Row]:
        expression, places = split(question)
        return drawing(expression, places, written, self.extract(written, question))

    def keys(self, problems: Problems) -> NDArray[np.uint64]:
        """Of the expression alone, so that it is held out to any number of decimals."""
        return sampling.fingerprint(problems.fields[0])

    def can_hold_out(self, problems: Problems) -> NDArray[np.bool_]:
        digits = _among(problems.fields[0].values, "0123456789")
        return digits.sum(axis=1) >= sampling.HELD_OUT_MIN_DIGITS


@lru_cache(maxsize=4096)
def _page(question: str) -> tuple[str, str, page.Number | None]:
    """What is given of the page of a plain question, what follows it, and the last number, None where it divides by zero.

    Kept for a while: a problem that is drawn has been looked at before it is written.
    """
    expression, places = split(question)
    row = page.fields(expression)
    return page.prompt(row, places + GUARD), *page.body(row, places + GUARD)


def _problems(texts: Sequence[str], places: Sequence[int]) -> Problems:
    one = np.ones(len(texts), np.int64)
    return Problems((Ragged.from_strings(texts), Ragged(np.array(places, np.uint8).reshape(-1, 1), one)))


def _among(text: NDArray[np.uint8], chars: str) -> NDArray[np.bool_]:
    table = np.zeros(256, bool)
    table[[ord(char) for char in chars]] = True
    return table[text]


def _value(last: page.Number) -> Fraction:
    size = Fraction(int(last.digits), 10**last.places)
    return -size if last.negative else size
