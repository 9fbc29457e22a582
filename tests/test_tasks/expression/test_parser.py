"""Typed expressions: their plain form, or the place of the fault."""

from __future__ import annotations

import pytest
from helpers.expressions import TASK, written
from hypothesis import given
from hypothesis import strategies as st

from tasks import QuestionError
from tasks.expression.parser import MAX_OPERATORS


@pytest.mark.parametrize(
    ("typed", "place", "said"),
    [
        ("", 0, "empty"),
        ("(1+2", 4, "expected ')', found the end"),
        ("1+2)", 3, "no parenthesis is open"),
        ("()", 1, "nothing stands between"),
        ("1 2", 2, "expected an operator"),
        ("--3", 1, "one sign at a time"),
        ("5---3", 3, "one sign at a time"),
        ("5(3)", 1, "expected an operator"),
        ("(3)5", 3, "expected an operator"),
        ("(3)(5)", 3, "expected an operator"),
        ("1..2", 2, "expected an operator"),
        ("1.2.3", 3, "expected an operator"),
        ("1,23", 1, "expected an operator"),
        (".", 0, "expected a number"),
        ("2**3", 2, "one operator at a time"),
        ("*3", 0, "one operator at a time"),
        ("1+", 2, "expected a number, found the end"),
        ("__import__('os')", 0, "expected a number"),
        ("1+x", 2, "expected a number, found 'x'"),
        ("٣+1", 0, "expected a number"),
        ("1/3 to 31", 7, "at most 30"),
        ("1/3 to", 4, "expected an operator"),
        ("(1 to 3", 3, "expected ')', found 't'"),
        ("1/3 to 3 4", 4, "expected an operator"),
        ("1+0.12345 to 0", 2, "at most 4 are taken"),
        ("1" * 1500 + "+" + "2" * 501, 1501, "an expression of 2001 digits: at most 2000"),
        ("1+" * 61 + "1", 121, f"more than {MAX_OPERATORS} operators"),
        ("(" * 10_000 + "1" + ")" * 10_000, 30, "more than 30 deep"),
        ("-(" * 40, 61, "more than 30 deep"),
    ],
)
def test_what_is_no_expression_is_marked(typed: str, place: int, said: str) -> None:
    with pytest.raises(QuestionError) as caught:
        TASK.parse(typed)
    assert (caught.value.place, caught.value.text) == (place, typed)
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


@given(st.text("0123456789.,+-*/() to×÷−", max_size=20))
def test_any_text_is_taken_or_refused(typed: str) -> None:
    place = None
    try:
        question = TASK.parse(typed)
    except QuestionError as error:
        place = error.place
    if place is not None:
        assert 0 <= place <= len(typed)
        return
    assert TASK.parse(question) == question
    assert TASK.verify(question, written(question)) is None


@pytest.mark.parametrize(
    ("typed", "plain"),
    [
        (" 1,234.50 × −( .5 + 2. ) to 4", "1234.50*-(0.5+2) to 4"),
        ("1/3 rounded to 4 decimals", "1/3 to 4"),
        ("1/3 to 10", "1/3"),
        ("+(+3)", "(3)"),
        ("00012", "12"),
    ],
)
def test_plain_forms(typed: str, plain: str) -> None:
    assert TASK.parse(typed) == plain
