"""The calculator: a typed question -> page -> the GPT's working and answer, checked with exact arithmetic.

    >>> from arithgpt import Calculator
    >>> answer = Calculator()("123*45")
    >>> answer.answer, answer.correct
    ('5535', True)

The answer is the model's, right or wrong; it is never replaced by the exact one, which stands beside it. Importing this
imports no torch, and neither does asking a few questions: the model then runs on NumPy.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from arithgpt.errors import UserError
from arithgpt.inference.gpt_solver import GPTSolver
from arithgpt.run import find_run, shipped_run
from eval.solver import Answer
from tasks import STOP, Problems, QuestionError, Row, drawn
from tasks.arithmetic.division import BY_ZERO
from tasks.expression.parser import MAX_DECIMALS, Question

MAX_PAGE = 20_000  # characters to write for one question: minutes, and a fraction of a GB
_DIVISION = re.compile("[0-9]+/[0-9]+")
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
    rows: tuple[Row, ...] = field(repr=False)
    """The working in schoolbook columns, row by row."""

    @property
    def by_zero(self) -> bool:
        """Whether there is no number to answer."""
        return self.expected == BY_ZERO

    @property
    def drawn(self) -> str:
        """The working in schoolbook columns, as plain text."""
        return drawn(list(self.rows))


class Calculator:
    """Answers questions: the calculator that ships, or with `run` one of your own runs.

    device: "auto" (NumPy for a few questions, torch for many), "numpy", "cpu" or "cuda"
    UserError where a run is missing or damaged, or the device unknown or not there.
    """

    def __init__(self, run: str | None = None, device: str = "auto") -> None:
        if device not in ("auto", "numpy", "cpu", "cuda"):
            raise UserError(f"device {device!r}: must be auto, numpy, cpu or cuda")
        if device == "cuda":
            from arithgpt.runtime import configure

            configure(device)
        self.run = find_run(run) if run is not None else shipped_run()
        self.device = device
        self.task = self.run.recipe.problems
        first = "numpy" if device == "auto" else device
        self._solvers = {first: GPTSolver.of(self.run, first)}

    def __call__(self, expression: str, *, places: int | None = None, remainder: bool = False) -> CalculatorAnswer:
        """Answer one expression.

        places: decimals of the answer at most, from 0 to 30, for a run that answers whole expressions; 10 where None
        remainder: divide two natural numbers with a remainder: `142 r 7`
        QuestionError, which marks the place, where the expression cannot be understood; UserError where the run answers no such
        questions.
        """
        answer = self.answer_all([expression], places=places, remainder=remainder)[0]
        if isinstance(answer, QuestionError):
            raise answer
        return answer

    def answer_all(
        self, expressions: Sequence[str], *, places: int | None = None, remainder: bool = False
    ) -> list[CalculatorAnswer | QuestionError]:
        """One answer an expression, in order; a QuestionError stands in the place of one that cannot be understood."""
        answers: dict[int, CalculatorAnswer | QuestionError] = {}
        plain: dict[int, str] = {}  # index of the expression -> its question in plain form
        for index, expression in enumerate(expressions):
            try:
                plain[index] = self._plain(expression, places, remainder)
            except QuestionError as error:
                answers[index] = error
        if plain:
            for index, length in zip(plain, self._lengths(list(plain.values())), strict=True):
                if length > MAX_PAGE:
                    answers[index] = _too_long(expressions[index], length)
        asked = {index: question for index, question in plain.items() if index not in answers}
        if asked:
            questions = list(asked.values())
            problems, solver = self.task.problems(questions), self._solver(sum(self._lengths(questions)))
            given = solver.solve(self.task, problems)
            answers |= dict(zip(asked, self._checked(questions, problems, given), strict=True))
        return [answers[index] for index in range(len(expressions))]

    def watch(
        self,
        expression: str,
        show: Callable[[list[Row]], None],
        *,
        places: int | None = None,
        remainder: bool = False,
    ) -> CalculatorAnswer:
        """Answer one expression, and show the drawing of what is written so far each time that it has changed.

        QuestionError where the expression cannot be understood.
        """
        question = self._plain(expression, places, remainder)
        [length] = self._lengths([question])
        if length > MAX_PAGE:
            raise _too_long(expression, length)
        problems, written, shown = self.task.problems([question]), "", None
        for char in self._solver(length).stream(question):
            written += char
            if not char.isdigit() and (rows := self.task.render(question, written.rstrip(STOP))) != shown:
                show(rows)
                shown = rows
        finished, written = written.endswith(STOP), written.rstrip(STOP)
        text = self.task.extract(written, question) if finished else None
        return self._checked([question], problems, [Answer(text, written, finished)])[0]

    def _plain(self, expression: str, places: int | None, remainder: bool) -> str:
        """The question in its plain form."""
        parts = self.task.subtasks
        if remainder and "div" not in parts:
            raise UserError(f"--remainder: run {self.run.name} was trained on {', '.join(parts)}, not on div")
        if places is not None and "expr" not in parts:
            raise UserError(f"--decimals {places}: run {self.run.name} was trained on {', '.join(parts)}, not on expr")
        if places is not None and not 0 <= places <= MAX_DECIMALS:
            raise UserError(f"--decimals {places}: must be from 0 to {MAX_DECIMALS}")
        if remainder:
            return parts["div"].parse(expression)
        try:
            question = self.task.parse(expression if places is None else f"{expression} to {places}")
        except QuestionError as error:
            raise QuestionError(str(error), expression, min(error.place, len(expression))) from None
        divides = "expr" in parts and _DIVISION.fullmatch(question)  # which a mixture takes for one with a remainder
        return Question.parse(question).format(explicit=True) if divides else question

    def _lengths(self, questions: list[str]) -> list[int]:
        """The characters that may be written for each plain question, of which there is one at least."""
        return self.task.max_new_tokens(self.task.problems(questions)).tolist()

    def _solver(self, n_characters: int) -> GPTSolver:
        """The model on torch where the work is worth its import, or it is there already; else on NumPy."""
        if self.device != "auto":
            return self._solvers[self.device]
        device = "cpu" if "torch" in sys.modules or n_characters > WORTH_TORCH else "numpy"
        if device not in self._solvers:
            self._solvers[device] = GPTSolver.of(self.run, device)
        return self._solvers[device]

    def _checked(self, questions: list[str], problems: Problems, given: Sequence[Answer]) -> list[CalculatorAnswer]:
        task, answers = self.task, []
        prompts, in_range = task.prompts(problems).to_strings(), task.in_range(problems).tolist()
        for question, prompt, known, answer in zip(questions, prompts, in_range, given, strict=True):
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
                    beyond_training=not known,
                    rows=tuple(task.render(question, answer.written)),
                )
            )
        return answers


def _too_long(expression: str, length: int) -> QuestionError:
    return QuestionError(f"needs a page of {length:,} characters: at most {MAX_PAGE:,} are written", expression, 0)
