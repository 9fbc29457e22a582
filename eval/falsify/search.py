"""The smallest problem that a solver gets wrong: searched in batches, shrunk by Hypothesis.

    falsify(solver, task, LAWS["right"])    ->    58+67: 115, not 125

Hypothesis asks one example after the other, but a GPT answers thousands at once. So Hypothesis first only draws cases, and they
are answered together. A case that breaks a law is put into Hypothesis' database. From there Hypothesis takes it up as if it had
found it itself, and shrinks it. The smallest case stays in the database and is tried first the next time.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from unittest import SkipTest

import hypothesis
from hypothesis import HealthCheck, Phase, Verbosity
from hypothesis.database import DirectoryBasedExampleDatabase, ExampleDatabase, InMemoryExampleDatabase, choices_to_bytes
from hypothesis.errors import NoSuchExample

from eval.falsify.laws import Case, Law, try_law
from eval.falsify.strategies import Choice, batches, encode
from eval.solver import Answer, Solver
from tasks import Task

MAX_DIGITS = 1000
"""The most digits of a number: Hypothesis bounds what one example can hold."""
MAX_COLUMNS, MAX_CASES = 1500, 64
"""Columns of numbers, and cases, in one example of Hypothesis."""
ROUNDS = (10, 40, 160)
"""Examples of the first rounds; every later round has as many as the last."""
MAX_SHRINKS = 1000
KEY = b"falsify"
"""Where the smallest case is in the database."""
UNSHRUNK = KEY + b".secondary"
"""Where Hypothesis looks for cases that it has not shrunk yet."""


@dataclass(frozen=True)
class Failure:
    """A case that breaks a law."""

    law: Law
    case: Case
    asked: list[tuple[str, Answer]] = field(repr=False)
    """Every question that was asked of this case, with its answer."""


@dataclass(frozen=True)
class Search:
    """What came of a search."""

    law: Law
    failure: Failure | None
    """None where the law held in all cases."""
    tried: int
    """Different cases that were tried, those of shrinking included."""
    seconds: float
    remembered: bool
    """Whether the failure was already in the database."""


def falsify(
    solver: Solver,
    task: Task,
    law: Law,
    *,
    max_digits: int | None = None,
    max_examples: int = 10_000,
    seed: int = 0,
    database: Path | None = None,
) -> Search:
    """Search for the smallest case that breaks a law.

    Args:
        solver: Who is asked.
        task: What it is asked: a task or a mixture of tasks with one operator each.
        law: What is tried.
        max_digits: The most digits of a number; None: as in training.
        max_examples: Different cases to try; the last round may try some more.
        seed: The same seed draws the same cases.
        database: A folder that keeps what is found; None: nothing is kept.

    Raises:
        ValueError: the task has no operator that the law is about, or a number is out of range.
    """
    start = time.perf_counter()
    if max_examples < 1 or not (max_digits is None or 1 <= max_digits <= MAX_DIGITS):
        raise ValueError(f"max_examples must be at least 1, and max_digits from 1 to {MAX_DIGITS}")
    trials = _Trials(solver, task, law)
    choices = _choices(task, law, max_digits)
    stored = DirectoryBasedExampleDatabase(database) if database is not None else InMemoryExampleDatabase()
    case = _shrink(trials, choices, stored)
    remembered = case is not None
    if case is None:
        case = _search(trials, choices, stored, max_examples, seed)
        while case is not None and (shorter := _remove_digit(trials, case)) is not None:
            _store_only(stored, UNSHRUNK, shorter, choices)  # Hypothesis goes on from here
            case = min(shorter, _shrink(trials, choices, stored) or shorter, key=_size)
            _store_only(stored, KEY, case, choices)
    failure = trials.failure(case) if case is not None else None
    return Search(law, failure, len(trials.held), time.perf_counter() - start, remembered)


def _search(trials: _Trials, choices: Sequence[Choice], stored: ExampleDatabase, max_examples: int, seed: int) -> Case | None:
    """Draw cases round by round until one breaks the law, and shrink it; None where none does."""
    n_cases = max(1, min(MAX_CASES, MAX_COLUMNS // max(max(sides) for _, *sides in choices)))
    rounds, tried = list(ROUNDS), -1
    while tried < len(trials.held) < max_examples:  # as long as there are new cases
        tried, seed = len(trials.held), seed + 1
        drawn = _draw(choices, n_cases, rounds.pop(0) if len(rounds) > 1 else rounds[0], seed)
        broken = [case for case, holds in zip(drawn, trials.hold(drawn), strict=True) if not holds]
        if broken:
            stored.save(UNSHRUNK, choices_to_bytes(encode(broken[0], choices)))
            return _shrink(trials, choices, stored) or broken[0]
    return None


def _draw(choices: Sequence[Choice], n_cases: int, n: int, seed: int) -> list[Case]:
    """Let Hypothesis draw n examples of n_cases cases each."""
    drawn: list[Case] = []

    @_settings(n, (Phase.generate,), None)
    @hypothesis.seed(seed)
    @hypothesis.given(batches(choices, n_cases))
    def collect(cases: list[Case]) -> None:
        drawn.extend(cases)

    collect()
    return drawn


def _shrink(trials: _Trials, choices: Sequence[Choice], stored: ExampleDatabase) -> Case | None:
    """Let Hypothesis shrink the cases in its database; returns the smallest one, None where none there breaks the law."""

    def breaks_law(cases: list[Case]) -> bool:
        return not trials.hold(cases)[0]

    settings = _settings(MAX_SHRINKS, (Phase.reuse, Phase.shrink), stored)
    try:
        [case] = hypothesis.find(batches(choices, 1, even=True), breaks_law, settings=settings, database_key=KEY)
    except (NoSuchExample, SkipTest):  # no case there breaks the law, or there is none
        return None
    return case


def _remove_digit(trials: _Trials, case: Case) -> Case | None:
    """Remove a digit or a column, which Hypothesis cannot do; returns the smallest such case that breaks the law, or None."""
    operator, *numbers = case
    shorter: dict[Case, None] = {}
    for place in range(max(len(str(number)) for number in numbers)):
        without = [number // 10 ** (place + 1) * 10**place + number % 10**place for number in numbers]
        for changed in ((0,), (1,), (2,), (0, 1), (0, 1, 2)):
            a, b, c = (without[index] if index in changed else number for index, number in enumerate(numbers))
            shorter[operator, a, b, c] = None
    smaller = [one for one in shorter if _size(one)[0] < _size(case)[0]]
    broken = [one for one, holds in zip(smaller, trials.hold(smaller), strict=True) if not holds]
    return min(broken, key=_size, default=None)


def _store_only(stored: ExampleDatabase, key: bytes, case: Case, choices: Sequence[Choice]) -> None:
    """Put a case into the database, and remove every other one."""
    for old_key in (KEY, UNSHRUNK):
        for old in list(stored.fetch(old_key)):
            stored.delete(old_key, old)
    stored.save(key, choices_to_bytes(encode(case, choices)))


def _size(case: Case) -> tuple[int, Case]:
    """What makes one case smaller than another: the digits of its numbers, then their values."""
    return sum(len(str(number)) for number in case[1:]), case


def _settings(n: int, phases: Sequence[Phase], database: ExampleDatabase | None) -> hypothesis.settings:
    return hypothesis.settings(
        max_examples=n,
        phases=phases,
        database=database,
        deadline=None,
        verbosity=Verbosity.quiet,
        suppress_health_check=list(HealthCheck),
    )


def _choices(task: Task, law: Law, max_digits: int | None) -> list[Choice]:
    """The operators that the law is about, with the lengths of training or of at most max_digits."""
    subtasks = {subtask.operator: subtask for subtask in task.subtasks.values()}
    choices = []
    for operator in (operator for operator, needs in law.needs.items() if set(needs) <= subtasks.keys()):
        longest = [(sizes.left[1], sizes.right[1]) for sizes in subtasks[operator].size_ranges]
        for sides in dict.fromkeys(longest if max_digits is None else [(max_digits, max_digits)]):
            left, right = (max(1, law.max_digits(operator, side)) for side in sides)
            choices.append((operator, left, right))
    if not choices:
        wanted = " or ".join(" and ".join(needs) for needs in law.needs.values())
        raise ValueError(f"law {law.name}: asks {wanted}, and task {task.name} has {' '.join(subtasks)}")
    return choices


class _Trials:
    """Tries a law on cases: each case once, and each question once."""

    def __init__(self, solver: Solver, task: Task, law: Law) -> None:
        self.solver = solver
        self.subtasks = {subtask.operator: subtask for subtask in task.subtasks.values()}
        self.law = law
        self.answers: dict[str, Answer] = {}
        self.held: dict[Case, bool] = {}

    def hold(self, cases: Sequence[Case]) -> list[bool]:
        """Tell for each case whether the law holds."""
        new = [case for case in dict.fromkeys(cases) if case not in self.held]
        if new:
            self.held |= dict(zip(new, try_law(self.law, new, self.ask), strict=True))
        return [self.held[case] for case in cases]

    def failure(self, case: Case) -> Failure:
        """Collect the questions and answers of a case that breaks the law."""
        questions: list[str] = []

        def ask(asked: list[str]) -> list[str | None]:
            questions.extend(asked)
            return self.ask(asked)

        try_law(self.law, [case], ask)
        return Failure(self.law, case, [(question, self.answers[question]) for question in dict.fromkeys(questions)])

    def ask(self, questions: list[str]) -> list[str | None]:
        """Answer questions; None where an answer is unfinished or cannot be read."""
        by_operator: dict[str, list[str]] = {}
        for question in dict.fromkeys(questions):
            if question not in self.answers:
                by_operator.setdefault(next(char for char in question if char in self.subtasks), []).append(question)
        for operator, new in by_operator.items():
            subtask = self.subtasks[operator]
            self.answers |= dict(zip(new, self.solver.solve(subtask, subtask.problems(new)), strict=True))
        return [self.answers[question].text if self.answers[question].finished else None for question in questions]
