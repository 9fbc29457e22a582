"""Describe for a model card which numbers stand on a page with their digits reversed; problems of the task are drawn to see."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

import numpy as np

if TYPE_CHECKING:
    from tasks import Task

DRAWN: Final = 128
MOST: Final = 3
"""Where so many times more answers are reversed than not, all are: rounding may hide it."""
MIN_ROUNDED: Final = 3
"""Only an answer of more digits can be told from another one by all digits but the last."""
NUMBER: Final = re.compile(r"[0-9]+(?:\.[0-9]+)?")
PROMPT: Final = "{} stand in a prompt with their last digit first, as 321 for 123."
ANSWER: Final = "The number at the end of what the model prints has its last digit first: read it from its end."


def digit_order(task: Task) -> str:
    """Describe the numbers that stand on the pages of a task with their last digit first.

    Args:
        task: its subtasks are named where they differ

    Returns:
        A few sentences; empty where no number is reversed.
    """
    said: dict[str, list[str]] = {}
    for name, subtask in task.subtasks.items():
        if sentence := _of_subtask(subtask):
            said.setdefault(sentence, []).append(f"`{name}`")
    if [len(names) for names in said.values()] == [len(task.subtasks)]:
        return next(iter(said))
    return " ".join(f"In {', '.join(names)}: {sentence[0].lower()}{sentence[1:]}" for sentence, names in said.items())


def _of_subtask(task: Task) -> str:
    """Describe a task that is no mixture; empty where no number is reversed."""
    problems = task.sample(np.random.default_rng(0), DRAWN)
    questions, prompts = task.questions(problems), task.prompts(problems).to_strings()
    asked, answered = [], []
    for question, prompt, page in zip(questions, prompts, task.pages(problems).texts(), strict=True):
        typed, written = NUMBER.findall(task.expression_only(question)), NUMBER.findall(prompt)
        if len(typed) == len(written):
            asked += [_is_reversed(*pair) for pair in zip(typed, written, strict=True)]
        right, last = NUMBER.findall(task.answer(question)), NUMBER.findall(page.removeprefix(prompt))
        if right and last:
            answered.append(_is_reversed(right[-1], last[-1]))
    sentences = []
    if True in asked:
        sentences.append(PROMPT.format("Some numbers" if False in asked else "Numbers"))
    if answered.count(True) > MOST * answered.count(False):
        sentences.append(ANSWER)
    return " ".join(sentences)


def _is_reversed(number: str, written: str) -> bool | None:
    """Tell whether a number is written from its end, but for its point, zeros and rounding.

    None where it reads alike both ways.
    """
    digits, turned = (text.replace(".", "").strip("0") for text in (number, written[::-1]))
    if digits == digits[::-1]:
        return None
    is_rounded = len(digits) > MIN_ROUNDED and turned.startswith(digits[:-1])
    return digits == turned or is_rounded
