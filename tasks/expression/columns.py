"""A single division of an expression as it is written at school, on past the point: 7.5/1.2

     6.25
   -----
12 ) 75.00
     72       6 * 12
     --
      3.0
      2.4     2 * 12
      ---
       .60
       .60    5 * 12
       ---
         0   remainder
"""

from __future__ import annotations

from tasks.arithmetic.division import LINE, MULTIPLES, TRIALS
from tasks.core.scratchpad import Row, number, rule
from tasks.expression.scratchpad import Number


def division_columns(a: Number, b: Number, written: str) -> list[Row]:
    """The lines that are complete of `{/` and the working of a/b, drawn without their signs; none where there are none.

    Both points are moved until the divisor is a whole number. A line is drawn at its own place, and so is true as it stands.
    """
    multiples = MULTIPLES.match(written, 2) if written.startswith("{/") else None
    turned = written.find("\\", multiples.end()) if multiples else -1
    if multiples is None or turned < 0:
        return []
    lines = list(LINE.finditer(written, turned))
    if not lines or lines[0].start() != turned + 1:
        return []
    whole = len(a.digits) - a.places + b.places  # digits of the dividend before its point
    zeros = max(0, 1 - whole)  # that stand before its digits where it is less than one
    point = whole + zeros
    digits = "0" * zeros + a.digits.ljust(max(len(lines), whole), "0")
    indent = len(b.digits) + 3

    def standing(text: str, last: int) -> str:
        """Digits, and the last of them in the column of digit `last` of the dividend."""
        first = last - len(text) + 1
        if first > point or last < point or text == "0":
            return " " * (indent + first + (first > point)) + text
        return " " * (indent + first) + text[: point - first] + "." + text[point - first :]

    times = {1: int(b.digits)} | {f: number(text) for f, text in zip((2, 4, 8), multiples.groups(), strict=True)}
    rows = [Row(f"{b.digits} ) {standing(digits, len(digits) - 1).strip()}", "given")]
    last = zeros
    for last, line in enumerate(lines, zeros):
        if line["rest"] is None or line["quotient"] == "0":
            continue
        brought = str(number(line["brought"]))
        taken = str(sum(times[factor] for factor, signs in TRIALS if line[f"sign{factor}"] == signs[1]))
        if len(rows) > 1:
            rows.append(Row(standing(brought, last), "working"))
        rows.append(Row(standing(taken, last), "working", f"{line['quotient']} * {b.digits}"))
        wide = standing(max(brought, taken, key=len), last)
        rows.append(rule(len(wide.strip()), len(wide) - len(wide.strip())))
    if lines[-1]["last"]:
        rest = str(number(lines[-1]["rest"] or lines[-1]["brought"]))
        rows.append(Row(standing(rest, last), "working", "remainder"))
    quotient = "0" * zeros + "".join(line["quotient"] for line in lines)
    ones = min(point - 1, len(quotient) - 1)
    above = quotient[:ones].lstrip("0") + quotient[ones:]
    head = rows[0].text
    return [Row(standing(above, len(quotient) - 1), "working"), rule(len(head) - indent, indent), *rows]
