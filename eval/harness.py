"""evaluate(solver, task, ...) -> one row a problem. Every answer is compared with exact arithmetic."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import pandas as pd

from eval.solver import Answer, Solver
from tasks import Task

COLUMNS = ("suite", "digits", "trained", "question", "expected", "answer", "outcome")


def evaluate(
    solver: Solver,
    task: Task,
    digits: Sequence[int],
    *,
    n: int,
    seed: int,
    suites: Sequence[str] = ("random",),
    tell: Callable[[str, int], None] = lambda suite, length: None,
) -> pd.DataFrame:
    """Ask a solver up to n different problems of each suite and length.

    The same seed asks the same problems. Fewer than n are asked where there are not n different ones. `tell` hears of each
    suite and length before it is asked.

    Returns a row a problem: suite, digits, trained (whether a model trained on this task may have met it: "held out", "seen"
    or "beyond" the lengths of training), question, expected, answer (None where unreadable), outcome ("right", "wrong",
    "unreadable" or "unfinished").
    ValueError for n below 1 or a suite the task does not have.
    """
    if n < 1:
        raise ValueError(f"n = {n}: must be at least 1")
    tables = []
    for suite in suites:
        for length in digits:
            tell(suite, length)
            tables.append(_evaluate_length(solver, task, length, n, seed, suite))
    return pd.concat(tables, ignore_index=True) if tables else pd.DataFrame(columns=list(COLUMNS))


def _evaluate_length(solver: Solver, task: Task, digits: int, n: int, seed: int, suite: str) -> pd.DataFrame:
    problems = task.test(n, digits, seed=seed, suite=suite)
    questions = task.questions(problems)
    answers = solver.solve(task, problems)
    expected = [task.truth(question) for question in questions]
    trained = np.where(task.held_out(problems), "held out", "seen")
    trained = np.where(task.in_range(problems), trained, "beyond")
    return pd.DataFrame(
        {
            "suite": suite,
            "digits": digits,
            "trained": trained,
            "question": questions,
            "expected": expected,
            "answer": [answer.text for answer in answers],
            "outcome": [outcome(answer, truth) for answer, truth in zip(answers, expected, strict=True)],
        }
    )


def outcome(answer: Answer, truth: str) -> str:
    """right, wrong, unreadable or unfinished."""
    if not answer.finished:
        return "unfinished"
    if answer.text is None:
        return "unreadable"
    return "right" if answer.text == truth else "wrong"
