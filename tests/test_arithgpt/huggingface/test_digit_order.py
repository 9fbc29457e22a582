"""The sentences of a model card about reversed digits are true of the pages of the task."""

import pytest

from arithgpt.huggingface.digit_order import ANSWER, PROMPT, digit_order
from tasks import find, make
from tasks.arithmetic.addition import Addition

NUMBERS, SOME = PROMPT.format("Numbers"), PROMPT.format("Some numbers")


@pytest.mark.parametrize(
    ("task", "said"),
    [
        ("add", f"{NUMBERS} {ANSWER}"),  # 321+654=975$
        ("mul", f"{NUMBERS} {ANSWER}"),
        ("expr", f"{NUMBERS} {ANSWER}"),
        ("compare", NUMBERS),  # the answer is a sign
        ("div", SOME),  # the divisor alone
        ("copy", ""),
        ("reverse", ""),
        ("path", ""),
    ],
)
def test_what_is_reversed_is_said(task: str, said: str) -> None:
    assert digit_order(find(task)()) == said


def test_the_options_of_a_task_count() -> None:
    assert digit_order(Addition(order="plain")) == ""
    assert digit_order(Addition(order="reversed-answer")) == ANSWER


def test_the_parts_of_a_mixture_are_told_apart() -> None:
    said = digit_order(make("arith"))
    assert said.startswith("In `add`, `sub`, `mul`: numbers stand in a prompt")
    assert "In `div`: some numbers" in said
