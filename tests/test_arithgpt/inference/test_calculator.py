"""The calculator: the model's own answers, each checked."""

import subprocess
import sys
from itertools import pairwise

import numpy as np
import pytest
import torch

from arithgpt.cli.shared.prompt import Prompt
from arithgpt.errors import UserError
from arithgpt.inference.calculator import Calculator
from arithgpt.inference.generate import Model
from arithgpt.run_folder import RunFolder, shipped_run
from tasks import QuestionError, Row


@pytest.mark.usefixtures("runs")
def test_it_answers_in_order_and_checks() -> None:
    answers = Calculator("small").answer_all(["12+34", "nonsense", " 5 + 6", "1,0+2", "99+1"])
    assert [getattr(answer, "answer", None) for answer in answers] == ["46", None, "11", None, "100"]
    assert [type(answer) is QuestionError for answer in answers] == [False, True, False, True, False]
    first = answers[0]
    assert (first.expression, first.correct, first.expected, first.working) == ("12+34", True, "46", "21+43=64")
    assert (first.run, first.beyond_training) == ("small", False)
    assert first.drawn == "  12\n+ 34\n----\n  46"


@pytest.mark.usefixtures("runs")
def test_it_never_replaces_a_wrong_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    load = RunFolder.load_model

    def damaged(self: RunFolder, device: str = "cpu") -> Model:
        model = load(self, "cpu")
        with torch.no_grad():
            model.head.weight.copy_(model.head.weight.roll(1, 0))
        return model

    monkeypatch.setattr(RunFolder, "load_model", damaged)
    answer = Calculator("small")("12+34")
    assert not answer.correct
    assert answer.expected == "46"
    assert answer.answer != "46"


@pytest.mark.usefixtures("runs")
def test_longer_than_trained_is_said() -> None:
    answer = Calculator("small")("12345+1")
    assert answer.beyond_training
    assert answer.expected == "12346"


@pytest.mark.usefixtures("runs")
def test_faults_are_marked() -> None:
    with pytest.raises(QuestionError) as caught:
        Calculator("small")("12+3x")
    assert caught.value.place == 4
    with pytest.raises(QuestionError, match=r"answers \+, not \*"):
        Calculator("small")("3*4")


def test_an_unknown_run_is_named() -> None:
    with pytest.raises(UserError, match="run 'nope': not found"):
        Calculator("nope")


def test_the_calculator_that_ships_answers_whole_expressions() -> None:
    known = {"123+456": "579", "12-99": "-87", "123*45": "5535", "1,234 × 5": "6170", "100 ÷ 10": "10", "7−9": "-2", "0*7": "0"}
    known |= {"7391/52": "142.1346153846", "7391/1": "7391", "5/0": "division by zero", "7/2": "3.5", "2/3": "0.6666666667"}
    known |= {"(12+34)*5-6/2": "227", "-3*(4-7)": "9", "3.5*2.25": "7.875", "7/3*6": "14", "1/(2-2)": "division by zero"}
    answers = Calculator().answer_all(list(known))
    assert [answer.answer for answer in answers] == list(known.values())
    assert all(answer.correct and answer.fault is None and not answer.beyond_training for answer in answers)
    assert {answer.run for answer in answers} == {"calculator"}
    assert [answer.expression for answer in answers if not answer.exact] == ["7391/52", "2/3"]


def test_a_remainder_can_be_asked_for() -> None:
    answers = Calculator().answer_all(["7391/52", "7391/1", "5/0"], remainder=True)
    assert [answer.answer for answer in answers] == ["142 r 7", "7391", "division by zero"]
    assert all(answer.correct and answer.fault is None for answer in answers)


def test_it_is_what_the_package_offers_and_brings_no_torch() -> None:
    code = "import sys; from arithgpt import Calculator; print(Calculator()('123*45').answer, 'torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "5535 False\n"


def test_numpy_and_torch_write_the_same_pages() -> None:
    task = Calculator().task
    questions = task.questions(task.sample(np.random.default_rng(0), 12))
    on_numpy, on_torch = (Calculator(device=device).answer_all(questions) for device in ("numpy", "cpu"))
    assert on_numpy == on_torch


def test_watching_ends_with_the_same_answer() -> None:
    calculator = Calculator(device="numpy")
    for question in ("123*45", "7391/52", "5-7", "12+34", "5/0"):
        shown: list[list[Row]] = []
        answer = calculator.watch(question, shown.append)
        assert answer == calculator(question)
        assert all(before != after for before, after in pairwise(shown))
    assert len(shown) >= 1


def test_the_shipped_weights_are_small() -> None:
    run = shipped_run()
    assert run.load_model("numpy").n_params <= 1_000_000
    assert (run.path / "weights.safetensors").stat().st_size <= 4_000_000
    assert run.is_shipped


class TestPrompt:
    """The prompt obeys, answers, and remembers the last answer."""

    @pytest.fixture
    def prompt(self) -> Prompt:
        return Prompt(Calculator(device="numpy"), working=False)

    def test_the_last_answer_can_be_used(self, prompt: Prompt, capsys: pytest.CaptureFixture[str]) -> None:
        for line in ("12+30", " _ * 2", "", "_-100", "_+1"):
            prompt.handle(line.strip())
        said = "12+30 = 42  right\n42*2 = 84  right\n84-100 = -16  right\n(-16)+1 = -15  right\n"
        assert capsys.readouterr().out == said

    @pytest.mark.usefixtures("runs")
    def test_a_run_of_natural_numbers_takes_no_other_last_answer(self, prompt: Prompt) -> None:
        prompt.handle("1/4")
        prompt.handle(":run small")
        with pytest.raises(QuestionError, match=r"0\.25 is no natural number"):
            prompt.handle("_+1")

    def test_without_an_answer_there_is_no_last_one(self, prompt: Prompt) -> None:
        with pytest.raises(QuestionError, match="there is none yet") as caught:
            prompt.handle("1+_")
        assert caught.value.place == 2

    def test_working_is_drawn_on_demand(self, prompt: Prompt, capsys: pytest.CaptureFixture[str]) -> None:
        for line in (":working on", "12*34", ":working off", "2*3"):
            prompt.handle(line)
        drawn = "  12\n* 34\n----\n  48   4 * 12\n 36    3 * 12\n----\n 408\n\n"
        assert capsys.readouterr().out == drawn + "12*34 = 408  right\n2*3 = 6  right\n"

    @pytest.mark.usefixtures("runs")
    def test_another_run_can_be_asked(self, prompt: Prompt, capsys: pytest.CaptureFixture[str]) -> None:
        prompt.handle(":run small")
        prompt.handle("12+34")
        with pytest.raises(QuestionError, match=r"answers \+"):
            prompt.handle("3*4")
        prompt.handle(":run calculator")
        prompt.handle("3*4")
        assert capsys.readouterr().out == "12+34 = 46  right\n3*4 = 12  right\n"

    @pytest.mark.parametrize(
        ("line", "said"),
        [
            (":nope", "there are: :working, :run, :help, :quit"),
            (":working", "must be on or off"),
            (":working maybe", ":working maybe: must be on or off"),
            (":run", "must be followed by the name"),
            (":run nope", "run 'nope': not found"),
        ],
    )
    def test_what_it_cannot_obey_is_one_line(self, prompt: Prompt, line: str, said: str) -> None:
        with pytest.raises(UserError, match=said):
            prompt.handle(line)

    def test_it_quits(self, prompt: Prompt) -> None:
        with pytest.raises(EOFError):
            prompt.handle(":quit")
