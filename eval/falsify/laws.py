"""Laws that right answers obey.

LAWS["undone"]      (a+b)-b = a      of 58+67: 58+67 gave 115, 115-67 gave 48, not 58
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass
from functools import cache
from typing import TypeAlias

from tasks import Task, make

Case: TypeAlias = tuple[str, int, int, int]
"""An operator and the numbers that a law is tried on: a, b, and c where a law needs it."""
Dialogue: TypeAlias = Generator[list[str], list[str | None], bool]
"""Yields questions, is sent their answers (None where one cannot be read), and returns whether the law held."""


@dataclass(frozen=True)
class Law:
    """A property of right answers."""

    name: str
    says: str
    """The law in a line."""
    needs: dict[str, str]
    """The operators that it asks, for each operator that it can be tried on."""
    check: Callable[[str, int, int, int], Dialogue]
    """Tries the law on a case."""
    max_digits: Callable[[str, int], int]
    """The most digits of its numbers, for an operator and the most digits that an operand of a question may have."""


LAWS: dict[str, Law] = {}
"""Every law by name."""


def _same(operator: str, digits: int) -> int:
    """The numbers may be as long as operands."""
    return digits


def _one_less(operator: str, digits: int) -> int:
    """The law asks questions with operands one digit longer than its numbers."""
    return digits - 1


def _half(operator: str, digits: int) -> int:
    """The law asks questions with answers as operands: a sum has one digit more, a product the digits of both factors."""
    return digits - 1 if operator == "+" else digits // 2


def _law(
    says: str, needs: dict[str, str], max_digits: Callable[[str, int], int] = _same
) -> Callable[[Callable[[str, int, int, int], Dialogue]], None]:
    """Decorator: add a law to LAWS by the name of its function."""

    def register(check: Callable[[str, int, int, int], Dialogue]) -> None:
        LAWS[check.__name__] = Law(check.__name__, says, needs, check, max_digits)

    return register


@_law("every answer is right", {operator: operator for operator in "+-*/"})
def right(operator: str, a: int, b: int, c: int) -> Dialogue:
    """The answer is what exact arithmetic gives."""
    question = f"{a}{operator}{b}"
    [answer] = yield [question]
    return answer == _answer(question)


@_law("a+b = b+a, a*b = b*a", {"+": "+", "*": "*"})
def commutes(operator: str, a: int, b: int, c: int) -> Dialogue:
    """Swapped operands give the same answer."""
    one, other = yield [f"{a}{operator}{b}", f"{b}{operator}{a}"]
    return one is not None and one == other


@_law("a+0 = 0+a = a, a-0 = a, a*1 = 1*a = a, a/1 = a", {operator: operator for operator in "+-*/"})
def neutral(operator: str, a: int, b: int, c: int) -> Dialogue:
    """0 and 1 change nothing."""
    unit = 0 if operator in "+-" else 1
    answers = yield [f"{a}{operator}{unit}"] + ([f"{unit}{operator}{a}"] if operator in "+*" else [])
    return all(answer == str(a) for answer in answers)


@_law("(a+b)-b = a, (a*b)/b = a", {"+": "+-", "*": "*/"}, max_digits=_half)
def undone(operator: str, a: int, b: int, c: int) -> Dialogue:
    """Subtraction undoes addition, division undoes multiplication."""
    [answer] = yield [f"{a}{operator}{b}"]
    if answer is None or not answer.isdigit():
        return False
    if operator == "*" and b == 0:
        return answer == "0"
    [back] = yield [f"{answer}{'-' if operator == '+' else '/'}{b}"]
    return back == str(a)


@_law("a*(b+c) = a*b+a*c", {"*": "*+"}, max_digits=_half)
def distributes(operator: str, a: int, b: int, c: int) -> Dialogue:
    """Multiplication distributes over addition."""
    total, left, right = yield [f"{b}+{c}", f"{a}*{b}", f"{a}*{c}"]
    if not all(answer is not None and answer.isdigit() for answer in (total, left, right)):
        return False
    one, other = yield [f"{a}*{total}", f"{left}+{right}"]
    return one is not None and one == other


@_law("a+b < (a+1)+b, a-b < (a+1)-b, a*b <= (a+1)*b", {operator: operator for operator in "+-*"}, max_digits=_one_less)
def monotone(operator: str, a: int, b: int, c: int) -> Dialogue:
    """A larger left operand gives a larger answer."""
    answers = yield [f"{a}{operator}{b}", f"{a + 1}{operator}{b}"]
    if not all(answer is not None and answer.removeprefix("-").isdigit() for answer in answers):
        return False
    one, next_one = map(int, filter(None, answers))
    return one <= next_one if operator == "*" else one < next_one


@_law("10a+10b = 10(a+b), 10a-10b = 10(a-b), 10a*b = 10(a*b)", {operator: operator for operator in "+-*"}, max_digits=_one_less)
def scales(operator: str, a: int, b: int, c: int) -> Dialogue:
    """Operands ten times as large give an answer ten times as large."""
    other = b if operator == "*" else 10 * b
    one, ten = yield [f"{a}{operator}{b}", f"{10 * a}{operator}{other}"]
    return one is not None and ten == (one if one == "0" else one + "0")


def try_law(law: Law, cases: Sequence[Case], ask: Callable[[list[str]], list[str | None]]) -> list[bool]:
    """Try a law on cases. The questions of all cases are asked together, step by step.

    Args:
        law: The law.
        cases: What to try it on.
        ask: Answers questions; None stands for an answer that cannot be read.

    Returns:
        For each case whether the law held.
    """
    held = [False] * len(cases)
    waiting: dict[int, tuple[Dialogue, list[str]]] = {}
    for index, case in enumerate(cases):
        dialogue = law.check(*case)
        waiting[index] = dialogue, next(dialogue)
    while waiting:
        answers = iter(ask([question for _, questions in waiting.values() for question in questions]))
        still_waiting = {}
        for index, (dialogue, questions) in waiting.items():
            try:
                still_waiting[index] = dialogue, dialogue.send([next(answers) for _ in questions])
            except StopIteration as end:
                held[index] = end.value
        waiting = still_waiting
    return held


def _answer(question: str) -> str:
    """The right answer to a plain question of one operator."""
    operator = next(char for char in question if char in "+-*/")
    return _task_of(operator).answer(question)


@cache
def _task_of(operator: str) -> Task:
    """The task whose questions have this one operator."""
    return make({"+": "add", "-": "sub", "*": "mul", "/": "div"}[operator])
