"""What kind of mistake a wrong answer is, and the mistake drawn in columns.

58+67: 115 instead of 125       missed carry

   58
+  67
-----
  115   answered
  125   right
  ^     missed carry
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd

from eval.solver import Answer
from tasks import Task, drawn

KINDS = (
    "missed carry",
    "false carry",
    "missed borrow",
    "false borrow",
    "misaligned",
    "wrong sign",
    "stopped early",
    "ran on",
    "wrong line",
    "wrong digit",
    "wrong text",
    "unreadable",
)
"""Every kind of mistake. "wrong line" is a line of a scratchpad, "wrong text" an answer of a free-text task; the other kinds
follow from the answer."""

MAX_SHOWN = 200
"""Characters of an answer or page that a message shows."""
MAX_SHIFT = 3
"""An operand at most this many columns off counts as misaligned."""


@dataclass(frozen=True)
class Mistake:
    """One wrong answer, or a right answer with a wrong scratchpad."""

    task: Task
    question: str
    kind: str
    """One of KINDS."""
    answer: str | None
    """None where it could not be read."""
    expected: str
    written: str
    fault: str
    """What is wrong with the first wrong line of the scratchpad; empty where it has none."""

    def __str__(self) -> str:
        """Draw the mistake as plain text of several lines, in columns where it is one of a sum."""
        if self.task.answer_kind == "text":
            given = self.answer if self.answer is not None else self.written
            return f"{self.task.question_text(self.question)}\nanswered {given[:MAX_SHOWN]!r}\nright is {self.expected!r}"
        if self.task.operator and self.kind != "wrong line" and _is_whole(self.answer) and _is_whole(self.expected):
            return self._in_columns(self.answer or "")
        rows = drawn(self.task.render(self.question, self.written)) if self.fault else self.question
        given = f"answered {self.answer}" if self.answer else f"wrote {self.written[:MAX_SHOWN]!r}"
        return f"{rows}\n{self.fault or given}\nright is {self.expected}"

    def _in_columns(self, answer: str) -> str:
        """Draw operands, answer and right answer below each other, with a mark at the first wrong digit from the right."""
        operator, left, right = _split(self.question)
        width = max(map(len, (left, right, answer, self.expected))) + 2
        place = _first_wrong_place(answer, self.expected)
        lines = [f"{left:>{width}}", f"{operator} {right:>{width - 2}}", "-" * width]
        lines += [f"{answer:>{width}}   answered", f"{self.expected:>{width}}   right"]
        return "\n".join([*lines, f"{'^'.rjust(width - place)}{' ' * place}   {self.kind}"])


def find_mistakes(task: Task, rows: pd.DataFrame) -> list[Mistake]:
    """Find every wrong answer and every wrong scratchpad; problems that could not be asked are none.

    Args:
        task: The task that was asked.
        rows: Its rows, as in `eval.data.EvalData.rows`.
    """
    wrong_answer, wrong_scratchpad = rows.outcome != "right", ~rows.scratchpad.isin(["valid", ""])
    wrong = rows[(rows.outcome != "failed") & (wrong_answer | wrong_scratchpad)]
    mistakes = []
    for row in wrong.itertuples():
        text = row.answer if isinstance(row.answer, str) else None
        is_page = row.scratchpad != "" or not row.written  # free text has no scratchpad
        answer = Answer(text, row.written, row.outcome != "unfinished", page=is_page)
        mistakes.append(classify(task, row.question, answer, row.expected, row.scratchpad))
    return mistakes


def classify(task: Task, question: str, answer: Answer, expected: str, scratchpad: str) -> Mistake:
    """Find the kind of one mistake.

    Args:
        task: The task that was asked.
        question: The plain question.
        answer: What the solver answered.
        expected: The right answer.
        scratchpad: What `eval.evaluate.check_scratchpad` returns for this answer.
    """
    fault = scratchpad if scratchpad != "valid" else ""
    kind = _kind(task, question, answer, expected, fault)
    return Mistake(task, question, kind, answer.text, expected, answer.written, fault)


def count_kinds(mistakes: Sequence[Mistake]) -> pd.DataFrame:
    """Count how often each kind was made: columns task, kind, n; the most frequent of each task first."""
    table = pd.DataFrame([(mistake.task.name, mistake.kind) for mistake in mistakes], columns=["task", "kind"])
    counts = table.groupby(["task", "kind"], sort=False).size().rename("n").reset_index()
    return counts.sort_values(["task", "n", "kind"], ascending=[True, False, True], ignore_index=True)


def _kind(task: Task, question: str, answer: Answer, expected: str, fault: str) -> str:
    """Find the kind: first from how the page ends, then from the answer, then from the scratchpad."""
    if not answer.finished:
        return "ran on"
    pages = task.pages(task.problems([question]))
    page = pages.texts()[0][int(pages.prompt[0]) : -1]
    if answer.page and answer.written != page and task.answer_kind != "text":
        if answer.written.startswith(page):
            return "ran on"
        if page.startswith(answer.written):
            return "stopped early"
    if answer.text is None:
        return "unreadable"
    if task.answer_kind == "text":
        return "wrong text"
    if not task.operator:
        if answer.text != expected and answer.text.lstrip("-") == expected.lstrip("-"):
            return "wrong sign"
        return "wrong line" if fault else "wrong digit"
    operator, left, right = _split(question)
    if operator in "+-" and _is_whole(answer.text) and answer.text != expected:
        return _kind_of_sum(operator, int(left), int(right), int(answer.text))
    return "wrong line" if fault else "wrong digit"


def _kind_of_sum(operator: str, left: int, right: int, answer: int) -> str:
    """Find the kind of a wrong sum or difference."""
    sign = 1 if operator == "+" else -1
    expected = left + sign * right
    if answer == -expected:
        return "wrong sign"
    for shift in range(1, MAX_SHIFT + 1):
        if answer in (left * 10**shift + sign * right, left + sign * right * 10**shift):
            return "misaligned"
    place = _first_wrong_place(str(answer), str(expected))
    unit = 10**place
    off_by = (abs(answer) // unit - abs(expected) // unit) % 10
    if operator == "+":
        carries = left % unit + right % unit >= unit  # into the first wrong column
        return "missed carry" if carries and off_by == 9 else "false carry" if not carries and off_by == 1 else "wrong digit"
    larger, smaller = max(left, right), min(left, right)
    borrows = larger % unit < smaller % unit
    return "missed borrow" if borrows and off_by == 1 else "false borrow" if not borrows and off_by == 9 else "wrong digit"


def _split(question: str) -> tuple[str, str, str]:
    """Split a question of one operator into the operator, the left and the right operand."""
    operator = next(char for char in question if char in "+-*/")
    left, right = question.split(operator)
    return operator, left, right


def _first_wrong_place(answer: str, expected: str) -> int:
    """Return the place of the first digit from the right that differs or is missing; 0 is the place of the ones."""
    one, other = (text.removeprefix("-")[::-1] for text in (answer, expected))
    length = min(len(one), len(other))
    return next((place for place in range(length) if one[place] != other[place]), length if len(one) != len(other) else 0)


def _is_whole(text: str | None) -> bool:
    """Tell whether a text is a whole number."""
    return text is not None and text.removeprefix("-").isdigit()
