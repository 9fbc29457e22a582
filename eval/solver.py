"""What can be evaluated: anything that takes problems and gives answers."""

from __future__ import annotations

import random
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from tasks import Problems, Task


@dataclass(frozen=True, slots=True)
class Answer:
    """What a solver gave for one problem."""

    text: str | None
    """The answer as a person would write it; None where what was written cannot be read as one."""
    written: str = ""
    """All that was written, as it was."""
    finished: bool = True
    """False where it was cut off before it ended by itself."""
    lenient: str | None = None
    """The answer that a tolerant reader finds where `text` is None, for solvers that talk around it."""
    failed: str | None = None
    """Why there is no answer at all, where the solver could not be asked: "HTTP 500 after 4 tries"."""
    page: bool = True
    """Whether `written` is a page like the task's own, with a working to check; False where it is free text."""


class MissingExtra(ImportError):
    """An optional part of the installation is not there. The message says how to get it."""

    def __init__(self, extra: str) -> None:
        super().__init__(f"the extra {extra} is missing: pip install 'arithgpt[{extra}]'")


class Solver(Protocol):
    """Problems in, answers out, in the same order."""

    @property
    def name(self) -> str: ...

    def solve(self, task: Task, problems: Problems) -> Sequence[Answer]: ...


class ExactSolver:
    """Reads its answers off the task's own pages: always right, or the generator is wrong."""

    name = "exact"

    def solve(self, task: Task, problems: Problems) -> list[Answer]:
        pages, questions = task.pages(problems), task.questions(problems)
        answers = []
        for page, prompt, question in zip(pages.texts(), pages.prompt.tolist(), questions, strict=True):
            written = page[prompt:-1]
            answers.append(Answer(task.extract(written, question), written))
        return answers


class WrongSolver:
    """Answers like the exact solver, but with the last digit of each answer changed: never right."""

    name = "wrong"

    def solve(self, task: Task, problems: Problems) -> list[Answer]:
        answers = ExactSolver().solve(task, problems)
        return [Answer(_with_last_digit_changed(answer.text or "0"), answer.written) for answer in answers]


class RandomSolver:
    """Answers with as many random digits as the right answer has: what is got by chance."""

    name = "random"

    def solve(self, task: Task, problems: Problems) -> list[Answer]:
        given = [_guess(task.answer(question), random.Random(question)) for question in task.questions(problems)]
        return [Answer(text, text, page=False) for text in given]


def _guess(answer: str, rng: random.Random) -> str:
    """Every number of an answer replaced by a random one as long."""

    def number(match: re.Match[str]) -> str:
        digits = len(match.group())
        return str(rng.randrange(10 ** (digits - 1) if digits > 1 else 0, 10**digits))

    return re.sub("[0-9]+", number, answer)


def _with_last_digit_changed(text: str) -> str:
    return text[:-1] + str((int(text[-1]) + 1) % 10) if text[-1].isdigit() else "0"
