"""Try windows that are not proven as real problems: the model decodes them, and Python's integers know the answer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from arithgpt.inference.gpt_solver import GPTSolver
from arithgpt.proof.windows import PageFamily, Windows
from arithgpt.run_folder import RunFolder
from eval.evaluate import check_scratchpad
from eval.metrics.error_types import classify
from eval.solver import Answer
from tasks import Task

MAX_WINDOWS = 256  # that are tried
EACH = 4  # problems for each window


@dataclass(frozen=True)
class Counterexample:
    """A problem that a run gets wrong."""

    question: str
    answer: str | None
    """What the run answered; None where it did not finish, or its answer cannot be read."""
    expected: str
    drawing: str
    """The mistake, drawn in columns."""


def refute(run: RunFolder, family: PageFamily, windows: Windows, rows: Sequence[int]) -> Counterexample | None:
    """Ask a run problems on whose pages windows stand.

    Args:
        run: with weights
        family: pages of the run's task
        windows: all windows
        rows: those to try, the least proven one first; at most MAX_WINDOWS are tried

    Returns:
        The shortest problem that goes wrong, or None where none does.
    """
    rng, task = np.random.default_rng(0), run.recipe.problems
    drawn = [question for row in rows[:MAX_WINDOWS] for question in family.questions(windows, row, rng, EACH)]
    questions = sorted(dict.fromkeys(drawn), key=lambda question: (len(question), question))
    if not questions:
        return None
    solver = GPTSolver.of(run, "numpy", verify=False)  # decodes freely
    answers = solver.solve(task, task.problems(questions))
    for question, answer in zip(questions, answers, strict=True):
        if answer.text != task.answer(question) or not answer.finished:
            return _counterexample(task, question, answer)
    return None


def _counterexample(task: Task, question: str, answer: Answer) -> Counterexample:
    """Draw a wrong answer."""
    expected = task.answer(question)
    mistake = classify(task, question, answer, expected, check_scratchpad(task, question, answer))
    return Counterexample(question, answer.text if answer.finished else None, expected, str(mistake))
