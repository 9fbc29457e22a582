"""The calculator: a typed question -> page -> the GPT's answer, checked with exact arithmetic.

    >>> from arithgpt.calculator import Calculator
    >>> answer = Calculator()("123+456")
    >>> answer.answer, answer.correct
    ('579', True)

The answer is the model's, right or wrong; it is never replaced by the exact one, which stands beside it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from arithgpt.gpt_solver import GPTSolver
from arithgpt.run import find_run, newest_run
from tasks import TASKS, QuestionError, Task


@dataclass(frozen=True)
class CalculatorAnswer:
    """What the GPT answered, and whether it is right."""

    expression: str
    """The question in its plain form."""
    answer: str | None
    """The model's answer; None where what it wrote is no answer."""
    correct: bool
    expected: str
    """The exact answer, by Python's integers."""
    working: str
    """The page: the prompt and all that the model wrote after it."""
    run: str
    beyond_training: bool
    """Whether an operand is longer or shorter than any in training."""
    drawn: str = field(repr=False)
    """The answer in schoolbook columns."""


class Calculator:
    """Answers questions with trained runs: with `run`, or for each task with its newest.

    UserError where a run is missing or damaged.
    """

    def __init__(self, run: str | None = None, device: str = "cpu") -> None:
        self.device = device
        self._solvers: dict[str, GPTSolver] = {}
        self._tasks: list[Task] = [task() for task in TASKS.values()]
        if run is not None:
            solver = GPTSolver.of(find_run(run), device)
            self._solvers[solver.task.name] = solver
            self._tasks = [solver.task]

    def __call__(self, expression: str) -> CalculatorAnswer:
        """QuestionError, which marks the place, where the expression cannot be understood."""
        answer = self.answer_all([expression])[0]
        if isinstance(answer, QuestionError):
            raise answer
        return answer

    def answer_all(self, expressions: Sequence[str]) -> list[CalculatorAnswer | QuestionError]:
        """One answer an expression, in order; a QuestionError stands in the place of one that cannot be understood."""
        answers: dict[int, CalculatorAnswer | QuestionError] = {}
        asked: dict[str, dict[int, str]] = {}  # task -> index of the expression -> plain question
        for index, expression in enumerate(expressions):
            try:
                name, question = self._understand(expression)
                asked.setdefault(name, {})[index] = question
            except QuestionError as error:
                answers[index] = error
        for name, questions in asked.items():
            answers |= dict(zip(questions, self._solve(self._solver(name), list(questions.values())), strict=True))
        return [answers[index] for index in range(len(expressions))]

    def _understand(self, expression: str) -> tuple[str, str]:
        """The task that can answer, and the question in its plain form."""
        errors = []
        for task in self._tasks:
            try:
                return task.name, task.parse(expression)
            except QuestionError as error:
                errors.append(error)
        raise max(errors, key=lambda error: error.place)  # the one that understood the most

    def _solver(self, name: str) -> GPTSolver:
        if name not in self._solvers:
            self._solvers[name] = GPTSolver.of(newest_run(name), self.device)
        return self._solvers[name]

    @staticmethod
    def _solve(solver: GPTSolver, questions: list[str]) -> list[CalculatorAnswer]:
        task = solver.task
        problems = task.problems(questions)
        prompts, in_range = task.prompts(problems).to_strings(), task.in_range(problems).tolist()
        answers = []
        for question, prompt, given, known in zip(questions, prompts, solver.solve(task, problems), in_range, strict=True):
            expected = task.truth(question)
            answers.append(
                CalculatorAnswer(
                    expression=question,
                    answer=given.text,
                    correct=given.text == expected,
                    expected=expected,
                    working=prompt + given.written,
                    run=solver.name,
                    beyond_training=not known,
                    drawn=task.columns(question, given.text or "?"),
                )
            )
        return answers
