"""The smallest problem that a solver gets wrong: searched in batches, shrunk by Hypothesis.

    falsify(solver, task, LAWS["right"])    ->    58+67: 115, not 125

Hypothesis asks one example after the other, a GPT answers thousands at once. So first Hypothesis only draws cases, and they are
answered together. One that breaks a law is put into its database; from there it takes it up, as if it had found it itself, and
shrinks it. What is left stays in the database and is tried first the next time.
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

from eval.falsify.laws import Case, Law, batches, held, texts
from eval.solver import Answer, Solver
from tasks import Task

MAX_DIGITS = 1000  # of a number: Hypothesis bounds what one example can hold
COLUMNS = 1500  # of numbers in one example, of 64 cases at most
ROUNDS = (10, 40, 160)  # examples of the first rounds and of each after them
KEY = b"falsify"
UNSHRUNK = KEY + b".secondary"  # where Hypothesis looks for what it has still to shrink


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
    tried: int
    """Different cases, those of shrinking included."""
    seconds: float
    remembered: bool
    """Whether the failure was in the database before."""


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

    max_digits: of the numbers drawn; as in training where None
    max_examples: different cases to try, or some more
    database: a folder that keeps what was found
    ValueError where the task asks no operator that the law is about, or a number is below 1.
    """
    began = time.perf_counter()
    if max_examples < 1 or not (max_digits is None or 1 <= max_digits <= MAX_DIGITS):
        raise ValueError(f"max_examples must be at least 1, and max_digits from 1 to {MAX_DIGITS}")
    asked = _Asked(solver, task)
    choices = _choices(task, law, max_digits)
    stored = DirectoryBasedExampleDatabase(database) if database is not None else InMemoryExampleDatabase()
    case = _shrunk(law, asked, choices, stored)
    remembered = case is not None

    n_cases = max(1, min(64, COLUMNS // max(max(sides) for _, *sides in choices)))
    sizes, tried = list(ROUNDS), -1
    while case is None and tried < len(asked.outcomes) < max_examples:  # as long as new ones come
        tried, seed = len(asked.outcomes), seed + 1
        drawn = _drawn(choices, n_cases, sizes.pop(0) if len(sizes) > 1 else sizes[0], seed)
        broken = [one for one, holds in zip(drawn, asked.hold(law, drawn), strict=True) if not holds]
        if broken:
            stored.save(UNSHRUNK, choices_to_bytes(texts(broken[0], choices)))
            case = _shrunk(law, asked, choices, stored) or broken[0]
    while case is not None and not remembered and (shorter := _shorter(law, asked, case)) is not None:
        _keep_only(stored, UNSHRUNK, shorter, choices)  # from where Hypothesis goes on
        case = min(shorter, _shrunk(law, asked, choices, stored) or shorter, key=_size)
        _keep_only(stored, KEY, case, choices)
    failure = asked.failure(law, case) if case is not None else None
    return Search(law, failure, len(asked.outcomes), time.perf_counter() - began, remembered)


def _drawn(choices: Sequence[tuple[str, int, int]], n_cases: int, n: int, seed: int) -> list[Case]:
    """The cases of n examples that Hypothesis draws."""
    drawn: list[Case] = []

    @_settings(n, (Phase.generate,), None)
    @hypothesis.seed(seed)
    @hypothesis.given(batches(choices, n_cases))
    def write_down(cases: list[Case]) -> None:
        drawn.extend(cases)

    write_down()
    return drawn


def _shrunk(law: Law, asked: _Asked, choices: Sequence[tuple[str, int, int]], stored: ExampleDatabase) -> Case | None:
    """The smallest case that Hypothesis makes of one in its database; None where none there breaks the law."""

    def broken(cases: list[Case]) -> bool:
        return not asked.hold(law, cases)[0]

    settings = _settings(1000, (Phase.reuse, Phase.shrink), stored)
    try:
        [case] = hypothesis.find(batches(choices, 1, even=True), broken, settings=settings, database_key=KEY)
    except (NoSuchExample, SkipTest):  # nothing there is broken, or nothing is there
        return None
    return case


def _shorter(law: Law, asked: _Asked, case: Case) -> Case | None:
    """The smallest case with a digit or a column less that breaks the law too: a step that Hypothesis has no way to take."""
    operator, *numbers = case
    shorter: dict[Case, None] = {}
    for place in range(max(len(str(number)) for number in numbers)):
        without = [number // 10 ** (place + 1) * 10**place + number % 10**place for number in numbers]
        for sides in ((0,), (1,), (2,), (0, 1), (0, 1, 2)):
            a, b, c = (without[side] if side in sides else number for side, number in enumerate(numbers))
            shorter[operator, a, b, c] = None
    smaller = [one for one in shorter if _size(one)[0] < _size(case)[0]]
    broken = [one for one, holds in zip(smaller, asked.hold(law, smaller), strict=True) if not holds]
    return min(broken, key=_size, default=None)


def _keep_only(stored: ExampleDatabase, key: bytes, case: Case, choices: Sequence[tuple[str, int, int]]) -> None:
    """Leave nothing else in the database."""
    for old_key in (KEY, UNSHRUNK):
        for old in list(stored.fetch(old_key)):
            stored.delete(old_key, old)
    stored.save(key, choices_to_bytes(texts(case, choices)))


def _size(case: Case) -> tuple[int, Case]:
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


def _choices(task: Task, law: Law, max_digits: int | None) -> list[tuple[str, int, int]]:
    """The operators that the law is about, with the lengths of training or of at most max_digits."""
    parts = {part.operator: part for part in task.subtasks.values()}
    choices = []
    for operator in (operator for operator, needs in law.needs.items() if set(needs) <= parts.keys()):
        size_ranges = [(box.left[1], box.right[1]) for box in parts[operator].size_ranges]
        for sides in dict.fromkeys(size_ranges if max_digits is None else [(max_digits, max_digits)]):
            left, right = (max(1, law.room(operator, side)) for side in sides)
            choices.append((operator, left, right))
    if not choices:
        wanted = " or ".join(" and ".join(needs) for needs in law.needs.values())
        raise ValueError(f"law {law.name}: asks {wanted}, and task {task.name} has {' '.join(parts)}")
    return choices


class _Asked:
    """What a solver was asked and what of a law holds, each once."""

    def __init__(self, solver: Solver, task: Task) -> None:
        self.solver = solver
        self.subtasks = {part.operator: part for part in task.subtasks.values()}
        self.answers: dict[str, Answer] = {}
        self.outcomes: dict[Case, bool] = {}

    def hold(self, law: Law, cases: Sequence[Case]) -> list[bool]:
        new = [case for case in dict.fromkeys(cases) if case not in self.outcomes]
        if new:
            self.outcomes |= dict(zip(new, held(law, new, self.ask), strict=True))
        return [self.outcomes[case] for case in cases]

    def failure(self, law: Law, case: Case) -> Failure:
        questions: list[str] = []

        def ask(asked: list[str]) -> list[str | None]:
            questions.extend(asked)
            return self.ask(asked)

        held(law, [case], ask)
        return Failure(law, case, [(question, self.answers[question]) for question in dict.fromkeys(questions)])

    def ask(self, questions: list[str]) -> list[str | None]:
        """The solver's answers; None where one cannot be read."""
        by_operator: dict[str, list[str]] = {}
        for question in dict.fromkeys(questions):
            if question not in self.answers:
                by_operator.setdefault(next(char for char in question if char in self.subtasks), []).append(question)
        for operator, new in by_operator.items():
            part = self.subtasks[operator]
            self.answers |= dict(zip(new, self.solver.solve(part, part.problems(new)), strict=True))
        return [self.answers[question].text if self.answers[question].finished else None for question in questions]
