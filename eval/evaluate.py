"""evaluate(solver, task, ...) -> one row a problem. Every answer is compared with exact arithmetic."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import pandas as pd

from eval.solver import Answer, Solver
from tasks import ProblemSize, Task, sizes

COLUMNS = (
    "task",
    "suite",
    "digits",
    "left",
    "right",
    "trained",
    "question",
    "expected",
    "answer",
    "outcome",
    "lenient",
    "working",
    "written",
)


def evaluate(
    solver: Solver,
    task: Task,
    cells: Sequence[ProblemSize],
    *,
    n: int,
    seed: int,
    suites: Sequence[str] = ("random",),
    trained: bool = True,
    tell: Callable[[str, ProblemSize], None] = lambda suite, cell: None,
) -> pd.DataFrame:
    """Ask a solver up to n different problems of each suite and each cell, the digits of the left and the right operand.

    The same seed asks the same problems. Fewer than n are asked where there are not n different ones. `tell` hears of each
    suite and cell before it is asked.

    Returns a row a problem: task, suite, digits ("8", or "12x6" where the operands differ), left, right (the same as numbers),
    trained (whether a model trained on this task may have met it: "held out", "seen" or "beyond" the lengths of training;
    "unknown" where the solver is not one that was `trained` on it),
    question, expected, answer (None where unreadable), outcome ("right", "wrong", "unreadable", "unfinished", or "failed" where
    the solver could not be asked), lenient (whether a tolerant reader finds the right answer), working ("valid", what is wrong
    with its first wrong line, or "" where no page was written or it was not finished), written (all that followed the prompt,
    without the stop; where it failed, why).
    ValueError for n below 1 or a suite the task does not have.
    """
    if n < 1:
        raise ValueError(f"n = {n}: must be at least 1")
    tables = []
    for suite in suites:
        for cell in cells:
            tell(suite, cell)
            tables.append(_evaluate_cell(solver, task, cell, n, seed, suite, trained))
    return pd.concat(tables, ignore_index=True) if tables else pd.DataFrame(columns=list(COLUMNS))


def _evaluate_cell(solver: Solver, task: Task, cell: ProblemSize, n: int, seed: int, suite: str, trained: bool) -> pd.DataFrame:
    problems = task.test(n, cell, seed=seed, suite=suite)
    questions = task.questions(problems)
    answers = solver.solve(task, problems)
    expected = [task.answer(question) for question in questions]
    met = np.where(task.held_out(problems), "held out", "seen")
    met = np.where(task.in_range(problems), met, "beyond") if trained else "unknown"
    return pd.DataFrame(
        {
            "task": task.name,
            "suite": suite,
            "digits": sizes.shown(cell),
            "left": cell[0],
            "right": cell[1],
            "trained": met,
            "question": questions,
            "expected": expected,
            "answer": [answer.text for answer in answers],
            "outcome": [outcome(answer, truth) for answer, truth in zip(answers, expected, strict=True)],
            "lenient": [truth in (answer.text, answer.lenient) for answer, truth in zip(answers, expected, strict=True)],
            "working": [working(task, question, answer) for question, answer in zip(questions, answers, strict=True)],
            "written": [answer.failed or answer.written for answer in answers],
        }
    )


def outcome(answer: Answer, truth: str) -> str:
    """right, wrong, unreadable, unfinished or failed."""
    if answer.failed is not None:
        return "failed"
    if not answer.finished:
        return "unfinished"
    if answer.text is None:
        return "unreadable"
    return "right" if answer.text == truth else "wrong"


def working(task: Task, question: str, answer: Answer) -> str:
    """valid, what is wrong with the first wrong line, or nothing where no page was written or it was not finished."""
    if answer.failed is not None or not answer.finished or not answer.page or not answer.written:
        return ""
    fault = task.verify(question, answer.written)
    return "valid" if fault is None else str(fault)
