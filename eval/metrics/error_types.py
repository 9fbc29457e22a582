"""What kind of mistake a wrong answer is, and how it looks in columns.

58+67: 115 instead of 125       missed carry

   58
+  67
-----
  115   answered
  125   right
  ^     missed carry
"""

from __future__ import annotations

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
"""Every kind of mistake. A wrong line is one of a working, wrong text one of a task of free text; the others are told by the
answer."""


@dataclass(frozen=True)
class Mistake:
    """One wrong answer, or a right one with a wrong working."""

    task: Task
    question: str
    kind: str
    answer: str | None
    expected: str
    written: str
    fault: str
    """What is wrong with the first wrong line of its working; empty where it has none."""

    def __str__(self) -> str:
        """In columns, the wrong place marked."""
        if self.task.free_text:
            said = self.answer if self.answer is not None else self.written
            return f"{self.task.asked(self.question)}\nanswered {said[:200]!r}\nright is {self.expected!r}"
        if (
            not _is_sum(self.task)
            or self.kind == "wrong line"
            or self.answer is None
            or not _whole(self.answer)
            or not _whole(self.expected)
        ):
            rows = drawn(self.task.render(self.question, self.written)) if self.fault else self.question
            said = self.fault or (f"answered {self.answer}" if self.answer else f"wrote {self.written[:200]!r}")
            return f"{rows}\n{said}\nright is {self.expected}"
        operator = next(char for char in self.question if char in "+-*/")
        left, right = self.question.split(operator)
        width = max(map(len, (left, right, self.answer, self.expected))) + 2
        place = _first_wrong_place(self.answer, self.expected)
        lines = [f"{left:>{width}}", f"{operator} {right:>{width - 2}}", "-" * width]
        lines += [f"{self.answer:>{width}}   answered", f"{self.expected:>{width}}   right"]
        return "\n".join([*lines, f"{'^'.rjust(width - place)}{' ' * place}   {self.kind}"])


def mistakes(task: Task, rows: pd.DataFrame) -> list[Mistake]:
    """Every wrong answer and every wrong working of `evaluate`'s rows of one task; not what could not be asked."""
    wrong = rows[(rows.outcome != "failed") & ((rows.outcome != "right") | ~rows.working.isin(["valid", ""]))]
    found = []
    for row in wrong.itertuples():
        text = row.answer if isinstance(row.answer, str) else None
        page = row.working != "" or not row.written  # free text has no working
        answer = Answer(text, row.written, row.outcome != "unfinished", page=page)
        found.append(mistake_of(task, row.question, answer, row.expected, row.working))
    return found


def mistake_of(task: Task, question: str, answer: Answer, expected: str, working: str) -> Mistake:
    """What is wrong with an answer; `working` as `harness.working` says it."""
    fault = working if working != "valid" else ""
    kind = _kind(task, question, answer, expected, fault)
    return Mistake(task, question, kind, answer.text, expected, answer.written, fault)


def counted(found: list[Mistake]) -> pd.DataFrame:
    """How often each kind was made: task, kind, n; the most frequent of each task first."""
    table = pd.DataFrame([(mistake.task.name, mistake.kind) for mistake in found], columns=["task", "kind"])
    counts = table.groupby(["task", "kind"], sort=False).size().rename("n").reset_index()
    return counts.sort_values(["task", "n", "kind"], ascending=[True, False, True], ignore_index=True)


def _kind(task: Task, question: str, answer: Answer, expected: str, fault: str) -> str:
    if not answer.finished:
        return "ran on"
    pages = task.pages(task.problems([question]))
    page = pages.texts()[0][int(pages.prompt[0]) : -1]
    if answer.page and answer.written != page and not task.free_text:
        if answer.written.startswith(page):
            return "ran on"
        if page.startswith(answer.written):
            return "stopped early"
    if answer.text is None:
        return "unreadable"
    if task.free_text:
        return "wrong text"
    if not _is_sum(task):
        turned = answer.text != expected and answer.text.lstrip("-") == expected.lstrip("-")
        return "wrong sign" if turned else "wrong line" if fault else "wrong digit"
    operator = next(char for char in question if char in "+-*/")
    left, right = map(int, question.split(operator))
    if operator in "+-" and _whole(answer.text) and answer.text != expected:
        return _kind_of_sum(operator, left, right, int(answer.text))
    return "wrong line" if fault else "wrong digit"


def _kind_of_sum(operator: str, left: int, right: int, answer: int) -> str:
    """The kind of a wrong sum or difference."""
    sign = 1 if operator == "+" else -1
    true = left + sign * right
    if answer == -true:
        return "wrong sign"
    for shift in range(1, 4):  # one operand a few columns off
        if answer in (left * 10**shift + sign * right, left + sign * right * 10**shift):
            return "misaligned"
    place = _first_wrong_place(str(answer), str(true))
    off = (abs(answer) // 10**place - abs(true) // 10**place) % 10
    big, small = (max(left, right), min(left, right)) if operator == "-" else (left, right)
    low = 10**place
    if operator == "+":
        came = left % low + right % low >= low
        return "missed carry" if came and off == 9 else "false carry" if not came and off == 1 else "wrong digit"
    came = big % low < small % low
    return "missed borrow" if came and off == 1 else "false borrow" if not came and off == 9 else "wrong digit"


def _first_wrong_place(answer: str, expected: str) -> int:
    """The place of the first digit from the right that differs or is missing; 0 is that of the ones."""
    one, other = (text.removeprefix("-")[::-1] for text in (answer, expected))
    length = min(len(one), len(other))
    return next((place for place in range(length) if one[place] != other[place]), length if len(one) != len(other) else 0)


def _is_sum(task: Task) -> bool:
    """Whether questions are two numbers and an operator."""
    return task.operator != ""


def _whole(text: str) -> bool:
    return text.removeprefix("-").isdigit()
