"""The calculator with runs that answer whole expressions; what they write is read off the tasks' own pages here."""

import pytest
from helpers.paths import TYPED_EXPRESSIONS

from arithgpt.cli.shared.prompt import Prompt
from arithgpt.config.recipe import Recipe
from arithgpt.errors import UserError
from arithgpt.inference.calculator import Calculator
from arithgpt.inference.gpt_solver import GPTSolver
from arithgpt.models import build_model
from arithgpt.run_folder import new_run
from eval.solvers.reference import ExactSolver
from tasks import QuestionError

MODEL = {"n_layer": 1, "n_head": 2, "n_embd": 16, "positions": "expression_page"}
TYPED = [line.rpartition(" = ")[::2] for line in TYPED_EXPRESSIONS.read_text("utf-8").splitlines()]


@pytest.fixture(params=["expr", "arith"])
def calculator(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Calculator:
    """Over a run whose answers are exact, so that only what stands around the model is tried."""
    task = {"name": request.param} | ({"weights": [1, 1, 1, 1, 1]} if request.param == "arith" else {})
    recipe = Recipe.from_dict({"task": task, "model": MODEL}, "test")
    run = new_run("exact", recipe)
    alphabet = recipe.problems.alphabet
    model = build_model(recipe.model, alphabet, seed=0)
    solver = GPTSolver("exact", model, recipe.problems)
    monkeypatch.setattr(GPTSolver, "of", lambda *_: solver)
    monkeypatch.setattr(
        GPTSolver, "answer", lambda _, groups: [ExactSolver().solve(group.task, group.problems) for group in groups]
    )
    monkeypatch.setattr("arithgpt.inference.calculator.find_run", lambda _: run)
    return Calculator("exact")


def test_what_people_type_is_answered(calculator: Calculator) -> None:
    answers = calculator.answer_all([typed for typed, _ in TYPED])
    assert [answer.answer for answer in answers] == [expected for _, expected in TYPED]
    assert all(answer.correct and answer.fault is None for answer in answers)


def test_decimals_are_rounded_as_asked(calculator: Calculator) -> None:
    assert calculator("2/3").answer == "0.6666666667"
    assert calculator("2/3", decimals=3).answer == "0.667"
    assert calculator("7/2", decimals=0).answer == "4"
    assert calculator("2/3 to 2").answer == "0.67"
    assert str(calculator("1/3")) == "1/3 ≈ 0.3333333333  right"
    assert str(calculator("7/2")) == "7/2 = 3.5  right"
    assert (calculator("7/3*6").answer, calculator("7/3*6").exact) == ("14", True)


def test_a_remainder_is_had_where_division_was_trained(calculator: Calculator) -> None:
    if "div" in calculator.task.subtasks:
        assert calculator("7/2", remainder=True).answer == "3 r 1"
        with pytest.raises(QuestionError, match="answers /, not"):
            calculator("7+2", remainder=True)
    else:
        with pytest.raises(UserError, match="remainder = True: run exact was trained on expr, not on div"):
            calculator("7/2", remainder=True)


@pytest.mark.parametrize("decimals", [-1, 31])
def test_the_decimals_have_a_bound(calculator: Calculator, decimals: int) -> None:
    with pytest.raises(UserError, match=f"decimals = {decimals}: must be a whole number from 0 to 30"):
        calculator("1/3", decimals=decimals)


@pytest.mark.parametrize("typed", ["(1+2", "1+2)", "()", "1 2", "--3", "5(3)", "__import__('os')", "(" * 10_000, "1/", "1..2"])
@pytest.mark.parametrize("decimals", [None, 3])
def test_a_fault_is_marked_in_what_was_typed(calculator: Calculator, typed: str, decimals: int | None) -> None:
    with pytest.raises(QuestionError) as caught:
        calculator(typed, decimals=decimals)
    assert caught.value.text == typed
    assert 0 <= caught.value.place <= len(typed)


@pytest.mark.parametrize("typed", ["1/0", "1/(2-2)", "3*(4/(1-1))"])
def test_division_by_zero_is_said(calculator: Calculator, typed: str) -> None:
    answer = calculator(typed)
    assert (answer.answer, answer.correct, answer.by_zero) == ("division by zero", True, True)


def test_the_last_answer_may_have_a_sign_and_a_point(calculator: Calculator, capsys: pytest.CaptureFixture[str]) -> None:
    prompt = Prompt(calculator, working=False)
    for line in ("1-3.5", "_*2", "2/3", "_+_"):
        prompt.handle(line)
    assert capsys.readouterr().out.splitlines() == [
        "1-3.5 = -2.5  right",
        "(-2.5)*2 = -5  right",
        "2/3 ≈ 0.6666666667  right",
        "0.6666666667+0.6666666667 = 1.3333333334  right",
    ]


@pytest.mark.usefixtures("runs")
def test_decimals_need_a_run_that_has_them() -> None:
    with pytest.raises(UserError, match="decimals = 3: run small was trained on add, not on expr"):
        Calculator("small")("1/3", decimals=3)


@pytest.mark.parametrize("every", [pytest.param(1, marks=pytest.mark.slow), 5])
def test_the_calculator_that_ships_answers_what_people_type(every: int) -> None:
    """99 in 100 at least; the rest is marked wrong, and never replaced."""
    asked = TYPED[::every]
    answers = Calculator(device="cpu").answer_all([typed for typed, _ in asked])
    given = [(typed, answer.answer) for (typed, _), answer in zip(asked, answers, strict=True)]
    wrong = [pair for pair, answer in zip(given, answers, strict=True) if not answer.correct]
    assert len(wrong) <= len(asked) // 100, wrong
    assert [answer.correct for answer in answers] == [pair in set(asked) for pair in given]
