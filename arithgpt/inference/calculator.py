"""The calculator: a typed question -> page -> the GPT's working and answer, checked with exact arithmetic.

    >>> from arithgpt import Calculator
    >>> answer = Calculator()("123*45")
    >>> answer.answer, answer.correct
    ('5535', True)

The answer is the model's, right or wrong; it is never replaced by the exact one, which stands beside it. Importing this
imports no torch, and neither does asking a few questions: the model then runs on NumPy.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from arithgpt.errors import UserError
from arithgpt.inference.backend import Model, has_torch
from arithgpt.inference.gpt_solver import GPTSolver, Prompted
from arithgpt.run_folder import RunFolder, find_run, shipped_run
from eval.solver import Answer
from tasks import STOP, QuestionError, Row, Task, drawn
from tasks.arithmetic.division import BY_ZERO
from tasks.expression.parser import MAX_DECIMALS, Question

MAX_PAGE = 20_000  # characters to write for one question: minutes, and a fraction of a GB
EMPTY = "empty"  # how an answer without characters is shown
_DIVISION = re.compile("[0-9]+/[0-9]+")
JSON_FIELDS = ("expression", "answer", "correct", "expected", "exact", "working", "fault", "run", "beyond_training")
WORTH_TORCH = 60_000  # characters to write, from which importing torch pays (runs/LOG.md)


@dataclass(frozen=True)
class CalculatorAnswer:
    """What the GPT answered, and whether it is right."""

    expression: str
    """The question in its plain form."""
    answer: str | None
    """The model's answer: `5535`, `-333`, `142 r 7`, `division by zero`; None where what it wrote is no answer."""
    correct: bool
    expected: str
    """The exact answer, by Python's integers and fractions."""
    exact: bool
    """Whether it is the value itself, and not rounded to the decimals that are shown."""
    working: str
    """The page: the prompt and all that the model wrote after it."""
    fault: str | None
    """What is wrong with the first wrong line of the working; None where every line is right."""
    run: str
    beyond_training: bool
    """Whether an operand is longer or shorter than any in training."""
    question: str = field(repr=False, compare=False)
    completion: str = field(repr=False, compare=False)
    """What the model wrote after the prompt."""
    task: Task = field(repr=False, compare=False)
    """The task that the question belongs to."""

    @cached_property
    def by_zero(self) -> bool:
        """Whether there is no number to answer."""
        return self.expected == BY_ZERO

    def __str__(self) -> str:
        """The question, the answer and the verdict, in one line."""
        if self.correct and self.by_zero:
            return f"{self.expression}: {self.answer}"
        text = self.short
        if self.correct:
            text += "  right" + (f", but its working is wrong: {self.fault}" if self.fault else "")
        elif self.fault and self.expression not in self.fault:
            text += f"; {self.fault}"
        equals = "=" if self.exact or self.answer is None else "≈"
        return f"{self.expression} {equals} {text}{'  (beyond the lengths of training)' * self.beyond_training}"

    @property
    def short(self) -> str:
        """The answer alone, with what is right where it is wrong."""
        text = "no answer" if self.answer is None else self.answer or EMPTY
        return text if self.correct else f"{text}  wrong: it is {self.expected or EMPTY}"

    def to_json(self) -> str:
        """The fields of JSON_FIELDS as a JSON object in one line."""
        return json.dumps({name: getattr(self, name) for name in JSON_FIELDS})

    @cached_property
    def rows(self) -> tuple[Row, ...]:
        """The working in schoolbook columns, row by row."""
        return tuple(self.task.render(self.question, self.completion))

    @property
    def drawn(self) -> str:
        """The working in schoolbook columns, as plain text."""
        return drawn(list(self.rows))


