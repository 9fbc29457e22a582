"""Drawings of expressions for people."""

from __future__ import annotations

from fractions import Fraction

import pytest
from helpers.expressions import TASK, questions, written
from hypothesis import given

from tasks import drawn


@pytest.mark.parametrize(
    ("question", "columns"),
    [
        (
            "(12+34)*5-6/2",
            "(12+34)*5-6/2\n46*5-3          12+34 = 46, 6/2 = 3\n230-3           46*5 = 230\n227             230-3 = 227",
        ),
        ("2/3*3 to 2", "2/3*3\n0.666666*3   2/3 = 0.666666\n1.999998     0.666666*3 = 1.999998\n2            to 2 decimals"),
        ("1/(2-2)", "1/(2-2)\n1/0       2-2 = 0\ndivision by zero"),
        ("7", "7\n7"),
        (
            "-7.5/1.2 to 1",
            "-7.5/1.2\n6.25\n-----\n12 ) 75.00\n72 6 * 12\n--\n3.0\n2.4 2 * 12\n---\n.60\n.60 5 * 12\n---\n"
            "0 remainder\n-6.3 to 1 decimals",
        ),
        ("0.1/4 to 3", "0.1/4\n0.025\n-----\n4 ) 0.100\n8 2 * 4\n---\n20\n20 5 * 4\n--\n0 remainder\n0.025"),
    ],
)
def test_drawings(question: str, columns: str) -> None:
    plain = "\n".join(
        f"{row.text:<{len(columns.splitlines()[0])}}   {row.note}".rstrip() for row in TASK.render(question, written(question))
    )
    assert [line.split() for line in plain.splitlines()] == [line.split() for line in columns.splitlines()]
    assert drawn(TASK.render(question, written(question))).splitlines()[0] == question.partition(" to ")[0]


@pytest.mark.parametrize("question", ["7391/52 to 3", "0.05/3 to 4", "5/0.004", "1/8", "12.25/0.7 to 2", "99999/3"])
def test_a_long_division_is_true_where_it_stands(question: str) -> None:
    """What is taken away and what is left make up the dividend, digit by digit in the columns where they stand."""
    rows = TASK.render(question, written(question))
    head = rows[3].text
    begins = head.index(") ") + 2
    ones = head.index(".") - 1 if "." in head else len(head) - 1

    def value(text: str) -> Fraction:
        digits = [(column, int(char)) for column, char in enumerate(text) if char.isdigit() and column >= begins]
        return sum((digit * Fraction(10) ** (ones - column + (column > ones)) for column, digit in digits), Fraction(0))

    taken = [value(row.text) for row in rows if "*" in row.note]
    left = value(next(row.text for row in rows if row.note == "remainder"))
    divisor = int(head.partition(" )")[0])
    assert len(taken) >= 2
    assert sum(taken) + left == value(head)
    assert value(rows[1].text) * divisor + left == value(head)


@given(questions)
def test_a_drawing_grows_with_the_page_and_ends_with_the_answer(question: str) -> None:
    text, shown = written(question), 0
    for end in range(0, len(text), max(1, len(text) // 7)):
        rows = TASK.render(question, text[:end])
        complete = sum(row.kind != "answer" for row in rows)
        assert complete >= shown
        shown = complete
    assert TASK.render(question, text)[-1].text == TASK.extract(text, question)
