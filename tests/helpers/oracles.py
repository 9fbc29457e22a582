"""The right answers to questions of any task, by Python's own arithmetic; shares no code with the tasks."""

from __future__ import annotations

import decimal
import operator
import re
from collections.abc import Callable
from fractions import Fraction

from helpers.named_tasks import ANSWERS

from tasks import Task

OPERATIONS: dict[str, Callable[[int, int], Fraction | int]] = {
    "+": operator.add,
    "-": operator.sub,
    "*": operator.mul,
    "/": Fraction,
}


def oracle(question: str, task: Task | None = None) -> str:
    """Answer a plain question; `task` says which options it was asked with."""
    name, _, asked = question.partition(" ")
    if name in ANSWERS:
        return ANSWERS[name](asked, task)
    if not re.fullmatch("[0-9]+[-+*/][0-9]+", question) or (task is not None and task.name == "expr"):
        return oracle_of_expression(question)
    left, sign, right = re.split(r"([-+*/])", question)
    if sign == "/" and int(right) == 0:
        return "division by zero"
    result = OPERATIONS[sign](int(left), int(right))
    whole = int(result)
    return f"{whole} r {(result - whole) * int(right)}" if result != whole else str(whole)


def oracle_of_expression(question: str) -> str:
    """Every number made a Fraction, Python works it out; written by Python's decimals."""
    expression, _, typed = question.partition(" to ")
    places = int(typed or 10)
    try:
        value = Fraction(eval(re.sub(r"[0-9.]+", lambda number: f"Fraction('{number[0]}')", expression)))
    except ZeroDivisionError:
        return "division by zero"
    scaled = abs(value) * 10**places
    rounded = int(scaled) + (scaled - int(scaled) >= Fraction(1, 2))
    with decimal.localcontext(prec=5000):
        shown = f"{decimal.Decimal(rounded).scaleb(-places):f}"
    shown = shown.rstrip("0").rstrip(".") if "." in shown else shown
    return "-" * (value < 0 and rounded > 0) + shown