class Calculator:
    """Answers questions by the calculator that ships, or by one of your own runs.

    Args:
        run: a run, or its name or folder; None for the calculator that ships
        device: "auto" (NumPy for a few questions, torch for many), "numpy", "cpu" or "cuda"
        model: the model of the run where it is loaded already, which answers every question; None loads it

    Raises:
        UserError: the run is missing or damaged, or the device is unknown or not there
    """

    def __init__(self, run: RunFolder | str | None = None, device: str = "auto", *, model: Model | None = None) -> None:
        if not isinstance(run, RunFolder | str | None):
            raise UserError("must be the name or folder of a run", "run", run)
        if device not in ("auto", "numpy", "cpu", "cuda"):
            raise UserError("must be auto, numpy, cpu or cuda", "device", device)
        if device == "cuda":
            from arithgpt.runtime import resolve_device

            resolve_device(device)
        self.run = run if isinstance(run, RunFolder) else find_run(run) if run is not None else shipped_run()
        self.device = device
        self.task = self.run.recipe.problems
        self._given = None if model is None else GPTSolver(self.run.name, model, self.task)
        first = "numpy" if device == "auto" else device
        self._solvers = {} if self._given else {first: GPTSolver.of(self.run, first)}

    def __call__(self, expression: str, *, decimals: int | None = None, remainder: bool = False) -> CalculatorAnswer:
        """Answer one expression.

        Args:
            expression: as a person types it
            decimals: of the answer, at most, from 0 to 30, where the run answers whole expressions; None for 10
            remainder: divide two natural numbers with a remainder: `142 r 7`

        Raises:
            QuestionError: the expression cannot be understood; it marks the place
            UserError: the run answers no such questions
        """
        [answer] = self.answer_all([expression], decimals=decimals, remainder=remainder)
        if isinstance(answer, QuestionError):
            raise answer
        return answer

    def answer_all(
        self, expressions: Sequence[str], *, decimals: int | None = None, remainder: bool = False
    ) -> list[CalculatorAnswer | QuestionError]:
        """Answer expressions in order; a QuestionError takes the place of one that cannot be understood.

        Raises:
            UserError: they are no list, or the run answers no such questions
        """
        if isinstance(expressions, str) or not isinstance(expressions, Sequence):
            raise UserError('must be a list of texts, as in ["12+34"]', "expressions", expressions)
        answers: dict[int, CalculatorAnswer | QuestionError] = {}
        questions: dict[str, dict[int, str]] = {}  # for each subtask the plain questions, by index of the expression
        for index, expression in enumerate(expressions):
            try:
                question = self._parse(expression, decimals, remainder)
            except QuestionError as error:
                answers[index] = error
                continue
            questions.setdefault(self.task.subtask_of(question).name, {})[index] = question
        indices, groups = [], []
        for name, asked in questions.items():
            group = self._prompted(self.task.subtasks[name], list(asked.values()))
            for index, length in zip(asked, group.max_new_tokens.tolist(), strict=True):
                if length > MAX_PAGE:
                    answers[index] = _too_long(expressions[index], length)
            rows = [row for row, index in enumerate(asked) if index not in answers]
            if rows:
                indices.append([list(asked)[row] for row in rows])
                groups.append(group if len(rows) == len(asked) else group[np.array(rows)])
        if groups:
            solver = self._solver(sum(int(group.max_new_tokens.sum()) for group in groups))
            for own, group, given in zip(indices, groups, solver.answer(groups), strict=True):
                answers |= dict(zip(own, self._checked(group, given), strict=True))
        return [answers[index] for index in range(len(expressions))]

    def watch(
        self,
        expression: str,
        show: Callable[[list[Row]], None],
        *,
        decimals: int | None = None,
        remainder: bool = False,
    ) -> CalculatorAnswer:
        """Answer one expression, and show the drawing of what is written so far each time it has changed.

        Args:
            expression, decimals, remainder: as those of `__call__`
            show: is called with the rows of the drawing

        Raises:
            QuestionError: the expression cannot be understood
        """
        question = self._parse(expression, decimals, remainder)
        group = self._prompted(self.task.subtask_of(question), [question])
        [length] = group.max_new_tokens.tolist()
        if length > MAX_PAGE:
            raise _too_long(expression, length)
        written, shown, task = "", None, group.task
        for char in self._solver(length).stream(group):
            written += char
            if not char.isdigit() and (rows := task.render(question, written.rstrip(STOP))) != shown:
                show(rows)
                shown = rows
        finished, written = written.endswith(STOP), written.rstrip(STOP)
        text = task.extract(written, question) if finished else None
        return self._checked(group, [Answer(text, written, finished)])[0]

    def _parse(self, expression: str, decimals: int | None, remainder: bool) -> str:
        """Bring a typed expression into its plain form."""
        if not isinstance(expression, str):
            raise UserError("must be a text", "expression", expression)
        subtasks = self.task.subtasks
        if remainder and "div" not in subtasks:
            raise UserError(f"run {self.run.name} was trained on {', '.join(subtasks)}, not on div", "remainder", remainder)
        if decimals is not None and "expr" not in subtasks:
            raise UserError(f"run {self.run.name} was trained on {', '.join(subtasks)}, not on expr", "decimals", decimals)
        if decimals is not None and not (isinstance(decimals, int) and 0 <= decimals <= MAX_DECIMALS):
            raise UserError(f"must be a whole number from 0 to {MAX_DECIMALS}", "decimals", decimals)
        if remainder:
            return subtasks["div"].parse(expression)
        try:
            question = self.task.parse(expression if decimals is None else f"{expression} to {decimals}")
        except QuestionError as error:
            raise QuestionError(str(error), expression, min(error.place, len(expression))) from None
        divides = "expr" in subtasks and _DIVISION.fullmatch(question)  # which a mixture takes for one with a remainder
        return Question.parse(question).format(explicit=True) if divides else question

    def _prompted(self, task: Task, questions: list[str]) -> Prompted:
        """Prepare plain questions of one subtask."""
        return Prompted(task, questions, self.run.recipe.model.max_length)

    def _solver(self, n_characters: int) -> GPTSolver:
        """Return the model that was given, else one on torch where that is imported or worth importing, else one on NumPy."""
        if self._given:
            return self._given
        if self.device != "auto":
            return self._solvers[self.device]
        device = "cpu" if "torch" in sys.modules or (n_characters > WORTH_TORCH and has_torch()) else "numpy"
        if device not in self._solvers:
            self._solvers[device] = GPTSolver.of(self.run, device)
        return self._solvers[device]

    def _checked(self, group: Prompted, given: Sequence[Answer]) -> list[CalculatorAnswer]:
        """Check answers by exact arithmetic."""
        task, answers = group.task, []
        prompts, in_range = group.prompts.to_strings(), task.in_range(group.problems).tolist()
        for question, prompt, is_known, answer in zip(group.questions, prompts, in_range, given, strict=True):
            expected = task.answer(question)
            fault = str(task.verify(question, answer.written) or "") if answer.finished else "the working is not finished"
            answers.append(
                CalculatorAnswer(
                    expression=task.expression_only(question),
                    answer=answer.text,
                    correct=answer.text == expected,
                    expected=expected,
                    exact=task.is_exact(question),
                    working=prompt + answer.written,
                    fault=fault or None,
                    run=self.run.name,
                    beyond_training=not is_known,
                    question=question,
                    completion=answer.written,
                    task=task,
                )
            )
        return answers


def _too_long(expression: str, length: int) -> QuestionError:
    return QuestionError(f"needs a page of {length:,} characters: at most {MAX_PAGE:,} are written", expression, 0)
