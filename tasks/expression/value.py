"""The exact value of an expression, by Python's fractions, and its rounded decimal form.

    (12+34)*5-6/4       457/2       to 0 decimals: 229

Shares no code with the page, so that it can check the page.
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


def exact_value(expression: str) -> Fraction:
    """Evaluate an expression in its plain form.

    Raises:
        ZeroDivisionError: a divisor is zero
    """

    def evaluate(node: ast.expr) -> Fraction:
        if isinstance(node, ast.Constant):
            return Fraction(expression[node.col_offset : node.end_col_offset])
        if isinstance(node, ast.UnaryOp):
            return -evaluate(node.operand)
        assert isinstance(node, ast.BinOp)
        return _OPERATIONS[type(node.op)](evaluate(node.left), evaluate(node.right))

    return evaluate(ast.parse(expression, mode="eval").body)


def round_to_text(value: Fraction, decimals: int) -> str:
    """Write a value in decimal digits.

    Args:
        value: any fraction
        decimals: the most digits after the point; zeros at the end are left out

    Returns:
        The value rounded half away from zero, such as "-6.25".
    """
    units, rest = divmod(abs(value.numerator) * 10**decimals, value.denominator)
    units += 2 * rest >= value.denominator
    whole, fraction = divmod(units, 10**decimals)
    digits = f".{fraction:0{decimals}}".rstrip("0").rstrip(".") if decimals else ""
    return ("-" if value < 0 and units else "") + str(whole) + digits
