"""Faults in pages of expressions are found, in the row where they are."""

from __future__ import annotations

import pytest
from helpers.expressions import TASK, questions, written
from hypothesis import given
from hypothesis import strategies as st


@given(questions, st.data())
def test_every_change_is_found(question: str, data: st.DataObject) -> None:
    right = written(question)
    at, char = data.draw(st.integers(0, len(right))), data.draw(st.sampled_from(TASK.alphabet[:-1]))
    for wrong in (right[:at] + char + right[at + 1 :], right[:at] + char + right[at:], right[:at] + right[at + 1 :]):
        fault = TASK.verify(question, wrong)
        assert (fault is None) == (wrong == right)
        assert fault is None or (fault.line >= 1 and fault.why and "\n" not in str(fault))


@given(questions, st.text(TASK.alphabet[:-1], max_size=60), st.integers(0, 400))
def test_anything_can_be_checked_read_and_drawn(question: str, garbage: str, at: int) -> None:
    for text in (garbage, written(question)[:at] + garbage, written(question) + "0" * 4400):
        TASK.render(question, text)
        TASK.extract(text, question)
        assert TASK.verify(question, text) is not None or text == written(question)


@pytest.mark.parametrize(
    ("question", "old", "new", "said"),
    [
        ("3+4*5 to 0", "3+{*5!02_^02", "3+{*5!12_^12", "line 1: in 4*5: 5 * 4 is 20, not 21"),
        ("3+4*5 to 0", "_^02", "_^12", "line 1: in 4*5: 0 + 20 is 20, not 21"),
        ("3+4*5 to 0", "3+{", "4+{", "line 1: 3+ stays as it is, written '3+', not '4+'"),
        ("3+4*5 to 0", "{+32", "{+33", "line 2: in 3+20: 3 + 20 is 23, not 33"),
        ("3+4*5 to 0", "}32", "}33", "line 2: 3+20 is 23, written '32', not '33'"),
        ("3+4*5 to 0", "{+", "{-", "line 2: in 3+20: the sizes are added"),
        ("0.5*3 to 0", "_.^51", "_^.51", "line 1: in 0.5*3: 1 and 0 places after the points, not 0 and 1"),
        ("0.5-0.75 to 0", "{-..57", "{-..67", "line 1: in 0.5-0.75: 50 - 75 is 75 modulo 10^2, not 76"),
        ("0.5-0.75 to 0", "~..52", "~..62", "line 1: in 0.5-0.75: its size is 25 in 2 places, not 26"),
        ("0.5-0.75 to 0", "~..52", "", "line 1: in 0.5-0.75: the difference is below zero"),
        ("0.5-0.75 to 0", "}..52n", "}..52", "line 1: 0.5-0.75 is -0.25, written '..52n', not '..52'"),
        ("5-5.0 to 0", "{-.00\\x", "{-.00\\", "line 1: in 5-5.0: 1 zeros are crossed out, not 0"),
        ("1/8 to 0", "/61'", "/71'", "line 1: in 1/8: 2 * 8 is 16, not 17"),
        ("1/8 to 0", "&1\\", "&2\\", "line 1: in 1/8: the dividend is written '1\\\\', not '2\\\\'"),
        ("1/8 to 0", "0|01(", "0|02(", "line 1: in 1/8: 0 brought down to 1 is 10, not 20"),
        ("1/8 to 0", "c20D", "c20d", "line 1: in 1/8: 10 - 1 * 8 = 2 is not negative"),
        ("1/8 to 0", "D20#", "D30#", "line 1: in 1/8: what is left is 2, not 3"),
        ("1/8 to 0", "#1;", "#2;", "line 1: in 1/8: the quotient's digit is 1, not 2"),
        ("1/8 to 0", "#5>", "#5;", "line 1: in 1/8: the division ends after place -2"),
        ("1/8 to 0", ">...5210", ">...5211", "line 1: in 1/8: the quotient is written '...5210', not '...5211'"),
        ("(7) to 0", "%", "", "line 1: 7 stands alone in its parentheses, written '%7', not '7'"),
        ("1/0 to 0", "{/?", "{/", "line 1: 1/0 is a division by zero, found '{/'"),
    ],
)
def test_the_first_wrong_row_is_named(question: str, old: str, new: str, said: str) -> None:
    right = written(question)
    assert old in right
    assert str(TASK.verify(question, right.replace(old, new, 1))) == said
