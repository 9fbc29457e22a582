"""The expressions that are sampled, and the options of the task."""

from __future__ import annotations

import re

import numpy as np
import pytest
from helpers.expressions import TASK, written

from tasks import sizes
from tasks.expression.parser import Question
from tasks.expression.task import Expression


def test_nearly_all_random_pages_come_to_the_exact_answer() -> None:
    """Those that do not are not drawn: some 17 in 1,000 of 1 to 4 operators on 1 to 4 digits, 3 of 1 to 3 on 1 or 2."""
    for task, least in ((Expression(), 0.98), (Expression(digits="1-2", operators="1-3"), 0.995)):
        rng = np.random.default_rng(0)
        operators, levels = sizes.sample(task.size_ranges, rng, 3000)
        every = task.questions(task.sample_unchecked(rng, operators, levels))
        right = [task.extract(written(question), question) == task.answer(question) for question in every]
        assert np.mean(right) >= least


def test_whether_an_answer_is_rounded_is_known() -> None:
    assert not TASK.is_exact("1/3")
    assert not TASK.is_exact("1/8 to 2")
    assert all(TASK.is_exact(question) for question in ("1/8", "12+34", "0.5*3 to 1", "1/0", "1/3*3"))


def test_problems_have_the_operators_and_levels_of_their_cell() -> None:
    for suite in TASK.suites:
        for cell in ((1, 1), (1, 3), (5, 2), (3, 9), (60, 31)):
            asked = TASK.sample_suite(np.random.default_rng(0), 30, cell, suite)
            for question in TASK.questions(asked):
                text = question.partition(" to ")[0]
                depth = np.cumsum([(char == "(") - (char == ")") for char in text]).max()
                assert (len(re.findall(r"(?<=[0-9)])[-+*/]", text)), depth + 1) == cell
    with pytest.raises(ValueError, match="61x1: at most 60 operators"):
        TASK.sample_suite(np.random.default_rng(0), 1, (61, 1), "random")
    assert TASK.long_sizes == [(8, 3), (20, 3), (40, 3)]


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"operators": "1-61"}, "operators"),
        ({"operators": "1-4x2"}, "operators"),
        ({"operators": "x"}, "operators"),
        ({"levels": 0}, "levels"),
        ({"levels": 32}, "levels"),
        ({"digits": "0"}, "digits"),
        ({"digits": "1-400"}, "digits"),
        ({"places": "31"}, "places"),
        ({"places": "3-1"}, "places"),
        ({"places": "many"}, "places"),
        ({"places": "0-2,"}, "places"),
        ({"longest_page": 50}, "longest_page"),
        ({"single_share": 1.5}, "single_share"),
        ({"decimal_share": 1.5}, "decimal_share"),
    ],
)
def test_an_option_out_of_range_is_named(options: dict, said: str) -> None:
    with pytest.raises(ValueError, match=f"^{said} = "):
        Expression(**options)


def test_places_come_from_each_of_their_ranges() -> None:
    task = Expression(places="0-2,10")
    asked = [Question.parse(question).decimals for question in task.questions(task.sample(np.random.default_rng(0), 400))]
    assert set(asked) == {0, 1, 2, 10}
    assert 120 < asked.count(10) < 280


def test_no_page_in_training_is_longer_than_the_bound() -> None:
    free, bound = Expression(places="8"), Expression(places="8", longest_page=300)

    def longest(task: Expression) -> int:
        return int(task.pages(task.sample(np.random.default_rng(0), 200)).total.max())

    assert longest(free) > 600
    assert 250 < longest(bound) <= 300 + 1  # the stop is not counted


def test_every_number_of_the_suite_of_decimals_has_some() -> None:
    for question in TASK.questions(TASK.test(40, (3, 2), seed=0, suite="decimals")):
        text, shown = question.split(" to ")
        assert shown == "6"
        assert all(re.fullmatch(r"[0-9]{1,4}\.[0-9]{1,3}", number) for number in re.findall("[0-9.]+", text))


def test_single_numbers_are_trained_on_as_often_as_asked() -> None:
    def singles(task: Expression) -> int:
        operators, _ = task.sizes_of(task.sample(np.random.default_rng(0), 1000))
        return int((operators == 0).sum())

    assert singles(Expression(single_share=0)) == 0
    assert 60 < singles(Expression(single_share=0.1)) < 150
    bare = Expression().problems(["5", "((5))", "1+2"])
    assert Expression().in_range(bare).all()
    assert Expression(single_share=0).in_range(bare).tolist() == [False, False, True]
