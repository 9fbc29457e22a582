"""Workings: every page is valid, every change of one is found, and drawings are schoolbook columns."""

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks import Row, Task, drawn, make
from tasks.core.scratchpad import number

ARITH = make("arith")
numbers = st.integers(1, 30).flatmap(lambda digits: st.integers(0, 10**digits - 1))
questions = st.builds(lambda a, sign, b: f"{a}{sign}{b}", numbers, st.sampled_from("+-*/"), numbers)


def page(question: str) -> str:
    """What should be written after the prompt."""
    pages = ARITH.pages(ARITH.problems([question]))
    return pages.texts()[0][int(pages.prompt[0]) : -1]


@given(questions)
def test_every_page_is_valid(question: str) -> None:
    assert ARITH.verify(question, page(question)) is None


@given(questions, st.data())
def test_every_change_of_one_character_is_found(question: str, data: st.DataObject) -> None:
    right = page(question)
    at = data.draw(st.integers(0, len(right) - 1))
    others = [char for char in ARITH.alphabet[:-1] if char != right[at]]
    wrong = right[:at] + data.draw(st.sampled_from(others)) + right[at + 1 :]
    assert ARITH.verify(question, wrong) is not None


@given(questions, st.data())
def test_a_page_cut_short_or_gone_on_with_is_found(question: str, data: st.DataObject) -> None:
    right = page(question)
    assert ARITH.verify(question, right[: data.draw(st.integers(0, len(right) - 1))]) is not None
    assert ARITH.verify(question, right + data.draw(st.text(ARITH.alphabet[:-1], min_size=1, max_size=3))) is not None


@given(questions, st.text(ARITH.alphabet[:-1], max_size=40), st.integers(0, 200))
def test_anything_can_be_checked_and_drawn(question: str, garbage: str, at: int) -> None:
    for written in (garbage, page(question)[:at] + garbage):
        ARITH.render(question, written)
        fault = ARITH.verify(question, written)
        assert fault is None or (fault.line >= 1 and "\n" not in str(fault))


@given(questions, st.sampled_from([4301, 9000]))
def test_a_number_without_end_is_no_working(question: str, n: int) -> None:
    for written in ("7" * n, page(question) + "0" * n, "1!10_" + "0" * n):
        assert ARITH.verify(question, written) is not None
        ARITH.render(question, written)
        if "+" not in question:
            assert ARITH.extract(written, question) is None


@pytest.mark.parametrize(
    ("question", "change", "said"),
    [
        ("123*45", lambda page: page.replace("5:5160", "5:5260"), "line 1: 5 * 123 is 615, not 625"),
        ("123*45", lambda page: page.replace("_53550", "_54550"), "line 2: 615 + 4920 is 5535, not 5545"),
        ("123*45", lambda page: page.replace("5:", "4:"), "line 1: the digit is 5, not 4"),
        ("123*45", lambda page: page.replace("!", ":"), "line 2: marked as one of more, wrongly"),
        ("7391/52", lambda page: page.replace("401'", "501'"), "line 1: 2 * 52 is 104, not 105"),
        ("7391/52", lambda page: page.replace("3|370", "3|380"), "line 3: 3 brought down to 7 is 73, not 83"),
        ("7391/52", lambda page: page.replace(">0142", ">0143"), "line 6: it ends with '0143r700', not with 0142 and 7"),
        ("7/0", lambda page: "5", "line 1: 7/0 is division by zero"),
        ("5-7", lambda page: "8~3", "line 1: 5-7 is -2, not -3"),
        ("5-7", lambda page: "8~20", "line 1: a number has not 1 places"),
    ],
)
def test_the_first_wrong_line_is_named(question: str, change: Callable[[str], str], said: str) -> None:
    assert str(ARITH.verify(question, change(page(question)))) == said


@pytest.mark.parametrize(
    ("question", "columns"),
    [
        ("123+4567", "   123\n+ 4567\n------\n  4690"),
        ("5-12", "   5\n- 12\n----\n  -7"),
        ("7*8", "  7\n* 8\n---\n 56"),
        ("123*45", "  123\n * 45\n-----\n  615   5 * 123\n 492    4 * 123\n-----\n 5535"),
        ("5/0", "0 ) 5\n    division by zero"),
    ],
)
def test_drawings(question: str, columns: str) -> None:
    assert drawn(ARITH.render(question, page(question))) == columns


def test_long_division_is_a_staircase() -> None:
    assert drawn(ARITH.render("7391/52", page("7391/52"))).splitlines() == [
        "      142 r 7",
        "     ----",
        "52 ) 7391",
        "     52     1 * 52",
        "     --",
        "     219",
        "     208    4 * 52",
        "     ---",
        "      111",
        "      104   2 * 52",
        "      ---",
        "        7   remainder",
    ]


@given(questions)
def test_a_drawing_ends_with_the_answer_in_natural_order(question: str) -> None:
    rows = ARITH.render(question, page(question))
    answers = [row.text.strip() for row in rows if row.kind == "answer"]
    assert answers == [ARITH.answer(question)]


@given(st.builds(lambda a, sign, b: f"{a}{sign}{b}", numbers, st.sampled_from("*/"), numbers))
def test_a_drawing_grows_with_the_page(question: str) -> None:
    written, shown = page(question), 0
    for end in range(0, len(written), max(1, len(written) // 5)):
        rows: list[Row] = ARITH.render(question, written[:end])
        assert len(rows) >= shown
        shown = len(rows)


@pytest.mark.parametrize("task", list(ARITH.subtasks.values()), ids=lambda task: task.name)
def test_parts_agree_with_the_mixture(task: Task) -> None:
    questions = task.questions(task.test(20, (3, 2), seed=0))
    written = [page(question) for question in questions]
    for question, text in zip(questions, written, strict=True):
        assert task.render(question, text) == ARITH.render(question, text)
        assert task.extract(text, question) == ARITH.extract(text, question)
    assert number("5160") == 615
