"""The lines of a long division on a page: what they look like, what can be wrong with them, and how they are drawn.

tasks/arithmetic/division.py describes the page. The pages of expressions have the same lines.
"""

from __future__ import annotations

import re
from typing import Final

from tasks.core.scratchpad import Row, number, rule

TRIALS: Final = ((8, "aA"), (4, "bB"), (2, "cC"), (1, "dD"))
"""The multiples of the divisor that are subtracted in turn, with the marks for a negative and for a fitting difference."""

MULTIPLES: Final = re.compile(r"([0-9]+)'([0-9]+)\"([0-9]+)&")
_TRIALS = "".join(rf"(?P<less{factor}>[0-9]+)(?P<sign{factor}>[{signs}])" for factor, signs in TRIALS)
LINE: Final = re.compile(
    r"(?P<digit>[0-9])(?P<mark>[,|])(?P<brought>[0-9]+)"
    rf"(?:\({_TRIALS}(?P<rest>[0-9]+))?"
    r"#(?P<quotient>[0-9])(?:;|(?P<last>>))"
)
_NUMBERS = ("brought", "rest", *(f"less{factor}" for factor, _ in TRIALS))


def staircase(divisor: str, multiples: re.Match[str], lines: list[re.Match[str]], indent: int) -> list[Row]:
    """Draw the subtractions of a division.

    Args:
        multiples: a match of MULTIPLES.
        lines: matches of LINE.
        indent: the columns before the dividend.

    Returns:
        For each digit of the quotient that is not 0: a row with what is divided (but for the first), a row with what is
        subtracted, and a rule.
    """
    times = {1: int(divisor)} | {factor: number(text) for factor, text in zip((2, 4, 8), multiples.groups(), strict=True)}
    rows: list[Row] = []
    for place, line in enumerate(lines):
        end = indent + place + 1  # one past the column of the digit that is brought down
        if line["rest"] is None or line["quotient"] == "0":
            continue
        brought = str(number(line["brought"]))
        taken = sum(times[factor] for factor, signs in TRIALS if line[f"sign{factor}"] == signs[1])
        if rows:
            rows.append(Row(f"{brought:>{end}}", "working"))
        rows.append(Row(f"{taken:>{end}}", "working", f"{line['quotient']} * {divisor}"))
        width = max(len(brought), len(str(taken)))
        rows.append(rule(width, end - width))
    return rows


def multiples_fault(multiples: re.Match[str], b: int) -> str | None:
    """Say what is wrong with the multiples of the divisor, a match of MULTIPLES; None where nothing is."""
    width = len(str(b)) + 1
    for factor, text in zip((2, 4, 8), multiples.groups(), strict=True):
        if number(text) != factor * b:
            return f"{factor} * {b} is {factor * b}, not {number(text)}"
    return f"a number has not {width} places" if {len(text) for text in multiples.groups()} != {width} else None


def line_fault(line: re.Match[str], digit: str, rest: int, b: int, last: bool) -> str | None:
    """Say what is wrong with a line; None where nothing is.

    Args:
        line: a match of LINE.
        digit: the digit of the dividend that is to be brought down.
        rest: the remainder of the line before.
        b: the divisor.
        last: whether no digit follows.
    """
    brought = 10 * rest + int(digit)
    if line["digit"] != digit:
        return f"the digit is {digit}, not {line['digit']}"
    if number(line["brought"]) != brought:
        return f"{digit} brought down to {rest} is {brought}, not {number(line['brought'])}"
    if bool(line["last"]) != last:
        return f"{'no' if last else 'more'} digits are left to bring down"
    width = len(str(b)) + 1
    if {len(line[name] or line["brought"]) for name in _NUMBERS} != {width}:
        return f"a number has not {width} places"
    if (line["mark"] == "|") != (line["rest"] is not None):
        return f"{line['mark']!r} does not say whether the divisor is tried"
    if line["rest"] is not None:
        return _trials_fault(line, brought, b)
    if brought >= b:
        return f"{brought} is not less than {b}"
    return f"the quotient's digit is 0, not {line['quotient']}" if line["quotient"] != "0" else None


def _trials_fault(line: re.Match[str], brought: int, b: int) -> str | None:
    """Say what is wrong with the subtractions of a line and with its quotient digit; None where nothing is."""
    left, quotient = brought, 0
    for factor, signs in TRIALS:
        difference, sign = line[f"less{factor}"], line[f"sign{factor}"]
        true = left - factor * b
        modulus = 10 ** len(difference)
        if number(difference) != true % modulus or abs(true) >= modulus:
            return f"{left} - {factor} * {b} is {true}, modulo {modulus} {true % modulus}, not {number(difference)}"
        if (sign == signs[1]) != (true >= 0):
            return f"{left} - {factor} * {b} = {true} is {'not ' * (true >= 0)}negative"
        if true >= 0:
            left, quotient = true, quotient + factor
    if number(line["rest"]) != left:
        return f"what is left is {left}, not {number(line['rest'])}"
    if line["quotient"] != str(quotient):
        return f"the quotient's digit is {quotient}, not {line['quotient']}"
    return None
