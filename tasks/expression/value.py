"""The exact value of an expression in plain form, by Python's own fractions, and how an answer is written.

    (12+34)*5-6/4       457/2       shown to 0 decimals: 229

AccuracySummary nothing with the page.
"""

from __future__ import annotations

import ast
import operator
from collections.abc import Callable
from fractions import Fraction

_OPERATIONS: dict[type[ast.operator], Callable[[Fraction, Fraction], Fraction]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
}


def exact(expression: str) -> Fraction:
    """The value of an expression. ZeroDivisionError where it has none."""

    def value(node: ast.expr) -> Fraction:
        if isinstance(node, ast.Constant):
            return Fraction(expression[node.col_offset : node.end_col_offset])
        if isinstance(node, ast.UnaryOp):
            return -value(node.operand)
        assert isinstance(node, ast.BinOp)
        return _OPERATIONS[type(node.op)](value(node.left), value(node.right))

    return value(ast.parse(expression, mode="eval").body)


def shown(value: Fraction, places: int) -> str:
    """Rounded half away from zero, without zeros at the end of the fraction."""
    units, rest = divmod(abs(value.numerator) * 10**places, value.denominator)
    units += 2 * rest >= value.denominator
    whole, fraction = divmod(units, 10**places)
    digits = f".{fraction:0{places}}".rstrip("0").rstrip(".") if places else ""
    return ("-" if value < 0 and units else "") + str(whole) + digits
