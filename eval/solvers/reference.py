"""Solvers whose accuracy is known beforehand, to test the evaluation with."""

from __future__ import annotations

import random
import re

from eval.solver import Answer
from tasks import Problems, Task


class ExactSolver:
    """Reads its answers from the task's own pages: always right, unless the task itself is wrong."""

    name = "exact"

    def solve(self, task: Task, problems: Problems) -> list[Answer]:
        """Return the right answers, in order."""
        pages, questions = task.pages(problems), task.questions(problems)
        answers = []
        for page, prompt_length, question in zip(pages.texts(), pages.prompt.tolist(), questions, strict=True):
            written = page[prompt_length:-1]
            answers.append(Answer(task.extract(written, question), written))
        return answers


class WrongSolver:
    """Changes the last digit of each right answer: never right."""

    name = "wrong"

    def solve(self, task: Task, problems: Problems) -> list[Answer]:
        """Return wrong answers, in order."""
        answers = ExactSolver().solve(task, problems)
        return [Answer(_change_last_digit(answer.text or "0"), answer.written) for answer in answers]


class RandomSolver:
    """Answers with as many random digits as the right answer has: right by chance only."""

    name = "random"

    def solve(self, task: Task, problems: Problems) -> list[Answer]:
        """Return random answers, in order; the same problem always gets the same answer."""
        guesses = [_guess(task.answer(question), random.Random(question)) for question in task.questions(problems)]
        return [Answer(guess, guess, page=False) for guess in guesses]


def _guess(answer: str, rng: random.Random) -> str:
    """Replace every number in an answer by a random one of the same length."""

    def draw_number(match: re.Match[str]) -> str:
        digits = len(match.group())
        return str(rng.randrange(10 ** (digits - 1) if digits > 1 else 0, 10**digits))

    return re.sub("[0-9]+", draw_number, answer)


def _change_last_digit(text: str) -> str:
    """Replace the last digit by the next one; "0" where the text does not end in a digit."""
    return text[:-1] + str((int(text[-1]) + 1) % 10) if text[-1].isdigit() else "0"
