"""Write the page of a question, and read the answer from one."""

from __future__ import annotations

import re
from fractions import Fraction
from functools import lru_cache
from typing import NamedTuple

from tasks.arithmetic.division import BY_ZERO
from tasks.core.scratchpad import number, runs_on
from tasks.expression.page_rows import Number, first_row, prompt_of
from tasks.expression.parser import GUARD_DIGITS, Question
from tasks.expression.scratchpad import BY_ZERO_ENDING, complete_page
from tasks.expression.value import round_to_text

_LAST_NUMBER = re.compile(r"(?:^|=)(?:%|\{[^{}=]*\})?(?P<dots>\.*)(?P<digits>[0-9]+)(?P<minus>n?)$")


class ExpressionPage(NamedTuple):
    """The page of one question."""

    prompt: str
    completion: str
    """What follows the prompt, without the stop."""
    result: Number | None
    """The number that is left; None where the page divides by zero."""

    def answer(self, decimals: int) -> str:
        """Return the answer that the page comes to; with too few guard digits it is not the exact one."""
        return _round(self.result, decimals) if self.result else BY_ZERO


@lru_cache(maxsize=4096)
def write_page(question: str) -> ExpressionPage:
    """Write the page of a plain question.

    Pages are cached, because a problem that is sampled has been worked out before, to see whether it comes out.
    """
    expression, decimals = Question.parse(question)
    row, kept_decimals = first_row(expression), decimals + GUARD_DIGITS
    return ExpressionPage(prompt_of(row, kept_decimals), *complete_page(row, kept_decimals))


def read_answer(completion: str, decimals: int) -> str | None:
    """Read the answer from a completion.

    Args:
        completion: what follows the prompt, without the stop; it may be unfinished or wrong
        decimals: the most decimals of the answer

    Returns:
        The last number, rounded; BY_ZERO for a division by zero; None where there is no answer.
    """
    if runs_on(completion):
        return None
    if completion.endswith(BY_ZERO_ENDING):
        return BY_ZERO
    match = _LAST_NUMBER.search(completion)
    if match is None:
        return None
    return _round(Number(str(number(match["digits"])), len(match["dots"]), bool(match["minus"])), decimals)


def _round(result: Number, decimals: int) -> str:
    size = Fraction(int(result.digits), 10**result.decimals)
    return round_to_text(-size if result.negative else size, decimals)
