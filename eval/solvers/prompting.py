"""Few-shot prompts for language models, with numbers as people write them.

completion_prompt    12+34=46            for base models, to be continued
                     7391/52=142 r 7
                     123+456=
chat_messages        a system message with the form of an answer, each shot as two turns, the question
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeAlias

import numpy as np

from tasks import Task
from tasks.arithmetic.division import BY_ZERO
from tasks.task import AnswerKind

Shot: TypeAlias = tuple[str, str]
"""A question as it is put to an outside model, and its right answer."""

SYSTEM = (
    "You calculate. Reply with the answer only and nothing else: a whole number such as 579 or -7; a quotient with its "
    f"remainder as 142 r 7, an exact one as 142, cut towards zero; and where the divisor is zero: {BY_ZERO}"
)
DECIMALS_SYSTEM = (
    "You calculate. Reply with the answer only and nothing else: a number such as 579, -7 or 0.125, rounded to 10 decimals if "
    f"nothing else is said; and where a divisor is zero: {BY_ZERO}"
)
TEXT_SYSTEM = "Solve the problem. Reply with the answer only, in the form that is asked for, and nothing else."
BATCH = 64
"""Problems that are drawn at a time, whatever k: so fewer shots are the first of more."""
MAX_BATCHES = 100


def draw_shots(task: Task, k: int, seed: int) -> list[Shot]:
    """Draw k different questions as in training, with their answers. The same seed gives the same shots.

    None of them is held out, so none is a test problem where test problems are held out.

    Raises:
        ValueError: there are fewer than k different problems.
    """
    rng = np.random.default_rng(seed)
    shots: dict[str, str] = {}
    for _ in range(MAX_BATCHES):
        problems = task.sample(rng, BATCH)
        for question in task.questions(problems[~task.held_out(problems)]):
            if len(shots) >= k:
                return list(shots.items())
            shots.setdefault(task.question_text(question), task.answer(question))
    raise ValueError(f"k = {k}: task {task.name} has only {len(shots)} different problems to show")


def completion_prompt(shots: Sequence[Shot], question: str, kind: AnswerKind = "number") -> str:
    """Write lines `question=answer` and the question, to be continued.

    Args:
        shots: Solved examples; one that is the question itself is left out.
        question: As it is put to an outside model.
        kind: What answers are. Text stands on a line of its own, `Answer: 46`, with an empty line after it.
    """
    equals, end = ("\nAnswer: ", "\n\n") if kind == "text" else ("=", "\n")
    shown = "".join(f"{asked}{equals}{answer}{end}" for asked, answer in shots if asked != question)
    return shown + (question + equals).rstrip(" ")


def chat_messages(shots: Sequence[Shot], question: str, kind: AnswerKind = "number") -> list[dict[str, str]]:
    """Write the same as a chat, after a system message with the form of an answer.

    Args:
        shots, question, kind: As in `completion_prompt`.

    Returns:
        Messages with role and content, as the OpenAI API takes them.
    """
    turns = [("system", {"text": TEXT_SYSTEM, "decimal": DECIMALS_SYSTEM, "number": SYSTEM}[kind])]
    for asked, answer in shots:
        if asked != question:
            turns += [("user", asked), ("assistant", answer)]
    return [{"role": role, "content": content} for role, content in [*turns, ("user", question)]]
