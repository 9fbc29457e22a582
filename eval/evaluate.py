"""Ask a solver problems and compare every answer with exact arithmetic.

result = evaluate(ExactSolver(), Addition(), EvalSpec(sizes=[(8, 8)], samples=100))
result.accuracy     1.0
result.rows         a row for each problem: question, expected, answer, outcome, ...
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from eval.result import EvalResult
from eval.solver import Answer, Solver
from eval.spec import EvalSpec
from tasks import ProblemSize, Task, sizes


def evaluate(
    solver: Solver,
    tasks: Task | Sequence[Task],
    spec: EvalSpec | None = None,
    *,
    name: str | None = None,
    trained: bool = True,
    provenance: Mapping[str, Any] | None = None,
    recipe: str = "",
    metrics: Sequence[Mapping[str, Any]] = (),
    on_progress: Callable[[str, ProblemSize], None] = lambda suite, size: None,
) -> EvalResult:
    """Ask a solver different problems of each task, suite and size. The same seed asks the same problems.

    Args:
        solver: Anything with a name and a method `solve`.
        tasks: The tasks to ask. A mixture stands for its subtasks.
        spec: Sizes, suites, samples and seed; None: the defaults of EvalSpec.
        name: What reports call the solver; None: its own name.
        trained: Whether the solver was trained on these tasks. Where it was not, nobody knows which problems it has met.
        provenance: More facts for the result's provenance, such as a hash of the weights.
        recipe: The recipe of a trained solver, as TOML.
        metrics: What its training logged, step by step.
        on_progress: Called with each suite and size before its problems are asked.

    Returns:
        The result. Fewer problems than `spec.samples` are asked where there are not so many different ones.

    Raises:
        ValueError: a task has no such suite, or no problem of these sizes has a page short enough to be asked.
    """
    spec = spec or EvalSpec()
    asked = list(tasks.subtasks.values()) if isinstance(tasks, Task) else list(tasks)
    tables = []
    for task in asked:
        for suite in spec.suites_of(task):
            for size in spec.sizes_of(task, suite):
                on_progress(suite, size)
                tables.append(_evaluate_size(solver, task, suite, size, spec, trained))
    if not tables:
        raise ValueError("no problem of these lengths has a page short enough to be asked")
    name = name or solver.name
    facts = {"solver": name, "tasks": {task.name: task.version for task in asked}, "seed": spec.seed, "samples": spec.samples}
    return EvalResult(
        name=name,
        rows=pd.concat(tables, ignore_index=True),
        tasks=asked,
        trained=trained,
        provenance=facts | dict(provenance or {}),
        recipe=recipe,
        metrics=metrics,
    )


def _evaluate_size(solver: Solver, task: Task, suite: str, size: ProblemSize, spec: EvalSpec, trained: bool) -> pd.DataFrame:
    """Ask the problems of one suite and size; a row for each, with the columns of `eval.result.COLUMNS`."""
    problems = task.test(spec.samples, size, seed=spec.seed, suite=suite)
    questions = task.questions(problems)
    answers = solver.solve(task, problems)
    expected = [task.answer(question) for question in questions]
    split = np.where(task.held_out(problems), "held out", "seen")
    pairs = list(zip(answers, expected, strict=True))
    return pd.DataFrame(
        {
            "task": task.name,
            "suite": suite,
            "digits": sizes.format_size(size),
            "left": size[0],
            "right": size[1],
            "trained": np.where(task.in_range(problems), split, "beyond") if trained else "unknown",
            "question": questions,
            "expected": expected,
            "answer": [answer.text for answer in answers],
            "outcome": [outcome(answer, truth) for answer, truth in pairs],
            "lenient": [truth in (answer.text, answer.lenient) for answer, truth in pairs],
            "scratchpad": [check_scratchpad(task, *pair) for pair in zip(questions, answers, strict=True)],
            "written": [answer.failed or answer.written for answer in answers],
        }
    )


def outcome(answer: Answer, expected: str) -> str:
    """Judge an answer: "right", "wrong", "unreadable", "unfinished" or "failed"."""
    if answer.failed is not None:
        return "failed"
    if not answer.finished:
        return "unfinished"
    if answer.text is None:
        return "unreadable"
    return "right" if answer.text == expected else "wrong"


def check_scratchpad(task: Task, question: str, answer: Answer) -> str:
    """Check the lines of a page: "valid", what is wrong with the first wrong line, or "" where there is no finished page."""
    if answer.failed is not None or not answer.finished or not answer.page or not answer.written:
        return ""
    fault = task.verify(question, answer.written)
    return "valid" if fault is None else str(fault)
