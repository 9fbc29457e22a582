"""The calculator: the model's own answers, each checked."""

import numpy as np
import pytest

from arithgpt.calculator import Calculator
from arithgpt.errors import UserError
from arithgpt.model import GPT
from arithgpt.run import Run
from tasks import QuestionError


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
    load = Run.load_model

    def damaged(self: Run, device: str = "cpu") -> GPT:
        model = load(self, device)
        return GPT(model.config, model.alphabet, model.weights | {"head": model.weights["head"][np.roll(np.arange(13), 1)]})

    monkeypatch.setattr(Run, "load_model", damaged)
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
